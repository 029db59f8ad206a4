package bindings

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// PortEndpoints are the endpoints of a Service port from which the targets of a binding are chosen, and what decides
// about them.
type PortEndpoints struct {
	Binding *v1beta1.TargetGroupBinding // complete
	Cluster registrar.Cluster
	// Pods are the ready ones, Podless the addresses behind which no Pod stands. Refused are those of pods that are not
	// shown to have them.
	Pods    registrar.Endpoints
	Podless []registrar.Endpoint
	Refused []registrar.Candidate
	// Allowed are the addresses that endpoints without Pod may have. Nodes are all nodes, whose addresses they never may;
	// they are read only if there are such endpoints.
	Allowed allowlist.Addresses
	Nodes   []*corev1.Node
	// VPC is that of the target group; known is false while nothing is known of it.
	VPC           func() (vpc *facts.VPC, known bool)
	ExcludedNodes bool   // pods on nodes with the label that excludes these from load balancers are no targets
	QUICVariable  string // the environment variable with the server ids of pods
	// About are the binding and its Service.
	About func() []diag.Object
	// Owner is the object that declares the load balancer, if one does alone; nil = it is not looked for.
	Owner func() []diag.Object
}

// ServiceMissing returns the finding that the Service of a binding does not exist.
func ServiceMissing(o *v1beta1.TargetGroupBinding) diag.Diagnostic {
	return diag.New(bindingobject.BindingObject(o), "spec.serviceRef.name", diag.ServiceMissing,
		fmt.Sprintf("Service %s/%s does not exist", o.Namespace, o.Spec.ServiceRef.Name),
		"create the Service, or name another one")
}

// TooMany returns the findings that a Service port has more endpoints than are looked at. about are the binding, its
// Service and what declares it.
func TooMany(n int, about []diag.Object) (found diag.List) {
	for _, o := range about {
		found = append(found, diag.New(o, "", diag.InvalidBinding, fmt.Sprintf("EndpointSlices of the Service have %d "+
			"pairs of address and port, and at most %d are looked at; what is registered stays", n, registrar.MostEndpoints),
			"remove ports and addresses from the EndpointSlices, or name the Service's port, so that only ports of that name "+
				"count"))
	}
	return found
}

// Addresses returns the addresses to register: those of Pods, and those of other machines that the binding's
// namespace is allowed to register. unidentified are the endpoints that QUIC excludes, because they have no server
// id.
func (x PortEndpoints) Addresses(ctx context.Context) (wanted registrar.Endpoints, found diag.List,
	unidentified []registrar.Endpoint) {
	wanted = registrar.Staying(ctx, x.Cluster, x.Pods, x.ExcludedNodes)
	machines, found := x.machines()
	if len(machines) > 0 {
		all := append(wanted.Slice(), machines...)
		slices.SortFunc(all, func(x, y registrar.Endpoint) int {
			return cmp.Or(cmp.Compare(x.Key(), y.Key()), -cmp.Compare(x.Pod, y.Pod))
		})
		wanted = registrar.EndpointsOf(slices.CompactFunc(all, func(x, y registrar.Endpoint) bool {
			return x.Key() == y.Key()
		})...)
	}
	wanted, notes, unidentified := x.identified(ctx, wanted)
	return wanted, slices.Concat(found, x.forged(), notes), unidentified
}

// machines are the endpoints without Pod that are registered. The others are reported.
func (x PortEndpoints) machines() (wanted []registrar.Endpoint, found diag.List) {
	var barred, outside []string
	nodeAt := registrar.NodesAt(x.Nodes)
	for _, e := range x.Podless {
		switch why := x.barred(e, nodeAt); {
		case why != "":
			barred = append(barred, e.Key()+" ("+why+")")
		case x.outside(e): // whether the load balancer has a way to it is not known here
			outside = append(outside, e.Key())
		default:
			wanted = append(wanted, e)
		}
	}
	if len(barred) > 0 {
		found = x.notAllowed("endpoints without Pod are not registered: "+diag.Some(barred),
			"if an address belongs to no node, an administrator can allow it with --endpoints-without-pods=%s=CIDR; "+
				"otherwise, remove the address from the EndpointSlices")
	}
	if len(outside) > 0 {
		d := diag.New(bindingobject.BindingObject(x.Binding), "spec.serviceRef", diag.EndpointNotResolved,
			fmt.Sprintf("endpoints without Pod are not registered, as their addresses are not in %s: %s", x.Binding.Spec.VpcID,
				strings.Join(outside, ", ")),
			"register addresses outside the VPC in a target group of their own, with availability zone all")
		d.Class = diag.Note
		found = append(found, d)
	}
	return wanted, found
}

