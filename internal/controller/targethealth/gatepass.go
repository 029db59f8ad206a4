package targethealth

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Observe takes over what a pass over a binding found and did.
func (g *Gates) Observe(ctx context.Context, o *v1beta1.TargetGroupBinding, of registrar.Group,
	endpoints registrar.Endpoints, change registrar.Change) error {
	key := client.ObjectKeyFromObject(o)
	pods, err := g.Pods(ctx, key)
	if err != nil {
		return err
	}
	did := registered{added: registrar.KeySet(change.Added), omitted: registrar.KeySet(change.Omitted)}
	size, open := endpoints.Len()-len(change.Unanswered), registrar.KeySet(change.Unanswered)
	isIP := o.Spec.TargetType != nil && *o.Spec.TargetType == v1beta1.TargetTypeIP
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.ended, key)
	if len(pods) == 0 {
		delete(g.groups, key)
		return nil
	}
	before := g.groups[key]
	if before == nil || before.final {
		before = &group{}
	}
	group := &group{
		binding: bindingobject.BindingObject(o), reported: before.reported, of: of, size: size, schedule: before.schedule,
		waiting: map[types.UID]*waitingPod{}, endpoints: endpoints, open: open,
	}
	byPod := did.targets(before.busy(o, pods), endpoints, open)
	for _, p := range pods {
		if !isIP {
			group.wait(p, o.Name, before, notApplicable)
			continue
		}
		mine := byPod[p.Name]
		if len(mine) == 0 { // not ready for requests, or on its way out, or nothing of it has changed
			continue
		}
		group.take(p, o, mine, did, before)
	}
	switch {
	case group.fresh:
		group.schedule.Register(g.now())
	case group.looks():
		group.schedule.Find(g.now())
	}
	if !group.looks() {
		group.rest()
	}
	g.put(key, group)
	g.wake()
	return nil
}

// notApplicable opens the gate of a binding with instance targets: their health is not that of pods, which would wait
// for ever.
var notApplicable = corev1.PodCondition{Status: corev1.ConditionTrue, Reason: "InstanceTargets",
	Message: "The target group has instance targets; their health is not that of the pod"}

// leftOut is what a pod waits for that was not registered.
var leftOut = corev1.PodCondition{Status: corev1.ConditionFalse, Reason: "TooManyTargets",
	Message: "The target is not registered: the target group has as many as --max-targets-per-target-group admits"}

// registered is what a pass did, by keys of targets.
type registered struct{ added, omitted map[string]bool }

// busy are the names of the pods whose conditions are not what they are to be at last. Most pods of a Service have been
// registered long ago.
func (x *group) busy(o *v1beta1.TargetGroupBinding, pods []*corev1.Pod) map[string]bool {
	gate, out := readiness.Gate(o.Name), map[string]bool{}
	for _, p := range pods {
		if x.waiting[p.UID] != nil || readiness.Of(p, gate).Status != corev1.ConditionTrue {
			out[p.Name] = true
		}
	}
	return out
}

// targets are the targets of the pods that are busy, and of those for which the pass did something, but for targets
// that a call registers: those are not judged yet.
func (r registered) targets(busy map[string]bool, endpoints registrar.Endpoints, open map[string]bool) (
	byPod map[string][]registrar.Target) {
	byPod = map[string][]registrar.Target{}
	if len(busy)+len(r.added)+len(r.omitted) == 0 {
		return byPod
	}
	for _, e := range endpoints.All() {
		if (busy[e.Pod] || e.In(r.added) || e.In(r.omitted)) && !e.In(open) {
			byPod[e.Pod] = nil
		}
	}
	for _, e := range endpoints.All() {
		if _, judged := byPod[e.Pod]; judged && !e.In(open) {
			byPod[e.Pod] = append(byPod[e.Pod], e.Target)
		}
	}
	return byPod
}

// had reports whether a pod was an endpoint in the last pass.
func (x *group) had(p *corev1.Pod) bool {
	for _, e := range x.endpoints.All() {
		if e.Pod == p.Name && !e.In(x.open) {
			return true
		}
	}
	return false
}

// take looks at a pod that is an endpoint of a binding.
func (x *group) take(p *corev1.Pod, o *v1beta1.TargetGroupBinding, mine []registrar.Target, did registered,
	before *group) {
	binding, gate := o.Name, readiness.Gate(o.Name)
	among := func(keys map[string]bool) bool {
		return len(keys) > 0 && slices.ContainsFunc(mine, func(t registrar.Target) bool { return keys[t.Key()] })
	}
	is := readiness.Of(p, gate)
	switch {
	case among(did.omitted):
		x.wait(p, binding, before, leftOut)
	case among(did.added) && is.Status == corev1.ConditionTrue && before.waiting[p.UID] == nil &&
		readiness.ReadySince(p).Before(&o.CreationTimestamp):
		// The binding was deleted and created again, and the pod serves otherwise: by the instance targets of before, or
		// inside the cluster. Were all pods of a Service to wait at once, nothing would serve.
	case among(did.added) && (is.Status != corev1.ConditionTrue || !before.had(p)):
		x.wait(p, binding, before, readiness.Condition(gate, readiness.Registering)).targets = mine
		x.fresh = true
	case before.waiting[p.UID] != nil:
		old := *before.waiting[p.UID]
		old.targets = mine
		x.waiting[p.UID] = &old
	case is.Status != corev1.ConditionTrue: // a restart
		x.wait(p, binding, before, is).targets = mine
	}
}

// wait puts a pod among those whose condition is to become want.
func (x *group) wait(p *corev1.Pod, binding string, before *group, want corev1.PodCondition) *waitingPod {
	gate := readiness.Gate(binding)
	w := &waitingPod{key: client.ObjectKeyFromObject(p), is: readiness.Of(p, gate), want: want}
	if old := before.waiting[p.UID]; old != nil {
		w.is, w.retry, w.failed = old.is, old.retry, old.failed // newer than the cache
	}
	if want.Status != "" {
		w.want.Type = gate
	}
	x.waiting[p.UID] = w
	return w
}

// looks reports whether a pod waits for the health of its targets.
func (x *group) looks() bool {
	for _, p := range x.waiting {
		if len(p.targets) > 0 {
			return true
		}
	}
	return false
}

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
