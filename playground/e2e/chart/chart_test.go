// Package chart shows the controller end to end as the Helm chart installs it: with the rights of its roles and no
// others, its arguments, two replicas of which one leads, and the certificate of the webhooks that the controller
// issues.
package chart

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k8s-lbc/lbc/playground/chart"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/environment"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/manifest"
)

func TestMain(m *testing.M) { harness.Main(m) }

// values are those of all tests, but for those that upgrade to others.
var values = map[string]any{"controllerConfig": map[string]any{"featureGates": map[string]any{
	"IngressPlanAnnotation": true}}}

// release is one for all tests.
var release = &environment.Release{Values: values}

func start(t *testing.T) *harness.Cluster {
	t.Helper()
	return harness.Start(t, harness.Options{Release: release})
}

// leaders are the metrics of the replicas that lead.
func leaders(ctx context.Context, c *harness.Cluster) (out []string, err error) {
	for _, url := range c.Env.ReplicaMetrics() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if l := lines.Text(); strings.HasPrefix(l, "leader_election_master_status") && strings.HasSuffix(l, " 1") {
				out = append(out, url)
			}
		}
		_ = resp.Body.Close()
		if err := lines.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// waitLeader waits until exactly one replica leads.
func waitLeader(t *testing.T, c *harness.Cluster) (leader string) {
	t.Helper()
	c.WaitFor(t, "a leader", func(ctx context.Context) error {
		all, err := leaders(ctx, c)
		if err != nil {
			return err
		}
		if len(all) != 1 {
			return fmt.Errorf("%d replicas lead", len(all))
		}
		leader = all[0]
		return nil
	})
	return leader
}

// TestWhatTheChartInstallsServesIngressesServicesAndGateways shows that the controller's pods, with
// the rights of the chart, serve an Ingress, a Service and a Gateway.
func TestWhatTheChartInstallsServesIngressesServicesAndGateways(t *testing.T) {
	c := start(t)
	for _, example := range []string{"game-2048.yaml", "nlb.yaml", "gateway.yaml"} {
		c.ApplyFile(t, c.Repo.Example(example))
	}
	c.WaitGet(t, "http://"+c.IngressAddress(t, "game-2048", "game")+"/", "", http.StatusOK, "game")
	for _, word := range strings.Fields(c.Kubectl(t, "get", "lb", "-A", "-o", "jsonpath={.items[*].metadata.namespace}")) {
		c.Kubectl(t, "wait", "--for=condition=Ready", "lb", "--all", "-n", word, "--timeout="+harness.Timeout.String())
	}
	if n := len(c.Env.ReplicaMetrics()); n != 2 {
		t.Errorf("%d replicas run", n)
	}
	waitLeader(t, c)
	// No right is missing: what is refused is logged or an event.
	for _, events := range []string{c.Kubectl(t, "get", "events", "-A", "--field-selector=type=Warning")} {
		if strings.Contains(events, "forbidden") {
			t.Errorf("a right is missing:\n%s", events)
		}
	}
	for _, example := range []string{"game-2048.yaml", "nlb.yaml", "gateway.yaml"} {
		c.Kubectl(t, "delete", "-f", c.Repo.Example(example), "--timeout="+harness.Timeout.String())
	}
	scene.WaitGone(t, c, "game-2048")
}

