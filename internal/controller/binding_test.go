package controller

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// boundLab has a binding that serves one pod.
func boundLab(t *testing.T) (*lab, *v1beta1.TargetGroupBinding) {
	t.Helper()
	l := newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	b := labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.create(append(labPods("a", "10.0.128.50"), b)...)
	l.settle()
	l.events = nil
	return l, b
}

func (l *lab) toldOnce(texts ...string) {
	l.Helper()
	for _, text := range texts {
		if n := strings.Count(strings.Join(l.events, "\n"), text); n != 1 {
			l.Errorf("told %d times: %s\n%s", n, text, strings.Join(l.events, "\n"))
		}
	}
}

func TestACleanUpThatFailsIsInTheEventsAndInTheStatus(t *testing.T) {
	t.Parallel()
	l, b := boundLab(t)
	_, err := l.sim.Gate.AddFault(gate.Fault{Action: "DeregisterTargets", Code: "AccessDenied", Status: 403, Message: "not authorized to perform: elasticloadbalancing:DeregisterTargets"})
	l.must(err)
	l.must(l.client.Delete(t.Context(), b))
	for range 3 {
		if _, err := l.round(); err == nil {
			t.Error("it is not tried again")
		}
	}
	l.toldOnce("bound FailedCleanup: Failed cleanup due to ")
	l.get(b, "bound")
	if c := meta.FindStatusCondition(b.Status.Conditions, "Ready"); c == nil || c.Status != "False" || c.Reason != "FailedCleanup" || !strings.Contains(c.Message, "DeregisterTargets") {
		t.Errorf("condition %+v", c)
	}
	l.sim.Gate.ClearFaults()
	l.settle()
	if l.get(b, "bound") {
		t.Error("it does not go")
	}
}

func TestWhatTheAPIServerRefusesOfABindingIsReported(t *testing.T) {
	t.Parallel()
	refusal := errors.New("the API server says no")
	for _, c := range map[string]struct {
		do   func(l *lab, b *v1beta1.TargetGroupBinding)
		says string
	}{
		"our finalizer": {func(l *lab, b *v1beta1.TargetGroupBinding) {
			controllerutil.RemoveFinalizer(b, naming.BindingFinalizer)
			l.must(l.client.Update(l.Context(), b))
		}, "bound FailedAddFinalizer: Failed add finalizer due to the API server says no"},
		"its removal": {func(l *lab, b *v1beta1.TargetGroupBinding) { l.must(l.client.Delete(l.Context(), b)) },
			"bound FailedRemoveFinalizer: Failed remove finalizer due to the API server says no"},
	} {
		l, b := boundLab(t)
		l.get(b, "bound")
		c.do(l, b)
		l.bound.Writes.Client = interceptor.NewClient(l.client.(client.WithWatch), interceptor.Funcs{
			Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
				return refusal
			},
		})
		l.clock.Advance(2 * reads.CacheLag)
		for range 3 {
			l.binding()
			l.writeObjects()
		}
		l.toldOnce(c.says)
	}
}

func TestABindingThatMayNotNameItsRoleIsReportedUnservedKeepsItsRulesAndGoes(t *testing.T) {
	t.Parallel()
	l, b := boundLab(t)
	l.get(b, "bound")
	b.Spec.IamRoleArnToAssume = "arn:aws:iam::210987654321:role/targets"
	l.must(l.client.Update(t.Context(), b))
	l.restart()
	l.settle()
	l.toldOnce("bindings of namespace shop may not name role arn:aws:iam::210987654321:role/targets")
	if l.get(b, "bound"); !meta.IsStatusConditionFalse(b.Status.Conditions, "Ready") {
		t.Errorf("%+v", b.Status.Conditions)
	}
	if !l.bound.Networking.Table.Knows("shop/bound") || !slices.Equal(l.admitted(labNodeGroup), []string{labPeer + " 8080-8080"}) {
		t.Errorf("its rules: %v", l.admitted(labNodeGroup))
	}
	_, err := l.sim.Gate.AddFault(gate.Fault{Action: "DescribeTargetHealth", Code: "AccessDenied", Status: 403, Message: "of another account"})
	l.must(err)
	l.must(l.client.Delete(t.Context(), b))
	l.settle()
	if l.get(b, "bound") {
		t.Error("it does not go")
	}
	l.toldOnce("stays registered in " + b.Spec.TargetGroupARN)
	if got := l.admitted(labNodeGroup); len(got) > 0 {
		t.Errorf("left %v", got)
	}
}

