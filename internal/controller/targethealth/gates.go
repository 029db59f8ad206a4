// Package targethealth follows the health of targets after they were registered: it writes the readiness gates of
// pods (Gates), and warns of target groups without a healthy target (Watch). It registers nothing. Package readiness
// decides the content of the gates' conditions.
package targethealth

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Gates writes the conditions of the readiness gates of pods. A pass over a binding reports which pods are endpoints;
// Gates reads the health of their targets, seldom and only while a pod waits. It keeps nothing that a restart could
// lose: the first pass finds every pod that waits. The exported fields are set before Start.
type Gates struct {
	// Pods lists the pods with the gate of a binding, as the cache holds them; they are shared.
	Pods func(ctx context.Context, binding types.NamespacedName) ([]*corev1.Pod, error)
	// Patch patches the status of a pod.
	Patch func(ctx context.Context, pod types.NamespacedName, patch []byte) error
	// Health reads the targets of a group, all or the given ones.
	Health func(ctx context.Context, of registrar.Group, only ...registrar.Target) ([]registrar.Health, error)
	// Counted is called with the health of whole groups.
	Counted func(arn string, health []registrar.Health)
	// Lost is called when AWS does not know targets that were registered a while ago.
	Lost func(binding types.NamespacedName, of registrar.Group)
	// Ended is called when the last gates of a binding that ends are open, or the first of them cannot be opened.
	Ended func(binding types.NamespacedName)
	// Report takes what concerns pods that wait for long.
	Report func(diag.Diagnostic)
	// Opened is called with how long a gate was closed.
	Opened       func(binding types.NamespacedName, after time.Duration)
	LongestPause time.Duration // between looks at targets that may become healthy any moment
	// OpenAfter is how long pods wait at most where no look shows a target that may become healthy; 0 = without end. See
	// policy.
	OpenAfter time.Duration
	now       func() time.Time
	log       logr.Logger

	signal chan struct{} // capacity 1: there are conditions to write

	mu     sync.Mutex
	groups map[types.NamespacedName]*group
	// waiting are the groups in which pods wait, and some in which none waits any more.
	waiting map[types.NamespacedName]bool
	ended   map[types.NamespacedName]time.Time // bindings whose end was seen
	// looking and patching are the looks and patches under way; young counts, by binding, the patches that have not lasted
	// patchTimeout yet.
	looking  map[types.NamespacedName]bool
	patching map[podPatch]bool
	young    map[types.NamespacedName]int
}

// group is the pods with the gate of one binding.
type group struct {
	binding  diag.Object
	reported bool // that its pods wait for long
	of       registrar.Group
	size     int // endpoints, with and without gate
	schedule readiness.Schedule
	waiting  map[types.UID]*waitingPod
	fresh    bool // the last pass registered some of them
	// endpoints are those of the last pass, and open the keys of those that a call registered then.
	endpoints registrar.Endpoints
	open      map[string]bool
	// final: there is no binding, or none any more; a pod whose condition is written waits no more. ends: its last pass
	// waits for that.
	final, ends bool
	err         error // of the last patch that failed, of a final one
}

// waitingPod is a pod whose gate is closed, or about to be opened.
type waitingPod struct {
	key      types.NamespacedName
	targets  []registrar.Target // none: health does not matter
	is, want corev1.PodCondition
	retry    time.Time // not before, as the last patches failed
	failed   int       // of them
	unbound  bool      // there is no binding, or none any more
}

const (
	// lookPace is the shortest time between the beginnings of two looks at whatever groups. When each is due, whether its
	// last look failed or not, readiness.Schedule says by how long its pods have waited.
	lookPace = 250 * time.Millisecond
	// patchRetry is how long a patch that failed waits first.
	patchRetry = 3 * time.Second
	// patchers is how many pods of a binding are patched at a time; a patch that hangs gives its place free after
	// patchTimeout. lookers is how many groups are looked at.
	patchers, lookers = 16, 16
	patchTimeout      = 100 * time.Millisecond
	// mostPatches bounds the patches of a binding that are under way, those that hang among them.
	mostPatches = 256
	// gateTimeout bounds a look, its turn among AWS calls included, and a patch.
	gateTimeout = 20 * time.Second
	// few targets are asked for by name in a group that has many times more.
	few, many = 50, 4
	// reportAfter is how long pods wait before that is reported.
	reportAfter = 5 * time.Minute
	// lostAfter is how long AWS may not know a target that it has admitted.
	lostAfter = 30 * time.Second
	// endedFor is how long pods may turn up that were admitted before the end of their binding.
	endedFor = 10 * time.Minute
)

