package controller

import (
	"os"
	"path/filepath"
	"strings"
	"unique"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

// shared is the copy of a text that all have who ask for it at the time: a decoder makes one for each field that it
// reads, and thousands of pods have the same namespace, node and conditions.
func shared[S ~string](text S) S { return unique.Make(text).Value() }

// identity is what is kept of the metadata of every object that is reduced: which object it is, in which version, and
// when it came and goes.
func identity(m *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: shared(m.Namespace), Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
		CreationTimestamp: m.CreationTimestamp, DeletionTimestamp: m.DeletionTimestamp,
	}
}

// reduceMetadata takes away what nothing reads of the metadata of any object: who manages which field, but for the last
// writer, and the whole object once more as kubectl applied it. Nothing is written from a cached object but patches of
// what changes of it, so that the API server keeps both.
func reduceMetadata(in any) (any, error) {
	o, err := meta.Accessor(in)
	if err != nil {
		return in, nil //nolint:nilerr // a tombstone
	}
	if o.GetManagedFields() != nil {
		o.SetManagedFields(lastWriter(in, o))
	}
	// a resync shows what others read: nothing is written to it
	if annotations := o.GetAnnotations(); annotations[corev1.LastAppliedConfigAnnotation] != "" {
		delete(annotations, corev1.LastAppliedConfigAnnotation)
	}
	return in, nil
}

// ownManager is the manager of the fields that this process writes: the API server takes it from the name of the
// program.
var ownManager = filepath.Base(os.Args[0])

// lastWriter is what is kept of the managed fields of an object that may own a load balancer: who else wrote it last,
// for lbc timeline.
func lastWriter(in any, o metav1.Object) []metav1.ManagedFieldsEntry {
	switch x := in.(type) {
	case *corev1.Service:
		if x.Spec.Type != corev1.ServiceTypeLoadBalancer {
			return nil
		}
	case *networkingv1.Ingress, *gatewayv1.Gateway, *agav1beta1.GlobalAccelerator:
	default:
		return nil
	}
	m := timeline.LastWrite(o, ownManager)
	if m == nil {
		return nil
	}
	return []metav1.ManagedFieldsEntry{{Manager: shared(m.Manager), Time: m.Time}}
}

// reducePods returns a function that returns the parts of a pod that endpoint resolution reads. With tens of thousands
// of pods the others would be most of the controller's memory. variable is the environment variable with the server id
// of containers that serve QUIC.
func reducePods(variable string) func(any) (any, error) {
	return func(in any) (any, error) {
		p, ok := in.(*corev1.Pod)
		if !ok {
			return in, nil
		}
		*p = reducePod(p, variable) // nobody else has it yet
		return p, nil
	}
}

func reducePod(p *corev1.Pod, variable string) corev1.Pod {
	out := corev1.Pod{ObjectMeta: identity(&p.ObjectMeta)}
	for _, key := range []string{bindings.PodENIAnnotation, drain.SecondsAnnotation, serverid.Annotation} {
		if value, ok := p.Annotations[key]; ok {
			metav1.SetMetaDataAnnotation(&out.ObjectMeta, key, value)
		}
	}
	out.Spec.NodeName, out.Spec.ReadinessGates, out.Spec.TerminationGracePeriodSeconds = shared(p.Spec.NodeName),
		p.Spec.ReadinessGates, p.Spec.TerminationGracePeriodSeconds
	for i := range p.Spec.Containers {
		if c, ok := reduceContainer(p, &p.Spec.Containers[i], variable); ok {
			out.Spec.Containers = append(out.Spec.Containers, c)
		}
	}
	for i := range p.Spec.InitContainers {
		if r := p.Spec.InitContainers[i].RestartPolicy; r == nil || *r != corev1.ContainerRestartPolicyAlways {
			continue
		}
		if c, ok := reduceContainer(p, &p.Spec.InitContainers[i], variable); ok {
			c.Lifecycle = nil // sidecars end after the containers
			out.Spec.InitContainers = append(out.Spec.InitContainers, c)
		}
	}
	reduceAddresses(&out, p)
	out.Status.Conditions = make([]corev1.PodCondition, 0, 2)
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.ContainersReady || c.Type == corev1.PodReady || readiness.Has(p, c.Type) {
			c.Type, c.Status, c.Reason = shared(c.Type), shared(c.Status), shared(c.Reason)
			out.Status.Conditions = append(out.Status.Conditions, c)
		}
	}
	return out
}

