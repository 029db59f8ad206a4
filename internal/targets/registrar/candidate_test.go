package registrar

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func TestEachEndpointOfAPodThatIsNoTargetHasAReason(t *testing.T) {
	t.Parallel()
	ending := pod("ending", "a", corev1.ConditionTrue, "10.0.0.3")
	ending.DeletionTimestamp, ending.UID = &metav1.Time{}, "7"
	c := cluster{
		pods: map[string]*corev1.Pod{"ending": ending, "starting": pod("starting", "a", corev1.ConditionFalse),
			"gated": pod("gated", "a", corev1.ConditionTrue), "cut": pod("cut", "silent", corev1.ConditionTrue),
			"down": pod("down", "sick", corev1.ConditionTrue), "lost": pod("lost", "nowhere", corev1.ConditionTrue),
			"ready": pod("ready", "a", corev1.ConditionTrue), "ended": pod("ended", "a", corev1.ConditionTrue)},
		nodes: map[string]*corev1.Node{"a": node("a", "", corev1.ConditionTrue, nil),
			"silent": node("silent", "", corev1.ConditionUnknown, nil), "sick": node("sick", "", corev1.ConditionFalse, nil)},
	}
	c.pods["ended"].Status.Phase = corev1.PodSucceeded
	names := map[string]string{}
	endpoint := func(name string, ready, terminating bool) discoveryv1.Endpoint {
		address := fmt.Sprintf("10.0.1.%d", len(names))
		if names[address] = name; c.pods[name] != nil {
			c.pods[name].Status.PodIP = address
		}
		return discoveryv1.Endpoint{
			Addresses: []string{address}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: name, UID: "7"},
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(ready), Terminating: ptr.To(terminating)},
		}
	}
	s := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{
		{Port: ptr.To[int32](80)}}, Endpoints: []discoveryv1.Endpoint{
		endpoint("ready", true, false), endpoint("leaving", true, true), endpoint("ending", true, false),
		endpoint("starting", false, false), endpoint("gated", false, false),
		endpoint("cut", false, false), endpoint("down", false, false), endpoint("lost", false, false),
		endpoint("gone", false, false), endpoint("ended", true, false),
		{Addresses: []string{"machine"}}, {Addresses: []string{"broken"}, Conditions: discoveryv1.EndpointConditions{
			Ready: ptr.To(false)}},
	}}
	got := map[string]string{}
	all := append(PodCandidates(t.Context(), c, corev1.ServicePort{}, []*discoveryv1.EndpointSlice{s}, false),
		PodlessCandidates(corev1.ServicePort{}, []*discoveryv1.EndpointSlice{s}, false)...)
	for _, x := range all {
		name, ok := names[x.ID]
		if !ok {
			name = x.ID
		}
		got[name] = x.Why
		if (x.Why == "") != (x.Ready == corev1.ConditionTrue) {
			t.Errorf("%s is %s: %q", x.ID, x.Ready, x.Why)
		}
	}
	want := map[string]string{
		"ready": "", "leaving": "its pod terminates", "ending": "its pod terminates",
		"starting": "the containers of its pod are not ready", "gated": "",
		"cut": "its node does not report", "down": "its node is not ready", "lost": "its node does not exist",
		"gone": "its pod does not exist", "ended": "its pod has ended",
		"machine": "", "broken": "its EndpointSlice says that it is not ready",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEachNodeThatIsNoTargetHasAReason(t *testing.T) {
	t.Parallel()
	const id = "aws:///us-west-2a/i-1"
	web := map[string]string{"pool": "web"}
	nodes := []*corev1.Node{
		node("ready", id, corev1.ConditionTrue, web),
		node("excluded", id, corev1.ConditionTrue, map[string]string{"pool": "web", corev1.LabelNodeExcludeBalancers: ""}),
		node("jobs", id, corev1.ConditionTrue, map[string]string{"pool": "jobs"}),
		node("leaving", id, corev1.ConditionTrue, web, corev1.Taint{Key: "ToBeDeletedByClusterAutoscaler"}),
		node("nameless", "", corev1.ConditionTrue, web),
		node("sick", id, corev1.ConditionFalse, web),
		node("silent", id, corev1.ConditionUnknown, web),
	}
	all, err := NodeCandidates(nodes, &metav1.LabelSelector{MatchLabels: web}, 30080)
	got := map[string]string{}
	for _, x := range all {
		got[x.Node] = x.Why
		if x.Lacks != (x.Node == "nameless") {
			t.Errorf("%s lacks something: %t", x.Node, x.Lacks)
		}
	}
	want := map[string]string{
		"ready": "", "excluded": "its labels exclude it from load balancers", "jobs": "spec.nodeSelector does not select it",
		"leaving":  "an autoscaler is about to remove it",
		"nameless": "providerID is not specified for node: nameless", "sick": "its node is not ready",
		"silent": "its node does not report",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// TestServingPodsAreThoseOfTheCandidates shows that ServicePortEndpoints.Serving finds what the candidates say, and
// returns the list of before where that is the same.
func TestServingPodsAreThoseOfTheCandidates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := cluster{pods: map[string]*corev1.Pod{}, nodes: map[string]*corev1.Node{
			"up": node("up", "", corev1.ConditionTrue, nil), "silent": node("silent", "", corev1.ConditionUnknown, nil)}}
		b := ServicePortEndpoints{Port: corev1.ServicePort{}}
		for range rapid.IntRange(0, 3).Draw(t, "slices") {
			s := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{
				{Port: ptr.To[int32](80)}}}
			for range rapid.IntRange(0, 4).Draw(t, "endpoints") {
				n := rapid.IntRange(0, 5).Draw(t, "pod")
				name, address := fmt.Sprint("p", n), fmt.Sprint("10.0.0.", n)
				if rapid.Float64Range(0, 1).Draw(t, "exists") < 0.9 {
					c.pods[name] = pod(name, rapid.SampledFrom([]string{"up", "silent"}).Draw(t, "node"),
						corev1.ConditionTrue, address)
				}
				s.Endpoints = append(s.Endpoints, endpoint(address, name, ptr.To(rapid.Bool().Draw(t, "ready")), nil))
			}
			b.Slices = append(b.Slices, s)
		}
		failOpen := rapid.Bool().Draw(t, "failOpen")
		all := PodCandidates(t.Context(), c, b.Port, b.Slices, false)
		got, refused := b.Serving(t.Context(), c, failOpen, Endpoints{})
		if diff := cmp.Diff(ChooseServing(all, failOpen), got.Slice(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-candidates +serving)\n%s", diff)
		}
		if diff := cmp.Diff(refusedOf(all), refused, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("refused (-candidates +serving)\n%s", diff)
		}
		if again, _ := b.Serving(t.Context(), c, failOpen, got); !again.one(got) {
			t.Fatal("another list of the same endpoints")
		}
	})
}

func refusedOf(all []Candidate) []Candidate {
	return slices.DeleteFunc(slices.Clone(all), func(c Candidate) bool { return !c.Refused })
}
