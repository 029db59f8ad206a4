package ingresses

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
)

// selectiveLab is three load balancers of a class whose parameters admit namespaces with the label team=a, with a brake
// that lets one go.
func selectiveLab(t *testing.T) (l *lab.Lab, keys []stack.Key) {
	t.Helper()
	class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
		Controller: "ingress.k8s.aws/alb",
		Parameters: &networkingv1.IngressClassParametersReference{APIGroup: ptr.To("elbv2.k8s.aws"),
			Kind: "IngressClassParams", Name: "alb"}}}
	params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "alb"},
		Spec: v1beta1.IngressClassParamsSpec{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{
			"team": "a"}}}}
	shop := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "a"}}}
	l = lab.New(t, account.Profile{}, class, params, shop, lab.Service("web"))
	for _, name := range []string{"web-0", "web-1", "web-2"} {
		l.Create(lab.Ingress(name, nil, "web"))
		keys = append(keys, lab.Key(name))
	}
	l.Ingresses.Brake = brake.New(1, l.Clock.Now)
	l.Settle(keys...)
	if l.Balancers() != 3 {
		t.Fatalf("%d load balancers\n%s", l.Balancers(), strings.Join(l.Events, "\n"))
	}
	return l, keys
}

// cluster reads an object that is in no namespace.
func cluster(l *lab.Lab, o client.Object, name string) {
	l.Helper()
	l.Must(l.Client.Get(l.Context(), client.ObjectKey{Name: name}, o))
}

// TestWhatNoLongerAdmitsAnIngressDeletesNoLoadBalancer takes away, or changes, what admitted all Ingresses.
func TestWhatNoLongerAdmitsAnIngressDeletesNoLoadBalancer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(l *lab.Lab){
		"the labels of the namespace vanish": func(l *lab.Lab) {
			ns := &corev1.Namespace{}
			cluster(l, ns, "shop")
			ns.Labels = nil
			l.Must(l.Client.Update(l.Context(), ns))
		},
		"the selector of the parameters changes": func(l *lab.Lab) {
			p := &v1beta1.IngressClassParams{}
			cluster(l, p, "alb")
			p.Spec.NamespaceSelector.MatchLabels["team"] = "b"
			l.Must(l.Client.Update(l.Context(), p))
		},
		"the parameters vanish": func(l *lab.Lab) {
			p := &v1beta1.IngressClassParams{}
			cluster(l, p, "alb")
			l.Must(l.Client.Delete(l.Context(), p))
		},
		"the class vanishes": func(l *lab.Lab) { l.Must(l.Client.Delete(l.Context(), lab.Class())) },
		"the namespace vanishes before its objects": func(l *lab.Lab) {
			ns := &corev1.Namespace{}
			cluster(l, ns, "shop")
			l.Must(l.Client.Delete(l.Context(), ns))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, keys := selectiveLab(t)
			l.Events = nil
			change(l)
			mark := l.Mark()
			l.Settle(keys...)
			if w := slices.DeleteFunc(l.Writes(mark), func(op string) bool {
				return !strings.HasPrefix(op, "Delete") && !strings.HasPrefix(op, "Deregister")
			}); len(w) > 0 || l.Balancers() != 3 {
				t.Errorf("%d load balancers, written: %v", l.Balancers(), w)
			}
			if told := strings.Join(l.Events, "\n"); strings.Count(told, "["+string(diag.InvalidIngressClass)+"]") != len(keys) {
				t.Errorf("told:\n%s", told)
			}
		})
	}
}

