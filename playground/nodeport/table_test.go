package nodeport

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func ptr[T any](v T) *T { return &v }

func slice(port string, number int32, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		Ports:     []discoveryv1.EndpointPort{{Name: &port, Port: &number, Protocol: ptr(corev1.ProtocolTCP)}},
		Endpoints: endpoints,
	}
}

func at(address, node string, c discoveryv1.EndpointConditions) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: []string{address}, NodeName: &node, Conditions: c}
}

var (
	ready       = discoveryv1.EndpointConditions{Ready: ptr(true), Serving: ptr(true), Terminating: ptr(false)}
	notReady    = discoveryv1.EndpointConditions{Ready: ptr(false), Serving: ptr(false), Terminating: ptr(false)}
	terminating = discoveryv1.EndpointConditions{Ready: ptr(false), Serving: ptr(true), Terminating: ptr(true)}
)

func TestANodePortReachesReadyEndpointsElseThoseThatStillServe(t *testing.T) {
	t.Parallel()
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeNodePort, ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyCluster,
			Ports: []corev1.ServicePort{{Name: "http", Protocol: corev1.ProtocolTCP, Port: 80, NodePort: 30080}},
		},
	}
	for name, c := range map[string]struct {
		slices []*discoveryv1.EndpointSlice
		want   []string
	}{
		"ready ones of all slices, in order": {
			[]*discoveryv1.EndpointSlice{
				slice("http", 8080, at("10.0.144.7", "b", ready), at("10.0.144.8", "b", notReady)),
				slice("http", 8080, at("10.0.128.7", "a", ready), at("10.0.128.8", "a", terminating)),
			}, []string{"10.0.128.7:8080", "10.0.144.7:8080"},
		},
		"terminating ones when none is ready": {
			[]*discoveryv1.EndpointSlice{slice("http", 8080, at("10.0.128.8", "a", terminating),
				at("10.0.128.9", "a", notReady))},
			[]string{"10.0.128.8:8080"},
		},
		"other ports do not count": {[]*discoveryv1.EndpointSlice{slice("metrics", 9090, at("10.0.128.8", "a", ready))}, nil},
	} {
		got := build([]*corev1.Service{svc}, map[string][]*discoveryv1.EndpointSlice{"shop/web": c.slices})
		var addresses []string
		for n := range uint64(4) {
			if e, ok := got.ports[portKey{"tcp", 30080}].pick("a", false, n); ok &&
				!slices.Contains(addresses, e.address.String()) {
				addresses = append(addresses, e.address.String())
			}
		}
		if d := cmp.Diff(c.want, addresses); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestANodePortReachesEndpointsOfTheFamilyOfTheNodesAddress(t *testing.T) {
	t.Parallel()
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: corev1.ServiceSpec{
			Type:  corev1.ServiceTypeNodePort,
			Ports: []corev1.ServicePort{{Name: "http", Protocol: corev1.ProtocolTCP, Port: 80, NodePort: 30080}},
		},
	}
	e := build([]*corev1.Service{svc}, map[string][]*discoveryv1.EndpointSlice{
		"shop/web": {slice("http", 8080, at("10.0.128.7", "a", ready)), slice("http", 8080, at("2001:db8::7", "a", ready))},
	}).ports[portKey{"tcp", 30080}]
	for six, want := range map[bool]string{false: "10.0.128.7:8080", true: "[2001:db8::7]:8080"} {
		for n := range uint64(3) {
			if got, ok := e.pick("a", six, n); !ok || got.address.String() != want {
				t.Errorf("IPv6 %t: %v, %t, want %s", six, got, ok, want)
			}
		}
	}
}

func TestLocalTrafficPolicyUsesEndpointsOfTheSameNodeOnly(t *testing.T) {
	t.Parallel()
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal,
			HealthCheckNodePort: 32000,
			Ports:               []corev1.ServicePort{{Name: "http", Protocol: corev1.ProtocolTCP, Port: 80, NodePort: 30080}},
		},
	}
	table := build([]*corev1.Service{svc}, map[string][]*discoveryv1.EndpointSlice{
		"shop/web": {slice("http", 8080, at("10.0.128.7", "a", ready), at("10.0.144.7", "b", ready),
			at("10.0.144.8", "b", ready), at("10.0.160.7", "d", terminating))},
	})
	e := table.ports[portKey{"tcp", 30080}]
	if got, ok := e.pick("d", false, 0); !ok || got.address.String() != "10.0.160.7:8080" {
		t.Errorf("node d, whose last endpoint terminates while others are ready: %v, %t", got, ok)
	}
	for n := range uint64(4) {
		if got, ok := e.pick("a", false, n); !ok || got.address.String() != "10.0.128.7:8080" {
			t.Errorf("node a: %v, %t", got, ok)
		}
	}
	if got, ok := e.pick("c", false, 0); ok {
		t.Errorf("a node without endpoints forwards to %v", got)
	}
	if d := cmp.Diff(map[string]int{"a": 1, "b": 2}, table.health[32000].local); d != "" {
		t.Error(d)
	}
}
