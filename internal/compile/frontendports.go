package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// frontendPort is one port of the frontend, which forwards to one of the ALB.
type frontendPort struct {
	number, target int32
	members        []int
	source         intent.Source // of the mapping; the zero Source = the port is not mapped
}

// mergeFrontendPorts merges the ports: the mapped ones, and all ports of members that map none.
func (b *build) mergeFrontendPorts() {
	candidates := map[int32][]merge.Owned[int32]{}
	for i := range b.members {
		m := &b.members[i]
		if m.State == quarantine.Rejected {
			continue
		}
		listens := func(number int32) bool {
			return slices.ContainsFunc(b.ports, func(p *port) bool { return p.number == number && p.listener(i).Port == number })
		}
		mapping := m.Settings.Frontend.Ports
		if !mapping.Set {
			for _, p := range b.ports {
				if listens(p.number) {
					candidates[p.number] = append(candidates[p.number], merge.Of(i, intent.Of(p.number, intent.At(m.Object, ""))))
				}
			}
			continue
		}
		for _, from := range slices.Sorted(maps.Keys(mapping.Value)) {
			to := mapping.Value[from]
			if !listens(to) {
				b.note(i, diag.New(m.Object, mapping.Source.Place(), diag.IgnoredSetting,
					fmt.Sprintf("port %d of the frontend NLB is not opened: the Ingress has no listener on port %d", from, to),
					"name a port of listen-ports"))
				continue
			}
			candidates[from] = append(candidates[from], merge.Of(i, intent.Of(to, mapping.Source)))
		}
	}
	for _, number := range slices.Sorted(maps.Keys(candidates)) {
		winner, ok := merge.Resolve(&b.group, candidates[number], &merge.Setting[int32]{
			Name: fmt.Sprintf("frontend-port/%d", number), What: fmt.Sprintf("target of port %d of the frontend NLB", number),
			Among:  b.reachedBy(candidates[number]),
			Exists: func(int32) bool { return b.existsFrontendPort(number) }, ByDefault: func() bool {
				return !b.existsFrontendPort(number)
			},
		})
		if !ok {
			continue
		}
		p := &frontendPort{number: number, target: winner.Value}
		if winner.Source.Path() != "" {
			p.source = winner.Source
		}
		for _, c := range candidates[number] {
			if c.Value == p.target {
				p.members = append(p.members, c.Member)
			}
		}
		b.front.ports = append(b.front.ports, p)
	}
	for i := range b.members {
		if !slices.ContainsFunc(b.front.ports, func(p *frontendPort) bool { return slices.Contains(p.members, i) }) {
			b.noteIdle(i, b.members[i].Settings.Frontend.HealthCheck.Sources(), "no port of the frontend NLB leads to the "+
				"Ingress", "name ports of listen-ports in frontend-nlb-listener-port-mapping, or remove the annotation")
		}
	}
}

// reachedBy are the members that listen on the ports of the ALB to which a port of the frontend may lead. Its clients
// reach the hosts of all of them, also of those that do not ask for the port.
func (b *build) reachedBy(candidates []merge.Owned[int32]) []int {
	reached := membersOf(candidates)
	for _, c := range candidates {
		if p := b.portNumbered(c.Value); p != nil {
			reached = append(reached, p.members...)
		}
	}
	slices.Sort(reached)
	return slices.Compact(reached)
}

