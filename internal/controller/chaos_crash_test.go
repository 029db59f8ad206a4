package controller

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// crashScenarios are changes that a controller carries out from rest; crashes happen in their middle.
var crashScenarios = map[string]func(*lab){
	"a group of two appears": func(l *lab) {
		l.create(labIngress("api", map[string]string{"group.name": "front", "certificate-arn": crashCertificate, "ssl-redirect": "443",
			"auth-type": "cognito", "auth-idp-cognito": `{"userPoolARN":"arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_demo","userPoolClientID":"client","userPoolDomain":"demo"}`}, "s0"))
		l.create(labIngress("web", map[string]string{"group.name": "front"}, "s1"))
	},
	"the scheme changes":      func(l *lab) { l.annotate("base", "scheme", "internal") },
	"the target type changes": func(l *lab) { l.annotate("base", "target-type", "instance") },
	"another backend": func(l *lab) {
		l.edit("base", func(i *networkingv1.Ingress) { i.Spec.Rules = labIngress("x", nil, "s1").Spec.Rules })
	},
	"another frontend": func(l *lab) {
		l.annotate("base", "enable-frontend-nlb", "true")
		l.annotate("base", "frontend-nlb-scheme", "internal")
	},
	"all is deleted": func(l *lab) {
		l.remove("base")
		l.drop(&corev1.Service{}, "net")
		l.drop(&v1beta1.TargetGroupBinding{}, "bound")
	},
	"a network load balancer appears":        func(l *lab) { l.create(crashBalancer("edge")) },
	"a network load balancer goes":           func(l *lab) { l.drop(&corev1.Service{}, "net") },
	"a network load balancer changes places": func(l *lab) { l.balancer("net", "scheme", "internal") },
	"the targets of a network load balancer become nodes": func(l *lab) {
		s := &corev1.Service{}
		l.get(s, "net")
		s.Spec.Ports[0].NodePort = 30090
		l.must(l.client.Update(l.Context(), s))
		l.balancer("net", "nlb-target-type", "instance")
	},
	"a network load balancer gets TLS on both sides": func(l *lab) {
		l.balancer("net", "ssl-cert", crashCertificate)
		l.balancer("net", "backend-protocol", "ssl")
	},
	"a network load balancer gets attributes": func(l *lab) {
		l.balancer("net", "target-group-attributes", "deregistration_delay.timeout_seconds=30")
		l.balancer("net", "attributes", "load_balancing.cross_zone.enabled=true")
	},
	"a binding goes": func(l *lab) { l.drop(&v1beta1.TargetGroupBinding{}, "bound") },
	"another port": func(l *lab) {
		s := &corev1.Service{}
		l.get(s, "s1")
		s.Spec.Ports[0].TargetPort.IntVal = 9090
		l.must(l.client.Update(l.Context(), s))
	},
}

// crashBalancer is a Service with a network load balancer.
func crashBalancer(name string) *corev1.Service {
	s := labService(name)
	s.Spec.Type = corev1.ServiceTypeLoadBalancer
	s.Spec.LoadBalancerClass = ptr.To("service.k8s.aws/nlb")
	s.Annotations = map[string]string{}
	for k, v := range map[string]string{"scheme": "internet-facing", "nlb-target-type": "ip"} {
		s.Annotations["service.beta.kubernetes.io/aws-load-balancer-"+k] = v
	}
	return s
}

// balancer edits an annotation of a Service with a network load balancer.
func (l *lab) balancer(name, key, value string) {
	l.Helper()
	s := &corev1.Service{}
	if !l.get(s, name) {
		l.Fatalf("no Service %s", name)
	}
	s.Annotations["service.beta.kubernetes.io/aws-load-balancer-"+key] = value
	l.must(l.client.Update(l.Context(), s))
}

func (l *lab) drop(o client.Object, name string) {
	l.Helper()
	if !l.get(o, name) {
		l.Fatalf("no %T %s", o, name)
	}
	l.must(l.client.Delete(l.Context(), o))
}

const crashCertificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"

