package diff

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/transition"
)

func listenerRef(id string) stack.Ref { return stack.Ref{Kind: stack.KindListener, ID: id} }

// listeners plans the listeners of the wanted load balancers, matched by port, and their rules. Deletions come last.
func (d *differ) listeners() {
	rules := map[stack.Ref][]stack.Rule{}
	for _, r := range d.want.Rules {
		rules[r.Listener] = append(rules[r.Listener], r)
	}
	have := map[string]map[int32]*awsop.Listener{} // load balancer ARN → port
	for i := range d.obs.Listeners {
		l := &d.obs.Listeners[i]
		if have[l.LoadBalancer.Literal] == nil {
			have[l.LoadBalancer.Literal] = map[int32]*awsop.Listener{}
		}
		have[l.LoadBalancer.Literal][l.Port] = l
	}
	fresh, wanted := map[string][]plan.StepID{}, map[string]map[int32]bool{} // by identity of the load balancer
	for n, w := range d.want.LoadBalancers {
		arn := d.known[loadBalancerRef(w.ID)]
		wanted[w.ID] = map[int32]bool{}
		from := len(d.steps)
		for _, l := range d.redirectsLast(have[arn]) {
			if l.LoadBalancer != loadBalancerRef(w.ID) {
				continue
			}
			wanted[w.ID][l.Port] = true
			old := have[arn][l.Port]
			if old != nil && d.others(old) {
				d.joinListener(old, l, rules[listenerRef(l.ID)])
				continue
			}
			if arn == "" || old == nil {
				id := d.createListener(l, rules[listenerRef(l.ID)])
				if len(have[arn]) == 0 {
					d.openProtected(w.ID, id)
				}
				fresh[w.ID] = append(fresh[w.ID], id)
				continue
			}
			d.updateListener(old, l, rules[listenerRef(l.ID)])
		}
		d.handOver(w, from)
		if n == 0 {
			d.registrations() // before the listeners of a frontend use them
		}
	}
	d.deleteMoved()
	for _, w := range slices.Backward(d.want.LoadBalancers) { // a frontend first releases the load balancer behind it
		if arn := d.known[loadBalancerRef(w.ID)]; arn != "" {
			d.deleteListeners(have[arn], wanted[w.ID], fresh[w.ID])
		}
	}
	var all []plan.StepID
	for _, w := range d.want.LoadBalancers {
		all = append(all, fresh[w.ID]...)
	}
	d.closeReplaced(all)
}

// openProtected makes a first listener wait for the steps that protect its load balancer: it must not be opened
// unprotected. A load balancer with listeners continues to serve.
func (d *differ) openProtected(balancer string, listener plan.StepID) {
	at := slices.IndexFunc(d.steps, func(s *plan.Step) bool { return s.ID == listener })
	if at < 0 {
		return
	}
	for _, s := range d.steps {
		if s.Resource == loadBalancerRef(balancer) && awsop.Protects(s.Op) {
			d.steps[at].Need(s.ID)
			s.Lane = d.steps[at].Lane
		}
	}
}

// redirectsLast returns the wanted listeners in their order, except that listeners which redirect to a missing
// listener come after that one.
func (d *differ) redirectsLast(have map[int32]*awsop.Listener) []stack.Listener {
	created := map[string]bool{}
	for _, l := range d.want.Listeners {
		created[strconv.Itoa(int(l.Port))] = have[l.Port] == nil
	}
	waits := func(l stack.Listener) bool {
		return slices.ContainsFunc(l.DefaultActions, func(a stack.Action) bool {
			return a.Redirect != nil && created[a.Redirect.Port]
		})
	}
	if !slices.ContainsFunc(d.want.Listeners, waits) {
		return d.want.Listeners
	}
	out := slices.Clone(d.want.Listeners)
	slices.SortStableFunc(out, func(x, y stack.Listener) int {
		switch a, b := waits(x), waits(y); {
		case a == b:
			return 0
		case a:
			return 1
		}
		return -1
	})
	return out
}

