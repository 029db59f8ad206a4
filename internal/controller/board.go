package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
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
	// rewriteAfter is when a write that failed is tried again.
	rewriteAfter = 15 * time.Second
)

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
	pending []status.Pass // until the first list: what the objects say goes on
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
}

func newBoard(c client.Client, r client.Reader, namespace string, now func() time.Time, log logr.Logger) *board {
	return &board{
		client: c, reader: r, namespace: namespace, now: now, log: log,
		posts: map[stack.Key]*post{}, counts: map[string]v1alpha1.TargetCounts{}, signal: make(chan struct{}, 1), appeared: func() {},
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
	case unlisted:
		b.pending = append(b.pending, p)
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
	b.pending = slices.DeleteFunc(b.pending, func(p status.Pass) bool { return p.Key == key })
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

// wake asks for a flush; the lock is held or not.
func (b *board) wake() {
	select {
	case b.signal <- struct{}{}:
	default:
	}
}

// Start writes until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (b *board) Start(ctx context.Context) error {
	b.list(ctx)
	again, retry := time.NewTicker(relistEvery), time.NewTicker(rewriteAfter)
	defer again.Stop()
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
			b.list(ctx)
		case <-retry.C:
		case <-b.signal:
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(settle):
			}
		}
		b.flush(ctx)
	}
}

// list compares the objects with what was written.
func (b *board) list(ctx context.Context) {
	var all v1alpha1.LoadBalancerList
	err := b.reader.List(ctx, &all, client.InNamespace(b.namespace))
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.state
	switch {
	case err == nil:
		b.state = present
	case meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err):
		b.state = absent
		b.posts, b.pending, b.counts = map[stack.Key]*post{}, nil, map[string]v1alpha1.TargetCounts{}
		if before != absent {
			b.log.Info("no LoadBalancer objects are written: install their definition and grant the right to write them if you want them", "cause", err.Error())
		}
		return
	default:
		if ctx.Err() == nil {
			b.log.Error(err, "listing LoadBalancer objects failed; trying again")
		}
		return
	}
	b.compare(all.Items)
	for _, p := range b.pending {
		b.put(p)
	}
	b.pending = nil
	b.wake()
	if before == absent {
		go b.appeared()
	}
}

func (b *board) compare(items []v1alpha1.LoadBalancer) {
	seen := map[stack.Key]bool{}
	for i := range items {
		o := &items[i]
		key, ok := status.KeyOf(o.Status)
		if !ok || o.Name != status.ObjectName(key) {
			continue
		}
		e := b.posts[key]
		if e == nil {
			e = &post{}
			b.posts[key] = e
		}
		if seen[key] && e.have != nil && (e.namespace == "" || e.namespace == e.have.Namespace) {
			continue // a group that moved while nobody cleaned up; Kubernetes collects it with its owner
		}
		seen[key] = true
		e.have = o
		e.dirty = true
	}
	for key, e := range b.posts {
		if !seen[key] {
			e.have = nil
			e.dirty = true
		}
	}
}

// flush writes what differs.
func (b *board) flush(ctx context.Context) {
	b.mu.Lock()
	if b.state != present {
		b.mu.Unlock()
		return
	}
	var keys []stack.Key
	for key, e := range b.posts {
		if e.decided && e.dirty {
			keys = append(keys, key)
		}
	}
	b.mu.Unlock()
	for _, key := range keys {
		b.mu.Lock()
		e := b.posts[key]
		job := *e
		e.dirty = false
		b.mu.Unlock()
		have, err := b.write(ctx, key, job)
		b.mu.Lock()
		e.have = have
		switch {
		case err != nil:
			e.dirty = true
			if have == nil && job.have != nil {
				b.wake() // it was deleted by hand
			} else if ctx.Err() == nil {
				b.log.Info("showing a load balancer failed; trying again", "stack", key.String(), "cause", err.Error())
			}
		case e.want == nil && have == nil:
			delete(b.posts, key)
		}
		b.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
	}
}

// write brings one object to what it should be, and returns it as it is then.
func (b *board) write(ctx context.Context, key stack.Key, e post) (*v1alpha1.LoadBalancer, error) {
	have := e.have
	if have != nil && (e.want == nil || have.Namespace != e.namespace) {
		if err := b.client.Delete(ctx, have.DeepCopy(), client.Preconditions{UID: &have.UID}); client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
			return have, fmt.Errorf("deleting LoadBalancer %s/%s: %w", have.Namespace, have.Name, err)
		}
		have = nil
	}
	if e.want == nil {
		return nil, nil
	}
	if have == nil {
		created, err := b.create(ctx, key, e)
		if err != nil || created == nil {
			return nil, err
		}
		have = created
	}
	if !equality.Semantic.DeepEqual(have.OwnerReferences, e.owners) {
		o := have.DeepCopy()
		o.OwnerReferences = e.owners
		if err := b.client.Patch(ctx, o, client.MergeFrom(have)); err != nil {
			return vanishedOr(have, err)
		}
		have = o
	}
	if !equality.Semantic.DeepEqual(have.Status, *e.want) {
		o := have.DeepCopy()
		o.Status = *e.want.DeepCopy()
		if err := b.client.Status().Patch(ctx, o, client.MergeFrom(have)); err != nil {
			return vanishedOr(have, err)
		}
		o.Status = *e.want // as we compare it, whatever the server made of times
		have = o
	}
	return have, nil
}

// vanishedOr forgets an object that somebody deleted, so that the next attempt creates it.
func vanishedOr(have *v1alpha1.LoadBalancer, err error) (*v1alpha1.LoadBalancer, error) {
	if apierrors.IsNotFound(err) {
		have = nil
	}
	return have, fmt.Errorf("writing LoadBalancer: %w", err)
}

// create makes an object, or finds the one that is there. It returns nil where none can be: in a namespace that is going.
func (b *board) create(ctx context.Context, key stack.Key, e post) (*v1alpha1.LoadBalancer, error) {
	o := &v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Namespace: e.namespace, Name: status.ObjectName(key), OwnerReferences: e.owners}}
	err := b.client.Create(ctx, o)
	switch {
	case err == nil:
		return o, nil
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsNotFound(err):
		return nil, nil
	case !apierrors.IsAlreadyExists(err):
		return nil, fmt.Errorf("creating LoadBalancer %s/%s: %w", o.Namespace, o.Name, err)
	}
	found := &v1alpha1.LoadBalancer{}
	if getErr := b.reader.Get(ctx, client.ObjectKeyFromObject(o), found); getErr != nil {
		return nil, errors.Join(err, getErr)
	}
	return found, nil
}
