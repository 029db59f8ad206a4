package crdrules

import (
	"os"
	"slices"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/hack/pages"
)

// healthExpressions are those of the page about Flux, by kind.
func healthExpressions(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/tasks/flux.md")
	if err != nil {
		t.Fatal(err)
	}
	all := pages.Blocks(string(page))
	n := slices.IndexFunc(all, func(b pages.Block) bool { return b.File() == "expressions.yaml" })
	if n < 0 {
		t.Fatal("the page has no expressions.yaml")
	}
	var o struct {
		Spec struct {
			HealthCheckExprs []struct{ APIVersion, Kind, Current string }
		}
	}
	if err := yaml.Unmarshal([]byte(all[n].Text), &o); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range o.Spec.HealthCheckExprs {
		out[e.APIVersion+" "+e.Kind] = e.Current
	}
	return out
}

// current evaluates an expression as Flux does: it is not checked against a schema, and its variables are the fields of
// the object at the top. An error has Flux wait.
func current(t *testing.T, expression string, o runtime.Object) bool {
	t.Helper()
	env, err := cel.NewEnv(cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true),
		cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), ext.Strings(), ext.Sets(),
		ext.Encoders())
	if err != nil {
		t.Fatal(err)
	}
	parsed, issues := env.Parse(expression)
	if issues.Err() != nil {
		t.Fatalf("%s: %v", expression, issues.Err())
	}
	program, err := env.Program(parsed)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		t.Fatal(err)
	}
	value, _, err := program.Eval(fields)
	if err != nil {
		return false
	}
	is, ok := value.Value().(bool)
	if !ok {
		t.Errorf("%s is no truth value, but %v", expression, value)
	}
	return is
}

// observed is a condition of a generation.
func observed(name string, status metav1.ConditionStatus, generation int64) metav1.Condition {
	return metav1.Condition{Type: name, Status: status, ObservedGeneration: generation}
}

// fluxObjects are objects of generation 2, by kind: those that Flux is to wait for, and those that are as declared.
func fluxObjects() (waits, is map[string][]runtime.Object) {
	meta := metav1.ObjectMeta{Name: "web", Generation: 2}
	ingress := func(addresses ...networkingv1.IngressLoadBalancerIngress) runtime.Object {
		return &networkingv1.Ingress{ObjectMeta: meta, Status: networkingv1.IngressStatus{
			LoadBalancer: networkingv1.IngressLoadBalancerStatus{Ingress: addresses}}}
	}
	service := func(of corev1.ServiceType, addresses ...corev1.LoadBalancerIngress) runtime.Object {
		return &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Type: of}, Status: corev1.ServiceStatus{
			LoadBalancer: corev1.LoadBalancerStatus{Ingress: addresses}}}
	}
	gateway := func(conditions ...metav1.Condition) runtime.Object {
		return &gatewayv1.Gateway{ObjectMeta: meta, Status: gatewayv1.GatewayStatus{Conditions: conditions}}
	}
	route := func(parents ...[]metav1.Condition) runtime.Object {
		o := &gatewayv1.HTTPRoute{ObjectMeta: meta}
		for _, conditions := range parents {
			o.Status.Parents = append(o.Status.Parents, gatewayv1.RouteParentStatus{Conditions: conditions})
		}
		return o
	}
	binding := func(conditions ...metav1.Condition) runtime.Object {
		return &v1beta1.TargetGroupBinding{ObjectMeta: meta, Status: v1beta1.TargetGroupBindingStatus{Conditions: conditions}}
	}
	good := []metav1.Condition{observed("Accepted", metav1.ConditionTrue, 2),
		observed("ResolvedRefs", metav1.ConditionTrue, 2)}
	lacking := []metav1.Condition{good[0], observed("ResolvedRefs", metav1.ConditionFalse, 2)}
	old := []metav1.Condition{observed("Accepted", metav1.ConditionTrue, 1), good[1]}
	const (
		http    = "gateway.networking.k8s.io/v1 HTTPRoute"
		gate    = "gateway.networking.k8s.io/v1 Gateway"
		group   = "elbv2.k8s.aws/v1beta1 TargetGroupBinding"
		address = "web.elb.us-west-2.amazonaws.com"
	)
	waits = map[string][]runtime.Object{
		"networking.k8s.io/v1 Ingress": {ingress()},
		"v1 Service":                   {service(corev1.ServiceTypeLoadBalancer)},
		gate: {gateway(), gateway(observed("Programmed", metav1.ConditionFalse, 2)),
			gateway(observed("Programmed", metav1.ConditionTrue, 1)), gateway(observed("Accepted", metav1.ConditionTrue, 2))},
		http: {route(), route(nil), route(lacking), route(old), route(good, lacking)},
		group: {binding(), binding(observed("Ready", metav1.ConditionFalse, 2)),
			binding(observed("Ready", metav1.ConditionTrue, 1))},
	}
	is = map[string][]runtime.Object{
		"networking.k8s.io/v1 Ingress": {ingress(networkingv1.IngressLoadBalancerIngress{Hostname: address})},
		"v1 Service": {service(corev1.ServiceTypeClusterIP), service(""),
			service(corev1.ServiceTypeLoadBalancer, corev1.LoadBalancerIngress{Hostname: address})},
		gate:  {gateway(observed("Accepted", metav1.ConditionTrue, 2), observed("Programmed", metav1.ConditionTrue, 2))},
		http:  {route(good), route(good, good)},
		group: {binding(observed("Ready", metav1.ConditionTrue, 2))},
	}
	return waits, is
}

func TestFluxWaitsForWhatIsNotAsDeclared(t *testing.T) {
	t.Parallel()
	waits, is := fluxObjects()
	expressions := healthExpressions(t)
	if len(expressions) != len(is) {
		t.Errorf("the page has %d expressions, the test objects of %d kinds", len(expressions), len(is))
	}
	for kind, expression := range expressions {
		if len(waits[kind]) == 0 || len(is[kind]) == 0 {
			t.Errorf("no object of kind %s is tested", kind)
		}
		for _, o := range waits[kind] {
			if current(t, expression, o) {
				t.Errorf("Flux does not wait for %+v", o)
			}
		}
		for _, o := range is[kind] {
			if !current(t, expression, o) {
				t.Errorf("Flux waits for %+v", o)
			}
		}
	}
}
