package bindings

import (
	"cmp"
	"context"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// ExplainedEndpoint is an endpoint of a binding's Service, and why it is no target.
type ExplainedEndpoint struct {
	registrar.Endpoint
	Why string // empty = it is a target
}

// Explain gives a reason to each candidate that is not wanted. Nodes and pods are judged in the same way.
func (x Endpoints) Explain(ctx context.Context, all []registrar.Candidate,
	wanted []registrar.Endpoint) []ExplainedEndpoint {
	by := map[string]registrar.Endpoint{} // wanted, by address
	for _, e := range wanted {
		by[e.Address()] = e
	}
	out := make([]ExplainedEndpoint, 0, len(all))
	shown, nodeAt := map[string]bool{}, registrar.NodesAt(x.Nodes)
	for _, c := range all {
		j := ExplainedEndpoint{Endpoint: c.Endpoint, Why: c.Why}
		if e, ok := by[c.Address()]; ok && e.Pod == c.Pod && e.Node == c.Node && !shown[c.Address()] {
			j.Endpoint, j.Why, shown[c.Address()] = e, "", true
		} else if c.Why == "" {
			j.Why = x.why(ctx, c.Endpoint, shown[c.Address()], nodeAt)
		}
		out = append(out, j)
	}
	sorting.StableBy(out, func(a, b ExplainedEndpoint) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.Node, b.Node),
			cmp.Compare(a.Key(), b.Key()))
	})
	return out
}

// why is what leaves out an endpoint that is ready.
func (x Endpoints) why(ctx context.Context, e registrar.Endpoint, repeated bool,
	nodeAt func(address string) (string, bool)) string {
	node, known := x.Cluster.Node(ctx, e.Node)
	protocol := x.Binding.Spec.TargetGroupProtocol
	switch {
	case repeated:
		return "another endpoint has its address and port"
	case e.Pod != "" && known && registrar.PodsLeave(node, x.ExcludedNodes):
		return "its node is about to go, or excluded from load balancers"
	case e.Pod == "" && ofAddress(x.Binding) && x.barred(e, nodeAt) != "":
		return x.barred(e, nodeAt)
	case e.Pod == "" && x.outside(e):
		return "its address is not in " + x.Binding.Spec.VpcID
	case protocol != nil && registrar.IsQUIC(string(*protocol)):
		return "its pod has no QUIC server id of its own"
	}
	return "another endpoint has its address and port"
}
