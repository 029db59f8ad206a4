package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// loop is work that the controller does beside its queues: f is called so often while simulated time passes.
type loop struct {
	every time.Duration
	f     func(context.Context)
}

// pass makes the passes over stacks and bindings that the work queues would make in a span of simulated time, each unit when it
// is due and no earlier, and runs the loops beside them.
func (l *lab) pass(span time.Duration, loops []loop, keys ...stack.Key) {
	l.Helper()
	type unit struct {
		stack   stack.Key
		binding types.NamespacedName
	}
	end := l.clock.Now().Add(span)
	due := map[unit]time.Time{}
	for _, key := range keys {
		due[unit{stack: key}] = l.clock.Now()
	}
	failures := backoff.NewFailures[unit](backoff.Policy{First: queue.FirstRetry, Longest: l.config.BindingMaxBackoff}, l.clock.Now, nil)
	known := map[unit]string{} // what a watch brings back
	ticks := make([]time.Time, len(loops))
	for i := range ticks {
		ticks[i] = l.clock.Now()
	}
	after := func(u unit, r reconcile.Result, err error) {
		delete(due, u)
		now := l.clock.Now()
		switch {
		case errors.Is(err, queue.ErrRequeue) || apierrors.IsConflict(err):
			due[u] = now.Add(queue.Coalesce)
		case err != nil && u.stack != (stack.Key{}):
			due[u] = now.Add(l.of(u.stack).Retries.When(u.stack))
		case err != nil:
			due[u] = now.Add(l.bound.Unavailable.Pause(reconcile.Request{NamespacedName: u.binding}, failures.When(u)))
		case r.RequeueAfter > 0:
			due[u] = now.Add(r.RequeueAfter)
			failures.Forget(u)
		default:
			failures.Forget(u)
		}
	}
	notice := func() {
		for _, key := range l.woken {
			due[unit{stack: key}] = l.clock.Now()
		}
		l.woken = nil
		for _, b := range l.allBindings() {
			spec, err := json.Marshal(b.Spec)
			l.must(err)
			u, is := unit{binding: client.ObjectKeyFromObject(&b)}, fmt.Sprint(string(spec), b.DeletionTimestamp != nil)
			if known[u] != is {
				known[u], due[u] = is, l.clock.Now()
			}
		}
	}
	for passes := 0; l.clock.Now().Before(end); {
		notice()
		for i, x := range loops {
			if !l.clock.Now().Before(ticks[i]) {
				x.f(l.Context())
				ticks[i] = l.clock.Now().Add(x.every)
			}
		}
		for u, at := range maps.Clone(due) {
			if at.After(l.clock.Now()) {
				continue
			}
			if passes++; passes > 20000 {
				l.Fatal("passes without end")
			}
			if u.stack != (stack.Key{}) {
				r, err := l.of(u.stack).Reconcile(l.Context(), u.stack)
				after(u, r, err)
			} else {
				r, err := l.bound.Reconcile(l.Context(), reconcile.Request{NamespacedName: u.binding})
				after(u, r, err)
			}
		}
		l.runQueues(l.Context())
		for _, b := range l.bindingsWoken {
			due[unit{binding: b}] = l.clock.Now()
		}
		l.bindingsWoken = nil
		notice()
		next := end
		for _, k := range l.bound.Networking.Queues() {
			if _, pause, _ := k.Next(); pause > 0 {
				ticks = append(ticks, l.clock.Now().Add(pause))
			}
		}
		for _, at := range slices.Concat(slices.Collect(maps.Values(due)), ticks) {
			if at.Before(next) {
				next = at
			}
		}
		ticks = ticks[:len(loops)]
		l.clock.Advance(max(next.Sub(l.clock.Now()), time.Millisecond))
	}
}

