package registrar

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

type cluster struct {
	pods  map[string]*corev1.Pod
	nodes map[string]*corev1.Node
}

func (c cluster) Pod(_ context.Context, _, name string) (*corev1.Pod, bool) {
	p, ok := c.pods[name]
	return p, ok
}
func (c cluster) Node(_ context.Context, name string) (*corev1.Node, bool) {
	n, ok := c.nodes[name]
	return n, ok
}

func node(name, provider string, ready corev1.ConditionStatus, labels map[string]string,
	taints ...corev1.Taint) *corev1.Node {
	n := &corev1.Node{}
	n.Name, n.Labels, n.Spec.ProviderID, n.Spec.Taints = name, labels, provider, taints
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse},
		{Type: corev1.NodeReady, Status: ready},
		{Type: corev1.NodeNetworkUnavailable, Status: corev1.ConditionUnknown}}
	return n
}

func pod(name, node string, containersReady corev1.ConditionStatus, address ...string) *corev1.Pod {
	p := &corev1.Pod{}
	p.Name, p.Spec.NodeName = name, node
	for _, a := range address {
		p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: a})
	}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
		{Type: corev1.ContainersReady, Status: containersReady}}
	return p
}

func endpoint(addr, pod string, ready, terminating *bool) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		Addresses:  []string{addr},
		Conditions: discoveryv1.EndpointConditions{Ready: ready, Terminating: terminating},
		TargetRef:  &corev1.ObjectReference{Kind: "Pod", Name: pod},
	}
}

func TestAnEndpointIsOnTheNodeOfItsPod(t *testing.T) {
	t.Parallel()
	c := cluster{pods: map[string]*corev1.Pod{"a": pod("a", "good", corev1.ConditionTrue, "10.0.0.1"),
		"b": pod("b", "good", corev1.ConditionTrue, "10.0.0.2"), "c": pod("c", "", corev1.ConditionTrue, "10.0.0.3")}}
	written := endpoint("10.0.0.2", "b", ptr.To(true), nil)
	written.NodeName = ptr.To("other")
	s := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{
		{Port: ptr.To[int32](8080)}},
		Endpoints: []discoveryv1.Endpoint{endpoint("10.0.0.1", "a", ptr.To(true), nil), written,
			endpoint("10.0.0.3", "c", ptr.To(true), nil), endpoint("10.0.0.4", "nobody", ptr.To(true), nil)}}
	var nodes []string
	for _, e := range ChooseServing(PodCandidates(t.Context(), c, corev1.ServicePort{Port: 80},
		[]*discoveryv1.EndpointSlice{s},
		false), true) {
		nodes = append(nodes, e.Node)
	}
	if diff := cmp.Diff([]string{"good", "good", ""}, nodes); diff != "" {
		t.Error(diff)
	}
}

