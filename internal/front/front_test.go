package front

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

const finalizer = "service.k8s.aws/resources"

func balancer(change func(*corev1.Service)) *corev1.Service {
	class := "service.k8s.aws/nlb"
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u",
		Annotations: map[string]string{
			"service.beta.kubernetes.io/aws-load-balancer-scheme":          "internal",
			"service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip"}},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: &class, Ports: []corev1.ServicePort{
			{Port: 80, Protocol: corev1.ProtocolTCP}}}}
	change(svc)
	return svc
}

func TestAServiceIsWantedLeavesOrIsNobodys(t *testing.T) {
	t.Parallel()
	front := Service{Config: service.Config{LoadBalancerClass: "service.k8s.aws/nlb", DefaultTargetType: "ip"}}
	protect := "service.beta.kubernetes.io/aws-load-balancer-attributes"
	for name, c := range map[string]struct {
		svc              *corev1.Service
		wanted, leaving  bool
		protected, lifts bool // as it declares
	}{
		"wanted": {balancer(func(*corev1.Service) {}), true, false, false, false},
		"deleted": {balancer(func(s *corev1.Service) {
			s.DeletionTimestamp, s.Finalizers = &metav1.Time{}, []string{finalizer}
		}), false, true, false, false},
		"no longer a balancer": {balancer(func(s *corev1.Service) {
			s.Spec.Type, s.Spec.LoadBalancerClass, s.Finalizers = corev1.ServiceTypeClusterIP, nil, []string{finalizer}
		}), false, true, false, false},
		"deleted and protected": {balancer(func(s *corev1.Service) {
			s.DeletionTimestamp, s.Finalizers = &metav1.Time{}, []string{finalizer}
			s.Annotations[protect] = "deletion_protection.enabled=true"
		}), false, true, true, false},
		"deleted, its protection lifted": {balancer(func(s *corev1.Service) {
			s.DeletionTimestamp, s.Finalizers = &metav1.Time{}, []string{finalizer}
			s.Annotations[protect] = "deletion_protection.enabled=false"
		}), false, true, false, true},
		"its type cannot be understood": {balancer(func(s *corev1.Service) {
			s.Spec.LoadBalancerClass, s.Finalizers = nil, []string{finalizer}
			s.Annotations["service.beta.kubernetes.io/aws-load-balancer-type"] = "externl"
		}), true, false, false, false},
		"another's": {balancer(func(s *corev1.Service) { s.Spec.LoadBalancerClass = nil }), false, false, false, false},
	} {
		key := stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "shop", Name: "web"}}
		w := front.Load(objects.FromObjects([]any{c.svc}), key.ID).Governed(key, nil)
		if w.Declared != c.wanted || (len(w.Members) == 1) != c.wanted || (len(w.Leaving) == 1) != c.leaving ||
			w.Nothing() != (!c.wanted && !c.leaving) {
			t.Errorf("%s: %+v", name, w)
		}
		if (w.Protected[stack.LoadBalancerIdentity] != "") != c.protected {
			t.Errorf("%s: protected by %q", name, w.Protected)
		}
		opt := w.Options(stack.Service, diff.Options{Region: diff.Region{Unweighted: true}})
		if !opt.Region.Unweighted || slices.Contains(opt.LiftProtection, stack.LoadBalancerIdentity) != c.lifts {
			t.Errorf("%s: options %+v", name, opt)
		}
	}
	if w := front.Load(objects.FromObjects([]any{}), stack.ID{Namespace: "shop", Name: "web"}); !w.Nothing() {
		t.Errorf("a Service that does not exist: %+v", w)
	}
}

func TestAMemberThatLeavesAGroupIsReleasedWhileTheOthersStay(t *testing.T) {
	t.Parallel()
	class := "alb"
	member := func(name string, deleted bool) *networkingv1.Ingress {
		i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name,
			Annotations: map[string]string{"alb.ingress.kubernetes.io/group.name": "team"},
			Finalizers:  []string{"group.ingress.k8s.aws/team"}}, Spec: networkingv1.IngressSpec{IngressClassName: &class}}
		if deleted {
			i.DeletionTimestamp = &metav1.Time{}
		}
		return i
	}
	ic := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: class}, Spec: networkingv1.IngressClassSpec{
		Controller: "ingress.k8s.aws/alb"}}
	names := func(os []metav1.Object) []string {
		var out []string
		for _, o := range os {
			out = append(out, o.GetName())
		}
		return out
	}
	front := Ingress{Config: ingress.Config{IngressClass: "alb", DefaultTargetType: "ip"}}
	w := front.Load(objects.FromObjects([]any{ic, member("stays", false), member("leaves", true)}), stack.ID{Name: "team"})
	if !w.Declared || !slices.Equal(names(w.Members), []string{"stays"}) || !slices.Equal(names(w.Leaving),
		[]string{"leaves"}) {
		t.Errorf("%v stay, %v leave", names(w.Members), names(w.Leaving))
	}
	w = front.Load(objects.FromObjects([]any{ic, member("leaves", true)}), stack.ID{Name: "team"})
	if w.Declared || w.Nothing() || !slices.Equal(names(w.Leaving), []string{"leaves"}) {
		t.Errorf("%+v", w)
	}
}

