package elb

import (
	"cmp"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Advance is the observation after an operation succeeded; resolve gives the ARN or group id behind a reference. The
// observation that was given in stays as it is.
func Advance(obs Observed, op plan.Operation, out plan.Output, resolve func(stack.Ref) string) Observed {
	o := obs.Clone()
	a := advancer{&o, out, resolve}
	switch op := op.(type) {
	case CreateSecurityGroup, AuthorizeIngress, RevokeIngress, DeleteSecurityGroup, TagSecurityGroup, UntagSecurityGroup:
		a.securityGroup(op)
	case CreateTargetGroup, ModifyTargetGroup, ModifyTargetGroupAttributes, DeleteTargetGroup, RegisterLoadBalancer, DeregisterLoadBalancer:
		a.targetGroup(op)
	case CreateLoadBalancer, SetSecurityGroups, SetSubnets, SetIPAddressType, ModifyLoadBalancerAttributes, DeleteLoadBalancer:
		a.loadBalancer(op)
	case CreateListener, ModifyListener, DeleteListener, AddListenerCertificates, RemoveListenerCertificates, ModifyListenerAttributes:
		a.listener(op)
	case CreateRule, ModifyRule, SetRulePriorities, DeleteRule:
		a.rule(op)
	case AddTags:
		a.tags(op.Resource, func(t map[string]string) { maps.Copy(t, op.Tags) })
	case RemoveTags:
		a.tags(op.Resource, func(t map[string]string) { dropKeys(t, op.Keys) })
	case CreateBinding, UpdateBinding, DeleteBinding:
		a.binding(op)
	case RequestCertificate, ImportCertificate, TagCertificate, DeleteCertificate, PublishValidation:
		a.certificate(op)
	default:
		a.addOn(op)
	}
	return o
}

type advancer struct {
	o       *Observed
	out     plan.Output
	resolve canonical.Resolver
}

// known turns a reference into the literal that an observation holds.
func (a advancer) known(r stack.Ref) stack.Ref { return stack.Literal(r.Kind, a.resolve(r)) }

func (a advancer) refs(rs []stack.Ref) []stack.Ref {
	out := make([]stack.Ref, len(rs))
	for i, r := range rs {
		out[i] = a.known(r)
	}
	return out
}

func (a advancer) actions(as []stack.Action) []stack.Action {
	out := slices.Clone(as)
	for i := range out {
		if f := out[i].Forward; f != nil {
			c := *f
			c.TargetGroups = slices.Clone(f.TargetGroups)
			for j := range c.TargetGroups {
				c.TargetGroups[j].TargetGroup = a.known(c.TargetGroups[j].TargetGroup)
			}
			out[i].Forward = &c
		}
	}
	return out
}

// merged copies a map and lays changes over it; the result is never nil.
func merged(m, change map[string]string) map[string]string {
	out := make(map[string]string, len(m)+len(change))
	maps.Copy(out, m)
	maps.Copy(out, change)
	return out
}

// added appends something new; AWS may have answered with what was there already, which it then replaces.
func added[T any](list []T, v T, id func(T) string) []T {
	if i := slices.IndexFunc(list, func(x T) bool { return id(x) == id(v) }); i >= 0 {
		list[i] = v
		return list
	}
	return append(list, v)
}

func dropKeys(m map[string]string, keys []string) {
	for _, k := range keys {
		delete(m, k)
	}
}

func (a advancer) securityGroup(op plan.Operation) {
	with := func(r stack.Ref, f func(*SecurityGroup)) {
		id := a.resolve(r)
		for i := range a.o.SecurityGroups {
			if a.o.SecurityGroups[i].GroupID == id {
				f(&a.o.SecurityGroups[i])
			}
		}
	}
	switch op := op.(type) {
	case CreateSecurityGroup:
		g := SecurityGroup{GroupID: a.out.ID, SecurityGroup: op.Group}
		g.Ingress, g.Tags = nil, merged(op.Group.Tags, nil)
		a.o.SecurityGroups = added(a.o.SecurityGroups, g, func(g SecurityGroup) string { return g.GroupID })
	case AuthorizeIngress:
		with(op.Group, func(g *SecurityGroup) {
			g.Ingress = slices.Clone(g.Ingress)
			for _, p := range op.Permissions {
				if p.Group != (stack.Ref{}) {
					p.Group = a.known(p.Group)
				}
				g.Ingress = append(g.Ingress, p)
			}
		})
	case RevokeIngress:
		with(op.Group, func(g *SecurityGroup) {
			gone := map[string]bool{}
			for _, p := range op.Permissions {
				gone[canonical.PermissionKey(p, a.resolve)] = true
			}
			g.Ingress = slices.DeleteFunc(slices.Clone(g.Ingress), func(p stack.Permission) bool { return gone[canonical.PermissionKey(p, canonical.Literal)] })
		})
	case DeleteSecurityGroup:
		id := a.resolve(op.Group)
		a.o.SecurityGroups = slices.DeleteFunc(a.o.SecurityGroups, func(g SecurityGroup) bool { return g.GroupID == id })
	case TagSecurityGroup:
		with(op.Group, func(g *SecurityGroup) { g.Tags = merged(g.Tags, op.Tags) })
	case UntagSecurityGroup:
		with(op.Group, func(g *SecurityGroup) { g.Tags = merged(g.Tags, nil); dropKeys(g.Tags, op.Keys) })
	}
}

func (a advancer) targetGroup(op plan.Operation) {
	with := func(r stack.Ref, f func(*TargetGroup)) {
		if tg := a.o.TargetGroup(a.resolve(r)); tg != nil {
			f(tg)
		}
	}
	switch op := op.(type) {
	case CreateTargetGroup:
		tg := TargetGroup{ARN: a.out.ID, TargetGroup: op.TargetGroup}
		tg.Attributes, tg.Tags, tg.Balancer = map[string]string{}, merged(op.TargetGroup.Tags, nil), stack.Ref{}
		if tg.TargetType == stack.TargetALB {
			tg.Targets = []Target{}
		}
		a.o.TargetGroups = added(a.o.TargetGroups, tg, func(tg TargetGroup) string { return tg.ARN })
	case ModifyTargetGroup:
		with(op.TargetGroup, func(tg *TargetGroup) {
			old := tg.HealthCheck
			tg.HealthCheck = op.HealthCheck
			if op.HealthCheck.TimeoutSeconds == 0 {
				tg.HealthCheck.TimeoutSeconds = old.TimeoutSeconds
			}
		})
	case ModifyTargetGroupAttributes:
		with(op.TargetGroup, func(tg *TargetGroup) { tg.Attributes = merged(tg.Attributes, op.Attributes) })
	case RegisterLoadBalancer:
		with(op.TargetGroup, func(tg *TargetGroup) {
			tg.Targets = append(slices.Clone(tg.Targets), Target{ID: a.resolve(op.LoadBalancer), Port: op.Port})
		})
	case DeregisterLoadBalancer:
		with(op.TargetGroup, func(tg *TargetGroup) {
			gone := Target{ID: a.resolve(op.LoadBalancer), Port: op.Port}
			tg.Targets = slices.DeleteFunc(slices.Clone(tg.Targets), func(t Target) bool { return t == gone })
		})
	case DeleteTargetGroup:
		arn := a.resolve(op.TargetGroup)
		a.o.TargetGroups = slices.DeleteFunc(a.o.TargetGroups, func(tg TargetGroup) bool { return tg.ARN == arn })
	}
}

func (a advancer) loadBalancer(op plan.Operation) {
	with := func(r stack.Ref, f func(*LoadBalancer)) {
		arn := a.resolve(r)
		for i := range a.o.LoadBalancers {
			if a.o.LoadBalancers[i].ARN == arn {
				f(&a.o.LoadBalancers[i])
			}
		}
	}
	switch op := op.(type) {
	case CreateLoadBalancer:
		lb := LoadBalancer{ARN: a.out.ID, DNSName: a.out.DNSName, HostedZone: a.out.HostedZone, State: a.out.State, LoadBalancer: op.LoadBalancer}
		lb.SecurityGroups = a.refs(op.LoadBalancer.SecurityGroups)
		lb.Attributes, lb.Tags = map[string]string{}, merged(op.LoadBalancer.Tags, nil)
		lb.AddOns = NoAddOns()
		a.o.LoadBalancers = added(a.o.LoadBalancers, lb, func(lb LoadBalancer) string { return lb.ARN })
	case SetSecurityGroups:
		with(op.LoadBalancer, func(lb *LoadBalancer) { lb.SecurityGroups = a.refs(op.Groups) })
	case SetSubnets:
		with(op.LoadBalancer, func(lb *LoadBalancer) {
			lb.Subnets = op.Subnets
			lb.NetworkSourceNAT = cmp.Or(op.NetworkSourceNAT, lb.NetworkSourceNAT)
		})
	case SetIPAddressType:
		with(op.LoadBalancer, func(lb *LoadBalancer) { lb.IPAddressType = op.IPAddressType })
	case ModifyLoadBalancerAttributes:
		with(op.LoadBalancer, func(lb *LoadBalancer) { lb.Attributes = merged(lb.Attributes, op.Attributes) })
	case DeleteLoadBalancer:
		arn := a.resolve(op.LoadBalancer)
		a.o.LoadBalancers = slices.DeleteFunc(a.o.LoadBalancers, func(lb LoadBalancer) bool { return lb.ARN == arn })
		for _, l := range slices.Clone(a.o.Listeners) {
			if l.LoadBalancer.Literal == arn {
				a.dropListener(l.ARN)
			}
		}
	}
}

func (a advancer) dropListener(arn string) {
	a.o.Listeners = slices.DeleteFunc(a.o.Listeners, func(l Listener) bool { return l.ARN == arn })
	a.o.Rules = slices.DeleteFunc(a.o.Rules, func(r Rule) bool { return r.Listener.Literal == arn })
}

func (a advancer) listener(op plan.Operation) {
	with := func(r stack.Ref, f func(*Listener)) {
		arn := a.resolve(r)
		for i := range a.o.Listeners {
			if a.o.Listeners[i].ARN == arn {
				f(&a.o.Listeners[i])
			}
		}
	}
	switch op := op.(type) {
	case CreateListener:
		l := Listener{ARN: a.out.ID, Listener: op.Listener}
		l.LoadBalancer = a.known(op.Listener.LoadBalancer)
		l.DefaultActions = a.actions(op.Listener.DefaultActions)
		l.Certificates = slices.Clone(firstOf(op.Listener.Certificates))
		l.SNI = nil
		l.Attributes = map[string]string{}
		if op.Listener.Tags != nil {
			l.Tags = merged(op.Listener.Tags, nil)
		}
		a.o.Listeners = added(a.o.Listeners, l, func(l Listener) string { return l.ARN })
	case ModifyListener:
		with(op.Ref, func(l *Listener) {
			w := op.Listener
			l.Protocol, l.DefaultActions = w.Protocol, a.actions(w.DefaultActions)
			l.SSLPolicy, l.Certificates = w.SSLPolicy, slices.Clone(firstOf(w.Certificates))
			l.ALPN = cmp.Or(w.ALPN, l.ALPN)
			if w.Mutual != nil {
				l.Mutual = w.Mutual
			}
			if w.Protocol != "HTTPS" && w.Protocol != "TLS" { // AWS drops what belongs to TLS
				l.SSLPolicy, l.Certificates, l.SNI, l.ALPN, l.Mutual = "", nil, nil, "", nil
			}
		})
	case DeleteListener:
		a.dropListener(a.resolve(op.Listener))
	case AddListenerCertificates:
		with(op.Listener, func(l *Listener) { l.SNI = append(slices.Clone(l.SNI), op.Certificate) })
	case RemoveListenerCertificates:
		with(op.Listener, func(l *Listener) {
			l.SNI = slices.DeleteFunc(slices.Clone(l.SNI), func(c string) bool { return c == op.Certificate })
		})
	case ModifyListenerAttributes:
		with(op.Listener, func(l *Listener) { l.Attributes = merged(l.Attributes, op.Attributes) })
	}
}

func (a advancer) rule(op plan.Operation) {
	with := func(r stack.Ref, f func(*Rule)) {
		arn := a.resolve(r)
		for i := range a.o.Rules {
			if a.o.Rules[i].ARN == arn {
				f(&a.o.Rules[i])
			}
		}
	}
	switch op := op.(type) {
	case CreateRule:
		r := Rule{ARN: a.out.ID, Priority: op.Priority, Rule: op.Rule}
		r.Listener, r.Actions, r.Order = a.known(op.Rule.Listener), a.actions(op.Rule.Actions), 0
		if op.Rule.Tags != nil {
			r.Tags = merged(op.Rule.Tags, nil)
		}
		a.o.Rules = added(a.o.Rules, r, func(r Rule) string { return r.ARN })
	case ModifyRule:
		with(op.Ref, func(r *Rule) {
			r.Conditions, r.Transforms, r.Actions = op.Rule.Conditions, op.Rule.Transforms, a.actions(op.Rule.Actions)
		})
	case SetRulePriorities:
		for _, p := range op.Priorities {
			with(p.Rule, func(r *Rule) { r.Priority = p.Priority })
		}
	case DeleteRule:
		arn := a.resolve(op.Rule)
		a.o.Rules = slices.DeleteFunc(a.o.Rules, func(r Rule) bool { return r.ARN == arn })
	}
}

func (a advancer) tags(r stack.Ref, f func(map[string]string)) {
	arn := a.resolve(r)
	change := func(at string, tags *map[string]string) {
		if at == arn {
			*tags = merged(*tags, nil)
			f(*tags)
		}
	}
	for i := range a.o.LoadBalancers {
		change(a.o.LoadBalancers[i].ARN, &a.o.LoadBalancers[i].Tags)
	}
	for i := range a.o.TargetGroups {
		change(a.o.TargetGroups[i].ARN, &a.o.TargetGroups[i].Tags)
	}
	for i := range a.o.Listeners {
		change(a.o.Listeners[i].ARN, &a.o.Listeners[i].Tags)
	}
	for i := range a.o.Rules {
		change(a.o.Rules[i].ARN, &a.o.Rules[i].Tags)
	}
}

func (a advancer) binding(op plan.Operation) {
	literalBinding := func(b stack.Binding) stack.Binding {
		b.TargetGroup = a.known(b.TargetGroup)
		b.Networking = slices.Clone(b.Networking)
		for i := range b.Networking {
			b.Networking[i].FromGroups = a.refs(b.Networking[i].FromGroups)
		}
		return b
	}
	same := func(namespace, name string) func(Binding) bool {
		return func(b Binding) bool { return b.Namespace == namespace && b.Name == name }
	}
	switch op := op.(type) {
	case CreateBinding:
		a.o.Bindings = append(a.o.Bindings, Binding{Binding: literalBinding(op.Binding)})
	case UpdateBinding:
		if i := slices.IndexFunc(a.o.Bindings, same(op.Binding.Namespace, op.Binding.Name)); i >= 0 {
			labels := merged(a.o.Bindings[i].Labels, op.Binding.Labels)
			a.o.Bindings[i] = Binding{Binding: literalBinding(op.Binding)}
			a.o.Bindings[i].Labels = labels
		}
	case DeleteBinding:
		a.o.Bindings = slices.DeleteFunc(a.o.Bindings, same(op.Namespace, op.ObjectName))
	}
}

func firstOf(certificates []string) []string {
	return certificates[:min(1, len(certificates))]
}