// needRedirected makes a step wait for the listeners to which its actions redirect.
func (d *differ) needRedirected(s *plan.Step, as []stack.Action) {
	for _, a := range as {
		if a.Redirect != nil {
			s.Need(d.made[listenerRef(a.Redirect.Port)])
		}
	}
}

func (d *differ) createListener(w stack.Listener, rules []stack.Rule) plan.StepID {
	r := listenerRef(w.ID)
	op := awsop.CreateListener{Listener: w}
	op.Listener.Attributes, op.Listener.SNI = nil, nil
	w.DefaultActions = d.settled(w.DefaultActions, nil)
	authenticated := transition.Authenticates(w.DefaultActions)
	if authenticated {
		// What AWS refuses about a login, or a token's check, must not keep the rules from being served.
		op.Listener.DefaultActions = stack.UnavailableOf(d.plan.Key.Owner)
	} else {
		op.Listener.DefaultActions = w.DefaultActions
	}
	s := d.step(plan.Create, r, plan.Vital, op, w.Protocol+" "+strconv.Itoa(int(w.Port)))
	d.needFreed(s, op.Listener.DefaultActions)
	id := s.ID
	d.made[r] = id
	if authenticated {
		later := awsop.ModifyListener{Ref: r, Listener: w}
		later.Listener.Attributes, later.Listener.SNI, later.Listener.Tags = nil, nil, nil
		m := d.step(plan.Update, r, plan.Vital, later, "default action "+d.identities.Actions(w.DefaultActions))
		d.needFreed(m, w.DefaultActions)
	}
	for _, c := range sniWanted(w) {
		d.step(plan.Create, r, plan.Vital, awsop.AddListenerCertificates{Listener: r, Certificate: c},
			"attach certificate "+c)
	}
	d.listenerAttributes(plan.Create, r, w, nil)
	d.planBatches(d.transition(transition.Input{Listener: r}, nil, rules), map[transition.ID]plan.StepID{}, nil, nil)
	return id
}

// needFreed makes a step wait until the old load balancer no longer uses the target groups that the step uses.
func (d *differ) needFreed(s *plan.Step, as []stack.Action) {
	for _, ref := range awsop.TargetGroupsOf(as) {
		s.Need(d.frees[d.resolve(ref)]...)
	}
}

func (d *differ) updateListener(have *awsop.Listener, w stack.Listener, rules []stack.Rule) {
	r := listenerRef(w.ID)
	d.known[r] = have.ARN
	if d.kept[have.ARN] {
		return
	}
	have = d.withTags(have)
	from := len(d.steps)
	if d.keptActions[r] {
		w.DefaultActions = have.DefaultActions
		d.keepForwards(w.DefaultActions)
	}
	if d.keptCertificates[r] {
		keepCertificates(&w, have.Listener)
	}
	w.DefaultActions = d.settled(w.DefaultActions, have.DefaultActions)
	if w.Mutual == nil {
		w.Mutual = d.released(have.Listener)
	}
	why, sets := d.listenerChanges(have.Listener, w)
	// Certificates are added before the default one changes, so that no server name is without its certificate. Only a
	// listener with TLS accepts certificates.
	tls := w.SSLPolicy != "" || len(w.Certificates) > 0
	early := tls && have.Protocol == w.Protocol
	var attached attachments
	if early {
		attached = d.attach(r, have.Listener, w)
	}
	in := transition.Input{Listener: r, Application: d.application(w.LoadBalancer), Default: have.DefaultActions,
		Early: have.Protocol != w.Protocol, Why: why}
	if len(why) > 0 {
		in.Aside = d.aside(have, w)
		in.Modify = &awsop.ModifyListener{Ref: r, Listener: w, Sets: sets}
		in.Modify.Listener.Attributes, in.Modify.Listener.SNI, in.Modify.Listener.Tags = nil, nil, nil
		if !sets.Certificate && d.expired(firstOf(w.Certificates)) { // AWS accepts it in no call
			in.Modify.Listener.Certificates = nil
		}
		if have.Protocol != w.Protocol {
			in.Modify.Changes = awsop.Protocols{Listener: w.ID, From: have.Protocol, To: w.Protocol}
		}
	}
	batches, ids := d.transition(in, have, rules), map[transition.ID]plan.StepID{}
	defaults := firstOf(have.Certificates) != firstOf(w.Certificates)
	modified := d.planBatches(batches[:1], ids, attached, have)
	d.listenerAttributes(plan.Update, r, w, have.Attributes)
	d.tags(r, have.Tags, w.Tags)
	modified = cmp.Or(d.planBatches(batches[1:], ids, attached, have), modified)
	if tls {
		if !early {
			attached = d.attach(r, have.Listener, w, modified)
		}
		for _, s := range d.detach(r, have.Listener, w) {
			s.Need(d.awaited(w.Port, s, attached)...)
			if defaults {
				s.Need(modified)
			} else {
				s.Follow(modified)
			}
		}
	}
	d.deleteForeignRules(have, from)
}

