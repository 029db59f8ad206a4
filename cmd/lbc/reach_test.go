package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// TestMain keeps the tests from the cluster of the person who runs them.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"KUBECONFIG": "/nonexistent/kubeconfig", "KUBERNETES_SERVICE_HOST": ""} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// apiServer answers lists of objects and records who asks.
type apiServer struct {
	url     string
	scheme  *runtime.Scheme
	objects []client.Object
	refused string // resources that may not be listed

	mu    sync.Mutex
	users []string
}

func newAPIServer(t *testing.T, objects ...client.Object) *apiServer {
	t.Helper()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	s := &apiServer{scheme: scheme, objects: objects}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// kubeconfig has context c of the server, in namespace shop, and another without a server.
func (s *apiServer) kubeconfig(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	text := `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "` + s.url + `"}}, {name: gone, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: u, namespace: shop}}, {name: gone, context: {cluster: gone, user: u}}]
current-context: c
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.users = append(s.users, r.Header.Get("Impersonate-User")+" "+strings.Join(r.Header.Values("Impersonate-Group"), ","))
	s.mu.Unlock()
	var answer any = &metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure",
		Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound}
	status := http.StatusNotFound
	path, namespace := strings.Trim(r.URL.Path, "/"), ""
	if before, after, ok := strings.Cut(path, "/namespaces/"); ok && strings.Contains(after, "/") {
		ns, resource, _ := strings.Cut(after, "/")
		path, namespace = before+"/"+resource, ns
	}
	served := map[string][]metav1.APIResource{}
	for gvk := range s.scheme.AllKnownTypes() {
		if strings.HasSuffix(gvk.Kind, "List") || gvk.Version == runtime.APIVersionInternal {
			continue
		}
		plural, _ := meta.UnsafeGuessKindToResource(gvk)
		at := "apis/" + gvk.GroupVersion().String()
		if gvk.Group == "" {
			at = "api/v1"
		}
		served[at] = append(served[at], metav1.APIResource{Name: plural.Resource, Kind: gvk.Kind, Namespaced: true})
		if path == at+"/"+plural.Resource {
			answer, status = s.list(gvk.Kind, namespace), http.StatusOK
		}
		if name, ok := strings.CutPrefix(path, at+"/"+plural.Resource+"/"); ok && gvk.Kind == "ConfigMap" {
			if o := s.get(gvk, namespace, name); o != nil {
				answer, status = o, http.StatusOK
			}
		}
	}
	groups := map[string]*metav1.APIGroup{}
	for at := range served {
		if of, found := strings.CutPrefix(at, "apis/"); found {
			name, version, _ := strings.Cut(of, "/")
			if groups[name] == nil {
				groups[name] = &metav1.APIGroup{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIGroup"}, Name: name}
			}
			groups[name].Versions = append(groups[name].Versions, metav1.GroupVersionForDiscovery{
				GroupVersion: of, Version: version})
		}
	}
	all := &metav1.APIGroupList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIGroupList"}}
	for name, g := range groups {
		all.Groups = append(all.Groups, *g)
		if path == "apis/"+name {
			answer, status = g, http.StatusOK
		}
	}
	switch path {
	case "apis":
		answer, status = all, http.StatusOK
	case "api":
		answer, status = &metav1.APIVersions{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIVersions"},
			Versions: []string{"v1"}}, http.StatusOK
	}
	if resources, ok := served[path]; ok {
		answer = &metav1.APIResourceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"},
			GroupVersion: strings.TrimPrefix(strings.TrimPrefix(path, "apis/"), "api/"), APIResources: resources}
		status = http.StatusOK
	}
	if s.refused != "" && strings.HasSuffix(path, "/"+s.refused) {
		status, answer = http.StatusForbidden, &metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
			Status: "Failure", Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden, Message: s.refused +
				" is forbidden"}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// get is an object; nil = there is none.
func (s *apiServer) get(of schema.GroupVersionKind, namespace, name string) client.Object {
	for _, o := range s.objects {
		gvk, err := apiutil.GVKForObject(o, s.scheme)
		if err == nil && gvk == of && o.GetNamespace() == namespace && o.GetName() == name {
			o.GetObjectKind().SetGroupVersionKind(gvk)
			return o
		}
	}
	return nil
}

func (s *apiServer) list(kind, namespace string) any {
	items := []client.Object{}
	version := ""
	for _, o := range s.objects {
		gvk, err := apiutil.GVKForObject(o, s.scheme)
		if err == nil && gvk.Kind == kind && (namespace == "" || o.GetNamespace() == namespace) {
			items, version = append(items, o), gvk.GroupVersion().String()
		}
	}
	return map[string]any{"apiVersion": version, "kind": kind + "List", "metadata": map[string]any{}, "items": items}
}

// controllerWith is a Deployment of the controller with arguments.
func controllerWith(args ...string) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ops", Name: "lbc", Labels: map[string]string{
			"app.kubernetes.io/name": "aws-load-balancer-controller"}},
		Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "controller", Args: args}}}}},
	}
}

func ingressIn(t *testing.T, namespace, name string) []client.Object {
	t.Helper()
	ing, class, svc := &networkingv1.Ingress{}, chartClass(), &corev1.Service{}
	for into, text := range map[client.Object]string{
		ing: `{metadata: {annotations: {alb.ingress.kubernetes.io/target-type: ip}}, spec: {ingressClassName: alb, rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}`,
		svc: `{spec: {ports: [{port: 80}]}}`,
	} {
		if err := yaml.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
		into.SetNamespace(namespace)
	}
	ing.SetName(name)
	svc.SetName("web")
	return []client.Object{ing, class, svc}
}

func TestPlanNeedsNoFlagsInAClusterWithTheControllersDeployment(t *testing.T) {
	sim, _ := simulated(t)
	aws := httptest.NewServer(sim.Handler())
	t.Cleanup(aws.Close)
	s := newAPIServer(t, append(ingressIn(t, "shop", "front"), append(ingressIn(t, "web", "other"),
		controllerWith("--cluster-name=demo-cluster", "--aws-region=us-west-2", "--aws-vpc-id", "vpc-0a1de000000000001",
			"--default-tags=team=shop,stage=test"))...)...)
	for k, v := range map[string]string{
		"KUBECONFIG": s.kubeconfig(t), "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_ENDPOINT_URL":          aws.URL,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(k, v)
	}
	out, errOut, err := lbc(t, "", "plan")
	if err != nil || !strings.Contains(out, "ingress.k8s.aws:shop/front") || strings.Contains(out, "web/other") {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
	const said = "lbc: --aws-region=us-west-2 --aws-vpc-id=vpc-0a1de000000000001 --cluster-name=demo-cluster " +
		"--default-tags=stage=test,team=shop are those of Deployment ops/lbc\n"
	if strings.Replace(errOut, "team=shop,stage=test", "stage=test,team=shop", 1) != said {
		t.Errorf("stderr is %q", errOut)
	}
	out, errOut, err = lbc(t, "", "plan", "-A", "--default-tags=team=web")
	if err != nil || !strings.Contains(out, "shop/front") || !strings.Contains(out, "web/other") ||
		strings.Contains(errOut, "--default-tags") {
		t.Errorf("-A: %v\n%s%s", err, out, errOut)
	}
	out, _, err = lbc(t, "", "plan", "-n", "empty")
	if err != nil || !strings.HasPrefix(out, "namespace empty has no load balancer; -n chooses another one, -A all") {
		t.Errorf("-n empty: %v\n%s", err, out)
	}
	out, errOut, err = lbc(t, "", "explain", "ingress", "front")
	if err != nil || !strings.Contains(out, "shop/front") {
		t.Errorf("explain: %v\n%s%s", err, out, errOut)
	}
}

func TestFilesAloneContactNoCluster(t *testing.T) {
	s := newAPIServer(t)
	t.Setenv("KUBECONFIG", s.kubeconfig(t))
	out, errOut, err := lbc(t, "", "plan", "-f", "../../examples/nlb.yaml")
	if err != nil || len(s.users) > 0 {
		t.Errorf("%v, %d requests\n%s%s", err, len(s.users), out, errOut)
	}
}

// TestThePluginPlansFilesBesideTheCluster adds a path to an Ingress of the cluster by a file, which names neither its
// Service nor its class.
func TestThePluginPlansFilesBesideTheCluster(t *testing.T) {
	sim, _ := simulated(t)
	aws := httptest.NewServer(sim.Handler())
	t.Cleanup(aws.Close)
	s := newAPIServer(t, append(ingressIn(t, "shop", "front"),
		controllerWith("--cluster-name=demo-cluster", "--aws-region=us-west-2", "--aws-vpc-id", "vpc-0a1de000000000001",
			"--default-tags=team=shop"))...)
	for k, v := range map[string]string{
		"KUBECONFIG": s.kubeconfig(t), "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_ENDPOINT_URL":          aws.URL,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(k, v)
	}
	file := filepath.Join(t.TempDir(), "front.yaml")
	if err := os.WriteFile(file, []byte(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: shop, annotations: {alb.ingress.kubernetes.io/target-type: ip}}
spec:
  ingressClassName: alb
  rules: [{http: {paths: [{path: /added, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"plan", "-f", file, "--details"}, {"explain", "ingress", "front", "-f", file}} {
		out, err := run(t, append([]string{"kubectl-lbc"}, command...)...)
		if err != nil || !strings.Contains(out, "/added") || !strings.Contains(out, "team=shop") {
			t.Errorf("%v: %v\n%s", command, err, out)
		}
	}
	asked := len(s.users)
	for _, line := range [][]string{
		{"kubectl-lbc", "plan", "-f", "../../examples/nlb.yaml", "--account", "../../examples/guides/account.yaml"},
		{"kubectl-lbc", "lint", "../../examples/nlb.yaml"},
	} {
		if out, err := run(t, line...); err != nil || len(s.users) > asked {
			t.Errorf("%v: %v, %d requests\n%s", line, err, len(s.users)-asked, out)
		}
	}
	t.Setenv("KUBECONFIG", "/nonexistent")
	t.Setenv("HOME", t.TempDir())
	if _, err := run(t, "kubectl-lbc", "plan", "-f", file); err == nil || !strings.Contains(err.Error(),
		"or run lbc plan -f FILE instead of kubectl lbc") {
		t.Errorf("without a cluster: %v", err)
	}
}

func TestContextAndUserOfTheClusterAreThoseOfTheFlags(t *testing.T) {
	s := newAPIServer(t, ingressIn(t, "shop", "front")...)
	t.Setenv("KUBECONFIG", s.kubeconfig(t))
	if _, _, err := lbc(t, "", "plan", "--context", "gone"); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("--context: %v", err)
	}
	if _, _, err := lbc(t, "", "plan", "--context", "missing"); err == nil || !strings.Contains(err.Error(),
		`context "missing" does not exist`) {
		t.Errorf("--context of none: %v", err)
	}
	if _, _, err := lbc(t, "", "plan", "--as-group", "ops"); err == nil || !strings.Contains(err.Error(),
		"--as-group needs --as") {
		t.Errorf("--as-group: %v", err)
	}
	if _, _, err := lbc(t, "", "plan", "-A", "-n", "x"); err == nil || !strings.Contains(err.Error(),
		"exclude each other") {
		t.Errorf("-A -n: %v", err)
	}
	_, _, err := lbc(t, "", "plan", "--as", "jane", "--as-group", "ops", "--as-group", "web")
	if err == nil || !strings.Contains(err.Error(), "the cluster has no Deployment of the controller") ||
		!strings.Contains(err.Error(), "set --cluster-name, --aws-region and --aws-vpc-id") {
		t.Errorf("no Deployment: %v", err)
	}
	for _, u := range s.users {
		if u != "jane ops,web" {
			t.Errorf("asked as %q", u)
		}
	}
}

func TestAnotherClusterNameThanThatOfTheLoadBalancersIsWarnedOf(t *testing.T) {
	made := &v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ingress-front"},
		Status: v1alpha1.LoadBalancerStatus{Cluster: "demo-cluster"}}
	s := newAPIServer(t, append(ingressIn(t, "shop", "front"), made)...)
	t.Setenv("KUBECONFIG", s.kubeconfig(t))
	for name, warned := range map[string]bool{"other": true, "demo-cluster": false} {
		_, errOut, err := lbc(t, "", "plan", "--cluster-name", name, "--account", "../../examples/guides/account.yaml")
		if got := strings.Contains(errOut, "lbc: warning: --cluster-name is "+name+
			", but the controller created LoadBalancer shop/ingress-front under the name demo-cluster"); got != warned {
			t.Errorf("%s: warned = %t: %v\n%s", name, got, err, errOut)
		}
	}
}

func TestEachFlagOfTheDeploymentIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{
		"--default-tags=a=b,c=d", "--external-managed-tags=x,y", "--feature-gates=ListenerRulesTagging=false",
		"--max-targets-per-target-group=7",
		"--targetgroupbinding-requeue-duration=7s", "--strict-groups", "--aws-vpc-tags=Name=main",
	} {
		var want, got config.Config
		if err := config.FlagSet(&want).Parse([]string{arg}); err != nil {
			t.Errorf("%s: %v", arg, err)
			continue
		}
		to, from := config.FlagSet(&got), config.FlagSet(&config.Config{})
		if err := from.Parse([]string{arg}); err != nil {
			t.Fatal(err)
		}
		if err := copyFlags(to, from, func(string) bool { return true }, nil); err != nil {
			t.Errorf("%s: %v", arg, err)
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		if !bytes.Equal(a, b) || want.Gates.String() != got.Gates.String() {
			t.Errorf("%s: %s, want %s", arg, b, a)
		}
	}
}
