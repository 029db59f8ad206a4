package impact

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// comparison compares a stack before and after its plan.
type comparison struct {
	*Stack
	after    awsop.Observed
	of       string
	was, is  side
	services map[string]string // of target groups, by identity
}

// side is an observation with its load balancers by identity.
type side struct {
	obs       *awsop.Observed
	balancers map[string][]*awsop.LoadBalancer
	shared    map[string]bool   // ids of the backend group of the cluster
	groups    map[string]string // identities of target groups, by ARN
}

// compare compares a stack before and after its plan.
func compare(s *Stack) *comparison {
	c := &comparison{Stack: s, after: after(s.Plan, s.Observed), of: s.Plan.Key.String(), services: map[string]string{}}
	identity := map[string]string{} // by ARN: one that is taken over has its new identity on both sides
	for _, o := range []*awsop.Observed{&s.Observed, &c.after} {
		for _, lb := range o.LoadBalancers {
			identity[lb.ARN] = cmp.Or(lb.ID, lb.ARN)
		}
	}
	shared := map[string]bool{}
	for _, k := range s.Plan.Known {
		if k.Ref.Kind == stack.KindSecurityGroup && k.Ref.ID == stack.BackendSecurityGroup {
			shared[k.Value] = true
		}
	}
	c.was, c.is = sideOf(&s.Observed, identity, shared), sideOf(&c.after, identity, shared)
	note := func(b stack.Binding, id string) {
		if id != "" && b.ServiceName != "" {
			c.services[id] = b.Namespace + "/" + b.ServiceName + ":" + b.ServicePort
		}
	}
	for _, b := range slices.Concat(s.Observed.Bindings, c.after.Bindings) {
		note(b.Binding, cmp.Or(b.ID, c.was.groups[b.TargetGroup.Literal], c.is.groups[b.TargetGroup.Literal]))
	}
	for _, b := range s.Bindings {
		note(b, b.ID)
	}
	return c
}

func sideOf(o *awsop.Observed, identity map[string]string, shared map[string]bool) side {
	s := side{obs: o, balancers: map[string][]*awsop.LoadBalancer{}, shared: shared, groups: map[string]string{}}
	for i := range o.LoadBalancers {
		lb := &o.LoadBalancers[i]
		s.balancers[identity[lb.ARN]] = append(s.balancers[identity[lb.ARN]], lb)
	}
	for _, g := range o.TargetGroups {
		s.groups[g.ARN] = g.ID
	}
	return s
}

// changes are all changes of exposure.
func (c *comparison) changes() (out []Change) {
	if c.Plan.Empty() {
		return nil
	}
	ids := maps.Clone(c.was.balancers)
	maps.Copy(ids, c.is.balancers)
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		found := portChanges(c.of, c.was.openings(id), c.is.openings(id))
		if len(c.was.balancers[id]) > 0 && len(c.is.balancers[id]) > 0 {
			found = append(found, c.listeners(id)...)
			found = append(found, c.protections(id)...)
		}
		found = append(found, c.renamed(id)...)
		if len(ids) > 1 {
			for i := range found {
				found[i].Where = id + ": " + found[i].Where
			}
		}
		out = append(out, found...)
	}
	out = append(out, c.targets()...)
	for i := range out {
		out[i].Steps = c.stepsOf(out[i])
	}
	return out
}

// openings are those of all load balancers of an identity.
func (s *side) openings(id string) (out []opening) {
	for _, lb := range s.balancers[id] {
		out = append(out, s.openingsOf(lb)...)
	}
	return out
}

// targets are the ranges to which targets open and close: those of a network load balancer without security groups.
func (c *comparison) targets() (out []Change) {
	was, is := c.was.targetOpenings(), c.is.targetOpenings()
	all := maps.Clone(was)
	maps.Copy(all, is)
	for _, where := range slices.Sorted(maps.Keys(all)) {
		for _, change := range portChanges(c.of, was[where], is[where]) {
			protocol, _, _ := strings.Cut(change.Where, " ")
			change.Where = protocol + " to targets of " + where
			out = append(out, change)
		}
	}
	return out
}

// listener is the listener of a port of the load balancers of an identity; nil = none.
func (s *side) listener(id string, port int32) *awsop.Listener {
	for _, lb := range s.balancers[id] {
		for i := range s.obs.Listeners {
			if l := &s.obs.Listeners[i]; l.LoadBalancer.Literal == lb.ARN && l.Port == port {
				return l
			}
		}
	}
	return nil
}

// rules are those of a listener, in the order in which AWS tries them.
func (s *side) rules(l *awsop.Listener) (out []stack.Rule) {
	for _, r := range s.obs.Rules {
		if r.Listener.Literal == l.ARN {
			rule := r.Rule
			rule.Order = r.Priority
			out = append(out, rule)
		}
	}
	return out
}

