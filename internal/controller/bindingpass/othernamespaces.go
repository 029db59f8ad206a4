package bindingpass

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

const (
	// PollInterval is how often the bindings of other namespaces are listed.
	PollInterval = time.Minute
	// Lifetime is how long an answer proves what does not exist: after that, a binding that it does not show may have been
	// made.
	Lifetime = 3 * PollInterval / 2
)

// OtherNamespaces knows the bindings of other namespaces, where --watch-namespace restricts the caches to one. It is
// nil-safe: without a restriction no binding is unknown.
type OtherNamespaces struct {
	reads.OtherNamespaces[v1beta1.TargetGroupBinding]
}

// NewOtherNamespaces makes one that polls the API server for the bindings outside of a namespace.
func NewOtherNamespaces(live client.Reader, namespace string, now func() time.Time, log logr.Logger) *OtherNamespaces {
	return &OtherNamespaces{reads.OtherNamespaces[v1beta1.TargetGroupBinding]{
		Live: live, Namespace: namespace, Now: now, Log: log, Interval: PollInterval, List: listBindings,
		OnChange: func(context.Context) {},
		Same: func(x, y v1beta1.TargetGroupBinding) bool {
			return x.UID == y.UID && x.ResourceVersion == y.ResourceVersion
		},
		FailureMessage: "cannot list TargetGroupBindings in other namespaces, so the controller keeps security group rules " +
			"and targets that they may use; grant the controller the right to list them in the whole cluster",
	}}
}

// listBindings lists the bindings of other namespaces than one.
func listBindings(ctx context.Context, live client.Reader, namespace string) ([]v1beta1.TargetGroupBinding, error) {
	var list v1beta1.TargetGroupBindingList
	if err := live.List(ctx, &list); err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(list.Items, func(o v1beta1.TargetGroupBinding) bool { return o.Namespace == namespace })
	for i := range found { // of thousands, fields that are not read count
		found[i].ManagedFields, found[i].Annotations, found[i].Status = nil, nil, v1beta1.TargetGroupBindingStatus{}
	}
	return found, nil
}

// List returns the known bindings of other namespaces. complete is false if there may be others.
func (e *OtherNamespaces) List(ctx context.Context) (list []v1beta1.TargetGroupBinding, complete bool) {
	if e == nil {
		return nil, true
	}
	return e.Known(ctx)
}

// MayNeedRules reports whether a binding of another namespace may need rules.
func (e *OtherNamespaces) MayNeedRules(ctx context.Context) bool {
	list, complete := e.List(ctx)
	return !complete || slices.ContainsFunc(list, func(o v1beta1.TargetGroupBinding) bool {
		return o.Spec.Networking != nil
	})
}

// Of returns the bindings of a target group.
func (e *OtherNamespaces) Of(ctx context.Context, arn string) []v1beta1.TargetGroupBinding {
	list, _ := e.List(ctx)
	return slices.DeleteFunc(slices.Clone(list), func(o v1beta1.TargetGroupBinding) bool {
		return o.Spec.TargetGroupARN != arn
	})
}

// hides reports whether the caches do not show a namespace.
func (e *OtherNamespaces) hides(namespace string) bool { return e != nil && namespace != e.Namespace }

// registeredByOthers is the finding that targets stay because a binding that cannot be seen may have registered them.
func (e *OtherNamespaces) registeredByOthers(o *v1beta1.TargetGroupBinding, keys []string) diag.Diagnostic {
	cause := e.Cause()
	remedy := "the controller tries again once the API server answers"
	if apierrors.IsForbidden(cause) {
		remedy = "let the controller's ServiceAccount list targetgroupbindings.elbv2.k8s.aws in all namespaces (a " +
			"ClusterRole with a ClusterRoleBinding)"
	}
	return diag.New(bindingobject.BindingObject(o), "spec.targetGroupARN", diag.UnseenBindings,
		fmt.Sprintf("%d targets, such as %s, were not registered by this controller and stay registered: with "+
			"--watch-namespace=%s a TargetGroupBinding of another namespace may serve them, and the controller "+
			"cannot find out: %s",
			len(keys), keys[0], e.Namespace, awsclient.SteadyText(cause.Error())),
		remedy+"; if no binding has registered them, deregister them by hand")
}

// Labelled has what is registered kept under the namespace that the caches show: a process that sees other bindings
// counts other targets as its own.
func (e *OtherNamespaces) Labelled(registered map[string][]registrar.Target) map[string][]registrar.Target {
	if e == nil {
		return registered
	}
	out := make(map[string][]registrar.Target, len(registered))
	for arn, ts := range registered {
		out[e.Namespace+" "+arn] = ts
	}
	return out
}

// Own returns what a process with the same view of the cluster kept.
func (e *OtherNamespaces) Own(kept map[string][]registrar.Target) map[string][]registrar.Target {
	out := map[string][]registrar.Target{}
	for name, ts := range kept {
		namespace, arn, labelled := strings.Cut(name, " ")
		switch {
		case e == nil && !labelled:
			out[name] = ts
		case e != nil && labelled && namespace == e.Namespace:
			out[arn] = ts
		}
	}
	return out
}

// mayServe reports whether a binding that cannot be seen may serve the target group of a binding; ownerKnown is false
// while that may be only because it is not known yet whose the target group is. A target group of a stack belongs to
// the bindings of the stack's namespace.
func (b *Reconciler) mayServe(ctx context.Context, o *v1beta1.TargetGroupBinding) (unseen, ownerKnown bool) {
	if _, complete := b.OtherNamespaces.List(ctx); complete {
		return false, true
	}
	owner, known := b.Inventory.KnownOwner(o.Spec.TargetGroupARN)
	return !owner.BindsIn(o.Namespace), known
}
