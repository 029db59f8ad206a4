package bindings

import (
	"slices"
	"strings"
	"testing"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

func TestNodesOfOtherVPCsAreLeftOutAndReported(t *testing.T) {
	t.Parallel()
	const far = "i-0a1de0000000000b1"
	svc := lab.Service("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	l := lab.New(t, account.Profile{}, svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
		lab.Node("far", "aws:///us-west-2b/"+far))
	l.Sim.Account.Lock()
	l.Sim.Account.Instances[far].VPC = "vpc-0a1de000000000002"
	l.Sim.Account.Unlock()
	arn := l.TargetGroup(elbtypes.TargetTypeEnumInstance)
	b := lab.Binding(arn, v1beta1.TargetTypeInstance)
	b.Spec.Networking = nil
	l.Create(b)
	mark := l.Mark()
	for range 3 {
		l.Settle()
	}
	calls := 0
	for _, w := range l.Writes(mark) {
		if strings.HasPrefix(w, "RegisterTargets") {
			calls++
		}
	}
	if calls != 2 {
		t.Errorf("targets were registered by %d calls, want one that is refused and one", calls)
	}
	const text = " FailedNetworkReconcile: 1 of 2 nodes are not registered, as their instances are not in " + lab.VPC +
		", the VPC of target group theirs: " + far
	for _, object := range []string{"bound", "web"} {
		if n := len(slices.DeleteFunc(slices.Clone(l.Events), func(e string) bool {
			return !strings.Contains(e, object+text)
		})); n != 1 {
			t.Errorf("%d events on %s, want one, among:\n%s", n, object, strings.Join(l.Events, "\n"))
		}
	}
	l.Get(b, "bound")
	if len(b.Status.Conditions) != 1 || b.Status.Conditions[0].Status != "True" {
		t.Errorf("conditions %v", b.Status.Conditions)
	}
}
