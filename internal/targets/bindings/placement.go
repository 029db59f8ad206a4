package bindings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// PodENIAnnotation lists the branch interfaces of a pod that has security groups of its own.
const PodENIAnnotation = "vpc.amazonaws.com/pod-eni"

// computeType labels nodes that are no instances; the hybrid ones are outside AWS and have no security groups.
const computeType, hybrid = "eks.amazonaws.com/compute-type", "hybrid"

// placement is the search for the security group of each endpoint of a binding.
type placement struct {
	of      *Networks
	binding *v1beta1.TargetGroupBinding
	groups  sgsync.Groups

	nodes map[string]*corev1.Node // of the endpoints; nil = unknown
	// byGroup are the endpoints behind each group, if the binding names ports of pods (named); else nobody asks which they
	// are.
	byGroup map[string][]registrar.Endpoint
	named   bool
	chosen  map[string]choice    // by interface with several groups
	lost    []registrar.Endpoint // without an error: those of pods that the caches lack, for which it is repeated soon
	errs    []error
	doubts  map[string]doubt // by interface
}

// choice is the group that is chosen for an interface.
type choice struct {
	sgsync.Choice
	err error
}

// doubt is why the group of an interface may be the wrong one of its groups.
type doubt struct {
	text   string
	groups []string
}

// doubtful is the finding that the groups of interfaces may be the wrong ones; it names the first one.
func (p *placement) doubtful() diag.List {
	if len(p.doubts) == 0 {
		return nil
	}
	first := p.doubts[slices.Min(slices.Collect(maps.Keys(p.doubts)))]
	text := first.text
	if n := len(p.doubts) - 1; n > 0 {
		text += fmt.Sprintf("; %d more network interfaces of this binding have the same problem", n)
	}
	return diag.List{diag.New(bindingobject.BindingObject(p.binding), "spec.networking", diag.SecurityGroupUnclear, text,
		sgsync.DoubtRemedy(first.groups))}
}

// groupsOf finds the security group of each endpoint. Those whose group is not found are lost, and the error says why;
// the others count.
func (n *Networks) groupsOf(ctx context.Context, o *v1beta1.TargetGroupBinding, endpoints registrar.Endpoints) (
	p *placement, err error) {
	p = n.placing(o)
	if p.groups, err = n.knownGroups(ctx); err != nil {
		p.lost, p.errs = endpoints.Slice(), []error{err}
		return p, err
	}
	p.find(ctx, endpoints)
	return p, JoinOnce(p.errs)
}

func (n *Networks) placing(o *v1beta1.TargetGroupBinding) *placement {
	return &placement{
		of: n, binding: o, nodes: map[string]*corev1.Node{}, byGroup: map[string][]registrar.Endpoint{}, named: namesPorts(o),
		chosen: map[string]choice{},
		doubts: map[string]doubt{},
	}
}

// find finds the security group of each endpoint.
func (p *placement) find(ctx context.Context, endpoints registrar.Endpoints) {
	if *p.binding.Spec.TargetType == v1beta1.TargetTypeInstance {
		p.placeNodes(ctx, endpoints)
		return
	}
	for _, e := range endpoints.All() {
		if _, asked := p.nodes[e.Node]; asked {
			continue
		}
		p.nodes[e.Node] = nil
		if node, ok := p.of.Cluster.Node(ctx, e.Node); ok {
			p.nodes[e.Node] = node
		}
	}
	p.placePods(ctx, endpoints)
}

func (n *Networks) knownGroups(ctx context.Context) (sgsync.Groups, error) {
	tags := n.Inventory.SecurityGroups().TagsAtHand(ctx)
	if err := ctx.Err(); err != nil {
		return sgsync.Groups{}, err
	}
	return sgsync.Groups{
		Tags: tags,
		Serves: func(group string) (bool, error) {
			rules, _, err := n.Inventory.SecurityGroups().RulesAtHand(ctx, group)
			if err != nil && awsclient.Classify(err).Code == awsclient.CodeGroupNotFound { // the interface has left it meanwhile
				return false, nil
			}
			return sgsync.Serves(rules), err
		},
	}, nil
}

// namesPorts reports whether the networking of a binding names ports of pods. Ports of nodes have no names.
func namesPorts(o *v1beta1.TargetGroupBinding) bool {
	return ofAddress(o) && o.Spec.Networking != nil && slices.ContainsFunc(o.Spec.Networking.Ingress,
		func(r v1beta1.NetworkingIngressRule) bool {
			return slices.ContainsFunc(r.Ports, func(p v1beta1.NetworkingPort) bool {
				return p.Port != nil && p.Port.StrVal != ""
			})
		})
}

