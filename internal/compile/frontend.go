package compile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// frontend is the network load balancer in front of the ALB, as settled. Whatever is wrong with it costs neither the ALB nor
// the member that says it: a frontend that exists then stays as it is.
type frontend struct {
	wanted      bool
	held        bool // something is wrong: it is left as it is
	enabled     owned[bool]
	scheme      owned[string]
	subnets     owned[[]string]
	groups      owned[[]string]
	allocations owned[[]string]
	attributes  owned[map[string]string]
	tags        owned[map[string]string]
	ports       []*frontendPort
	resolved    []stack.Ref // of groups; nil = the ALB's

	balancers []stack.LoadBalancer // what is made of it: one or none
	listeners []stack.Listener
}

// frontendPort is one port of the frontend, which leads to one of the ALB.
type frontendPort struct {
	number, target int32
	members        []int
	source         intent.Source // where the port was mapped; the zero Source for one that was not
}

const frontendWaits = "; the network load balancer in front of the ALB is neither made nor changed until this is fixed"

var frontendRef = stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.FrontendIdentity}

func frontendSetting[T any](b *build, what string, same func(a, b T) bool, get func(*intent.Frontend) intent.Field[T]) owned[T] {
	return hold(exclusive(b, func(m *member) intent.Field[T] { return get(&m.Settings.Frontend) },
		settling[T]{what: what + " of the frontend NLB", same: same, show: printed[T]}))
}

// settleFrontend settles what the members say of the frontend. It needs the merged ports.
func (b *build) settleFrontend() {
	if b.e.Type != stack.Application {
		return
	}
	f := &b.front
	for i := range b.members {
		f.held = f.held || b.members[i].standing != shunned && b.members[i].Settings.Frontend.Broken
	}
	f.enabled = frontendSetting(b, "enabling", equal[bool], func(f *intent.Frontend) intent.Field[bool] { return f.Enabled })
	if !f.enabled.Value {
		b.noteIdleFrontend()
		return
	}
	f.wanted = true
	f.scheme = frontendSetting(b, "scheme", equal[string], func(f *intent.Frontend) intent.Field[string] { return f.Scheme })
	f.subnets = frontendSetting(b, "subnets", sameSet, func(f *intent.Frontend) intent.Field[[]string] { return f.Subnets })
	f.groups = frontendSetting(b, "security groups", slices.Equal[[]string], func(f *intent.Frontend) intent.Field[[]string] { return f.SecurityGroups })
	f.allocations = frontendSetting(b, "EIP allocations", sameSet, func(f *intent.Frontend) intent.Field[[]string] { return f.Allocations })
	f.attributes = frontendSetting(b, "attributes", maps.Equal[map[string]string, map[string]string],
		func(f *intent.Frontend) intent.Field[map[string]string] { return f.Attributes })
	f.tags = frontendSetting(b, "tags", maps.Equal[map[string]string, map[string]string],
		func(f *intent.Frontend) intent.Field[map[string]string] { return f.Tags })
	b.settleFrontendPorts()
	b.resolveFrontendGroups()
}

// noteIdleFrontend tells members whose settings of a frontend have no effect because nobody asks for one.
func (b *build) noteIdleFrontend() {
	for i := range b.members {
		f := &b.members[i].Settings.Frontend
		for _, s := range []struct {
			set    bool
			source intent.Source
		}{{f.Scheme.Set, f.Scheme.Source}, {f.Subnets.Set, f.Subnets.Source}, {f.SecurityGroups.Set, f.SecurityGroups.Source},
			{f.Allocations.Set, f.Allocations.Source}, {f.Attributes.Set, f.Attributes.Source}, {f.Tags.Set, f.Tags.Source}, {f.Ports.Set, f.Ports.Source}} {
			if s.set {
				b.note(i, diag.New(b.members[i].Object, at(s.source), diag.IgnoredSetting,
					"it has no effect: no member of the group asks for a network load balancer in front of the ALB",
					"set enable-frontend-nlb to true, or remove the annotation"))
			}
		}
	}
}

// refuseFrontend tells what is wrong and leaves the frontend as it is. Nobody (-1) is everybody.
func (b *build) refuseFrontend(i int, d diag.Diagnostic) {
	b.front.held = true
	d.Text += frontendWaits
	for j := range b.members {
		if (i < 0 || i == j) && !b.members[j].standing.leftOut() {
			d.Object = b.members[j].Object
			b.note(j, d)
		}
	}
}

func (b *build) refuseFrontendProblem(i int, source intent.Source, p *facts.Problem) {
	if p.Err != nil {
		i, source = -1, intent.Source{}
	}
	b.refuseFrontend(i, p.Diagnostic(diag.Object{}, at(source)))
}

