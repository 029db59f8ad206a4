package controller

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/ownership/localtargets"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/controller/unclaimed"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

const (
	// fencedDelay is how long a process may go on alongside one that has begun later, as while a Deployment is rolled out
	// without leader election.
	fencedDelay = time.Minute
	// twinReview is the pause between looks for a second controller. Each reads the Leases of one name.
	twinReview = 15 * time.Second
	// leasesDenied is the pause after the API server has denied that read: the role is older than this version.
	leasesDenied = 10 * time.Minute
	// syncWait is how long a look waits for caches that have not synced, and a comparison for objects.
	syncWait = time.Second
)

// setUpTwins sets up what finds another cluster of the same name, and a second controller in this one.
func (w *Wiring) setUpTwins() {
	// not known outside of a cluster: then its name is enough
	namespace, _ := ownNamespace(w.Config.LeaderElectionNamespace)
	condition := func(reason impairment.Reason, remedy string) func(string) {
		return func(text string) {
			if text == "" {
				w.start.conditions.Heal(reason)
				return
			}
			w.start.conditions.Set(impairment.Condition{Reason: reason, Text: text, Remedy: remedy})
		}
	}
	w.shared = &namesake.Shared{OnChange: condition(impairment.SharedClusterName, impairment.NameClusters)}
	second := &evidence{report: condition(impairment.SecondController, impairment.KeepOneController)}
	w.writers = &namesake.Writers{
		Own: namesake.Election{Enabled: w.Config.LeaderElection, Namespace: namespace,
			Name: w.Config.LeaderElectionID}.String(),
		OnChange: func(text string) { second.set(byStatus, text) },
	}
	watch := &twinWatch{writers: w.writers, fencedAt: &w.fencedAt, now: w.Now}
	if w.Config.WatchNamespace == "" { // controllers of one namespace each are no conflict
		leaders := &namesake.Leaders{OnChange: func(text string) { second.set(byLease, text) }}
		if w.Config.LeaderElection {
			leaders.Own = namespace + "/" + w.Config.LeaderElectionID
		}
		watch.leaders, watch.reader, watch.lease = leaders, w.mgr.GetAPIReader(), w.Config.LeaderElectionID
	}
	w.starts(watch)
}

// The kinds of evidence of a second controller.
const (
	byLease = iota
	byStatus
	evidences
)

// evidence reports one text of several. A text that was reported stays until its own evidence ends.
type evidence struct {
	report func(text string)

	mu    sync.Mutex
	texts [evidences]string
	shown string
}

func (e *evidence) set(kind int, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.texts[kind] = text
	if e.shown != "" && slices.Contains(e.texts[:], e.shown) {
		return
	}
	if next := cmp.Or(e.texts[:]...); next != e.shown {
		e.shown = next
		e.report(next)
	}
}

// fenced takes note that another process has begun to write the checkpoints of this one.
func (w *Wiring) fenced() { now := w.Now(); w.fencedAt.Store(&now) }

// twinWatch ends conditions that hold no longer, and reports a process that goes on long after another one has taken
// its place.
type twinWatch struct {
	writers  *namesake.Writers
	fencedAt *atomic.Pointer[time.Time]
	now      func() time.Time
	// leaders takes the Leases with the name lease that reader reads; nil = none are read.
	leaders *namesake.Leaders
	reader  client.Reader
	lease   string
	denied  time.Time // until when the Leases are not read
}

// Start reviews until ctx ends. It implements manager.Runnable and runs on the leader only: one that lost its lease
// ends.
func (t *twinWatch) Start(ctx context.Context) error {
	queue.Every(ctx, twinReview, nil, t.review)
	return nil
}

func (t *twinWatch) review(ctx context.Context) {
	now := t.now()
	if t.leaders != nil && !now.Before(t.denied) {
		t.readLeases(ctx, now)
	}
	if at := t.fencedAt.Load(); at != nil && now.Sub(*at) >= fencedDelay {
		t.writers.Fenced(now)
	}
	t.writers.Review(now)
}

