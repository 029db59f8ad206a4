package bindingpass

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Resolved has the targets that a binding wants. Known is false if a mistake hides them.
type Resolved struct {
	bindings.Targets
	Found diag.List
	Known bool
	// unproven is the error of the API server if it does not show whether missing endpoints have left: nodes, and those
	// whose pods serve as if an edit emptied the Service, stay, and the next pass asks again.
	unproven error
	// edited are the findings if an edit of the binding led to there being nothing; nil = nothing is wanted either way.
	edited diag.List
	// emptied: an edit of the Service led to there being no endpoints. unsure: it may have, as it is not known yet which
	// targets are registered.
	emptied, unsure bool
	// unconfirmed: the first list of EndpointSlices or nodes since the start could not be compared with the registered
	// targets.
	unconfirmed bool
	// elsewhere: the targets are nodes that forward to endpoints which are not the namespace's, so that none is wanted.
	elsewhere bool
}

// Endpoints resolves what the binding wants registered. A binding whose newest edit led to nothing, such as a Service
// that is proven not to exist, may be mistaken: what it wants is not known, and the targets stay. An error is one of
// reading, and says nothing of what is wanted: a Service that could not be looked for may well exist.
func (b *Reconciler) Endpoints(ctx context.Context, o *v1beta1.TargetGroupBinding) (Resolved, error) {
	of, err := b.wanted(ctx, o)
	if of.edited != nil && b.editedSinceServed(o) {
		of, err = Resolved{Found: of.edited}, cmp.Or(err, of.unproven)
	}
	if err != nil {
		return of, err
	}
	return b.closeMistaken(ctx, o, of)
}

func (b *Reconciler) wanted(ctx context.Context, o *v1beta1.TargetGroupBinding) (Resolved, error) {
	ref := o.Spec.ServiceRef
	svc := &corev1.Service{}
	absence, err := (reads.ConfirmingReader{Cache: b.Client, Live: b.APIReader}).Get(ctx, client.ObjectKey{
		Namespace: o.Namespace, Name: ref.Name}, svc, client.UnsafeDisableDeepCopy)
	switch {
	case absence.Proven():
		return withoutService(o, bindings.ServiceMissing(o)), nil
	case err != nil:
		return Resolved{}, fmt.Errorf("reading Service %s/%s: %w", o.Namespace, ref.Name, err)
	}
	port, d := registrar.ServicePortOf(o, svc)
	var renumbered diag.List
	if d != nil {
		if d.Code != diag.ServiceMissing {
			return Resolved{Found: diag.List{*d}}, nil
		}
		var same bool
		if port, same, err = b.renumbered(ctx, o, svc); err != nil {
			return Resolved{}, err
		} else if !same {
			return b.withoutPort(ctx, o, svc, *d), nil
		}
		if b.Dropped == nil || !b.Dropped(ctx, o) {
			renumbered = bindings.Renumbered(o, *d, port, append(b.about(ctx, o), b.declaring(ctx, o)...))
		}
	}
	of, err := b.behind(ctx, o, svc, port)
	of.Found = append(renumbered, of.Found...)
	return of, err
}

// behind is what a binding wants of a port of its Service.
func (b *Reconciler) behind(ctx context.Context, o *v1beta1.TargetGroupBinding, svc *corev1.Service,
	port corev1.ServicePort) (of Resolved, err error) {
	if TargetsPods(o) {
		of, err = b.addressEndpoints(ctx, o, svc, port)
	} else {
		of, err = b.servingNodes(ctx, o, servicePort{svc, port})
	}
	if k := b.memory.get(o); of.Endpoints.Len() > 0 && k.port != port {
		k.port = port
		b.memory.put(o, k)
	}
	return of, err
}

// renumbered is the port of a Service that was the one of a binding before an edit of the Service gave it another
// number or name: it has the same endpoints. If the edit precedes the process, that is the port with a registered
// target.
func (b *Reconciler) renumbered(ctx context.Context, o *v1beta1.TargetGroupBinding, svc *corev1.Service) (
	port corev1.ServicePort, same bool, err error) {
	was := b.memory.get(o).port
	switch {
	case b.editedSinceServed(o):
		return port, false, nil
	case was.Port == 0:
		return b.portOfRegistered(ctx, o, svc)
	}
	i := slices.IndexFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool {
		if TargetsPods(o) {
			return p.TargetPort == was.TargetPort && p.Protocol == was.Protocol
		}
		return p.NodePort == was.NodePort && p.NodePort != 0
	})
	if i < 0 {
		return port, false, nil
	}
	return svc.Spec.Ports[i], true, nil
}