// warnings are the events of a span that tell trouble, by object.
func (l *lab) warnings(from int) map[string][]string {
	out := map[string][]string{}
	for _, e := range l.events[from:] {
		if object, text, ok := strings.Cut(e, ": "); ok && !strings.Contains(object, "SuccessfullyReconciled") {
			object, reason, _ := cutLast(object, " ")
			out[object] = append(out[object], reason+": "+text)
		}
	}
	return out
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// counts are the calls to AWS since a mark, by action.
func (l *lab) counts(mark uint64) (total int, by map[string]int) {
	by = map[string]int{}
	for _, c := range l.sim.Gate.Calls(gate.Filter{After: mark}) {
		by[c.Action]++
		total++
	}
	return total, by
}

// foreign makes a load balancer of a name that is nobody's, and returns its ARN.
func (l *lab) foreign(name string) string {
	l.Helper()
	out, err := l.sim.Balancing.CreateLoadBalancer(l.Context(), &elbv2.CreateLoadBalancerInput{
		Name: aws.String(name), Scheme: "internal", Subnets: []string{"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"}})
	l.must(err)
	return aws.ToString(out.LoadBalancers[0].LoadBalancerArn)
}

// TestADisagreementWithAWSCostsFewCallsAndOneEvent has AWS refuse a write, for ten simulated minutes, because something that
// is not ours is in its way.
func TestADisagreementWithAWSCostsFewCallsAndOneEvent(t *testing.T) {
	t.Parallel()
	public := map[string]string{"load-balancer-name": "taken"}
	refused := func(action, code string) func(*lab) {
		return func(l *lab) {
			_, err := l.sim.Gate.AddFault(gate.Fault{ID: "refused", Action: action, Code: code, Message: "in the way"})
			l.must(err)
		}
	}
	for name, tc := range map[string]struct {
		annotations map[string]string
		before      func(*lab) // before the first pass
		action      string     // the write that AWS refuses
		attempts    int        // at it, at most
		calls       int        // to AWS for everything, at most
		text        string
	}{
		"DuplicateLoadBalancerName": {public, func(l *lab) { l.foreign("taken") }, "CreateLoadBalancer", 7, 40, "[NameTaken]"},
		"DuplicateTargetGroupName":  {nil, refused("CreateTargetGroup", "DuplicateTargetGroupName"), "CreateTargetGroup", 8, 40, "[NameTaken]"},
		"DuplicateListener":         {nil, refused("CreateListener", "DuplicateListener"), "CreateListener", 8, 60, "[AWSRejected]"},
		"InvalidGroup.Duplicate": {nil, func(l *lab) {
			name := naming.IngressSecurityGroup(l.config.ClusterName, implicit("web").ID)
			_, err := l.sim.Compute.CreateSecurityGroup(l.Context(), &ec2.CreateSecurityGroupInput{GroupName: &name, Description: aws.String("x"), VpcId: aws.String("vpc-0a1de000000000001")})
			l.must(err)
		}, "CreateSecurityGroup", 8, 40, "[NameTaken]"},
		"PriorityInUse": {nil, refused("CreateRule", "PriorityInUse"), "CreateRule", 8, 60, "[AWSRejected]"},
		"TargetGroupAssociationLimit": {map[string]string{
			"actions.bound": `{"type":"forward","targetGroupArn":"ARN"}`,
		}, func(l *lab) {
			tg, err := l.sim.Balancing.CreateTargetGroup(l.Context(), &elbv2.CreateTargetGroupInput{
				Name: aws.String("theirs"), TargetType: "ip", Protocol: "HTTP", Port: aws.Int32(80), VpcId: aws.String("vpc-0a1de000000000001")})
			l.must(err)
			arn := aws.ToString(tg.TargetGroups[0].TargetGroupArn)
			_, err = l.sim.Balancing.CreateListener(l.Context(), &elbv2.CreateListenerInput{
				LoadBalancerArn: aws.String(l.foreign("theirs")), Port: aws.Int32(80), Protocol: "HTTP",
				DefaultActions: []elbv2types.Action{{Type: "forward", TargetGroupArn: &arn}}})
			l.must(err)
			web := &networkingv1.Ingress{}
			l.get(web, "web")
			web.Annotations["alb.ingress.kubernetes.io/actions.bound"] = strings.Replace(web.Annotations["alb.ingress.kubernetes.io/actions.bound"], "ARN", arn, 1)
			web.Spec.Rules[0].HTTP.Paths[0].Backend.Service = &networkingv1.IngressServiceBackend{Name: "bound", Port: networkingv1.ServiceBackendPort{Name: "use-annotation"}}
			l.must(l.client.Update(l.Context(), web))
		}, "CreateRule", 8, 60, "TargetGroupAssociationLimit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", tc.annotations, "web"))
			tc.before(l)
			mark := l.mark()
			l.pass(10*time.Minute, nil, implicit("web"))
			total, by := l.counts(mark)
			t.Logf("%d calls: %v", total, by)
			if by[tc.action] > tc.attempts || by[tc.action] < 5 || total > tc.calls {
				t.Errorf("%d calls in ten minutes, want at most %d: %v", total, tc.calls, by)
			}
			warned := l.warnings(0)["Ingress shop/web"]
			if len(warned) != 1 || !strings.Contains(fmt.Sprint(warned), tc.text) {
				t.Errorf("want one event that tells %s, got:\n%s", tc.text, strings.Join(l.events, "\n"))
			}
		})
	}
}

