package bindingpass

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// manyPods are ready pods of Service web, in slices of 100.
func manyPods(n int) (out []client.Object) {
	var slice *discoveryv1.EndpointSlice
	for i := range n {
		if i%100 == 0 {
			slice = &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("web-", i),
				Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
				AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Port: ptr.To[int32](8080)}}}
			out = append(out, slice)
		}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("web-", i)}}
		pod.Spec.NodeName, pod.Status.PodIP = "a", fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{pod.Status.PodIP},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: pod.Name}})
		out = append(out, pod)
	}
	return out
}

// servicePasses returns a function that resolves the endpoints of a Service with n pods.
func servicePasses(t *testing.T, n int) (*Reconciler, func() registrar.Endpoints) {
	t.Helper()
	o := ofType("x", v1beta1.TargetTypeIP, nil)
	o.Spec.ServiceRef.Name, o.Spec.IPAddressType = "web", ptr.To(v1beta1.IPAddressTypeIPv4)
	c := &cachedClient{
		cache: growth.NewIndexedCluster(t, []growth.Index{{Object: &discoveryv1.EndpointSlice{}, Field: SlicesByService,
			Of: ServiceOfSlice}}, append(manyPods(n), readyNode())...)}
	b := &Reconciler{Client: c, Shared: c.cache.Shared, Now: time.Now}
	return b, func() registrar.Endpoints {
		of, err := b.addressEndpoints(t.Context(), o, &corev1.Service{}, corev1.ServicePort{})
		wanted := of.Endpoints
		if err != nil || wanted.Len() != n {
			t.Errorf("%d pods: %d wanted, %v", n, wanted.Len(), err)
		}
		return wanted
	}
}

// TestUnchangedEndpointsCostNoBytesEach shows that a pass which finds the endpoints of the pass before pays for none of
// them.
func TestUnchangedEndpointsCostNoBytesEach(t *testing.T) { // not parallel: it counts bytes
	// the race detector has pools drop some of their buffers; else there are two pointers for each EndpointSlice
	const most = 32
	var points []growth.Point
	for _, n := range growth.Sizes {
		_, pass := servicePasses(t, n)
		first := pass()
		spent := growth.Bytes(func() {
			if again := pass(); !again.Equal(first) {
				t.Error("other endpoints")
			}
		})
		if points = append(points, growth.Point{N: n, Cost: spent}); spent > float64(2048+most*n) {
			t.Errorf("%d pods cost %.0f bytes, want at most %d each", n, spent, most)
		}
	}
	growth.Log(t, "bytes of a pass that finds no change, by pods", points)
}

// TestChangedEndpointCostsNoBytesOfOthers shows that a pass which finds another endpoint pays for few of the others.
func TestChangedEndpointCostsNoBytesOfOthers(t *testing.T) { // not parallel: it counts bytes
	if growth.Race {
		t.Skip("the race detector empties pools at random")
	}
	growth.AtMost(t, 0.2, "bytes of a pass that finds a change, by pods", func(n int) float64 {
		b, pass := servicePasses(t, n)
		fewer := registrar.EndpointsOf(slices.Delete(pass().Slice(), n/2, n/2+1)...)
		return growth.Bytes(func() {
			b.resolved.keep(shop("x"), fewer, 0)
			pass()
		})
	})
}