// portOfRegistered is the first port of a Service behind which a registered target of a binding is.
func (b *Reconciler) portOfRegistered(ctx context.Context, o *v1beta1.TargetGroupBinding, svc *corev1.Service) (
	port corev1.ServicePort, found bool, err error) {
	registered, _ := b.Registry.Members(b.group(o))
	if len(registered) == 0 {
		return port, false, nil
	}
	var slicesOf []*discoveryv1.EndpointSlice
	if TargetsPods(o) {
		if slicesOf, err = b.slicesOf(ctx, o); err != nil {
			return port, false, err
		}
	}
	i := slices.IndexFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool {
		if TargetsPods(o) {
			return registrar.ServicePortEndpoints{Port: p, Slices: slicesOf, IPv6: *o.Spec.IPAddressType ==
				v1beta1.IPAddressTypeIPv6}.HasAny(registered)
		}
		return slices.ContainsFunc(registered, func(t registrar.Target) bool { return t.Port == p.NodePort })
	})
	if i < 0 {
		return port, false, nil
	}
	return svc.Spec.Ports[i], true, nil
}

// withoutPort is what a binding wants whose Service has no port of that name or number. If an edit of the Service
// removed the port, the former pods may serve, and after a start also the former node ports.
func (b *Reconciler) withoutPort(ctx context.Context, o *v1beta1.TargetGroupBinding, svc *corev1.Service,
	d diag.Diagnostic) Resolved {
	of, k, told := withoutService(o, d), b.memory.get(o), toldOfEdit(o)
	_, known := b.Registry.Members(b.group(o))
	if TargetsPods(o) {
		of.emptied = true
		of.unsure = !told && k.selects == 0 && !known
		return of
	}
	of.unconfirmed = k.port.Port == 0 && !known
	if k.port.Port == 0 && told {
		return Resolved{Found: bindings.EmptiedByEdit(o, svc, append(b.about(ctx, o), b.declaring(ctx, o)...)),
			edited: of.edited}
	}
	return of
}

// withoutService is what a binding wants whose Service, or its port, does not exist.
func withoutService(o *v1beta1.TargetGroupBinding, d diag.Diagnostic) Resolved {
	of := Resolved{Found: diag.List{d}, Known: true}
	if misspelt, ok := bindings.Misspelt(o, d); ok {
		of.edited = diag.List{misspelt}
	}
	return of
}

// editedSinceServed reports whether a binding had targets, and was edited since.
func (b *Reconciler) editedSinceServed(o *v1beta1.TargetGroupBinding) bool {
	if k := b.memory.get(o); k.generation != 0 {
		return k.generation != o.Generation && k.some
	}
	return bindings.EditedSinceServed(o)
}

