package upkeep

import (
	"context"
	"errors"
	"fmt"
	"net"
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
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// TestADisagreementWithAWSCostsFewCallsAndOneEvent has AWS refuse a write, for ten simulated minutes, because something
// that is not ours is in its way.
func TestADisagreementWithAWSCostsFewCallsAndOneEvent(t *testing.T) {
	t.Parallel()
	public := map[string]string{"load-balancer-name": "taken"}
	refused := func(action, code string) func(*lab.Lab) {
		return func(l *lab.Lab) {
			_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "refused", Action: action, Code: code, Message: "in the way"})
			l.Must(err)
		}
	}
	for name, tc := range map[string]struct {
		annotations map[string]string
		before      func(*lab.Lab) // before the first pass
		action      string         // the write that AWS refuses
		attempts    int            // at it, at most
		calls       int            // to AWS for everything, at most
		text        string
	}{
		"DuplicateLoadBalancerName": {public, func(l *lab.Lab) { l.Foreign("taken") }, "CreateLoadBalancer", 7, 40,
			"[NameTaken]"},
		"DuplicateTargetGroupName": {nil, refused("CreateTargetGroup", "DuplicateTargetGroupName"), "CreateTargetGroup", 8,
			40, "[NameTaken]"},
		"DuplicateListener": {nil, refused("CreateListener", "DuplicateListener"), "CreateListener", 8, 60,
			"[AWSRejected]"},
		"InvalidGroup.Duplicate": {nil, func(l *lab.Lab) {
			name := naming.IngressSecurityGroup(l.Config.ClusterName, lab.Key("web").ID)
			_, err := l.Sim.Compute.CreateSecurityGroup(l.Context(), &ec2.CreateSecurityGroupInput{
				GroupName: &name, Description: aws.String("x"), VpcId: aws.String("vpc-0a1de000000000001")})
			l.Must(err)
		}, "CreateSecurityGroup", 8, 40, "[NameTaken]"},
		"PriorityInUse": {nil, refused("CreateRule", "PriorityInUse"), "CreateRule", 8, 60, "[AWSRejected]"},
		"TargetGroupAssociationLimit": {map[string]string{
			"actions.bound": `{"type":"forward","targetGroupArn":"ARN"}`,
		}, func(l *lab.Lab) {
			tg, err := l.Sim.Balancing.CreateTargetGroup(l.Context(), &elbv2.CreateTargetGroupInput{
				Name: aws.String("theirs"), TargetType: "ip", Protocol: "HTTP", Port: aws.Int32(80),
				VpcId: aws.String("vpc-0a1de000000000001")})
			l.Must(err)
			arn := aws.ToString(tg.TargetGroups[0].TargetGroupArn)
			_, err = l.Sim.Balancing.CreateListener(l.Context(), &elbv2.CreateListenerInput{
				LoadBalancerArn: aws.String(l.Foreign("theirs")), Port: aws.Int32(80), Protocol: "HTTP",
				DefaultActions: []elbv2types.Action{{Type: "forward", TargetGroupArn: &arn}}})
			l.Must(err)
			web := &networkingv1.Ingress{}
			l.Get(web, "web")
			web.Annotations["alb.ingress.kubernetes.io/actions.bound"] = strings.Replace(
				web.Annotations["alb.ingress.kubernetes.io/actions.bound"], "ARN", arn, 1)
			web.Spec.Rules[0].HTTP.Paths[0].Backend.Service = &networkingv1.IngressServiceBackend{
				Name: "bound", Port: networkingv1.ServiceBackendPort{Name: "use-annotation"}}
			l.Must(l.Client.Update(l.Context(), web))
		}, "CreateRule", 8, 60, "TargetGroupAssociationLimit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", tc.annotations, "web"))
			tc.before(l)
			mark := l.Mark()
			l.Pass(10*time.Minute, nil, lab.Key("web"))
			total, by := l.Counts(mark)
			t.Logf("%d calls: %v", total, by)
			if by[tc.action] > tc.attempts || by[tc.action] < 2 || total > tc.calls {
				t.Errorf("%d calls in ten minutes, want at most %d: %v", total, tc.calls, by)
			}
			warned := l.Warnings(0)["Ingress shop/web"]
			if len(warned) != 1 || !strings.Contains(fmt.Sprint(warned), tc.text) {
				t.Errorf("want one event that tells %s, got:\n%s", tc.text, strings.Join(l.Events, "\n"))
			}
		})
	}
}

