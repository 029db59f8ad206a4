package bindings

import (
	"context"
	"slices"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// wokenBindings is a queue that notes who is added.
type wokenBindings struct {
	queue.Of[reconcile.Request]
	names []string
}

func (w *wokenBindings) AddAfter(r reconcile.Request, _ time.Duration) {
	w.names = append(w.names, r.Name)
}

// urgencies is a queue that notes with which priority who is added.
type urgencies struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	of map[string]int
}

func (u urgencies) AddAfter(r reconcile.Request, after time.Duration) {
	u.AddWithOpts(priorityqueue.AddOpts{After: after}, r)
}

func (u urgencies) AddWithOpts(o priorityqueue.AddOpts, items ...reconcile.Request) {
	for _, r := range items {
		u.of[r.Name] = ptr.Deref(o.Priority, queue.Normal)
	}
}

func TestChangedEndpointsPrecedeReportsOfOtherBindings(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"))
	l.Create(lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))
	u := urgencies{of: map[string]int{}}
	l.Bound.Waker.SetQueue(u)
	l.Bound.CallEnded(stack.ID{Namespace: "shop", Name: "told"})
	before := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1",
		ResourceVersion: "1", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}}}
	after := before.DeepCopy()
	after.ResourceVersion, after.Endpoints = "2", []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}}}
	l.Bound.ServiceEvent(func(client.Object) string { return "web" }, bindingpass.EndpointsChanged).Update(t.Context(),
		event.UpdateEvent{ObjectOld: before, ObjectNew: after}, u)
	if len(u.of) != 2 || u.of["bound"] <= u.of["told"] {
		t.Errorf("priorities %v", u.of)
	}
}

// TestAPassLooksAtTheEndpointSlicesOfItsOwnServiceOnly fails if a pass looks through those of the whole namespace: with
// a thousand Services that would be a million slices for a change of each.
func TestAPassLooksAtTheEndpointSlicesOfItsOwnServiceOnly(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	lists := 0
	l.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			o := client.ListOptions{}
			o.ApplyOptions(opts)
			if _, ok := list.(*discoveryv1.EndpointSliceList); ok {
				if lists++; o.FieldSelector == nil || o.LabelSelector != nil {
					t.Errorf("EndpointSlices are looked for by %+v", o)
				}
			}
			return c.List(ctx, list, opts...)
		},
	})
	l.Restart()
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
	l.Settle()
	if got := l.Targets(b.Spec.TargetGroupARN); lists == 0 || len(got) != 1 {
		t.Errorf("%d lists, registered %v", lists, got)
	}
}

// TestNodeThatTurnsWakesBindingsWithPodsOnIt shows that passes note the nodes of their pods.
func TestNodeThatTurnsWakesBindingsWithPodsOnIt(t *testing.T) {
	t.Parallel()
	a, b := lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), lab.Node("b", "aws:///us-west-2a/i-0a1de0000000000a2")
	l := lab.New(t, account.Profile{}, lab.Service("web"), a, b)
	l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp),
		v1beta1.TargetTypeIP))...)
	l.Settle()
	for _, tc := range []struct {
		node *corev1.Node
		want []string
	}{{a, []string{"bound"}}, {b, nil}} {
		after := tc.node.DeepCopy()
		after.ResourceVersion = "1000"
		after.Spec.Taints = []corev1.Taint{{Key: "ToBeDeletedByClusterAutoscaler"}}
		q := &wokenBindings{}
		l.Bound.NodeEvent().Update(t.Context(), event.UpdateEvent{ObjectOld: tc.node, ObjectNew: after}, q)
		if !slices.Equal(q.names, tc.want) {
			t.Errorf("node %s wakes %v, want %v", tc.node.Name, q.names, tc.want)
		}
	}
}

func TestTargetsLeaveBeforeTheNodeOfTheirPodsDoes(t *testing.T) {
	t.Parallel()
	stays, leaves := lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
		lab.Node("b", "aws:///us-west-2a/i-0a1de0000000000a2")
	l := lab.New(t, account.Profile{}, lab.Service("web"), stays, leaves)
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.Create(append(append(lab.Pods("a", "10.0.128.50", "10.0.128.51"), lab.Pods("b", "10.0.128.60")...), b)...)
	l.Settle()
	if got := l.Targets(b.Spec.TargetGroupARN); len(got) != 3 {
		t.Fatalf("registered %v", got)
	}
	leaves.Spec.Taints = []corev1.Taint{{Key: "karpenter.sh/disrupted", Effect: corev1.TaintEffectNoSchedule}}
	l.Must(l.Client.Update(t.Context(), leaves))
	l.Settle()
	if got := l.Targets(b.Spec.TargetGroupARN); len(got) != 2 {
		t.Errorf("registered %v", got)
	}
	stays.Spec.Taints = leaves.Spec.Taints
	l.Must(l.Client.Update(t.Context(), stays))
	l.Settle()
	if got := l.Targets(b.Spec.TargetGroupARN); len(got) != 3 {
		t.Errorf("all nodes leave, registered %v", got)
	}
}