// addressEndpoints are the addresses of Pods, and those of other machines in the VPC of the target group.
func (b *Reconciler) addressEndpoints(ctx context.Context, o *v1beta1.TargetGroupBinding, svc *corev1.Service,
	port corev1.ServicePort) (_ Resolved, err error) {
	begun, unproven := b.resolved.begin(), error(nil)
	slicesOf, err := b.slicesOf(ctx, o)
	if err != nil {
		return Resolved{}, err
	}
	behind := registrar.ServicePortEndpoints{Port: port, Slices: slicesOf,
		IPv6: *o.Spec.IPAddressType == v1beta1.IPAddressTypeIPv6}
	if n := behind.Count(); n > registrar.MostEndpoints {
		return Resolved{Found: bindings.TooMany(n, append(b.about(ctx, o), b.declaring(ctx, o)...))}, nil
	}
	key := client.ObjectKeyFromObject(o)
	cache := b.newConfirmingReader(key)
	former := b.resolved.last(key)
	pods, refused := behind.Serving(ctx, cache, b.FailOpen, former)
	lacks, compared, err := b.lacksServing(ctx, o, former, pods, slicesOf)
	if err != nil {
		return Resolved{}, err
	}
	if lacks {
		if slicesOf, err = b.liveSlicesOf(ctx, o); err != nil {
			unproven, compared, err = err, b.memory.get(o).compared, nil
		} else {
			behind.Slices = slicesOf
			pods, refused = behind.Serving(ctx, cache, b.FailOpen, former)
		}
	}
	defer func() {
		if err != nil { // the next pass compares again
			b.resolved.keep(key, former, begun)
		}
	}()
	if b.resolved.keep(key, pods, begun) {
		b.Waker.WakeAfter(queue.Coalesce, queue.Urgent, reconcile.Request{NamespacedName: key})
	}
	podless := registrar.PodlessEndpoints(port, behind.Slices, behind.IPv6)
	if err := cache.end(b, key); err != nil {
		return Resolved{}, err
	}
	nodes, err := b.nodesForPodless(ctx, o, podless)
	if err != nil {
		return Resolved{}, err
	}
	x := bindings.PortEndpoints{
		Binding: o, Cluster: cache.notingCluster, ExcludedNodes: b.ExcludedNodes, QUICVariable: b.QUICVariable,
		Pods: pods, Refused: refused, Podless: podless, Allowed: b.Podless, Nodes: nodes,
		VPC:   sync.OnceValues(func() (*facts.VPC, bool) { return b.vpcOf(ctx, o) }),
		About: func() []diag.Object { return b.about(ctx, o) }, Owner: func() []diag.Object { return b.declaring(ctx, o) },
	}
	wanted, found, unidentified := x.Addresses(ctx)
	b.countUnidentified(o, unidentified)
	of := Resolved{Targets: bindings.Targets{Endpoints: wanted}, Found: found, Known: true, unproven: unproven,
		unconfirmed: !compared}
	b.leftByEdit(ctx, o, svc, turn{former, pods, behind, begun}, &of)
	if wanted.Len() == 0 && !bindingobject.OfStack(o.Labels) {
		of.edited = append(slices.Clip(found), bindings.Unready(o))
	}
	return of, nil
}

