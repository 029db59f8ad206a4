package offline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// resolve finds what a binding wants registered.
func (p *bindingPlanner) resolve(ctx context.Context, b *plannedBinding) error {
	if b.State != Served {
		return nil
	}
	o := b.Object
	others := p.others(b)
	of, known := p.Inventory.KnownOwner(o.Spec.TargetGroupARN)
	if len(others) > 0 && !known {
		var err error
		if of, err = p.Inventory.TargetGroupOwner(ctx, o.Spec.TargetGroupARN); err != nil {
			return err
		}
	}
	conflicts := bindings.Conflicts{Shared: p.Config.AllowedTargetGroups(p.Config.CrossNamespaceTargetGroups)}
	if d := conflicts.Superseded(of, o, others); d != nil {
		b.refuse(Unserved, *d)
		return nil //nolint:nilerr // it is a finding of the binding
	}
	if err := p.Unread(o.Namespace); err != nil {
		b.unplanned("its endpoints cannot be read: "+err.Error(), "let your user list endpointslices, pods and nodes")
		return nil //nolint:nilerr // it is a note of the binding
	}
	svc, ok := objects.Lookup[*corev1.Service](p.View, objects.Service, o.Namespace, o.Spec.ServiceRef.Name)
	if !ok {
		p.withoutService(b, bindings.ServiceMissing(o))
		if !p.Live { // the cluster may have it
			b.State = Unknown
		}
		return nil
	}
	port, d := registrar.ServicePortOf(o, svc)
	if d != nil {
		if d.Code == diag.ServiceMissing {
			p.withoutPort(b, svc, *d)
		} else {
			b.refuse(Unserved, *d)
		}
		return nil
	}
	b.Port, b.kept = port, p.mayKeep(o, bindings.KeepsTargets)
	about := []diag.Object{bindingobject.BindingObject(o), owner.Object(svc)}
	if *o.Spec.TargetType == v1beta1.TargetTypeIP {
		p.addresses(ctx, b, about)
	} else {
		p.instances(ctx, b, svc, about)
	}
	return nil
}

// mayKeep reports whether the controller keeps targets that a binding does not want, by the binding of the cluster.
func (p *bindingPlanner) mayKeep(o *v1beta1.TargetGroupBinding, keeps func(*v1beta1.TargetGroupBinding) bool) bool {
	have := p.Former(o.Namespace, o.Name)
	return have != nil && keeps(have) && o.Annotations[naming.AllowDeregistration] != "true"
}

// withoutPort is a binding whose Service has not its port. If an edit of the Service took the port, what serves stays.
func (p *bindingPlanner) withoutPort(b *plannedBinding, svc *corev1.Service, d diag.Diagnostic) {
	o := b.Object
	if p.editedSinceServed(o) || !p.mayKeep(o, func(have *v1beta1.TargetGroupBinding) bool {
		return have.Status.ObservedGeneration != nil
	}) {
		p.withoutService(b, d)
		return
	}
	b.kept = true
	b.Diagnostics = append(b.Diagnostics, bindings.EmptiedByEdit(o, svc, []diag.Object{bindingobject.BindingObject(o)})...)
	if *o.Spec.TargetType == v1beta1.TargetTypeInstance { // the node port may be as before
		b.State = Unserved
	}
}

// withoutService is a binding whose Service, or its port, does not exist.
func (p *bindingPlanner) withoutService(b *plannedBinding, d diag.Diagnostic) {
	if misspelt, ok := bindings.Misspelt(b.Object, d); ok && p.editedSinceServed(b.Object) {
		b.refuse(Unserved, misspelt)
	} else {
		b.Diagnostics = append(b.Diagnostics, d)
	}
}

