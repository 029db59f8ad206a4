package controller

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lbstatus"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/controller/targethealth"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// budgeted is how long the loops run that are compared with backoff.Budgets.
const budgeted = 10 * time.Minute

// measures run the loops of backoff.Budgets for that long, and tell how many calls they made.
var measures = map[string]func(t *testing.T, trouble bool) int{
	"account listing": func(t *testing.T, trouble bool) int {
		return passes(t, trouble, false, gate.Fault{Action: "DescribeLoadBalancers", Code: "Throttling"})
	},
	"second look": func(t *testing.T, trouble bool) int {
		l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
		l.settle(implicit("web"))
		l.restart()
		_, err := l.round(implicit("web"))
		l.must(err)
		l.clock.Advance(relistDelay)
		if trouble {
			l.fault(gate.Fault{Action: "DescribeLoadBalancers", Code: "Throttling"})
		}
		mark, look := l.mark(), l.relistDelay()
		for end := l.clock.Now().Add(budgeted); l.clock.Now().Before(end); {
			pause := look.relist(t.Context())
			if pause == 0 {
				break
			}
			l.clock.Advance(pause)
		}
		n, _ := l.counts(mark)
		return n
	},
	"stack pass": func(t *testing.T, trouble bool) int {
		return passes(t, trouble, false, gate.Fault{Action: "CreateLoadBalancer", Kind: "denied"})
	},
	"refused write": func(t *testing.T, trouble bool) int {
		l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
		l.settle(implicit("web"))
		mark := l.mark()
		if trouble {
			l.annotate("web", "load-balancer-attributes", refusedAttribute)
		}
		l.pass(budgeted, nil, implicit("web"))
		return len(l.writes(mark))
	},
	"start of a leader": func(t *testing.T, trouble bool) int {
		return passes(t, trouble, true, gate.Fault{Action: "DescribeTags", Kind: "denied"})
	},
	"add-ons": func(t *testing.T, trouble bool) int {
		l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", map[string]string{"wafv2-acl-arn": "none", "shield-advanced-protection": "false"}, "web"))
		if trouble {
			l.fault(gate.Fault{Action: "GetWebACLForResource", Code: "Throttling"})
		} else {
			l.settle(implicit("web"))
		}
		return l.passed(implicit("web"))
	},
	"binding pass": func(t *testing.T, trouble bool) int {
		return bindingPasses(t, trouble, func(l *lab) { l.fault(gate.Fault{Action: "RegisterTargets", Code: "TooManyTargets"}) }, "10.0.128.51", "RegisterTargets")
	},
	"target rules": func(t *testing.T, trouble bool) int {
		return bindingPasses(t, trouble, func(l *lab) {
			node := &corev1.Node{}
			l.must(l.client.Get(t.Context(), client.ObjectKey{Name: "a"}, node))
			node.Spec.ProviderID = "aws:///us-west-2a/i-0a1de00000000dead"
			l.must(l.client.Update(t.Context(), node))
		}, "10.0.0.77", "")
	},
	"drift sweep": func(t *testing.T, trouble bool) int {
		s := newScene(time.Minute)
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
			s.stackKeys = append(s.stackKeys, keyNamed(name))
		}
		s.price, s.fails = 20, trouble
		s.run(t.Context(), budgeted)
		return len(s.looks) * s.price
	},
	"foreign tags": func(t *testing.T, trouble bool) int {
		s, calls := newScene(time.Hour), 0
		s.tags = func(context.Context) (bool, error) {
			if calls++; trouble {
				return false, errors.New("throttled")
			}
			return true, nil
		}
		s.run(t.Context(), budgeted)
		return calls
	},
	"backend group": func(t *testing.T, trouble bool) int {
		l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
		l.settle(implicit("web"))
		b := l.ingresses.Backend
		if trouble {
			web := &networkingv1.Ingress{}
			l.get(web, "web")
			l.must(l.client.Delete(t.Context(), web))
			l.settle(implicit("web"))
			l.fault(gate.Fault{Action: "DeleteSecurityGroup", Code: "DependencyViolation"})
		}
		mark := l.mark()
		b.Check()
		for end := l.clock.Now().Add(budgeted); l.clock.Now().Before(end); {
			pause := b.Look(t.Context())
			if pause == 0 {
				break
			}
			l.clock.Advance(pause)
		}
		n, by := l.counts(mark)
		if trouble && by["DeleteSecurityGroup"] < 5 {
			t.Errorf("the deletion is not tried: %v", by)
		}
		return n
	},
	"Secret poll": func(t *testing.T, trouble bool) int {
		now := time.Unix(1e9, 0)
		api, f := secretReader(t, func() time.Time { return now }, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "idp", ResourceVersion: "1"}})
		forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", errors.New("no"))
		api.PrependReactor("list", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, forbidden })
		api.PrependWatchReactor("secrets", clienttesting.DefaultWatchReactor(nil, forbidden))
		if s, err := f.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "idp"}); s == nil || err != nil {
			t.Fatal(s, err)
		}
		reads := func() (n int) {
			for _, a := range api.Actions() {
				if a.GetVerb() == "get" {
					n++
				}
			}
			return n
		}
		if trouble {
			api.PrependReactor("get", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, apierrors.NewServiceUnavailable("away")
			})
		}
		before := reads()
		for range budgeted / secret.PollInterval {
			now = now.Add(secret.PollInterval)
			f.Poll(t.Context())
		}
		return reads() - before
	},
	"certificate watch": func(t *testing.T, trouble bool) int {
		host := "www.example.com"
		if trouble {
			host = "nobody.example.net"
		}
		l := newLab(t, account.Profile{}, labClass(), labService("web"), secure("web", host))
		_, err := l.round(implicit("web"))
		l.must(err)
		if trouble {
			l.fault(gate.Fault{Action: "ListCertificates", Kind: "denied"})
		}
		w := &stacks.CertificateWatcher{Read: l.inventory.Certificates().Read, Owners: []*stacks.Reconciler{l.ingresses, l.services}, Always: true, Now: l.clock.Now, Log: logr.Discard()}
		mark := l.mark()
		for range budgeted / stacks.CertificateTick {
			l.clock.Advance(stacks.CertificateTick)
			w.Look(t.Context())
		}
		n, _ := l.counts(mark)
		return n
	},
	"certificate validation": func(t *testing.T, trouble bool) int {
		issue := time.Second
		if trouble {
			issue = 24 * time.Hour
		}
		l := newLab(t, account.Profile{CertificateIssue: issue}, labClass(), labService("web"), labIngress("web", nil, "web"))
		l.flags("--feature-gates=EnableCertificateManagement=true")
		if l.tlsOf("create-acm-cert", ""); !trouble {
			l.settle(implicit("web"))
			l.pass(time.Minute, nil, implicit("web"))
		}
		mark := l.mark()
		l.pass(budgeted, nil, implicit("web"))
		_, by := l.counts(mark)
		return by["DescribeCertificate"] + by["ListHostedZones"] + by["ListCertificates"]
	},
	"tags of certificates": func(t *testing.T, trouble bool) int {
		l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"), labIngress("other", nil, "web"), labIngress("third", nil, "web"))
		l.flags("--feature-gates=EnableCertificateManagement=true")
		l.certify("*.example.com")
		keys := []stack.Key{implicit("web"), implicit("other"), implicit("third")}
		if trouble {
			l.fault(gate.Fault{Action: "ListTagsForCertificate", Code: "InternalFailure", Status: 500})
		} else {
			l.settle(keys...)
		}
		mark := l.mark()
		l.pass(budgeted, nil, keys...)
		_, by := l.counts(mark)
		l.sim.Account.Lock()
		defer l.sim.Account.Unlock()
		return (by["ListTagsForCertificate"] + len(l.sim.Account.Certificates) - 1) / len(l.sim.Account.Certificates)
	},
	"load balancers in the making": func(t *testing.T, trouble bool) int {
		l, w, _, _ := births(t, 1)
		if trouble {
			l.fault(gate.Fault{Action: "DescribeLoadBalancers", Code: "Throttling"})
		} else {
			watchBirths(l, w, 200*time.Second) // it is made
		}
		mark := l.mark()
		watchBirths(l, w, budgeted)
		n, _ := l.counts(mark)
		return n
	},
	"health of new targets": func(t *testing.T, trouble bool) int {
		l, b := boundLab(t)
		if trouble {
			l.fault(gate.Fault{Action: "DescribeTargetHealth", Kind: "denied"})
			l.bound.Health.Expect(registrar.Group{ARN: b.Spec.TargetGroupARN}, diag.Object{Kind: "TargetGroupBinding", Namespace: "shop", Name: "bound"})
		} else {
			l.bound.Health.Forget(client.ObjectKeyFromObject(b)) // what was registered has become healthy
		}
		return l.ticked(time.Second, l.bound.Health.Look)
	},
	"draining targets": func(t *testing.T, trouble bool) int {
		if !trouble {
			l, _ := boundLab(t)
			return l.ticked(time.Second, l.bound.Drains.Look)
		}
		l, _ := drainingLab(t)
		l.fault(gate.Fault{Action: "DescribeTargetHealth", Kind: "denied"})
		return l.ticked(time.Second, l.bound.Drains.Look)
	},
	"readiness gates": func(t *testing.T, trouble bool) int {
		var looks atomic.Int32
		synctest.Test(t, func(t *testing.T) {
			o := labBinding("arn:web", v1beta1.TargetTypeIP)
			p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: "web-0", UID: "u"}}
			p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: readiness.Gate(o.Name)}}
			e := registrar.Endpoint{Target: registrar.Target{ID: "10.0.128.50", Port: 8080}, Namespace: p.Namespace, Pod: p.Name}
			g := targethealth.NewGates(nil, nil, "", time.Now, logr.Discard())
			g.Pods = func(context.Context, types.NamespacedName) ([]*corev1.Pod, error) { return []*corev1.Pod{&p}, nil }
			g.Patch, g.LongestPause = func(context.Context, types.NamespacedName, []byte) error { return nil }, 15*time.Second
			g.Health = func(context.Context, registrar.Group, ...registrar.Target) ([]registrar.Health, error) {
				looks.Add(1)
				if trouble {
					return nil, errors.New("throttled")
				}
				return []registrar.Health{{Target: e.Target, State: "healthy"}}, nil
			}
			if err := g.Observe(t.Context(), o, registrar.Group{ARN: "arn:web"}, []registrar.Endpoint{e}, registrar.Change{Added: []string{e.Key()}}); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = g.Start(ctx) })
			if !trouble {
				time.Sleep(time.Minute) // its gate opens
				looks.Store(0)
			}
			time.Sleep(budgeted)
			stop()
			running.Wait()
		})
		return int(looks.Load())
	},
	"LoadBalancer objects": func(t *testing.T, trouble bool) int {
		calls, now := 0, time.Unix(100, 0)
		var refuse error
		written := func() error {
			calls++
			return refuse
		}
		scheme, err := readable.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		api := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.LoadBalancer{}).WithInterceptorFuncs(interceptor.Funcs{
			List: func(ctx context.Context, c client.WithWatch, o client.ObjectList, opts ...client.ListOption) error {
				calls++
				return c.List(ctx, o, opts...)
			},
			Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				return errors.Join(written(), c.Create(ctx, o, opts...))
			},
			SubResourcePatch: func(ctx context.Context, c client.Client, _ string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
				if err := written(); err != nil {
					return err
				}
				return c.SubResource("status").Patch(ctx, o, p, opts...)
			},
		}).Build()
		w := lbstatus.NewWriter(api, api, "", func() time.Time { return now }, logr.Discard())
		w.Queue.Gather = 0
		p := reporting.Pass{Key: implicit("web"), Now: now, Members: []reporting.Member{{Object: diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web", UID: "uid"}}},
			Observed: &awsop.Observed{LoadBalancers: []awsop.LoadBalancer{{ARN: "arn:lb", DNSName: "lb.example", State: "active", LoadBalancer: stack.LoadBalancer{ID: stack.LoadBalancerIdentity}}}}}
		w.List(t.Context())
		w.Enqueue(p)
		if writeDue(t.Context(), w.Queue); trouble {
			refuse = apierrors.NewForbidden(schema.GroupResource{Resource: "loadbalancers"}, "", errors.New("no"))
			p.Observed = &awsop.Observed{LoadBalancers: slices.Clone(p.Observed.LoadBalancers)}
			p.Observed.LoadBalancers[0].DNSName = "another.example"
			w.Enqueue(p)
		}
		if calls == 0 {
			t.Error("nothing was called")
		}
		calls = 0
		for at := time.Second; at <= budgeted; at += time.Second {
			now = now.Add(time.Second)
			if at%lbstatus.RelistInterval == 0 {
				w.List(t.Context())
			}
			writeDue(t.Context(), w.Queue)
		}
		return calls
	},
}

