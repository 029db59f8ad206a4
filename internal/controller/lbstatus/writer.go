// Package lbstatus keeps the status of load balancers in Kubernetes up to date, in the background. It writes
// LoadBalancer objects, and watches load balancers that AWS is still provisioning. Package reporting computes their
// content.
package lbstatus

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/pairs"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

const (
	// gather is how long changes are gathered before they are written, so that a pass and those that follow from it are
	// one write.
	gather = 300 * time.Millisecond
	// slots is how many objects are written at once. Nothing waits for them, and the API server has the statuses of
	// users' objects to write meanwhile.
	slots = 4
	// RelistInterval is how often the objects are compared with what was written: they may have been deleted or edited by
	// hand, and their definition may have come or gone.
	RelistInterval = 5 * time.Minute
	// firstRewritePause is the pause after the first failure of a write, and the interval at which a missing definition
	// is looked for.
	firstRewritePause = 15 * time.Second
)

// rewritePauses are the pauses after writes of one object that failed in a row.
var rewritePauses = backoff.Policy{First: firstRewritePause, Longest: 5 * time.Minute}

// Writer writes LoadBalancer objects, one for each stack. Passes enqueue their results; Start writes what changed, in
// batches. Where the kind is not installed, or the controller may not write it, that is logged once and looked for
// again, and nothing else fails. A nil Writer does nothing.
type Writer struct {
	client    client.Client
	reader    client.Reader // the API server: an informer would log errors for ever where the kind is missing
	namespace string        // the only one to list; empty = all
	now       func() time.Time
	log       logr.Logger
	writes    *objectwriter.Writer
	Queue     *queue.Keyed // of writes, by stack

	mu      sync.Mutex
	state   state
	entries map[stack.Key]*entry
	pending map[stack.Key]reporting.Pass // passes before the first list, which are merged with what it finds
	counts  map[string]v1alpha1.TargetCounts
	// refused are the last attempts at objects that a policy refuses, and probed is when one of them was tried again
	// last.
	refused map[stack.Key]time.Time
	probed  time.Time
	shown   pairs.Map[stack.Key, string, struct{}] // the ARNs of the target groups that the object of a stack shows
	// underway is what no status shows yet, and noted counts the edits among it.
	underway map[stack.Key]*progress
	noted    uint64
	// Cluster is the name of the cluster, which is in the tags of all resources.
	Cluster string
	// Writers finds a second controller that writes the same objects; nil = the objects name no writer.
	Writers *namesake.Writers
	// Labels are those that users put on the objects.
	Labels naming.ObjectLabels
	// Tenant names the tenant of a stack: the writes of tenants take turns. Tenant is called under the queue's lock.
	Tenant func(stack.Key) string
	// Reporter reports to the owners of an object that a policy refuses it; nil = only the log does.
	Reporter *reporting.Reporter
	// BecameReady is called when a new load balancer is ready for the first time; nil = it is not.
	BecameReady func(of stack.Owner, after time.Duration)
	// OnInstalled is called when the kind is installed while the controller runs.
	OnInstalled func()
}

type state int

const (
	unlisted state = iota // the first list has not succeeded yet
	notInstalled
	installed
)

// entry is the LoadBalancer object of one stack.
type entry struct {
	decided   bool                         // a pass has set want; before, the object stays as it is
	want      *v1alpha1.LoadBalancerStatus // nil = no object
	namespace string
	owners    []metav1.OwnerReference
	labels    map[string]string            // that users want on it
	have      *v1alpha1.LoadBalancer       // as written or read last; nil = none
	abandoned *v1alpha1.LoadBalancerStatus // its namespace was gone when this was to be written
	// when the first pass over a new load balancer ended that is not ready yet; zero = it is not new
	awaited time.Time
}

// NewWriter makes a writer of the objects of a namespace; empty = of all. reader reads the API server.
func NewWriter(c client.Client, r client.Reader, namespace string, now func() time.Time, log logr.Logger) *Writer {
	w := &Writer{
		client: c, reader: r, namespace: namespace, now: now, log: log,
		entries: map[stack.Key]*entry{}, pending: map[stack.Key]reporting.Pass{}, counts: map[string]v1alpha1.TargetCounts{},
		OnInstalled: func() {}, Tenant: stack.Key.Tenant,
		underway: map[stack.Key]*progress{}, refused: map[stack.Key]time.Time{},
		writes: objectwriter.New(c, now, log),
	}
	w.Queue = w.writes.Queue
	w.Queue.Gather, w.Queue.Pauses, w.Queue.Slots = gather, rewritePauses, slots
	w.Queue.Tenant = func(id string) string {
		key, _ := stack.ParseKey(id) // enqueue takes no other
		return w.Tenant(key)
	}
	return w
}

// Enqueue takes the result of a pass.
func (w *Writer) Enqueue(p reporting.Pass) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reported(p.Key)
	switch w.state {
	case notInstalled:
	case unlisted: // only the last one of each stack is held: the list may fail for hours
		w.pending[p.Key] = p
	case installed:
		w.merge(p)
	}
}