// settleFrontendPorts finds the ports: those that members map, of members that map none all of theirs.
func (b *build) settleFrontendPorts() {
	claims := map[int32][]claim[int32]{}
	for i := range b.members {
		m := &b.members[i]
		if m.standing == shunned {
			continue
		}
		listens := func(number int32) bool {
			return slices.ContainsFunc(b.ports, func(p *port) bool { return p.number == number && p.wish(i).Port == number })
		}
		mapping := m.Settings.Frontend.Ports
		if !mapping.Set {
			for _, p := range b.ports {
				if listens(p.number) {
					claims[p.number] = append(claims[p.number], claim[int32]{i, intent.Of(p.number, intent.Source{Object: m.Object})})
				}
			}
			continue
		}
		for _, from := range slices.Sorted(maps.Keys(mapping.Value)) {
			to := mapping.Value[from]
			if !listens(to) {
				b.note(i, diag.New(m.Object, at(mapping.Source), diag.IgnoredSetting,
					fmt.Sprintf("port %d of the frontend NLB is not opened: the Ingress has no listener on port %d", from, to),
					"name a port of listen-ports"))
				continue
			}
			claims[from] = append(claims[from], claim[int32]{i, intent.Of(to, mapping.Source)})
		}
	}
	for _, number := range slices.Sorted(maps.Keys(claims)) {
		winner, _ := settle(b, claims[number], settling[int32]{
			what: fmt.Sprintf("target of port %d of the frontend NLB", number), same: equal[int32], show: printed[int32],
		})
		p := &frontendPort{number: number, target: winner.field.Value}
		if winner.field.Source.Path != "" {
			p.source = winner.field.Source
		}
		for _, c := range claims[number] {
			if c.field.Value == p.target {
				p.members = append(p.members, c.member)
			}
		}
		b.front.ports = append(b.front.ports, p)
	}
}

// resolveFrontendGroups finds the security groups that users name.
func (b *build) resolveFrontendGroups() {
	f := &b.front
	if !f.groups.Set {
		return
	}
	c := facts.ResolveSecurityGroups(b.f, b.cfg.VPC, f.groups.Value)
	b.want(c.Needs...)
	if c.Problem != nil {
		b.refuseFrontendProblem(f.groups.member, f.groups.Source, c.Problem)
		return
	}
	for _, id := range c.IDs {
		f.resolved = append(f.resolved, stack.Literal(stack.KindSecurityGroup, id))
	}
}

// frontendPermissions are the rules that the managed group of the ALB needs because of the frontend: for the clients of ports
// that the ALB does not have, if the frontend shares the group; and for the frontend's health checks, which come from its own
// addresses, where only some clients are admitted.
func (b *build) frontendPermissions() []stack.Permission {
	f := &b.front
	var out []stack.Permission
	if !f.wanted {
		return nil
	}
	for _, p := range f.ports {
		target := b.portNumbered(p.target)
		if !f.groups.Set && b.portNumbered(p.number) == nil {
			for _, permission := range b.permissions(target) {
				if permission.Protocol == "tcp" {
					permission.FromPort, permission.ToPort = p.number, p.number
					out = append(out, permission)
				}
			}
		}
		out = append(out, b.healthPermissions(target)...)
		for _, i := range p.members {
			if checked := b.portNumbered(number(b.members[i].Settings.Frontend.HealthCheck.Port.Value)); checked != nil {
				out = append(out, b.healthPermissions(checked)...)
			}
		}
	}
	return out
}

// healthPermissions admit the frontend's health checks at a port of the ALB that not everybody may reach.
func (b *build) healthPermissions(p *port) []stack.Permission {
	if !p.cidrs.Set && !p.prefixLists.Set || slices.Contains(p.cidrs.Value, "0.0.0.0/0") {
		return nil
	}
	sources := b.front.resolved
	if !b.front.groups.Set {
		sources = []stack.Ref{{Kind: stack.KindSecurityGroup, ID: stack.ManagedSecurityGroup}}
	}
	var out []stack.Permission
	for _, from := range sources {
		out = append(out, stack.Permission{Protocol: "tcp", FromPort: p.number, ToPort: p.number, Group: from})
	}
	return out
}

func (b *build) portNumbered(number int32) *port {
	for _, p := range b.ports {
		if p.number == number {
			return p
		}
	}
	return nil
}

// buildFrontend makes the load balancer, and per port a listener and a target group whose target is the ALB. It needs the
// listeners of the ALB.
func (b *build) buildFrontend() {
	f := &b.front
	if f.wanted && !f.held {
		lb := b.frontendLoadBalancer()
		if !f.held {
			f.balancers = append(f.balancers, lb)
			for _, p := range f.ports {
				b.buildFrontendPort(p)
			}
		}
	}
	if f.held {
		b.keep = append(b.keep, frontendRef)
	}
}