func (l *lab) annotate(name, key, value string) {
	l.Helper()
	l.edit(name, func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/"+key] = value })
}

// crashLab is at rest with an Ingress base, a Service net with a network load balancer, and a binding of the user's. If stacks own
// certificates, there are the Ingresses sealed and asked as well.
func crashLab(t *testing.T, keeps, owning bool, prepare ...func(*lab)) *lab {
	t.Helper()
	objects := []client.Object{labClass(), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"), labIngress("base", nil, "s0")}
	for n := range 2 {
		service := labService(fmt.Sprintf("s%d", n))
		service.Spec.Type, service.Spec.Ports[0].NodePort = "NodePort", int32(30080+n)
		objects = append(append(objects, service), chaosEndpoints(service.Name, "a", soakAddress(n, 0))...)
	}
	objects = append(append(objects, crashBalancer("net")), chaosEndpoints("net", "a", soakAddress(2, 0))...)
	objects = append(objects, chaosEndpoints("edge", "a", soakAddress(3, 0))...)
	l := newLab(t, account.Profile{CertificateIssue: 10 * time.Second}, objects...)
	for _, p := range prepare {
		p(l)
	}
	if owning {
		l.ownCertificates()
		l.create(sealed("sealed", "tls"), asking("asked", "www.asked.dev"))
	}
	bound := labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	bound.Spec.ServiceRef.Name = "s1"
	l.create(bound)
	if l.checkpointed = keeps; keeps {
		l.restart()
	}
	l.crashWait(time.Minute)
	if keeps {
		l.crash()
	}
	return l
}

var crashKeys = append([]stack.Key{frontKey, implicit("base"), serviceKey("net"), serviceKey("edge")}, ownersKeys...)

func serviceKey(name string) stack.Key {
	return stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "shop", Name: name}}
}

func (l *lab) crashWait(d time.Duration) {
	l.Helper()
	l.passWith(d, crashKeys...)
}

// passWith lets time pass with what runs beside the passes.
func (l *lab) passWith(d time.Duration, keys ...stack.Key) {
	l.Helper()
	l.pass(d, []loop{
		{15 * time.Second, func(ctx context.Context) { l.bound.Drains.Look(ctx) }},
		{30 * time.Second, func(ctx context.Context) {
			l.ingresses.Backend.Look(ctx)
		}},
	}, keys...)
}

// troubles are the warnings of a span without notes, which tell of what needs time or has no effect.
func (l *lab) troubles(from int) map[string][]string {
	out := l.warnings(from)
	for object, texts := range out {
		if texts = slices.DeleteFunc(texts, func(s string) bool { return strings.HasPrefix(s, "Note: ") }); len(texts) == 0 {
			delete(out, object)
		} else {
			out[object] = texts
		}
	}
	return out
}

// everyFault has the tests of crashes and troubles try every combination; minutes become a quarter of an hour.
var everyFault = os.Getenv("LBC_EVERY_FAULT") != ""

// oneOf samples the troubles of a test: one of n in the short form.
func oneOf(n int) *longtest.Sample {
	if everyFault {
		n = 1
	}
	return longtest.OneOf(n)
}

// What an ended process leaves of its checkpoints.
var crashLeavings = map[string]func(l *lab, r *rand.Rand){
	"no checkpoints":              nil,
	"checkpoints of before":       func(*lab, *rand.Rand) {},
	"checkpoints up to the crash": func(l *lab, _ *rand.Rand) { l.crash() },
	"damaged checkpoints": func(l *lab, r *rand.Rand) {
		before := l.checkpoints()
		l.crash()
		for _, m := range l.checkpoints() {
			l.damage(r, &m, before)
		}
	},
}

