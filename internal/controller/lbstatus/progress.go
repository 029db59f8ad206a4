package lbstatus

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	// Patience is how long an edit, or a pass that writes to AWS, may take before the status says Reconciling. What takes
	// less costs no write.
	Patience = time.Second
	// progressTick is how often Start looks for what takes longer.
	progressTick = Patience / 4
	// mostShared is how many statuses a tick changes at most because of edits of objects that thousands of stacks may
	// refer to: most passes end before the turn of their status comes.
	mostShared = 25
)

// Edit is a change of an object of a stack.
type Edit struct {
	Object v1alpha1.ObjectReference
	// Version is the new version of a member; empty = the object is no member, and the status holds no version of it.
	Version string
	Shared  bool // the object is none of the stack's own: others may refer to it, too
}

// progress is what is under way for a stack. Its status does not show it yet.
type progress struct {
	edits   map[v1alpha1.ObjectReference]notedEdit
	loaded  uint64    // edits up to this number were noted before the running pass loaded its objects
	begun   time.Time // when the running pass began; zero = none runs
	writing bool      // the running pass writes to AWS
	shown   bool      // the status says Reconciling
}

// notedEdit is an edit of which no pass has reported yet.
type notedEdit struct {
	version string
	shared  bool
	number  uint64
	since   time.Time
}

// Edited notes an edit, unless a pass has read that version.
func (w *Writer) Edited(key stack.Key, e Edit) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == notInstalled || e.Version != "" && w.wasRead(key, e.Object, e.Version) {
		return
	}
	p := w.progressOf(key)
	if p.edits == nil {
		p.edits = map[v1alpha1.ObjectReference]notedEdit{}
	}
	w.noted++
	since := w.now()
	if old, ok := p.edits[e.Object]; ok {
		since = old.since
	}
	p.edits[e.Object] = notedEdit{version: e.Version, shared: e.Shared, number: w.noted, since: since}
}

// BeginPass notes that a pass over a stack begins, which reads each edit that was noted before.
func (w *Writer) BeginPass(key stack.Key) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.progressOf(key)
	p.loaded, p.begun = w.noted, w.now()
}

// Writes notes that the running pass over a stack writes to AWS.
func (w *Writer) Writes(key stack.Key) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.underway[key]; p != nil {
		p.writing = true
	}
}

// EndPass notes that a pass over a stack has ended. Edits that it did not report on stay noted.
func (w *Writer) EndPass(key stack.Key) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.underway[key]; p != nil {
		p.begun, p.writing = time.Time{}, false
		w.dropIdle(key, p)
	}
}

// Tick has the statuses say Reconciling of the stacks for which something is under way for longer than Patience, and an
// object tried again that a policy refuses.
func (w *Writer) Tick(context.Context) {
	w.probeRefused()
	w.mu.Lock()
	defer w.mu.Unlock()
	now, turns := w.now(), mostShared
	for key, p := range w.underway {
		maps.DeleteFunc(p.edits, func(o v1alpha1.ObjectReference, n notedEdit) bool {
			return n.version != "" && w.wasRead(key, o, n.version)
		})
		if since := p.since(); !p.shown && !since.IsZero() && now.Sub(since) >= Patience {
			if shared := p.onlyShared(); !shared || turns > 0 {
				w.showReconciling(key, p, now)
				if shared && p.shown {
					turns--
				}
			}
		}
		w.dropIdle(key, p)
	}
}

// since is when the oldest of what is under way began; zero = nothing is.
func (p *progress) since() (oldest time.Time) {
	if p.writing {
		oldest = p.begun
	}
	for _, n := range p.edits {
		if oldest.IsZero() || n.since.Before(oldest) {
			oldest = n.since
		}
	}
	return oldest
}

// onlyShared reports whether nothing is under way but edits of shared objects.
func (p *progress) onlyShared() bool {
	for _, n := range p.edits {
		if !n.shared {
			return false
		}
	}
	return !p.writing
}

// showReconciling has the status of a stack say Reconciling, unless it does already. Stalled stays True unless there is
// an edit, which may end it. The lock is held.
func (w *Writer) showReconciling(key stack.Key, p *progress, now time.Time) {
	e := w.entries[key]
	if e == nil || w.state != installed || e.decided && e.want == nil {
		return
	}
	s := e.status()
	if s == nil || len(s.Conditions) == 0 {
		return // there is no object that could say anything untrue
	}
	stalled := meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionStalled)
	if meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReconciling) || stalled && len(p.edits) == 0 {
		return
	}
	if e.want == nil { // no pass of this process has ended yet: the object stays as it is but for this
		e.namespace, e.owners = e.have.Namespace, e.have.OwnerReferences
	}
	shown := reporting.Reconciling(*s, p.edited(), now)
	w.want(key, e, &shown)
	p.shown = true
	w.enqueue(key)
}