func TestPodEndpointsFollowReadinessAndGates(t *testing.T) {
	t.Parallel()
	c := cluster{
		pods: map[string]*corev1.Pod{
			"a": pod("a", "good", corev1.ConditionTrue, "10.0.0.1"), "b": pod("b", "good", corev1.ConditionTrue, "10.0.0.2"),
			"gated": pod("gated", "good", corev1.ConditionTrue, "10.0.0.3"), "starting": pod("starting", "good",
				corev1.ConditionFalse, "10.0.0.4"),
			"lost": pod("lost", "lost", corev1.ConditionTrue, "10.0.0.5"), "bad": pod("bad", "bad", corev1.ConditionTrue,
				"10.0.0.6"),
		},
		nodes: map[string]*corev1.Node{
			"good": node("good", "", corev1.ConditionTrue, nil), "lost": node("lost", "", corev1.ConditionUnknown, nil),
			"bad": node("bad", "", corev1.ConditionFalse, nil),
		},
	}
	yes, no := ptr.To(true), ptr.To(false)
	for _, tc := range []struct {
		name      string
		endpoints []discoveryv1.Endpoint
		failOpen  bool
		want      []string
	}{
		{"ready, and unset which means ready", []discoveryv1.Endpoint{endpoint("10.0.0.2", "b", nil, nil),
			endpoint("10.0.0.1", "a", yes, nil)}, true, []string{"10.0.0.1:8080", "10.0.0.2:8080"}},
		{"one address once", []discoveryv1.Endpoint{endpoint("10.0.0.1", "a", yes, nil), endpoint("10.0.0.1", "a", yes, nil)},
			true, []string{"10.0.0.1:8080"}},
		{"waiting for a gate only", []discoveryv1.Endpoint{endpoint("10.0.0.3", "gated", no, no)}, true,
			[]string{"10.0.0.3:8080"}},
		{"a gate wait that terminates", []discoveryv1.Endpoint{endpoint("10.0.0.3", "gated", no, yes)}, true, nil},
		{"containers not ready", []discoveryv1.Endpoint{endpoint("10.0.0.4", "starting", no, nil)}, true, nil},
		{"unknown pod", []discoveryv1.Endpoint{endpoint("10.0.0.4", "nobody", no, nil)}, true, nil},
		{"node of unknown state, nothing ready", []discoveryv1.Endpoint{endpoint("10.0.0.5", "lost", no, nil)}, true,
			[]string{"10.0.0.5:8080"}},
		{"the same with fail-open off", []discoveryv1.Endpoint{endpoint("10.0.0.5", "lost", no, nil)}, false, nil},
		{"node of unknown state beside a ready one", []discoveryv1.Endpoint{endpoint("10.0.0.5", "lost", no, nil),
			endpoint("10.0.0.1", "a", yes, nil)}, true, []string{"10.0.0.1:8080"}},
		{"node down", []discoveryv1.Endpoint{endpoint("10.0.0.6", "bad", no, nil)}, true, nil},
		{"not a pod", []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.9"}}}, true, nil},
		{"no address", []discoveryv1.Endpoint{{TargetRef: endpoint("", "a", yes, nil).TargetRef}}, true, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, Endpoints: tc.endpoints,
				Ports: []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](8080)},
					{Name: ptr.To("other"), Port: ptr.To[int32](9)}}}
			v6 := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv6, Ports: s.Ports,
				Endpoints: []discoveryv1.Endpoint{endpoint("2001:db8::1", "a", yes, nil)}}
			var got []string
			for _, e := range ChooseServing(PodCandidates(t.Context(), c, corev1.ServicePort{Name: "http"},
				[]*discoveryv1.EndpointSlice{s, v6}, false), tc.failOpen) {
				got = append(got, e.Key())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNodeEndpointsLeaveOutWhatCannotServe(t *testing.T) {
	t.Parallel()
	nodes := []*corev1.Node{
		node("b", "aws:///us-west-2a/i-0b", corev1.ConditionTrue, map[string]string{"pool": "x"}, corev1.Taint{
			Key: "karpenter.sh/disrupted", Effect: corev1.TaintEffectPreferNoSchedule}),
		node("a", "aws:///us-west-2a/i-0a", corev1.ConditionTrue, nil),
		node("excluded", "aws:///z/i-0c", corev1.ConditionTrue, map[string]string{
			"node.kubernetes.io/exclude-from-external-load-balancers": ""}),
		node("fargate", "aws:///z/i-0d", corev1.ConditionTrue, map[string]string{
			"eks.amazonaws.com/compute-type": "fargate"}),
		node("hybrid", "eks-hybrid:///us-west-2/demo/mi-0a", corev1.ConditionTrue, map[string]string{
			"eks.amazonaws.com/compute-type": "hybrid"}),
		node("leaving", "aws:///z/i-0e", corev1.ConditionTrue, nil, corev1.Taint{Key: "ToBeDeletedByClusterAutoscaler"}),
		node("disrupted", "aws:///z/i-0f", corev1.ConditionTrue, nil, corev1.Taint{Key: "karpenter.sh/disrupted",
			Effect: corev1.TaintEffectNoSchedule}),
		node("down", "aws:///z/i-10", corev1.ConditionFalse, nil),
		node("new", "", corev1.ConditionTrue, nil),
		node("odd", "kind://docker/x", corev1.ConditionTrue, nil),
	}
	got, skipped, err := NodeEndpoints(nodes, nil, 30080, true)
	if err != nil {
		t.Fatal(err)
	}
	want := []Endpoint{{Target: Target{ID: "i-0a", Port: 30080}, Node: "a"},
		{Target: Target{ID: "i-0b", Port: 30080}, Node: "b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(skipped) != 2 {
		t.Errorf("skipped %v, want the two nodes without a usable provider id", skipped)
	}
	got, _, err = NodeEndpoints(nodes, &metav1.LabelSelector{MatchLabels: map[string]string{"pool": "x"}}, 1, true)
	if err != nil || len(got) != 1 || got[0].ID != "i-0b" {
		t.Errorf("with a selector: %v, %v; want i-0b", got, err)
	}
	if _, _, err = NodeEndpoints(nodes, &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: "k", Operator: "Near"}}}, 1, true); err == nil {
		t.Error("a malformed selector is accepted")
	}
}

