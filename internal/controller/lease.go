package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/leaderelection"
	"sigs.k8s.io/controller-runtime/pkg/recorder"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
)

const (
	// leaseDuration is how long a lease is valid without a renewal, and renewDeadline how long its holder tries to renew
	// it before it ends: the defaults of controller-runtime.
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
)

// fence is the lock of the leader election, and records when the lease was renewed last. A process that was suspended
// for longer than the lease resumes its passes, while the leader election tries for renewDeadline to renew. It must not
// write to AWS then, because another process may lead.
type fence struct {
	resourcelock.Interface
	now func() time.Time
	// report takes the result of each request.
	report func(error)
	// transitions takes how often the Lease has changed its holder; nil = nothing does.
	transitions func(int)

	mu      sync.Mutex
	renewed time.Time // when the last successful renewal was sent; zero = none, or the lease is released
	lost    bool      // the last read shows that the Lease was deleted, or has another holder
}

// newFence returns the lock that controller-runtime would create; nil without leader election. Its events go to the
// recorder of the manager as soon as that exists.
func newFence(o ctrl.Options, rc *rest.Config, late *lateRecorder, labels map[string]string, report func(error)) (
	*fence, error) {
	lock, err := leaderelection.NewResourceLock(rc, late, leaderelection.Options{
		LeaderElection: o.LeaderElection, LeaderElectionID: o.LeaderElectionID,
		LeaderElectionNamespace: o.LeaderElectionNamespace, RenewDeadline: renewDeadline, LeaderLabels: labels,
	})
	if lock == nil || err != nil {
		return nil, err
	}
	return &fence{Interface: lock, now: time.Now, report: report}, nil
}

// Identity implements resourcelock.Interface. It distinguishes this controller from the existing one, which uses the
// same Lease.
func (f *fence) Identity() string { return naming.LeaderIdentity(f.Interface.Identity()) }

// Get implements resourcelock.Interface.
func (f *fence) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := f.Interface.Get(ctx)
	f.mu.Lock()
	switch {
	case absence.NotFound(err): // whoever creates it leads at once
		f.lost = true
	case err == nil:
		f.lost = record.HolderIdentity != f.Identity()
	}
	f.mu.Unlock()
	if err != nil { // a write may be refused where the read is not
		f.report(err)
	} else {
		f.noteTransitions(*record)
	}
	return record, raw, err
}

// Create implements resourcelock.Interface.
func (f *fence) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return f.note(r, func() error { return f.Interface.Create(ctx, r) })
}

// Update implements resourcelock.Interface.
func (f *fence) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return f.note(r, func() error { return f.Interface.Update(ctx, r) })
}

func (f *fence) note(r resourcelock.LeaderElectionRecord, write func() error) error {
	sent := f.now()
	err := write()
	f.report(err)
	if err == nil {
		f.noteTransitions(r)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil:
	case r.HolderIdentity == f.Identity():
		f.renewed, f.lost = sent, false
	default:
		f.renewed = time.Time{}
	}
	return err
}

func (f *fence) noteTransitions(r resourcelock.LeaderElectionRecord) {
	if f.transitions != nil {
		f.transitions(r.LeaderTransitions)
	}
}

// mayWrite returns nil while no other process can have the lease. Wall clock time counts as well, because the monotonic
// clock stops while a machine sleeps.
func (f *fence) mayWrite() error {
	if f == nil {
		return nil
	}
	if led, holds := f.leads(); !led || !holds {
		return fmt.Errorf("the lease was not renewed for %s, or was deleted: %w", leaseDuration, awsclient.ErrDeposed)
	}
	return nil
}

// lapsed reports whether the process led, and did not renew its lease in time. What it would report is the business of
// the next leader.
func (f *fence) lapsed() bool {
	if f == nil {
		return false
	}
	led, holds := f.leads()
	return led && !holds
}

// leads reports whether the process took the lease and has not given it back, and whether no other process can have it
// yet.
func (f *fence) leads() (led, holds bool) {
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	age := max(now.Sub(f.renewed), now.Round(0).Sub(f.renewed.Round(0)))
	return !f.renewed.IsZero(), age < leaseDuration && !f.lost
}

// lateRecorder forwards events once its manager is set; earlier ones are lost.
type lateRecorder struct {
	record.EventRecorder
	of ctrl.Manager
}

// GetEventRecorderFor implements recorder.Provider.
func (l *lateRecorder) GetEventRecorderFor(string) record.EventRecorder { return l }

// GetEventRecorder implements recorder.Provider; the lock does not use it.
func (l *lateRecorder) GetEventRecorder(string) recorder.EventRecorder { return nil }

// Eventf implements record.EventRecorder. The lock calls no other method.
func (l *lateRecorder) Eventf(o runtime.Object, kind, reason, format string, args ...any) {
	if l.of != nil {
		//nolint:staticcheck // core/v1 events, as before
		l.of.GetEventRecorderFor("leader-election").Eventf(o, kind, reason, format, args...)
	}
}