func (p *placement) fail(err error, of ...*registrar.Endpoint) {
	p.errs = append(p.errs, err)
	for _, e := range of {
		p.lost = append(p.lost, *e)
	}
}

func (p *placement) unresolved(e *registrar.Endpoint, format string, args ...any) {
	p.fail(sgsync.Unresolved(fmt.Sprintf(format, args...)), e)
}

// unread are the reads that failed. That EC2 does not know what it was asked for is an answer.
func (p *placement) unread() error {
	return JoinOnce(slices.DeleteFunc(slices.Clone(p.errs), func(err error) bool {
		class := awsclient.Classify(err).Class
		return errors.As(err, new(sgsync.Unresolved)) || class == diag.NotFound || class == diag.Invalid
	}))
}

func (p *placement) place(e *registrar.Endpoint, i network.Interface) {
	c, known := p.chosen[i.ID]
	if !known {
		c.Choice, c.err = p.of.Chooser.Choose(i, p.groups)
		if len(i.Groups) > 1 { // else the choice costs nothing
			p.chosen[i.ID] = c
		}
	}
	if c.err != nil {
		p.fail(c.err, e)
		return
	}
	if c.Doubt != "" {
		p.doubts[i.ID] = doubt{c.Doubt, i.Groups}
	}
	members := p.byGroup[c.Group]
	if p.named {
		members = append(members, *e)
	}
	p.byGroup[c.Group] = members
}

// unplaced has lists of endpoints for the search for their interfaces. Mostly it finds all, and needs no list later.
var unplaced = sync.Pool{New: func() any { return new([]*registrar.Endpoint) }}

func (p *placement) placeNodes(ctx context.Context, endpoints registrar.Endpoints) {
	of, err := p.interfaces(ctx, func(yield func(string) bool) {
		for _, e := range endpoints.All() {
			if !yield(e.ID) {
				return
			}
		}
	})
	if err != nil {
		p.errs, p.lost = append(p.errs, err), append(p.lost, endpoints.Slice()...)
		return
	}
	for _, e := range endpoints.All() {
		if i, ok := sgsync.ForNode(of(e.ID)); ok {
			p.place(e, i)
		} else {
			p.unresolved(e, "cannot resolve node ENI for node %s: instance %s has no primary network interface", e.Node, e.ID)
		}
	}
}

// interfaces returns a look-up of the interfaces of instances. Mostly all are known: then a binding pays for none of
// its nodes.
func (p *placement) interfaces(ctx context.Context, ids iter.Seq[string]) (of func(id string) []network.Interface,
	err error) {
	for id := range ids {
		if _, fresh := p.of.Interfaces.OfInstance(id); !fresh {
			known, err := p.of.Interfaces.OfInstances(ctx, slices.Collect(ids))
			if err != nil {
				return nil, err
			}
			return func(id string) []network.Interface { return known[id] }, nil
		}
	}
	return func(id string) []network.Interface {
		list, fresh := p.of.Interfaces.OfInstance(id)
		if !fresh { // its lifetime has ended meanwhile
			one, _ := p.of.Interfaces.OfInstances(ctx, []string{id})
			list = one[id]
		}
		return list
	}, nil
}

// placePods looks for the interface of a pod where it is said to be, then at those of its node's instance, and then,
// for pods whose node is no instance of ours (Fargate, HyperPod), for the interface that has the address.
func (p *placement) placePods(ctx context.Context, endpoints registrar.Endpoints) {
	list, _ := unplaced.Get().(*[]*registrar.Endpoint)
	all := slices.Grow((*list)[:0], endpoints.Len())
	for _, e := range endpoints.All() {
		all = append(all, e)
	}
	rest := p.placeBranches(ctx, all)
	rest = p.placeOnInstances(ctx, rest)
	p.placeByAddress(ctx, rest)
	clear(all) // keeps no endpoint
	*list = all
	unplaced.Put(list)
}

// placeBranches returns the endpoints that are left, in the list that it is given.
func (p *placement) placeBranches(ctx context.Context, endpoints []*registrar.Endpoint) (rest []*registrar.Endpoint) {
	rest = endpoints[:0]
	for _, e := range endpoints {
		if n := p.nodes[e.Node]; n != nil && n.Labels[computeType] == hybrid {
			continue
		}
		eni, known := p.branchInterface(ctx, e)
		switch {
		case !known:
			p.lost = append(p.lost, *e)
			cache.MarkStale(ctx)
			continue
		case eni == "":
			rest = append(rest, e)
			continue
		}
		byID, err := p.of.Interfaces.ByID(ctx, []string{eni})
		if err != nil {
			p.fail(err, e)
			continue
		}
		i := byID[eni]
		if addr, err := netip.ParseAddr(e.ID); err != nil || !i.Carries(addr) {
			// whoever writes pods may name any interface: its groups are opened only if EC2 says that it has the address
			rest = append(rest, e)
			continue
		}
		p.place(e, i)
	}
	return rest
}

