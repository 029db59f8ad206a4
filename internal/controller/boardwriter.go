package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
)

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
			if b.missing() {
				b.list(ctx)
			}
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
		b.posts, b.pending, b.counts = map[stack.Key]*post{}, map[stack.Key]status.Pass{}, map[string]v1alpha1.TargetCounts{}
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
	clear(b.pending)
	b.uncount()
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
	now := b.now()
	for key, e := range b.posts {
		if e.decided && e.dirty && !e.retry.After(now) {
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
		if unserved(err) { // which the list tells from a namespace that is gone
			if b.list(ctx); b.missing() {
				return
			}
		}
		b.mu.Lock()
		e.have = have
		if unserved(err) && have == nil && job.have == nil {
			err, e.dirty = nil, e.want != job.want // the list had it looked at again
		}
		switch {
		case err != nil:
			e.dirty = true
			if have == nil && job.have != nil {
				b.wake() // it was deleted by hand
			} else if ctx.Err() == nil {
				e.failed++
				e.retry = b.now().Add(rewritePauses.Pause(e.failed))
				if e.told != err.Error() {
					e.told = err.Error() // a right that is missing would fill the log
					b.log.Info("showing a load balancer failed; trying again", "stack", key.String(), "cause", err.Error())
				}
			}
		case e.want == nil && have == nil:
			delete(b.posts, key)
		default:
			e.told, e.failed, e.retry = "", 0, time.Time{}
		}
		b.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
	}
}

// unserved reports an error that the API server gives, among other cases, where the kind is not installed any more.
func unserved(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }

// missing reports whether the kind was not there, or not admitted, at the last look.
func (b *board) missing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == absent
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
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
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
