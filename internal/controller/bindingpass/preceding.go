package bindingpass

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Preceding keeps which targets were registered in the target groups of bindings before these came, in checkpoints, as
// nobody who may write bindings may write these. It is safe for concurrent use.
type Preceding struct {
	Checkpoints *checkpoint.Writer // nil = a restart forgets

	mu       sync.Mutex
	of       map[string]precedingTargets // by namespace and name
	restored bool                        // what earlier processes kept is known, if that was anything
}

// precedingTargets are the targets that were registered in a target group before a binding came.
type precedingTargets struct {
	UID     types.UID `json:"uid"`
	Group   string    `json:"group"` // ARN
	Targets []string  `json:"targets,omitempty"`
}

// Restore enters what earlier processes kept.
func (p *Preceding) Restore(restored checkpoint.Restored) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.restored = true
	for id, text := range restored.Entries {
		var t precedingTargets
		if id.Kind == checkpoint.Preceding && json.Unmarshal(text, &t) == nil {
			if _, known := p.of[id.Name]; !known {
				p.put(id.Name, t)
			}
		}
	}
}

func (p *Preceding) put(name string, t precedingTargets) {
	if p.of == nil {
		p.of = map[string]precedingTargets{}
	}
	p.of[name] = t
}

// believable reports whether a binding of which nothing is kept is one of which no earlier process kept anything.
// Without checkpoints none keeps anything, and the status of the binding decides.
func (p *Preceding) believable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.restored || !p.Checkpoints.Enabled()
}

