package controller

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
)

// selectiveLab is three load balancers of a class whose parameters admit namespaces with the label team=a, with a brake that lets one go.
func selectiveLab(t *testing.T) (l *lab, keys []stack.Key) {
	t.Helper()
	class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{Controller: "ingress.k8s.aws/alb",
		Parameters: &networkingv1.IngressClassParametersReference{APIGroup: ptr.To("elbv2.k8s.aws"), Kind: "IngressClassParams", Name: "alb"}}}
	params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "alb"},
		Spec: v1beta1.IngressClassParamsSpec{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}}}
	shop := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "a"}}}
	l = newLab(t, account.Profile{}, class, params, shop, labService("web"))
	for _, name := range []string{"web-0", "web-1", "web-2"} {
		l.create(labIngress(name, nil, "web"))
		keys = append(keys, implicit(name))
	}
	l.ingresses.Brake = brake.New(1, l.clock.Now)
	l.settle(keys...)
	if l.balancers() != 3 {
		t.Fatalf("%d load balancers\n%s", l.balancers(), strings.Join(l.events, "\n"))
	}
	return l, keys
}

// cluster reads an object that is in no namespace.
func (l *lab) cluster(o client.Object, name string) {
	l.Helper()
	l.must(l.client.Get(l.Context(), client.ObjectKey{Name: name}, o))
}

// TestWhatNoLongerAdmitsAnIngressDeletesNoLoadBalancer takes away, or changes, what admitted all Ingresses.
func TestWhatNoLongerAdmitsAnIngressDeletesNoLoadBalancer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(l *lab){
		"the labels of the namespace vanish": func(l *lab) {
			ns := &corev1.Namespace{}
			l.cluster(ns, "shop")
			ns.Labels = nil
			l.must(l.client.Update(l.Context(), ns))
		},
		"the selector of the parameters changes": func(l *lab) {
			p := &v1beta1.IngressClassParams{}
			l.cluster(p, "alb")
			p.Spec.NamespaceSelector.MatchLabels["team"] = "b"
			l.must(l.client.Update(l.Context(), p))
		},
		"the parameters vanish": func(l *lab) {
			p := &v1beta1.IngressClassParams{}
			l.cluster(p, "alb")
			l.must(l.client.Delete(l.Context(), p))
		},
		"the class vanishes": func(l *lab) { l.must(l.client.Delete(l.Context(), labClass())) },
		"the namespace vanishes before its objects": func(l *lab) {
			ns := &corev1.Namespace{}
			l.cluster(ns, "shop")
			l.must(l.client.Delete(l.Context(), ns))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, keys := selectiveLab(t)
			l.events = nil
			change(l)
			mark := l.mark()
			l.settle(keys...)
			if w := slices.DeleteFunc(l.writes(mark), func(op string) bool { return !strings.HasPrefix(op, "Delete") && !strings.HasPrefix(op, "Deregister") }); len(w) > 0 || l.balancers() != 3 {
				t.Errorf("%d load balancers, written: %v", l.balancers(), w)
			}
			if told := strings.Join(l.events, "\n"); strings.Count(told, "["+string(diag.InvalidIngressClass)+"]") != len(keys) {
				t.Errorf("told:\n%s", told)
			}
		})
	}
}

// TestADefinitionThatIsRemovedDeletesNoLoadBalancer has the API server know nothing of IngressClassParams.
func TestADefinitionThatIsRemovedDeletesNoLoadBalancer(t *testing.T) {
	t.Parallel()
	l, keys := selectiveLab(t)
	served, ok := l.client.(client.WithWatch)
	if !ok {
		t.Fatal("the client cannot watch")
	}
	l.ingresses.Client = interceptor.NewClient(served, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if _, is := o.(*v1beta1.IngressClassParams); is {
			return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "elbv2.k8s.aws", Kind: "IngressClassParams"}, SearchedVersions: []string{"v1beta1"}}
		}
		return c.Get(ctx, key, o, opts...)
	}})
	mark := l.mark()
	for range 3 {
		_, _ = l.round(keys...) // that the parameters cannot be read may fail the pass
	}
	if w := l.writes(mark); len(w) > 0 || l.balancers() != 3 {
		t.Errorf("%d load balancers, written: %v", l.balancers(), w)
	}
}

// TestANamespaceThatIsDeletedTakesTheLoadBalancersOfItsObjectsAlong deletes first the objects, as the namespace controller does, and then the namespace.
func TestANamespaceThatIsDeletedTakesTheLoadBalancersOfItsObjectsAlong(t *testing.T) {
	t.Parallel()
	l, keys := selectiveLab(t)
	ns := &corev1.Namespace{}
	l.cluster(ns, "shop")
	ns.Labels = nil
	l.must(l.client.Update(t.Context(), ns))
	for _, k := range keys {
		l.must(l.client.Delete(t.Context(), labIngress(k.ID.Name, nil, "web")))
	}
	l.settle(keys...)
	if l.balancers() != 0 || l.ingresses.Brake.Held() != 0 {
		t.Errorf("%d load balancers, %d held", l.balancers(), l.ingresses.Brake.Held())
	}
}

// TestTargetsStayRegisteredWhenAllBindingsAreDeletedAndMadeAgain deletes the bindings of a stack, as the removal of their definition does,
// which cannot be made again for an hour.
func TestTargetsStayRegisteredWhenAllBindingsAreDeletedAndMadeAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.create(labPods("a", "10.0.128.50")...)
	l.settle(implicit("front"))
	tg := l.served()
	rules := func() int {
		out, err := l.sim.Compute.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{labNodeGroup}})
		l.must(err)
		return len(out.SecurityGroups[0].IpPermissions)
	}
	permissions := rules()
	if got := l.targets(tg); len(got) != 1 {
		t.Fatalf("registered: %v", got)
	}

	mark, gone := l.mark(), l.allBindings()[0]
	l.must(l.client.Delete(t.Context(), &gone))
	l.settle() // without a pass over the stack
	l.drain(time.Hour)
	if len(l.allBindings()) != 0 || len(l.targets(tg)) != 1 || rules() != permissions {
		t.Errorf("meanwhile: bindings %v, targets %v, %d permissions, want %d", l.allBindings(), l.targets(tg), rules(), permissions)
	}
	l.ingresses.Bindings.NoteDeleted(&gone)
	l.settle(implicit("front"))
	l.drain(time.Hour)
	if w := l.writes(mark); len(w) > 0 || l.served() != tg || l.bound.Drains.Len() > 0 || rules() != permissions {
		t.Errorf("written: %v; %d permissions, want %d; waiting %d", w, rules(), permissions, l.bound.Drains.Len())
	}
}

// TestTheRulesOfADeletedBindingGoWithItsTargetGroup deletes the Ingress after its binding was deleted by hand.
func TestTheRulesOfADeletedBindingGoWithItsTargetGroup(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.create(labPods("a", "10.0.128.50")...)
	l.settle(implicit("front"))
	gone := l.allBindings()[0]
	l.must(l.client.Delete(t.Context(), &gone))
	l.settle()
	l.ingresses.Bindings.NoteDeleted(&gone)
	l.must(l.client.Delete(t.Context(), labIngress("front", nil, "web")))
	l.settle(implicit("front"))
	l.drain(time.Hour)
	if l.bound.Drains.Len() > 0 || l.balancers() != 0 {
		t.Errorf("waiting %d, %d load balancers", l.bound.Drains.Len(), l.balancers())
	}
}
