package stacks

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	// hiddenInterval is how often the objects of other namespaces are listed, once there is an explicit group.
	hiddenInterval = 3 * time.Minute
	// hiddenPage limits the size of an answer: objects are large, and little of each is kept.
	hiddenPage = 500
)

// hiddenMember is an object of another namespace that may have resources in explicit groups.
type hiddenMember struct {
	name   string // with its namespace
	groups []stack.ID
}

// HiddenMembers knows the members that explicit groups have in other namespaces, if --watch-namespace restricts the
// caches to one.
type HiddenMembers struct {
	reads.OtherNamespaces[hiddenMember]
	front         front.Loader
	cache         client.Reader // has what decides about classes and groups
	explicitGroup func()        // there is an explicit group
	begun         chan struct{} // closed by grouped
}

// NewHiddenMembers makes the reader of the objects of a front end outside of namespace; live is the API server. Set Log
// before Start.
func NewHiddenMembers(live, cache client.Reader, front front.Loader, namespace string,
	now func() time.Time) *HiddenMembers {
	h := &HiddenMembers{front: front, cache: cache, begun: make(chan struct{})}
	h.explicitGroup = sync.OnceFunc(func() { close(h.begun) })
	h.OtherNamespaces = reads.OtherNamespaces[hiddenMember]{
		Live: live, Namespace: namespace, Now: now, Interval: hiddenInterval, List: h.members,
		OnChange: func(context.Context) {},
		Same:     func(x, y hiddenMember) bool { return x.name == y.name && slices.Equal(x.groups, y.groups) },
		FailureMessage: fmt.Sprintf("cannot list %s in other namespaces, so the controller keeps parts of shared load "+
			"balancers that may belong to members there; grant the controller the right to list %[1]s in the whole cluster",
			diag.Plural(owner.Of(front.Owner()).Kind)),
	}
	return h
}

// Started reports whether there is an explicit group.
func (h *HiddenMembers) Started() bool {
	select {
	case <-h.begun:
		return true
	default:
		return false
	}
}

// Start lists from the moment that there is an explicit group until ctx ends; it implements manager.Runnable.
func (h *HiddenMembers) Start(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-h.begun:
		return h.OtherNamespaces.Start(ctx)
	}
}

// members lists the objects of other namespaces that may have resources of an explicit group's load balancer. An
// object without finalizer and address never had any.
func (h *HiddenMembers) members(ctx context.Context, live client.Reader, namespace string) (out []hiddenMember,
	err error) {
	v, kind := objects.New(reads.NewCacheReader(ctx, h.cache, nil)), owner.Of(h.front.Owner())
	for next := ""; ; {
		list, _ := readable.Kinds[objects.Kind(kind.Kind)].List.DeepCopyObject().(client.ObjectList)
		if err := live.List(ctx, list, client.Limit(hiddenPage), client.Continue(next)); err != nil {
			return nil, err
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", diag.Plural(kind.Kind), err)
		}
		for _, item := range items {
			o, ok := item.(metav1.Object)
			if !ok || o.GetNamespace() == namespace {
				continue
			}
			m := hiddenMember{name: o.GetNamespace() + "/" + o.GetName()}
			groups, _ := front.StacksOf(h.front, v, o)
			for _, key := range groups {
				if key.ID.Namespace == "" && (len(kind.Hostnames(o)) > 0 || slices.Contains(o.GetFinalizers(),
					naming.Finalizer(key))) {
					m.groups = append(m.groups, key.ID)
				}
			}
			if len(m.groups) > 0 {
				out = append(out, m)
			}
		}
		if next = list.GetContinue(); next == "" {
			return out, v.Err()
		}
	}
}

// Unseen returns why members of an explicit group may be missing; nil = none is missing.
func (h *HiddenMembers) Unseen(ctx context.Context, id stack.ID) *intent.Unseen {
	h.explicitGroup()
	kind := owner.Of(h.front.Owner())
	found, complete := h.Known(ctx)
	var names []string
	for _, m := range found {
		if slices.Contains(m.groups, id) {
			names = append(names, m.name)
		}
	}
	u := &intent.Unseen{Namespace: h.Namespace}
	switch {
	case len(names) > 0:
		u.Why = fmt.Sprintf("with --watch-namespace=%s this controller does not see %s %s of the group", h.Namespace,
			kind.Kind, diag.Some(names))
		u.Remedy = fmt.Sprintf("run the controller for all namespaces, or give the %s of this namespace a group of their own",
			diag.Plural(kind.Kind))
	case !complete:
		cause := h.Cause()
		u.Why = fmt.Sprintf("with --watch-namespace=%s the controller cannot list members in other namespaces: %s",
			h.Namespace, awsclient.SteadyText(cause.Error()))
		u.Remedy = "the controller tries again once the API server answers"
		if apierrors.IsForbidden(cause) {
			u.Remedy = fmt.Sprintf("let the controller's ServiceAccount list %s in all namespaces (a ClusterRole with a "+
				"ClusterRoleBinding)", kind.Resource())
		}
	default:
		return nil
	}
	return u
}

// withUnseen returns the input with the members that cannot be read. If all visible members have left, the load
// balancer stays for the others.
func (s *Reconciler) withUnseen(ctx context.Context, key stack.Key, w front.Input) (front.Input, error) {
	if s.Hidden == nil || key.ID.Namespace != "" {
		return w, nil
	}
	u := s.Hidden.Unseen(ctx, key.ID)
	if u == nil {
		return w, nil
	}
	if !w.Declared {
		o, err := s.observe(ctx, key, nil, w)
		if err != nil || len(o.LoadBalancers) == 0 { // nothing exists that needs the hidden members
			return w, err
		}
		w.Declared, w.LoadBalancer = true, intent.LoadBalancer{Key: key, Type: owner.Of(key.Owner).GroupType}
		for _, o := range objectsOf(w.Leaving) {
			w.Findings = append(w.Findings, compile.UnseenMembers(o, u))
		}
	}
	w.LoadBalancer.Unseen = u
	return w, nil
}

// WakeGroups makes passes over all explicit groups.
func (s *Reconciler) WakeGroups(context.Context) {
	s.Waker.Wake(queue.Normal, slices.DeleteFunc(s.Index.Units(), func(key stack.Key) bool {
		return key.ID.Namespace != ""
	})...)
}
