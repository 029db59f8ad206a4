package bindingpass

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// woken is a queue that notes which bindings are added.
type woken struct {
	queue.Of[reconcile.Request]
	names []string
}

func (w *woken) AddAfter(r reconcile.Request, _ time.Duration) { w.names = append(w.names, r.Name) }

// cachedClient reads a cache, and counts the objects that lists return.
type cachedClient struct {
	client.Client
	cache   *growth.Cluster
	objects int
}

func (c *cachedClient) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return c.cache.Get(ctx, key, o, opts...)
}

func (c *cachedClient) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	err := c.cache.List(ctx, list, opts...)
	c.objects += meta.LenList(list)
	return err
}

// watching is a reconciler of bindings that a cache has.
func watching(t *testing.T, all ...client.Object) (*Reconciler, *cachedClient) {
	t.Helper()
	c := &cachedClient{
		cache: growth.NewIndexedCluster(t, []growth.Index{{Object: &v1beta1.TargetGroupBinding{}, Field: ByNodeSelector,
			Of: NodeSelectorOf}}, all...)}
	return &Reconciler{Client: c, Now: time.Now}, c
}

func ofType(name string, kind v1beta1.TargetType, selector *metav1.LabelSelector) *v1beta1.TargetGroupBinding {
	return &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec: v1beta1.TargetGroupBindingSpec{TargetType: &kind, NodeSelector: selector}}
}

func shop(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "shop", Name: name}
}

func readyNode() *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", ResourceVersion: "1", Labels: map[string]string{
		"pool": "a"}}}
	n.Spec.ProviderID = "aws:///z/i-1"
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	return n
}

// nodeChanges are changes of a node, and the bindings of TestNodeWakesTheBindingsItConcerns that they wake.
var nodeChanges = map[string]struct {
	change func(*corev1.Node)
	want   string
}{
	"a heartbeat": {func(n *corev1.Node) {
		n.Status.Conditions[0].LastHeartbeatTime = metav1.Unix(1, 0)
	}, ""},
	"a label that nobody selects": {func(n *corev1.Node) { n.Labels["team"] = "x" }, ""},
	"a label that one selects":    {func(n *corev1.Node) { n.Labels["gpu"] = "1" }, "gpu"},
	"it leaves a pool":            {func(n *corev1.Node) { delete(n.Labels, "pool") }, "pool-a"},
	"it moves to another pool":    {func(n *corev1.Node) { n.Labels["pool"] = "b" }, "pool-a pool-b"},
	"it is excluded": {func(n *corev1.Node) { n.Labels[corev1.LabelNodeExcludeBalancers] = "" },
		"held nodes pool-a"},
	"its instance":       {func(n *corev1.Node) { n.Spec.ProviderID = "aws:///z/i-2" }, "nodes pool-a"},
	"it has no instance": {func(n *corev1.Node) { n.Spec.ProviderID = "" }, "nodes pool-a"},
	"its kubelet is silent": {func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown },
		"nodes pods pool-a"},
	"it is not ready, it says": {func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionFalse },
		"nodes pods pool-a"},
	"it is about to be removed": {func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: "ToBeDeletedByClusterAutoscaler"}}
	}, "held nodes pods pool-a"},
	"it is cordoned": {func(n *corev1.Node) { n.Spec.Unschedulable = true }, "held"},
	"another taint":  {func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "example.com/x"}} }, ""},
	"its addresses": {func(n *corev1.Node) {
		n.Status.Addresses = []corev1.NodeAddress{{Address: "10.0.0.1"}}
	}, "podless"},
}

func TestNodeWakesTheBindingsItConcerns(t *testing.T) {
	t.Parallel()
	pool := func(name string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"pool": name}}
	}
	b, _ := watching(t,
		ofType("nodes", v1beta1.TargetTypeInstance, nil), ofType("pool-a", v1beta1.TargetTypeInstance, pool("a")),
		ofType("pool-b", v1beta1.TargetTypeInstance, pool("b")),
		ofType("gpu", v1beta1.TargetTypeInstance, &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "gpu", Operator: metav1.LabelSelectorOpExists}}}),
		ofType("invalid", v1beta1.TargetTypeInstance, &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "pool", Operator: "?"}}}),
		ofType("pods", v1beta1.TargetTypeIP, nil), ofType("elsewhere", v1beta1.TargetTypeIP, nil),
		ofType("incomplete", "", nil))
	for reads, of := range map[*nodeReads]map[string]string{&b.nodesRead: {"pods": "a", "elsewhere": "b"},
		&b.nodesKeeping: {
			"held": "a"}} {
		for binding, node := range of {
			reads.begin(shop(binding), b.cluster()).Node(t.Context(), node)
		}
	}
	b.evidence.withoutPod.set(shop("podless"), true)
	b.missingNodes.note(shop("waits"), []string{"a"})
	for name, c := range nodeChanges {
		before := readyNode()
		after := before.DeepCopy()
		after.ResourceVersion = "2"
		c.change(after)
		for _, e := range []event.UpdateEvent{{ObjectOld: before, ObjectNew: after}, {ObjectOld: after, ObjectNew: before}} {
			q := &woken{}
			b.NodeEvent().Update(t.Context(), e, q)
			if slices.Sort(q.names); strings.Join(q.names, " ") != c.want {
				t.Errorf("%s: woken %v, want %s", name, q.names, c.want)
			}
		}
	}
	created, deleted := &woken{}, &woken{}
	b.NodeEvent().Create(t.Context(), event.CreateEvent{Object: readyNode()}, created)
	b.NodeEvent().Delete(t.Context(), event.DeleteEvent{Object: readyNode()}, deleted)
	slices.Sort(created.names)
	slices.Sort(deleted.names)
	if got, want := fmt.Sprint(created.names, deleted.names),
		"[held nodes podless pool-a waits] [held nodes podless pool-a]"; got != want {
		t.Errorf("created and deleted: %s, want %s", got, want)
	}
}