// ports are those of the listeners of an identity.
func (s *side) ports(id string) (out []int32) {
	for _, lb := range s.balancers[id] {
		for _, l := range s.obs.Listeners {
			if l.LoadBalancer.Literal == lb.ARN {
				out = append(out, l.Port)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// hosts are those of the rules of an identity.
func (s *side) hosts(id string) (out []string) {
	for _, port := range s.ports(id) {
		for _, r := range s.rules(s.listener(id, port)) {
			out = append(out, hostsOf(r.Conditions)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// hostsOf are the hosts that conditions name.
func hostsOf(conditions []stack.Condition) (out []string) {
	for _, c := range conditions {
		if c.Field != stack.HostHeader {
			continue
		}
		out = append(out, c.Values...)
		for _, e := range c.Regex {
			name := strings.TrimSuffix(strings.TrimPrefix(e, "^"), "(:[0-9]+)?$")
			name = strings.Replace(name, `[^.].*\.`, "*.", 1)
			out = append(out, strings.ReplaceAll(name, `\.`, "."))
		}
	}
	return out
}

// unknown are what could not be read of load balancers that the plan changes.
func (c *comparison) unknown() (out []Unknown) {
	say := func(exposes bool, what string) { out = append(out, Unknown{c.of, what, exposes}) }
	for _, lb := range c.Observed.LoadBalancers {
		for _, a := range slices.Sorted(maps.Keys(lb.Unread)) {
			say(a != awsop.AddOnCapacity, "add-on "+string(a)+" of load balancer "+lb.Name+": "+lb.Unread[a].Text)
		}
		stays := slices.ContainsFunc(c.after.LoadBalancers, func(o awsop.LoadBalancer) bool { return o.ARN == lb.ARN })
		if !lb.Foreign && !stays && !lb.Known(awsop.PartListeners) {
			say(true, "load balancer "+lb.Name+" goes; its listeners and hosts were not read")
		}
		if !lb.Foreign && !stays && len(c.is.balancers[lb.ID]) > 0 && !lb.Known(awsop.PartAttributes) {
			say(true, "load balancer "+lb.Name+" is replaced; its attributes were not read, and may be lost")
		}
	}
	if c.Observed.Pending {
		say(true, "web ACL, Shield protection or reserved capacity: they are still being read")
	}
	if g := c.Observed.CertificatesUnread; g != nil {
		say(false, "certificates: "+g.Text)
	}
	if g := c.Observed.TrustStoresUnread; g != nil {
		say(true, "trust stores: "+g.Text)
	}
	return out
}

// stepsOf are the steps that make a change: those on its resources, of the operations that can make it.
func (c *comparison) stepsOf(change Change) (out []plan.StepID) {
	for _, s := range carriedOut(c.Plan) {
		if slices.Contains(resourcesOf[change.Kind], s.Resource.Kind) && directed(s, change.Kind) && c.concerns(s, change) {
			out = append(out, s.ID)
		}
	}
	return out
}

// directed reports whether a step goes in the direction of a change: nothing opens because something is taken away.
func directed(s plan.Step, k Kind) bool {
	verb := s.Op.About().Verb
	_, revokes := s.Op.(awsop.RevokeSecurityGroupIngress)
	_, grants := s.Op.(awsop.AuthorizeSecurityGroupIngress)
	switch {
	case s.Action == plan.Await, verb == plan.Retags, s.Resource.ID == stack.BackendSecurityGroup:
		return false
	case k == Opens:
		return !revokes && verb != plan.Deletes
	case k == Closes:
		return !grants && (verb != plan.Creates || s.Resource.Kind == stack.KindLoadBalancer)
	}
	return true
}

// resourcesOf are the kinds of resources whose steps make a kind of change.
var resourcesOf = map[Kind][]stack.Kind{
	Opens:             {stack.KindSecurityGroup, stack.KindLoadBalancer, stack.KindListener, stack.KindBinding},
	Closes:            {stack.KindSecurityGroup, stack.KindLoadBalancer, stack.KindListener, stack.KindBinding},
	LosesLogin:        {stack.KindLoadBalancer, stack.KindListener, stack.KindRule},
	ChangesLogin:      {stack.KindLoadBalancer, stack.KindListener, stack.KindRule},
	Reaches:           {stack.KindLoadBalancer, stack.KindListener, stack.KindRule},
	Fails:             {stack.KindLoadBalancer, stack.KindListener, stack.KindRule},
	Unserved:          {stack.KindLoadBalancer, stack.KindListener, stack.KindRule},
	LosesCertificate:  {stack.KindLoadBalancer, stack.KindListener},
	LosesProtection:   {stack.KindLoadBalancer, stack.KindListener},
	ChangesProtection: {stack.KindLoadBalancer, stack.KindListener},
	Renames:           {stack.KindLoadBalancer},
}

// concerns reports whether a step may be about the port of a change.
func (c *comparison) concerns(s plan.Step, change Change) bool {
	if s.Resource.Kind == stack.KindListener || s.Resource.Kind == stack.KindRule {
		port, _, _ := strings.Cut(s.Resource.ID, ":")
		words := strings.FieldsFunc(change.Where, func(r rune) bool { return r == ' ' || r == ':' || r == ',' })
		return port == "" || change.Where == "" || slices.Contains(words, port)
	}
	targets := strings.Contains(change.Where, " to targets of ")
	return (s.Resource.Kind == stack.KindBinding) == targets
}
