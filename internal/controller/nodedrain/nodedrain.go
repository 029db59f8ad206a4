// Package nodedrain shows on nodes that are about to go whether load balancers have done with them: by a condition that people and autoscalers can
// wait for. It decides by what the registry of targets knows and calls AWS for nothing.
package nodedrain

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Condition is the type of the condition of nodes.
const Condition corev1.NodeConditionType = "elbv2.k8s.aws/TargetsDrained"

// Reasons of the condition.
const (
	Drained    = "NoTargets"         // True
	Registered = "TargetsRegistered" // False, as the following are
	Draining   = "TargetsDraining"
	Starting   = "ControllerStarting" // what the controller deregistered before its start may drain
)

const (
	tick = 2 * time.Second
	// refresh is how old a message becomes before another one replaces it, where status and reason stay.
	refresh = 30 * time.Second
	// refused and failed are the pauses after a write that the API server did not take.
	refused, failed = time.Minute, 5 * time.Second
	writeTimeout    = 5 * time.Second
)

// Targets knows the targets of nodes; a registrar.Registry does.
type Targets interface {
	OfNodes(instances map[string]string) map[string]registrar.NodeTargets
	Learnt(registrar.Group) bool
}

// Writer keeps the condition of nodes that are about to go. Other nodes have none: one that stays after all loses it.
type Writer struct {
	Client  client.Client
	Targets Targets
	// Groups are the target groups of all bindings.
	Groups func(context.Context) map[types.NamespacedName]registrar.Group
	Now    func() time.Time
	Log    logr.Logger

	started  time.Time
	earlier  map[string]bool // nodes that were about to go before the controller started
	written  map[string]written
	notUntil time.Time // of the next write
}

// written is the last write to a node, which counts until the cache has another version than it was made for.
type written struct {
	version   string
	condition *corev1.NodeCondition
}

// Start runs until ctx ends; it implements manager.Runnable.
func (w *Writer) Start(ctx context.Context) error {
	w.Look(ctx) // which nodes are about to go already is seen at once
	queue.Every(ctx, tick, nil, w.Look)
	return nil
}

// Look writes the conditions that changed.
func (w *Writer) Look(ctx context.Context) {
	var list corev1.NodeList
	if w.Client.List(ctx, &list, client.UnsafeDisableDeepCopy) != nil {
		return // the next look may work
	}
	now := w.Now()
	instances, exist := map[string]string{}, map[string]bool{}
	for i := range list.Items {
		n := &list.Items[i]
		exist[n.Name] = true
		if registrar.NodeLeaves(n) {
			id, _ := registrar.InstanceID(n)
			instances[n.Name] = id
		}
	}
	if w.earlier == nil {
		w.started, w.earlier, w.written = now, map[string]bool{}, map[string]written{}
		for name := range instances {
			w.earlier[name] = true
		}
	}
	for name := range w.written {
		if !exist[name] {
			delete(w.written, name)
		}
	}
	for name := range w.earlier {
		if _, leaves := instances[name]; !leaves {
			delete(w.earlier, name)
		}
	}
	if now.Before(w.notUntil) {
		return
	}
	of := w.Targets.OfNodes(instances)
	recent := now.Before(w.started.Add(registrar.DefaultDrainTime))
	unlearnt := recent && len(instances) > 0 && !w.learnt(ctx)
	for i := range list.Items {
		n := &list.Items[i]
		is := w.is(n)
		var want *corev1.NodeCondition
		if t, leaves := of[n.Name]; leaves {
			c := Decide(is, t, recent && (w.earlier[n.Name] || unlearnt), now)
			want = &c
		}
		if !differs(is, want, now) {
			continue
		}
		if err := w.write(ctx, n, want); err != nil {
			w.notUntil = now.Add(failed)
			if apierrors.IsForbidden(err) {
				w.notUntil = now.Add(refused)
			} else {
				w.Log.Info("the condition of a node was not written", "node", n.Name, "error", err.Error())
			}
			return
		}
		w.written[n.Name] = written{n.ResourceVersion, want}
	}
}

// learnt reports whether it is known of all target groups what is registered there.
func (w *Writer) learnt(ctx context.Context) bool {
	for _, of := range w.Groups(ctx) {
		if !w.Targets.Learnt(of) {
			return false
		}
	}
	return true
}

// is the condition of a node, as it was written last; nil = it has none.
func (w *Writer) is(n *corev1.Node) *corev1.NodeCondition {
	if x, ok := w.written[n.Name]; ok && x.version == n.ResourceVersion {
		return x.condition
	}
	for i := range n.Status.Conditions {
		if n.Status.Conditions[i].Type == Condition {
			return &n.Status.Conditions[i]
		}
	}
	return nil
}

// Decide is the condition of a node that is about to go and has these targets. starting: it is not known yet which targets drain since before
// the start of the controller; a node that was done then still is.
func Decide(is *corev1.NodeCondition, t registrar.NodeTargets, starting bool, now time.Time) corev1.NodeCondition {
	c := corev1.NodeCondition{Type: Condition, Status: corev1.ConditionFalse, LastHeartbeatTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now)}
	switch {
	case len(t.Registered) > 0:
		c.Reason, c.Message = Registered, "there are targets in "+groups(t.Registered)
	case len(t.Draining) > 0:
		c.Reason, c.Message = Draining, fmt.Sprintf("targets drain until %s in %s", t.Until.UTC().Format(time.RFC3339), groups(t.Draining))
	case starting && (is == nil || is.Status != corev1.ConditionTrue):
		c.Reason, c.Message = Starting, "targets that left before the start of the controller may still drain"
	default:
		c.Status, c.Reason, c.Message = corev1.ConditionTrue, Drained, "no target of the node or of its pods is registered or drains"
	}
	if is != nil && is.Status == c.Status {
		c.LastTransitionTime = is.LastTransitionTime
	}
	return c
}

// groups names target groups by their ARNs.
func groups(arns []string) string {
	const most = 3
	var names []string
	for _, arn := range arns[:min(len(arns), most)] {
		names = append(names, naming.OfTargetGroup(arn))
	}
	text := strings.Join(names, ", ")
	if more := len(arns) - len(names); more > 0 {
		text = fmt.Sprintf("%s and %d more", text, more)
	}
	if len(arns) == 1 {
		return "target group " + text
	}
	return "target groups " + text
}

// differs reports whether a condition is to be written, or with want nil to be taken away.
func differs(is, want *corev1.NodeCondition, now time.Time) bool {
	if is == nil || want == nil {
		return is != want
	}
	return is.Status != want.Status || is.Reason != want.Reason || is.Message != want.Message && now.Sub(is.LastHeartbeatTime.Time) >= refresh
}

// write brings the condition of a node to what is wanted. Other conditions, which the kubelet and others write, stay.
func (w *Writer) write(ctx context.Context, n *corev1.Node, want *corev1.NodeCondition) error {
	var entry any = map[string]string{"$patch": "delete", "type": string(Condition)}
	if want != nil {
		entry = want
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []any{entry}}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return client.IgnoreNotFound(w.Client.Status().Patch(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.Name}}, client.RawPatch(types.StrategicMergePatchType, patch)))
}
