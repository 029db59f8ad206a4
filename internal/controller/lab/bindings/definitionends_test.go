package bindings

import (
	"context"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestBindingThatGoesWithItsDefinitionKeepsTargets has a user's binding deleted with the definition of its kind, and
// applied again.
func TestBindingThatGoesWithItsDefinitionKeepsTargets(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	arn := b.Spec.TargetGroupARN
	before, again := l.Targets(arn), lab.Binding(arn, v1beta1.TargetTypeIP)
	rules := l.Admitted(lab.NodeGroup)
	if len(before) != 1 || len(rules) == 0 {
		t.Fatalf("registered: %v, admitted: %v", before, rules)
	}
	mark, ends := l.Mark(), true
	l.Bound.DefinitionEnds = func(context.Context) bool { return ends }
	l.Must(l.Client.Delete(t.Context(), b))
	l.Settle()
	if l.Get(&v1beta1.TargetGroupBinding{}, b.Name) {
		t.Error("the finalizer holds the removal of the definition up")
	}
	ends = false
	again.UID = "uid-again"
	l.Create(again)
	l.Settle()
	if slices.Contains(l.Writes(mark), "DeregisterTargets") || !slices.Equal(l.Targets(arn), before) ||
		!slices.Equal(l.Admitted(lab.NodeGroup), rules) {
		t.Errorf("registered: %v, want %v; admitted: %v, want %v; called: %v", l.Targets(arn), before,
			l.Admitted(lab.NodeGroup), rules, l.Writes(mark))
	}
	l.Must(l.Client.Delete(t.Context(), again))
	l.Settle()
	if got := l.Targets(arn); len(got) > 0 {
		t.Errorf("a binding that is deleted alone leaves %v", got)
	}
}

// TestDeletedBindingOfAStackKeepsTargets has somebody delete the binding of a stack, which makes it again, while AWS
// answers without the target group.
func TestDeletedBindingOfAStackKeepsTargets(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
		lab.Ingress("front", nil, "web"))
	l.Create(lab.Pods("a", "10.0.128.50")...)
	l.Settle(lab.Key("front"))
	b := l.AllBindings()[0]
	mark := l.Mark()
	_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "groups", Service: "elasticloadbalancing", Action: "DescribeTargetGroups",
		Empty: true})
	l.Must(err)
	l.Must(l.Client.Delete(t.Context(), &b))
	_, err = l.Round()
	l.Must(err)
	l.Sim.Gate.RemoveFault("groups")
	l.Settle(lab.Key("front"))
	if got := l.Targets(b.Spec.TargetGroupARN); slices.Contains(l.Writes(mark), "DeregisterTargets") || len(got) != 1 {
		t.Errorf("registered: %v, called: %v", got, l.Writes(mark))
	}
}