// TestRefusedWriteIsRetriedAtOnceAfterChange waits until the pause is minutes long first.
func TestRefusedWriteIsRetriedAtOnceAfterChange(t *testing.T) {
	t.Parallel()
	name := map[string]string{"load-balancer-name": "shared-name"}
	setUp := func(t *testing.T) *lab.Lab {
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("a"), lab.Service("b"), lab.Ingress("first", name, "a"))
		l.Settle(lab.Key("first"))
		second := lab.Ingress("second", map[string]string{"load-balancer-name": "shared-name", "scheme": "internal"}, "b")
		l.Must(l.Client.Create(l.Context(), second))
		l.Pass(8*time.Minute, nil, lab.Key("second"))
		return l
	}
	serves := func(l *lab.Lab) bool {
		second := &networkingv1.Ingress{}
		return l.Get(second, "second") && len(second.Status.LoadBalancer.Ingress) == 1
	}
	t.Run("the obstacle goes", func(t *testing.T) {
		t.Parallel()
		l := setUp(t)
		first := &networkingv1.Ingress{}
		l.Get(first, "first")
		l.Must(l.Client.Delete(l.Context(), first))
		l.Pass(10*time.Second, nil, lab.Key("first"))
		if !serves(l) {
			t.Errorf("the name is free and the second Ingress has no load balancer:\n%s", strings.Join(l.Events, "\n"))
		}
	})
	t.Run("the object is edited", func(t *testing.T) {
		t.Parallel()
		l := setUp(t)
		_, err := l.Sim.Balancing.DeleteLoadBalancer(l.Context(), &elbv2.DeleteLoadBalancerInput{
			LoadBalancerArn: aws.String(l.Sim.Resources().LoadBalancers[0].ARN)})
		l.Must(err)
		second := &networkingv1.Ingress{}
		l.Get(second, "second")
		second.Annotations["touched"] = "yes"
		l.Must(l.Client.Update(l.Context(), second))
		l.Pass(2*time.Second, nil, lab.Key("second"))
		if !serves(l) {
			t.Errorf("the object was edited and has no load balancer:\n%s", strings.Join(l.Events, "\n"))
		}
	})
}

// TestShutdownInTheMiddleOfAPlanMakesNoWarning ends the process at each call to AWS of the first passes in turn.
func TestShutdownInTheMiddleOfAPlanMakesNoWarning(t *testing.T) {
	t.Parallel()
	for n := range 25 {
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
		ctx, cancel := context.WithCancel(l.Context())
		var calls atomic.Int32
		l.BeforeCall(func(call context.Context) error {
			if int(calls.Add(1)) > n {
				cancel()
			}
			return call.Err()
		})
		for range 4 {
			if _, err := l.Ingresses.Reconcile(ctx, lab.Key("web")); err != nil && !errors.Is(err, queue.ErrRequeue) {
				t.Errorf("ended at call %d: a pass fails with %v", n, err)
			}
			for _, b := range l.AllBindings() {
				if _, err := l.Bound.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&b)}); err !=
					nil && ctx.Err() == nil {
					t.Errorf("ended at call %d: a pass over the binding fails with %v", n, err)
				}
			}
		}
		cancel()
		if warned := l.Warnings(0); len(warned) > 0 {
			t.Errorf("ended at call %d: %v", n, warned)
		}
	}
}

