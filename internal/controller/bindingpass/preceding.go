package bindingpass

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

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
	of       map[string]bindings.Preceding // by namespace and name
	exists   map[string]bool               // the bindings over which passes have begun
	restored bool                          // what earlier processes kept is known, if that was anything
}

// protectedTargets says which targets a binding never deregisters. The zero value says that nothing is known: only what
// this process registered is the binding's own.
type protectedTargets struct {
	keys  map[string]bool // of targets that were registered before the binding came
	own   map[string]bool // no others may be deregistered, besides those that this process registered; nil = all may
	known bool
	err   error // of the read that is to show which targets preceded the binding, or to confirm it
}

// Restore enters what earlier processes kept.
func (p *Preceding) Restore(restored checkpoint.Restored) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.restored = true
	for id, text := range restored.Entries {
		var t bindings.Preceding
		if id.Kind == checkpoint.Preceding && json.Unmarshal(text, &t) == nil {
			if _, known := p.of[id.Name]; !known {
				p.put(id.Name, t)
				p.touchKnown(id.Name)
			}
		}
	}
}

// touch writes to checkpoints what is known of a binding, once in a process: checkpoints drop an entry that the process
// does not write again. Each pass calls touch, because a pass over an invalid binding ends before its targets.
func (p *Preceding) touch(o *v1beta1.TargetGroupBinding) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if name := nameOf(o); !p.exists[name] {
		if p.exists == nil {
			p.exists = map[string]bool{}
		}
		p.exists[name] = true
		p.touchKnown(name)
	}
}

func (p *Preceding) touchKnown(name string) {
	if t, known := p.of[name]; known && p.exists[name] {
		p.Checkpoints.Put(checkpoint.Preceding, name, t)
	}
}

func (p *Preceding) put(name string, t bindings.Preceding) {
	if p.of == nil {
		p.of = map[string]bindings.Preceding{}
	}
	p.of[name] = t
}

// read reports whether this process knows all that earlier ones kept, as far as that is not lost.
func (p *Preceding) read() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.restored || !p.Checkpoints.Enabled()
}