// readLeases reads the Leases of the name in all namespaces. The API server answers from its cache.
func (t *twinWatch) readLeases(ctx context.Context, now time.Time) {
	var all coordinationv1.LeaseList
	err := t.reader.List(ctx, &all, client.MatchingFields{metav1.ObjectNameField: t.lease},
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}})
	if apierrors.IsForbidden(err) {
		t.denied = now.Add(leasesDenied)
	}
	if err != nil {
		return // the next look, with the renewals since the last one
	}
	leaders := make([]namesake.Leader, 0, len(all.Items))
	for i := range all.Items {
		l := &all.Items[i]
		x := namesake.Leader{Lease: l.Namespace + "/" + l.Name, Renewal: l.ResourceVersion}
		if l.Spec.HolderIdentity != nil {
			x.Holder = *l.Spec.HolderIdentity
		}
		leaders = append(leaders, x)
	}
	t.leaders.Saw(leaders, now)
}

// compared takes what a check of a target group found.
func (w *Wiring) compared(of registrar.Group, deregistered []string, others []registrar.Health) {
	switch {
	case w.Config.WatchNamespace != "": // the pods of other namespaces are not seen
	case len(others) == 0:
		w.shared.Gone(of.ARN)
	case len(deregistered) > 0 && of.Scope == w.Scopes.Own():
		ctx, cancel := context.WithTimeout(context.Background(), syncWait)
		defer cancel()
		own, err := w.ownTargets(ctx)
		if err != nil {
			return // the next check decides
		}
		added := make([]namesake.Target, 0, len(others))
		for _, h := range others {
			x, err := own.Target(ctx, h.ID, h.State)
			if err != nil {
				return
			}
			added = append(added, x)
		}
		if evidence := namesake.Evidence(deregistered, added); evidence != "" {
			w.shared.Found(of.ARN, evidence)
		}
	}
}

// watchUnclaimed looks at what no object claims, for signs of another cluster, unless objects of other namespaces are
// not seen.
func (w *Wiring) watchUnclaimed() {
	if w.Config.WatchNamespace != "" {
		return
	}
	w.unclaimed = &unclaimed.Watch{
		Account: w.Inventory, Declared: w.declared, Targets: w.targetsOf, Shared: w.shared, Now: w.Now,
		Log:     w.Log.WithName("unclaimed"),
		Objects: func(ctx context.Context) objects.Reader { return w.reader(ctx, w.mgr.GetClient()) },
		Synced: func(ctx context.Context) bool {
			ctx, cancel := context.WithTimeout(ctx, syncWait)
			defer cancel()
			return w.mgr.GetCache().WaitForCacheSync(ctx)
		},
		Serves: func(of stack.Owner) bool {
			return slices.ContainsFunc(w.Owners, func(s *stacks.Reconciler) bool { return s.Front.Owner() == of })
		},
	}
	w.starts(w.unclaimed)
}

// reader reads the objects of the kinds that are watched. A kind that is not read is not served for the reader, so that
// nothing is concluded about its stacks.
func (w *Wiring) reader(ctx context.Context, from client.Reader) *reads.CacheReader {
	r := reads.NewCacheReader(ctx, from, nil)
	r.Definitions = w.definitions
	return r
}

// ownTargets distinguishes pods and nodes of this cluster from other targets. Pods are read from the API server, of
// which the caches have those of some namespaces only.
func (w *Wiring) ownTargets(ctx context.Context) (*localtargets.Own, error) {
	return localtargets.Cluster{Objects: w.mgr.GetClient(), Pods: w.mgr.GetAPIReader()}.Own(ctx)
}

// targetsOf are the targets of a target group.
func (w *Wiring) targetsOf(ctx context.Context, arn string) ([]namesake.Target, error) {
	own, err := w.ownTargets(ctx)
	if err != nil {
		return nil, err
	}
	return own.Targets(ctx, w.Clients.ELBV2, arn)
}
