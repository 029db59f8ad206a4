package bindings

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

func newHealLab(t *testing.T) *lab.Lab {
	t.Helper()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
	l.Settle(lab.Key("front"))
	l.Served()
	return l
}

func TestABindingThatAUserDeletesComesBack(t *testing.T) {
	t.Parallel()
	l := newHealLab(t)
	before := l.AllBindings()[0]
	l.Must(l.Client.Delete(t.Context(), &before)) // its finalizer holds it until targets are deregistered
	handler := l.Ingresses.WakeOwner(l.Ingresses.Bindings.NoteDeleted)
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[stack.Key]())
	defer q.ShutDown()
	handler.Delete(t.Context(), event.DeleteEvent{Object: &before}, q)
	l.Settle(lab.Key("front"))
	l.Served()
}

func TestDeletedTargetGroupIsCreatedAgainAndBound(t *testing.T) {
	t.Parallel()
	l := newHealLab(t)
	old := l.Served()
	l.Clock.Advance(time.Hour)
	lb := l.Sim.Resources().LoadBalancers[0]
	_, err := l.Sim.Balancing.DeleteListener(t.Context(), &elbv2.DeleteListenerInput{
		ListenerArn: aws.String(lb.Listeners[0].ARN)})
	l.Must(err)
	_, err = l.Sim.Balancing.DeleteTargetGroup(t.Context(), &elbv2.DeleteTargetGroupInput{TargetGroupArn: aws.String(old)})
	l.Must(err)
	// The background sweep finds out, has the binding look, and the binding tells its stack.
	if _, drifted, err := l.Bound.Registry.Recheck(t.Context(), registrar.Group{ARN: old}); err != nil || !drifted {
		t.Fatalf("a group that is gone is no drift: %v", err)
	}
	l.Settle()
	if len(l.Sim.Resources().TargetGroups) == 0 {
		t.Fatal("the binding has not woken its stack")
	}
	l.Settle(lab.Key("front"))
	if now := l.Served(); now == old {
		t.Error("nothing was made anew")
	}
}

func TestABindingWhoseLabelsWereStrippedIsTakenBack(t *testing.T) {
	t.Parallel()
	l := newHealLab(t)
	b := l.AllBindings()[0]
	b.Labels = nil
	l.Must(l.Client.Update(t.Context(), &b))
	l.Clock.Advance(time.Hour) // what was written is believed for a while
	l.Settle(lab.Key("front"))
	l.Served()
	if !bindingobject.OfStack(l.AllBindings()[0].Labels) {
		t.Errorf("labels %v", l.AllBindings()[0].Labels)
	}
}

func TestWhatWasWrittenToABindingIsForgottenWhenItIsSeenToGo(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithIndex(&v1beta1.TargetGroupBinding{}, reads.ByStack,
		reads.StackOf).Build()
	b := stacks.NewBindingWriter(c, func() time.Time { return time.Unix(100, 0) })
	key := lab.Key("front")
	want := stack.Binding{Name: "k8s-web", Namespace: "shop", Labels: map[string]string{
		"ingress.k8s.aws/stack-namespace": "shop", "ingress.k8s.aws/stack-name": "front"},
		TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:tg"), TargetType: stack.TargetIP, ServiceName: "web",
		ServicePort: "80"}
	count := func(step string, n int) {
		t.Helper()
		if got, err := b.List(t.Context(), key); err != nil || len(got) != n {
			t.Errorf("%s: %v %v, want %d", step, got, err, n)
		}
	}
	if err := b.CreateBinding(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "k8s-web"}}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil ||
		!slices.Equal(o.Finalizers, []string{naming.BindingFinalizer}) {
		t.Fatalf("%v, finalizers %v", err, o.Finalizers)
	}
	o.Finalizers = nil
	if err := errors.Join(c.Update(t.Context(), o), c.Delete(t.Context(), o)); err != nil {
		t.Fatal(err)
	}
	count("the cache may be behind", 1)
	former := o.DeepCopy()
	former.UID = "former"
	b.NoteDeleted(former)
	count("another one of the name went", 1)
	b.NoteDeleted(o)
	count("it went", 0)
}

func TestABindingWhoseCreationWasNotAnsweredIsRemembered(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	want := stack.Binding{Name: "k8s-web", Namespace: "shop", TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:tg"),
		TargetType: stack.TargetIP}
	for _, effect := range []bool{true, false} {
		attempts := 0
		c := fake.NewClientBuilder().WithScheme(scheme).WithIndex(&v1beta1.TargetGroupBinding{}, reads.ByStack,
			reads.StackOf).WithInterceptorFuncs(interceptor.Funcs{
			Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				if attempts++; attempts > 1 {
					return c.Create(ctx, o, opts...)
				}
				if effect {
					if err := c.Create(ctx, o, opts...); err != nil {
						return err
					}
				}
				return io.ErrUnexpectedEOF
			},
		}).Build()
		b := stacks.NewBindingWriter(c, func() time.Time { return time.Unix(100, 0) })
		if err := b.CreateBinding(t.Context(), want); err != nil || b.Len() != 1 || attempts != 2 {
			t.Errorf("with effect %v: %v, %d attempts, remembered %v", effect, err, attempts, b.Len())
		}
	}
}

func TestAServiceOfAnotherIPFamilyGetsATargetGroupOfThatFamily(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web", corev1.IPv4Protocol),
		lab.Ingress("front", map[string]string{"ip-address-type": "dualstack"}, "web"))
	for _, test := range []struct {
		families []corev1.IPFamily
		want     string
	}{
		{[]corev1.IPFamily{corev1.IPv4Protocol}, "ipv4"},
		{[]corev1.IPFamily{corev1.IPv6Protocol}, "ipv6"},
		{[]corev1.IPFamily{corev1.IPv4Protocol}, "ipv4"},
		{[]corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}, "ipv6"},
	} {
		svc := &corev1.Service{}
		l.Get(svc, "web")
		svc.Spec.IPFamilies = test.families
		l.Must(l.Client.Update(t.Context(), svc))
		l.Settle(lab.Key("front"))
		l.Served()
		out, err := l.Sim.Balancing.DescribeTargetGroups(t.Context(), &elbv2.DescribeTargetGroupsInput{})
		l.Must(err)
		if got := string(out.TargetGroups[0].IpAddressType); got != test.want {
			t.Errorf("%v: target group is %s", test.families, got)
		}
		if got := l.AllBindings()[0].Spec.IPAddressType; got == nil || string(*got) != test.want {
			t.Errorf("%v: binding is %v", test.families, got)
		}
	}
}