// barred is why an endpoint without Pod may not be registered, whatever VPC it is in.
func (x PortEndpoints) barred(e registrar.Endpoint, nodeAt func(address string) (string, bool)) string {
	if registrar.Reserved(e.ID) {
		return "a reserved address"
	}
	if node, ok := nodeAt(e.ID); ok {
		return "the address of node " + node
	}
	if a, err := netip.ParseAddr(e.ID); err != nil || !x.Allowed.Allow(x.Binding.Namespace, a) {
		return "not allowed to namespace " + x.Binding.Namespace + " by --endpoints-without-pods"
	}
	return ""
}

// forged are the findings that endpoints are not the pods that their EndpointSlices name.
func (x PortEndpoints) forged() diag.List {
	refused := x.refused()
	if len(refused) == 0 {
		return nil
	}
	return x.notAllowed("endpoints that EndpointSlices say to be pods are not registered: "+diag.Some(refused),
		"name a pod of the namespace whose status has the address; name none for the address of another machine, which an "+
			"administrator can allow with --endpoints-without-pods=%s=CIDR")
}

// refused are the endpoints that are not the pods that their EndpointSlices name, and why, each once.
func (x PortEndpoints) refused() (texts []string) {
	told := map[string]bool{}
	for _, c := range x.Refused {
		if text := c.Key() + " of pod " + c.Namespace + "/" + c.Pod + " (" + c.Why + ")"; !told[text] {
			told[text] = true
			texts = append(texts, text)
		}
	}
	return texts
}

// Forwards returns the findings that nodes are not registered, because at the node port they forward requests to
// endpoints that are neither pods of the namespace nor allowed to it; none = they are registered.
func (x PortEndpoints) Forwards() diag.List {
	var barred []string
	nodeAt := registrar.NodesAt(x.Nodes)
	for _, e := range x.Podless {
		if why := x.barred(e, nodeAt); why != "" {
			barred = append(barred, e.Key()+" ("+why+")")
		}
	}
	if barred = append(barred, x.refused()...); len(barred) == 0 {
		return nil
	}
	return x.nodesLeftOut(diag.Some(barred))
}

// ForwardsTooMuch returns the findings that nodes are not registered, because the Service has more endpoints than are
// looked at.
func (x PortEndpoints) ForwardsTooMuch() diag.List {
	return x.nodesLeftOut(fmt.Sprintf("more than %d endpoints, of which the controller looks at no more",
		registrar.MostEndpoints))
}

func (x PortEndpoints) nodesLeftOut(to string) diag.List {
	return x.notAllowed("nodes are not registered, as they would forward requests at the node port to "+to,
		"remove these addresses from the EndpointSlices of the Service, or name pods of the namespace whose status has "+
			"them; "+
			"an administrator can allow addresses that belong to no node and no pod with --endpoints-without-pods=%s=CIDR")
}

// Together are objects and more of them, each once.
func Together(objects, more []diag.Object) []diag.Object {
	for _, o := range more {
		if !slices.Contains(objects, o) {
			objects = append(slices.Clip(objects), o)
		}
	}
	return objects
}

// notAllowed is a finding on the binding, its Service and what declares it; the remedy has a place for the namespace.
func (x PortEndpoints) notAllowed(text, remedy string) (found diag.List) {
	about := x.About()
	if x.Owner != nil {
		about = Together(about, x.Owner())
	}
	for _, about := range about {
		found = append(found, diag.New(about, "", diag.EndpointNotAllowed, text, fmt.Sprintf(remedy, x.Binding.Namespace)))
	}
	return found
}

// outside reports whether an endpoint without Pod is known to be outside of the VPC, and is not registered for that.
func (x PortEndpoints) outside(e registrar.Endpoint) bool {
	vpc, known := x.VPC()
	// with a role, the load balancer is meant to be elsewhere
	return known && x.Binding.Spec.IamRoleArnToAssume == "" && !Within(vpc, e)
}

