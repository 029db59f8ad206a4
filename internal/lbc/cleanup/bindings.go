package cleanup

import (
	"context"
	"errors"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// Bindings deletes TargetGroupBindings. It implements apply.Bindings as far as a deletion needs it.
type Bindings struct {
	Client client.Client
	// Release takes the controller's finalizer off, as no controller is there that would.
	Release bool
}

var errNotWritten = errors.New("lbc cleanup writes no TargetGroupBinding")

// CreateBinding implements apply.Bindings.
func (Bindings) CreateBinding(context.Context, stack.Binding) error { return errNotWritten }

// UpdateBinding implements apply.Bindings. A deletion marks bindings for the case that it is not carried to its end;
// the next plan marks them again.
func (Bindings) UpdateBinding(context.Context, stack.Binding) error { return nil }

// ReleaseBinding implements apply.Bindings.
func (Bindings) ReleaseBinding(context.Context, string, string, []string) error { return errNotWritten }

// DeleteBinding implements apply.Bindings.
func (b Bindings) DeleteBinding(ctx context.Context, namespace, name string) error {
	o := &v1beta1.TargetGroupBinding{}
	if err := b.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, o); err != nil {
		return client.IgnoreNotFound(err)
	}
	if err := b.Client.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
		return err
	}
	if !b.Release || !slices.Contains(o.Finalizers, naming.BindingFinalizer) {
		return nil
	}
	released := o.DeepCopy()
	released.Finalizers = slices.DeleteFunc(released.Finalizers, func(f string) bool {
		return f == naming.BindingFinalizer
	})
	return client.IgnoreNotFound(b.Client.Patch(ctx, released, client.MergeFrom(o)))
}

// List lists the TargetGroupBindings of a stack.
func (b Bindings) List(ctx context.Context, key stack.Key) (out []awsop.Binding, err error) {
	l := &v1beta1.TargetGroupBindingList{}
	if err := b.Client.List(ctx, l, client.MatchingLabels(naming.Labels(key))); err != nil {
		return nil, err
	}
	for i := range l.Items {
		x := bindingobject.ObservedBinding(&l.Items[i])
		x.Deleting = x.Deleting && !b.Release // one that waits for the controller's finalizer still has to go
		out = append(out, x)
	}
	return out, nil
}