// slicesOf are the EndpointSlices of the Service of a binding. Nobody changes them.
func (b *Reconciler) slicesOf(ctx context.Context, o *v1beta1.TargetGroupBinding) (
	slicesOf []*discoveryv1.EndpointSlice, err error) {
	if all, answers := b.Shared.SlicesWith(SlicesByService, o.Namespace, o.Spec.ServiceRef.Name); answers && len(all) > 0 {
		return all, nil
	}
	var list discoveryv1.EndpointSliceList
	if err := b.Client.List(ctx, &list, client.InNamespace(o.Namespace), client.MatchingFields{
		SlicesByService: o.Spec.ServiceRef.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("reading the EndpointSlices of Service %s/%s: %w", o.Namespace, o.Spec.ServiceRef.Name, err)
	}
	if len(list.Items) == 0 && b.APIReader != nil {
		// Kubernetes keeps an EndpointSlice for every Service with a selector, also without pods: that there is none may be
		// the cache's delay, and would deregister everything.
		return b.liveSlicesOf(ctx, o)
	}
	return pointers(list.Items), nil
}

// liveSlicesOf is slicesOf as the API server has them.
func (b *Reconciler) liveSlicesOf(ctx context.Context, o *v1beta1.TargetGroupBinding) ([]*discoveryv1.EndpointSlice,
	error) {
	ctx, cancel := context.WithTimeout(ctx, reads.LiveTimeout)
	defer cancel()
	var list discoveryv1.EndpointSliceList
	if err := b.APIReader.List(ctx, &list, client.InNamespace(o.Namespace), client.MatchingLabels{
		discoveryv1.LabelServiceName: o.Spec.ServiceRef.Name}); err != nil {
		return nil, fmt.Errorf("the cache has no EndpointSlices of Service %s/%s, and reading them from the API server "+
			"failed: %w", o.Namespace, o.Spec.ServiceRef.Name, err)
	}
	return pointers(list.Items), nil
}

func pointers[T any](items []T) []*T {
	out := make([]*T, 0, len(items))
	for i := range items {
		out = append(out, &items[i])
	}
	return out
}

// lacksServing reports whether slices do not have the address of a pod that serves, which was an endpoint at the last
// pass: a list of the cache that was cut off may lack some slices of a Service. An address that the slices have as not
// ready is an answer. The first pass since the start that knows the registered targets compares with these; compared is
// false before it.
func (b *Reconciler) lacksServing(ctx context.Context, o *v1beta1.TargetGroupBinding, former, pods registrar.Endpoints,
	slicesOf []*discoveryv1.EndpointSlice) (lacks, compared bool, err error) {
	if b.APIReader == nil {
		return false, true, nil
	}
	gone := map[string]registrar.Endpoint{}
	registrar.Differ(former, pods, func(e registrar.Endpoint) { gone[e.ID] = e }, func(registrar.Endpoint) {})
	k := b.memory.get(o)
	if !k.compared {
		var registered map[string]bool
		if registered, compared = b.Registry.Unlisted(b.group(o), pods); len(registered) > 0 {
			serving, err := b.servingPods(ctx, o, registered)
			if err != nil {
				return false, false, err
			}
			maps.DeleteFunc(serving, func(ip string, _ registrar.Endpoint) bool { return !registered[ip] })
			maps.Copy(gone, serving)
		}
	}
	if len(gone) == 0 {
		return false, compared || k.compared, nil
	}
	for _, s := range slicesOf {
		for i := range s.Endpoints {
			for _, address := range s.Endpoints[i].Addresses {
				delete(gone, address)
			}
		}
	}
	for ip, e := range gone {
		e.ID = ip
		lacks = lacks || podOfServes(ctx, b.cluster(), e)
	}
	return lacks, compared || k.compared, nil
}

// nodesForPodless are all nodes, if a binding has endpoints without Pod, whose addresses are compared with theirs.
func (b *Reconciler) nodesForPodless(ctx context.Context, o *v1beta1.TargetGroupBinding, podless []registrar.Endpoint) (
	[]*corev1.Node, error) {
	if b.evidence.withoutPod.set(client.ObjectKeyFromObject(o), len(podless) > 0); len(podless) == 0 {
		return nil, nil
	}
	return b.allNodes(ctx)
}

func (b *Reconciler) nodeEndpoints(ctx context.Context, o *v1beta1.TargetGroupBinding, port corev1.ServicePort) (
	Resolved, error) {
	k := b.memory.get(o)
	var registered map[string]bool
	compared := k.compared || b.APIReader == nil
	if !compared {
		registered, compared = b.Registry.Unlisted(b.group(o), registrar.Endpoints{})
	}
	nodes, unproven, err := b.chosenNodes(ctx, o.Spec.NodeSelector, registered)
	if err != nil {
		return Resolved{}, err
	}
	if compared = compared && (unproven == nil || k.compared); compared && !k.compared {
		k.compared = true
		b.memory.put(o, k)
	}
	wanted, found, known := nodes.Instances(o)
	found = append(found, nodes.None(o, func() []diag.Object {
		return append(b.about(ctx, o), b.declaring(ctx, o)...)
	})...)
	return Resolved{Targets: bindings.Targets{Endpoints: wanted, Port: port.NodePort}, Found: found, Known: known,
		edited: nodes.Emptied(o), unproven: unproven, unconfirmed: !compared}, nil
}

// about are a binding and its Service, if that can be read.
func (b *Reconciler) about(ctx context.Context, o *v1beta1.TargetGroupBinding) []diag.Object {
	svc := &corev1.Service{}
	if b.Client.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.ServiceRef.Name}, svc) != nil {
		return []diag.Object{bindingobject.BindingObject(o)}
	}
	return []diag.Object{bindingobject.BindingObject(o), owner.Object(svc)}
}

// Zones returns the zone to send with each endpoint: "all" for addresses outside the target group's VPC. zone is nil
// for instances, whose zone AWS knows. If the VPC is not known yet, all addresses count as inside. Zones does not
// wait for AWS; see network.Network.VPCAtHand.
func (b *Reconciler) Zones(ctx context.Context, o *v1beta1.TargetGroupBinding) (zone func(registrar.Endpoint) string,
	known bool) {
	if *o.Spec.TargetType != v1beta1.TargetTypeIP {
		return nil, true
	}
	vpc, known := b.vpcOf(ctx, o)
	if !known {
		return nil, false
	}
	return bindings.ZoneOf(vpc), true
}

// homeZone gives the zone of the node that a pod runs on, by its name in the account of the binding's target group;
// empty if it is not known.
func (b *Reconciler) homeZone(o *v1beta1.TargetGroupBinding) func(context.Context, registrar.Endpoint) string {
	there := func(_ context.Context, zone string) string { return zone }
	if o.Spec.IamRoleArnToAssume != "" {
		there = b.zonesThere(o)
	}
	return func(ctx context.Context, e registrar.Endpoint) string {
		node, ok := b.cluster().Node(ctx, e.Node)
		if !ok {
			return ""
		}
		return there(ctx, node.Labels[corev1.LabelTopologyZone])
	}
}
