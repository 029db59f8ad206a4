package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// between puts a proxy between lbc and the API server, and returns a kubeconfig for it. hang reports which paths get no
// answer; ahead is how far the clock of the API server seems to be ahead, and version which Kubernetes it seems to be.
func between(t *testing.T, c *harness.Cluster, ahead time.Duration, hang func(path string) bool, version ...string) (
	kubeconfig string) {
	t.Helper()
	transport, err := rest.TransportFor(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(c.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			r.Header.Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			return nil
		},
	}
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hang != nil && hang(r.URL.Path) {
			select {
			case <-r.Context().Done():
			case <-over:
			}
			return
		}
		if r.URL.Path == "/version" && len(version) > 0 {
			_, _ = w.Write([]byte(`{"gitVersion": "` + version[0] + `"}`))
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { close(over); server.Close() })
	return kubeconfigOf(t, server.URL)
}

func kubeconfigOf(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: \"" + server +
		"\"}}]\ncontexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1",
		Resource: "customresourcedefinitions"}
	roles = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}
)

// change changes an object without a namespace, and restores its spec or rules at the end of the test.
func change(t *testing.T, c *harness.Cluster, of schema.GroupVersionResource, name string,
	edit func(*unstructured.Unstructured)) {
	t.Helper()
	var before *unstructured.Unstructured
	write := func(edit func(*unstructured.Unstructured)) {
		c.WaitFor(t, "the change of "+name, func(ctx context.Context) error {
			o, err := c.Dynamic.Resource(of).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if before == nil {
				before = o.DeepCopy()
			}
			edit(o)
			_, err = c.Dynamic.Resource(of).Update(ctx, o, metav1.UpdateOptions{})
			return err
		})
	}
	write(edit)
	restore(t, c, func(ctx context.Context) error {
		o, err := c.Dynamic.Resource(of).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		before.SetResourceVersion(o.GetResourceVersion())
		before.SetUID(o.GetUID())
		_, err = c.Dynamic.Resource(of).Update(ctx, before, metav1.UpdateOptions{})
		return err
	})
}

// restore runs f at the end of the test until it succeeds.
func restore(t *testing.T, _ *harness.Cluster, f func(ctx context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), harness.Timeout)
		defer cancel()
		for {
			err := f(ctx)
			if err == nil {
				return
			}
			if ctx.Err() != nil {
				t.Errorf("restoring: %v", err)
				return
			}
		}
	})
}

// TestUnreachableAPIServerIsOneFinding shows that lbc doctor reports an unreachable API server once
// and still examines AWS.
func TestUnreachableAPIServerIsOneFinding(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	args := []string{"--kubeconfig", kubeconfigOf(t, "http://127.0.0.1:1"), "--aws-vpc-id", c.Simulator.Seed().VPC.ID}
	found(t, c, trouble{check: "unreadable", severity: "error", object: "api-server", evidence: "connection refused",
		args: args})
	r, _ := examine(t, c, nil, args...)
	if len(r.Findings) != 1 {
		t.Errorf("%v", r.Findings)
	}
	for _, x := range r.Checks {
		if want := map[string]string{"ingress-class-missing": "unchecked", "subnets-unusable": "passed"}[x.Check]; want !=
			"" && x.Status != want {
			t.Errorf("%v, want %s", x, want)
		}
	}
}

// TestASourceThatHangsIsAFindingAndOthersAreExamined shows that lbc doctor gives up one source that
// hangs, reports it, and examines the others.
func TestASourceThatHangsIsAFindingAndOthersAreExamined(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	kubeconfig := between(t, c, 0, func(path string) bool { return path == "/api/v1/nodes" })
	began := time.Now()
	_, errOut, _ := run(t, c, nil, "--kubeconfig", kubeconfig, "--timeout", "5s", "--aws-vpc-id",
		c.Simulator.Seed().VPC.ID)
	if took := time.Since(began); took > time.Minute { // the source never answers
		t.Errorf("it takes %s", took)
	}
	if !strings.Contains(errOut, "lbc: reading ") || !strings.Contains(errOut, "nodes") {
		t.Errorf("progress: %s", errOut)
	}
	x := trouble{check: "unreadable", severity: "warning", object: "nodes", evidence: "no answer within 5s",
		args: []string{"--kubeconfig", kubeconfig, "--timeout", "5s", "--aws-vpc-id", c.Simulator.Seed().VPC.ID}}
	if f := found(t, c, x); !strings.Contains(strings.Join(f.Evidence, " "), "node-provider-id") {
		t.Errorf("%v", f)
	}
	r, status := examine(t, c, nil, x.args...)
	if status != 4 || len(r.Findings) != 1 {
		t.Errorf("status %d: %v", status, r.Findings)
	}
}