// patchPauses are those after patches of one pod that failed in a row.
var patchPauses = backoff.Policy{First: patchRetry, Longest: time.Minute}

// NewGates makes a Gates that lists and patches pods by a client. index is the cache index of pods by the bindings that
// their gates name. What it would call on news does nothing until it is set.
func NewGates(c client.Client, shared *readable.Shared, index string, now func() time.Time, log logr.Logger) *Gates {
	return &Gates{
		Pods: func(ctx context.Context, binding types.NamespacedName) (pods []*corev1.Pod, err error) {
			if pods, answers := shared.PodsWith(index, binding.Namespace, binding.Name); answers {
				return pods, nil
			}
			var list corev1.PodList
			err = c.List(ctx, &list, client.InNamespace(binding.Namespace), client.MatchingFields{index: binding.Name},
				client.UnsafeDisableDeepCopy)
			for i := range list.Items {
				pods = append(pods, &list.Items[i])
			}
			return pods, err
		},
		Patch: func(ctx context.Context, pod types.NamespacedName, patch []byte) error {
			o := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
			return c.Status().Patch(ctx, o, client.RawPatch(types.StrategicMergePatchType, patch))
		},
		Counted: func(string, []registrar.Health) {}, Lost: func(types.NamespacedName, registrar.Group) {},
		Ended:  func(types.NamespacedName) {},
		Report: func(diag.Diagnostic) {}, Opened: func(types.NamespacedName, time.Duration) {},
		now: now, log: log, signal: make(chan struct{}, 1),
		groups: map[types.NamespacedName]*group{}, waiting: map[types.NamespacedName]bool{},
		ended:   map[types.NamespacedName]time.Time{},
		looking: map[types.NamespacedName]bool{}, patching: map[podPatch]bool{}, young: map[types.NamespacedName]int{},
	}
}

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

// Open opens the gates of a binding that ends, beside its passes. done is false while some are not open yet: Ended is
// called when the last one is; err is why the last patch failed, if one did.
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

// Bindings is how many bindings have pods that wait.
func (g *Gates) Bindings() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.groups)
}

// Waiting is how long the pod that has waited longest has waited for the health of its targets, by binding. A pod
// counts once its condition has been written: that is when its targets were registered, also before a restart.
func (g *Gates) Waiting() map[types.NamespacedName]time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, out := g.now(), map[types.NamespacedName]time.Duration{}
	g.eachWaiting(func(key types.NamespacedName, x *group) {
		for _, p := range x.waiting {
			since := p.is.LastTransitionTime
			if len(p.targets) > 0 && p.is.Status != corev1.ConditionTrue && !since.IsZero() {
				out[key] = max(out[key], now.Sub(since.Time))
			}
		}
	})
	return out
}

// put enters the group of a binding. g.mu is held.
func (g *Gates) put(key types.NamespacedName, x *group) { g.groups[key], g.waiting[key] = x, true }

// eachWaiting calls a function for each group in which pods wait. g.mu is held.
func (g *Gates) eachWaiting(do func(types.NamespacedName, *group)) {
	for key := range g.waiting {
		if x := g.groups[key]; x != nil && len(x.waiting) > 0 {
			do(key, x)
		} else {
			delete(g.waiting, key)
		}
	}
}

func (g *Gates) wake() {
	select {
	case g.signal <- struct{}{}:
	default:
	}
}

// write brings the condition of a pod to what it is to be, and returns it as it is then; its type is empty if the pod
// is gone.
func (g *Gates) write(ctx context.Context, job podPatch, pod waitingPod) (corev1.PodCondition, error) {
	step := readiness.Next(pod.is, pod.want, metav1.NewTime(g.now()))
	if !step.Write {
		return pod.is, nil
	}
	body, err := readiness.Patch(job.uid, step.Condition)
	if err != nil {
		return pod.is, err
	}
	switch err := g.Patch(ctx, pod.key, body); {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err): // another pod has its name by now
		return corev1.PodCondition{}, nil
	case err != nil:
		return pod.is, err
	}
	if step.Waited > 0 && !pod.unbound { // else each name that a pod writes would be a series of metrics, for ever
		g.Opened(job.binding, step.Waited)
	}
	return step.Condition, nil
}
