// Package helm runs Helm's own command line beside a controller that the playground installed from the chart: it
// upgrades the release, rolls it back, uninstalls and installs it. "make companions" builds and runs it, as the other
// programs of package companions. It has a playground of its own, because its controller is a release.
package helm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/environment"
	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// directoryVariable names the directory of the programs.
const directoryVariable = "LBC_COMPANIONS"

const (
	name = "aws-load-balancer-controller"
	ns   = "upgraded"
)

// suite is a test suite that upgrades the release.
type suite struct {
	*harness.Cluster
	home string
	made int // Ingresses
}

// start returns a playground as "playground up --from chart" starts it. It skips a test that "make companions" does not
// run.
func start(t *testing.T) *suite {
	t.Helper()
	if os.Getenv(directoryVariable) == "" {
		t.Skip("run \"make companions\"")
	}
	return &suite{Cluster: harness.Start(t, harness.Options{Release: &environment.Release{}}), home: t.TempDir()}
}

// try runs Helm for the release and returns what it printed.
func (s *suite) try(t *testing.T, command string, args ...string) (string, error) {
	t.Helper()
	all := append(strings.Fields(command), "-n", "kube-system")
	cmd := exec.CommandContext(t.Context(), filepath.Join(os.Getenv(directoryVariable), "helm"), append(all, args...)...)
	cmd.Env, cmd.Dir = append(s.Environ(), "HOME="+s.home), string(s.Repo)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// helm runs Helm, which must succeed.
func (s *suite) helm(t *testing.T, command string, args ...string) string {
	t.Helper()
	out, err := s.try(t, command, args...)
	if err != nil {
		t.Fatalf("helm %s %q: %v\n%s", command, args, err, out)
	}
	return out
}

// upgrade upgrades the release to the chart of the repository with further values, and waits for its pods.
func (s *suite) upgrade(t *testing.T, args ...string) {
	t.Helper()
	s.helm(t, "upgrade "+name+" charts/"+name+" --reuse-values", args...)
	s.rolledOut(t)
}

// rolledOut waits until the pods of the release are those of its Deployment.
func (s *suite) rolledOut(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
	defer cancel()
	if err := s.Env.WaitController(ctx); err != nil {
		t.Fatal(err)
	}
}

// revision is one of "helm history".
type revision struct {
	Revision            int
	Status, Description string
}

// expectRevisions compares the revisions and their status with a list such as "superseded deployed".
func (s *suite) expectRevisions(t *testing.T, want ...string) {
	t.Helper()
	var all []revision
	text := s.helm(t, "history "+name+" -o json")
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var got []string
	for i, r := range all {
		if r.Revision != i+1 {
			t.Errorf("revision %d is at %d", r.Revision, i+1)
		}
		got = append(got, r.Status)
	}
	if !slices.Equal(got, want) {
		t.Errorf("revisions %q, want %q", got, want)
	}
}

// deployed returns the number of replicas and the arguments of the only Deployment of the release.
func (s *suite) deployed(t *testing.T) (replicas int, args []string) {
	t.Helper()
	all, err := s.Client.AppsV1().Deployments("kube-system").List(t.Context(), metav1.ListOptions{
		LabelSelector: "app.kubernetes.io/instance=" + name})
	if err != nil || len(all.Items) != 1 {
		t.Fatalf("%d Deployments, %v", len(all.Items), err)
	}
	spec := all.Items[0].Spec
	return int(*spec.Replicas), spec.Template.Spec.Containers[0].Args
}

// expectServed shows that the first Ingress is served, a new one is reconciled, and the webhooks answer: that of
// Services, which fails closed, and one that refuses.
func (s *suite) expectServed(t *testing.T, address string) {
	t.Helper()
	s.WaitGet(t, "http://"+address+"/", "", 200, "web")
	s.made++
	next := fmt.Sprintf("web-%d", s.made)
	s.Apply(t, scene.Ingress(ns, next, "alb", scene.Annotations{"scheme": "internet-facing", "target-type": "ip"},
		scene.Path{Path: "/", Service: "web"}))
	s.WaitGet(t, "http://"+s.IngressAddress(t, ns, next)+"/", "", 200, "web")
	s.Kubectl(t, "delete", "ingress", "-n", ns, next, "--timeout="+harness.Timeout.String())

	s.Apply(t, "apiVersion: v1\nkind: Service\nmetadata: {name: hooked, namespace: "+ns+"}\nspec: {type: LoadBalancer, "+
		"ports: [{port: 80}], selector: {app: none}}\n")
	if class := s.Kubectl(t, "get", "service", "-n", ns, "hooked", "-o", "jsonpath={.spec.loadBalancerClass}"); class !=
		"service.k8s.aws/nlb" {
		t.Errorf("the Service has class %q", class)
	}
	s.Kubectl(t, "delete", "service", "-n", ns, "hooked", "--timeout="+harness.Timeout.String())
	refused := s.ApplyRefused(t, "apiVersion: elbv2.k8s.aws/v1beta1\nkind: IngressClassParams\nmetadata: {name: "+
		"hooked}\nspec: {inboundCIDRs: [10.0.0.1/8]}\n")
	if !strings.Contains(refused, "vingressclassparams.elbv2.k8s.aws") {
		t.Errorf("refused: %s", refused)
	}
	for _, c := range s.webhooks(t) {
		if c.Service == nil || c.URL != nil || len(c.CABundle) == 0 {
			t.Errorf("a webhook is called by %v or %v, with an authority of %d bytes", c.Service, c.URL, len(c.CABundle))
		}
	}
}

// webhooks are how API servers call the mutating webhooks.
func (s *suite) webhooks(t *testing.T) (out []admissionregistrationv1.WebhookClientConfig) {
	t.Helper()
	all, err := s.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().List(t.Context(), metav1.ListOptions{
		LabelSelector: "app.kubernetes.io/instance=" + name})
	if err != nil || len(all.Items) != 1 {
		t.Fatalf("%d configurations, %v", len(all.Items), err)
	}
	for _, w := range all.Items[0].Webhooks {
		out = append(out, w.ClientConfig)
	}
	return out
}

// deploy creates a workload and its Ingress, and returns the address of the Ingress.
func (s *suite) deploy(t *testing.T) (address string) {
	t.Helper()
	s.Apply(t, scene.Namespace(ns, 2)+scene.Ingress(ns, "web", "alb", scene.Annotations{"scheme": "internet-facing",
		"target-type": "ip"}, scene.Path{Path: "/", Service: "web"}))
	address = s.IngressAddress(t, ns, "web")
	s.WaitGet(t, "http://"+address+"/", "", 200, "web")
	return address
}

// TestHelmUpgradesTheReleaseOfThePlayground shows that the real Helm finds the release of
// "playground up --from chart", and that its upgrades, rollbacks and installations roll out.
func TestHelmUpgradesTheReleaseOfThePlayground(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs the programs of make companions")
	}
	s := start(t)
	var releases []struct{ Name, Chart, Status, Revision string }
	if err := json.Unmarshal([]byte(s.helm(t, "list -o json")), &releases); err != nil {
		t.Fatal(err)
	}
	if len(releases) != 1 || releases[0].Name != name || releases[0].Status != "deployed" || releases[0].Revision != "1" ||
		!strings.HasPrefix(releases[0].Chart, name+"-") {
		t.Fatalf("releases %+v", releases)
	}
	if v := s.helm(t, "get values "+name); !strings.Contains(v, "clusterName: "+s.Simulator.Seed().Cluster.Name) ||
		strings.Contains(v, "pullPolicy") {
		t.Errorf("values:\n%s", v)
	}
	address := s.deploy(t)

	s.upgrade(t, "--set", "replicaCount=1", "--set", "logLevel=debug", "--wait")
	s.expectRevisions(t, "superseded", "deployed")
	if n, args := s.deployed(t); n != 1 || !slices.Contains(args, "--log-level=debug") {
		t.Errorf("%d replicas with %q", n, args)
	}
	s.expectServed(t, address)
	// as Helm 3 does, which knows no server-side apply
	for _, n := range []string{"2", "1"} {
		s.upgrade(t, "--set", "replicaCount="+n, "--server-side=false")
	}
	s.expectServed(t, address)
	// the Deployment, the Service of the webhooks and the service account get other names
	s.upgrade(t, "--set", "nameOverride=lbc")
	s.expectServed(t, address)
	// tests of this repository upgrade without Helm
	if err := s.Env.Upgrade(t.Context(), map[string]any{"replicaCount": 2}); err != nil {
		t.Fatal(err)
	}
	s.expectServed(t, address)

	s.helm(t, "rollback "+name+" 2")
	s.rolledOut(t)
	if n, args := s.deployed(t); n != 1 || !slices.Contains(args, "--log-level=debug") {
		t.Errorf("%d replicas with %q after a rollback", n, args)
	}
	s.helm(t, "upgrade --install "+name+" charts/"+name+" --reuse-values --set logLevel=info")
	s.rolledOut(t)
	s.expectServed(t, address)
	was := "superseded"
	s.expectRevisions(t, was, was, was, was, was, was, was, "deployed")
	s.again(t, address)
}