func (w *Writer) merge(p reporting.Pass) {
	e := w.entries[p.Key]
	if e == nil {
		e = &entry{awaited: p.Now}
		w.entries[p.Key] = e
	}
	var before v1alpha1.LoadBalancerStatus
	switch {
	case e.want != nil:
		before = *e.want
	case e.have != nil:
		before = e.have.Status
	}
	namespace := namespaceOf(p, e)
	if namespace == "" {
		return // it is being removed, and has no object
	}
	s := reporting.LoadBalancer(p, before)
	s.Cluster = w.Cluster
	for _, g := range before.TargetGroups {
		if !slices.ContainsFunc(s.TargetGroups, func(x v1alpha1.TargetGroupStatus) bool { return x.ARN == g.ARN }) {
			delete(w.counts, g.ARN)
		}
	}
	for _, g := range s.TargetGroups {
		if c, ok := w.counts[g.ARN]; ok {
			s, _ = reporting.WithTargets(s, g.ARN, c)
		}
	}
	s = w.stillReconciling(p.Key, s)
	w.noteReady(p, e, s)
	owners, labels := e.owners, e.labels
	if len(p.Members) > 0 {
		labels = w.Labels.Of(labelsIn(namespace, p)...)
		owners = reporting.Owners(p.Members, namespace, owner.Of(p.Key.Owner).APIVersion)
	} else if len(owners) == 0 && e.have != nil {
		owners = e.have.OwnerReferences
	}
	w.want(p.Key, e, &s)
	e.decided, e.namespace, e.owners, e.labels = true, namespace, owners, labels
	w.enqueue(p.Key)
}

// labelsIn are the labels of the members in a namespace.
func labelsIn(namespace string, p reporting.Pass) (out []map[string]string) {
	for i, m := range p.Members {
		if m.Object.Namespace == namespace && i < len(p.Labels) {
			out = append(out, p.Labels[i])
		}
	}
	return out
}

// noteReady reports that a new load balancer is ready for the first time. The lock is held.
func (w *Writer) noteReady(p reporting.Pass, e *entry, s v1alpha1.LoadBalancerStatus) {
	if e.awaited.IsZero() || !meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReady) {
		return
	}
	if w.BecameReady != nil && s.ARN != "" {
		w.BecameReady(p.Key.Owner, p.Now.Sub(e.awaited))
	}
	e.awaited = time.Time{}
}

// LoadBalancers returns the objects as they should be, for metrics.
func (w *Writer) LoadBalancers() []metrics.LoadBalancer {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]metrics.LoadBalancer, 0, len(w.entries))
	for key, e := range w.entries {
		s := e.want
		if s == nil && e.have != nil && !e.decided {
			s = &e.have.Status
		}
		if s != nil {
			out = append(out, metrics.LoadBalancer{Namespace: cmp.Or(e.namespace, key.ID.Namespace),
				Name: reporting.ObjectName(key), Conditions: s.Conditions})
		}
	}
	return out
}

// namespaceOf is the namespace of a stack's object: that of its members. The object of a group with members in several
// namespaces stays while one of them is in its namespace, and else moves to that of the first member.
func namespaceOf(p reporting.Pass, e *entry) string {
	if p.Key.ID.Namespace != "" {
		return p.Key.ID.Namespace
	}
	here := e.namespace
	if here == "" && e.have != nil {
		here = e.have.Namespace
	}
	if len(p.Members) == 0 || slices.ContainsFunc(p.Members, func(m reporting.Member) bool {
		return m.Object.Namespace == here
	}) {
		return here
	}
	return p.Members[0].Object.Namespace
}

// Delete deletes the object of a stack.
func (w *Writer) Delete(key stack.Key) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pending, key)
	delete(w.underway, key)
	e := w.entries[key]
	if e == nil {
		if w.state == unlisted {
			w.entries[key] = &entry{decided: true}
		}
		return
	}
	if e.want != nil {
		for _, g := range e.want.TargetGroups {
			delete(w.counts, g.ARN)
		}
	}
	w.want(key, e, nil)
	e.decided = true
	w.enqueue(key)
}

// want sets the status that the object of a stack should have; nil = there should be no object. The lock is held.
func (w *Writer) want(key stack.Key, e *entry, s *v1alpha1.LoadBalancerStatus) {
	w.shown.DeleteOf(key)
	if e.want = s; s == nil {
		return
	}
	for _, g := range s.TargetGroups {
		w.shown.Set(key, g.ARN, struct{}{})
	}
}

// SetHealth sets the counts of a target group from the health of its targets.
func (w *Writer) SetHealth(arn string, health []registrar.Health) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == notInstalled {
		return
	}
	states := make([]string, 0, len(health))
	for _, h := range health {
		states = append(states, h.State)
	}
	c := reporting.Count(states, w.now())
	w.counts[arn] = c
	for key := range w.shown.By(arn) {
		e := w.entries[key]
		if s, changed := reporting.WithTargets(*e.want, arn, c); changed {
			e.want = &s // shows the same target groups
			w.enqueue(key)
		}
	}
}

// dropCounts drops the counts of target groups that no object shows and that were not counted lately: those of bindings
// that users made, and of target groups that are gone. The lock is held.
func (w *Writer) dropCounts() {
	maps.DeleteFunc(w.counts, func(arn string, c v1alpha1.TargetCounts) bool {
		return len(w.shown.By(arn)) == 0 && w.now().Sub(c.ObservedTime.Time) > RelistInterval
	})
}
