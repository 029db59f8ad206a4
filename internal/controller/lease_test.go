package controller

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// lockOf is a lock of process "ours" whose writes fail as it is told.
type lockOf struct {
	resourcelock.Interface
	fail   error
	holder string // of the Lease; empty = it does not exist
}

func (l *lockOf) Identity() string { return "ours" }

// Get implements resourcelock.Interface.
func (l *lockOf) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	if l.holder == "" {
		return nil, nil, cmp.Or(l.fail, error(apierrors.NewNotFound(schema.GroupResource{Resource: "leases"}, "lbc")))
	}
	return &resourcelock.LeaderElectionRecord{HolderIdentity: l.holder}, nil, nil
}

// Create implements resourcelock.Interface.
func (l *lockOf) Create(context.Context, resourcelock.LeaderElectionRecord) error { return l.fail }

// Update implements resourcelock.Interface.
func (l *lockOf) Update(context.Context, resourcelock.LeaderElectionRecord) error { return l.fail }

func TestLeaseIsHeldWithAMarkedIdentity(t *testing.T) {
	t.Parallel()
	f := &fence{Interface: &processLock{}, now: time.Now, report: func(error) {}}
	if err := f.Create(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: f.Identity()}); err != nil ||
		!naming.IsLeaderIdentity(f.Identity()) {
		t.Errorf("%s: %v", f.Identity(), err)
	}
	if led, holds := f.leads(); !led || !holds {
		t.Errorf("led %v, holds %v", led, holds)
	}
}

// processLock is a lock with an identity as client-go makes them.
type processLock struct{ lockOf }

func (*processLock) Identity() string { return "pod-1_0f9a" }

func TestTransitionsOfTheLeaseAreNoted(t *testing.T) {
	t.Parallel()
	noted := -1
	lock := &lockOf{}
	f := &fence{Interface: lock, now: time.Now, report: func(error) {}, transitions: func(n int) { noted = n }}
	for n, fail := range []error{nil, errors.New("no answer"), nil} {
		lock.fail = fail
		_ = f.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: "ours", LeaderTransitions: 5 + n})
		if want := 5 + n; (noted == want) != (fail == nil) {
			t.Errorf("noted %d of %d, error %v", noted, want, fail)
		}
	}
}

// TestDeletedLeaseStopsWritesUntilItIsTakenAgain has somebody delete the Lease of a leader: a standby takes it at once,
// and not only when it would have expired.
func TestDeletedLeaseStopsWritesUntilItIsTakenAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lock   lockOf
		writes bool
	}{
		"deleted":       {lockOf{}, false},
		"taken":         {lockOf{holder: "another"}, false},
		"still its own": {lockOf{holder: "ours"}, true},
		"not known":     {lockOf{fail: errors.New("no answer")}, true},
	} {
		lock := &lockOf{}
		f := &fence{Interface: lock, now: time.Now, report: func(error) {}}
		ours := resourcelock.LeaderElectionRecord{HolderIdentity: f.Identity()}
		if err := f.Create(t.Context(), ours); err != nil {
			t.Fatal(err)
		}
		if *lock = c.lock; lock.holder == "ours" {
			lock.holder = f.Identity()
		}
		_, _, _ = f.Get(t.Context())
		if err := f.mayWrite(); (err == nil) != c.writes {
			t.Errorf("%s: %v", name, err)
		}
		lock.fail = nil
		if err := errors.Join(f.Update(t.Context(), ours), f.mayWrite()); err != nil {
			t.Errorf("%s, and taken again: %v", name, err)
		}
	}
}

func TestNothingIsWrittenOnceLeaseMayBeTaken(t *testing.T) {
	t.Parallel()
	ours, released := resourcelock.LeaderElectionRecord{HolderIdentity: "ours"}, resourcelock.LeaderElectionRecord{}
	now := time.Now()
	lock := &lockOf{}
	f := &fence{Interface: lock, now: func() time.Time { return now }, report: func(error) {}}
	check := func(when string, may bool) {
		t.Helper()
		if err := f.mayWrite(); (err == nil) != may || err != nil && !errors.Is(err, awsclient.ErrDeposed) {
			t.Errorf("%s: %v", when, err)
		}
		if lapsed := f.lapsed(); lapsed != (!may && !f.renewed.IsZero()) {
			t.Errorf("%s: lapsed: %v", when, lapsed)
		}
	}
	check("before the lease is taken", false)
	if err := f.Create(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	check("with the lease", true)
	now = now.Add(leaseDuration - time.Second)
	check("shortly before others take it", true)
	lock.fail = errors.New("no answer")
	if err := f.Update(t.Context(), ours); err == nil {
		t.Fatal("the error of the lock is lost")
	}
	now = now.Add(time.Second)
	check("after a renewal that failed", false)
	lock.fail = nil
	if err := f.Update(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	check("after one that succeeded", true)
	now = now.Round(0).Add(leaseDuration) // a machine that slept: only its own clock tells
	check("after a sleep", false)
	if err := errors.Join(f.Update(t.Context(), ours), f.Update(t.Context(), released)); err != nil {
		t.Fatal(err)
	}
	check("after the lease was released", false)
	if f = nil; f.mayWrite() != nil || f.lapsed() {
		t.Error("without leader election nothing is written")
	}
}
