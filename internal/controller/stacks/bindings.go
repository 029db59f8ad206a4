package stacks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

// BindingWriter writes TargetGroupBindings for the executor. It lists the bindings of a stack from the cache,
// together with its own latest writes.
type BindingWriter struct {
	Client client.Client
	// Planned receives what is written; nil = nobody does.
	Planned *bindings.Planned
	now     func() time.Time

	mu      sync.Mutex
	written map[client.ObjectKey]ownWrite
}

// ownWrite is an object as we left it; nil = deleted.
type ownWrite struct {
	at     time.Time
	object *v1beta1.TargetGroupBinding
}

// NewBindingWriter makes a writer that lists from the cache of c.
func NewBindingWriter(c client.Client, now func() time.Time) *BindingWriter {
	return &BindingWriter{Client: c, Planned: &bindings.Planned{}, now: now, written: map[client.ObjectKey]ownWrite{}}
}

// CreateBinding implements apply.Bindings.
func (b *BindingWriter) CreateBinding(ctx context.Context, want stack.Binding) error {
	o := &v1beta1.TargetGroupBinding{}
	o.Namespace, o.Name, o.Labels, o.Annotations = want.Namespace, want.Name, maps.Clone(want.Labels),
		maps.Clone(want.Annotations)
	// this saves the binding's first pass a write
	o.Spec, o.Finalizers = bindingobject.BindingSpec(want), []string{naming.BindingFinalizer}
	made := o.DeepCopy()
	b.Planned.Note(want) // before the object is seen
	err := b.Client.Create(ctx, o)
	if status := apierrors.APIStatus(nil); err != nil && !errors.As(err, &status) && ctx.Err() == nil {
		// The answer was lost, and the object may be there: one that is not remembered would stay when its stack goes.
		o = made
		err = b.Client.Create(ctx, o)
	}
	if err != nil {
		if apierrors.IsAlreadyExists(err) {
			if b.lostLabels(ctx, want) {
				return b.UpdateBinding(ctx, want)
			}
			return fmt.Errorf("%w: %s/%s", apply.ErrBindingExists, want.Namespace, want.Name)
		}
		if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return fmt.Errorf("%w: %s", apply.ErrNamespaceEnds, want.Namespace)
		}
		return undefinedKind(err)
	}
	b.wrote(client.ObjectKeyFromObject(o), o)
	b.Planned.Note(want) // again: one of the name may have gone meanwhile
	return nil
}

// undefinedKind names the cause of an error of the API server if that is a missing definition. A client that has just
// looked for it knows no such kind; another client gets a 404 that does not come from the resource's own handler.
func undefinedKind(err error) error {
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) && apierrors.IsUnexpectedServerError(err) {
		return fmt.Errorf("%w (%w)", apply.ErrBindingsUndefined, err)
	}
	return err
}

// lostLabels reports whether the existing object is ours and only lost its labels: it binds the same target group.
func (b *BindingWriter) lostLabels(ctx context.Context, want stack.Binding) bool {
	o := &v1beta1.TargetGroupBinding{}
	err := b.Client.Get(ctx, client.ObjectKey{Namespace: want.Namespace, Name: want.Name}, o)
	return err == nil && o.DeletionTimestamp == nil && o.Spec.TargetGroupARN == want.TargetGroup.Literal
}

// UpdateBinding implements apply.Bindings.
func (b *BindingWriter) UpdateBinding(ctx context.Context, want stack.Binding) error {
	key := client.ObjectKey{Namespace: want.Namespace, Name: want.Name}
	o := &v1beta1.TargetGroupBinding{}
	if err := b.Client.Get(ctx, key, o); err != nil {
		return undefinedKind(err)
	}
	before := o.DeepCopy()
	if o.Labels == nil {
		o.Labels = map[string]string{}
	}
	maps.Copy(o.Labels, want.Labels)
	if o.Annotations == nil {
		o.Annotations = map[string]string{}
	}
	maps.Copy(o.Annotations, want.Annotations)
	o.Spec = bindingobject.BindingSpec(want)
	b.Planned.Note(want) // before the object is seen
	if err := b.Client.Patch(ctx, o, objectwriter.MergeFrom(before)); err != nil {
		return undefinedKind(err)
	}
	b.wrote(key, o)
	return nil
}

