package node

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestALeaseIsRenewedByNamingTheVersionThatItReplaces(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	version := "1"
	client.PrependReactor("create", "leases", func(a clienttesting.Action) (bool, runtime.Object, error) {
		l := a.(clienttesting.CreateAction).GetObject().(*coordinationv1.Lease).DeepCopy()
		l.ResourceVersion = version
		return true, l, client.Tracker().Add(l)
	})
	client.PrependReactor("update", "leases", func(a clienttesting.Action) (bool, runtime.Object, error) {
		l := a.(clienttesting.UpdateAction).GetObject().(*coordinationv1.Lease).DeepCopy()
		if l.ResourceVersion != version { // as the API server does, which accepts no unconditional update of a lease
			return true, nil, apierrors.NewConflict(coordinationv1.Resource("leases"), l.Name, nil)
		}
		version += "1"
		l.ResourceVersion = version
		return true, l, client.Tracker().Update(a.GetResource(), l, l.Namespace)
	})
	leases := client.CoordinationV1().Leases(leaseNamespace)
	s, begun := Spec{Name: "node"}, time.Unix(1000, 0)
	var last *coordinationv1.Lease
	for i := range 4 {
		now := begun.Add(time.Duration(i) * leaseRenewal)
		if i == 3 {
			last = nil // as after an error
		}
		var err error
		if last, err = renew(t.Context(), leases, last, s.lease(now)); err != nil {
			t.Fatalf("renewal %d: %v", i, err)
		}
		stored, err := leases.Get(t.Context(), "node", metav1.GetOptions{})
		if err != nil || !stored.Spec.RenewTime.Time.Equal(now) {
			t.Errorf("renewal %d: %v, %v", i, stored.Spec.RenewTime, err)
		}
	}
}
