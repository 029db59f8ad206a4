package controller

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
)

// leaseReader answers each list with one Lease that is renewed between lists, or with an error.
type leaseReader struct {
	client.Reader
	lists int
	err   error
	names []string
}

func (r *leaseReader) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	r.lists++
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	name, _ := o.FieldSelector.RequiresExactMatch(metav1.ObjectNameField)
	r.names = append(r.names, name)
	if r.err != nil {
		return r.err
	}
	l, ok := list.(*coordinationv1.LeaseList)
	if !ok {
		return errors.New("another kind is listed")
	}
	meta := metav1.ObjectMeta{Namespace: "other", Name: name, ResourceVersion: strconv.Itoa(r.lists)}
	l.Items = []coordinationv1.Lease{{ObjectMeta: meta, Spec: coordinationv1.LeaseSpec{HolderIdentity: ptr.To("pod_1")}}}
	return nil
}

func TestWatchReadsLeasesOfItsNameOnly(t *testing.T) {
	t.Parallel()
	for what, tt := range map[string]struct {
		err         error
		lists, said int
	}{
		"another leader": {nil, 40, 1},
		"denied":         {apierrors.NewForbidden(schema.GroupResource{Resource: "leases"}, "", nil), 1, 0},
		"no answer":      {errors.New("timeout"), 40, 0},
	} {
		now, said := time.Unix(0, 0), 0
		r := &leaseReader{err: tt.err}
		w := &twinWatch{
			writers: &namesake.Writers{}, fencedAt: &atomic.Pointer[time.Time]{}, now: func() time.Time { return now },
			leaders: &namesake.Leaders{Own: "kube-system/leader", OnChange: func(string) { said++ }}, reader: r, lease: "leader",
		}
		for range 40 {
			w.review(t.Context())
			now = now.Add(twinReview)
		}
		if r.lists != tt.lists || said != tt.said ||
			slices.ContainsFunc(r.names, func(n string) bool { return n != "leader" }) {
			t.Errorf("%s: %d lists of %v, said %d times", what, r.lists, slices.Compact(r.names), said)
		}
	}
}

func TestEvidenceIsReportedOnceAndUntilItsEnd(t *testing.T) {
	t.Parallel()
	var said []string
	e := &evidence{report: func(text string) { said = append(said, text) }}
	e.set(byStatus, "status")
	e.set(byLease, "lease")
	e.set(byStatus, "")
	e.set(byLease, "")
	if want := []string{"status", "lease", ""}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}
