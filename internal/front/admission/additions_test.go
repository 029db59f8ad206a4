package admission

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/kube/addition"
)

func tree(t *testing.T, text string) addition.Object {
	t.Helper()
	if text == "" {
		return nil
	}
	var o addition.Object
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestExistingFeaturesRefusesWhatAnEditAdds(t *testing.T) {
	t.Parallel()
	const (
		retained = "{kind: Ingress, metadata: {annotations: {alb.ingress.kubernetes.io/deletion-policy: Retain}}}"
		edited   = "{kind: Ingress, metadata: {annotations: {alb.ingress.kubernetes.io/deletion-policy: Retain, " +
			"alb.ingress.kubernetes.io/scheme: internal}}}"
		plain    = "{kind: Ingress, metadata: {annotations: {alb.ingress.kubernetes.io/scheme: internal}}}"
		frontend = "{kind: Gateway, spec: {gatewayClassName: CLASS, tls: {frontend: {default: {validation: {}}}}}}"
		checked  = "{kind: TargetGroupConfiguration, spec: {routeConfigurations: [{targetGroupProps: {}}, " +
			"{targetGroupProps: {healthCheckConfig: {healthCheckFrom: ReadinessProbe}}}]}}"
	)
	for name, tc := range map[string]struct{ old, object, field string }{
		"a creation":                  {"", retained, "metadata.annotations[alb.ingress.kubernetes.io/deletion-policy]"},
		"an edit that adds it":        {plain, edited, "metadata.annotations[alb.ingress.kubernetes.io/deletion-policy]"},
		"an edit beside it":           {retained, edited, ""},
		"an edit that removes it":     {edited, plain, ""},
		"an object without additions": {"", plain, ""},
		"a default value": {
			"", "{kind: Ingress, metadata: {annotations: {alb.ingress.kubernetes.io/deletion-policy: Delete}}}", ""},
		"from a default value": {
			"{kind: Ingress, metadata: {annotations: {alb.ingress.kubernetes.io/deletion-policy: Delete}}}", retained,
			"deletion-policy"},
		"a consent to one deletion": {
			"", "{kind: Ingress, metadata: {annotations: {alb.ingress.kubernetes.io/allow-deletion: 'true'}}}", ""},
		"an object that is deleted": {
			"", "{kind: Ingress, metadata: {deletionTimestamp: x, annotations: " +
				"{alb.ingress.kubernetes.io/deletion-policy: Retain}}}", ""},
		"a group of Services": {
			"", "{kind: Service, metadata: {annotations: {service.beta.kubernetes.io/aws-load-balancer-group-name: a}}}",
			"aws-load-balancer-group-name"},
		"a finalizer of the controller": {"", "{kind: Service, metadata: {finalizers: [group.service.k8s.aws/a]}}", ""},
		"shards": {"", "{kind: IngressClassParams, spec: {group: {name: a, shards: 3}}}",
			"spec.group.shards"},
		"one shard": {"", "{kind: IngressClassParams, spec: {group: {name: a, shards: 1}}}", ""},
		"an address of a Gateway": {
			"", "{kind: Gateway, spec: {gatewayClassName: ours, addresses: [{type: IPAddress, value: 198.51.100.11}]}}",
			"spec.addresses[0].value"},
		"any address of a Gateway": {
			"", "{kind: Gateway, spec: {gatewayClassName: ours, addresses: [{type: IPAddress}]}}", ""},
		"certificates that the definition of Gateways demands": {
			"", "{kind: Gateway, spec: {gatewayClassName: ours, listeners: [{tls: {certificateRefs: [{name: a}]}}]}}", ""},
		"a field in a list": {
			"", checked, "spec.routeConfigurations[1].targetGroupProps.healthCheckConfig.healthCheckFrom"},
		"a list in another order": {
			"{kind: TargetGroupConfiguration, spec: {routeConfigurations: [{targetGroupProps: {healthCheckConfig: " +
				"{healthCheckFrom: ReadinessProbe}}}]}}", checked, ""},
		"a class of either type": {"", "{kind: GatewayClass, spec: {controllerName: gateway.k8s.aws/auto}}",
			"spec.controllerName"},
		"a class of one type":        {"", "{kind: GatewayClass, spec: {controllerName: gateway.k8s.aws/alb}}", ""},
		"verified clients":           {"", strings.Replace(frontend, "CLASS", "ours", 1), "spec.tls.frontend"},
		"verified clients of others": {"", strings.Replace(frontend, "CLASS", "theirs", 1), ""},
		"rules that a user wants": {
			"{kind: Gateway, metadata: {annotations: {gateway.k8s.aws/rule-construction: compatible}}}",
			"{kind: Gateway, metadata: {annotations: {gateway.k8s.aws/rule-construction: standard}}}", "rule-construction"},
		"rules as the controller records": {
			"{kind: Gateway}", "{kind: Gateway, metadata: {annotations: {gateway.k8s.aws/rule-construction: standard}}, spec: " +
				"{gatewayClassName: ours}}", ""},
		"a namespace whose pods drain": {
			"", "{kind: Namespace, metadata: {labels: {elbv2.k8s.aws/pod-drain-inject: enabled}}}",
			"metadata.labels[elbv2.k8s.aws/pod-drain-inject]"},
		"an annotation that is no text": {"", "{kind: Ingress, metadata: {annotations: 7}}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ExistingFeatures(tree(t, tc.old), tree(t, tc.object), func(class string) bool { return class == "ours" })
			if (got.Denied != "") != (tc.field != "") || !strings.Contains(got.Denied, tc.field) {
				t.Errorf("denied %q, want field %q", got.Denied, tc.field)
			}
			if got.Denied != "" && (!strings.Contains(got.Denied, "--existing-features-only") || !strings.HasSuffix(got.Denied,
				"; remove it, or run this controller without --existing-features-only")) {
				t.Errorf("flag and way out are missing: %s", got.Denied)
			}
		})
	}
}