// TestARefusedWriteIsTriedAtOnceWhenItsObstacleGoesOrItsObjectIsEdited waits until the pause is minutes long first.
func TestARefusedWriteIsTriedAtOnceWhenItsObstacleGoesOrItsObjectIsEdited(t *testing.T) {
	t.Parallel()
	name := map[string]string{"load-balancer-name": "shared-name"}
	setUp := func(t *testing.T) *lab {
		l := newLab(t, account.Profile{}, labClass(), labService("a"), labService("b"), labIngress("first", name, "a"))
		l.settle(implicit("first"))
		second := labIngress("second", map[string]string{"load-balancer-name": "shared-name", "scheme": "internal"}, "b")
		l.must(l.client.Create(l.Context(), second))
		l.pass(8*time.Minute, nil, implicit("second"))
		return l
	}
	serves := func(l *lab) bool {
		second := &networkingv1.Ingress{}
		return l.get(second, "second") && len(second.Status.LoadBalancer.Ingress) == 1
	}
	t.Run("the obstacle goes", func(t *testing.T) {
		t.Parallel()
		l := setUp(t)
		first := &networkingv1.Ingress{}
		l.get(first, "first")
		l.must(l.client.Delete(l.Context(), first))
		l.pass(10*time.Second, nil, implicit("first"))
		if !serves(l) {
			t.Errorf("the name is free and the second Ingress has no load balancer:\n%s", strings.Join(l.events, "\n"))
		}
	})
	t.Run("the object is edited", func(t *testing.T) {
		t.Parallel()
		l := setUp(t)
		_, err := l.sim.Balancing.DeleteLoadBalancer(l.Context(), &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(l.sim.Resources().LoadBalancers[0].ARN)})
		l.must(err)
		second := &networkingv1.Ingress{}
		l.get(second, "second")
		second.Annotations["touched"] = "yes"
		l.must(l.client.Update(l.Context(), second))
		l.pass(2*time.Second, nil, implicit("second"))
		if !serves(l) {
			t.Errorf("the object was edited and has no load balancer:\n%s", strings.Join(l.events, "\n"))
		}
	})
}

// TestShutdownInTheMiddleOfAPlanMakesNoWarning ends the process at each call to AWS of the first passes in turn.
func TestShutdownInTheMiddleOfAPlanMakesNoWarning(t *testing.T) {
	t.Parallel()
	for n := range 25 {
		l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
		ctx, cancel := context.WithCancel(l.Context())
		var calls atomic.Int32
		l.beforeCall(func(call context.Context) error {
			if int(calls.Add(1)) > n {
				cancel()
			}
			return call.Err()
		})
		for range 4 {
			if _, err := l.ingresses.Reconcile(ctx, implicit("web")); err != nil && !errors.Is(err, queue.ErrRequeue) {
				t.Errorf("ended at call %d: a pass fails with %v", n, err)
			}
			for _, b := range l.allBindings() {
				if _, err := l.bound.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&b)}); err != nil && ctx.Err() == nil {
					t.Errorf("ended at call %d: a pass over the binding fails with %v", n, err)
				}
			}
		}
		cancel()
		if warned := l.warnings(0); len(warned) > 0 {
			t.Errorf("ended at call %d: %v", n, warned)
		}
	}
}

