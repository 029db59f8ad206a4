package bindingpass

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// ByNodeSelector is the cache index of bindings of type instance by how they select nodes.
const ByNodeSelector = "spec.nodeSelector"

// The values of the index ByNodeSelector. A binding with a selector has a value for each label key in it, too.
const (
	withoutSelector = "none"
	withSelector    = "any"
	selectsLabel    = "label/"
)

// NodeSelectorOf returns the keys of a binding in the index ByNodeSelector.
func NodeSelectorOf(o client.Object) []string {
	b, ok := o.(*v1beta1.TargetGroupBinding)
	if !ok || b.Spec.TargetType == nil || *b.Spec.TargetType != v1beta1.TargetTypeInstance {
		return nil
	}
	s := b.Spec.NodeSelector
	if s == nil {
		return []string{withoutSelector}
	}
	out := []string{withSelector}
	for key := range s.MatchLabels {
		out = append(out, selectsLabel+key)
	}
	for _, e := range s.MatchExpressions {
		if _, twice := s.MatchLabels[e.Key]; !twice {
			out = append(out, selectsLabel+e.Key)
		}
	}
	return out
}

// NodeEvent wakes the bindings that a change of a node concerns:
//   - of type instance, if the node becomes a target, stops being one, or lacks something else;
//   - of type ip, if the node becomes ready or stops being so, or its pods leave with it or stay after all: those whose
//     last pass read the node;
//   - those that missed the node, if it is new to the cache;
//   - those with endpoints without Pod, if the addresses of nodes change.
func (b *Reconciler) NodeEvent() handler.TypedEventHandler[client.Object, reconcile.Request] {
	events := queue.Handle(func(ctx context.Context, before, after client.Object, q queue.Of[reconcile.Request]) {
		change := nodeChange{node: queue.Newest(before, after), woken: map[types.NamespacedName]bool{}}
		change.before, _ = before.(*corev1.Node)
		change.after, _ = after.(*corev1.Node)
		b.nodeLists.note(&change) // before passes that it wakes read them
		if change.before == nil {
			b.wakeForNode(&change, q, false, b.missingNodes.missing("", change.node.GetName())...)
		}
		if readdressed(change.before, change.after) {
			b.wakeForNode(&change, q, false, b.evidence.withoutPod.all()...)
		}
		if change.turned(b.ExcludedNodes) {
			b.wakeForNode(&change, q, true, b.nodesRead.bindings(change.node.GetName())...)
		}
		if change.restless() {
			b.wakeForNode(&change, q, true, b.nodesKeeping.bindings(change.node.GetName())...)
		}
		b.wakeSelecting(ctx, &change, q)
	})
	deleted := events.DeleteFunc
	events.DeleteFunc = func(ctx context.Context, e event.DeleteEvent, q queue.Of[reconcile.Request]) {
		if !e.DeleteStateUnknown {
			b.nodeLists.leave(e.Object.GetName())
		}
		deleted(ctx, e, q)
	}
	return events
}

// wakeForNode wakes bindings for a change of a node, each once; bulk: after what is more urgent.
func (b *Reconciler) wakeForNode(c *nodeChange, q queue.Of[reconcile.Request], bulk bool,
	bindings ...types.NamespacedName) {
	for _, key := range bindings {
		if c.woken[key] {
			continue
		}
		c.woken[key] = true
		req := reconcile.Request{NamespacedName: key}
		b.noteCause(req, "Node", c.node)
		if bulk {
			queue.Add(q, queue.Coalesce, queue.Bulk, req)
		} else {
			q.AddAfter(req, queue.Coalesce)
		}
	}
}

// mostCompared is how many parts of selectors of a namespace an event is compared with. The events of all nodes wait
// for that, so that further bindings of the namespace are woken unseen: their passes take turns with those of others.
const mostCompared = 10_000