// TestDeletionProtectionSwitchedOnByHandYieldsToADeclaredFalse switches it on in AWS behind the controller's back.
func TestDeletionProtectionSwitchedOnByHandYieldsToADeclaredFalse(t *testing.T) {
	t.Parallel()
	const key, declared = "load-balancer-attributes", "deletion_protection.enabled=false"
	setUp := func(t *testing.T, annotations map[string]string) *lab.Lab {
		l := lab.New(t, account.Profile{}, append(lab.Pods("a", "10.0.128.50"), lab.Class(), lab.Service("web"),
			lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), lab.Ingress("web", annotations, "web"))...)
		l.Settle(lab.Key("web"))
		_, err := l.Sim.Balancing.ModifyLoadBalancerAttributes(l.Context(), &elbv2.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: aws.String(l.Sim.Resources().LoadBalancers[0].ARN),
			Attributes: []elbv2types.LoadBalancerAttribute{
				{Key: aws.String("deletion_protection.enabled"), Value: aws.String("true")}}})
		l.Must(err)
		web := &networkingv1.Ingress{}
		l.Get(web, "web")
		l.Must(l.Client.Delete(l.Context(), web))
		return l
	}
	gone := func(l *lab.Lab, warnings int) {
		l.Helper()
		if l.Get(&networkingv1.Ingress{}, "web") || len(l.Sim.Resources().LoadBalancers) > 0 {
			l.Errorf("the deletion does not go on: %v\n%s", l.Left(), strings.Join(l.Events, "\n"))
		}
		if got := l.Warnings(0)["Ingress shop/web"]; len(got) != warnings {
			l.Errorf("want %d warnings:\n%s", warnings, strings.Join(l.Events, "\n"))
		}
	}
	t.Run("declared before", func(t *testing.T) {
		t.Parallel()
		l := setUp(t, map[string]string{key: declared})
		mark := l.Mark()
		l.Pass(2*time.Minute, nil, lab.Key("web"))
		gone(l, 0)
		if _, by := l.Counts(mark); by["DeleteLoadBalancer"] != 2 || by["ModifyLoadBalancerAttributes"] != 1 {
			t.Errorf("calls %v", by)
		}
	})
	t.Run("not declared, then declared after the deletion", func(t *testing.T) {
		t.Parallel()
		l := setUp(t, map[string]string{key: "idle_timeout.timeout_seconds=75"})
		mark := l.Mark()
		l.Pass(10*time.Minute, nil, lab.Key("web"))
		total, by := l.Counts(mark)
		if by["DeleteLoadBalancer"] < 3 || by["DeleteLoadBalancer"] > 7 || total > 20 {
			t.Errorf("%d calls in ten minutes: %v", total, by)
		}
		if got := l.Warnings(0)["Ingress shop/web"]; len(got) != 1 || !strings.Contains(got[0], "[DeletionProtected]") {
			t.Errorf("want one event that tells of the protection:\n%s", strings.Join(l.Events, "\n"))
		}
		web := &networkingv1.Ingress{}
		l.Get(web, "web")
		web.Annotations["alb.ingress.kubernetes.io/"+key] = declared
		l.Must(l.Client.Update(l.Context(), web))
		l.Pass(2*time.Minute, nil, lab.Key("web"))
		gone(l, 1)
	})
}

