package bindings

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
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
	going := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "going"}, Status: corev1.NodeStatus{
		Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.10"}}}, Spec: corev1.NodeSpec{
		Taints: []corev1.Taint{{Key: "ToBeDeletedByClusterAutoscaler"}}}}
	allowed, err := allowlist.AddressRanges([]string{"shop=10.0.0.0/24", "192.168.0.0/16", "blog=*", "169.254.0.0/16"})
	if err != nil {
		t.Fatal(err)
	}
	at := func(id, pod, node string) registrar.Endpoint {
		return registrar.Endpoint{Target: registrar.Target{ID: id, Port: 80}, Pod: pod, Node: node}
	}
	for name, c := range map[string]struct {
		protocol v1beta1.Protocol
		pods     []registrar.Endpoint
		podless  []registrar.Endpoint
		want     map[string]string
	}{
		"on a node that goes, of few": {"HTTP", []registrar.Endpoint{at("10.0.0.1", "a", "n"), at("10.0.0.2", "b", "n"),
			at("10.0.0.3", "c", "going")}, nil,
			map[string]string{"a": "", "b": "", "c": "its node is about to go, or excluded from load balancers"}},
		"on nodes that go, of most": {"HTTP", []registrar.Endpoint{at("10.0.0.1", "a", "n"), at("10.0.0.2", "b", "going"),
			at("10.0.0.3", "c", "going")}, nil, map[string]string{"a": "", "b": "", "c": ""}},
		"outside of the VPC": {"HTTP", nil, []registrar.Endpoint{at("10.0.0.9", "", "in"),
			at("192.168.0.1", "", "out")}, map[string]string{"in": "", "out": "its address is not in vpc-1"}},
		"not allowed": {"HTTP", nil, []registrar.Endpoint{at("10.0.0.9", "", "in"), at("10.0.1.9", "", "beyond"),
			at("10.0.0.10", "", "going"), at("169.254.169.254", "", "metadata"), at("::ffff:10.0.0.9", "", "mapped")},
			map[string]string{
				"in": "", "beyond": "not allowed to namespace shop by --endpoints-without-pods",
				"going": "the address of node going", "metadata": "a reserved address", "mapped": "a reserved address"}},
		"without a QUIC server id": {"QUIC", []registrar.Endpoint{at("10.0.0.1", "a", "n")}, nil, map[string]string{
			"a": "its pod has no QUIC server id of its own"}},
		"at the address of another": {"HTTP", []registrar.Endpoint{at("10.0.0.1", "a", "n")}, []registrar.Endpoint{
			at("10.0.0.1", "", "twin")}, map[string]string{"a": "", "twin": "another endpoint has its address and port"}},
		"as all others are, on none": {"HTTP", nil, nil, map[string]string{}},
	} {
		x := PortEndpoints{
			Allowed: allowed, Nodes: []*corev1.Node{going},
			Binding: &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"},
				Spec: v1beta1.TargetGroupBindingSpec{VpcID: "vpc-1", TargetGroupProtocol: ptr.To(c.protocol)}}, Cluster: nodes{
				"n": {}, "going": going}, Pods: registrar.EndpointsOf(c.pods...), Podless: c.podless,
			VPC:   func() (*facts.VPC, bool) { return &facts.VPC{CIDRs: []string{"10.0.0.0/16"}}, true },
			About: func() []diag.Object { return nil },
		}
		list, _, _ := x.Addresses(t.Context())
		wanted := list.Slice()
		var all []registrar.Candidate
		for _, e := range append(c.pods, c.podless...) {
			all = append(all, registrar.Candidate{Endpoint: e, Ready: corev1.ConditionTrue})
		}
		got, n := map[string]string{}, 0
		for _, j := range x.Explain(t.Context(), all, wanted) {
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

func TestAFindingNamesAFewEndpoints(t *testing.T) {
	t.Parallel()
	binding, service, ingress := diag.Object{Kind: "TargetGroupBinding", Name: "web"}, diag.Object{
		Kind: "Service", Name: "web"}, diag.Object{Kind: "Ingress", Name: "web"}
	x := PortEndpoints{
		Binding: &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}},
		VPC:     func() (*facts.VPC, bool) { return nil, false },
		About: func() []diag.Object {
			return []diag.Object{binding, service}
		}, Owner: func() []diag.Object { return []diag.Object{ingress, service} },
	}
	for i := range 1000 {
		e := registrar.Endpoint{Target: registrar.Target{ID: fmt.Sprintf("10.0.%d.%d", i/200, i%200), Port: 80},
			Namespace: "shop"}
		x.Podless = append(x.Podless, e)
		e.Pod = "ghost"
		x.Refused = append(x.Refused, registrar.Candidate{Endpoint: e, Why: "its pod does not exist"})
	}
	wanted, found, _ := x.Addresses(t.Context())
	var about []diag.Object
	for _, d := range found {
		about = append(about, d.Object)
		if d.Code != diag.EndpointNotAllowed || d.Class != diag.Note || !strings.Contains(d.Text, "10.0.0.0:80 ") ||
			!strings.HasSuffix(d.Text, " and 995 more") || len(d.Text) > 700 {
			t.Errorf("%s", d.Message())
		}
	}
	if want := []diag.Object{binding, service, ingress, binding, service, ingress}; wanted.Len() > 0 ||
		!slices.Equal(about, want) {
		t.Errorf("%d wanted, told %v", wanted.Len(), about)
	}
}

func TestSelectorThatChoosesNoNodeIsReported(t *testing.T) {
	t.Parallel()
	labelled := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"pool": "web"}}}
	selector := func(value string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"pool": value}}
	}
	o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	about := func() []diag.Object {
		return []diag.Object{{Kind: "TargetGroupBinding", Namespace: "shop", Name: "web"},
			{Kind: "Ingress", Namespace: "shop", Name: "web"}}
	}
	for name, c := range map[string]struct {
		selector *metav1.LabelSelector
		want     string
	}{
		"no selector":        {nil, ""},
		"labels of no node":  {selector("api"), "no node has the labels pool=api"},
		"a node not ready":   {selector("web"), "no node with the labels pool=web is ready and may be a target"},
		"selector of nobody": {&metav1.LabelSelector{}, "no node with the labels <none> is ready and may be a target"},
	} {
		found := ChooseNodes([]*corev1.Node{labelled}, c.selector, false).None(o, about)
		if c.want == "" && len(found) > 0 || c.want != "" && (len(found) != 2 || !strings.Contains(found[1].Text, c.want) ||
			found[0].Path != "spec.nodeSelector") {
			t.Errorf("%s: %v", name, found)
		}
	}
}