// TestClockAndVersionOfTheAPIServerAreExamined shows that lbc doctor reads clock and version from
// the answers of an API server.
func TestClockAndVersionOfTheAPIServerAreExamined(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	for _, x := range []trouble{
		{check: "clock-skew", severity: "error", object: "API server", evidence: "minutes ahead of the clock of this machine",
			args: []string{"--kubeconfig", between(t, c, 10*time.Minute, nil)}},
		{check: "kubernetes-outdated", severity: "warning", object: "API server", evidence: "v1.27.3", args: []string{
			"--kubeconfig", between(t, c, 0, nil, "v1.27.3")}},
		{check: "kubernetes-untested", severity: "note", object: "API server", evidence: "v1.99.0", args: []string{
			"--kubeconfig", between(t, c, 0, nil, "v1.99.0")}},
	} {
		found(t, c, x)
	}
}

// TestDefinitionsThatAreMissingOrOldAreFound shows that lbc doctor compares the definitions in a
// live cluster with its own and those of the Gateway API.
func TestDefinitionsThatAreMissingOrOldAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	const agent = "albtargetcontrolconfigs.elbv2.k8s.aws"
	change(t, c, definitions, agent, func(o *unstructured.Unstructured) {
		versions, _, _ := unstructured.NestedSlice(o.Object, "spec", "versions")
		unstructured.RemoveNestedField(versions[0].(map[string]any), "schema", "openAPIV3Schema", "properties", "spec",
			"properties", "resources")
		if err := unstructured.SetNestedSlice(o.Object, versions, "spec", "versions"); err != nil {
			t.Error(err)
		}
	})
	found(t, c, trouble{check: "crd-outdated", severity: "warning", object: agent, evidence: "spec.resources"})
	const tls = "tlsroutes.gateway.networking.k8s.io"
	change(t, c, definitions, tls, func(o *unstructured.Unstructured) {
		a := o.GetAnnotations()
		a["gateway.networking.k8s.io/bundle-version"] = "v1.2.1"
		o.SetAnnotations(a)
	})
	found(t, c, trouble{check: "gateway-api-outdated", severity: "warning", object: "v1.2.1", evidence: "tlsroutes"})
	for _, x := range []trouble{
		{check: "crd-missing", severity: "note", object: agent},
		{check: "gateway-api-incomplete", severity: "warning", object: "udproutes"},
	} {
		name := map[string]string{"udproutes": "udproutes.gateway.networking.k8s.io"}[x.object]
		if name == "" {
			name = x.object
		}
		remove(t, c, name)
		found(t, c, x)
	}
}

// remove deletes a definition, and creates it again at the end of the test.
func remove(t *testing.T, c *harness.Cluster, name string) {
	t.Helper()
	was, err := c.Dynamic.Resource(definitions).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Dynamic.Resource(definitions).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	again := &unstructured.Unstructured{Object: map[string]any{"apiVersion": was.GetAPIVersion(), "kind": was.GetKind(),
		"spec": was.Object["spec"]}}
	again.SetName(name)
	again.SetAnnotations(was.GetAnnotations())
	restore(t, c, func(ctx context.Context) error {
		_, err := c.Dynamic.Resource(definitions).Create(ctx, again, metav1.CreateOptions{})
		return err
	})
}

// TestARightThatTheControllerLacksIsFound shows that lbc doctor has the API server review the
// rights of the controller's service account.
func TestARightThatTheControllerLacksIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	change(t, c, roles, "aws-load-balancer-controller-role", func(o *unstructured.Unstructured) {
		text, _ := json.Marshal(o.Object["rules"])
		var rules, kept []any
		_ = json.Unmarshal(text, &rules)
		for _, r := range rules {
			if one, _ := json.Marshal(r); !strings.Contains(string(one), `"ingressclasses"`) {
				kept = append(kept, r)
			}
		}
		o.Object["rules"] = kept
	})
	found(t, c, trouble{check: "rbac-denied", severity: "error",
		object:   "system:serviceaccount:kube-system:aws-load-balancer-controller",
		evidence: "get, list, watch ingressclasses.networking.k8s.io"})
}

