package diff

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// keepActions gives each wanted rule with kept actions the actions of an existing rule with the same conditions,
// unless that rule matches another wanted rule. note is called with the kept actions.
func keepActions(kept map[stack.Ref]bool, want []stack.Rule, have []*awsop.Rule, resolve canonical.Resolver,
	note func([]stack.Action)) {
	keeps := func(r *stack.Rule) bool { return kept[stack.Ref{Kind: stack.KindRule, ID: r.ID}] }
	if len(kept) == 0 {
		return
	}
	free := map[string][]*awsop.Rule{} // by conditions
	for _, r := range have {
		c := canonical.Conditions(r.Conditions)
		free[c] = append(free[c], r)
	}
	take := func(w *stack.Rule, fits func(*awsop.Rule) bool) *awsop.Rule {
		c := canonical.Conditions(w.Conditions)
		i := slices.IndexFunc(free[c], fits)
		if i < 0 {
			return nil
		}
		r := free[c][i]
		free[c] = slices.Delete(free[c], i, i+1)
		return r
	}
	for i := range want {
		if w := &want[i]; !keeps(w) {
			take(w, func(r *awsop.Rule) bool {
				return canonical.SameActions(w.Actions, r.Actions, resolve) && canonical.Transforms(w.Transforms) ==
					canonical.Transforms(r.Transforms)
			})
		}
	}
	for i := range want {
		w := &want[i]
		if !keeps(w) {
			continue
		}
		if r := take(w, func(*awsop.Rule) bool { return true }); r != nil {
			w.Actions, w.Transforms, w.Tags = r.Actions, r.Transforms, r.Tags
			note(r.Actions)
		}
	}
}

// keepCertificates gives a wanted listener its observed certificates: the default one first, then the wanted ones,
// then the others.
func keepCertificates(w *stack.Listener, have stack.Listener) {
	if len(have.Certificates) == 0 {
		return
	}
	all := slices.Clone(have.Certificates[:1])
	for _, arn := range slices.Concat(w.Certificates, w.SNI, have.SNI) {
		if !slices.Contains(all, arn) {
			all = append(all, arn)
		}
	}
	w.Certificates, w.SNI = all, nil
	if len(all) > 1 || have.SNI != nil {
		w.SNI = all[1:]
	}
}

// keepsCertificates reports whether an existing wanted listener keeps its certificates.
func (d *differ) keepsCertificates(l awsop.Listener) bool {
	return slices.ContainsFunc(d.want.Listeners, func(w stack.Listener) bool {
		return w.Port == l.Port && d.keptCertificates[listenerRef(w.ID)] && d.known[w.LoadBalancer] == l.LoadBalancer.Literal
	})
}

// keepForwards keeps the target groups of kept actions, and their bindings.
func (d *differ) keepForwards(as []stack.Action) {
	d.keepTargets(as)
	for _, b := range d.obs.Bindings {
		if d.kept[b.TargetGroup.Literal] {
			d.kept[bindingKey(b.Binding)] = true
		}
	}
}

// keepsRule reports whether a rule that the stack lacks stays, by the identities of its target groups.
func (d *differ) keepsRule(k stack.KeptRules, r *awsop.Rule) bool {
	known := false
	for _, ref := range awsop.TargetGroupsOf(r.Actions) {
		id := d.identities[ref.Literal]
		if id != "" && !slices.Contains(k.Except, id) && slices.ContainsFunc(k.Prefixes,
			func(p string) bool { return strings.HasPrefix(id, p) }) {
			return true
		}
		known = known || id != ""
	}
	return len(k.Prefixes) > 0 && !known
}

// refSet is a set of references.
func refSet(refs []stack.Ref) map[stack.Ref]bool {
	out := make(map[stack.Ref]bool, len(refs))
	for _, r := range refs {
		out[r] = true
	}
	return out
}

// Effective returns a desired stack with the observed values of what is kept, for display.
func Effective(want *stack.Stack, keep stack.Keep, obs awsop.Observed) *stack.Stack {
	want, keep = withoutDeparted(want, keep, &obs)
	if keep.Settings {
		if settled, also, ok := keepSettings(want, keep, &obs); ok {
			want, keep = settled, also
		}
	}
	kept, certificates := refSet(keep.Actions), refSet(keep.Certificates)
	out := *want
	out.Listeners, out.Rules = slices.Clone(want.Listeners), nil
	arns, balancers := map[string]string{}, map[string]string{}
	for _, g := range obs.TargetGroups {
		arns[g.ID] = g.ARN
	}
	for _, lb := range obs.LoadBalancers {
		balancers[lb.ARN] = lb.ID
	}
	resolve := func(r stack.Ref) string {
		if r.Literal == "" && arns[r.ID] != "" {
			return arns[r.ID]
		}
		return canonical.Literal(r)
	}
	for i := range out.Listeners {
		l := &out.Listeners[i]
		var have []*awsop.Rule
		for _, o := range obs.Listeners {
			if o.Port != l.Port || balancers[o.LoadBalancer.Literal] != l.LoadBalancer.ID {
				continue
			}
			if kept[listenerRef(l.ID)] {
				l.DefaultActions = o.DefaultActions
			}
			if certificates[listenerRef(l.ID)] {
				keepCertificates(l, o.Listener)
			}
			for j := range obs.Rules {
				if obs.Rules[j].Listener.Literal == o.ARN {
					have = append(have, &obs.Rules[j])
				}
			}
		}
		slices.SortStableFunc(have, func(a, b *awsop.Rule) int { return int(a.Priority - b.Priority) })
		var rules []stack.Rule
		for _, r := range want.Rules {
			if r.Listener.ID == l.ID {
				rules = append(rules, r)
			}
		}
		keepActions(kept, rules, notDeparted(keep, &obs, have), resolve, func([]stack.Action) {})
		out.Rules = append(out.Rules, rules...)
	}
	return &out
}