// again uninstalls the release, which leaves the definitions and what they define, and installs it.
func (s *suite) again(t *testing.T, address string) {
	t.Helper()
	values := filepath.Join(s.home, "values.yaml")
	if err := os.WriteFile(values, []byte(s.helm(t, "get values "+name+" -o yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	s.helm(t, "uninstall "+name+" --wait")
	s.WaitFor(t, "the end of the controller", func(context.Context) error {
		if n := s.Env.ControllerReplicas(); n > 0 {
			return fmt.Errorf("%d processes run", n)
		}
		return nil
	})
	if out := s.Kubectl(t, "get", "crd", "targetgroupbindings.elbv2.k8s.aws", "ingressclassparams.elbv2.k8s.aws", "-o",
		"name"); strings.Count(out, "customresourcedefinition") != 2 {
		t.Errorf("definitions: %s", out)
	}
	s.WaitGet(t, "http://"+address+"/", "", 200, "web")
	s.helm(t, "upgrade --install "+name+" charts/"+name, "-f", values)
	s.rolledOut(t)
	s.expectRevisions(t, "deployed")
	s.expectServed(t, address)
	s.Kubectl(t, "delete", "namespace", ns, "--timeout="+harness.Timeout.String())
	scene.WaitGone(t, s.Cluster, scene.Marks(ns)...)
}