// TestStandingTroubleIsCalm has one kind of trouble last for ten simulated minutes: few calls to AWS, one event per
// object and cause, and nothing that grows.
func TestStandingTroubleIsCalm(t *testing.T) {
	t.Parallel()
	faulty := func(f gate.Fault) func(*lab.Lab) {
		return func(l *lab.Lab) {
			f.ID = "standing"
			_, err := l.Sim.Gate.AddFault(f)
			l.Must(err)
		}
	}
	for name, tc := range map[string]struct {
		services []string
		served   bool // the trouble begins when all is well, with an edit
		trouble  func(*lab.Lab)
		calls    int // to AWS in ten minutes, at most
		events   int // of each object, at most
	}{
		"AWS unreachable":            {[]string{"web"}, false, faulty(gate.Fault{Reset: true}), 100, 2},
		"AWS unreachable at an edit": {[]string{"web"}, true, faulty(gate.Fault{Reset: true}), 100, 2},
		"a read denied": {[]string{"web"}, false, faulty(gate.Fault{Action: "DescribeSubnets", Kind: "denied"}),
			40, 1},
		"a write denied": {[]string{"web"}, false,
			faulty(gate.Fault{Action: "CreateLoadBalancer", Kind: "denied"}), 60, 1},
		"a write throttled": {[]string{"web"}, false,
			faulty(gate.Fault{Action: "CreateLoadBalancer", Code: "Throttling"}), 80, 0},
		"a security group kept in use": {[]string{"web"}, true, func(l *lab.Lab) {
			faulty(gate.Fault{Action: "DeleteSecurityGroup", Code: "DependencyViolation", Message: "in use"})(l)
			web := &networkingv1.Ingress{}
			l.Get(web, "web")
			l.Must(l.Client.Delete(l.Context(), web))
		}, 40, 1},
		"a missing Service": {nil, false, func(*lab.Lab) {}, 40, 1},
		"a name of AWS that does not resolve": {[]string{"web"}, false, func(l *lab.Lab) {
			var query atomic.Int32
			l.BeforeCall(func(context.Context) error {
				return &net.DNSError{Err: "no such host", Name: "ec2.us-west-2.amazonaws.com", Server: fmt.Sprintf("10.0.0.2:%d",
					40000+query.Add(1))}
			})
		}, 100, 2},
		// Two: EC2 and ELB refuse in words of their own, and what is read of them at the same time fails in either order.
		"everything denied":            {[]string{"web"}, false, faulty(gate.Fault{Kind: "denied"}), 100, 2},
		"everything denied at an edit": {[]string{"web"}, true, faulty(gate.Fault{Kind: "denied"}), 100, 2},
		"everything throttled":         {[]string{"web"}, false, faulty(gate.Fault{Code: "Throttling"}), 100, 1},
		"a quota of target groups": {[]string{"web"}, false,
			faulty(gate.Fault{Action: "CreateTargetGroup", Code: "TooManyTargetGroups", Message: "limit"}), 60, 1},
		"a listener that AWS rejects": {[]string{"web"}, false,
			faulty(gate.Fault{Action: "CreateListener", Code: "ValidationError", Message: "no"}), 60, 1},
		"a server's error at each write": {[]string{"web"}, false,
			faulty(gate.Fault{Action: "CreateLoadBalancer", Code: "InternalFailure", Status: 500}), 80, 2},
		"Kubernetes refuses each write": {[]string{"web"}, false, func(l *lab.Lab) {
			var port atomic.Int32
			refused := func() error {
				return apierrors.NewInternalError(fmt.Errorf("failed calling webhook: read tcp "+
					"10.1.2.3:%d->10.0.0.9:443: i/o timeout", 40000+port.Add(1)))
			}
			l.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
				Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return refused() },
				Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error { return refused() },
				Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
					return refused()
				},
			})
			l.Restart()
		}, 40, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := []client.Object{lab.Class(), lab.Ingress("web", nil, "web")}
			for _, s := range tc.services {
				objects = append(objects, lab.Service(s))
			}
			l := lab.New(t, account.Profile{}, objects...)
			if tc.served {
				l.Settle(lab.Key("web"))
				web := &networkingv1.Ingress{}
				l.Get(web, "web")
				web.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=75"
				l.Must(l.Client.Update(l.Context(), web))
			}
			tc.trouble(l)
			mark, from := l.Mark(), len(l.Events)
			l.Pass(10*time.Minute, nil, lab.Key("web"))
			total, by := l.Counts(mark)
			if total > tc.calls {
				t.Errorf("%d calls in ten minutes, want at most %d: %v", total, tc.calls, by)
			}
			for object, texts := range l.Warnings(from) {
				if len(texts) > tc.events {
					t.Errorf("%s is told %d times, want at most %d:\n%s", object, len(texts), tc.events, strings.Join(texts, "\n"))
				}
			}
			if n := l.Ingresses.Retries.Len(); n > 3 {
				t.Errorf("%d counts of retries for one stack", n)
			}
			if n := l.Bound.Failures.Len(); n > 1 {
				t.Errorf("%d counts of failures for one binding", n)
			}
		})
	}
}