func TestNodesOfUnknownStateServeIfNoneIsReady(t *testing.T) {
	t.Parallel()
	lost := node("lost", "aws:///us-west-2a/i-0a", corev1.ConditionUnknown, nil)
	down := node("down", "aws:///us-west-2a/i-0b", corev1.ConditionFalse, nil)
	ready := node("ready", "aws:///us-west-2a/i-0c", corev1.ConditionTrue, nil)
	for name, c := range map[string]struct {
		nodes    []*corev1.Node
		failOpen bool
		want     []string
	}{
		"none is ready":          {[]*corev1.Node{lost, down}, true, []string{"i-0a"}},
		"one is ready":           {[]*corev1.Node{lost, down, ready}, true, []string{"i-0c"}},
		"with fail-open off":     {[]*corev1.Node{lost, down}, false, nil},
		"none is of known state": {[]*corev1.Node{lost}, true, []string{"i-0a"}},
	} {
		got, _, err := NodeEndpoints(c.nodes, nil, 1, c.failOpen)
		var ids []string
		for _, e := range got {
			ids = append(ids, e.ID)
		}
		if diff := cmp.Diff(c.want, ids); err != nil || diff != "" {
			t.Errorf("%s: %v; %s", name, err, diff)
		}
	}
}

func TestServicePortsAreFoundByNumberOrName(t *testing.T) {
	t.Parallel()
	svc := &corev1.Service{
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}, {Name: "81", Port: 8080}}}}
	for _, tc := range []struct {
		ref  intstr.IntOrString
		want int32
	}{{intstr.FromInt32(80), 80}, {intstr.FromString("http"), 80}, {intstr.FromString("81"), 8080},
		{intstr.FromInt32(81), 0}, {intstr.FromString("80"), 0}} {
		if p, ok := PortOf(svc, tc.ref); p.Port != tc.want || ok != (tc.want != 0) {
			t.Errorf("PortOf(%s) = %d, %t; want %d", tc.ref.String(), p.Port, ok, tc.want)
		}
	}
}

func TestEndpointsWithoutPodAreThoseThatAreReadyByTheirSlice(t *testing.T) {
	t.Parallel()
	no, node := false, "n1"
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, AddressType: discoveryv1.AddressTypeIPv4,
		Ports: []discoveryv1.EndpointPort{{Port: ptr.To[int32](80)}},
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"10.0.0.2"}, NodeName: &node},
			{Addresses: []string{"10.0.0.1"}, TargetRef: &corev1.ObjectReference{Kind: "VirtualMachine", Name: "vm"}},
			{Addresses: []string{"10.0.0.3"}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: "p"}},
			{Addresses: []string{"10.0.0.4"}, Conditions: discoveryv1.EndpointConditions{Ready: &no}},
			{},
		},
	}
	var got []string
	for _, e := range PodlessEndpoints(corev1.ServicePort{}, []*discoveryv1.EndpointSlice{slice}, false) {
		got = append(got, e.Key()+" "+e.Node)
	}
	if want := []string{"10.0.0.1:80 ", "10.0.0.2:80 n1"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := PodlessEndpoints(corev1.ServicePort{}, []*discoveryv1.EndpointSlice{slice}, true); len(got) > 0 {
		t.Errorf("of the other family: %v", got)
	}
}

func TestPodsOfOtherNamespacesAreNoTargets(t *testing.T) {
	t.Parallel()
	for namespace, want := range map[string]int{"": 1, "shop": 1, "victim": 0} {
		s := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{
			{Port: ptr.To[int32](80)}}, Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{"10.0.128.50"}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: "a"},
		}}}
		s.Namespace = "shop"
		c := cluster{pods: map[string]*corev1.Pod{"a": pod("a", "good", corev1.ConditionTrue, "10.0.128.50")}}
		if got := ChooseServing(PodCandidates(t.Context(), c, corev1.ServicePort{}, []*discoveryv1.EndpointSlice{s}, false),
			true); len(got) != want {
			t.Errorf("namespace %q: %v", namespace, got)
		}
	}
}