// stillReconciling is the status after a pass while edits that came meanwhile wait for longer than Patience. The lock
// is held.
func (w *Writer) stillReconciling(key stack.Key, s v1alpha1.LoadBalancerStatus) v1alpha1.LoadBalancerStatus {
	p := w.underway[key]
	if p == nil || len(p.edits) == 0 || w.now().Sub(p.since()) < Patience {
		return s
	}
	p.shown = true
	return reporting.Reconciling(s, p.edited(), w.now())
}

// edited are the objects of the edits.
func (p *progress) edited() []v1alpha1.ObjectReference {
	return slices.SortedFunc(maps.Keys(p.edits), func(a, b v1alpha1.ObjectReference) int {
		return slices.Compare(wordsOf(a), wordsOf(b))
	})
}

func wordsOf(o v1alpha1.ObjectReference) []string { return []string{o.Kind, o.Namespace, o.Name} }

// status returns the object's status, or the one about to be written; nil = none.
func (e *entry) status() *v1alpha1.LoadBalancerStatus {
	switch {
	case e.want != nil:
		return e.want
	case e.have != nil:
		return &e.have.Status
	}
	return nil
}

// wasRead reports whether a pass has read a version of a member, so that the status is about it. A status of a former
// release holds no versions, and nothing follows from it. The lock is held.
func (w *Writer) wasRead(key stack.Key, o v1alpha1.ObjectReference, version string) bool {
	e := w.entries[key]
	if e == nil || e.status() == nil {
		return false
	}
	m := reporting.MemberOf(e.status().Members, o)
	return m != nil && (m.ObservedVersion == version || m.ObservedVersion == "")
}

// reported drops the edits that a pass has read and reported on. The lock is held.
func (w *Writer) reported(key stack.Key) {
	p := w.underway[key]
	if p == nil {
		return
	}
	maps.DeleteFunc(p.edits, func(_ v1alpha1.ObjectReference, n notedEdit) bool { return n.number <= p.loaded })
	p.writing, p.shown = false, false
	w.dropIdle(key, p)
}

// progressOf is what is under way for a stack. The lock is held.
func (w *Writer) progressOf(key stack.Key) *progress {
	p := w.underway[key]
	if p == nil {
		p = &progress{loaded: w.noted}
		w.underway[key] = p
	}
	return p
}

// dropIdle forgets a stack for which nothing is under way. The lock is held.
func (w *Writer) dropIdle(key stack.Key, p *progress) {
	if p.begun.IsZero() && len(p.edits) == 0 {
		delete(w.underway, key)
	}
}

const (
	// ProvisioningTick is how often ProvisioningWatcher decides whether to read.
	ProvisioningTick = 250 * time.Millisecond
	// LongestLookInterval is the longest pause between two reads until stuckAfter: AWS takes two to three minutes, and
	// sends no event at the end. firstLook is the pause before the first read.
	LongestLookInterval = 15 * time.Second
	firstLook           = time.Second
	stuckAfter          = 10 * time.Minute
	stuckLookInterval   = time.Minute
)

// ProvisioningWatcher reads the state of load balancers that AWS is still provisioning, all of them in few calls and
// ever less often, and wakes the stacks whose load balancer is active, so that their status is updated. While there are
// none it makes no calls.
type ProvisioningWatcher struct {
	Starting func() map[string]stack.Key // by ARN
	Refresh  func(ctx context.Context, balancers map[string]stack.Key) (changed []stack.Key, err error)
	Wake     func(key stack.Key)
	Now      func() time.Time
	Log      logr.Logger

	seen map[string]time.Time // since when, by ARN
	next time.Time
}

// Start runs until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (w *ProvisioningWatcher) Start(ctx context.Context) error {
	queue.Every(queue.Background(ctx, awsclient.Provisioning), ProvisioningTick, nil, w.Tick)
	return nil
}

// Tick reads the state of load balancers that are being provisioned, if it is time.
func (w *ProvisioningWatcher) Tick(ctx context.Context) {
	starting, now := w.Starting(), w.Now()
	seen := make(map[string]time.Time, len(starting))
	youngest := time.Time{}
	for arn := range starting {
		since, known := w.seen[arn]
		if !known {
			since = now
			if first := now.Add(firstLook); len(w.seen) == 0 || first.Before(w.next) {
				w.next = first
			}
		}
		seen[arn] = since
		if since.After(youngest) {
			youngest = since
		}
	}
	w.seen = seen
	if len(starting) == 0 || now.Before(w.next) {
		return
	}
	changed, err := w.Refresh(ctx, starting)
	if err != nil && ctx.Err() == nil {
		w.Log.V(1).Info("reading load balancers that AWS is provisioning failed; it is tried again", "cause", err.Error())
	}
	w.next = w.Now().Add(LookInterval(now.Sub(youngest)))
	for _, key := range changed {
		w.Wake(key)
	}
}

// LookInterval returns the pause until the next read of a load balancer that has been provisioning for so long: as long
// again, within bounds. It does not depend on whether reads succeed.
func LookInterval(awaited time.Duration) time.Duration {
	if awaited > stuckAfter {
		return stuckLookInterval
	}
	return min(max(awaited, firstLook), LongestLookInterval)
}