// mutualText describes what a listener does with client certificates: as canonical text, and for people.
func mutualText(m *stack.MutualAuthentication) string {
	if m == nil || m.Mode == "" {
		return stack.MutualOff
	}
	if m.Mode != stack.MutualVerify {
		return m.Mode
	}
	out := m.Mode + " " + m.TrustStore
	if m.IgnoreExpiry {
		out += ", ignoring expiry"
	}
	if m.AdvertiseNames {
		out += ", advertising its authorities"
	}
	return out
}

func (d *differ) application(balancer stack.Ref) bool {
	return slices.ContainsFunc(d.want.LoadBalancers, func(lb stack.LoadBalancer) bool {
		return loadBalancerRef(lb.ID) == balancer && lb.Type == stack.Application
	})
}

// listenerChanges says what one ModifyListener must set.
func (d *differ) listenerChanges(have, want stack.Listener) (why reasons, sets awsop.ListenerSettings) {
	changes := func(is *bool, compare func()) {
		before := len(why)
		compare()
		*is = len(why) > before
	}
	why.value("protocol", have.Protocol, want.Protocol)
	changes(&sets.Actions, func() {
		why = append(why, d.forwards.ActionChanges("default action ", want.DefaultActions, have.DefaultActions)...)
	})
	changes(&sets.Certificate, func() {
		why.managed("default certificate", firstOf(have.Certificates), firstOf(want.Certificates))
	})
	changes(&sets.Policy, func() { why.managed("TLS policy", have.SSLPolicy, want.SSLPolicy) })
	changes(&sets.ALPN, func() {
		if want.Protocol == "TLS" {
			why.managed("ALPN policy", cmp.Or(have.ALPN, "None"), want.ALPN)
		}
	})
	changes(&sets.Mutual, func() {
		if want.Mutual != nil {
			why.value("mutual authentication", mutualText(have.Mutual), mutualText(want.Mutual))
		}
	})
	return why, sets
}

// expired reports whether a certificate of the stack has expired.
func (d *differ) expired(arn string) bool {
	return slices.ContainsFunc(d.obs.Certificates, func(c awsop.Certificate) bool {
		return c.ARN == arn && c.Status == facts.Expired
	})
}

// firstOf returns the default certificate of a list; empty = there is none.
func firstOf(certificates []string) string {
	if len(certificates) == 0 {
		return ""
	}
	return certificates[0]
}

// attachments are the steps that attach certificates to a listener.
type attachments []struct {
	certificate string
	step        plan.StepID
}

func (a attachments) steps() (out []plan.StepID) {
	for _, one := range a {
		out = append(out, one.step)
	}
	return out
}

// awaited returns the steps that attach certificates which may replace the one that a step detaches: all, except
// those for objects of other namespaces.
func (d *differ) awaited(port int32, detach *plan.Step, attached attachments) (out []plan.StepID) {
	op, ok := detach.Op.(awsop.RemoveListenerCertificates)
	if !ok {
		return attached.steps()
	}
	former := d.broughtBy(port, op.Certificate)
	for _, one := range attached {
		of := d.broughtBy(port, one.certificate)
		if len(former) == 0 || len(of) == 0 || slices.ContainsFunc(of, func(ns string) bool {
			return slices.Contains(former, ns)
		}) {
			out = append(out, one.step)
		}
	}
	return out
}

