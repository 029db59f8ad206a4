package upkeep

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
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/lbstatus"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/controller/targethealth"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/callbudget"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// measures run the loops of callbudget.Budgets for callbudget.Period, and return their calls.
var measures = map[string]func(t *testing.T, trouble bool) int{
	"account listing": func(t *testing.T, trouble bool) int {
		return passes(t, trouble, false, gate.Fault{Action: "DescribeLoadBalancers", Code: "Throttling"})
	},
	"second look": func(t *testing.T, trouble bool) int {
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
		l.Settle(lab.Key("web"))
		l.Restart()
		_, err := l.Round(lab.Key("web"))
		l.Must(err)
		l.Clock.Advance(controller.RelistDelay)
		if trouble {
			l.Fault(gate.Fault{Action: "DescribeLoadBalancers", Code: "Throttling"})
		}
		mark, look := l.Mark(), l.Loader()
		for end := l.Clock.Now().Add(callbudget.Period); l.Clock.Now().Before(end); {
			pause := look.Relist(t.Context())
			if pause == 0 {
				break
			}
			l.Clock.Advance(pause)
		}
		n, _ := l.Counts(mark)
		return n
	},
	"stack reconcile": func(t *testing.T, trouble bool) int {
		return passes(t, trouble, false, gate.Fault{Action: "CreateLoadBalancer", Kind: "denied"})
	},
	"refused write": func(t *testing.T, trouble bool) int {
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
		l.Settle(lab.Key("web"))
		mark := l.Mark()
		if trouble {
			l.Annotate("web", "load-balancer-attributes", refusedAttribute)
		}
		l.Pass(callbudget.Period, nil, lab.Key("web"))
		return len(l.Writes(mark))
	},
	"start of a leader": func(t *testing.T, trouble bool) int {
		return passes(t, trouble, true, gate.Fault{Action: "DescribeTags", Kind: "denied"})
	},
	"add-ons": func(t *testing.T, trouble bool) int {
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"),
			lab.Ingress("web", map[string]string{"wafv2-acl-arn": "none", "shield-advanced-protection": "false"}, "web"))
		if trouble {
			l.Fault(gate.Fault{Action: "GetWebACLForResource", Code: "Throttling"})
		} else {
			l.Settle(lab.Key("web"))
		}
		return passed(l, lab.Key("web"))
	},
	"binding reconcile": func(t *testing.T, trouble bool) int {
		return bindingPasses(t, trouble, func(l *lab.Lab) {
			l.Fault(gate.Fault{Action: "RegisterTargets", Code: "TooManyTargets"})
		}, "10.0.128.51", "RegisterTargets")
	},
	"target rules": func(t *testing.T, trouble bool) int {
		return bindingPasses(t, trouble, func(l *lab.Lab) {
			node := &corev1.Node{}
			l.Must(l.Client.Get(t.Context(), client.ObjectKey{Name: "a"}, node))
			node.Spec.ProviderID = "aws:///us-west-2a/i-0a1de00000000dead"
			l.Must(l.Client.Update(t.Context(), node))
		}, "10.0.0.77", "")
	},
	"backend group": func(t *testing.T, trouble bool) int {
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
		l.Settle(lab.Key("web"))
		b := l.Ingresses.Backend
		if trouble {
			web := &networkingv1.Ingress{}
			l.Get(web, "web")
			l.Must(l.Client.Delete(t.Context(), web))
			l.Settle(lab.Key("web"))
			l.Fault(gate.Fault{Action: "DeleteSecurityGroup", Code: "DependencyViolation"})
		}
		mark := l.Mark()
		b.Check()
		for end := l.Clock.Now().Add(callbudget.Period); l.Clock.Now().Before(end); {
			pause := b.Look(t.Context())
			if pause == 0 {
				break
			}
			l.Clock.Advance(pause)
		}
		n, by := l.Counts(mark)
		if trouble && by["DeleteSecurityGroup"] < 5 {
			t.Errorf("the deletion is not tried: %v", by)
		}
		return n
	},
	"Secret poll": func(t *testing.T, trouble bool) int {
		var passed atomic.Int64 // watches read the clock too
		api, f := secretReader(t, func() time.Time {
			return time.Unix(1e9, passed.Load())
		}, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "idp", ResourceVersion: "1"}})
		forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", errors.New("no"))
		api.PrependReactor("list", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil,
				forbidden
		})
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
		for range callbudget.Period / secret.PollInterval {
			passed.Add(int64(secret.PollInterval))
			f.Poll(t.Context())
		}
		return reads() - before
	},
	"certificate watch": func(t *testing.T, trouble bool) int {
		host := "www.example.com"
		if trouble {
			host = "nobody.example.net"
		}
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Secure("web", host))
		_, err := l.Round(lab.Key("web"))
		l.Must(err)
		if trouble {
			l.Fault(gate.Fault{Action: "ListCertificates", Kind: "denied"})
		}
		w := certificateWatcher(l)
		mark := l.Mark()
		for range callbudget.Period / stacks.CertificateTick {
			l.Clock.Advance(stacks.CertificateTick)
			w.Look(t.Context())
		}
		n, _ := l.Counts(mark)
		return n
	},
	"certificate expiry": func(t *testing.T, trouble bool) int {
		l, w := secured(t)
		if trouble {
			l.Fault(gate.Fault{Action: "ListCertificates", Kind: "denied"})
		}
		return looks(l, w, callbudget.Period)
	},
	"certificate validation": func(t *testing.T, trouble bool) int {
		issue := time.Second
		if trouble {
			issue = 24 * time.Hour
		}
		l := lab.New(t, account.Profile{CertificateIssue: issue}, lab.Class(), lab.Service("web"),
			lab.Ingress("web", nil, "web"))
		l.Flags("--feature-gates=EnableCertificateManagement=true")
		if tlsOf(l, "create-acm-cert", ""); !trouble {
			l.Settle(lab.Key("web"))
			l.Pass(time.Minute, nil, lab.Key("web"))
		}
		mark := l.Mark()
		l.Pass(callbudget.Period, nil, lab.Key("web"))
		_, by := l.Counts(mark)
		return by["DescribeCertificate"] + by["ListHostedZones"] + by["ListCertificates"]
	},
	"tags of certificates": func(t *testing.T, trouble bool) int {
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"),
			lab.Ingress("other", nil, "web"), lab.Ingress("third", nil, "web"))
		l.Flags("--feature-gates=EnableCertificateManagement=true")
		l.Certify("*.example.com")
		keys := []stack.Key{lab.Key("web"), lab.Key("other"), lab.Key("third")}
		if trouble {
			l.Fault(gate.Fault{Action: "ListTagsForCertificate", Code: "InternalFailure", Status: 500})
		} else {
			l.Settle(keys...)
		}
		mark := l.Mark()
		l.Pass(callbudget.Period, nil, keys...)
		_, by := l.Counts(mark)
		l.Sim.Account.Lock()
		defer l.Sim.Account.Unlock()
		return (by["ListTagsForCertificate"] + len(l.Sim.Account.Certificates) - 1) / len(l.Sim.Account.Certificates)
	},
	"load balancers in the making": func(t *testing.T, trouble bool) int {
		l, w, _, _ := births(t, 1)
		if trouble {
			l.Fault(gate.Fault{Action: "DescribeLoadBalancers", Code: "Throttling"})
		} else {
			watchBirths(l, w, 200*time.Second) // it is made
		}
		mark := l.Mark()
		watchBirths(l, w, callbudget.Period)
		n, _ := l.Counts(mark)
		return n
	},
	"health of new targets": func(t *testing.T, trouble bool) int {
		l, b := lab.BoundLab(t)
		if trouble {
			l.Fault(gate.Fault{Action: "DescribeTargetHealth", Kind: "denied"})
			l.Bound.Health.Expect(registrar.Group{ARN: b.Spec.TargetGroupARN}, diag.Object{Kind: "TargetGroupBinding",
				Namespace: "shop", Name: "bound"})
		} else {
			l.Bound.Health.Forget(client.ObjectKeyFromObject(b)) // what was registered has become healthy
		}
		return ticked(l, time.Second, l.Bound.Health.Look)
	},
	"targets of a former port": func(t *testing.T, trouble bool) int {
		l, b := lab.BoundLab(t)
		l.ForwardTo(b.Spec.TargetGroupARN)
		list := &discoveryv1.EndpointSliceList{}
		l.Must(l.Client.List(t.Context(), list))
		if trouble {
			s := &list.Items[0]
			s.Ports[0].Port = ptr.To[int32](9999)
			l.Must(l.Client.Update(t.Context(), s))
		}
		l.Settle()
		for port, state := range map[int32]string{8080: "healthy", 9999: "unhealthy"} {
			l.Sim.Account.SetTargetHealth(b.Spec.TargetGroupARN, account.TargetDescription{ID: "10.0.128.50", Port: port},
				account.Health{State: state})
		}
		pass := func(d time.Duration) {
			for range d / time.Second {
				l.Clock.Advance(time.Second)
				l.Settle()
			}
		}
		if !trouble {
			pass(6 * time.Minute) // a second read confirms that no target was there first
		}
		mark := l.Mark()
		pass(callbudget.Period)
		_, by := l.Counts(mark)
		return by["DescribeTargetHealth"]
	},
	"draining targets": func(t *testing.T, trouble bool) int {
		if !trouble {
			l, _ := lab.BoundLab(t)
			return ticked(l, time.Second, l.Bound.Drains.Look)
		}
		l, _ := lab.DrainingLab(t)
		l.Fault(gate.Fault{Action: "DescribeTargetHealth", Kind: "denied"})
		return ticked(l, time.Second, l.Bound.Drains.Look)
	},
	"readiness gates": func(t *testing.T, trouble bool) int {
		var looks atomic.Int32
		synctest.Test(t, func(t *testing.T) {
			o := lab.Binding("arn:web", v1beta1.TargetTypeIP)
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
			if err := g.Observe(t.Context(), o, registrar.Group{ARN: "arn:web"}, registrar.EndpointsOf(e), registrar.Change{
				Added: []string{e.Key()}}); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = g.Start(ctx) })
			if !trouble {
				time.Sleep(time.Minute) // its gate opens
				looks.Store(0)
			}
			time.Sleep(callbudget.Period)
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
		api := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.LoadBalancer{}).
			WithInterceptorFuncs(interceptor.Funcs{
				List: func(ctx context.Context, c client.WithWatch, o client.ObjectList, opts ...client.ListOption) error {
					calls++
					return c.List(ctx, o, opts...)
				},
				Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					return errors.Join(written(), c.Create(ctx, o, opts...))
				},
				SubResourcePatch: func(ctx context.Context, c client.Client, _ string, o client.Object, p client.Patch,
					opts ...client.SubResourcePatchOption) error {
					if err := written(); err != nil {
						return err
					}
					return c.SubResource("status").Patch(ctx, o, p, opts...)
				},
			}).Build()
		w := lbstatus.NewWriter(api, api, "", func() time.Time { return now }, logr.Discard())
		w.Queue.Gather = 0
		p := reporting.Pass{Key: lab.Key("web"), Now: now, Members: []reporting.Member{
			{Object: diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web", UID: "uid"}}},
			Observed: &awsop.Observed{LoadBalancers: []awsop.LoadBalancer{{ARN: "arn:lb", DNSName: "lb.example", State: "active",
				LoadBalancer: stack.LoadBalancer{ID: stack.LoadBalancerIdentity}}}}}
		w.List(t.Context())
		w.Enqueue(p)
		if lab.WriteDue(t.Context(), w.Queue); trouble {
			refuse = apierrors.NewForbidden(schema.GroupResource{Resource: "loadbalancers"}, "", errors.New("no"))
			p.Observed = &awsop.Observed{LoadBalancers: slices.Clone(p.Observed.LoadBalancers)}
			p.Observed.LoadBalancers[0].DNSName = "another.example"
			w.Enqueue(p)
		}
		if calls == 0 {
			t.Error("nothing was called")
		}
		calls = 0
		for at := time.Second; at <= callbudget.Period; at += time.Second {
			now = now.Add(time.Second)
			if at%lbstatus.RelistInterval == 0 {
				w.List(t.Context())
			}
			lab.WriteDue(t.Context(), w.Queue)
		}
		return calls
	},
}

