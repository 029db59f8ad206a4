package metrics

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
)

// TestEndOfABindingCostsNoOtherBinding shows that the series of a binding that is edited, or ends, is dropped without a
// look at the other bindings.
func TestEndOfABindingCostsNoOtherBinding(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of an edit and the end of a binding, by bindings", func(n int) float64 {
		m := New(prometheus.NewPedanticRegistry())
		binding := func(i int, service string) *v1beta1.TargetGroupBinding {
			b := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("app-%04d", i)}}
			b.Spec.ServiceRef.Name = service
			return b
		}
		for i := range n {
			m.SetTargetGroup(binding(i, fmt.Sprintf("web-%04d", i)))
		}
		before, after := binding(n, "before"), binding(n, "after")
		return growth.Bytes(func() {
			m.SetTargetGroup(before)
			m.SetTargetGroup(after)
			m.DeleteTargetGroup(after)
		})
	})
}