// TestAClusterWithoutControllerIsFound shows that lbc doctor finds no controller in a live cluster
// without Deployment and webhook configurations. The webhook configurations show that the
// playground's controller runs outside the cluster.
func TestAClusterWithoutControllerIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	c.Kubectl(t, "delete", "mutatingwebhookconfiguration,validatingwebhookconfiguration", "aws-load-balancer-webhook")
	restore(t, c, c.Env.InstallWebhooks)
	found(t, c, trouble{check: "controller-absent", severity: "error", object: "controller", evidence: "Ingress well/web"})
}

// TestTwoDefaultClassesAreFound shows that lbc doctor finds two default IngressClasses that an API
// server stores.
func TestTwoDefaultClassesAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	for _, name := range []string{"first", "second"} {
		c.Apply(t, "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: default-"+name+
			", annotations: {ingressclass.kubernetes.io/is-default-class: \"true\"}}\nspec: {controller: example.com/other}\n")
	}
	x := trouble{check: "ingress-class-default-twice", severity: "error", object: "IngressClass default-second",
		evidence: "default-first"}
	found(t, c, x)
	c.Kubectl(t, "delete", "ingressclass", "default-first")
	gone(t, c, x)
}

// TestPodsThatAreNotRegisteredAreFound shows that lbc doctor compares ready pods of a live cluster
// with the registered targets.
func TestPodsThatAreNotRegisteredAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	c.KillController()
	t.Cleanup(func() { c.RestartController(t) })
	lb := c.LoadBalancer(t, c.IngressAddress(t, served, "web"))
	group := c.TargetGroups(lb)[0]
	deregister(t, c, group.ARN, group.Targets[0])
	// The clock is ahead so that the pods have been ready for long.
	found(t, c, trouble{check: "endpoints-unregistered", severity: "error", object: "TargetGroupBinding well/",
		evidence: group.Targets[0].ID, args: []string{"--kubeconfig", between(t, c, 10*time.Minute, nil)}})
}

