package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// CrashBalancer is a Service with a network load balancer.
func CrashBalancer(name string) *corev1.Service {
	s := Service(name)
	s.Spec.Type = corev1.ServiceTypeLoadBalancer
	s.Spec.LoadBalancerClass = ptr.To("service.k8s.aws/nlb")
	s.Annotations = map[string]string{}
	for k, v := range map[string]string{"scheme": "internet-facing", "nlb-target-type": "ip"} {
		s.Annotations["service.beta.kubernetes.io/aws-load-balancer-"+k] = v
	}
	return s
}

// Balancer edits an annotation of a Service with a network load balancer.
func (l *Lab) Balancer(name, key, value string) {
	l.Helper()
	s := &corev1.Service{}
	if !l.Get(s, name) {
		l.Fatalf("no Service %s", name)
	}
	s.Annotations["service.beta.kubernetes.io/aws-load-balancer-"+key] = value
	l.Must(l.Client.Update(l.Context(), s))
}

// Drop deletes an object of namespace shop.
func (l *Lab) Drop(o client.Object, name string) {
	l.Helper()
	if !l.Get(o, name) {
		l.Fatalf("no %T %s", o, name)
	}
	l.Must(l.Client.Delete(l.Context(), o))
}

// CrashCertificate is the ARN of a certificate of the simulated account.
const CrashCertificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"

// Annotate sets an annotation of an Ingress.
func (l *Lab) Annotate(name, key, value string) {
	l.Helper()
	l.Edit(name, func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/"+key] = value })
}

// CrashLab is at rest with an Ingress base, a Service net with a network load balancer, and a binding of the user's. If
// stacks own certificates, there are the Ingresses sealed and asked as well.
func CrashLab(t *testing.T, keeps, owning bool, prepare ...func(*Lab)) *Lab {
	t.Helper()
	objects := []client.Object{Class(), Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), Ingress("base", nil, "s0")}
	for n := range 2 {
		service := Service(fmt.Sprintf("s%d", n))
		service.Spec.Type, service.Spec.Ports[0].NodePort = "NodePort", int32(30080+n)
		objects = append(append(objects, service), ChaosEndpoints(service.Name, "a", SoakAddress(n, 0))...)
	}
	objects = append(append(objects, CrashBalancer("net")), ChaosEndpoints("net", "a", SoakAddress(2, 0))...)
	objects = append(objects, ChaosEndpoints("edge", "a", SoakAddress(3, 0))...)
	l := New(t, account.Profile{CertificateIssue: 10 * time.Second}, objects...)
	for _, p := range prepare {
		p(l)
	}
	if owning {
		l.OwnCertificates()
		l.Create(Sealed("sealed", "tls"), Asking("asked", "www.asked.dev"))
	}
	bound := Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	bound.Spec.ServiceRef.Name = "s1"
	l.Create(bound)
	if l.Checkpointed = keeps; keeps {
		l.Restart()
	}
	l.CrashWait(time.Minute)
	if keeps {
		l.Crash()
	}
	return l
}

// CrashKeys are the keys of the stacks of CrashLab.
var CrashKeys = append([]stack.Key{FrontKey, Key("base"), ServiceKey("net"), ServiceKey("edge")}, ownersKeys...)

// ServiceKey is the key of the stack of a Service of namespace shop.
func ServiceKey(name string) stack.Key {
	return stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "shop", Name: name}}
}

// CrashWait lets time pass.
func (l *Lab) CrashWait(d time.Duration) {
	l.Helper()
	l.PassWith(d, CrashKeys...)
}

// PassWith lets time pass with what runs beside the passes.
func (l *Lab) PassWith(d time.Duration, keys ...stack.Key) {
	l.Helper()
	l.Pass(d, []Loop{
		{15 * time.Second, func(ctx context.Context) { l.Bound.Drains.Look(ctx) }},
		{30 * time.Second, func(ctx context.Context) {
			l.Ingresses.Backend.Look(ctx)
		}},
	}, keys...)
}

// Troubles are the warnings of a span without those that tell of what needs time or has no effect.
func (l *Lab) Troubles(from int) map[string][]string {
	out := l.Warnings(from)
	for object, texts := range out {
		if texts = slices.DeleteFunc(texts, func(s string) bool {
			return strings.HasPrefix(s, "Note: ") || strings.HasSuffix(s, "["+string(diag.RouteNotAttached)+"]")
		}); len(texts) == 0 {
			delete(out, object)
		} else {
			out[object] = texts
		}
	}
	return out
}

// EndAtCall makes at most so many passes, with a pause after each, in a process that ends before its n-th call.
func (l *Lab) EndAtCall(n, passes int, pause time.Duration, keys ...stack.Key) {
	ctx, die := context.WithCancel(l.Context())
	defer l.BeforeCall(nil)
	defer die()
	var made atomic.Int32
	l.BeforeCall(func(context.Context) error {
		if int(made.Add(1)) > n {
			die()
		}
		return ctx.Err()
	})
	for range passes {
		if ctx.Err() != nil {
			return
		}
		l.PassOnce(ctx, keys...)
		l.Clock.Advance(pause)
	}
}

// PassOnce makes one pass over everything in a process that may end on the way.
func (l *Lab) PassOnce(ctx context.Context, keys ...stack.Key) {
	for _, key := range keys {
		_, _ = l.ReconcilerOf(key).Reconcile(ctx, key)
	}
	for _, b := range l.AllBindings() {
		_, _ = l.Bound.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&b)})
	}
	l.RunQueues(ctx)
	l.Clock.Advance(queue.Coalesce)
}