// TestDeletionProtectionSwitchedOnByHandYieldsToADeclaredFalse switches it on in AWS behind the controller's back.
func TestDeletionProtectionSwitchedOnByHandYieldsToADeclaredFalse(t *testing.T) {
	t.Parallel()
	const key, declared = "load-balancer-attributes", "deletion_protection.enabled=false"
	setUp := func(t *testing.T, annotations map[string]string) *lab {
		l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", annotations, "web"))
		l.settle(implicit("web"))
		_, err := l.sim.Balancing.ModifyLoadBalancerAttributes(l.Context(), &elbv2.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: aws.String(l.sim.Resources().LoadBalancers[0].ARN),
			Attributes:      []elbv2types.LoadBalancerAttribute{{Key: aws.String("deletion_protection.enabled"), Value: aws.String("true")}}})
		l.must(err)
		web := &networkingv1.Ingress{}
		l.get(web, "web")
		l.must(l.client.Delete(l.Context(), web))
		return l
	}
	gone := func(l *lab, warnings int) {
		l.Helper()
		if l.get(&networkingv1.Ingress{}, "web") || len(l.sim.Resources().LoadBalancers) > 0 {
			l.Errorf("the deletion does not go on: %v\n%s", l.left(), strings.Join(l.events, "\n"))
		}
		if got := l.warnings(0)["Ingress shop/web"]; len(got) != warnings {
			l.Errorf("want %d warnings:\n%s", warnings, strings.Join(l.events, "\n"))
		}
	}
	t.Run("declared before", func(t *testing.T) {
		t.Parallel()
		l := setUp(t, map[string]string{key: declared})
		mark := l.mark()
		l.pass(2*time.Minute, nil, implicit("web"))
		gone(l, 0)
		if _, by := l.counts(mark); by["DeleteLoadBalancer"] != 2 || by["ModifyLoadBalancerAttributes"] != 1 {
			t.Errorf("calls %v", by)
		}
	})
	t.Run("not declared, then declared after the deletion", func(t *testing.T) {
		t.Parallel()
		l := setUp(t, map[string]string{key: "idle_timeout.timeout_seconds=75"})
		mark := l.mark()
		l.pass(10*time.Minute, nil, implicit("web"))
		total, by := l.counts(mark)
		if by["DeleteLoadBalancer"] < 3 || by["DeleteLoadBalancer"] > 7 || total > 20 {
			t.Errorf("%d calls in ten minutes: %v", total, by)
		}
		if got := l.warnings(0)["Ingress shop/web"]; len(got) != 1 || !strings.Contains(got[0], "[DeletionProtected]") {
			t.Errorf("want one event that tells of the protection:\n%s", strings.Join(l.events, "\n"))
		}
		web := &networkingv1.Ingress{}
		l.get(web, "web")
		web.Annotations["alb.ingress.kubernetes.io/"+key] = declared
		l.must(l.client.Update(l.Context(), web))
		l.pass(2*time.Minute, nil, implicit("web"))
		gone(l, 1)
	})
}