// ofAddress reports whether the targets of a binding are addresses.
func ofAddress(o *v1beta1.TargetGroupBinding) bool {
	return o.Spec.TargetType == nil || *o.Spec.TargetType == v1beta1.TargetTypeIP
}

// Within reports whether an address is one of a VPC.
func Within(vpc *facts.VPC, e registrar.Endpoint) bool {
	addr, err := netip.ParseAddr(e.ID)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(slices.Concat(vpc.CIDRs, vpc.IPv6CIDRs), func(c string) bool {
		p, err := netip.ParsePrefix(c)
		return err == nil && p.Contains(addr)
	})
}

// identified are the endpoints that can be registered: of QUIC those with a server id of their own, of other protocols
// all. The others are reported on the binding and its Service without their names, so that a rolling update repeats no
// event.
func (x PortEndpoints) identified(ctx context.Context, all registrar.Endpoints) (wanted registrar.Endpoints,
	found diag.List, left []registrar.Endpoint) {
	protocol := x.Binding.Spec.TargetGroupProtocol
	if protocol == nil || !registrar.IsQUIC(string(*protocol)) {
		return all, nil, nil
	}
	identified, missing, repeated := registrar.WithServerIDs(ctx, x.Cluster, all, x.QUICVariable)
	note := func(text, remedy string) {
		for _, about := range x.About() {
			found = append(found, diag.New(about, "", diag.PodsUnidentified, text, remedy))
		}
	}
	if len(missing) > 0 {
		note(fmt.Sprintf("the controller does not register endpoints whose pods have no QUIC server id. When a pod is "+
			"created, the controller's webhook gives it an id if the pod has annotation %s and its namespace has label "+
			"%s=enabled",
			serverid.Annotation, serverid.NamespaceLabel),
			fmt.Sprintf("set the annotation in the pod template to the names of the containers that serve QUIC, label the "+
				"namespace, and run kubectl rollout restart; the QUIC server must put the value of environment variable %s into "+
				"its connection ids",
				x.QUICVariable))
	}
	if len(repeated) > 0 {
		note("the controller does not register endpoints with the QUIC server id of another pod: AWS allows an id once",
			fmt.Sprintf("remove the environment variable %s from the pod template, so that each pod gets an id of its own",
				x.QUICVariable))
	}
	return registrar.EndpointsOf(identified...), found, append(missing, repeated...)
}

// WithoutPods returns the findings that a target group is empty because its Service has no endpoints.
func WithoutPods(o *v1beta1.TargetGroupBinding, svc *corev1.Service, about []diag.Object) diag.List {
	why, remedy := LacksPods(svc)
	return empty(o, about, "spec.serviceRef", why, remedy)
}

// LacksPods says why a Service has no endpoints, and what to do.
func LacksPods(svc *corev1.Service) (why, remedy string) {
	why, remedy = serviceport.WithoutEndpoints(svc)
	switch {
	case why != "":
	case len(svc.Spec.Selector) == 0:
		why = fmt.Sprintf("Service %s has no selector, and no EndpointSlice gives it ready endpoints", svc.Name)
		remedy = "give the Service a selector, or create an EndpointSlice for it"
	default:
		why = fmt.Sprintf("no pod with the labels %s, which Service %s selects, has been ready for a minute",
			labels.FormatLabels(svc.Spec.Selector), svc.Name)
		remedy = "compare the selector of the Service with the labels of the pods, and read why the pods are not ready: " +
			"kubectl describe pod"
	}
	return why, remedy
}

// empty are the findings that a target group is empty. path is the field of the binding that decides it.
func empty(o *v1beta1.TargetGroupBinding, about []diag.Object, path, why, remedy string) (found diag.List) {
	text := fmt.Sprintf("target group %s has no targets, so requests to it fail: %s",
		naming.OfTargetGroup(o.Spec.TargetGroupARN), why)
	for _, x := range about {
		at := ""
		if x.Kind == "TargetGroupBinding" {
			at = path
		}
		found = append(found, diag.New(x, at, diag.NoTargets, text, remedy))
	}
	return found
}

