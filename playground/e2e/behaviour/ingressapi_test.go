package behaviour

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/standin"
)

// expected is a request to an Ingress, and what the suite of the Ingress API wants: the status and, if it is 200, the
// service.
type expected struct {
	path, host string
	service    string // empty: nobody serves it
}

// backends are the services of the scenarios.
var backends = []string{"echo", "foo-exact", "foo-prefix", "deep", "shallow", "slashed", "slash-exact", "wild", "named"}

// apiRule is a rule of an Ingress without annotations; each path is "PATH TYPE SERVICE".
func apiRule(host string, paths ...string) string {
	rule := fmt.Sprintf("  - host: %q\n    http:\n      paths:\n", host)
	for _, p := range paths {
		words := strings.Fields(p)
		rule += fmt.Sprintf("      - {path: %s, pathType: %s, backend: {service: {name: %s, port: {number: 80}}}}\n",
			words[0], words[1], words[2])
	}
	return rule
}

// apiIngress is an Ingress of class "ingressapi", whose parameters hold what the API has no field for.
func apiIngress(ns, name, annotations, spec string) string {
	return fmt.Sprintf("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: %s, namespace: %s, "+
		"annotations: {%s}}\nspec:\n  ingressClassName: ingressapi\n%s---\n", name, ns, annotations, spec)
}

// TestIngressAPIIsServedAsItsSuiteAsks shows that each scenario of the Ingress API's conformance suite
// is served, except one that an ALB cannot do.
func TestIngressAPIIsServedAsItsSuiteAsks(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the controller with flags of its own, while nothing else runs")
	}
	c := certifying(t)
	const ns, host = "ingressapi", "foo.bar.dev"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	manifests := []string{"apiVersion: v1\nkind: Namespace\nmetadata: {name: " + ns + "}\n---\n", secretRights(ns),
		secretManifest(t, key, ns, host, 1)}
	for _, name := range backends {
		replicas := 1
		if name == "echo" {
			replicas = 10
		}
		manifests = append(manifests, strings.Replace(scene.Backend(ns, name, replicas), "type: NodePort",
			"type: ClusterIP", 1))
	}
	manifests = append(manifests, scene.IngressClass("ingressapi", "{scheme: internet-facing, targetType: ip, "+
		"importTLSSecrets: true}"),
		apiIngress(ns, "default", "", "  defaultBackend: {service: {name: echo, port: {number: 80}}}\n"),
		apiIngress(ns, "paths", "", "  rules:\n"+apiRule("exact.dev", "/foo Exact foo-exact")+
			apiRule("prefix.dev", "/foo Prefix foo-prefix", "/aaa/bbb Prefix deep", "/aaa Prefix shallow")+
			apiRule("mixed.dev", "/foo Prefix foo-prefix", "/foo Exact foo-exact")+
			apiRule("slash.dev", "/aaa/bbb/ Prefix slashed", "/foo/ Exact slash-exact")),
		apiIngress(ns, "hosts", `alb.ingress.kubernetes.io/listen-ports: '[{"HTTP": 80}, {"HTTPS": 443}]'`,
			"  tls: [{hosts: ["+host+"], secretName: web-tls}]\n  rules:\n"+apiRule("*.foo.dev", "/ Prefix wild")+
				apiRule(host, "/ Prefix named")),
		strings.ReplaceAll(apiIngress(ns, "other", "", "  rules:\n"+apiRule("other.dev", "/ Prefix echo")),
			"ingressClassName: ingressapi", "ingressClassName: of-nobody"))
	c.Apply(t, strings.Join(manifests, ""))

	t.Run("paths", func(t *testing.T) {
		serveAsAsked(t, c, c.IngressAddress(t, ns, "paths"), []expected{
			{"/foo", "exact.dev", "foo-exact"}, {"/foo/", "exact.dev", ""}, {"/FOO", "exact.dev", ""}, {"/bar", "exact.dev", ""},
			{"/foo", "prefix.dev", "foo-prefix"}, {"/foo/", "prefix.dev", "foo-prefix"}, {"/FOO", "prefix.dev", ""},
			{"/aaa/bbb", "prefix.dev", "deep"}, {"/aaa/bbb/ccc", "prefix.dev", "deep"}, {"/aaa/ccc", "prefix.dev", "shallow"},
			{"/aaaccc", "prefix.dev", ""},
			{"/foo", "mixed.dev", "foo-exact"}, {"/aaa/bbb", "slash.dev", "slashed"}, {"/aaa/bbb/", "slash.dev", "slashed"},
			{"/foo", "slash.dev", ""}, {"/foo/", "slash.dev", "slash-exact"},
		})
	})
	t.Run("hosts", func(t *testing.T) {
		lb := c.IngressAddress(t, ns, "hosts")
		serveAsAsked(t, c, lb, []expected{
			{"/", host, "named"}, {"/", "sub.bar.dev", ""}, {"/", "bar.foo.dev", "wild"}, {"/", "foo.dev", ""},
			// the suite asks for 404: the asterisk of an ALB stands for any text, dots included
			{"/", "baz.bar.foo.dev", "wild"},
		})
		waitSerial(t, c, lb, host, 1)
		servesSecurely(t, c, lb, host, "named")
	})
	t.Run("default backend", func(t *testing.T) { servesAllMethods(t, c, c.IngressAddress(t, ns, "default")) })
	t.Run("load balancing", func(t *testing.T) { servesFromAllPods(t, c, c.IngressAddress(t, ns, "default"), 10) })
	t.Run("class", func(t *testing.T) {
		if status := c.Kubectl(t, "get", "ingress", "-n", ns, "other", "-o",
			"jsonpath={.status.loadBalancer.ingress}"); status != "" {
			t.Errorf("an Ingress of another class has status %s", status)
		}
	})
	c.Kubectl(t, "delete", "ingress", "-n", ns, "--all")
	c.Kubectl(t, "delete", "namespace", ns, "--wait=false")
	scene.WaitGone(t, c, scene.Marks(ns)...)
	c.Kubectl(t, "delete", "ingressclass,ingressclassparams", "ingressapi")
}