// ReleaseBinding implements apply.Bindings.
func (b *BindingWriter) ReleaseBinding(ctx context.Context, namespace, name string, labels []string) error {
	key := client.ObjectKey{Namespace: namespace, Name: name}
	o := &v1beta1.TargetGroupBinding{}
	if err := b.Client.Get(ctx, key, o); err != nil {
		return undefinedKind(client.IgnoreNotFound(err))
	}
	before := o.DeepCopy()
	for _, k := range labels {
		delete(o.Labels, k)
	}
	b.Planned.Forget(key)
	if err := b.Client.Patch(ctx, o, objectwriter.MergeFrom(before)); err != nil {
		return undefinedKind(err)
	}
	b.wrote(key, o)
	return nil
}

// DeleteBinding implements apply.Bindings.
func (b *BindingWriter) DeleteBinding(ctx context.Context, namespace, name string) error {
	o := &v1beta1.TargetGroupBinding{}
	o.Namespace, o.Name = namespace, name
	if err := b.Client.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
		return undefinedKind(err)
	}
	b.Planned.Forget(client.ObjectKeyFromObject(o))
	b.wrote(client.ObjectKeyFromObject(o), nil)
	return nil
}

// notePlanned records the bindings of a stack that are as it plans them.
func (b *BindingWriter) notePlanned(want *stack.Stack, p *plan.Plan, o awsop.Observed) {
	known := map[stack.Ref]string{}
	for _, g := range o.SecurityGroups {
		known[stack.Ref{Kind: stack.KindSecurityGroup, ID: g.ID}] = g.GroupID
	}
	maps.Copy(known, p.Values())
	resolve := func(r stack.Ref) string { return cmp.Or(r.Literal, known[r]) }
	for _, w := range want.Bindings {
		w = awsop.Literal(w, resolve)
		for i := range o.Bindings {
			have := &o.Bindings[i].Binding
			if have.Namespace == w.Namespace && bindings.SamePlan(*have, w) {
				b.Planned.Note(*have)
			}
		}
	}
}

// Deleted reports whether this process deleted a binding lately.
func (b *BindingWriter) Deleted(key client.ObjectKey) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	w, ok := b.written[key]
	return ok && w.object == nil
}

func (b *BindingWriter) wrote(key client.ObjectKey, o *v1beta1.TargetGroupBinding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.written[key] = ownWrite{b.now(), o}
}

// Len returns the number of objects whose last write is kept.
func (b *BindingWriter) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.written)
}

// NoteDeleted forgets what was written to an object that the cache reports as deleted.
func (b *BindingWriter) NoteDeleted(o client.Object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := client.ObjectKeyFromObject(o)
	w, ok := b.written[key]
	if ok && (w.object == nil || w.object.UID == o.GetUID()) {
		delete(b.written, key)
	}
	if !ok || w.object == nil || w.object.UID == o.GetUID() {
		b.Planned.Forget(key)
	}
}

// List lists the bindings of a stack for its observation.
func (b *BindingWriter) List(ctx context.Context, key stack.Key) ([]awsop.Binding, error) {
	labels := naming.Labels(key)
	var list v1beta1.TargetGroupBindingList
	if err := b.Client.List(ctx, &list, client.MatchingFields{reads.ByStack: reads.Indexed(labels)},
		client.MatchingLabels(labels)); err != nil {
		return nil, fmt.Errorf("listing TargetGroupBindings of %s: %w", key, undefinedKind(err))
	}
	found := map[client.ObjectKey]*v1beta1.TargetGroupBinding{}
	for i := range list.Items {
		found[client.ObjectKeyFromObject(&list.Items[i])] = &list.Items[i]
	}
	b.overlay(found, labels)
	var out []awsop.Binding
	for _, o := range found {
		out = append(out, bindingobject.ObservedBinding(o))
	}
	slices.SortFunc(out, func(x, y awsop.Binding) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	return out, nil
}

// overlay adds our own recent writes that the cache does not show yet.
func (b *BindingWriter) overlay(found map[client.ObjectKey]*v1beta1.TargetGroupBinding, labels map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, w := range b.written {
		cached := found[key]
		switch {
		case b.now().Sub(w.at) > reads.CacheLag:
			delete(b.written, key)
		case w.object == nil && cached != nil:
			gone := cached.DeepCopy()
			gone.DeletionTimestamp = cmp.Or(gone.DeletionTimestamp, &metav1.Time{Time: w.at})
			found[key] = gone
		// which were taken off
		case w.object != nil && cached != nil && cached.UID == w.object.UID &&
			!bindingobject.HasLabels(w.object.Labels, labels):
			delete(found, key)
		case w.object != nil && bindingobject.HasLabels(w.object.Labels, labels) &&
			(cached == nil || cached.UID != w.object.UID || cached.Generation < w.object.Generation):
			found[key] = w.object // if two have one name, ours replaced the other
		}
	}
}
