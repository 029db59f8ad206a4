package declare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/check"
)

// Port is a port of a load balancer.
type Port struct {
	Protocol string // TCP or UDP
	Port     int32
}

// State is the known state of an endpoint.
type State string

// States.
const (
	Given   State = "given"   // by an id
	Hosted  State = "hosted"  // its object shows the name of a load balancer
	Pending State = "pending" // that may pass: the object shows no load balancer, or cannot be read
	// it is certain that there is none: no such object, of a kind that has none, or it may not be named
	Gone State = "gone"
)

// Endpoint is an endpoint that an object declares.
type Endpoint struct {
	Listener, Group, Index int // where it is declared in the spec

	State State
	ID    string // given
	Host  string // hosted
	Ports []Port // hosted: those of the load balancer, as its object shows them
	// Name is "Service/namespace/name", or "EndpointID/id".
	Name string
	// Problem is what is wrong with one that is pending or gone, and Remedy what to do; empty of one that names nothing,
	// which package check reports. PortProblem is why Ports are not known.
	Problem, Remedy string
	PortProblem     string

	more   bool // its load balancer may have other ports than Ports
	spec   *agav1beta1.Endpoint
	object objects.Ref // that the endpoint names; zero of one by an id
	// unpermitted: the object is of another namespace, which does not permit the reference.
	unpermitted bool
}

// path is the path of the endpoint's declaration.
func (e *Endpoint) path() string {
	return fmt.Sprintf("spec.listeners[%d].endpointGroups[%d].endpoints[%d]", e.Listener, e.Group, e.Index)
}

// Endpoints returns the endpoints of an object in the order of its spec, as the objects that they name show them.
func Endpoints(v *objects.View, ga *agav1beta1.GlobalAccelerator) []Endpoint {
	if check.TooLarge(&ga.Spec) != "" { // it is refused, and none of its objects matter
		return nil
	}
	var out []Endpoint
	for i := range ga.Spec.Listeners {
		for j := range ga.Spec.Listeners[i].EndpointGroups {
			list := ga.Spec.Listeners[i].EndpointGroups[j].Endpoints
			for k := range list {
				e := Endpoint{Listener: i, Group: j, Index: k, spec: &list[k]}
				e.read(v, ga.Namespace)
				out = append(out, e)
			}
		}
	}
	return out
}

func (e *Endpoint) read(v *objects.View, namespace string) {
	e.Name = check.Key(e.spec, namespace)
	if e.spec.Type == agav1beta1.EndpointID {
		if e.ID, e.State = ptr.Deref(e.spec.EndpointID, ""), Given; e.ID == "" {
			e.gone("", "")
		}
		return
	}
	ref := objects.Ref{Kind: objects.Kind(e.spec.Type), Namespace: namespace, Name: ptr.Deref(e.spec.Name, "")}
	if ns := ptr.Deref(e.spec.Namespace, ""); ns != "" { // an empty one is that of the object, and not all of them
		ref.Namespace = ns
	}
	if ref.Name == "" {
		e.gone("", "")
		return
	}
	e.object = ref
	from := objects.From{Kind: objects.GlobalAccelerator, Namespace: namespace}
	var err error
	switch e.spec.Type {
	case agav1beta1.EndpointService:
		err = with(v, from, ref, e.service)
	case agav1beta1.EndpointIngress:
		err = with(v, from, ref, e.ingress)
	case agav1beta1.EndpointGateway:
		err = with(v, from, ref, e.gateway)
	default:
		e.gone(fmt.Sprintf("type %q is none of EndpointID, Service, Ingress and Gateway", e.spec.Type), "correct the type")
	}
	var foreign *objects.ForeignError
	switch {
	case errors.As(err, &foreign):
		e.unpermitted = true
		e.gone(fmt.Sprintf("no ReferenceGrant of namespace %s admits references from GlobalAccelerators of "+
			"namespace %s to %s %s", ref.Namespace, namespace, ref.Kind, ref.Name),
			"create a ReferenceGrant there, or correct the reference")
	case errors.Is(err, objects.ErrAbsent):
		e.gone(fmt.Sprintf("%s %s/%s does not exist", ref.Kind, ref.Namespace, ref.Name),
			"create it, or correct the reference")
	case err != nil:
		e.pending(fmt.Sprintf("%s %s/%s cannot be read: %v", ref.Kind, ref.Namespace, ref.Name, err), "")
	}
}