// TestTheWebhooksTrustTheCertificateThatTheControllerIssues shows that the API server trusts the
// webhooks of an installed chart by the certificate that the leader issues. The leader keeps it in
// the Secret of the chart, and no template has one.
func TestTheWebhooksTrustTheCertificateThatTheControllerIssues(t *testing.T) {
	c := start(t)
	s, err := c.Client.CoreV1().Secrets("kube-system").Get(t.Context(), "aws-load-balancer-webhook-tls",
		metav1.GetOptions{})
	if err != nil || len(s.Data["ca.crt"]) == 0 || len(s.Data["tls.key"]) == 0 {
		t.Fatalf("the Secret has %d entries: %v", len(s.Data), err)
	}
	c.Kubectl(t, "create", "namespace", "hooked")
	t.Cleanup(func() { c.Kubectl(t, "delete", "namespace", "hooked", "--wait=false") })
	// The webhook of Services fails closed, so that this succeeds only if it answers.
	c.Apply(t, "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: hooked}\nspec: {type: LoadBalancer, "+
		"ports: [{port: 80}], selector: {app: none}}\n")
	if class := c.Kubectl(t, "get", "service", "-n", "hooked", "web", "-o", "jsonpath={.spec.loadBalancerClass}"); class !=
		"service.k8s.aws/nlb" {
		t.Errorf("the Service has class %q", class)
	}
	refused := c.ApplyRefused(t, "apiVersion: elbv2.k8s.aws/v1beta1\nkind: IngressClassParams\nmetadata: {name: "+
		"hooked}\nspec: {inboundCIDRs: [10.0.0.1/8]}\n")
	if !strings.Contains(refused, "vingressclassparams.elbv2.k8s.aws") {
		t.Errorf("refused: %s", refused)
	}
	c.Kubectl(t, "delete", "service", "-n", "hooked", "web", "--timeout="+harness.Timeout.String())
}

// leaseDuration is how long a lease holds that its holder does not renew, as the controller sets it.
const leaseDuration = 15 * time.Second

// TestWebhooksAnswerWhileNoReplicaLeads shows that webhooks of an installed chart answer between
// the death of the leader and the election of the next.
func TestWebhooksAnswerWhileNoReplicaLeads(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a lease that nobody renews, of 15 seconds; " + "TestLeaderKilledDuringRolloutFailsNoRequest does in the core")
	}
	c := start(t)
	leader := waitLeader(t, c)
	before, _ := holder(t, c)
	if err := c.Env.KillReplica(leader); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	c.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: killed}\n---\napiVersion: v1\nkind: "+
		"Service\nmetadata: {name: web, namespace: killed}\nspec: {type: LoadBalancer, ports: [{port: 80}], selector: "+
		"{app: none}}\n")
	_, leads := awaitHolder(t, c, before)
	if other := waitLeader(t, c); other == leader {
		t.Error("the killed replica leads")
	}
	t.Logf("the other replica leads after %v", leads.Sub(killed))
	expectLeaseDuration(t, c)
	c.ServiceAddress(t, "killed", "web")
	c.Kubectl(t, "delete", "namespace", "killed", "--timeout="+harness.Timeout.String())
	c.RestartController(t)
	if n := len(c.Env.ReplicaMetrics()); n != 2 {
		t.Errorf("%d replicas run after a restart", n)
	}
	waitLeader(t, c)
}