// branchInterface is the interface that a pod with security groups of its own has; empty for other pods. known is false
// while the caches lack the pod.
func (p *placement) branchInterface(ctx context.Context, e *registrar.Endpoint) (eni string, known bool) {
	pod, known := p.of.Cluster.Pod(ctx, e.Namespace, e.Pod)
	if !known || pod.Annotations[PodENIAnnotation] == "" {
		return "", known
	}
	var list []struct {
		ENI  string `json:"eniId"`
		IPv4 string `json:"privateIp"`
		IPv6 string `json:"ipv6Addr"`
	}
	if json.Unmarshal([]byte(pod.Annotations[PodENIAnnotation]), &list) != nil {
		return "", true
	}
	for _, l := range list {
		if l.IPv4 == e.ID || l.IPv6 != "" && l.IPv6 == e.ID {
			return l.ENI, true
		}
	}
	return "", true
}

// placeOnInstances looks at the interfaces of the endpoints' instances, and again at those of the instances whose known
// interfaces do not have an endpoint's address: it may be newer than what is known.
func (p *placement) placeOnInstances(ctx context.Context, endpoints []*registrar.Endpoint) (
	rest []*registrar.Endpoint) {
	sought := map[string][]netip.Addr{}
	on := endpoints[:0]
	for _, e := range endpoints {
		if _, err := netip.ParseAddr(e.ID); err != nil {
			p.unresolved(e, "pod %s/%s has no usable address: %v", e.Namespace, e.Pod, err)
		} else if id := p.instance(e); id == "" {
			rest = append(rest, e)
		} else {
			sought[id], on = nil, append(on, e)
		}
	}
	for _, read := range []func() (func(string) []network.Interface, error){
		func() (func(string) []network.Interface, error) { return p.interfaces(ctx, maps.Keys(sought)) },
		func() (func(string) []network.Interface, error) {
			again, err := p.of.Interfaces.Reread(ctx, sought)
			return func(id string) []network.Interface { return again[id] }, err
		},
	} {
		if len(on) == 0 {
			break
		}
		instances, err := read()
		if err != nil {
			p.fail(err, on...)
			return rest
		}
		tried := on
		on, sought = on[:0], map[string][]netip.Addr{}
		for _, e := range tried {
			id, addr := p.instance(e), netip.MustParseAddr(e.ID)
			if i, ok := sgsync.ForPod(instances(id), addr); ok {
				p.place(e, i)
			} else {
				sought[id], on = append(sought[id], addr), append(on, e)
			}
		}
	}
	return append(rest, on...)
}

// instance is the one that an endpoint's node is; empty if none is known.
func (p *placement) instance(e *registrar.Endpoint) string {
	if p.nodes[e.Node] == nil {
		return ""
	}
	id, _ := registrar.InstanceID(p.nodes[e.Node])
	return id
}

func (p *placement) placeByAddress(ctx context.Context, endpoints []*registrar.Endpoint) {
	if len(endpoints) == 0 {
		return
	}
	var of []network.Address
	for _, e := range endpoints {
		for _, a := range p.addresses(ctx, e) {
			if a.IP.IsValid() {
				of = append(of, a)
			}
		}
	}
	found, err := p.of.Interfaces.ByAddress(ctx, p.of.VPC, of)
	if err != nil {
		p.fail(err, endpoints...)
		return
	}
	for _, e := range endpoints {
		a := p.addresses(ctx, e)
		if i, ok := found[a[0]]; ok {
			p.place(e, i)
			// the node's interface, which the pod's address is delegated to
		} else if i, ok := found[a[1]]; ok && i.Carries(a[0].IP) {
			p.place(e, i)
		} else {
			p.unresolved(e, "cannot resolve pod ENI for pods: %s/%s (%s) on node %s", e.Namespace, e.Pod, e.ID, e.Node)
		}
	}
}

// addresses are the pod's and its node's; an invalid one is none.
func (p *placement) addresses(ctx context.Context, e *registrar.Endpoint) [2]network.Address {
	var out [2]network.Address
	if pod, ok := p.of.Cluster.Pod(ctx, e.Namespace, e.Pod); ok {
		out[0].Holder = string(pod.UID)
	}
	out[0].IP, _ = netip.ParseAddr(e.ID)
	n := p.nodes[e.Node]
	if n == nil {
		return out
	}
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			out[1].Holder = string(n.UID)
			out[1].IP, _ = netip.ParseAddr(a.Address)
			break
		}
	}
	return out
}
