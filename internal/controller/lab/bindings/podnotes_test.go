package bindings

import (
	"context"
	"strings"
	"testing"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
)

func TestPodsThatMayLoseRequestsAreReportedIfNamespaceAsks(t *testing.T) {
	t.Parallel()
	const drains, gates = "elbv2.k8s.aws/pod-drain-inject", "elbv2.k8s.aws/pod-readiness-gate-inject"
	const early, ungated = "web Note: pods may lose requests when they end: load balancers may send requests for 45 " +
		"seconds after a pod is asked to end, and ", "web Note: pods have no readiness gate of TargetGroupBinding bound"
	for name, tc := range map[string]struct {
		labels map[string]string
		change func(*corev1.Pod)
		want   []string
	}{
		"a short grace period": {map[string]string{drains: "enabled"}, func(p *corev1.Pod) {
			p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](10)
		}, []string{early + "terminationGracePeriodSeconds is 10"}},
		"a namespace that does not ask": {nil, func(p *corev1.Pod) {
			p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](10)
		}, nil},
		"a long one": {map[string]string{drains: "enabled"}, func(p *corev1.Pod) {
			p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](75)
		}, nil},
		"a declared length": {map[string]string{drains: "enabled"}, func(p *corev1.Pod) {
			p.Annotations = map[string]string{"elbv2.k8s.aws/pod-drain-seconds": "5"}
		}, nil},
		"no gate": {map[string]string{gates: "enabled"}, func(*corev1.Pod) {}, []string{ungated}},
		"a gate": {map[string]string{gates: "enabled"}, func(p *corev1.Pod) {
			p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: readiness.Gate("bound")}}
		}, nil},
		"neither": {map[string]string{gates: "enabled", drains: "enabled"}, func(*corev1.Pod) {},
			[]string{early + "terminationGracePeriodSeconds is 30", ungated}},
	} {
		l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: tc.labels}})
		l.Bound.DrainSeconds = func(context.Context, *v1beta1.TargetGroupBinding) int64 { return 45 }
		objs := lab.Pods("a", "10.0.128.50", "10.0.128.51")
		for _, o := range objs {
			if p, ok := o.(*corev1.Pod); ok {
				tc.change(p)
			}
		}
		l.Create(append(objs, lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))...)
		l.Settle()
		got := strings.Join(l.Events, "\n")
		for _, text := range tc.want {
			if strings.Count(got, text) != 1 {
				t.Errorf("%s: %q is not reported once:\n%s", name, text, got)
			}
		}
		if strings.Count(got, "[PodsEndEarly]")+strings.Count(got, "[PodsUngated]") != len(tc.want) {
			t.Errorf("%s: reported\n%s", name, got)
		}
	}
}