// TestTheAPIServerAcceptsEachObjectOfTheChart shows that a real API server accepts each object that
// the chart renders with various values. Objects of kinds that other products define are left out.
func TestTheAPIServerAcceptsEachObjectOfTheChart(t *testing.T) {
	c := start(t)
	loaded, err := chart.Load(c.Repo.Chart())
	if err != nil {
		t.Fatal(err)
	}
	client, err := manifest.NewClient(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string]map[string]any{
		"defaults": {},
		"everything": {
			"replicaCount": 3, "podDisruptionBudget": map[string]any{"maxUnavailable": 1}, "networkPolicy": map[string]any{
				"enabled": true},
			"topologySpreadConstraints": []any{map[string]any{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
				"whenUnsatisfiable": "ScheduleAnyway"}},
			"env": map[string]any{"A": "b"}, "envSecretName": "aws", "hostNetwork": true,
			"dnsPolicy": "ClusterFirstWithHostNet", "priorityClassName": "",
			"controllerConfig":   map[string]any{"featureGates": map[string]any{"ALBTargetControlAgent": true}},
			"ingressClassParams": map[string]any{"create": true, "spec": map[string]any{"scheme": "internal"}},
			"ingressClassConfig": map[string]any{"default": true},
			"webhookConfig": map[string]any{"ingressValidationObjectSelector": map[string]any{
				"matchLabels": map[string]any{"a": "b"}}},
			"objectSelector": map[string]any{"matchExpressions": []any{map[string]any{"key": "a", "operator": "Exists"}},
				"matchLabels": map[string]any{"b": "c"}},
			"updateStrategy": map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{
				"maxUnavailable": 1}},
			"clusterSecretsPermissions": map[string]any{"allowAllSecrets": true},
		},
		"scaled": {"annotations": map[string]any{"a": "b"}, "autoscaling": map[string]any{
			"enabled": true, "minReplicas": 2, "autoscaleBehavior": map[string]any{
				"scaleDown": map[string]any{"stabilizationWindowSeconds": 600}},
		}},
		"watched": {"ingressClass": "", "metricsBindAddr": "0", "replicaCount": 1, "rbac": map[string]any{"create": true},
			"serviceAccount": map[string]any{"create": false}},
	} {
		// the names of the running release have other owners
		of["clusterName"], of["nameOverride"] = "demo-cluster", "another"
		r, err := loaded.Render(of, chart.Release{Name: "another", Namespace: "default"})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, o := range r.Objects {
			resource, err := client.Resource(o)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			_, err = resource.Apply(t.Context(), o.GetName(), o, metav1.ApplyOptions{FieldManager: "helm", Force: true,
				DryRun: []string{metav1.DryRunAll}})
			if err != nil {
				t.Errorf("%s: %s %s: %v", name, o.GetKind(), o.GetName(), err)
			}
		}
	}
}

// TestKeepTLSSecretGoesOnWithTheSecretOfTheExistingChart shows that keepTLSSecret reads the Secret
// of the existing chart from a live cluster, as helm upgrade does.
func TestKeepTLSSecretGoesOnWithTheSecretOfTheExistingChart(t *testing.T) {
	c := start(t)
	loaded, err := chart.Load(c.Repo.Chart())
	if err != nil {
		t.Fatal(err)
	}
	secrets := c.Client.CoreV1().Secrets("default")
	kept := map[string][]byte{"ca.crt": []byte("authority"), "tls.crt": []byte("certificate"), "tls.key": []byte("key")}
	_, err = secrets.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "aws-load-balancer-tls"},
		Type: corev1.SecretTypeTLS, Data: kept}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Kubectl(t, "delete", "secret", "-n", "default", "aws-load-balancer-tls") })
	r, err := loaded.Render(map[string]any{"clusterName": "demo-cluster", "keepTLSSecret": true}, chart.Release{
		Namespace: "default", Upgrade: true, Cluster: c.Config})
	if err != nil {
		t.Fatal(err)
	}
	secret := r.Object("Secret", "aws-load-balancer-tls")
	if secret == nil {
		t.Fatal("the Secret is not rendered, so that Helm would delete it")
	}
	for key, want := range kept {
		got, _, _ := unstructured.NestedString(secret.Object, "data", key)
		if got != base64.StdEncoding.EncodeToString(want) {
			t.Errorf("%s of the Secret is %q", key, got)
		}
	}
	if args := chart.Arguments(r.Object("Deployment", "aws-load-balancer-controller")); slices.ContainsFunc(args,
		func(a string) bool { return strings.HasPrefix(a, "--webhook-cert-secret") }) {
		t.Errorf("the controller issues a certificate all the same: %v", args)
	}
	if hooks, _, _ := unstructured.NestedSlice(r.Object("ValidatingWebhookConfiguration", "aws-load-balancer-webhook").
		Object, "webhooks"); !strings.Contains(jsonOf(t, hooks), `"caBundle":"`+base64.StdEncoding.EncodeToString(
		kept["ca.crt"])) {
		t.Error("the webhooks do not have its authority")
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
