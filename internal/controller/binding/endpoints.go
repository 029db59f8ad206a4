package binding

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/owner"
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
	port, d := targets.Backend(o, svc)
	if d != nil {
		return nil, diag.List{*d}, d.Code == diag.ServiceMissing, nil //nolint:nilerr // what is wrong with the binding is a finding
	}
	if *o.Spec.TargetType == v1beta1.TargetTypeIP {
		wanted, found, err = b.addressEndpoints(ctx, o, port)
		return wanted, found, err == nil, err
	}
	return b.nodeEndpoints(ctx, o, port)
}

// addressEndpoints are the addresses of Pods, and those of other machines in the VPC of the target group.
func (b *Reconciler) addressEndpoints(ctx context.Context, o *v1beta1.TargetGroupBinding, port corev1.ServicePort) ([]targets.Endpoint, diag.List, error) {
	var list discoveryv1.EndpointSliceList
	if err := b.Client.List(ctx, &list, client.InNamespace(o.Namespace), client.MatchingFields{SlicesByService: o.Spec.ServiceRef.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("reading the EndpointSlices of Service %s/%s: %w", o.Namespace, o.Spec.ServiceRef.Name, err)
	}
	if len(list.Items) == 0 && b.APIReader != nil {
		// Kubernetes keeps an EndpointSlice for every Service with a selector, also without pods: that there is none may be the
		// cache's delay, and would deregister everything.
		ctx, cancel := context.WithTimeout(ctx, reads.LiveTimeout)
		defer cancel()
		if err := b.APIReader.List(ctx, &list, client.InNamespace(o.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: o.Spec.ServiceRef.Name}); err != nil {
			return nil, nil, fmt.Errorf("the cache has no EndpointSlice of Service %s/%s, and the API server was asked: %w", o.Namespace, o.Spec.ServiceRef.Name, err)
		}
	}
	slicesOf := make([]*discoveryv1.EndpointSlice, 0, len(list.Items))
	for i := range list.Items {
		slicesOf = append(slicesOf, &list.Items[i])
	}
	cache := &missingNodesReader{Cluster: kube.Cluster{Reader: b.Client}}
	defer func() { b.missingNodes.note(client.ObjectKeyFromObject(o), cache.names) }()
	ipv6 := *o.Spec.IPAddressType == v1beta1.IPAddressTypeIPv6
	wanted := targets.Staying(ctx, cache.Cluster, targets.PodEndpoints(ctx, cache, port, slicesOf, ipv6, b.FailOpen), b.ExcludedNodes)
	machines, found := b.machines(ctx, o, targets.PodlessEndpoints(port, slicesOf, ipv6))
	if len(machines) > 0 {
		wanted = append(wanted, machines...)
		slices.SortFunc(wanted, func(x, y targets.Endpoint) int {
			return cmp.Or(cmp.Compare(x.Key(), y.Key()), -cmp.Compare(x.Pod, y.Pod))
		})
		wanted = slices.CompactFunc(wanted, func(x, y targets.Endpoint) bool { return x.Key() == y.Key() })
	}
	wanted, unidentified := b.identified(ctx, o, wanted)
	return wanted, append(found, unidentified...), nil
}

// machines are the endpoints without Pod that are registered: those within the VPC, and all while that is not known. The others are reported: whether
// the load balancer has a way to them is not known here.
func (b *Reconciler) machines(ctx context.Context, o *v1beta1.TargetGroupBinding, all []targets.Endpoint) (wanted []targets.Endpoint, found diag.List) {
	if len(all) == 0 {
		return nil, nil
	}
	vpc, known := b.vpcOf(ctx, o)
	if !known || o.Spec.IamRoleArnToAssume != "" { // with a role, the load balancer is meant to be elsewhere
		return all, nil
	}
	var outside []string
	for _, e := range all {
		if within(vpc, e) {
			wanted = append(wanted, e)
		} else {
			outside = append(outside, e.Key())
		}
	}
	if len(outside) == 0 {
		return wanted, nil
	}
	d := diag.New(kube.BindingObject(o), "spec.serviceRef", diag.EndpointNotResolved,
		fmt.Sprintf("endpoints without Pod are not registered, as their addresses are not in %s: %s", o.Spec.VpcID, strings.Join(outside, ", ")),
		"register addresses outside the VPC in a target group of their own, with availability zone all")
	d.Class = diag.Note
	return wanted, diag.List{d}
}

// within reports whether an address is one of a VPC.
func within(vpc *facts.VPC, e targets.Endpoint) bool {
	addr, err := netip.ParseAddr(e.ID)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(slices.Concat(vpc.CIDRs, vpc.IPv6CIDRs), func(c string) bool {
		p, err := netip.ParsePrefix(c)
		return err == nil && p.Contains(addr)
	})
}

func (b *Reconciler) nodeEndpoints(ctx context.Context, o *v1beta1.TargetGroupBinding, port corev1.ServicePort) (wanted []targets.Endpoint, found diag.List, known bool, err error) {
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
		return nil, diag.List{targets.InvalidSelector(o, err)}, false, nil
	}
	for _, s := range skipped {
		d := diag.New(kube.BindingObject(o), "", diag.EndpointNotResolved, s.Why, "the other nodes are registered; wait for the node, or label it node.kubernetes.io/exclude-from-external-load-balancers")
		d.Class = diag.Note
		found = append(found, d)
	}
	return endpoints, found, true, nil
}