// wakeSelecting wakes the bindings of type instance that a change of a node concerns.
func (b *Reconciler) wakeSelecting(ctx context.Context, c *nodeChange, q queue.Of[reconcile.Request]) {
	var values []string
	switch {
	case c.before != nil && c.after != nil && SameForTargets(c.before, c.after):
		return
	case c.matters(nil):
		values = []string{withoutSelector, withSelector}
	default: // it can concern selectors of labels that changed
		for _, key := range c.labels() {
			values = append(values, selectsLabel+key)
		}
	}
	compared := map[string]int{} // parts of selectors, by namespace
	for _, value := range values {
		var list v1beta1.TargetGroupBindingList
		if b.Client.List(ctx, &list, client.MatchingFields{ByNodeSelector: value}, client.UnsafeDisableDeepCopy) != nil {
			return
		}
		for i := range list.Items {
			o := &list.Items[i]
			compared[o.Namespace] += objects.SelectorParts(o.Spec.NodeSelector)
			if value == withoutSelector || compared[o.Namespace] > mostCompared || c.matters(o.Spec.NodeSelector) {
				b.wakeForNode(c, q, true, client.ObjectKeyFromObject(o))
			}
		}
	}
}

// nodeChange is an event of a node.
type nodeChange struct {
	node          client.Object // the newest version
	before, after *corev1.Node  // nil = it did not exist, or does not any more
	woken         map[types.NamespacedName]bool
}

// turned reports whether the node became ready or stopped being so, or its pods leave with it or stay after all.
func (c *nodeChange) turned(excluded bool) bool {
	o, n := c.before, c.after
	return o != nil && n != nil && (registrar.NodeReady(o) != registrar.NodeReady(n) || registrar.PodsLeave(o, excluded) !=
		registrar.PodsLeave(n, excluded))
}

// restless reports whether an instance that is kept may be given up now, or may not any longer.
func (c *nodeChange) restless() bool {
	return c.before == nil || c.after == nil || registrar.NodeStays(c.before) != registrar.NodeStays(c.after)
}

// matters reports whether the node is another candidate than before for bindings of a selector. A node that is no
// target, and lacks nothing that is reported, counts as none, whatever keeps it from being one.
func (c *nodeChange) matters(selector *metav1.LabelSelector) bool {
	return candidate(c.before, selector) != candidate(c.after, selector)
}

func candidate(n *corev1.Node, selector *metav1.LabelSelector) registrar.Candidate {
	if n == nil {
		return registrar.Candidate{}
	}
	all, err := registrar.NodeCandidates([]*corev1.Node{n}, selector, 0)
	if err != nil || len(all) == 0 || all[0].Ready == corev1.ConditionFalse && !all[0].Lacks {
		return registrar.Candidate{}
	}
	return all[0]
}

// labels are the keys of labels that changed.
func (c *nodeChange) labels() (keys []string) {
	if c.before == nil || c.after == nil {
		return nil // then it matters to all selectors, or to none
	}
	was, is := c.before.Labels, c.after.Labels
	for key, value := range was {
		if now, ok := is[key]; !ok || now != value {
			keys = append(keys, key)
		}
	}
	for key := range is {
		if _, ok := was[key]; !ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// readdressed reports whether a node has come, gone, or got other addresses.
func readdressed(o, n *corev1.Node) bool {
	return o == nil || n == nil || !equality.Semantic.DeepEqual(o.Status.Addresses, n.Status.Addresses)
}

// SameForTargets reports whether an update of a node leaves as it is what makes the node, and its pods, targets.
func SameForTargets(o, n *corev1.Node) bool {
	return o.Spec.ProviderID == n.Spec.ProviderID && registrar.NodeReady(o) == registrar.NodeReady(n) &&
		registrar.PodsLeave(o, true) == registrar.PodsLeave(n, true) &&
		equality.Semantic.DeepEqual(o.Labels, n.Labels) && equality.Semantic.DeepEqual(o.Spec.Taints, n.Spec.Taints)
}