func (b *build) frontendLoadBalancer() stack.LoadBalancer {
	f := &b.front
	lb := stack.LoadBalancer{
		ID: stack.FrontendIdentity, Name: naming.FrontendLoadBalancer(b.lb.Name), Type: stack.Network,
		Scheme: f.scheme.Or(orElse(b.cfg.DefaultScheme, stack.Internal)), IPAddressType: b.lb.IPAddressType,
		SecurityGroups: f.resolved, Attributes: f.attributes.Value,
	}
	if lb.IPAddressType == stack.DualstackWithoutIPv4 { // which network load balancers do not have
		lb.IPAddressType = stack.Dualstack
	}
	if !f.groups.Set {
		lb.SecurityGroups = slices.Clone(b.lb.SecurityGroups)
	}
	for _, key := range b.cfg.ExternalManagedTags {
		if _, ok := f.tags.Value[key]; ok {
			b.refuseFrontend(f.tags.member, diag.New(diag.Object{}, at(f.tags.Source), diag.InvalidAnnotation,
				fmt.Sprintf("external managed tag key %s cannot be specified", key), "remove the key: the controller's --external-managed-tags leaves it to others"))
		}
	}
	lb.Tags = b.frontendTags(lb.ID)
	b.chooseFrontendSubnets(&lb)
	subnets := f.subnets.Source // what AWS's refusal of a new load balancer most likely concerns
	if !f.subnets.Set {
		subnets = f.allocations.Source
	}
	b.trace(stack.KindLoadBalancer, lb.ID, b.every(), map[string]intent.Source{
		"Scheme": f.scheme.Source, "Subnets": subnets, "SecurityGroups": f.groups.Source, "Mappings": f.allocations.Source,
		"Attributes": f.attributes.Source, "Tags": f.tags.Source,
	})
	return lb
}

// frontendTags are the user's alone if there are any, else those of the ALB.
func (b *build) frontendTags(resource string) map[string]string {
	if f := &b.front; f.tags.Set {
		out := maps.Clone(f.tags.Value)
		maps.Copy(out, naming.Tracking(b.e.Key.Owner, b.cfg.Cluster, b.e.Key.ID.String(), resource))
		return out
	}
	return b.tags(b.settings.tags, resource)
}

// chooseFrontendSubnets: as named, else those that it has, else discovery; Elastic IP addresses by position.
func (b *build) chooseFrontendSubnets(lb *stack.LoadBalancer) {
	f := &b.front
	q := b.subnetQuery()
	q.Type, q.Scheme, q.IPAddressType = lb.Type, lb.Scheme, lb.IPAddressType
	if f.subnets.Set {
		q.IDsOrNames = f.subnets.Value
		b.takeFrontendSubnets(lb, q, f.subnets.member, f.subnets.Source)
	} else {
		if _, known := b.existing(); !known {
			return
		}
		if old := b.f.ExistingFrontend; old != nil && old.Type == lb.Type && old.Scheme == lb.Scheme && len(old.Subnets) > 0 {
			for _, id := range old.Subnets {
				lb.Subnets = append(lb.Subnets, stack.SubnetMapping{Subnet: id})
			}
		} else {
			b.takeFrontendSubnets(lb, q, -1, intent.Source{})
		}
	}
	if !f.allocations.Set || len(lb.Subnets) == 0 {
		return
	}
	refuse := func(remedy, format string, args ...any) {
		b.refuseFrontend(f.allocations.member, diag.New(diag.Object{}, at(f.allocations.Source), diag.InvalidSubnets, fmt.Sprintf(format, args...), remedy))
	}
	switch a := f.allocations.Value; {
	case lb.Scheme != stack.InternetFacing:
		refuse("remove them, or set frontend-nlb-scheme to internet-facing", "EIP allocations can only be set for internet facing load balancers")
	case len(a) != len(lb.Subnets):
		refuse("give one per subnet", "count of EIP allocations (%d) and subnets (%d) must match", len(a), len(lb.Subnets))
	default:
		for i := range lb.Subnets {
			lb.Subnets[i].AllocationID = a[i]
		}
	}
}

func (b *build) takeFrontendSubnets(lb *stack.LoadBalancer, q facts.SubnetQuery, member int, source intent.Source) {
	c := facts.ChooseSubnets(b.f, q)
	b.want(c.Needs...)
	if c.Problem != nil {
		b.refuseFrontendProblem(member, source, c.Problem)
		return
	}
	for _, s := range c.Subnets {
		lb.Subnets = append(lb.Subnets, stack.SubnetMapping{Subnet: s.ID})
	}
}