// editedSinceServed reports whether the controller has served a binding that the plan edits, or that was edited since.
func (p *bindingPlanner) editedSinceServed(o *v1beta1.TargetGroupBinding) bool {
	have := p.Former(o.Namespace, o.Name)
	if have == nil {
		return false
	}
	// the spec of the cluster may not be complete yet
	edited := !equality.Semantic.DeepDerivative(have.Spec, o.Spec) ||
		!equality.Semantic.DeepEqual(have.Spec.NodeSelector, o.Spec.NodeSelector)
	return edited && meta.FindStatusCondition(have.Status.Conditions, "Ready") != nil || bindings.EditedSinceServed(have)
}

// unplanned: what a binding wants registered is not known.
func (b *plannedBinding) unplanned(why, remedy string) {
	b.refuse(Unknown, note(diag.New(bindingobject.BindingObject(b.Object), "spec.serviceRef", diag.EndpointNotResolved,
		"its targets are not planned: "+why, remedy)))
}

// addresses are the targets of type ip.
func (p *bindingPlanner) addresses(ctx context.Context, b *plannedBinding, about []diag.Object) {
	o := b.Object
	slicesOf := p.workloads.slices[stack.ID{Namespace: o.Namespace, Name: o.Spec.ServiceRef.Name}]
	if len(slicesOf) == 0 && !p.Live {
		b.unplanned("the files have no EndpointSlice of Service "+o.Namespace+"/"+o.Spec.ServiceRef.Name,
			"add the EndpointSlices, and the pods and nodes behind them, or read a cluster with --context")
		return
	}
	ipv6 := *o.Spec.IPAddressType == v1beta1.IPAddressTypeIPv6
	if n := (registrar.ServicePortEndpoints{Port: b.Port, Slices: slicesOf,
		IPv6: ipv6}).Count(); n > registrar.MostEndpoints {
		b.State = Unserved
		b.Diagnostics = append(b.Diagnostics, bindings.TooMany(n, about)...)
		return
	}
	pods, machines := registrar.PodCandidates(ctx, p.workloads, b.Port, slicesOf, ipv6), registrar.PodlessCandidates(
		b.Port, slicesOf, ipv6)
	x := bindings.PortEndpoints{
		Binding: o, Cluster: p.workloads, ExcludedNodes: p.Config.ExcludedNodes, QUICVariable: p.Config.QUICVariable,
		Pods:    registrar.EndpointsOf(registrar.ChooseServing(pods, p.Config.Gates.Enabled(config.EndpointsFailOpen))...),
		Refused: slices.DeleteFunc(slices.Clone(pods), func(c registrar.Candidate) bool { return !c.Refused }),
		Podless: registrar.PodlessEndpoints(b.Port, slicesOf, ipv6),
		Allowed: p.Config.AddressesWithoutPods(), Nodes: p.workloads.nodes,
		VPC:   sync.OnceValues(func() (*facts.VPC, bool) { return p.Inventory.VPCAtHand(ctx, o.Spec.VpcID) }),
		About: func() []diag.Object { return about },
	}
	list, found, _ := x.Addresses(ctx)
	wanted := list.Slice()
	if len(wanted) == 0 && !bindingobject.OfStack(o.Labels) && p.editedSinceServed(o) {
		b.State, found = Unserved, append(found, bindings.Unready(o))
	}
	b.wanted, b.Diagnostics = wanted, append(b.Diagnostics, found...)
	b.Endpoints = x.Explain(ctx, append(pods, machines...), wanted)
	if (registrar.ServicePortEndpoints{Port: b.Port, Slices: slicesOf, IPv6: !ipv6}).Count() > registrar.MostEndpoints {
		return // nobody reads so many lines
	}
	for _, c := range append(registrar.PodCandidates(ctx, p.workloads, b.Port, slicesOf, !ipv6),
		registrar.PodlessCandidates(b.Port, slicesOf, !ipv6)...) {
		b.Endpoints = append(b.Endpoints, bindings.ExplainedEndpoint{Endpoint: c.Endpoint,
			Why: fmt.Sprintf("the target group takes only %s addresses", *o.Spec.IPAddressType)})
	}
}