func (b *build) buildFrontendPort(p *frontendPort) {
	id := naming.FrontendListenerID(p.number)
	if !slices.ContainsFunc(b.listen, func(l stack.Listener) bool { return l.ID == naming.ListenerID(p.target) }) {
		// as the ALB's own listener is
		b.keep.Resources = append(b.keep.Resources, stack.Ref{Kind: stack.KindListener, ID: id})
		return
	}
	check, ok := b.frontendHealthCheck(p)
	if !ok {
		b.keep.Resources = append(b.keep.Resources, stack.Ref{Kind: stack.KindListener, ID: id})
		return
	}
	tg := stack.TargetGroup{
		ID: naming.FrontendTargetGroupID(p.number), Name: naming.FrontendTargetGroup(b.cfg.Cluster, b.e.Key.ID, p.number,
			check.Port, check.Protocol),
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
	b.trace(stack.KindListener, id, p.members, map[string]intent.Source{"DefaultActions": p.source,
		"Tags": b.front.tags.Source})
}

// frontendHealthCheck merges the health check of one port: a value that a member sets takes precedence over defaults.
// ok is false if the result is invalid.
func (b *build) frontendHealthCheck(p *frontendPort) (h stack.HealthCheck, ok bool) {
	type health = intent.FrontendHealthCheck
	h = stack.HealthCheck{
		Protocol: frontendHealth(b, p, "protocol", func(h *health) intent.Field[string] { return h.Protocol }).Or(
			"HTTP"),
		Port: frontendHealth(b, p, "port", func(h *health) intent.Field[string] { return h.Port }).Or(
			stack.TrafficPort),
		Path: frontendHealth(b, p, "path", func(h *health) intent.Field[string] { return h.Path }).Or("/"),
		Matcher: frontendHealth(b, p, "success codes", func(h *health) intent.Field[string] { return h.Matcher }).
			Or("200"),
		IntervalSeconds: frontendHealth(b, p, "interval", func(h *health) intent.Field[int32] {
			return h.IntervalSeconds
		}).Or(15),
		HealthyThreshold: frontendHealth(b, p, "healthy threshold", func(h *health) intent.Field[int32] {
			return h.HealthyThreshold
		}).Or(2),
		UnhealthyThreshold: frontendHealth(b, p, "unhealthy threshold", func(h *health) intent.Field[int32] {
			return h.UnhealthyThreshold
		}).Or(2),
	}
	timeout := frontendHealth(b, p, "timeout", func(h *health) intent.Field[int32] { return h.TimeoutSeconds })
	h.TimeoutSeconds = timeout.Or(5)
	if h.TimeoutSeconds <= h.IntervalSeconds {
		return h, true
	}
	b.note(max(timeout.Member, 0), diag.New(b.members[max(timeout.Member, 0)].Object, timeout.Source.Place(),
		diag.InvalidAnnotation,
		fmt.Sprintf("health check timeout '%d' of port %d of the frontend NLB must not be longer than the interval '%d'; "+
			"the controller leaves the port unchanged",
			h.TimeoutSeconds, p.number, h.IntervalSeconds), "lower the timeout, or raise the interval").In(diag.Frontend))
	return h, false
}

// frontendHealth merges one setting of the health check of a port.
func frontendHealth[T comparable](b *build, p *frontendPort, what string,
	get func(*intent.FrontendHealthCheck) intent.Field[T]) merge.Owned[T] {
	return among(b, p.members, func(i int) intent.Field[T] { return get(&b.members[i].Settings.Frontend.HealthCheck) },
		&merge.Setting[T]{
			Name: fmt.Sprintf("frontend-health/%d/%s", p.number, strings.ReplaceAll(what, " ", "-")),
			What: fmt.Sprintf("health check %s of port %d of the frontend NLB", what, p.number), Show: shown[T],
		})
}

// boundFrontend has class parameters that restrict who reaches the ALB restrict its frontend, too. An annotation that
// goes beyond them has no effect, unless the existing frontend is like that.
func (b *build) boundFrontend() {
	f := &b.front
	scheme := b.settings.scheme
	if scheme.Source.OfClass() && scheme.Value == stack.Internal && !f.scheme.Source.OfClass() &&
		f.scheme.Or(cmp.Or(b.cfg.DefaultScheme, stack.Internal)) == stack.InternetFacing {
		exists := func() bool { return b.existsFrontendScheme(stack.InternetFacing) }
		bound(b, &f.scheme, bounds{"scheme", scheme.Source, exists,
			"remove " + string(annotation.FrontendScheme) + ", or have an administrator set the annotation " +
				string(annotation.ClassFrontendScheme) + " of the class parameters"})
		if !f.scheme.Set {
			f.scheme.Field = intent.Of(stack.Internal, scheme.Source)
		}
	}
	for _, p := range b.ports {
		source := p.cidrs.Source
		if !source.OfClass() {
			source = p.prefixLists.Source
		}
		if f.groups.Set && source.OfClass() && !b.settings.securityGroups.Set {
			bound(b, &f.groups, bounds{"security groups", source, func() bool { return b.existsFrontendGroups(f.groups.Value) },
				"remove it: the frontend NLB has the security groups of the ALB"})
		}
	}
}

// boundSubnets has the subnets of class parameters restrict the named subnets of the frontend.
func (b *build) boundSubnets(named []stack.SubnetMapping) {
	f := &b.front
	ids, own := subnetIDs(named), subnetIDs(b.lb.Subnets)
	if !b.settings.subnets.Source.OfClass() ||
		!slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(own, id) }) {
		return
	}
	bound(b, &f.subnets, bounds{"subnets", b.settings.subnets.Source, func() bool {
		return b.f.ExistingFrontend != nil && sameSet(ids, b.f.ExistingFrontend.Subnets)
	}, "name subnets of the ALB, or remove " + string(annotation.FrontendSubnets)})
}

func subnetIDs(mappings []stack.SubnetMapping) (out []string) {
	for _, m := range mappings {
		out = append(out, m.Subnet)
	}
	return out
}

// bounds are class parameters that restrict a setting of the frontend.
type bounds struct {
	what   string        // the setting
	class  intent.Source // what restricts it
	exists func() bool   // reports whether the existing frontend is as the setting says
	remedy string
}

// bound removes a setting of the frontend that goes beyond class parameters, unless the existing frontend is like that.
func bound[T any](b *build, s *merge.Owned[T], by bounds) {
	if lb, known := b.existing(); !known || lb != nil && by.exists() {
		b.unsure = b.unsure || !known
		return
	}
	if s.Set {
		o := b.members[max(s.Member, 0)].Object
		b.note(max(s.Member, 0), diag.New(o, s.Source.Place(), diag.ConflictingSettings,
			fmt.Sprintf("%s of the frontend NLB: %s of %s has no effect, because the class parameters %s restrict the "+
				"load balancer by %s", by.what, intent.Shown(s.Value), o, by.class.Object().Name, by.class.Path()), by.remedy))
	}
	*s = merge.Owned[T]{Member: -1}
}
