package controller

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
	"github.com/k8s-lbc/lbc/internal/targets"
)

const (
	// settle is how long changes are gathered before they are written: a pass and those that follow from it are one write.
	settle = 300 * time.Millisecond
	// relistEvery is how often the objects are compared with what was written: they may have been deleted or edited by hand,
	// and their definition may have come or gone.
	relistEvery = 5 * time.Minute
	// rewriteAfter is when a write that failed is tried again first, and how often a definition that is missing is looked for.
	rewriteAfter = 15 * time.Second
)

// rewritePauses are those after writes of one object that failed in a row.
var rewritePauses = backoff.Policy{First: rewriteAfter, Longest: 5 * time.Minute}

// board shows in LoadBalancer objects how stacks are doing. Passes only hang up what they found; writing happens beside them,
// in batches, and only what changed. Where the kind is not installed, or the controller may not write it, nothing else is
// missing: that is told once, and looked for again. A nil board shows nothing.
type board struct {
	client    client.Client
	reader    client.Reader // past the cache: an informer would complain for ever where the kind is missing
	namespace string        // the only one to look at; empty = all
	now       func() time.Time
	log       logr.Logger

	mu      sync.Mutex
	state   boardState
	posts   map[stack.Key]*post
	pending map[stack.Key]status.Pass // until the first list: what the objects say goes on
	counts  map[string]v1alpha1.TargetCounts
	signal  chan struct{}
	// appeared is called when the kind has come while the controller was running.
	appeared func()
}

type boardState int

const (
	unlisted boardState = iota // not looked yet
	absent
	present
)

// post is the object of one stack.
type post struct {
	decided   bool                         // a pass said what it should be; before, the object stays as it is
	want      *v1alpha1.LoadBalancerStatus // nil = no object
	namespace string
	owners    []metav1.OwnerReference
	have      *v1alpha1.LoadBalancer // as written or read last; nil = none
	dirty     bool
	told      string    // why the last write failed, as the log says already
	failed    int       // writes in a row
	retry     time.Time // not before, as the last writes failed
}

func newBoard(c client.Client, r client.Reader, namespace string, now func() time.Time, log logr.Logger) *board {
	return &board{
		client: c, reader: r, namespace: namespace, now: now, log: log,
		posts: map[stack.Key]*post{}, pending: map[stack.Key]status.Pass{}, counts: map[string]v1alpha1.TargetCounts{}, signal: make(chan struct{}, 1), appeared: func() {},
	}
}

// show takes over what a pass found.
func (b *board) show(p status.Pass) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.state {
	case absent:
	case unlisted: // one for each stack: the list may fail for hours
		b.pending[p.Key] = p
	case present:
		b.put(p)
		b.wake()
	}
}

func (b *board) put(p status.Pass) {
	e := b.posts[p.Key]
	if e == nil {
		e = &post{}
		b.posts[p.Key] = e
	}
	var before v1alpha1.LoadBalancerStatus
	switch {
	case e.want != nil:
		before = *e.want
	case e.have != nil:
		before = e.have.Status
	}
	namespace := place(p, e)
	if namespace == "" {
		return // it is on its way out, and nobody ever saw it
	}
	s := status.LoadBalancer(p, before)
	for _, g := range before.TargetGroups {
		if !slices.ContainsFunc(s.TargetGroups, func(x v1alpha1.TargetGroupStatus) bool { return x.ARN == g.ARN }) {
			delete(b.counts, g.ARN)
		}
	}
	for _, g := range s.TargetGroups {
		if c, ok := b.counts[g.ARN]; ok {
			s, _ = status.WithTargets(s, g.ARN, c)
		}
	}
	owners := e.owners
	if len(p.Members) > 0 {
		owners = status.Owners(p.Members, namespace, apiVersionOf(status.OwnerKind(p.Key.Owner)))
	} else if len(owners) == 0 && e.have != nil {
		owners = e.have.OwnerReferences
	}
	e.decided, e.want, e.namespace, e.owners, e.dirty = true, &s, namespace, owners, true
}

func apiVersionOf(kind string) string {
	if kind == "Ingress" {
		return networkingv1.SchemeGroupVersion.String()
	}
	return "v1"
}

// place is the namespace of a stack's object: that of its members. A group over several namespaces stays where it is while a
// member is there, and else goes to its first member.
func place(p status.Pass, e *post) string {
	if p.Key.ID.Namespace != "" {
		return p.Key.ID.Namespace
	}
	here := e.namespace
	if here == "" && e.have != nil {
		here = e.have.Namespace
	}
	if len(p.Members) == 0 || slices.ContainsFunc(p.Members, func(m status.Member) bool { return m.Object.Namespace == here }) {
		return here
	}
	return p.Members[0].Object.Namespace
}

// remove takes the object of a stack down.
func (b *board) remove(key stack.Key) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pending, key)
	e := b.posts[key]
	if e == nil {
		if b.state == unlisted {
			b.posts[key] = &post{decided: true, dirty: true}
		}
		return
	}
	if e.want != nil {
		for _, g := range e.want.TargetGroups {
			delete(b.counts, g.ARN)
		}
	}
	e.decided, e.want, e.dirty = true, nil, true
	b.wake()
}

// targets takes over the health of a target group.
func (b *board) targets(arn string, health []targets.Health) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == absent {
		return
	}
	states := make([]string, 0, len(health))
	for _, h := range health {
		states = append(states, h.State)
	}
	c := status.Count(states, b.now())
	b.counts[arn] = c
	for _, e := range b.posts {
		if e.want == nil {
			continue
		}
		if s, changed := status.WithTargets(*e.want, arn, c); changed {
			e.want, e.dirty = &s, true
			b.wake()
		}
	}
}

// uncount drops the counts of target groups that no object shows and that nobody counted lately: those of bindings that users made,
// and of what is gone. The lock is held.
func (b *board) uncount() {
	shown := map[string]bool{}
	for _, e := range b.posts {
		if e.want != nil {
			for _, g := range e.want.TargetGroups {
				shown[g.ARN] = true
			}
		}
	}
	maps.DeleteFunc(b.counts, func(arn string, c v1alpha1.TargetCounts) bool {
		return !shown[arn] && b.now().Sub(c.ObservedTime.Time) > relistEvery
	})
}

// wake asks for a flush; the lock is held or not.
func (b *board) wake() {
	select {
	case b.signal <- struct{}{}:
	default:
	}
}