// instances are the targets of type instance.
func (p *bindingPlanner) instances(ctx context.Context, b *plannedBinding, svc *corev1.Service, about []diag.Object) {
	o := b.Object
	if elsewhere := p.forwards(ctx, b, svc, about); len(elsewhere) > 0 {
		b.Diagnostics, b.kept = append(b.Diagnostics, elsewhere...), false
		b.closed, _, _ = instancesOf(o, bindings.ChooseNodes(p.workloads.nodes, nil, true), b.Port)
		return
	}
	if len(p.workloads.nodes) == 0 && !p.Live {
		b.unplanned("the files have no nodes", "add the nodes, or read a cluster with --context")
		return
	}
	nodes := bindings.ChooseNodes(p.workloads.nodes, o.Spec.NodeSelector, p.Config.Gates.Enabled(config.EndpointsFailOpen))
	if edited := nodes.Emptied(o); edited != nil && p.editedSinceServed(o) {
		b.refuse(Unserved, edited[0])
		return
	}
	wanted, found, known := instancesOf(o, nodes, b.Port)
	b.Diagnostics = append(b.Diagnostics, found...)
	if !known {
		b.State = Unserved
		return
	}
	// the selector can be parsed
	all, _ := registrar.NodeCandidates(p.workloads.nodes, o.Spec.NodeSelector, b.Port.NodePort)
	// AWS refuses the instances of the cluster's VPC
	if o.Spec.VpcID != p.Config.VPC && len(wanted) > 0 {
		ids := make([]string, 0, len(wanted))
		for _, e := range wanted {
			ids = append(ids, e.ID)
		}
		b.Diagnostics = append(b.Diagnostics, bindings.InOtherVPC(o, about, ids, len(wanted))...)
		for i := range all {
			all[i].Why = cmp.Or(all[i].Why, "its instance is not in "+o.Spec.VpcID)
		}
		wanted = nil
	}
	b.wanted = wanted
	b.Endpoints = bindings.PortEndpoints{Binding: o, Cluster: p.workloads, VPC: func() (*facts.VPC, bool) {
		return nil,
			false
	}}.Explain(ctx, all, wanted)
}

// forwards are the findings that nodes would forward to endpoints that are not the namespace's.
func (p *bindingPlanner) forwards(ctx context.Context, b *plannedBinding, svc *corev1.Service,
	about []diag.Object) diag.List {
	o := b.Object
	x := bindings.PortEndpoints{Binding: o, Allowed: p.Config.AddressesWithoutPods(), Nodes: p.workloads.nodes,
		About: func() []diag.Object { return about }}
	n := 0
	for e := range registrar.EachForwarded(b.Port, p.workloads.slices[stack.ID{Namespace: o.Namespace, Name: svc.Name}]) {
		if n++; n > registrar.MostEndpoints {
			return x.ForwardsTooMuch()
		}
		c := registrar.Candidate{Endpoint: e.Endpoint, Why: registrar.OtherNamespace}
		switch {
		case e.Pod == "":
			x.Podless = append(x.Podless, e.Endpoint)
			continue
		case e.Namespace == o.Namespace:
			if _, known := p.workloads.Pod(ctx, e.Namespace, e.Pod); !known && !p.Live { // the cluster may have it
				continue
			}
			c.Why = registrar.NotAt(ctx, p.workloads, e.Endpoint)
		}
		if c.Why != "" {
			x.Refused = append(x.Refused, c)
		}
	}
	return x.Forwards()
}

// instancesOf are the nodes that are to be registered. If a mistake hides which, known is false.
func instancesOf(o *v1beta1.TargetGroupBinding, nodes bindings.Nodes, port corev1.ServicePort) (
	wanted []registrar.Endpoint, found diag.List, known bool) {
	shared, found, known := nodes.Instances(o)
	wanted = shared.Slice()
	for i := range wanted {
		wanted[i].Port = port.NodePort
	}
	return wanted, found, known
}