// waitingFor returns the observed listeners that stay because a kept listener does not exist in AWS yet: unwanted
// ones, which the missing one may replace, and those that shall redirect to it.
func (d *differ) waitingFor(kept []stack.Ref) (out []stack.Ref) {
	missing := map[string]bool{} // ports
	for _, r := range kept {
		if r.Kind == stack.KindListener && r.ID != "" && !slices.ContainsFunc(d.obs.Listeners,
			func(l awsop.Listener) bool { return l.ID == r.ID }) {
			missing[r.ID] = true
		}
	}
	if d.awaitsPort = len(missing) > 0; !d.awaitsPort {
		return nil
	}
	for _, l := range d.obs.Listeners {
		n := slices.IndexFunc(d.want.Listeners, func(w stack.Listener) bool { return w.ID == l.ID })
		if n < 0 || slices.ContainsFunc(d.want.Listeners[n].DefaultActions, func(a stack.Action) bool {
			return a.Redirect != nil && missing[a.Redirect.Port]
		}) {
			out = append(out, stack.Literal(stack.KindListener, l.ARN))
		}
	}
	return out
}

// undeclared returns the kept observed listeners on whose ports the stack allows no source, because no object
// declares them now.
func (d *differ) undeclared(kept []stack.Ref) (out []stack.Ref) {
	admitted := func(port int32) bool {
		return slices.ContainsFunc(d.want.SecurityGroups, func(g stack.SecurityGroup) bool {
			return len(onPorts(g.Ingress, []int32{port})) > 0
		})
	}
	for _, l := range d.obs.Listeners {
		if slices.Contains(kept, listenerRef(l.ID)) && !admitted(l.Port) {
			out = append(out, stack.Literal(stack.KindListener, l.ARN))
		}
	}
	return out
}

// keepOpen makes managed security groups keep their rules on the ports of listeners that stay and are not wanted.
func (d *differ) keepOpen(listeners []stack.Ref) {
	var ports []int32
	for _, l := range d.obs.Listeners {
		if slices.Contains(listeners, stack.Literal(stack.KindListener, l.ARN)) && !slices.ContainsFunc(d.want.Listeners,
			func(w stack.Listener) bool { return w.ID == l.ID }) {
			ports = append(ports, l.Port)
		}
	}
	if len(ports) == 0 {
		return
	}
	want := *d.want
	want.SecurityGroups = slices.Clone(want.SecurityGroups)
	for i := range want.SecurityGroups {
		w := &want.SecurityGroups[i]
		for _, g := range d.obs.SecurityGroups {
			if g.ID == w.ID && stack.IsManagedSecurityGroup(w.ID) {
				w.Ingress = slices.Concat(w.Ingress, onPorts(g.Ingress, ports))
			}
		}
	}
	d.want = &want
}

// onPorts returns the rules for one of the ports.
func onPorts(rules []stack.Permission, ports []int32) (out []stack.Permission) {
	for _, p := range rules {
		if slices.ContainsFunc(ports, func(port int32) bool { return p.FromPort <= port && port <= p.ToPort }) {
			out = append(out, p)
		}
	}
	return out
}

// keepResources marks resources that must not be touched: the named ones, their parts, and the resources that they
// need.
func (d *differ) keepResources(refs []stack.Ref) {
	for r := range d.obs.Resources(stack.KindLoadBalancer, stack.KindListener, stack.KindRule, stack.KindTargetGroup,
		stack.KindSecurityGroup) {
		if r.Below != "" && d.kept[r.Below] || slices.ContainsFunc(refs, r.Means) {
			d.kept[r.Literal] = true
			d.keepTargets(r.Actions)
		}
	}
	for _, b := range d.obs.Bindings {
		r := awsop.Resource{Ref: stack.Ref{Kind: stack.KindBinding, ID: b.ID, Literal: b.Name}}
		if d.kept[b.TargetGroup.Literal] || slices.ContainsFunc(refs, r.Means) {
			d.kept[bindingKey(b.Binding)] = true
		}
	}
	d.keepAlive()
}

// keepAlive marks what kept resources need: a listener needs its load balancer, and a load balancer its security
// groups.
func (d *differ) keepAlive() {
	for _, l := range d.obs.Listeners {
		if d.kept[l.ARN] {
			d.kept[aliveMark(l.LoadBalancer.Literal)] = true
		}
	}
	for _, lb := range d.obs.LoadBalancers {
		if d.kept[lb.ARN] || d.kept[aliveMark(lb.ARN)] {
			for _, g := range lb.SecurityGroups {
				d.kept[aliveMark(g.Literal)] = true
			}
		}
	}
}

func (d *differ) keepTargets(as []stack.Action) {
	for _, r := range awsop.TargetGroupsOf(as) {
		d.kept[r.Literal] = true
	}
}

// aliveMark is the key under which a resource is kept from deletion, but not from change.
func aliveMark(arn string) string { return "alive:" + arn }

// mayDelete reports whether an observed resource may be deleted, by its ARN or group id: it is not kept, no kept
// resource needs it, it is no spared duplicate, and nothing outside the stack uses it.
func (d *differ) mayDelete(id string) bool {
	return !d.kept[id] && !d.kept[aliveMark(id)] && !d.spared[id] && !d.opt.InUse[id]
}
