package bindings

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	smithy "github.com/aws/smithy-go"
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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

func TestACleanUpThatFailsIsInTheEventsAndInTheStatus(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "DeregisterTargets", Code: "AccessDenied", Status: 403,
		Message: "not authorized to perform: elasticloadbalancing:DeregisterTargets"})
	l.Must(err)
	l.Must(l.Client.Delete(t.Context(), b))
	for range 3 {
		if _, err := l.Round(); err == nil {
			t.Error("it is not tried again")
		}
	}
	l.ToldOnce("bound FailedCleanup: ")
	l.Get(b, "bound")
	if c := meta.FindStatusCondition(b.Status.Conditions, "Ready"); c == nil || c.Status != "False" ||
		c.Reason != "FailedCleanup" || !strings.Contains(c.Message, "DeregisterTargets") {
		t.Errorf("condition %+v", c)
	}
	l.Sim.Gate.ClearFaults()
	l.Settle()
	if l.Get(b, "bound") {
		t.Error("it does not go")
	}
}

func TestWhatTheAPIServerRefusesOfABindingIsReported(t *testing.T) {
	t.Parallel()
	refusal := errors.New("the API server says no")
	for _, c := range map[string]struct {
		do   func(l *lab.Lab, b *v1beta1.TargetGroupBinding)
		says string
	}{
		"our finalizer": {func(l *lab.Lab, b *v1beta1.TargetGroupBinding) {
			controllerutil.RemoveFinalizer(b, naming.BindingFinalizer)
			l.Must(l.Client.Update(l.Context(), b))
		}, "bound FailedAddFinalizer: the API server says no"},
		"its removal": {func(l *lab.Lab, b *v1beta1.TargetGroupBinding) { l.Must(l.Client.Delete(l.Context(), b)) },
			"bound FailedRemoveFinalizer: the API server says no"},
	} {
		l, b := lab.BoundLab(t)
		l.Get(b, "bound")
		c.do(l, b)
		l.Bound.Writes.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
			Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
				return refusal
			},
		})
		l.Clock.Advance(2 * reads.CacheLag)
		for range 3 {
			binding(l)
			l.WriteObjects()
		}
		l.ToldOnce(c.says)
	}
}

func TestBindingWithForbiddenRoleIsUnservedAndKeepsRules(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	l.Get(b, "bound")
	b.Spec.IamRoleArnToAssume = "arn:aws:iam::210987654321:role/targets"
	l.Must(l.Client.Update(t.Context(), b))
	l.Restart()
	l.Settle()
	l.ToldOnce("TargetGroupBindings of namespace shop are not allowed to assume role " +
		"arn:aws:iam::210987654321:role/targets")
	if l.Get(b, "bound"); !meta.IsStatusConditionFalse(b.Status.Conditions, "Ready") {
		t.Errorf("%+v", b.Status.Conditions)
	}
	if !l.Bound.Networking.Table.Knows("shop/bound") || !slices.Equal(l.Admitted(lab.NodeGroup),
		[]string{lab.Peer + " 8080-8080"}) {
		t.Errorf("its rules: %v", l.Admitted(lab.NodeGroup))
	}
	_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "DescribeTargetHealth", Code: "AccessDenied", Status: 403,
		Message: "of another account"})
	l.Must(err)
	l.Must(l.Client.Delete(t.Context(), b))
	l.Settle()
	if l.Get(b, "bound") {
		t.Error("it does not go")
	}
	l.ToldOnce("its targets stay registered in " + b.Spec.TargetGroupARN)
	if got := l.Admitted(lab.NodeGroup); len(got) > 0 {
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
		svc := lab.Service("web")
		svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
		l := lab.New(t, account.Profile{}, svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
		b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnum(c.kind)), c.kind)
		b.Spec.Networking = lab.NetworkingOf(lab.Peer) // the ports of the targets
		l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
		l.Settle()
		l.Events = nil
		served, admitted := l.Targets(b.Spec.TargetGroupARN), l.Admitted(lab.NodeGroup)
		if len(served) != 1 || len(admitted) != 1 {
			t.Fatalf("%s: targets %v, rules %v", name, served, admitted)
		}
		l.Bound.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
			Get: func(ctx context.Context, inner client.WithWatch, key client.ObjectKey, o client.Object,
				opts ...client.GetOption) error {
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
			if _, err := l.Round(); !errors.Is(err, refusal) {
				t.Errorf("%s: it is not tried again: %v", name, err)
			}
		}
		l.ToldOnce("bound FailedReconcile: reading ")
		if got := l.Targets(b.Spec.TargetGroupARN); !slices.Equal(got, served) {
			t.Errorf("%s: targets %v, want %v", name, got, served)
		}
		if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, admitted) {
			t.Errorf("%s: rules %v, want %v", name, got, admitted)
		}
	}
}

// denyingTargets is Elastic Load Balancing that registers nothing; its error is as the SDK's client returns it.
type denyingTargets struct{ awsclient.ELBV2 }

func (denyingTargets) RegisterTargets(context.Context, *elbv2.RegisterTargetsInput, ...func(*elbv2.Options)) (
	*elbv2.RegisterTargetsOutput, error) {
	return nil, &smithy.OperationError{ServiceID: awsclient.ServiceELBV2, OperationName: "RegisterTargets",
		Err: &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized"}}
}

// TestPassesOverABindingCountWhatTheyFindAndWhatFails has AWS refuse targets, and then a Service that is gone.
func TestPassesOverABindingCountWhatTheyFindAndWhatFails(t *testing.T) {
	t.Parallel()
	l, _ := lab.BoundLab(t)
	clients := l.Clients()
	clients.ELBV2 = denyingTargets{clients.ELBV2}
	l.Remote = &clients
	l.Restart()
	pages := prometheus.NewRegistry()
	l.Bound.Metrics = metrics.New(pages)
	counted := func() map[string]float64 {
		t.Helper()
		families, err := pages.Gather()
		l.Must(err)
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
	l.Scale("web", "10.0.128.50", "10.0.128.51")
	_, _ = l.Round()
	if got := counted(); got["register_pod_endpoint_error"] == 0 {
		t.Errorf("a registration that AWS refused is counted as %v", got)
	}
	l.Drop(&corev1.Service{}, "web")
	_, _ = l.Round()
	if got := counted(); got["BackendServiceMissing"] == 0 || got["reconcile_targetgroupbinding_error"] == 0 {
		t.Errorf("a Service that is gone is counted as %v", got)
	}
}
