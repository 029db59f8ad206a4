package bindings

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/lib/cputime"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// TestAsManyEndpointsAsAreLookedAtCostLittle has slices with as many endpoints as are looked at, none of which may be
// registered.
func TestAsManyEndpointsAsAreLookedAtCostLittle(t *testing.T) { // not parallel: it counts time of the processor
	o := &v1beta1.TargetGroupBinding{}
	o.Namespace, o.Name, o.Spec.TargetType = "mal", "huge", ptr.To(v1beta1.TargetTypeIP)
	var nodes []*corev1.Node
	for n := range 1000 {
		node := &corev1.Node{}
		node.Name = fmt.Sprint(n)
		node.Status.Addresses = []corev1.NodeAddress{{Address: fmt.Sprintf("10.9.%d.%d", n/250, 1+n%250)}}
		nodes = append(nodes, node)
	}
	s := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4}
	s.Namespace = o.Namespace
	for n := range 20 {
		s.Ports = append(s.Ports, discoveryv1.EndpointPort{Port: ptr.To(int32(1 + n))})
	}
	for n := range registrar.MostEndpoints / 20 {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{fmt.Sprintf("10.1.%d.%d", n/250, 1+n%250)}})
	}
	behind := registrar.ServicePortEndpoints{Slices: []*discoveryv1.EndpointSlice{s}}
	if n := behind.Count(); n != registrar.MostEndpoints {
		t.Fatalf("%d endpoints", n)
	}
	for _, of := range []*corev1.ObjectReference{nil, {Kind: "Pod", Namespace: "other", Name: "p"}} {
		for i := range s.Endpoints {
			s.Endpoints[i].TargetRef = of
		}
		took := cputime.Of(func() {
			pods, refused := behind.Serving(t.Context(), nil, false, registrar.Endpoints{})
			x := PortEndpoints{Binding: o, Pods: pods, Refused: refused, Nodes: nodes,
				Podless: registrar.PodlessEndpoints(behind.Port, behind.Slices, false),
				VPC:     func() (*facts.VPC, bool) { return nil, false },
				About:   func() []diag.Object { return []diag.Object{{Kind: "Service"}} }}
			if wanted, found, _ := x.Addresses(t.Context()); wanted.Len() > 0 || len(found) != 1 {
				t.Errorf("%d targets, findings %v", wanted.Len(), found)
			}
		})
		if took > 2*time.Second {
			t.Errorf("%v: it takes %s", of, took)
		}
	}
}