// InOtherVPC returns the finding, for a binding and its Service, that instances are not registered because AWS
// accepts only instances of the target group's VPC.
func InOtherVPC(o *v1beta1.TargetGroupBinding, about []diag.Object, ids []string, of int) (found diag.List) {
	text := fmt.Sprintf("%d of %d nodes are not registered, as their instances are not in %s, the VPC of "+
		"target group %s: %s",
		len(ids), of, o.Spec.VpcID, naming.OfTargetGroup(o.Spec.TargetGroupARN), strings.Join(ids, ", "))
	for _, x := range about {
		d := diag.New(x, "", diag.EndpointNotResolved, text,
			"leave them out by a node selector or the label node.kubernetes.io/exclude-from-external-load-balancers, or "+
				"use ip targets")
		d.Class = diag.Note
		found = append(found, d)
	}
	return found
}

// LeftOut returns the finding that endpoints are not registered, as the flag limits how many may be.
func LeftOut(o *v1beta1.TargetGroupBinding, n, limit int) diag.Diagnostic {
	return diag.New(bindingobject.BindingObject(o), "spec.targetGroupARN", diag.QuotaExceeded,
		fmt.Sprintf("%d endpoints are not registered: --max-targets-per-target-group=%d", n, limit),
		"raise the flag, or run fewer pods")
}

// BeyondShare returns the findings that endpoints are not registered, because the namespace has its share of the
// targets that AWS admits behind a load balancer. about are the binding and its Service.
func BeyondShare(about []diag.Object, n int, of registrar.Balancer, share int) (found diag.List) {
	for _, x := range about {
		found = append(found, diag.New(x, "", diag.QuotaExceeded,
			fmt.Sprintf("%d endpoints are not registered: AWS admits %d targets behind load balancer %s, and the share of "+
				"namespace %s is %d", n, of.Max, of.ARN, x.Namespace, share),
			"run fewer pods, use a load balancer of your own, or have AWS raise the quota of targets per load balancer"))
	}
	return found
}

// ZoneOf gives the zone to send for addresses outside a VPC ("all").
func ZoneOf(vpc *facts.VPC) func(registrar.Endpoint) string {
	return func(e registrar.Endpoint) string {
		if _, err := netip.ParseAddr(e.ID); err != nil || Within(vpc, e) {
			return ""
		}
		return registrar.AllZones
	}
}

// ExplainedEndpoint is an endpoint of a binding's Service, and why it is no target.
type ExplainedEndpoint struct {
	registrar.Endpoint
	Why string // empty = it is a target
}

// Explain gives a reason to each candidate that is not wanted. Nodes and pods are judged in the same way.
func (x PortEndpoints) Explain(ctx context.Context, all []registrar.Candidate,
	wanted []registrar.Endpoint) []ExplainedEndpoint {
	by := map[string]registrar.Endpoint{} // wanted, by address
	for _, e := range wanted {
		by[e.Address()] = e
	}
	out := make([]ExplainedEndpoint, 0, len(all))
	shown, nodeAt := map[string]bool{}, registrar.NodesAt(x.Nodes)
	for _, c := range all {
		j := ExplainedEndpoint{Endpoint: c.Endpoint, Why: c.Why}
		if e, ok := by[c.Address()]; ok && e.Pod == c.Pod && e.Node == c.Node && !shown[c.Address()] {
			j.Endpoint, j.Why, shown[c.Address()] = e, "", true
		} else if c.Why == "" {
			j.Why = x.why(ctx, c.Endpoint, shown[c.Address()], nodeAt)
		}
		out = append(out, j)
	}
	slices.SortStableFunc(out, func(a, b ExplainedEndpoint) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.Node, b.Node),
			cmp.Compare(a.Key(), b.Key()))
	})
	return out
}

// why is what leaves out an endpoint that is ready.
func (x PortEndpoints) why(ctx context.Context, e registrar.Endpoint, repeated bool,
	nodeAt func(address string) (string, bool)) string {
	node, known := x.Cluster.Node(ctx, e.Node)
	protocol := x.Binding.Spec.TargetGroupProtocol
	switch {
	case repeated:
		return "another endpoint has its address and port"
	case e.Pod != "" && known && registrar.PodsLeave(node, x.ExcludedNodes):
		return "its node is about to go, or excluded from load balancers"
	case e.Pod == "" && ofAddress(x.Binding) && x.barred(e, nodeAt) != "":
		return x.barred(e, nodeAt)
	case e.Pod == "" && x.outside(e):
		return "its address is not in " + x.Binding.Spec.VpcID
	case protocol != nil && registrar.IsQUIC(string(*protocol)):
		return "its pod has no QUIC server id of its own"
	}
	return "another endpoint has its address and port"
}
