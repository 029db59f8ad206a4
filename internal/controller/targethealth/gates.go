// Package targethealth follows the health of targets after they were registered: it writes the readiness gates of
// pods (Gates), and warns of target groups without a healthy target (Watch). It registers nothing. Package readiness
// decides the content of the gates' conditions.
package targethealth

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
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
	// waiting are the groups in which pods wait, and some in which none waits any longer.
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
	// final: there is no binding, or none any longer; a pod whose condition is written waits no more. ends: its last pass
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

// Bindings returns how many bindings have pods that wait.
func (g *Gates) Bindings() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.groups)
}

// Waiting returns how long the pod that has waited longest has waited for the health of its targets, by binding. A pod
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

// policy opens a gate that has been closed for longer than OpenAfter for a reason that says nothing of the pod: its
// target group cannot be read or does not exist, no load balancer uses the group, or the target is not registered
// although it should be. The gate of a target that AWS checks, and of one that it finds unhealthy, stays closed.
func (g *Gates) policy(gate corev1.PodConditionType, c corev1.PodCondition, err error, states []readiness.Health,
	waited time.Duration) corev1.PodCondition {
	if g.OpenAfter == 0 || waited < g.OpenAfter {
		return c
	}
	switch {
	case err != nil:
		reason, message := c.Reason, c.Message
		if reason == "" || c.Status == corev1.ConditionTrue {
			reason, message = "TargetHealthUnread", "The health of the target cannot be read"
		}
		c.Reason, c.Message = reason, message
	case !slices.ContainsFunc(states, unserved):
		return c
	case c.Reason == "":
		c.Reason, c.Message = "Target.NotRegistered", "The target is not registered yet"
	}
	out := opened(c.Reason, c.Message, g.OpenAfter)
	out.Type = gate
	return out
}

// unserved reports whether the health of a target says nothing of the pod.
func unserved(h readiness.Health) bool {
	return h.State == "" || h.State == "unused" && (h.Reason == "Target.NotInUse" || h.Reason == "Target.NotRegistered")
}

// opened is the condition of a gate that the policy opens, with what it would say otherwise.
func opened(reason, message string, after time.Duration) corev1.PodCondition {
	return corev1.PodCondition{Status: corev1.ConditionTrue, Reason: reason,
		Message: fmt.Sprintf("%s; opened after %s by --open-readiness-gates-after", strings.TrimSuffix(message, "."), after)}
}