// TestACrashAtAnyCallEndsWhereAnUninterruptedRunDoes ends the process before each call to AWS in turn: that call and all later ones
// of the process have no effect. What another process makes of it is compared with what happens without a crash.
func TestACrashAtAnyCallEndsWhereAnUninterruptedRunDoes(t *testing.T) {
	t.Parallel()
	scenarios := maps.Clone(crashScenarios)
	maps.Copy(scenarios, certificateScenarios)
	lives := oneOf(7) // with each kind of checkpoints, as there are four kinds
	for _, name := range slices.Sorted(maps.Keys(scenarios)) {
		change, owning := scenarios[name], certificateScenarios[name] != nil
		for n, left := range slices.Sorted(maps.Keys(crashLeavings)) {
			if !lives.Next() {
				continue
			}
			leave := crashLeavings[left]
			turn := n + len(name)
			t.Run(name+", "+left, func(t *testing.T) {
				t.Parallel()
				whole := crashLab(t, leave != nil, owning)
				var calls atomic.Int32
				whole.beforeCall(func(context.Context) error { calls.Add(1); return nil })
				change(whole)
				whole.crashWait(3 * time.Minute)
				if warned := len(whole.troubles(0)); warned > 0 {
					t.Fatal(strings.Join(whole.events, "\n"))
				}
				crashes := oneOf(4)
				for n := range int(calls.Load()) {
					if kinds := len(crashLeavings); (everyFault || (n+turn)%kinds == 0 && (!owning || n/kinds%2 == 0)) && crashes.Next() { // with one kind of checkpoints
						crashAt(t, whole, change, leave, n)
					}
				}
			})
		}
	}
}

// crashAt ends a process before its n-th call, and compares what the next one makes of it with an uninterrupted run.
func crashAt(t *testing.T, whole *lab, change func(*lab), leave func(*lab, *rand.Rand), n int) {
	t.Helper()
	l := crashLab(t, leave != nil, whole.core != nil)
	change(l)
	l.endAtCall(n, 6, 0, crashKeys...)
	if leave != nil {
		leave(l, rand.New(rand.NewPCG(uint64(n), 5))) //nolint:gosec // nothing to guess
	}
	l.restart()
	l.crashWait(3 * time.Minute)
	if d := strings.Join(withoutRecords(strings.Split(linesApart(l.account(), whole.account()), "\n")), "\n"); d != "" {
		t.Errorf("a crash at call %d ends with (+) instead of (-):\n%s", n, d)
	}
	imports, requests := l.spent()
	if i, r := whole.spent(); imports > i+1 || requests > r { // what was imported is not known if its tag is not written
		t.Errorf("a crash at call %d takes %d imports and %d requests, an uninterrupted run %d and %d", n, imports, requests, i, r)
	}
	if warned := l.troubles(0); len(warned) > 0 {
		t.Errorf("a crash at call %d warns: %v", n, warned)
	}
	for _, list := range []client.ObjectList{&networkingv1.IngressList{}, &corev1.ServiceList{}, &v1beta1.TargetGroupBindingList{}} {
		l.must(l.client.List(t.Context(), list))
		l.must(meta.EachListItem(list, func(o runtime.Object) error {
			if s, is := o.(*corev1.Service); is && s.Spec.Type != corev1.ServiceTypeLoadBalancer {
				return nil
			}
			return client.IgnoreNotFound(l.client.Delete(t.Context(), o.(client.Object)))
		}))
	}
	if l.crashWait(3 * time.Minute); !slices.Equal(withoutRecords(l.left()), []string{"target group theirs"}) {
		t.Errorf("a crash at call %d leaves %v", n, l.left())
	}
	if rules := l.admitted(labNodeGroup); len(rules) > 0 {
		t.Errorf("a crash at call %d leaves the rules %v", n, rules)
	}
}

// endAtCall makes at most so many passes, with a pause after each, in a process that ends before its n-th call.
func (l *lab) endAtCall(n, passes int, pause time.Duration, keys ...stack.Key) {
	ctx, die := context.WithCancel(l.Context())
	defer l.beforeCall(nil)
	defer die()
	var made atomic.Int32
	l.beforeCall(func(context.Context) error {
		if int(made.Add(1)) > n {
			die()
		}
		return ctx.Err()
	})
	for range passes {
		if ctx.Err() != nil {
			return
		}
		l.passOnce(ctx, keys...)
		l.clock.Advance(pause)
	}
}

// passOnce makes one pass over everything in a process that may end on the way.
func (l *lab) passOnce(ctx context.Context, keys ...stack.Key) {
	for _, key := range keys {
		_, _ = l.of(key).Reconcile(ctx, key)
	}
	for _, b := range l.allBindings() {
		_, _ = l.bound.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&b)})
	}
	l.runQueues(ctx)
	l.clock.Advance(queue.Coalesce)
}