func (b *build) buildFrontendPort(p *frontendPort) {
	id := naming.FrontendListenerID(p.number)
	if !slices.ContainsFunc(b.listen, func(l stack.Listener) bool { return l.ID == naming.ListenerID(p.target) }) {
		b.keep = append(b.keep, stack.Ref{Kind: stack.KindListener, ID: id}) // as the ALB's own listener is
		return
	}
	check, ok := b.frontendHealthCheck(p)
	if !ok {
		b.keep = append(b.keep, stack.Ref{Kind: stack.KindListener, ID: id})
		return
	}
	tg := stack.TargetGroup{
		ID: naming.FrontendTargetGroupID(p.number), Name: naming.FrontendTargetGroup(b.cfg.Cluster, b.e.Key.ID, p.number, check.Port, check.Protocol),
		TargetType: stack.TargetALB, Port: p.target, Protocol: "TCP", IPAddressType: stack.IPv4, HealthCheck: check,
		Balancer: stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.LoadBalancerIdentity},
	}
	tg.Tags = b.frontendTags(tg.ID)
	l := stack.Listener{
		ID: id, LoadBalancer: frontendRef, Port: p.number, Protocol: "TCP",
		DefaultActions: []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{
			TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: stack.Ref{Kind: stack.KindTargetGroup, ID: tg.ID}}},
		}}},
	}
	if b.cfg.Gates.ListenerRulesTagging {
		l.Tags = b.frontendTags(id)
	}
	b.tgs = append(b.tgs, tg)
	b.front.listeners = append(b.front.listeners, l)
	b.trace(stack.KindTargetGroup, tg.ID, p.members, map[string]intent.Source{"Tags": b.front.tags.Source})
	b.trace(stack.KindListener, id, p.members, map[string]intent.Source{"DefaultActions": p.source, "Tags": b.front.tags.Source})
}

// frontendHealthCheck settles the check of one port: what a member says beats what others leave to the defaults. ok is false if
// the outcome contradicts itself.
func (b *build) frontendHealthCheck(p *frontendPort) (h stack.HealthCheck, ok bool) {
	type health = intent.FrontendHealthCheck
	text := func(what, def string, get func(*health) intent.Field[string]) string {
		return frontendHealth(b, p, what, get).Or(def)
	}
	number := func(what string, def int32, get func(*health) intent.Field[int32]) int32 {
		return frontendHealth(b, p, what, get).Or(def)
	}
	h = stack.HealthCheck{
		Protocol:           text("protocol", "HTTP", func(h *health) intent.Field[string] { return h.Protocol }),
		Port:               text("port", stack.TrafficPort, func(h *health) intent.Field[string] { return h.Port }),
		Path:               text("path", "/", func(h *health) intent.Field[string] { return h.Path }),
		Matcher:            text("success codes", "200", func(h *health) intent.Field[string] { return h.Matcher }),
		IntervalSeconds:    number("interval", 15, func(h *health) intent.Field[int32] { return h.IntervalSeconds }),
		HealthyThreshold:   number("healthy threshold", 2, func(h *health) intent.Field[int32] { return h.HealthyThreshold }),
		UnhealthyThreshold: number("unhealthy threshold", 2, func(h *health) intent.Field[int32] { return h.UnhealthyThreshold }),
	}
	timeout := frontendHealth(b, p, "timeout", func(h *health) intent.Field[int32] { return h.TimeoutSeconds })
	h.TimeoutSeconds = timeout.Or(5)
	if h.TimeoutSeconds <= h.IntervalSeconds {
		return h, true
	}
	b.note(max(timeout.member, 0), diag.New(b.members[max(timeout.member, 0)].Object, at(timeout.Source), diag.InvalidAnnotation,
		fmt.Sprintf("health check timeout '%d' of port %d of the frontend NLB must not be longer than the interval '%d'; the port stays as it is",
			h.TimeoutSeconds, p.number, h.IntervalSeconds), "lower the timeout, or raise the interval"))
	return h, false
}

// frontendHealth settles one setting of the check of a port over the members that have the port.
func frontendHealth[T comparable](b *build, p *frontendPort, what string, get func(*intent.FrontendHealthCheck) intent.Field[T]) owned[T] {
	var claims []claim[T]
	for _, i := range p.members {
		if f := get(&b.members[i].Settings.Frontend.HealthCheck); f.Set {
			claims = append(claims, claim[T]{i, f})
		}
	}
	c, _ := settle(b, claims, settling[T]{what: fmt.Sprintf("health check %s of port %d of the frontend NLB", what, p.number), same: equal[T], show: printed[T]})
	return hold(c.field, c.member)
}
