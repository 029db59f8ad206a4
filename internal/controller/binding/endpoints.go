package binding

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// Endpoints resolves what the binding wants registered. A Service that is proven not to exist, or lacks the port, wants nothing; if
// a mistake hides what is wanted, known is false.
// An error is one of reading, and says nothing of what is wanted: a Service that could not be looked for may well exist.
func (b *Reconciler) Endpoints(ctx context.Context, o *v1beta1.TargetGroupBinding) (wanted []targets.Endpoint, found diag.List, known bool, err error) {
	ref := o.Spec.ServiceRef
	svc := &corev1.Service{}
	absence, err := (reads.ConfirmingReader{Cache: b.Client, Live: b.APIReader}).Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: ref.Name}, svc)
	switch {
	case absence.Proven():
		return nil, diag.List{diag.New(kube.BindingObject(o), "spec.serviceRef.name", diag.ServiceMissing,
			fmt.Sprintf("backend not found: service %s/%s", o.Namespace, ref.Name), "create the Service, or name another one")}, true, nil
	case err != nil:
		return nil, nil, false, fmt.Errorf("reading Service %s/%s: %w", o.Namespace, ref.Name, err)
	}
	port, ok := targets.PortOf(svc, ref.Port)
	if !ok {
		return nil, diag.List{diag.New(kube.BindingObject(o), "spec.serviceRef.port", diag.ServiceMissing,
			fmt.Sprintf("backend not found: unable to find port %s on service %s/%s", ref.Port.String(), o.Namespace, ref.Name), "name a port of the Service")}, true, nil
	}
	if *o.Spec.TargetType == v1beta1.TargetTypeIP {
		wanted, err = b.podEndpoints(ctx, o, port)
		return wanted, nil, err == nil, err
	}
	return b.nodeEndpoints(ctx, o, svc, port)
}

func (b *Reconciler) podEndpoints(ctx context.Context, o *v1beta1.TargetGroupBinding, port corev1.ServicePort) ([]targets.Endpoint, error) {
	var list discoveryv1.EndpointSliceList
	if err := b.Client.List(ctx, &list, client.InNamespace(o.Namespace), client.MatchingFields{SlicesByService: o.Spec.ServiceRef.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("reading the EndpointSlices of Service %s/%s: %w", o.Namespace, o.Spec.ServiceRef.Name, err)
	}
	if len(list.Items) == 0 && b.APIReader != nil {
		// Kubernetes keeps an EndpointSlice for every Service with a selector, also without pods: that there is none may be the
		// cache's delay, and would deregister everything.
		ctx, cancel := context.WithTimeout(ctx, reads.LiveTimeout)
		defer cancel()
		if err := b.APIReader.List(ctx, &list, client.InNamespace(o.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: o.Spec.ServiceRef.Name}); err != nil {
			return nil, fmt.Errorf("the cache has no EndpointSlice of Service %s/%s, and the API server was asked: %w", o.Namespace, o.Spec.ServiceRef.Name, err)
		}
	}
	slicesOf := make([]*discoveryv1.EndpointSlice, 0, len(list.Items))
	for i := range list.Items {
		slicesOf = append(slicesOf, &list.Items[i])
	}
	cache := &missingNodesReader{Cluster: kube.Cluster{Reader: b.Client}}
	defer func() { b.missingNodes.note(client.ObjectKeyFromObject(o), cache.names) }()
	return targets.PodEndpoints(ctx, cache, port, slicesOf, *o.Spec.IPAddressType == v1beta1.IPAddressTypeIPv6, b.FailOpen), nil
}

func (b *Reconciler) nodeEndpoints(ctx context.Context, o *v1beta1.TargetGroupBinding, svc *corev1.Service, port corev1.ServicePort) (wanted []targets.Endpoint, found diag.List, known bool, err error) {
	fail := func(path, text, remedy string) ([]targets.Endpoint, diag.List, bool, error) {
		return nil, diag.List{diag.New(kube.BindingObject(o), path, diag.InvalidBinding, text, remedy)}, false, nil
	}
	if svc.Spec.Type != corev1.ServiceTypeNodePort && svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return fail("spec.serviceRef", fmt.Sprintf("service type must be either 'NodePort' or 'LoadBalancer': %s/%s", svc.Namespace, svc.Name), "change the Service's type, or use ip targets")
	}
	if port.NodePort == 0 {
		return fail("spec.serviceRef.port", fmt.Sprintf("service %s/%s has no node port for port %d", svc.Namespace, svc.Name, port.Port), "allow node ports on the Service, or use ip targets")
	}
	var list corev1.NodeList
	if err := b.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, false, fmt.Errorf("reading the nodes: %w", err)
	}
	nodes := make([]*corev1.Node, 0, len(list.Items))
	for i := range list.Items {
		nodes = append(nodes, &list.Items[i])
	}
	endpoints, skipped, err := targets.NodeEndpoints(nodes, o.Spec.NodeSelector, port.NodePort, b.FailOpen)
	if err != nil {
		return fail("spec.nodeSelector", err.Error(), "correct the selector")
	}
	for _, s := range skipped {
		d := diag.New(kube.BindingObject(o), "", diag.EndpointNotResolved, s.Why, "the other nodes are registered; wait for the node, or label it node.kubernetes.io/exclude-from-external-load-balancers")
		d.Class = diag.Note
		found = append(found, d)
	}
	return endpoints, found, true, nil
}

// Zones gives the zone to send for addresses outside the target group's VPC ("all"); nil for instances, whose zone AWS knows. Of a
// VPC that is not known yet all addresses are taken to be inside. It does not wait for AWS, see network.Network.VPCAtHand.
func (b *Reconciler) Zones(ctx context.Context, o *v1beta1.TargetGroupBinding) (zone func(targets.Endpoint) string, known bool) {
	if *o.Spec.TargetType != v1beta1.TargetTypeIP {
		return nil, true
	}
	vpc, known := b.Inventory.VPCAtHand(ctx, o.Spec.VpcID)
	if !known {
		return nil, false
	}
	return func(e targets.Endpoint) string {
		addr, err := netip.ParseAddr(e.ID)
		if err != nil {
			return ""
		}
		for _, c := range slices.Concat(vpc.CIDRs, vpc.IPv6CIDRs) {
			if p, err := netip.ParsePrefix(c); err == nil && p.Contains(addr) {
				return ""
			}
		}
		return targets.AllZones
	}, true
}

// homeZone gives the zone of the node that a pod runs on; empty if it is not known.
func (b *Reconciler) homeZone(ctx context.Context) func(targets.Endpoint) string {
	return func(e targets.Endpoint) string {
		node, ok := kube.Cluster{Reader: b.Client}.Node(ctx, e.Node)
		if !ok {
			return ""
		}
		return node.Labels[corev1.LabelTopologyZone]
	}
}