// inOtherVPC is the finding, on the binding and on its Service, that instances are not registered, as AWS takes those of the target group's VPC only.
func (b *Reconciler) inOtherVPC(ctx context.Context, o *v1beta1.TargetGroupBinding, ids []string, of int) (found diag.List) {
	text := fmt.Sprintf("%d of %d nodes are not registered, as their instances are not in %s, the VPC of target group %s: %s",
		len(ids), of, o.Spec.VpcID, naming.OfTargetGroup(o.Spec.TargetGroupARN), strings.Join(ids, ", "))
	for _, about := range b.about(ctx, o) {
		d := diag.New(about, "", diag.EndpointNotResolved, text, "leave them out by a node selector or the label node.kubernetes.io/exclude-from-external-load-balancers, or use ip targets")
		d.Class = diag.Note
		found = append(found, d)
	}
	return found
}

// about are a binding and its Service, if that can be read.
func (b *Reconciler) about(ctx context.Context, o *v1beta1.TargetGroupBinding) []diag.Object {
	svc := &corev1.Service{}
	if b.Client.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.ServiceRef.Name}, svc) != nil {
		return []diag.Object{kube.BindingObject(o)}
	}
	return []diag.Object{kube.BindingObject(o), owner.Object(svc)}
}

// Zones gives the zone to send for addresses outside the target group's VPC ("all"); nil for instances, whose zone AWS knows. Of a
// VPC that is not known yet all addresses are taken to be inside. It does not wait for AWS, see network.Network.VPCAtHand.
func (b *Reconciler) Zones(ctx context.Context, o *v1beta1.TargetGroupBinding) (zone func(targets.Endpoint) string, known bool) {
	if *o.Spec.TargetType != v1beta1.TargetTypeIP {
		return nil, true
	}
	vpc, known := b.vpcOf(ctx, o)
	if !known {
		return nil, false
	}
	return func(e targets.Endpoint) string {
		if _, err := netip.ParseAddr(e.ID); err != nil || within(vpc, e) {
			return ""
		}
		return targets.AllZones
	}, true
}

// homeZone gives the zone of the node that a pod runs on, by its name in the account of the binding's target group; empty if it is not known.
func (b *Reconciler) homeZone(ctx context.Context, o *v1beta1.TargetGroupBinding) func(targets.Endpoint) string {
	there := func(zone string) string { return zone }
	if o.Spec.IamRoleArnToAssume != "" {
		there = b.zonesThere(ctx, o)
	}
	return func(e targets.Endpoint) string {
		node, ok := kube.Cluster{Reader: b.Client}.Node(ctx, e.Node)
		if !ok {
			return ""
		}
		return there(node.Labels[corev1.LabelTopologyZone])
	}
}
