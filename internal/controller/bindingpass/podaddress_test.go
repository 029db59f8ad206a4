package bindingpass

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
)

// TestPodOfAnAddressCostsTheSameAmongMany looks for the pod behind a registered target.
func TestPodOfAnAddressCostsTheSameAmongMany(t *testing.T) { // not parallel: it counts bytes
	o := ofType("web", v1beta1.TargetTypeIP, nil)
	of := map[int]*Reconciler{}
	for _, n := range growth.Sizes {
		var all []client.Object
		for i := range n {
			p := podOf(i)
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}}
			all = append(all, p)
		}
		index := growth.Index{Object: &corev1.Pod{}, Field: PodsByAddress, Of: AddressesOf}
		c := growth.NewIndexedCluster(t, []growth.Index{index}, all...)
		of[n] = &Reconciler{Client: &cachedClient{cache: c}, Shared: c.Shared}
	}
	growth.AtMost(t, growth.Constant, "bytes", func(n int) float64 {
		return growth.Bytes(func() {
			serving, err := of[n].servingPods(t.Context(), o, map[string]bool{addressOf(7): true})
			if got := serving[addressOf(7)].Pod; got != "pod-7" || err != nil {
				t.Fatalf("pod %q, %v", got, err)
			}
			has, err := of[n].addressesOfPods(t.Context(), o, slices.Values([]string{addressOf(7), "192.0.2.1"}))
			if !has[addressOf(7)] || has["192.0.2.1"] || err != nil {
				t.Fatalf("%v, %v", has, err)
			}
		})
	})
}

// TestPodsAreFoundByEachOfTheirAddresses has pods with two addresses, as reduced for the cache and as the API server
// shows them.
func TestPodsAreFoundByEachOfTheirAddresses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status corev1.PodStatus
		want   []string
	}{
		"one":          {corev1.PodStatus{PodIP: "10.0.0.1"}, []string{"10.0.0.1"}},
		"one, as list": {corev1.PodStatus{PodIP: "10.0.0.1", PodIPs: ips("10.0.0.1")}, []string{"10.0.0.1"}},
		"two": {corev1.PodStatus{PodIP: "10.0.0.1", PodIPs: ips("10.0.0.1", "fd00::1")},
			[]string{"10.0.0.1", "fd00::1"}},
		"none": {corev1.PodStatus{}, nil},
	} {
		var want []string
		for _, address := range c.want {
			want = append(want, addressKey(address))
		}
		if got := AddressesOf(&corev1.Pod{Status: c.status}); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func ips(all ...string) (out []corev1.PodIP) {
	for _, ip := range all {
		out = append(out, corev1.PodIP{IP: ip})
	}
	return out
}