// with reads an object that may be named.
func with[T metav1.Object](v *objects.View, from objects.From, ref objects.Ref, read func(T)) error {
	o, err := objects.Get[T](v, from, ref)
	if err == nil {
		read(o)
	}
	return err
}

func (e *Endpoint) gone(problem, remedy string) { e.State, e.Problem, e.Remedy = Gone, problem, remedy }

func (e *Endpoint) pending(problem, remedy string) {
	e.State, e.Problem, e.Remedy = Pending, problem, remedy
}

func (e *Endpoint) hosted(host string) { e.State, e.Host = Hosted, host }

// service reads the load balancer of a Service. Whose it is does not matter.
func (e *Endpoint) service(o *corev1.Service) {
	if o.Spec.Type != corev1.ServiceTypeLoadBalancer {
		e.gone(fmt.Sprintf("%s is of type %s and has no load balancer", e.Name, o.Spec.Type),
			"make it one of type LoadBalancer")
		return
	}
	at := slices.IndexFunc(o.Status.LoadBalancer.Ingress, func(i corev1.LoadBalancerIngress) bool {
		return i.Hostname != ""
	})
	if at < 0 {
		e.noBalancer()
		return
	}
	e.hosted(o.Status.LoadBalancer.Ingress[at].Hostname)
	add := func(port int32, protocol corev1.Protocol) {
		p := Port{accelerator.TCP, port}
		if protocol == corev1.ProtocolUDP {
			p.Protocol = accelerator.UDP
		}
		if slices.ContainsFunc(e.Ports, func(o Port) bool { return o.Port == p.Port }) {
			e.PortProblem = fmt.Sprintf("auto-discovery does not support TCP_UDP services on the same port: %s has "+
				"port %d twice", e.Name, port)
		}
		e.Ports = append(e.Ports, p)
	}
	for _, p := range o.Status.LoadBalancer.Ingress[at].Ports {
		add(p.Port, p.Protocol)
	}
	if len(e.Ports) == 0 { // another controller may show none
		for _, p := range o.Spec.Ports {
			add(p.Port, p.Protocol)
		}
	}
}

// ingress reads the ALB of an Ingress; the NLB in front of it, which its status may show too, is not meant.
func (e *Endpoint) ingress(o *networkingv1.Ingress) {
	e.noBalancer()
	for _, entry := range o.Status.LoadBalancer.Ingress {
		if !strings.Contains(entry.Hostname, "elb.amazonaws") {
			continue
		}
		e.hosted(entry.Hostname)
		e.Problem, e.Remedy = "", ""
		e.Ports = nil
		for _, p := range entry.Ports {
			e.Ports = append(e.Ports, Port{accelerator.TCP, p.Port})
		}
	}
	if e.State == Hosted && len(e.Ports) == 0 {
		e.PortProblem = "the status of " + e.Name + " shows no ports of its load balancer"
	}
}

// gateway reads the load balancer of a Gateway.
func (e *Endpoint) gateway(o *gatewayv1.Gateway) {
	at := slices.IndexFunc(o.Status.Addresses, func(a gatewayv1.GatewayStatusAddress) bool {
		return a.Type != nil && *a.Type == gatewayv1.HostnameAddressType && a.Value != ""
	})
	if at < 0 {
		e.noBalancer()
		return
	}
	e.hosted(o.Status.Addresses[at].Value)
	e.more = o.Spec.AllowedListeners != nil // ListenerSets
	for i := range o.Spec.Listeners {
		p := Port{accelerator.TCP, o.Spec.Listeners[i].Port}
		if o.Spec.Listeners[i].Protocol == gatewayv1.UDPProtocolType {
			p.Protocol = accelerator.UDP
		}
		if !slices.Contains(e.Ports, p) {
			e.Ports = append(e.Ports, p)
		}
	}
}

func (e *Endpoint) noBalancer() {
	e.pending(e.Name+" does not show a load balancer yet",
		"nothing to do if its load balancer is being created; otherwise see its events")
}