// get is what is kept of a binding; known is false if that is nothing.
func (p *Preceding) get(o *v1beta1.TargetGroupBinding) (t precedingTargets, known bool) {
	if p == nil {
		return precedingTargets{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t, known = p.of[nameOf(o)]
	return t, known && t.UID == o.UID
}

// keep keeps the targets of a binding. It returns once a later process would know them.
func (p *Preceding) keep(ctx context.Context, o *v1beta1.TargetGroupBinding, keys []string) error {
	t := precedingTargets{UID: o.UID, Group: o.Spec.TargetGroupARN, Targets: keys}
	p.Checkpoints.Put(checkpoint.Preceding, nameOf(o), t)
	if len(keys) > 0 {
		if err := p.Checkpoints.Flush(ctx); err != nil {
			return fmt.Errorf("keeping which targets were registered before the binding: %w", err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(nameOf(o), t)
	return nil
}

// touch has a later process know what this one knows of a binding: entries that nobody writes again are dropped after a
// start.
func (p *Preceding) touch(o *v1beta1.TargetGroupBinding, t precedingTargets) {
	p.Checkpoints.Put(checkpoint.Preceding, nameOf(o), t)
}

func (p *Preceding) forget(key client.ObjectKey) {
	if p == nil {
		return
	}
	p.mu.Lock()
	_, known := p.of[key.String()]
	delete(p.of, key.String())
	p.mu.Unlock()
	if known {
		p.Checkpoints.Delete(checkpoint.Preceding, key.String())
	}
}

func nameOf(o *v1beta1.TargetGroupBinding) string {
	return stack.ID{Namespace: o.Namespace, Name: o.Name}.String()
}

// precedingOf are the keys of targets that were registered before a binding came, which it never deregisters. Those of
// pods and nodes that it wants itself, and those that an earlier binding of this process registered, count as its own.
// The target group of a stack has none. A binding that served before anything was kept of it, under the existing
// controller or an earlier version, had all targets of its group for its own: nothing else was registered there for
// long. While checkpoints cannot be read, known is false: then only what this process registered is its own.
func (b *Reconciler) precedingOf(ctx context.Context, whose *ownership, of bindings.Targets) (keys map[string]bool,
	known bool, err error) {
	o := whose.binding
	if b.Preceding == nil {
		return nil, true, nil
	}
	if owner, listed := whose.known(); listed && !owner.External() && !whose.assumed() {
		return nil, true, nil
	}
	t, kept := b.Preceding.get(o)
	if !kept { // after a crash, passes begin before checkpoints are read
		if err := b.Preceding.Checkpoints.Await(ctx); err != nil {
			return nil, false, err
		}
		t, kept = b.Preceding.get(o)
	}
	switch {
	case kept && t.Group == o.Spec.TargetGroupARN:
		b.Preceding.touch(o, t)
		return registrar.KeySet(t.Targets), true, nil
	case kept || o.Status.ObservedGeneration == nil:
		return b.precedingNew(ctx, whose, of)
	case bindingobject.OfStack(o.Labels):
		return nil, true, nil
	case !b.Preceding.believable():
		return nil, false, nil
	}
	return nil, true, b.Preceding.keep(ctx, o, nil)
}

// precedingNew finds and keeps the targets that are registered before a binding has registered any. If AWS does not
// tell whose the target group is, it counts as one of others.
func (b *Reconciler) precedingNew(ctx context.Context, whose *ownership, of bindings.Targets) (keys map[string]bool,
	known bool, err error) {
	o := whose.binding
	external, err := whose.external(ctx, whose.askBriefly)
	if ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	if err == nil && !external {
		return nil, true, nil
	}
	health, err := b.Registry.Health(ctx, b.group(o))
	switch {
	// which the registration of targets reports
	case err != nil && awsclient.Classify(err).Code == awsclient.CodeTargetGroupNotFound:
		return nil, true, nil
	case err != nil:
		return nil, false, err
	}
	own := b.Registry.Own(b.group(o))
	for _, at := range of.Endpoints.All() {
		e := *at
		e.Port = cmp.Or(e.Port, of.Port)
		if e.Pod != "" || *o.Spec.TargetType == v1beta1.TargetTypeInstance {
			if own == nil {
				own = map[string]bool{}
			}
			own[e.Key()] = true
		}
	}
	var found []string
	for _, h := range health {
		if !h.Draining() && !own[h.Key()] {
			found = append(found, h.Key())
		}
	}
	slices.Sort(found)
	return registrar.KeySet(found), true, b.Preceding.keep(ctx, o, found)
}

// served reports whether a binding may have registered targets.
func (b *Reconciler) served(o *v1beta1.TargetGroupBinding) bool {
	t, known := b.Preceding.get(o)
	return b.Preceding == nil || known && t.Group == o.Spec.TargetGroupARN || o.Status.ObservedGeneration != nil ||
		bindingobject.OfStack(o.Labels) || len(b.Registry.Own(b.group(o))) > 0
}

// unbindable is the finding that a binding may not name its target group, which belongs to owner as far as that is
// known; nil if it may, or if nothing tells whose it is.
func (b *Reconciler) unbindable(ctx context.Context, whose *ownership, owner inventory.Owner) (
	*diag.Diagnostic, error) {
	o := whose.binding
	name := naming.OfTargetGroup(o.Spec.TargetGroupARN)
	if owner.Claimants != "" && !owner.ClaimedBy(o.Namespace) {
		d := diag.New(bindingobject.BindingObject(o), "spec.targetGroupARN", diag.TargetGroupNotAllowed,
			fmt.Sprintf("target group %s has tags of several load balancers of this cluster, none of which is of namespace %s",
				name, o.Namespace),
			"remove the wrong tags in AWS, or bind another target group")
		return &d, nil
	}
	if b.Bindable.Allow(o.Namespace, o.Spec.TargetGroupARN, name) {
		return nil, nil
	}
	if external, err := whose.external(ctx, whose.ask); err != nil || !external {
		return nil, err
	}
	d := admission.UnboundTargetGroup(o, name)
	return &d, nil
}

// keptTargets is the note that targets stay registered which the binding did not register.
func keptTargets(o *v1beta1.TargetGroupBinding, preceding map[string]bool) diag.Diagnostic {
	first := ""
	for key := range preceding {
		if first == "" || key < first {
			first = key
		}
	}
	return diag.New(bindingobject.BindingObject(o), "spec.targetGroupARN", diag.TargetsKept,
		fmt.Sprintf("%d targets, such as %s, were registered before this binding and stay registered", len(preceding), first),
		"deregister them in AWS if nothing needs them")
}
