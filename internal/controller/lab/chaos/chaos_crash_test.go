package chaos

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// crashScenarios are changes that a controller carries out from rest; crashes happen in their middle.
var crashScenarios = map[string]func(*lab.Lab){
	"a group of two appears": func(l *lab.Lab) {
		l.Create(lab.Ingress("api", map[string]string{"group.name": "front", "certificate-arn": lab.CrashCertificate,
			"ssl-redirect":     "443",
			"auth-type":        "cognito",
			"auth-idp-cognito": `{"userPoolARN":"arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_demo","userPoolClientID":"client","userPoolDomain":"demo"}`}, "s0"))
		l.Create(lab.Ingress("web", map[string]string{"group.name": "front"}, "s1"))
	},
	"the scheme changes":      func(l *lab.Lab) { l.Annotate("base", "scheme", "internal") },
	"the target type changes": func(l *lab.Lab) { l.Annotate("base", "target-type", "instance") },
	"another backend": func(l *lab.Lab) {
		l.Edit("base", func(i *networkingv1.Ingress) { i.Spec.Rules = lab.Ingress("x", nil, "s1").Spec.Rules })
	},
	"another frontend": func(l *lab.Lab) {
		l.Annotate("base", "enable-frontend-nlb", "true")
		l.Annotate("base", "frontend-nlb-scheme", "internal")
	},
	"all is deleted": func(l *lab.Lab) {
		l.Remove("base")
		l.Drop(&corev1.Service{}, "net")
		l.Drop(&v1beta1.TargetGroupBinding{}, "bound")
	},
	"a network load balancer appears":        func(l *lab.Lab) { l.Create(lab.CrashBalancer("edge")) },
	"a network load balancer goes":           func(l *lab.Lab) { l.Drop(&corev1.Service{}, "net") },
	"a network load balancer changes places": func(l *lab.Lab) { l.Balancer("net", "scheme", "internal") },
	"the targets of a network load balancer become nodes": func(l *lab.Lab) {
		s := &corev1.Service{}
		l.Get(s, "net")
		s.Spec.Ports[0].NodePort = 30090
		l.Must(l.Client.Update(l.Context(), s))
		l.Balancer("net", "nlb-target-type", "instance")
	},
	"a network load balancer gets TLS on both sides": func(l *lab.Lab) {
		l.Balancer("net", "ssl-cert", lab.CrashCertificate)
		l.Balancer("net", "backend-protocol", "ssl")
	},
	"a network load balancer gets attributes": func(l *lab.Lab) {
		l.Balancer("net", "target-group-attributes", "deregistration_delay.timeout_seconds=30")
		l.Balancer("net", "attributes", "load_balancing.cross_zone.enabled=true")
	},
	"a binding goes": func(l *lab.Lab) { l.Drop(&v1beta1.TargetGroupBinding{}, "bound") },
	"another port": func(l *lab.Lab) {
		s := &corev1.Service{}
		l.Get(s, "s1")
		s.Spec.Ports[0].TargetPort.IntVal = 9090
		l.Must(l.Client.Update(l.Context(), s))
	},
}

// What an ended process leaves of its checkpoints.
var crashLeavings = map[string]func(l *lab.Lab, r *rand.Rand){
	"no checkpoints":              nil,
	"checkpoints of before":       func(*lab.Lab, *rand.Rand) {},
	"checkpoints up to the crash": func(l *lab.Lab, _ *rand.Rand) { l.Crash() },
	"damaged checkpoints": func(l *lab.Lab, r *rand.Rand) {
		before := l.Checkpoints()
		l.Crash()
		for _, m := range l.Checkpoints() {
			l.Damage(r, &m, before)
		}
	},
}

// TestACrashAtAnyCallEndsWhereAnUninterruptedRunDoes ends the process before each call to AWS in turn: that call and
// all later ones of the process have no effect. What another process makes of it is compared with what happens without
// a crash.
func TestACrashAtAnyCallEndsWhereAnUninterruptedRunDoes(t *testing.T) {
	t.Parallel()
	scenarios := maps.Clone(crashScenarios)
	maps.Copy(scenarios, certificateScenarios)
	lives := sample.OneOf(7) // with each kind of checkpoints, as there are four kinds
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
				whole := lab.CrashLab(t, leave != nil, owning)
				var calls atomic.Int32
				whole.BeforeCall(func(context.Context) error { calls.Add(1); return nil })
				change(whole)
				whole.CrashWait(3 * time.Minute)
				if warned := len(whole.Troubles(0)); warned > 0 {
					t.Fatal(strings.Join(whole.Events, "\n"))
				}
				crashes := sample.OneOf(4)
				for n := range int(calls.Load()) {
					// with one kind of checkpoints
					if kinds := len(crashLeavings); (n+turn)%kinds == 0 && (!owning || n/kinds%2 == 0) &&
						crashes.Next() {
						crashAt(t, whole, change, leave, n)
					}
				}
			})
		}
	}
}

// crashAt ends a process before its n-th call, and compares what the next one makes of it with an uninterrupted run.
func crashAt(t *testing.T, whole *lab.Lab, change func(*lab.Lab), leave func(*lab.Lab, *rand.Rand), n int) {
	t.Helper()
	l := lab.CrashLab(t, leave != nil, whole.Core != nil)
	change(l)
	l.EndAtCall(n, 6, 0, lab.CrashKeys...)
	if leave != nil {
		leave(l, rand.New(rand.NewPCG(uint64(n), 5)))
	}
	l.Restart()
	l.CrashWait(3 * time.Minute)
	if d := strings.Join(lab.WithoutRecords(strings.Split(lab.LinesApart(l.Account(), whole.Account()), "\n")),
		"\n"); d != "" {
		t.Errorf("a crash at call %d ends with (+) instead of (-):\n%s", n, d)
	}
	imports, requests := spent(l)
	if i, r := spent(whole); imports > i+1 || requests > r { // what was imported is not known if its tag is not written
		t.Errorf("a crash at call %d takes %d imports and %d requests, an uninterrupted run %d and %d", n, imports,
			requests, i, r)
	}
	if warned := l.Troubles(0); len(warned) > 0 {
		t.Errorf("a crash at call %d warns: %v", n, warned)
	}
	for _, list := range []client.ObjectList{&networkingv1.IngressList{}, &corev1.ServiceList{},
		&v1beta1.TargetGroupBindingList{}} {
		l.Must(l.Client.List(t.Context(), list))
		l.Must(meta.EachListItem(list, func(o runtime.Object) error {
			if s, is := o.(*corev1.Service); is && s.Spec.Type != corev1.ServiceTypeLoadBalancer {
				return nil
			}
			return client.IgnoreNotFound(l.Client.Delete(t.Context(), o.(client.Object)))
		}))
	}
	if l.CrashWait(3 * time.Minute); !slices.Equal(lab.WithoutRecords(l.Left()), []string{"target group theirs"}) {
		t.Errorf("a crash at call %d leaves %v", n, l.Left())
	}
	if rules := l.Admitted(lab.NodeGroup); len(rules) > 0 {
		t.Errorf("a crash at call %d leaves the rules %v", n, rules)
	}
}