// TestADefinitionThatIsRemovedDeletesNoLoadBalancer has the API server know nothing of IngressClassParams.
func TestADefinitionThatIsRemovedDeletesNoLoadBalancer(t *testing.T) {
	t.Parallel()
	l, keys := selectiveLab(t)
	served, ok := l.Client.(client.WithWatch)
	if !ok {
		t.Fatal("the client cannot watch")
	}
	l.Ingresses.Client = interceptor.NewClient(served, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch,
		key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if _, is := o.(*v1beta1.IngressClassParams); is {
			return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "elbv2.k8s.aws", Kind: "IngressClassParams"},
				SearchedVersions: []string{"v1beta1"}}
		}
		return c.Get(ctx, key, o, opts...)
	}})
	mark := l.Mark()
	for range 3 {
		_, _ = l.Round(keys...) // that the parameters cannot be read may fail the pass
	}
	if w := l.Writes(mark); len(w) > 0 || l.Balancers() != 3 {
		t.Errorf("%d load balancers, written: %v", l.Balancers(), w)
	}
}

// TestDeletedNamespaceDeletesItsLoadBalancers deletes the objects, as the namespace controller does
// before the namespace goes. The namespace has lost its labels, and the brake would allow one
// deletion.
func TestDeletedNamespaceDeletesItsLoadBalancers(t *testing.T) {
	t.Parallel()
	l, keys := selectiveLab(t)
	ns := &corev1.Namespace{}
	cluster(l, ns, "shop")
	ns.Labels = nil
	l.Must(l.Client.Update(t.Context(), ns))
	for _, k := range keys {
		l.Must(l.Client.Delete(t.Context(), lab.Ingress(k.ID.Name, nil, "web")))
	}
	l.Settle(keys...)
	if l.Balancers() != 0 || l.Ingresses.Brake.Stopped() != 0 {
		t.Errorf("%d load balancers, %d held", l.Balancers(), l.Ingresses.Brake.Stopped())
	}
}

// TestTargetsStayRegisteredWhileBindingsAreRecreated deletes the bindings of a stack, as the
// removal of their definition does. For an hour, they cannot be created again.
func TestTargetsStayRegisteredWhileBindingsAreRecreated(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(lab.Pods("a", "10.0.128.50")...)
	l.Settle(lab.Key("front"))
	tg := l.Served()
	rules := func() int {
		out, err := l.Sim.Compute.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{
			GroupIds: []string{lab.NodeGroup}})
		l.Must(err)
		return len(out.SecurityGroups[0].IpPermissions)
	}
	permissions := rules()
	if got := l.Targets(tg); len(got) != 1 {
		t.Fatalf("registered: %v", got)
	}

	mark, gone := l.Mark(), l.AllBindings()[0]
	l.Must(l.Client.Delete(t.Context(), &gone))
	l.Settle() // without a pass over the stack
	l.Drain(time.Hour)
	if len(l.AllBindings()) != 0 || len(l.Targets(tg)) != 1 || rules() != permissions {
		t.Errorf("meanwhile: bindings %v, targets %v, %d permissions, want %d", l.AllBindings(), l.Targets(tg), rules(),
			permissions)
	}
	l.Ingresses.Bindings.NoteDeleted(&gone)
	l.Settle(lab.Key("front"))
	l.Drain(time.Hour)
	if w := l.Writes(mark); len(w) > 0 || l.Served() != tg || l.Bound.Drains.Len() > 0 || rules() != permissions {
		t.Errorf("written: %v; %d permissions, want %d; waiting %d", w, rules(), permissions, l.Bound.Drains.Len())
	}
}

// TestTheRulesOfADeletedBindingGoWithItsTargetGroup deletes the Ingress after its binding was deleted by hand.
func TestTheRulesOfADeletedBindingGoWithItsTargetGroup(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(lab.Pods("a", "10.0.128.50")...)
	l.Settle(lab.Key("front"))
	gone := l.AllBindings()[0]
	l.Must(l.Client.Delete(t.Context(), &gone))
	l.Settle()
	l.Ingresses.Bindings.NoteDeleted(&gone)
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("front", nil, "web")))
	l.Settle(lab.Key("front"))
	l.Drain(time.Hour)
	if l.Bound.Drains.Len() > 0 || l.Balancers() != 0 {
		t.Errorf("waiting %d, %d load balancers", l.Bound.Drains.Len(), l.Balancers())
	}
}
