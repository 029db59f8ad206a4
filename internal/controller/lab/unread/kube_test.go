package unread

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// kubeLab has objects of each kind that the controller reads. Its reads of the API server can fail.
func kubeLab(t *testing.T) *lab.Lab {
	t.Helper()
	l := lab.NewGateway(t, lab.EveryGatewayKind)
	l.OwnCertificates()
	core, ok := l.Core.(*fake.Clientset)
	if !ok {
		t.Fatalf("%T", l.Core)
	}
	l.Misreads, l.Checkpointed = &lab.Misreads{}, true
	l.Misreads.FailSecrets(&core.Fake)
	l.Config.TrustStores.Bucket, l.Config.TrustStores.Prefix = "pki", "trust-stores"
	l.Sim.Account.Lock()
	l.Must(l.Sim.Account.Buckets.Make("pki"))
	l.Sim.Account.Unlock()
	_, err := l.Core.CoreV1().ConfigMaps("shop").Create(l.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "ca"}, Data: map[string]string{"ca.crt": lab.AuthorityPEM(t, "first")}},
		metav1.CreateOptions{})
	l.Must(err)
	l.Restart()
	class := lab.Class()
	if c, ok := class.(*networkingv1.IngressClass); ok {
		group := "elbv2.k8s.aws"
		c.Spec.Parameters = &networkingv1.IngressClassParametersReference{APIGroup: &group, Kind: "IngressClassParams",
			Name: "alb"}
	}
	params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: v1beta1.IngressClassParamsSpec{
		Tags: []v1beta1.Tag{{Key: "class", Value: "alb"}}, NamespaceSelector: &metav1.LabelSelector{
			MatchLabels: map[string]string{"team": "a"}}}}
	l.Create(class, params, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	nodes := lab.Service("nodes")
	nodes.Spec.Type, nodes.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	nodes.Spec.Selector = map[string]string{"app": "probed"}
	probed := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "probed", Labels: nodes.Spec.Selector},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", ReadinessProbe: &corev1.Probe{PeriodSeconds: 20,
			TimeoutSeconds: 3, SuccessThreshold: 1, FailureThreshold: 4, ProbeHandler: corev1.ProbeHandler{
				HTTPGet: &corev1.HTTPGetAction{Path: probedPath, Port: intstr.FromInt32(8080)}}}}}}}
	l.Create(nodes, probed, lab.Service("s0"), lab.Service("s1"), lab.CrashBalancer("edge"))
	for n, service := range []string{"s0", "s1", "edge", "web", "net", "nodes"} {
		l.Create(lab.ChaosEndpoints(service, "a", lab.SoakAddress(n, 0))...)
	}
	l.Create(lab.Ingress("front", map[string]string{"group.name": "front"}, "s0"),
		lab.Ingress("back", map[string]string{"group.name": "front"}, "s1"),
		lab.Ingress("nodes", map[string]string{"target-type": "instance", "healthcheck": "from-readiness-probe"}, "nodes"),
		lab.Sealed("sealed", "tls"))
	l.Apply(`Gateway shop/secure {spec: {gatewayClassName: alb, tls: {frontend: {default: {validation: {` +
		`caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}}}}, listeners: [{name: https, port: 443, ` +
		`protocol: HTTPS, hostname: www.example.com}]}}
HTTPRoute shop/secure {spec: {parentRefs: [{name: secure}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	bound := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	bound.Spec.ServiceRef.Name = "s1"
	l.Create(bound)
	l.PassWith(15*time.Minute, kubeKeys...)
	if n := len(l.Sim.Resources().LoadBalancers); n != len(kubeKeys) {
		t.Fatalf("%d load balancers of %d stacks:\n%s", n, len(kubeKeys), strings.Join(l.Events, "\n"))
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(l.Parts())), func(part string) bool {
		return strings.Contains(part, probedPath)
	}) {
		t.Fatalf("no health check of a readiness probe:\n%s", strings.Join(l.Events, "\n"))
	}
	return l
}

// probedPath is the path of a readiness probe, which a health check follows.
const probedPath = "/probed"

var kubeKeys = []stack.Key{lab.FrontKey, lab.Key("nodes"), lab.Key("sealed"), lab.ServiceKey("edge"),
	lab.GatewayKey(stack.GatewayALB, "web"), lab.GatewayKey(stack.GatewayALB, "plain"),
	lab.GatewayKey(stack.GatewayALB, "secure"), lab.GatewayKey(stack.GatewayNLB, "net")}

var kubeEdits = map[string]func(l *lab.Lab){
	"none":               func(*lab.Lab) {},
	"another pod":        func(l *lab.Lab) { l.Scale("s1", lab.SoakAddress(1, 0), lab.SoakAddress(1, 1)) },
	"a tag of the group": func(l *lab.Lab) { l.Annotate("front", "tags", "stage=test") },
	"an attribute of edge": func(l *lab.Lab) {
		l.Balancer("edge", "attributes", "load_balancing.cross_zone.enabled=true")
	},
	"another route": func(l *lab.Lab) {
		l.Apply(`HTTPRoute shop/other {spec: {parentRefs: [{name: plain}], rules: [{matches: [{path: {type: Exact, ` +
			`value: /other}}], backendRefs: [{name: web, port: 80}]}]}}`)
	},
}

// both is the route of two Gateways.
var both = &gatewayv1.GRPCRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "both"}}

// otherKubeReads are reads of the page that change nothing in AWS, or that other tests have fail.
var otherKubeReads = map[string]string{
	"albtargetcontrolconfigs":   "the webhook of pods reads them: TestAnAgentIsWhatConfigurationAndPodDescribe",
	"loadbalancers":             "the controller writes them and decides nothing by them",
	"leases":                    "they name another leader, and decide nothing",
	"globalaccelerators":        "TestFailedReadOfObjectsTakesNoEndpointAway of package accelerator",
	"backendtlspolicies":        "they have no effect",
	"customresourcedefinitions": "TestADefinitionThatIsRemovedDeletesNoLoadBalancer, of package ingresses",
}

// oddPlurals are the resources whose names are not those of their kinds with an s.
var oddPlurals = map[objects.Kind]string{
	objects.IngressClass: "ingressclasses", objects.GatewayClass: "gatewayclasses", objects.Ingress: "ingresses",
	objects.IngressClassParams: "ingressclassparams", objects.BackendTLSPolicy: "backendtlspolicies",
}

// readKinds are the Go types of the resources that the controller may get or list, by resource.
func readKinds(t *testing.T) map[string]string {
	t.Helper()
	types := map[string]string{"secrets": "core/v1.Secret", "configmaps": "core/v1.ConfigMap", "pods": "core/v1.Pod",
		"nodes": "core/v1.Node", "endpointslices": "discovery/v1.EndpointSlice"}
	for kind, k := range readable.Kinds {
		plural := oddPlurals[kind]
		if plural == "" {
			plural = strings.ToLower(string(kind)) + "s"
		}
		types[plural] = lab.KindOf(k.Object)
	}
	content, err := os.ReadFile("../../../../charts/aws-load-balancer-controller/files/clusterrole.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules []rbacv1.PolicyRule
	if err := yaml.Unmarshal(content, &rules); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{"secrets": types["secrets"]}
	for _, rule := range rules {
		if !slices.Contains(rule.Verbs, "get") && !slices.Contains(rule.Verbs, "list") {
			continue
		}
		for _, resource := range rule.Resources {
			if otherKubeReads[resource] == "" {
				if out[resource] = types[resource]; out[resource] == "" {
					t.Errorf("no test knows how %s are read", resource)
				}
			}
		}
	}
	return out
}

func kubeCluster() *lab.Unread {
	return &lab.Unread{Name: "each kind", Lab: kubeLab, Keys: kubeKeys, Edits: kubeEdits,
		Deletions: map[string]client.Object{"deletion of a member": lab.Ingress("back", nil), "deletion of a route": both}}
}

// TestCacheWithoutBindingsRevokesNoRule has a new process whose cache lacks all bindings, as the API server refuses to
// list them.
func TestCacheWithoutBindingsRevokesNoRule(t *testing.T) {
	t.Parallel()
	lab.Misreading{Cluster: kubeCluster(), Edit: "deletion of a member", Restarts: true, Kind: lab.KindOf(
		&v1beta1.TargetGroupBinding{}), Way: "throttled"}.Try(t)
}

// TestCacheWithoutSomeBindingsRevokesNoRule has a new process whose cache lacks some bindings, whose first list was cut
// off. The API server may not say so either.
func TestCacheWithoutSomeBindingsRevokesNoRule(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"list cut off", "list cut off, denied"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			lab.Misreading{Cluster: kubeCluster(), Edit: "another pod", Restarts: true, Kind: lab.KindOf(
				&v1beta1.TargetGroupBinding{}), Way: way}.Try(t)
		})
	}
}

// TestFailedReadOfObjectsTakesNothingAway has each read of Kubernetes objects fail in
// each way, during edits: what serves before and after the edits serves meanwhile, and the edits are in effect once the
// read works again. The short form tries a few of the reads.
func TestFailedReadOfObjectsTakesNothingAway(t *testing.T) {
	t.Parallel()
	kinds := readKinds(t)
	cluster := kubeCluster()
	tries := sample.OneOf(71) // not a multiple of the number of ways
	random := rand.New(rand.NewPCG(1, 2))
	edits := cluster.Changes()
	for _, resource := range slices.Sorted(maps.Keys(kinds)) {
		for _, way := range slices.Sorted(maps.Keys(lab.KubeWays)) {
			if live := resource == "secrets" || resource == "configmaps"; live && lab.KubeWays[way].Answers() || !tries.Next() {
				continue // no cache has them
			}
			edit := edits[random.IntN(len(edits))]
			restarts := random.IntN(3) == 0 && resource != "configmaps" // these are checkpoints, too
			t.Run(fmt.Sprintf("%s %s, %s, restart %t", resource, way, edit, restarts), func(t *testing.T) {
				t.Parallel()
				lab.Misreading{Cluster: cluster, Edit: edit, Restarts: restarts, Kind: kinds[resource], Way: way}.Try(t)
			})
		}
	}
}
