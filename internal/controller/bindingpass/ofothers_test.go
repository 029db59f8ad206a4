package bindingpass

import (
	"fmt"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
)

// TestBindingsOfATenantCostOthersInProportion has a tenant make bindings for a target group that another tenant shares
// with other clusters: each pass over the binding of the latter looks at them.
func TestBindingsOfATenantCostOthersInProportion(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, 1.2, "bytes to find what stays of others, by their bindings", func(n int) float64 {
		shares := func(o *v1beta1.TargetGroupBinding, namespace string) *v1beta1.TargetGroupBinding {
			o.Namespace, o.Spec.TargetGroupARN, o.Spec.MultiClusterTargetGroup = namespace, "arn", true
			return o
		}
		o := shares(ofType("web", v1beta1.TargetTypeIP, nil), "shop")
		all := []client.Object{o}
		for i := range n {
			all = append(all, shares(ofType(fmt.Sprint("b", i), v1beta1.TargetTypeIP, nil), "mal"))
		}
		c := &cachedClient{cache: growth.NewIndexedCluster(t, []growth.Index{
			{Object: &v1beta1.TargetGroupBinding{}, Field: ByTargetGroup, Of: TargetGroupOf}}, all...)}
		b := &Reconciler{Client: c}
		whose := &ownership{binding: o, asked: true, inventory: &inventory.Inventory{}}
		return growth.Bytes(func() {
			if _, err := b.ofOthers(t.Context(), whose); err != nil {
				t.Fatal(err)
			}
		})
	})
}