// TestNodeEventComparesFewSelectorsOfATenant has bindings of one namespace select nodes by thousands of values. The
// events of nodes, for which the bindings of others wait, are compared with some of them.
func TestNodeEventComparesFewSelectorsOfATenant(t *testing.T) {
	t.Parallel()
	in := func(namespace, name string, values int) *v1beta1.TargetGroupBinding {
		e := metav1.LabelSelectorRequirement{Key: "pool", Operator: metav1.LabelSelectorOpIn}
		for i := range values {
			e.Values = append(e.Values, fmt.Sprintf("none-%d", i))
		}
		o := ofType(name, v1beta1.TargetTypeInstance, &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{e}})
		o.Namespace = namespace
		return o
	}
	all := []client.Object{in("shop", "small", 1)}
	for i := range 100 {
		all = append(all, in("large", fmt.Sprint("large-", i), 900), in("huge", fmt.Sprint("huge-", i), 10_000))
	}
	b, _ := watching(t, all...)
	q := &woken{}
	b.NodeEvent().Create(t.Context(), event.CreateEvent{Object: readyNode()}, q)
	large := 0
	for _, name := range q.names {
		if strings.HasPrefix(name, "large-") {
			large++
		}
	}
	if slices.Contains(q.names, "small") || large < 80 || large == 100 {
		t.Errorf("%d bindings of large selectors are woken unseen: %v", large, q.names)
	}
	if all, err := registrar.NodeCandidates([]*corev1.Node{readyNode()}, in("huge", "huge", 10_000).Spec.NodeSelector,
		80); err == nil {
		t.Errorf("a selector of 10,000 values chooses %v", all)
	}
}

// TestNodeEventCostDoesNotGrowWithOtherBindings shows that events of a node cost the same, however many bindings it
// does not concern.
func TestNodeEventCostDoesNotGrowWithOtherBindings(t *testing.T) { // not parallel: it counts bytes
	for name, tc := range map[string]struct {
		kind     v1beta1.TargetType
		selector *metav1.LabelSelector
		changes  []string
	}{
		"pods elsewhere": {v1beta1.TargetTypeIP, nil, []string{"a heartbeat", "a label that one selects",
			"its kubelet is silent", "it is about to be removed", "its addresses", "its instance"}},
		"all instances": {v1beta1.TargetTypeInstance, nil, []string{"a heartbeat", "a label that one selects",
			"another taint", "its addresses"}},
		"another label": {v1beta1.TargetTypeInstance, &metav1.LabelSelector{MatchLabels: map[string]string{"zone": "z"}},
			[]string{"a heartbeat", "a label that one selects", "it leaves a pool", "another taint", "its addresses"}},
	} {
		for _, change := range tc.changes {
			before := readyNode()
			after := before.DeepCopy()
			after.ResourceVersion = "2"
			nodeChanges[change].change(after)
			t.Run(name+": "+change, func(t *testing.T) {
				var passes, listed []growth.Point
				growth.AtMost(t, growth.Constant, "bytes", func(n int) float64 {
					var all []client.Object
					for i := range n {
						all = append(all, ofType(fmt.Sprint("b", i), tc.kind, tc.selector))
					}
					b, c := watching(t, all...)
					for i := range n {
						b.nodesRead.begin(shop(fmt.Sprint("b", i)), readable.Cluster{Reader: c}).Node(t.Context(), "other")
					}
					b.nodesRead.begin(shop("one"), readable.Cluster{Reader: c}).Node(t.Context(), "a")
					q := &woken{}
					spent := growth.Bytes(func() {
						q.names = q.names[:0]
						b.NodeEvent().Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, q)
					})
					if len(q.names) > 1 || len(q.names) == 1 && q.names[0] != "one" || c.objects > 0 {
						t.Errorf("%d bindings: woken %v, and looked at %d", n, q.names, c.objects)
					}
					passes, listed = append(passes, growth.Point{N: n, Cost: float64(len(q.names))}),
						append(listed, growth.Point{N: n, Cost: float64(c.objects)})
					return spent
				})
				growth.Log(t, "passes", passes)
				growth.Log(t, "objects listed", listed)
			})
		}
	}
}

func TestNodeReadsLastUntilTheNextPass(t *testing.T) {
	t.Parallel()
	b, c := watching(t)
	pass := func(nodes ...string) {
		reads := b.nodesRead.begin(shop("pods"), readable.Cluster{Reader: c})
		for _, n := range nodes {
			reads.Node(t.Context(), n)
		}
	}
	pass("a", "b", "")
	pass("b")
	if len(b.nodesRead.bindings("a")) != 1 || len(b.nodesRead.bindings("b")) != 1 {
		t.Error("a pass that may not have read a node yet loses its events")
	}
	pass("b")
	if len(b.nodesRead.bindings("a")) != 0 || len(b.nodesRead.bindings("b")) != 1 {
		t.Errorf("reads %v", &b.nodesRead.of)
	}
	if b.nodesRead.forget(shop("pods")); len(b.nodesRead.of.Of(shop("pods"))) > 0 ||
		len(b.nodesRead.of.By("b")) > 0 {
		t.Errorf("left: %v", &b.nodesRead.of)
	}
}
