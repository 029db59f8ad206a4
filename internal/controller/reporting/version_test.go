package reporting

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestVersionChangesWithWhatUsersWrite(t *testing.T) {
	t.Parallel()
	made := func(change func(*networkingv1.Ingress)) string {
		i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "1", Generation: 1,
			ResourceVersion: "7"}}
		change(i)
		return Version(i)
	}
	same := made(func(*networkingv1.Ingress) {})
	for name, c := range map[string]struct {
		change func(*networkingv1.Ingress)
		edits  bool
	}{
		"generation":             {func(i *networkingv1.Ingress) { i.Generation = 2 }, true},
		"created again":          {func(i *networkingv1.Ingress) { i.UID = "2" }, true},
		"deletion":               {func(i *networkingv1.Ingress) { i.DeletionTimestamp = &metav1.Time{} }, true},
		"annotation":             {annotated(string(annotation.Scheme)), true},
		"annotation of a family": {annotated("alb.ingress.kubernetes.io/actions.hello"), true},
		"class":                  {annotated("kubernetes.io/ingress.class"), true},
		"resource version":       {func(i *networkingv1.Ingress) { i.ResourceVersion = "8" }, false},
		"finalizer": {func(i *networkingv1.Ingress) { i.Finalizers = []string{"ingress.k8s.aws/resources"} },
			false},
		"status": {func(i *networkingv1.Ingress) {
			i.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{}}
		}, false},
		"annotation of another":    {annotated("example.com/heartbeat"), false},
		"plan":                     {annotated(string(annotation.DryRunPlan)), false},
		"record of secrets":        {annotated(string(annotation.WrittenSecrets)), false},
		"construction of rules":    {annotated(string(annotation.GatewayRuleConstruction)), false},
		"last applied, of kubectl": {annotated(corev1.LastAppliedConfigAnnotation), false},
	} {
		if got := made(c.change); (got != same) != c.edits {
			t.Errorf("%s: %s, before %s", name, got, same)
		}
	}
}

func annotated(key string) func(*networkingv1.Ingress) {
	return func(i *networkingv1.Ingress) { i.Annotations = map[string]string{key: "x"} }
}

func TestVersionOfServiceFollowsItsSpec(t *testing.T) {
	t.Parallel()
	one := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "1"},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
	two := one.DeepCopy()
	if two.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "x"}}; Version(one) != Version(two) {
		t.Error("the status is not what users write")
	}
	if two.Spec.Ports[0].Port = 81; Version(one) == Version(two) {
		t.Error("an edit of a port does not change the version")
	}
}

func TestEffectiveVersionWaitsForTheEdit(t *testing.T) {
	t.Parallel()
	p := served()
	p.Members[0].Version, p.Members[1].Version = "a1", "b1"
	s := LoadBalancer(p, v1alpha1.LoadBalancerStatus{})
	p.Members[0].Version, p.Members[1].Version = "a2", "b2"
	p.Pending = []diag.Object{shop}
	p.Found = diag.List{diag.New(blog, "spec", diag.InvalidAnnotation, "wrong", "mend it")}
	s = LoadBalancer(p, s)
	for i, want := range [][2]string{{"a2", "a1"}, {"b2", "b1"}} {
		if m := s.Members[i]; m.ObservedVersion != want[0] || m.EffectiveVersion != want[1] {
			t.Errorf("member %d: %+v, want %v", i, m, want)
		}
	}
	p.Pending, p.Found = nil, nil
	for i, m := range LoadBalancer(p, s).Members {
		if m.EffectiveVersion != p.Members[i].Version {
			t.Errorf("%+v is not in effect", m)
		}
	}
}
