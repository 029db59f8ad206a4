package chart

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/manifest"
)

// change is one that an upgrade from the existing chart makes, and why.
type change struct{ line, why string }

// changes are what an upgrade from the existing chart changes beside the image and the labels of versions.
var changes = []change{
	{`^~ Deployment .*\.image: `, "the image is another one"},
	{`^~ .* metadata\.labels\.(app\.kubernetes\.io/version|helm\.sh/chart): `, "so is the chart"},
	{`^~ Deployment .*\.args\.--webhook-(cert-secret|configurations): none -> `,
		"the controller issues the certificate of the webhooks"},
	{`^~ Deployment .*\.(volumes|volumeMounts)(\.cert)?: .* -> none$`, "it is not mounted"},
	{`^- Secret aws-load-balancer-tls$`, "it is in a Secret of the controller's"},
	{`^~ \w+WebhookConfiguration .*\.clientConfig\.caBundle: .* -> none$`, "the controller publishes its authority"},
	{`^~ Deployment .*\.terminationGracePeriodSeconds: 10 -> 30$`, "calls to AWS are finished"},
	{`^~ Deployment .*\.lifecycle: none -> `, "API servers notice the end of a pod"},
	{`^~ \w+WebhookConfiguration .*\.timeoutSeconds: (none|10) -> 5$`,
		"requests wait for 5 seconds at most; 10 is what API servers fill in"},
	{`^~ ValidatingWebhookConfiguration .*\.failurePolicy: "Fail" -> "Ignore"$`, "an outage stops no deployment"},
	{`^~ MutatingWebhookConfiguration .*\.mtargetgroupbinding\S*\.failurePolicy: "Fail" -> "Ignore"$`,
		"an outage stops no deployment"},
	{`^~ MutatingWebhookConfiguration .*\.mservice\S*\.matchConditions: none -> `,
		"only Services without a class wait for the controller"},
	{`^~ MutatingWebhookConfiguration .*\.alb-target-control\S*\.elbv2\.k8s\.aws: .* -> none$`,
		"there is no webhook of what is not served"},
	{`^~ MutatingWebhookConfiguration .*\.quicid\S*\.matchConditions: none -> `,
		"only pods that serve QUIC wait for the controller"},
	{`^~ MutatingWebhookConfiguration .*\.drain\.mpod\.elbv2\.k8s\.aws: none -> `,
		"pods of namespaces that ask for it get a pause before their end"},
	{`^~ ValidatingWebhookConfiguration .*\.v\w+tags\.\w+\.k8s\.aws: none -> `,
		"tags that say whose a resource is are refused"},
	{`^\+ ClusterRole aws-load-balancer-controller-lbc-reader`, "people and pipelines that call lbc have a role"},
	{`^\+ PodDisruptionBudget aws-load-balancer-controller`, "a drain of nodes leaves a pod"},
	{`^~ Deployment .*\.topologySpreadConstraints: none -> `, "a zone that fails leaves a pod"},
	{`^~ Deployment .*\.resources(\.requests: none -> \{|: none -> \{"requests":)`,
		"a node under pressure does not end the controller first"},
	{`^~ Deployment .*\.securityContext(\.seccompProfile|\.capabilities)?: `,
		"pods pass the Pod Security Standard restricted"},
	{`^~ (ClusterRole|Role) \S+ rules: `, "rights are those of this controller"},
}

// TestAnUpgradeFromTheExistingChartChangesNamedFieldsOnly compares with testdata/existing.yaml, which is written down
// from a description of that chart.
func TestAnUpgradeFromTheExistingChartChangesNamedFieldsOnly(t *testing.T) {
	t.Parallel()
	existing := must(manifest.Parse("existing.yaml", must(os.ReadFile("testdata/existing.yaml"))))
	r := render(t, load(t), base(), Release{Upgrade: true})
	matched := make([]bool, len(changes))
	for _, line := range differences(existing, r.Objects) {
		named := false
		for i, c := range changes {
			if regexp.MustCompile(c.line).MatchString(line) {
				named, matched[i] = true, true
			}
		}
		if !named {
			t.Errorf("an upgrade changes %s", line)
		}
		if strings.HasPrefix(line, "~") && strings.Contains(line, "selector") || strings.Contains(line, "roleRef") {
			t.Errorf("an upgrade changes a field that cannot change: %s", line)
		}
	}
	for i, c := range changes {
		if !matched[i] {
			t.Errorf("nothing changes like %s: take it from the list", c.line)
		}
	}
}

// TestAnUpgradeWithFilesKeepsSecretAndVolume: with a certificate in files, the Secret and the volume stay.
func TestAnUpgradeWithFilesKeepsSecretAndVolume(t *testing.T) {
	t.Parallel()
	existing := must(manifest.Parse("existing.yaml", must(os.ReadFile("testdata/existing.yaml"))))
	r := render(t, load(t), base(map[string]any{"webhookTLS": map[string]any{"caCert": certificate, "cert": certificate,
		"key": privateKey}}), Release{Upgrade: true})
	for _, line := range differences(existing, r.Objects) {
		if strings.Contains(line, "volume") || strings.HasPrefix(line, "- Secret") || strings.Contains(line, ".args.") {
			t.Errorf("an upgrade changes %s", line)
		}
	}
}
