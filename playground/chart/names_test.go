package chart

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// objectsOf lists "Kind name" of a rendering.
func objectsOf(r *Rendering) []string {
	var out []string
	for _, o := range r.Objects {
		out = append(out, o.GetKind()+" "+o.GetName())
	}
	slices.Sort(out)
	return out
}

// TestNamesAreThoseOfTheExistingChart covers names of releases and overrides; <full>, <name> and <prefix> stand for the
// names that are derived of them.
func TestNamesAreThoseOfTheExistingChart(t *testing.T) {
	t.Parallel()
	c := load(t)
	long := strings.Repeat("x", 70)
	for _, tc := range []struct{ release, values, full, name, prefix string }{
		{"aws-load-balancer-controller", ``, "aws-load-balancer-controller", "aws-load-balancer-controller",
			"aws-load-balancer"},
		{"lb", ``, "lb-aws-load-balancer-controller", "aws-load-balancer-controller", "aws-load-balancer"},
		{"shop-aws-load-balancer-controller", ``, "shop-aws-load-balancer-controller", "aws-load-balancer-controller",
			"aws-load-balancer"},
		{"lb", `nameOverride: balancer`, "lb-balancer", "balancer", "balancer"},
		{"lb", `nameOverride: my-controller`, "lb-my-controller", "my-controller", "my-controller"},
		{"lb", `fullnameOverride: balancer`, "balancer", "aws-load-balancer-controller", "aws-load-balancer"},
		{"lb", `nameOverride: ` + long, "lb-" + long[:60], long[:63], long[:42]},
		{"lb", `fullnameOverride: ` + long, long[:63], "aws-load-balancer-controller", "aws-load-balancer"},
		{"lb", `fullnameOverride: ` + long[:62] + "-y", long[:62], "aws-load-balancer-controller", "aws-load-balancer"},
	} {
		v := values(t, tc.values)
		v["clusterName"], v["enableCertManager"] = "demo-cluster", true
		v["serviceMonitor"], v["podDisruptionBudget"] = map[string]any{"enabled": true, "honorLabels": true}, map[string]any{
			"maxUnavailable": 1}
		v["prometheusRule"], v["grafanaDashboard"] = map[string]any{"enabled": true}, map[string]any{"enabled": true}
		r := render(t, c, v, Release{Name: tc.release, Namespace: "networking"})
		want := []string{
			"Certificate " + tc.prefix + "-root-cert", "Certificate " + tc.prefix + "-serving-cert", "ClusterRole " + tc.full +
				"-lbc-reader", "ClusterRole " + tc.full + "-role",
			"ClusterRoleBinding " + tc.full + "-rolebinding", "Deployment " + tc.full, "IngressClass alb",
			"IngressClassParams alb",
			"Issuer " + tc.prefix + "-root-issuer", "Issuer " + tc.prefix + "-selfsigned-issuer",
			"MutatingWebhookConfiguration " + tc.prefix + "-webhook",
			"PodDisruptionBudget " + tc.full, "PrometheusRule " + tc.full, "ConfigMap " + tc.full + "-dashboard", "Role " +
				tc.full + "-leader-election-role", "RoleBinding " + tc.full + "-leader-election-rolebinding",
			"Service " + tc.full, "Service " + tc.prefix + "-webhook-service", "ServiceAccount " + tc.full,
			"ServiceMonitor " + tc.full,
			"ValidatingWebhookConfiguration " + tc.prefix + "-webhook",
		}
		slices.Sort(want)
		if got := objectsOf(r); !slices.Equal(got, want) {
			t.Errorf("release %s, %s: objects\n%s\nwant\n%s", tc.release, tc.values, strings.Join(got, "\n"),
				strings.Join(want, "\n"))
			continue
		}
		selector := map[string]string{"app.kubernetes.io/name": tc.name, "app.kubernetes.io/instance": tc.release}
		d := r.Object("Deployment", tc.full)
		for _, at := range [][]string{{"spec", "selector", "matchLabels"}, {"spec", "template", "metadata", "labels"}} {
			if got, _, _ := unstructured.NestedStringMap(d.Object, at...); value(got) != value(selector) {
				t.Errorf("release %s, %s: %v of the Deployment is %v", tc.release, tc.values, at, got)
			}
		}
		if got, _, _ := unstructured.NestedStringMap(r.Object("Service", tc.prefix+"-webhook-service").Object, "spec",
			"selector"); value(got) != value(selector) {
			t.Errorf("release %s, %s: selector of the Service is %v", tc.release, tc.values, got)
		}
		if len(tc.full) < 50 {
			checkLabels(t, r, tc.name, tc.release)
		}
	}
}

// checkLabels wants the same labels of every object.
func checkLabels(t *testing.T, r *Rendering, name, release string) {
	t.Helper()
	for _, o := range r.Objects {
		labels := o.GetLabels()
		for key, want := range map[string]string{
			"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/name": name, "app.kubernetes.io/instance": release,
			"app.kubernetes.io/version": "v0.1.0", "helm.sh/chart": "aws-load-balancer-controller-0.1.0",
		} {
			if labels[key] != want {
				t.Errorf("%s %s: label %s is %q, want %q", o.GetKind(), o.GetName(), key, labels[key], want)
			}
		}
		if webhook := o.GetKind() == "Service" && strings.HasSuffix(o.GetName(), "-webhook-service"); (labels["prometheus.io/service-monitor"] == "false") != webhook ||
			(labels["app.kubernetes.io/component"] == "webhook") != webhook {
			t.Errorf("%s %s: labels %v", o.GetKind(), o.GetName(), labels)
		}
	}
}

// TestValuesOfOtherChartsRender: the values of a chart that contains this one, and --reuse-values with the values of
// the existing chart, which has none of ours, render, once the image is another one.
func TestValuesOfOtherChartsRender(t *testing.T) {
	t.Parallel()
	c := load(t)
	v := values(t, `
clusterName: demo-cluster
global: {region: us-west-2}
enabled: true
image: {repository: registry.example.com/aws-load-balancer-controller, tag: v0.1.0, pullPolicy: IfNotPresent}
networkPolicy: null
webhookCertificate: null
trustStore: null
extraArgs: null
preStopSleepSeconds: null
certManager: null
cluster: null
ingressClassParams: null
ingressClassConfig: null
serviceMonitor: null
prometheusRule: null
grafanaDashboard: null
serviceMutatorWebhookConfig: null
podMutatorWebhookConfig: null
webhookConfig: null
webhookTLS: null
objectSelector: null
controllerConfig: null
certManagement: null
certDiscovery: null
clusterSecretsPermissions: null
autoscaling: null
`)
	parse(t, "without ours", render(t, c, v, Release{Upgrade: true}))
	v["enableCertManager"] = true
	parse(t, "with cert-manager", render(t, c, v, Release{Upgrade: true}))
}