// oracle answers needs from facts, a kind at a time.
type oracle struct {
	asked [][]facts.Need
	known facts.Facts
	err   error
}

func (o *oracle) Answer(_ context.Context, needs []facts.Need) (facts.Facts, error) {
	o.asked = append(o.asked, slices.Clone(needs))
	var f facts.Facts
	for _, n := range needs {
		switch n.Kind { //nolint:exhaustive // the rest is never answered
		case facts.NeedSubnets:
			f.Subnets = o.known.Subnets
		case facts.NeedStack:
			f.ExistingKnown = true
		case facts.NeedVPC:
			f.VPC = o.known.VPC
		}
	}
	return f, o.err
}

func TestNeedsAreAskedForUntilNoneIsNew(t *testing.T) {
	t.Parallel()
	front := Service{Config: service.Config{LoadBalancerClass: "service.k8s.aws/nlb", DefaultTargetType: "ip"}}
	w := front.Load(objects.FromObjects([]any{balancer(func(*corev1.Service) {})}),
		stack.ID{Namespace: "shop", Name: "web"})
	key := stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "shop", Name: "web"}}
	o := &oracle{known: facts.Facts{Subnets: map[string]facts.Subnet{}, VPC: &facts.VPC{ID: "vpc-1"}}}
	cfg := compile.Config{Cluster: "demo", VPC: "vpc-1", DefaultTargetType: "ip", DefaultScheme: "internal",
		Gates: compile.Gates{EnableIPTargetType: true}}
	_, needs, err := Compiler{o, cfg}.Compile(t.Context(), key, w, nil)
	if err != nil || len(o.asked) != 2 || !slices.Equal(o.asked[0], []facts.Need{{Kind: facts.NeedStack,
		Key: key.String()}}) || !slices.Equal(o.asked[1], needs) ||
		!slices.Contains(needs, facts.Need{Kind: facts.NeedSubnets}) {
		t.Errorf("asked %v, needs %v, %v", o.asked, needs, err)
	}
	for n, now := range o.asked[1:] {
		before := o.asked[n]
		if len(now) <= len(before) || !slices.Equal(now[:len(before)], before) {
			t.Errorf("after %v it asks %v", before, now)
		}
	}
	o = &oracle{err: errors.New("the process ends")}
	if _, _, err := (Compiler{o, compile.Config{}}).Compile(t.Context(), key, w, nil); err == nil || len(o.asked) != 1 {
		t.Errorf("asked %v, %v", o.asked, err)
	}
	o = &oracle{err: errors.New("nobody answers")}
	c, needs, err := Compiler{o, compile.Config{Cluster: "demo", VPC: "vpc-1"}}.Compile(t.Context(), key, Input{}, nil)
	if err != nil || len(needs)+len(o.asked) > 0 || !c.Stack.Empty() || c.Stack.Key != key || c.Stack.Cluster != "demo" ||
		c.Stack.VPC != "vpc-1" {
		t.Errorf("what is to go needs %v %v: %+v, %v", needs, o.asked, c.Stack, err)
	}
}

func TestProtectionOfLoadBalancerExtendsToItsFrontend(t *testing.T) {
	t.Parallel()
	says := func(v bool) intent.Field[bool] {
		return intent.Of(v, intent.At(diag.Object{Kind: "Ingress", Name: map[bool]string{true: "kept", false: "lifted"}[v]},
			"p"))
	}
	const lb, frontend, kept = stack.LoadBalancerIdentity, stack.FrontendIdentity, "Ingress kept, p"
	for name, c := range map[string]struct {
		balancer, frontend intent.Field[bool]
		protected          map[string]string
		unprotect          []string
	}{
		"nothing":           {protected: map[string]string{}},
		"the load balancer": {balancer: says(true), protected: map[string]string{lb: kept, frontend: kept}},
		"not the frontend": {balancer: says(true), frontend: says(false), protected: map[string]string{
			lb: kept, frontend: kept}},
		"the frontend alone": {frontend: says(true), protected: map[string]string{frontend: kept}},
		"neither": {balancer: says(false), frontend: says(false), protected: map[string]string{},
			unprotect: []string{frontend, lb}},
		"not the load balancer": {balancer: says(false), protected: map[string]string{}, unprotect: []string{lb}},
		"only what is in the front": {balancer: says(false), frontend: says(true), protected: map[string]string{
			frontend: kept}, unprotect: []string{lb}},
	} {
		var w Input
		w.declareProtection(c.balancer, c.frontend)
		if !maps.Equal(w.Protected, c.protected) || !slices.Equal(slices.Sorted(slices.Values(w.LiftProtection)), c.unprotect) {
			t.Errorf("%s: protected %v, unprotect %v", name, w.Protected, w.LiftProtection)
		}
	}
}
