package bindings

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// nodes is a cluster of nodes without pods.
type nodes map[string]*corev1.Node

func (nodes) Pod(context.Context, string, string) (*corev1.Pod, bool) { return nil, false }
func (n nodes) Node(_ context.Context, name string) (*corev1.Node, bool) {
	x, ok := n[name]
	return x, ok
}

func TestAnEndpointThatIsReadyAndNoTargetHasAReason(t *testing.T) {
	t.Parallel()
	going := &corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "ToBeDeletedByClusterAutoscaler"}}}}
	at := func(id, pod, node string) targets.Endpoint {
		return targets.Endpoint{Target: targets.Target{ID: id, Port: 80}, Pod: pod, Node: node}
	}
	for name, c := range map[string]struct {
		protocol v1beta1.Protocol
		pods     []targets.Endpoint
		podless  []targets.Endpoint
		want     map[string]string
	}{
		"on a node that goes, of few": {"HTTP", []targets.Endpoint{at("10.0.0.1", "a", "n"), at("10.0.0.2", "b", "n"), at("10.0.0.3", "c", "going")}, nil,
			map[string]string{"a": "", "b": "", "c": "its node is about to go, or excluded from load balancers"}},
		"on nodes that go, of most":  {"HTTP", []targets.Endpoint{at("10.0.0.1", "a", "n"), at("10.0.0.2", "b", "going"), at("10.0.0.3", "c", "going")}, nil, map[string]string{"a": "", "b": "", "c": ""}},
		"outside of the VPC":         {"HTTP", nil, []targets.Endpoint{at("10.0.0.9", "", "in"), at("192.168.0.1", "", "out")}, map[string]string{"in": "", "out": "its address is not in vpc-1"}},
		"without a QUIC server id":   {"QUIC", []targets.Endpoint{at("10.0.0.1", "a", "n")}, nil, map[string]string{"a": "its pod has no QUIC server id of its own"}},
		"at the address of another":  {"HTTP", []targets.Endpoint{at("10.0.0.1", "a", "n")}, []targets.Endpoint{at("10.0.0.1", "", "twin")}, map[string]string{"a": "", "twin": "another endpoint has its address and port"}},
		"as all others are, on none": {"HTTP", nil, nil, map[string]string{}},
	} {
		x := Endpoints{
			Binding: &v1beta1.TargetGroupBinding{Spec: v1beta1.TargetGroupBindingSpec{VpcID: "vpc-1", TargetGroupProtocol: ptr.To(c.protocol)}}, Cluster: nodes{"n": {}, "going": going}, Pods: c.pods, Podless: c.podless,
			VPC: func() (*facts.VPC, bool) { return &facts.VPC{CIDRs: []string{"10.0.0.0/16"}}, true }, About: func() []diag.Object { return nil },
		}
		wanted, _, _ := x.Addresses(t.Context())
		var all []targets.Candidate
		for _, e := range append(c.pods, c.podless...) {
			all = append(all, targets.Candidate{Endpoint: e, Ready: corev1.ConditionTrue})
		}
		got, n := map[string]string{}, 0
		for _, j := range x.Judge(t.Context(), all, wanted) {
			key := j.Pod
			if key == "" {
				key = j.Node
			}
			got[key] = j.Why
			if j.Why == "" {
				n++
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" || n != len(wanted) {
			t.Errorf("%s: %d of %d targets (-want +got)\n%s", name, n, len(wanted), diff)
		}
	}
}