// serveAsAsked sends each request and compares the answer, the path and the host that reach the pod.
func serveAsAsked(t *testing.T, c *harness.Cluster, lb string, all []expected) {
	t.Helper()
	for _, a := range all {
		status := http.StatusOK
		if a.service == "" {
			status = http.StatusNotFound
		}
		r := c.WaitGet(t, "http://"+lb+a.path, a.host, status, a.service)
		if a.service != "" && (r.Pod.Path != a.path || r.Pod.Host != a.host) {
			t.Errorf("the pod got path %q of host %q, not %q of %q", r.Pod.Path, r.Pod.Host, a.path, a.host)
		}
	}
}

// servesAllMethods sends requests of several methods, hosts and paths to the default backend.
func servesAllMethods(t *testing.T, c *harness.Cluster, lb string) {
	t.Helper()
	c.WaitGet(t, "http://"+lb+"/", "", http.StatusOK, "echo")
	for _, q := range []struct{ method, host, path string }{
		{"GET", "my-host", "/"}, {"GET", "my-host", "/sub-path"}, {"POST", "some-host", "/"}, {"PUT", "", "/resource"},
		{"DELETE", "some-host", "/resource"}, {"PATCH", "my-host", "/resource"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), q.method, "http://"+lb+q.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if q.host != "" {
			req.Host = q.host
		}
		resp, pod := answer(t, c.HTTP, req)
		for _, name := range []string{"Content-Length", "Content-Type", "Date"} {
			if resp.Header.Get(name) == "" {
				t.Errorf("%s %s: the answer has no header %s", q.method, q.path, name)
			}
		}
		if resp.StatusCode != http.StatusOK || pod.Service != "echo" || pod.Method != q.method || pod.Path != q.path ||
			pod.Proto != "HTTP/1.1" || pod.Headers.Get("User-Agent") != "Go-http-client/1.1" {
			t.Errorf("%s %s of %s: %d %+v", q.method, q.path, q.host, resp.StatusCode, pod)
		}
	}
}

// answer sends a request and reads what the pod tells.
func answer(t *testing.T, client *http.Client, req *http.Request) (*http.Response, standin.Answer) {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var pod standin.Answer
	if err := json.NewDecoder(resp.Body).Decode(&pod); err != nil {
		t.Fatal(err)
	}
	return resp, pod
}

// servesSecurely waits until a request by HTTPS, whose certificate must be for the host, reaches a pod of the service:
// the rules of a new listener come after it.
func servesSecurely(t *testing.T, c *harness.Cluster, lb, host, service string) {
	t.Helper()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return curl.Endpoints(c.Env.Endpoints).Dial(ctx, network, net.JoinHostPort(lb, "443"))
		},
		TLSClientConfig: &tls.Config{ServerName: host, InsecureSkipVerify: true},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: harness.Timeout}
	c.WaitFor(t, "an answer of "+service+" by HTTPS", func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		var pod standin.Answer
		if err := json.NewDecoder(resp.Body).Decode(&pod); err != nil {
			return fmt.Errorf("status %d: %w", resp.StatusCode, err)
		}
		if resp.StatusCode != http.StatusOK || pod.Service != service || pod.Host != host {
			return fmt.Errorf("%d %+v", resp.StatusCode, pod)
		}
		return resp.TLS.PeerCertificates[0].VerifyHostname(host)
	})
}

// servesFromAllPods waits until a hundred answers in a row come from so many pods.
func servesFromAllPods(t *testing.T, c *harness.Cluster, lb string, pods int) {
	t.Helper()
	c.WaitFor(t, fmt.Sprint("answers of ", pods, " pods"), func(ctx context.Context) error {
		seen := map[string]bool{}
		for range 100 {
			r, err := c.Get(ctx, "http://"+lb+"/", "load-balancing")
			if err != nil {
				return err
			}
			if r.Status != http.StatusOK {
				return fmt.Errorf("status %d", r.Status)
			}
			seen[r.Pod.Pod] = true
		}
		if len(seen) != pods {
			return fmt.Errorf("%d pods answer", len(seen))
		}
		return nil
	})
}