// passed reconciles for callbudget.Period.
func passed(l *lab.Lab, keys ...stack.Key) int {
	l.Helper()
	mark := l.Mark()
	l.Pass(callbudget.Period, nil, keys...)
	n, _ := l.Counts(mark)
	return n
}

// ticked calls a loop for callbudget.Period.
func ticked(l *lab.Lab, every time.Duration, f func(context.Context)) int {
	l.Helper()
	mark := l.Mark()
	for range callbudget.Period / every {
		l.Clock.Advance(every)
		f(l.Context())
	}
	n, _ := l.Counts(mark)
	return n
}

// passes are those over a stack: with trouble from before anything stands, else when all is well, in the same process
// or another one.
func passes(t *testing.T, trouble, restarted bool, f gate.Fault) int {
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	if !trouble || restarted {
		l.Settle(lab.Key("web"))
	}
	if restarted {
		l.Restart()
	}
	if trouble {
		l.Fault(f)
	}
	return passed(l, lab.Key("web"))
}

// bindingPasses are those over a binding. Trouble comes with a new pod; of its calls those of one action count, or all.
func bindingPasses(t *testing.T, trouble bool, begin func(*lab.Lab), address, action string) int {
	l, _ := lab.BoundLab(t)
	if trouble {
		begin(l)
		for _, o := range lab.Pods("a", address) {
			l.Must(client.IgnoreNotFound(l.Client.Delete(t.Context(), o)))
			o.SetResourceVersion("")
			l.Create(o)
		}
	}
	mark := l.Mark()
	l.Pass(callbudget.Period, nil)
	n, by := l.Counts(mark)
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
	for _, row := range callbudget.Budgets {
		if row.Loop == "drift sweep" || row.Loop == "foreign tags" { // TestDriftDetectorKeepsItsBudgetOfCalls measures them
			continue
		}
		rows[row.Loop] = true
		t.Run(row.Loop, func(t *testing.T) {
			t.Parallel()
			measure := measures[row.Loop]
			if measure == nil {
				t.Fatal("nothing measures this loop")
			}
			for _, trouble := range []bool{false, true} {
				n := measure(t, trouble)
				t.Logf("%d calls, trouble: %t", n, trouble)
				if err := row.Check(trouble, n); err != nil {
					t.Error(err)
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
