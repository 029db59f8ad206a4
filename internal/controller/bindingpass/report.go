package bindingpass

import (
	"cmp"
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// findings are all findings of the pass.
func (p *pass) findings(ctx context.Context) diag.List {
	b, o := p.reconciler, p.binding
	kept := p.keptFindings(ctx)
	if p.request.Emptied && len(kept) > 0 {
		p.found = slices.DeleteFunc(slices.Clone(p.found), unserved)
	}
	found := slices.Concat(kept, p.found, p.unadmitted, p.unwritten, b.podNotes(ctx, o, p.endpoints), p.onHold,
		admission.Idle(o), annotation.OfKind(bindingobject.BindingObject(o), o.Annotations))
	found = append(found, p.closedPorts(ctx)...)
	if err := p.preceding.err; err != nil && awsclient.Classify(err).Class == diag.Denied { // other errors pass
		found = append(found, p.problem(err)...)
	}
	if p.unowned != nil {
		found = append(found, p.problem(p.unowned)...)
	}
	found = append(found, p.withoutPods(ctx)...)
	if vain := b.Registry.MovedInVain(p.request.Group, p.moved); len(vain) > 0 {
		found = append(found, bindings.FormerPortServes(o, vain, append(b.about(ctx, o), b.declaring(ctx, o)...))...)
	}
	notOurs := p.change.NotOurs
	if !p.ownerKnown {
		notOurs = nil
	}
	found = append(found, b.keptTargets(o, p.preceding.keys, notOurs)...)
	if len(p.change.Elsewhere) > 0 {
		found = append(found, bindings.InOtherVPC(o, b.about(ctx, o), p.change.Elsewhere, p.endpoints.Len())...)
	}
	switch {
	case p.change.LeftOut > 0 && p.change.Share > 0:
		found = append(found, bindings.BeyondShare(b.about(ctx, o), p.change.LeftOut, p.request.Balancer, p.change.Share)...)
	case p.change.LeftOut > 0:
		found = append(found, bindings.LeftOut(o, p.change.LeftOut, b.MaxTargets))
	}
	return found
}

// closedPorts are the findings that ports of a stack's binding are not opened, on its Service and what declares it.
func (p *pass) closedPorts(ctx context.Context) (found diag.List) {
	b, o := p.reconciler, p.binding
	for _, d := range p.unadmitted {
		if d.Code != diag.NetworkingNotAllowed || !bindingobject.OfStack(o.Labels) {
			continue
		}
		for _, x := range append(b.about(ctx, o), b.admitting(ctx, o)...) {
			other := d
			other.Object, other.Path = x, ""
			if x != d.Object && !slices.Contains(found, other) {
				found = append(found, other)
			}
		}
	}
	return found
}

// withoutPodsFor is how long a Service may have no endpoints before its owner hears of it: a rollout may take a
// moment.
const withoutPodsFor = time.Minute

// withoutPods are the findings that the Service of a binding has had no endpoints for a minute.
func (p *pass) withoutPods(ctx context.Context) diag.List {
	b, o := p.reconciler, p.binding
	kept := b.memory.get(o)
	empty := *o.Spec.TargetType == v1beta1.TargetTypeIP && p.endpoints.Len() == 0 &&
		len(p.found)+len(p.kept) == 0 && !p.unsure
	switch now := b.Now(); {
	case !empty && kept.emptySince.IsZero():
	case !empty:
		kept.emptySince = time.Time{}
		b.memory.put(o, kept)
	case kept.emptySince.IsZero():
		kept.emptySince = now
		b.memory.put(o, kept)
		b.Waker.WakeAfter(withoutPodsFor, queue.Normal, reconcile.Request{NamespacedName: p.name})
	case now.Sub(kept.emptySince) >= withoutPodsFor:
		svc := &corev1.Service{}
		if b.Client.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.ServiceRef.Name}, svc) == nil {
			return bindings.WithoutPods(o, svc, append(b.about(ctx, o), b.declaring(ctx, o)...))
		}
	}
	return nil
}

// WithoutPods says why a binding of instances has no pods behind its nodes, and what to do; empty if it has some, or if
// that is not known.
func (b *Reconciler) WithoutPods(ctx context.Context, key client.ObjectKey) (why, remedy string) {
	o, svc := &v1beta1.TargetGroupBinding{}, &corev1.Service{}
	if b.Client.Get(ctx, key, o) != nil || o.Spec.TargetType == nil || TargetsPods(o) ||
		b.Client.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.ServiceRef.Name}, svc) != nil {
		return "", ""
	}
	port, d := registrar.ServicePortOf(o, svc)
	slicesOf, err := b.slicesOf(ctx, o)
	if d != nil || err != nil {
		return "", ""
	}
	for _, ipv6 := range []bool{false, true} { // kube-proxy forwards to endpoints of either family, ready or not
		if (registrar.ServicePortEndpoints{Port: port, Slices: slicesOf, IPv6: ipv6}).Count() > 0 {
			return "", ""
		}
	}
	return bindings.LacksPods(svc)
}

// report reports the pass, and ends it.
func (p *pass) report(ctx context.Context) queue.Exit {
	b, o := p.reconciler, p.binding
	found := p.findings(ctx)
	changed := p.change.Registered+p.change.Deregistered > 0
	if changed {
		logf.FromContext(ctx).Info("targets changed", "registered", p.change.Registered, "deregistered",
			p.change.Deregistered)
		about := bindings.Together(b.about(ctx, o), b.declaring(ctx, o))
		b.Health.Expect(p.request.Group, about[0], about[1:]...)
	}
	b.Metrics.SetTargetGroup(o)
	report := reporting.Report{Found: found, Changed: changed}
	self := []diag.Object{bindingobject.BindingObject(o)}
	switch {
	case p.unproven != nil: // the status stays, by which a restart knows of an edit
		b.countFailure(o, metrics.ResolveEndpoints)
		report.Partial = true
		report.Found = append(found, reporting.APIRefusal(self[0], diag.ObjectsUnread, p.unproven))
	case (p.settled || found.HasErrors()) && !p.replacing:
		report.Objects, report.Found = self, b.withStatus(o, found)
	default: // the end of the writes of rules queues the binding, and so does its stack
		report.Waiting = self
	}
	b.report(ctx, o, report)
	if report.Waiting != nil && !p.replacing && b.Reporter.Succeeded(unitOf(o), self[0]) && showsReady(o, found) {
		b.Networking.Settles(o) // neither status nor event would change
	}
	if p.err != nil {
		return queue.Ended(reconcile.Result{RequeueAfter: b.retryAfter(p.name, p.err, p.change.Retry, p.zonesKnown)}, nil)
	}
	if p.unproven != nil {
		return queue.Ended(reconcile.Result{}, p.unproven)
	}
	b.Failures.Forget(p.name)
	if err := cmp.Or(p.gatesErr, p.unowned); err != nil || len(p.kept)+len(p.change.NotOurs) == 0 && !p.unread {
		return queue.Ended(reconcile.Result{}, err)
	}
	if len(p.kept) == 0 && !p.unread && p.whose.unlisted() {
		return queue.Ended(reconcile.Result{RequeueAfter: b.memory.awaitListing(o, 8*b.RequeueAfter)}, nil)
	}
	return queue.Ended(reconcile.Result{RequeueAfter: b.RequeueAfter}, nil)
}
