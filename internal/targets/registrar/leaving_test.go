package registrar

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestPodsLeaveWithTheirNode(t *testing.T) {
	t.Parallel()
	down := func(message string) *corev1.Node {
		n := node("n", "", corev1.ConditionFalse, nil)
		n.Status.Conditions[1].Message = message
		return n
	}
	deleted := node("n", "", corev1.ConditionTrue, nil)
	deleted.DeletionTimestamp = ptr.To(metav1.Now())
	cordoned := node("n", "", corev1.ConditionTrue, nil, corev1.Taint{Key: corev1.TaintNodeUnschedulable,
		Effect: corev1.TaintEffectNoSchedule})
	cordoned.Spec.Unschedulable = true
	for name, tc := range map[string]struct {
		node            *corev1.Node
		leave, excluded bool
	}{
		"a node that serves": {node("n", "", corev1.ConditionTrue, nil), false, false},
		"the cluster autoscaler": {
			node("n", "", corev1.ConditionTrue, nil, corev1.Taint{Key: "ToBeDeletedByClusterAutoscaler"}), true, true},
		"Karpenter": {node("n", "", corev1.ConditionTrue, nil, corev1.Taint{Key: "karpenter.sh/disrupted",
			Effect: corev1.TaintEffectNoSchedule}), true, true},
		"a stopped instance": {
			node("n", "", corev1.ConditionUnknown, nil, corev1.Taint{Key: "node.cloudprovider.kubernetes.io/shutdown"}),
			true, true},
		"a shutdown":               {down("container runtime is fine; node is shutting down"), true, true},
		"a kubelet with a problem": {down("container runtime is down"), false, false},
		"a deleted node":           {deleted, true, true},
		"a node that is cordoned":  {cordoned, false, false},
		"excluded from load balancers": {
			node("n", "", corev1.ConditionTrue, map[string]string{
				"node.kubernetes.io/exclude-from-external-load-balancers": ""}), false, true},
	} {
		if got := PodsLeave(tc.node, false); got != tc.leave {
			t.Errorf("%s: %t", name, got)
		}
		if got := PodsLeave(tc.node, true); got != tc.excluded {
			t.Errorf("%s, where the label counts: %t", name, got)
		}
	}
}

func TestEndpointsOnNodesThatLeaveGoWhileOthersCanServe(t *testing.T) {
	t.Parallel()
	c := cluster{nodes: map[string]*corev1.Node{
		"stays": node("stays", "", corev1.ConditionTrue, nil), "leaves": node("leaves", "", corev1.ConditionTrue, nil,
			corev1.Taint{Key: "ToBeDeletedByClusterAutoscaler"}),
	}}
	for name, tc := range map[string]struct{ nodes, want []string }{
		"none leaves":            {[]string{"stays", "stays"}, []string{"stays", "stays"}},
		"one of three":           {[]string{"stays", "leaves", "stays"}, []string{"stays", "stays"}},
		"one of two":             {[]string{"leaves", "stays"}, []string{"stays"}},
		"two of three":           {[]string{"leaves", "leaves", "stays"}, []string{"leaves", "leaves", "stays"}},
		"the only one":           {[]string{"leaves"}, []string{"leaves"}},
		"a node nobody knows":    {[]string{"unknown", "leaves"}, []string{"unknown"}},
		"a node that is not set": {[]string{"", "leaves"}, []string{""}},
		"no endpoints":           {nil, nil},
	} {
		var in []Endpoint
		for _, n := range tc.nodes {
			in = append(in, Endpoint{Node: n})
		}
		var got []string
		for _, e := range Staying(t.Context(), c, EndpointsOf(in...), false).All() {
			got = append(got, e.Node)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAPodThatTerminatesIsNoEndpoint(t *testing.T) {
	t.Parallel()
	ended := pod("ended", "good", corev1.ConditionTrue)
	ended.UID, ended.DeletionTimestamp = "u-1", ptr.To(metav1.Now())
	successor := pod("ended", "good", corev1.ConditionTrue, "10.0.0.2")
	successor.UID = "u-2"
	c := behind{cluster{pods: map[string]*corev1.Pod{"ended": ended}}, map[string]*corev1.Pod{"ended": successor}}
	yes := ptr.To(true)
	for name, tc := range map[string]struct {
		endpoint discoveryv1.Endpoint
		want     int
	}{
		"the slice publishes addresses that are not ready": {endpoint("10.0.0.1", "other", yes, yes), 0},
		"the slice does not show it yet":                   {withUID(endpoint("10.0.0.1", "ended", yes, nil), ended), 0},
		"the successor of its name": {withUID(endpoint("10.0.0.2", "ended", yes, nil), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{UID: "u-2"}}), 1},
	} {
		s := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{
			{Port: ptr.To[int32](8080)}}, Endpoints: []discoveryv1.Endpoint{tc.endpoint}}
		if got := ChooseServing(PodCandidates(t.Context(), c, corev1.ServicePort{Port: 80}, []*discoveryv1.EndpointSlice{s},
			false),
			true); len(got) != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func withUID(e discoveryv1.Endpoint, p *corev1.Pod) discoveryv1.Endpoint {
	e.TargetRef.UID = p.UID
	return e
}