// TestStandingTroubleIsCalm has one kind of trouble last for ten simulated minutes: few calls to AWS, one event per object and
// cause, and nothing that grows.
func TestStandingTroubleIsCalm(t *testing.T) {
	t.Parallel()
	faulty := func(f gate.Fault) func(*lab) {
		return func(l *lab) {
			f.ID = "standing"
			_, err := l.sim.Gate.AddFault(f)
			l.must(err)
		}
	}
	for name, tc := range map[string]struct {
		services []string
		served   bool // the trouble begins when all is well, with an edit
		trouble  func(*lab)
		calls    int // to AWS in ten minutes, at most
		events   int // of each object, at most
	}{
		"AWS unreachable":            {[]string{"web"}, false, faulty(gate.Fault{Reset: true}), 100, 2},
		"AWS unreachable at an edit": {[]string{"web"}, true, faulty(gate.Fault{Reset: true}), 100, 2},
		"a read denied":              {[]string{"web"}, false, faulty(gate.Fault{Action: "DescribeSubnets", Kind: "denied"}), 40, 1},
		"a write denied":             {[]string{"web"}, false, faulty(gate.Fault{Action: "CreateLoadBalancer", Kind: "denied"}), 60, 1},
		"a write throttled":          {[]string{"web"}, false, faulty(gate.Fault{Action: "CreateLoadBalancer", Code: "Throttling"}), 80, 0},
		"a security group kept in use": {[]string{"web"}, true, func(l *lab) {
			faulty(gate.Fault{Action: "DeleteSecurityGroup", Code: "DependencyViolation", Message: "in use"})(l)
			web := &networkingv1.Ingress{}
			l.get(web, "web")
			l.must(l.client.Delete(l.Context(), web))
		}, 40, 1},
		"a missing Service": {nil, false, func(*lab) {}, 40, 1},
		"a name of AWS that does not resolve": {[]string{"web"}, false, func(l *lab) {
			var query atomic.Int32
			l.beforeCall(func(context.Context) error {
				return &net.DNSError{Err: "no such host", Name: "ec2.us-west-2.amazonaws.com", Server: fmt.Sprintf("10.0.0.2:%d", 40000+query.Add(1))}
			})
		}, 100, 2},
		// Two: EC2 and ELB refuse in words of their own, and what is read of them at the same time fails in either order.
		"everything denied":              {[]string{"web"}, false, faulty(gate.Fault{Kind: "denied"}), 100, 2},
		"everything denied at an edit":   {[]string{"web"}, true, faulty(gate.Fault{Kind: "denied"}), 100, 2},
		"everything throttled":           {[]string{"web"}, false, faulty(gate.Fault{Code: "Throttling"}), 100, 1},
		"a quota of target groups":       {[]string{"web"}, false, faulty(gate.Fault{Action: "CreateTargetGroup", Code: "TooManyTargetGroups", Message: "limit"}), 60, 1},
		"a listener that AWS rejects":    {[]string{"web"}, false, faulty(gate.Fault{Action: "CreateListener", Code: "ValidationError", Message: "no"}), 60, 1},
		"a server's error at each write": {[]string{"web"}, false, faulty(gate.Fault{Action: "CreateLoadBalancer", Code: "InternalFailure", Status: 500}), 80, 2},
		"Kubernetes refuses each write": {[]string{"web"}, false, func(l *lab) {
			var port atomic.Int32
			refused := func() error {
				return apierrors.NewInternalError(fmt.Errorf("failed calling webhook: read tcp 10.1.2.3:%d->10.0.0.9:443: i/o timeout", 40000+port.Add(1)))
			}
			l.client = interceptor.NewClient(l.client.(client.WithWatch), interceptor.Funcs{
				Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return refused() },
				Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error { return refused() },
				Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
					return refused()
				},
			})
			l.restart()
		}, 40, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := []client.Object{labClass(), labIngress("web", nil, "web")}
			for _, s := range tc.services {
				objects = append(objects, labService(s))
			}
			l := newLab(t, account.Profile{}, objects...)
			if tc.served {
				l.settle(implicit("web"))
				web := &networkingv1.Ingress{}
				l.get(web, "web")
				web.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=75"
				l.must(l.client.Update(l.Context(), web))
			}
			tc.trouble(l)
			mark, from := l.mark(), len(l.events)
			l.pass(10*time.Minute, nil, implicit("web"))
			total, by := l.counts(mark)
			if total > tc.calls {
				t.Errorf("%d calls in ten minutes, want at most %d: %v", total, tc.calls, by)
			}
			for object, texts := range l.warnings(from) {
				if len(texts) > tc.events {
					t.Errorf("%s is told %d times, want at most %d:\n%s", object, len(texts), tc.events, strings.Join(texts, "\n"))
				}
			}
			if n := l.ingresses.Retries.Len(); n > 3 {
				t.Errorf("%d counts of retries for one stack", n)
			}
			if n := l.bound.Failures.Len(); n > 1 {
				t.Errorf("%d counts of failures for one binding", n)
			}
		})
	}
}