// reduceAddresses keeps which addresses a pod has: that it has ended and has none, those in addition to its first one,
// and those of the node whose network it is in.
func reduceAddresses(out, p *corev1.Pod) {
	out.Status.PodIP = p.Status.PodIP
	if len(p.Status.PodIPs) > 1 || p.Status.PodIP == "" {
		out.Status.PodIPs = p.Status.PodIPs
	}
	if registrar.Ended(p) {
		out.Status.Phase = p.Status.Phase
	}
	if p.Spec.HostNetwork {
		out.Spec.HostNetwork, out.Status.HostIP, out.Status.HostIPs = true, shared(p.Status.HostIP), p.Status.HostIPs
	}
}

// reduceContainer returns what is read of a container: ports that may be named, the sleep before its end and, of a pod
// with server ids, all ports and the variable with the id. ok is false if nothing is: a container takes half a
// kilobyte.
func reduceContainer(p *corev1.Pod, c *corev1.Container, variable string) (kept corev1.Container, ok bool) {
	kept = corev1.Container{Name: c.Name, RestartPolicy: c.RestartPolicy}
	_, identified := p.Annotations[serverid.Annotation]
	for _, port := range c.Ports {
		if port.Name != "" || identified {
			kept.Ports = append(kept.Ports, port)
		}
	}
	for _, e := range c.Env {
		if e.Name == variable && identified {
			kept.Env = []corev1.EnvVar{e}
			break
		}
	}
	if l := c.Lifecycle; l != nil && l.PreStop != nil && l.PreStop.Sleep != nil {
		kept.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: l.PreStop.Sleep}}
	}
	return kept, identified || kept.Ports != nil || kept.Lifecycle != nil
}

// reduceSlice returns the parts of an EndpointSlice that endpoint resolution reads: hints and zones are not among them.
func reduceSlice(in any) (any, error) {
	s, ok := in.(*discoveryv1.EndpointSlice)
	if !ok {
		return in, nil
	}
	out := discoveryv1.EndpointSlice{
		ObjectMeta: identity(&s.ObjectMeta), AddressType: shared(s.AddressType), Ports: s.Ports,
		Endpoints: make([]discoveryv1.Endpoint, 0, len(s.Endpoints)),
	}
	out.Labels = s.Labels
	for _, e := range s.Endpoints {
		kept := discoveryv1.Endpoint{Addresses: e.Addresses, Conditions: e.Conditions}
		if r := e.TargetRef; r != nil {
			kept.TargetRef = &corev1.ObjectReference{Kind: shared(r.Kind), Namespace: shared(r.Namespace),
				Name: r.Name, UID: r.UID}
		}
		if e.NodeName != nil {
			node := shared(*e.NodeName)
			kept.NodeName = &node
		}
		out.Endpoints = append(out.Endpoints, kept)
	}
	*s = out // nobody else has it yet
	return s, nil
}

// reduceNode returns the parts of a node that endpoint resolution reads. The list of its images and its annotations are
// most of a node.
func reduceNode(in any) (any, error) {
	n, ok := in.(*corev1.Node)
	if !ok {
		return in, nil
	}
	out := &corev1.Node{ObjectMeta: identity(&n.ObjectMeta)}
	out.Labels = n.Labels
	out.Spec.ProviderID, out.Spec.Taints, out.Spec.Unschedulable = n.Spec.ProviderID, n.Spec.Taints, n.Spec.Unschedulable
	out.Status.Addresses = n.Status.Addresses
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady { // heartbeats change the others all the time
			kept := corev1.NodeCondition{Type: c.Type, Status: c.Status}
			if strings.Contains(c.Message, registrar.ShuttingDown) {
				kept.Message = registrar.ShuttingDown
			}
			out.Status.Conditions = append(out.Status.Conditions, kept)
		}
	}
	return out, nil
}