// broughtBy returns the namespaces whose objects declared a certificate for a port; none = not known.
func (d *differ) broughtBy(port int32, arn string) []string {
	for _, c := range d.keep.Brought {
		if c.Port == port && c.ARN == arn {
			return c.Namespaces
		}
	}
	return nil
}

// of returns the step that attaches a certificate; empty = there is none.
func (a attachments) of(certificate string) (id plan.StepID) {
	for _, one := range a {
		if one.certificate == certificate {
			id = one.step
		}
	}
	return id
}

// attach adds the certificates that are missing.
func (d *differ) attach(r stack.Ref, have, want stack.Listener, after ...plan.StepID) (added attachments) {
	if have.SNI == nil && want.SNI == nil {
		return nil
	}
	for _, c := range sniWanted(want) {
		if !slices.Contains(have.SNI, c) {
			s := d.step(plan.Update, r, plan.Vital, awsop.AddListenerCertificates{Listener: r, Certificate: c},
				"attach certificate "+c)
			s.Follow(after...)
			added = append(added, attachments{{c, s.ID}}...)
		}
	}
	return added
}

// detach removes the surplus certificates, and returns the steps.
func (d *differ) detach(r stack.Ref, have, want stack.Listener) (steps []*plan.Step) {
	old := slices.Clone(have.SNI)
	sort.Strings(old)
	for _, c := range old {
		if !slices.Contains(want.SNI, c) && c != firstOf(want.Certificates) { // attached twice, the default one is harmless
			steps = append(steps, d.step(plan.Update, r, plan.Normal, awsop.RemoveListenerCertificates{
				Listener: r, Certificate: c}, "detach certificate "+c))
		}
	}
	return steps
}

// sniWanted returns the sorted set of further certificates to attach. The default one is not attached a second time,
// but such an attachment by the existing controller stays.
func sniWanted(w stack.Listener) []string {
	out := slices.Clone(w.SNI)
	if len(w.Certificates) > 0 {
		out = slices.DeleteFunc(out, func(c string) bool { return c == w.Certificates[0] })
	}
	sort.Strings(out)
	return slices.Compact(out)
}

func (d *differ) listenerAttributes(a plan.Action, r stack.Ref, w stack.Listener, have map[string]string) {
	def := func(k string) (string, bool) { return canonical.ListenerDefault(w, k) }
	d.attributes(a, r, attributeDiff{w.Attributes, have, def}, func(as map[string]string) awsop.Operation {
		return awsop.ModifyListenerAttributes{Listener: r, Attributes: as}
	})
}

// deleteListeners deletes the listeners on unwanted ports, after the new ones exist. A listener without our tag was
// added outside the controller and stays, unless its load balancer is adopted.
func (d *differ) deleteListeners(have map[int32]*awsop.Listener, wanted map[int32]bool, fresh []plan.StepID) {
	for _, p := range slices.Sorted(maps.Keys(have)) {
		l := have[p]
		if wanted[p] || !d.mayDelete(l.ARN) || d.others(l) || !d.adopted(l) && d.tagged() && !d.ours(l.Tags) {
			continue
		}
		why := "port " + strconv.Itoa(int(p)) + " is no longer wanted"
		released := d.letGo(l.LoadBalancer.Literal, p, nil, why)
		moves, apart := d.deleteApart(l)
		r := stack.Ref{Kind: stack.KindListener, ID: l.ID, Literal: l.ARN}
		s := d.step(plan.Delete, r, plan.Normal, awsop.DeleteListener{Listener: stack.Literal(stack.KindListener, l.ARN)},
			why)
		s.Need(released...)
		s.Need(d.takeover(l)...)
		d.awaitSuccessors(s, l, moves, fresh)
		s.Follow(fresh...)
		s.Follow(apart...)
	}
}

// tagged reports whether listeners and rules carry tags in this cluster. If not, missing tags prove nothing.
func (d *differ) tagged() bool {
	return len(d.want.Listeners) == 0 || slices.ContainsFunc(d.want.Listeners, func(l stack.Listener) bool {
		return l.Tags != nil
	})
}
