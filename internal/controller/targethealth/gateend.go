package targethealth

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
)

// Open opens the gates of a binding that ends, outside of its passes. done is false while some are not open yet: Ended
// is called when the last one is; err is why the last patch failed, if one did.
func (g *Gates) Open(ctx context.Context, key types.NamespacedName) (done bool, err error) {
	g.mu.Lock()
	if x := g.groups[key]; x != nil && x.ends { // an earlier pass has begun it
		defer g.mu.Unlock()
		if done = len(x.waiting) == 0; done {
			delete(g.groups, key)
			return true, nil
		}
		return false, x.err
	}
	for k, at := range g.ended {
		if g.now().Sub(at) > endedFor {
			delete(g.ended, k)
		}
	}
	g.ended[key] = g.now()
	g.mu.Unlock()
	return g.settle(ctx, key, func(*corev1.Pod) corev1.PodCondition { return endedGate }, true)
}

// endedGate is what pods wait for whose binding is deleted: nothing.
var endedGate = corev1.PodCondition{Status: corev1.ConditionTrue, Message: "Target Group Binding is deleted"}

// Absent writes the condition of pods that wait for a binding that does not exist: it may yet come, unless it has ended
// since the pod was admitted. again is when to call it again, where pods do not wait for ever; 0 = not.
func (g *Gates) Absent(ctx context.Context, key types.NamespacedName) (again time.Duration, err error) {
	g.mu.Lock()
	at, ended := g.ended[key]
	ended = ended && g.now().Sub(at) <= endedFor
	if ended {
		g.ended[key] = g.now()
	}
	g.mu.Unlock()
	want := corev1.PodCondition{Status: corev1.ConditionUnknown, Reason: "TargetGroupBindingNotFound",
		Message: "There is no TargetGroupBinding " + key.Name + " in this namespace"}
	if ended {
		want = endedGate
	}
	_, err = g.settle(ctx, key, func(p *corev1.Pod) corev1.PodCondition {
		if ended || g.OpenAfter == 0 {
			return want
		}
		left := g.OpenAfter - g.now().Sub(p.CreationTimestamp.Time)
		if left <= 0 {
			return opened(want.Reason, want.Message, g.OpenAfter)
		}
		if again == 0 || left < again {
			again = left
		}
		return want
	}, false)
	return again, err
}

// settle has a condition written to all pods that wait for a binding, and reports whether there is none such. What will
// never be admitted is no error: nothing may wait for it, the end of the binding least of all.
func (g *Gates) settle(ctx context.Context, key types.NamespacedName, wanted func(*corev1.Pod) corev1.PodCondition,
	ends bool) (done bool, err error) {
	pods, err := g.Pods(ctx, key)
	if err != nil {
		return false, err
	}
	gate := readiness.Gate(key.Name)
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.groups[key]
	if before == nil {
		before = &group{}
	}
	group := &group{waiting: map[types.UID]*waitingPod{}, final: true, ends: ends}
	for _, p := range pods {
		if !readiness.Waits(p, gate) {
			continue
		}
		want := wanted(p)
		want.Type = gate
		w := group.wait(p, key.Name, before, want)
		w.unbound = true
		if !before.final {
			w.retry, w.failed = time.Time{}, 0 // it is another condition
		}
		if w.is.Status == corev1.ConditionTrue || !readiness.Next(w.is, want, w.is.LastTransitionTime).Write {
			delete(group.waiting, p.UID)
		}
	}
	if len(group.waiting) == 0 {
		delete(g.groups, key)
		return true, nil
	}
	g.put(key, group)
	g.wake()
	return false, nil
}