// fault has AWS refuse something from now on.
func (l *lab) fault(f gate.Fault) {
	l.Helper()
	f.ID = "budget"
	_, err := l.sim.Gate.AddFault(f)
	l.must(err)
}

// passed makes the passes of the time that is budgeted.
func (l *lab) passed(keys ...stack.Key) int {
	l.Helper()
	mark := l.mark()
	l.pass(budgeted, nil, keys...)
	n, _ := l.counts(mark)
	return n
}

// ticked calls a loop for the time that is budgeted.
func (l *lab) ticked(every time.Duration, f func(context.Context)) int {
	l.Helper()
	mark := l.mark()
	for range budgeted / every {
		l.clock.Advance(every)
		f(l.Context())
	}
	n, _ := l.counts(mark)
	return n
}

// passes are those over a stack: with trouble from before anything stands, else when all is well, in the same process or another one.
func passes(t *testing.T, trouble, restarted bool, f gate.Fault) int {
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
	if !trouble || restarted {
		l.settle(implicit("web"))
	}
	if restarted {
		l.restart()
	}
	if trouble {
		l.fault(f)
	}
	return l.passed(implicit("web"))
}

// bindingPasses are those over a binding. Trouble comes with a new pod; of its calls those of one action count, or all.
func bindingPasses(t *testing.T, trouble bool, begin func(*lab), address, action string) int {
	l, _ := boundLab(t)
	if trouble {
		begin(l)
		for _, o := range labPods("a", address) {
			l.must(client.IgnoreNotFound(l.client.Delete(t.Context(), o)))
			o.SetResourceVersion("")
			l.create(o)
		}
	}
	mark := l.mark()
	l.pass(budgeted, nil)
	n, by := l.counts(mark)
	if action != "" && trouble {
		if by[action] == 0 {
			t.Errorf("%s is not tried: %v", action, by)
		}
		return by[action]
	}
	return n
}

func TestEachLoopKeepsItsBudgetOfCalls(t *testing.T) {
	t.Parallel()
	rows := map[string]bool{}
	for _, row := range backoff.Budgets {
		rows[row.Loop] = true
		t.Run(row.Loop, func(t *testing.T) {
			t.Parallel()
			measure := measures[row.Loop]
			if measure == nil {
				t.Fatal("nothing measures this loop")
			}
			for _, c := range []struct {
				what    string
				trouble bool
				budget  int
			}{{"all is well", false, row.Steady}, {"something is out of order", true, row.Trouble}} {
				n := measure(t, c.trouble)
				t.Logf("%d calls of %d while %s", n, c.budget, c.what)
				if n > c.budget {
					t.Errorf("%d calls in ten minutes while %s, the budget is %d", n, c.what, c.budget)
				}
				if c.trouble && n == 0 {
					t.Error("the trouble is none")
				}
				if c.budget > 20 && n < c.budget/4 {
					t.Errorf("%d calls while %s: the budget of %d tells nobody anything", n, c.what, c.budget)
				}
			}
		})
	}
	for loop := range measures {
		if !rows[loop] {
			t.Errorf("%s has no budget", loop)
		}
	}
}