// get is what is kept of a binding; known is false if that is nothing.
func (p *Preceding) get(o *v1beta1.TargetGroupBinding) (t bindings.Preceding, known bool) {
	if p == nil {
		return bindings.Preceding{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t, known = p.of[nameOf(o)]
	return t, known && t.UID == o.UID
}

// enter keeps what is known of a binding. A process that crashes before the next write of checkpoints loses it: a later
// one takes every registered target for one that preceded.
func (p *Preceding) enter(o *v1beta1.TargetGroupBinding, t bindings.Preceding) {
	p.Checkpoints.Put(checkpoint.Preceding, nameOf(o), t)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(nameOf(o), t)
}

func (p *Preceding) forget(key client.ObjectKey) {
	if p == nil {
		return
	}
	p.mu.Lock()
	_, known := p.of[key.String()]
	delete(p.of, key.String())
	delete(p.exists, key.String())
	p.mu.Unlock()
	if known {
		p.Checkpoints.Delete(checkpoint.Preceding, key.String())
	}
}

func nameOf(o *v1beta1.TargetGroupBinding) string {
	return stack.ID{Namespace: o.Namespace, Name: o.Name}.String()
}

// precedingOf says which targets were registered before a binding came, which it never deregisters. Those of pods and
// nodes that it wants itself, and those that an earlier binding of this process registered, count as its own. The
// target group of a stack has none. If nothing is kept of a binding, because it is new, was served by another
// controller, or its entry is lost, every target may have preceded it: its status does not count, because users may
// write statuses.
func (b *Reconciler) precedingOf(ctx context.Context, whose *ownership, of bindings.Targets) (protectedTargets, error) {
	o := whose.binding
	if b.Preceding == nil {
		return protectedTargets{known: true}, nil
	}
	owner, listed := whose.known()
	if listed && !owner.External() && !whose.assumed() {
		return protectedTargets{known: true}, nil
	}
	t, kept := b.Preceding.get(o)
	if !kept { // after a crash, passes begin before checkpoints are read
		if err := b.Preceding.Checkpoints.Await(ctx); err != nil {
			return protectedTargets{}, err
		}
		t, kept = b.Preceding.get(o)
	}
	switch kept = kept && t.Of(o); {
	case kept && t.Since.IsZero():
		return protectedTargets{keys: b.stillPreceding(o, t, of), known: true}, nil
	case kept:
		return b.unconfirmed(ctx, o, t, of), nil
	}
	if o.Status.ObservedGeneration == nil {
		return b.precedingNew(ctx, whose, of)
	}
	// A binding that may serve does not wait for AWS, as nothing that others registered is deregistered meanwhile.
	if !b.Preceding.read() || !leaving(o) && whose.unlisted() {
		return protectedTargets{}, nil // the listing shows whose it is, or checkpoints are read later
	}
	if leaving(o) {
		return b.precedingNew(ctx, whose, of)
	}
	reading, cancel := context.WithTimeout(ctx, ownerTimeout)
	defer cancel()
	out, err := b.precedingNew(reading, whose, of)
	if err != nil && ctx.Err() == nil {
		return protectedTargets{err: err}, nil
	}
	return out, err
}

// leaving reports whether a binding ends.
func leaving(o *v1beta1.TargetGroupBinding) bool { return o.DeletionTimestamp != nil }

// stillPreceding are the keys of the targets that preceded a binding, without those that are its pods and nodes since:
// one that was not ready when the targets were read.
func (b *Reconciler) stillPreceding(o *v1beta1.TargetGroupBinding, t bindings.Preceding, of bindings.Targets) (
	keys map[string]bool) {
	keys = registrar.KeySet(t.Targets)
	if len(keys) > 0 {
		for key := range bindings.OwnKeys(o, of) {
			delete(keys, key)
		}
	}
	if len(keys) < len(t.Targets) {
		t.Targets = slices.Sorted(maps.Keys(keys))
		b.Preceding.enter(o, t)
	}
	return keys
}

// precedingNew finds and keeps the targets that are registered before a binding has registered any. If AWS does not
// tell whose the target group is, it counts as one of others; a binding that ends waits for the answer, and of is found
// here.
func (b *Reconciler) precedingNew(ctx context.Context, whose *ownership, of bindings.Targets) (protectedTargets,
	error) {
	o, ask := whose.binding, whose.askBriefly
	if leaving(o) {
		ask = whose.ask
	}
	external, err := whose.external(ctx, ask)
	switch {
	case ctx.Err() != nil:
		return protectedTargets{}, context.Cause(ctx)
	case err == nil && !external:
		return protectedTargets{known: true}, nil
	case err != nil && leaving(o) && !untold(err):
		return protectedTargets{}, err
	}
	health, err := b.Registry.Health(ctx, b.group(o))
	switch {
	// which the registration of targets reports
	case err != nil && awsclient.Classify(err).Code == awsclient.CodeTargetGroupNotFound:
		return protectedTargets{known: true}, nil
	case err != nil:
		return protectedTargets{}, err
	}
	if leaving(o) && specified(o) {
		resolved, err := b.Endpoints(ctx, o)
		if err != nil {
			return protectedTargets{}, err
		}
		of = resolved.Targets
	}
	found, err := b.notOwned(ctx, o, of, health, nil)
	if err != nil {
		return protectedTargets{}, err
	}
	preceding, own := registrar.KeySet(found), map[string]bool{}
	for _, h := range health {
		if !h.Draining() && !preceding[h.Key()] {
			own[h.Key()] = true
		}
	}
	t, kept := b.Preceding.get(o)
	if !kept {
		t = bindings.Preceding{}
	}
	t.UID, t.Group, t.Targets, t.Since, t.Own = o.UID, o.Spec.TargetGroupARN, found, b.Now(),
		slices.Sorted(maps.Keys(own))
	if !leaving(o) {
		b.Preceding.enter(o, t)
	}
	return b.unconfirmed(ctx, o, t, of), nil
}

// notOwned are the keys of registered targets, sorted, without the binding's own ones: its pods and nodes, what this
// process registered, those of wanted, and pods of its namespace, whose addresses no other namespace has.
func (b *Reconciler) notOwned(ctx context.Context, o *v1beta1.TargetGroupBinding, of bindings.Targets,
	health []registrar.Health, wanted map[string]bool) (found []string, err error) {
	others := bindings.NotOwned(o, of, health, b.Registry.Own(b.group(o)), wanted)
	if TargetsPods(o) && len(others) > 0 {
		ofPods, err := b.addressesOfPods(ctx, o, maps.Values(others))
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(others, func(_, address string) bool { return ofPods[address] })
	}
	return slices.Sorted(maps.Keys(others)), nil
}

// addressesOfPods are those of addresses that pods of a binding's namespace have.
func (b *Reconciler) addressesOfPods(ctx context.Context, o *v1beta1.TargetGroupBinding, addresses iter.Seq[string]) (
	map[string]bool, error) {
	if err := b.Pods.require(ctx, o, b.Client, b.APIReader); err != nil {
		return nil, err
	}
	return b.podAddresses(ctx, o.Namespace, slices.Collect(addresses)...)
}

// podAddresses are those of addresses that pods of a namespace have, as far as the caches show the pods.
func (b *Reconciler) podAddresses(ctx context.Context, namespace string, addresses ...string) (map[string]bool, error) {
	of := map[string]bool{}
	for _, address := range addresses {
		of[address] = false
	}
	pods, err := b.podsAt(ctx, namespace, of)
	if err != nil {
		return nil, err
	}
	return bindings.PodAddresses(pods), nil
}

// served reports whether a binding may have registered targets.
func (b *Reconciler) served(o *v1beta1.TargetGroupBinding) bool {
	t, known := b.Preceding.get(o)
	arn := o.Spec.TargetGroupARN
	return b.Preceding == nil || known && (t.Group == arn || t.Shared == arn) || o.Status.ObservedGeneration != nil ||
		bindingobject.OfStack(o.Labels) || len(b.Registry.Own(b.group(o))) > 0
}

// WasServed reports whether a binding with a status was in service: a record shows it, or the binding has the name of
// its target group, which is a stack's and has its binding in that namespace. Without checkpoints, the status counts;
// until they are read it counts, too, and known is false.
func (b *Reconciler) WasServed(o *v1beta1.TargetGroupBinding) (served, known bool) {
	if b.Preceding == nil || !b.Preceding.Checkpoints.Enabled() {
		return true, true
	}
	if _, kept := b.Preceding.get(o); kept {
		return true, true
	}
	owner, listed := b.ownership(o).known()
	if listed && owner.BindsIn(o.Namespace) && naming.OfTargetGroup(o.Spec.TargetGroupARN) == o.Name {
		return true, true
	}
	known = b.Preceding.read()
	return !known, known
}

// noteServed keeps that a binding is in service, for WasServed of a later process.
func (p *Preceding) noteServed(o *v1beta1.TargetGroupBinding) {
	if p == nil || o.Spec.Networking == nil || naming.OfTargetGroup(o.Spec.TargetGroupARN) == o.Name {
		return
	}
	if _, kept := p.get(o); !kept && p.read() { // else the entry would replace what is read later
		p.enter(o, bindings.Preceding{UID: o.UID})
	}
}

// unbindable is the finding that a binding may not name its target group, which belongs to owner as far as that is
// known; nil if it may, or if nothing shows whose it is.
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
	if b.Bindable.Allow(o.Namespace, o.Spec.TargetGroupARN, name) || whose.unlisted() {
		return nil, nil
	}
	if external, err := whose.external(ctx, whose.ask); err != nil || !external {
		return nil, err
	}
	d := admission.UnboundTargetGroup(o, name)
	return &d, nil
}

// keptTargets are the notes that targets stay registered which the binding may not have registered: those that preceded
// it, and those that others may have registered since.
func (b *Reconciler) keptTargets(o *v1beta1.TargetGroupBinding, preceding map[string]bool, notOurs []string) (
	found diag.List) {
	switch {
	case len(notOurs) == 0:
	case o.Spec.MultiClusterTargetGroup:
		found = append(found, bindings.TargetsStay(o, notOurs,
			"the record of this binding names them, but they may be targets of others"))
	case b.OtherNamespaces != nil:
		found = append(found, b.OtherNamespaces.registeredByOthers(o, notOurs))
	}
	if len(preceding) > 0 {
		found = append(found, bindings.PrecedingStay(o, preceding))
	}
	return found
}
