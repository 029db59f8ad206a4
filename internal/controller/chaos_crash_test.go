package controller

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/stack"
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
	"all is deleted": func(l *lab) { l.remove("base") },
}

const crashCertificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"

func (l *lab) annotate(name, key, value string) {
	l.Helper()
	l.edit(name, func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/"+key] = value })
}

// crashLab is at rest with an Ingress base.
func crashLab(t *testing.T, keeps bool) *lab {
	t.Helper()
	objects := []client.Object{labClass(), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"), labIngress("base", nil, "s0")}
	for n := range 2 {
		service := labService(fmt.Sprintf("s%d", n))
		service.Spec.Type, service.Spec.Ports[0].NodePort = "NodePort", int32(30080+n)
		objects = append(append(objects, service), chaosEndpoints(service.Name, "a", soakAddress(n, 0))...)
	}
	l := newLab(t, account.Profile{}, objects...)
	if l.keeps = keeps; keeps {
		l.restart()
	}
	l.crashWait(time.Minute)
	if keeps {
		l.crash()
	}
	return l
}

var crashKeys = []stack.Key{front, implicit("base")}

func (l *lab) crashWait(d time.Duration) {
	l.Helper()
	l.pass(d, []loop{
		{15 * time.Second, func(ctx context.Context) { l.bound.drains.lookAtOne(ctx) }},
		{30 * time.Second, func(ctx context.Context) {
			if needed, err := l.ingresses.backend.needed(ctx); err == nil && !needed {
				l.ingresses.backend.remove(ctx)
			}
		}},
	}, crashKeys...)
}

// TestACrashAtAnyCallEndsWhereAnUninterruptedRunDoes ends the process before each call to AWS in turn: that call and all later ones
// of the process have no effect. What another process makes of it is compared with what happens without a crash.
func TestACrashAtAnyCallEndsWhereAnUninterruptedRunDoes(t *testing.T) {
	t.Parallel()
	for name, change := range crashScenarios {
		for _, keeps := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, checkpoints %v", name, keeps), func(t *testing.T) {
				t.Parallel()
				whole := crashLab(t, keeps)
				var calls atomic.Int32
				whole.beforeCall = func(context.Context) error { calls.Add(1); return nil }
				change(whole)
				whole.crashWait(3 * time.Minute)
				want, warned := whole.account(), len(whole.warnings(0))
				if warned > 0 {
					t.Fatal(strings.Join(whole.events, "\n"))
				}
				for n := range int(calls.Load()) {
					l := crashLab(t, keeps)
					change(l)
					ctx, die := context.WithCancel(l.Context())
					var made atomic.Int32
					l.beforeCall = func(context.Context) error {
						if int(made.Add(1)) > n {
							die()
						}
						return ctx.Err()
					}
					for range 6 {
						if ctx.Err() != nil {
							break
						}
						l.passOnce(ctx, crashKeys...)
					}
					die()
					l.beforeCall = nil
					l.restart()
					l.crashWait(3 * time.Minute)
					if d := linesApart(l.account(), want); d != "" {
						t.Errorf("a crash at call %d ends with (+) instead of (-):\n%s", n, d)
					}
					if warned := l.warnings(0); len(warned) > 0 {
						t.Errorf("a crash at call %d warns: %v", n, warned)
					}
					var all networkingv1.IngressList
					l.must(l.client.List(t.Context(), &all))
					for _, i := range all.Items {
						l.must(l.client.Delete(t.Context(), &i))
					}
					if l.crashWait(3 * time.Minute); len(l.left()) > 0 {
						t.Errorf("a crash at call %d leaves %v", n, l.left())
					}
				}
			})
		}
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
	l.clock.Advance(coalesce)
}
