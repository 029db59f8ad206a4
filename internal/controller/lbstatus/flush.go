package lbstatus

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
)

// Start writes until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (b *Writer) Start(ctx context.Context) error {
	var writing sync.WaitGroup
	writing.Go(func() { _ = b.writes.Start(ctx) })
	defer writing.Wait()
	b.List(ctx)
	listed := b.now()
	queue.Every(ctx, firstRewritePause, nil, func(ctx context.Context) {
		if b.isNotInstalled() || b.now().Sub(listed) >= RelistInterval {
			b.List(ctx)
			listed = b.now()
		}
	})
	return nil
}

// List lists the objects and compares them with what was written.
func (b *Writer) List(ctx context.Context) {
	var all v1alpha1.LoadBalancerList
	err := b.reader.List(ctx, &all, client.InNamespace(b.namespace))
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.state
	switch {
	case err == nil:
		b.state = installed
	case meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err):
		b.state = notInstalled
		b.entries, b.pending, b.counts = map[stack.Key]*entry{}, map[stack.Key]status.Pass{}, map[string]v1alpha1.TargetCounts{}
		if before != notInstalled {
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
		b.merge(p)
	}
	clear(b.pending)
	b.dropCounts()
	if before == notInstalled {
		go b.OnInstalled()
	}
}

func (b *Writer) compare(items []v1alpha1.LoadBalancer) {
	seen := map[stack.Key]bool{}
	for i := range items {
		o := &items[i]
		key, ok := status.KeyOf(o.Status)
		if !ok || o.Name != status.ObjectName(key) {
			continue
		}
		e := b.entries[key]
		if e == nil {
			e = &entry{}
			b.entries[key] = e
		}
		if seen[key] && e.have != nil && (e.namespace == "" || e.namespace == e.have.Namespace) {
			continue // the old object of a group that moved; Kubernetes collects it with its owner
		}
		seen[key] = true
		e.have = o
	}
	for key, e := range b.entries {
		if !seen[key] {
			e.have = nil
		}
		if e.abandoned = nil; e.decided {
			b.enqueue(key)
		}
	}
}

// enqueue has the object of a stack brought to what it should be. The lock is held.
func (b *Writer) enqueue(key stack.Key) {
	b.writes.Run(key.String(), func(ctx context.Context) error { return b.bring(ctx, key) })
}

// bring writes the object of a stack if it differs from what it should be.
func (b *Writer) bring(ctx context.Context, key stack.Key) error {
	b.mu.Lock()
	e := b.entries[key]
	if e == nil || b.state != installed || e.want != nil && e.want == e.abandoned {
		b.mu.Unlock()
		return nil
	}
	job := *e
	b.mu.Unlock()
	have, err := b.write(ctx, key, job)
	lost := isNotServed(err)
	if lost { // the list distinguishes this from a namespace that is gone
		b.List(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries[key] != e {
		return nil
	}
	switch e.have = have; {
	case lost && have == nil && job.have == nil:
		e.abandoned = job.want
		return nil
	case lost && have == nil: // it was deleted by others
		b.enqueue(key)
		return nil
	case err == nil && e.want == nil && have == nil:
		delete(b.entries, key)
	}
	return err
}

// isNotServed reports an error that the API server returns, among other cases, where the kind is no longer installed.
func isNotServed(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }

// isNotInstalled reports whether the kind was not installed, or not permitted, at the last list.
func (b *Writer) isNotInstalled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == notInstalled
}

// write creates, patches or deletes one object, and returns it as it is then.
func (b *Writer) write(ctx context.Context, key stack.Key, e entry) (*v1alpha1.LoadBalancer, error) {
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
			return notFoundOr(have, err)
		}
		have = o
	}
	if !equality.Semantic.DeepEqual(have.Status, *e.want) {
		o := have.DeepCopy()
		o.Status = *e.want.DeepCopy()
		if err := b.client.Status().Patch(ctx, o, client.MergeFrom(have)); err != nil {
			return notFoundOr(have, err)
		}
		o.Status = *e.want // as it is compared, without the rounding of times by the API server
		have = o
	}
	return have, nil
}

// notFoundOr forgets an object that was deleted meanwhile, so that the next attempt creates it.
func notFoundOr(have *v1alpha1.LoadBalancer, err error) (*v1alpha1.LoadBalancer, error) {
	if apierrors.IsNotFound(err) {
		have = nil
	}
	return have, fmt.Errorf("writing LoadBalancer: %w", err)
}

// create creates an object, or reads the one that exists. It returns nil in a namespace that is terminating.
func (b *Writer) create(ctx context.Context, key stack.Key, e entry) (*v1alpha1.LoadBalancer, error) {
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
