package naming

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestUntrackedLeavesWhatObjectsDeclare plans an Ingress and a Gateway with the same declared tags and labels: nothing
// differs, and the stacks stay as they are.
func TestUntrackedLeavesWhatObjectsDeclare(t *testing.T) {
	t.Parallel()
	made := func(owner stack.Owner, id stack.ID) *stack.Stack {
		tags := Tracking(owner, "demo", id.String(), "x")
		tags["team"] = "web"
		key := stack.Key{Owner: owner, ID: id}
		labels := Labels(key)
		labels["billing"] = "shop"
		return &stack.Stack{
			Key: key, SecurityGroups: []stack.SecurityGroup{{Tags: tags}}, TargetGroups: []stack.TargetGroup{{Tags: tags}},
			LoadBalancers: []stack.LoadBalancer{{Tags: tags}},
			Listeners:     []stack.Listener{{Tags: tags}}, Rules: []stack.Rule{{Tags: tags}, {}}, Bindings: []stack.Binding{
				{Labels: labels}},
			Certificates: []stack.Certificate{{Tags: tags}}, TrustStores: []stack.TrustStore{{Tags: tags}},
		}
	}
	declared := map[string]string{"team": "web"}
	for _, s := range []*stack.Stack{
		made(stack.Ingress, stack.ID{Namespace: "shop", Name: "web"}), made(stack.Ingress, stack.ID{Name: "group"}),
		made(stack.GatewayALB, stack.ID{Namespace: "shop", Name: "web"}),
		made(stack.Service, stack.ID{Namespace: "shop", Name: "web"}),
	} {
		want := &stack.Stack{
			Key: s.Key, SecurityGroups: []stack.SecurityGroup{{Tags: declared}}, TargetGroups: []stack.TargetGroup{
				{Tags: declared}}, LoadBalancers: []stack.LoadBalancer{{Tags: declared}},
			Listeners: []stack.Listener{{Tags: declared}}, Rules: []stack.Rule{{Tags: declared}, {}}, Bindings: []stack.Binding{
				{Labels: map[string]string{"billing": "shop"}}},
			Certificates: []stack.Certificate{{Tags: declared}}, TrustStores: []stack.TrustStore{{Tags: declared}},
		}
		before := made(s.Key.Owner, s.Key.ID)
		if diff := cmp.Diff(want, Untracked(s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.Key, diff)
		}
		if diff := cmp.Diff(before, s); diff != "" {
			t.Errorf("%s is changed:\n%s", s.Key, diff)
		}
	}
}