// TestObjectsThatAreNotServedAreFound shows that lbc doctor finds each kind of object that a live
// cluster stores and the controller does not serve.
func TestObjectsThatAreNotServedAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	t.Parallel()
	c := cluster(t)
	for _, x := range []struct {
		name, manifests string
		trouble         trouble
		after           func(t *testing.T)
	}{
		{"node", "apiVersion: v1\nkind: Node\nmetadata: {name: stray}\n", trouble{check: "node-provider-id",
			severity: "warning", object: "Node stray", evidence: "empty"}, nil},
		{
			"clock", "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: early, namespace: " +
				"kube-node-lease}\nspec: {holderIdentity: early, leaseDurationSeconds: 40, renewTime: " +
				strconv.Quote(time.Now().Add(10*time.Minute).UTC().Format("2006-01-02T15:04:05.000000Z")) + "}\n",
			trouble{check: "node-clock-skew", severity: "error", object: "Node early",
				evidence: "minutes ahead of the clock of the API server"}, nil,
		},
		{
			"noclass", "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: leaving}\nspec: {controller: " +
				"example.com/other}\n---\n" + scene.Ingress("noclass", "web", "leaving", nil),
			trouble{check: "ingress-class-missing", severity: "error", object: "Ingress noclass/web",
				evidence: "there is no IngressClass leaving"},
			// the webhook refuses an Ingress of a class that there is not
			func(t *testing.T) { c.Kubectl(t, "delete", "ingressclass", "leaving") },
		},
		{"unclassed", scene.Ingress("unclassed", "web", "", scene.Annotations{"scheme": "internal"}),
			trouble{check: "ingress-unclassed", severity: "warning", object: "Ingress unclassed/web"}, nil},
		{"params", scene.IngressClass("without-params", ""), trouble{check: "class-params-missing", severity: "error",
			object: "IngressClass without-params"}, nil},
		{"idle", "apiVersion: elbv2.k8s.aws/v1beta1\nkind: IngressClassParams\nmetadata: {name: idle}\nspec: {scheme: " +
			"internal}\n", trouble{check: "class-params-unused", severity: "warning", object: "IngressClassParams idle",
			evidence: "spec.scheme"}, nil},
		{"gateway", scene.Gateway("gateway", "edge", "none", "", "name: http, protocol: HTTP, port: 80"),
			trouble{check: "gateway-class-missing", severity: "error", object: "Gateway gateway/edge", evidence: "none"}, nil},
		{
			"refused", "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: refused}\nspec: " +
				"{controllerName: gateway.k8s.aws/alb, parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, " +
				"namespace: refused, name: none}}\n",
			trouble{check: "gateway-class-unaccepted", severity: "error", object: "GatewayClass refused", evidence: "none"}, nil,
		},
		{"failing", scene.Ingress("failing", "web", scene.Class, scene.Annotations{"healthcheck-interval-seconds": "soon"}),
			trouble{check: "object-failing", severity: "warning", object: "Ingress failing/web",
				evidence: "healthcheck-interval-seconds"}, nil},
		{"hollow", scene.Ingress("hollow", "web", scene.Class, scene.Annotations{
			"target-type": "ip"}), trouble{check: "targets-absent", severity: "warning",
			object: "TargetGroupBinding hollow/", evidence: "Service hollow/web has no ready endpoints",
			args: []string{"--kubeconfig", between(t, c, 10*time.Minute, nil)}}, nil},
		{
			"shared", scene.Ingress("shared", "a", scene.Class, nil) + scene.Ingress("shared", "b", scene.Class, nil) +
				scene.Ingress("shared", "c", scene.Class, nil),
			trouble{check: "load-balancers-shareable", severity: "note", object: "namespace shared", evidence: "a, b, c"}, nil,
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+x.name+"}\n---\n"+scene.Service(x.name, "web",
				"type: NodePort")+x.manifests)
			if x.after != nil {
				x.after(t)
			}
			found(t, c, x.trouble)
		})
	}
}

// TestAFinalizerThatNoControllerRemovesIsFound shows that lbc doctor finds an object whose deletion
// waits for a finalizer nobody removes. The API server's clock seems to be ahead.
func TestAFinalizerThatNoControllerRemovesIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "stuck"
	c.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+ns+
		"}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: "+ns+
		", finalizers: [gateway.k8s.aws/forgotten]}\n"+
		"spec: {ingressClassName: other, defaultBackend: {service: {name: web, port: {number: 80}}}}\n")
	t.Cleanup(func() {
		_, _ = c.Client.NetworkingV1().Ingresses(ns).Patch(context.Background(), "web", "application/merge-patch+json",
			[]byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	})
	c.Kubectl(t, "delete", "ingress", "-n", ns, "web", "--wait=false")
	found(t, c, trouble{check: "deletion-stuck", severity: "error", object: "Ingress stuck/web",
		evidence: "gateway.k8s.aws/forgotten", args: []string{"--kubeconfig", between(t, c, 10*time.Minute, nil)}})
}

// governed is a policy that refuses TargetGroupBindings without a label, in one namespace.
const governed = `
apiVersion: v1
kind: Namespace
metadata: {name: a-governed}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: a-governed}
spec: {ingressClassName: other, defaultBackend: {service: {name: web, port: {number: 80}}}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: doctor-require-team}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: a-governed}}
    resourceRules:
    - {apiGroups: [elbv2.k8s.aws], apiVersions: ["*"], operations: [CREATE], resources: [targetgroupbindings]}
  validations:
  - {expression: "has(object.metadata.labels) && 'team' in object.metadata.labels", message: label team is missing}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: doctor-require-team}
spec: {policyName: doctor-require-team, validationActions: [Deny]}
`

// TestPolicyThatRefusesBindingsIsFound shows that lbc doctor names a policy that refuses TargetGroupBindings.
func TestPolicyThatRefusesBindingsIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of internal/lbc/checks show each check")
	}
	t.Parallel()
	c := cluster(t)
	c.Apply(t, governed)
	found(t, c, trouble{check: "policy-refuses", severity: "error", object: "TargetGroupBinding a-governed/of web",
		evidence: "ValidatingAdmissionPolicy doctor-require-team"})
}