func TestWhatCannotBeReadTakesNoTargetAway(t *testing.T) {
	t.Parallel()
	refusal := errors.New("the cache says no")
	for name, c := range map[string]struct {
		kind  v1beta1.TargetType
		fails func(any) bool
	}{
		"the Service": {v1beta1.TargetTypeIP, func(o any) bool { _, ok := o.(*corev1.Service); return ok }},
		"its slices":  {v1beta1.TargetTypeIP, func(o any) bool { _, ok := o.(*discoveryv1.EndpointSliceList); return ok }},
		"the nodes":   {v1beta1.TargetTypeInstance, func(o any) bool { _, ok := o.(*corev1.NodeList); return ok }},
	} {
		svc := labService("web")
		svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
		l := newLab(t, account.Profile{}, svc, labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
		b := labBinding(l.targetGroup(elbtypes.TargetTypeEnum(c.kind)), c.kind)
		b.Spec.Networking = networkingOf(labPeer) // the ports of the targets
		l.create(append(labPods("a", "10.0.128.50"), b)...)
		l.settle()
		l.events = nil
		served, admitted := l.targets(b.Spec.TargetGroupARN), l.admitted(labNodeGroup)
		if len(served) != 1 || len(admitted) != 1 {
			t.Fatalf("%s: targets %v, rules %v", name, served, admitted)
		}
		l.bound.Client = interceptor.NewClient(l.client.(client.WithWatch), interceptor.Funcs{
			Get: func(ctx context.Context, inner client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
				if c.fails(o) {
					return refusal
				}
				return inner.Get(ctx, key, o, opts...)
			},
			List: func(ctx context.Context, inner client.WithWatch, o client.ObjectList, opts ...client.ListOption) error {
				if c.fails(o) {
					return refusal
				}
				return inner.List(ctx, o, opts...)
			},
		})
		for range 2 {
			if _, err := l.round(); !errors.Is(err, refusal) {
				t.Errorf("%s: it is not tried again: %v", name, err)
			}
		}
		l.toldOnce("bound FailedReconcile: Failed reconcile due to reading ")
		if got := l.targets(b.Spec.TargetGroupARN); !slices.Equal(got, served) {
			t.Errorf("%s: targets %v, want %v", name, got, served)
		}
		if got := l.admitted(labNodeGroup); !slices.Equal(got, admitted) {
			t.Errorf("%s: rules %v, want %v", name, got, admitted)
		}
	}
}

// denyingTargets is Elastic Load Balancing that registers nothing; its error is as the SDK's client returns it.
type denyingTargets struct{ awsclient.ELBV2 }

func (denyingTargets) RegisterTargets(context.Context, *elbv2.RegisterTargetsInput, ...func(*elbv2.Options)) (*elbv2.RegisterTargetsOutput, error) {
	return nil, &smithy.OperationError{ServiceID: awsclient.ServiceELBV2, OperationName: "RegisterTargets", Err: &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized"}}
}

// TestPassesOverABindingCountWhatTheyFindAndWhatFails has AWS refuse targets, and then a Service that is gone.
func TestPassesOverABindingCountWhatTheyFindAndWhatFails(t *testing.T) {
	t.Parallel()
	l, _ := boundLab(t)
	clients := l.clients()
	clients.ELBV2 = denyingTargets{clients.ELBV2}
	l.remote = &clients
	l.restart()
	pages := prometheus.NewRegistry()
	l.bound.Metrics = metrics.New(pages)
	counted := func() map[string]float64 {
		t.Helper()
		families, err := pages.Gather()
		l.must(err)
		out := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				labels := map[string]string{}
				for _, p := range m.GetLabel() {
					labels[p.GetName()] = p.GetValue()
				}
				if f.GetName() == "awslbc_controller_reconcile_errors_total" && labels["controller"] == "targetGroupBinding" {
					out[labels["error_category"]] += m.GetCounter().GetValue()
				}
				if f.GetName() == "lbc_findings_total" && labels["owner"] == "elbv2.k8s.aws" {
					out[labels["code"]] += m.GetCounter().GetValue()
				}
			}
		}
		return out
	}
	l.scale("web", "10.0.128.50", "10.0.128.51")
	_, _ = l.round()
	if got := counted(); got["register_pod_endpoint_error"] == 0 {
		t.Errorf("a registration that AWS refused is counted as %v", got)
	}
	l.drop(&corev1.Service{}, "web")
	_, _ = l.round()
	if got := counted(); got["BackendServiceMissing"] == 0 || got["reconcile_targetgroupbinding_error"] == 0 {
		t.Errorf("a Service that is gone is counted as %v", got)
	}
}
