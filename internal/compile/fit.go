package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/rules"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// fitRules joins rules, then leaves rules out, where the load balancer would have more of them, or of target groups,
// than AWS allows.
func (b *build) fitRules(ports []portRules) {
	if b.e.Type != stack.Application {
		return
	}
	b.joinKept(ports)
	tooMany := b.exceeds(quota.RulesOfApplicationLoadBalancer, count(ports))
	if tooMany != nil {
		b.joinToFit(ports, tooMany.admits)
		if tooMany.wanted = count(ports); tooMany.wanted <= tooMany.admits {
			tooMany = nil
		}
	}
	room := b.room()
	room.Rules, room.TargetGroups = count(ports), len(b.groupsOf(ports, room.Taken))
	groups := b.exceeds(quota.TargetGroupsOfApplicationLoadBalancer, room.TargetGroups)
	if tooMany == nil && groups == nil {
		return
	}
	b.full = true
	if tooMany != nil {
		room.Rules = tooMany.admits
	}
	if groups != nil {
		room.TargetGroups = groups.admits
	}
	claims := b.claims(ports)
	fitting := rules.Fit(claims, room)
	b.noteRules(claims, fitting, tooMany, groups)
	b.rememberRules(claims, fitting)
	at := 0
	for n := range ports {
		all := ports[n].rules
		gone := fitting.LeftOut[at : at+len(all)]
		at += len(all)
		for i := range all {
			if gone[i] {
				b.leftOut(&all[i])
			}
		}
		ports[n].rules = rules.Without(all, gone)
		if l := &b.listen[n]; fitting.Closed[ports[n].port.number] {
			l.DefaultActions = stack.UnavailableOf(b.e.Key.Owner)
		}
	}
	b.dropTargetGroups(ports)
}

func count(ports []portRules) (n int) {
	for _, p := range ports {
		n += len(p.rules)
	}
	return n
}

// joinToFit joins rules until no more are left than AWS allows, first those of the members that joined last.
func (b *build) joinToFit(ports []portRules, admits int) {
	more := count(ports) - admits
	fitters := make([]*rules.Fitter, len(ports))
	for n := range ports {
		fitters[n] = rules.NewFitter(ports[n].rules)
	}
	rank := b.seniority()
	members := b.group.All()
	slices.SortFunc(members, func(i, j int) int { return cmp.Or(rank[j]-rank[i], j-i) })
	for _, i := range members {
		for n := 0; n < len(ports) && more > 0 && !b.members[i].State.LeftOut(); n++ {
			more -= fitters[n].Join(i, b.members[i].Object.Namespace, more)
		}
	}
	for n := range ports {
		ports[n].rules = fitters[n].Rules()
	}
}

// seniority are the places of members in the order in which they joined; those that do not count come last.
func (b *build) seniority() []int {
	joined := b.group.Seniority()
	out := slices.Repeat([]int{len(joined)}, len(b.members))
	for n, o := range joined {
		if i, is := b.memberOf(o); is {
			out[i] = n
		}
	}
	return out
}

// claims are the rules of all ports, in order, with what decides which of them have room.
func (b *build) claims(ports []portRules) (out []rules.Claim) {
	rank := b.seniority()
	for _, p := range ports {
		for i := range p.rules {
			r := &p.rules[i]
			of := b.members[r.Member].Object.Namespace
			out = append(out, rules.Claim{Rule: r, Port: p.port.number, Seniority: rank[r.Member], Namespace: of,
				Decides: b.deciders.Decides(of)})
		}
	}
	b.markStanding(out)
	return out
}

// room has what the default actions take, and do.
func (b *build) room() rules.Room {
	room := rules.Room{Taken: map[stack.Ref]bool{}, Open: map[int32]bool{}, Defaults: map[int32]string{}}
	for i := range b.listen {
		l := &b.listen[i]
		for _, ref := range rules.TargetGroups(l.DefaultActions) {
			room.Taken[ref] = true
		}
		declared := b.origins[stack.Ref{Kind: stack.KindListener, ID: l.ID}].Fields["DefaultActions"]
		room.Defaults[l.Port] = declared.Object().Namespace
		room.Open[l.Port] = rules.OnlyForward(l.DefaultActions)
	}
	return room
}

// groupsOf are the target groups that rules and default actions forward to.
func (b *build) groupsOf(ports []portRules, byDefault map[stack.Ref]bool) map[stack.Ref]bool {
	out := maps.Clone(byDefault)
	for _, p := range ports {
		for i := range p.rules {
			for _, ref := range rules.TargetGroups(p.rules[i].Actions) {
				out[ref] = true
			}
		}
	}
	return out
}

// dropTargetGroups takes back the target groups and bindings that only rules that are left out forward to.
func (b *build) dropTargetGroups(ports []portRules) {
	used := b.groupsOf(slices.Concat(ports, b.withheldRules), b.room().Taken)
	unused := func(kind stack.Kind, id string) bool {
		out := !used[stack.Ref{Kind: stack.KindTargetGroup, ID: id}]
		if out {
			delete(b.origins, stack.Ref{Kind: kind, ID: id})
		}
		return out
	}
	b.tgs = slices.DeleteFunc(b.tgs, func(g stack.TargetGroup) bool { return unused(stack.KindTargetGroup, g.ID) })
	b.bindings = slices.DeleteFunc(b.bindings, func(x stack.Binding) bool { return unused(stack.KindBinding, x.ID) })
}

// shownRules is how many of the rules that are left out a finding names.
const shownRules = 3

// noteRules has one finding for each member of which rules are left out.
func (b *build) noteRules(claims []rules.Claim, f rules.Fitting, tooMany, groups *limit) {
	cause, what := tooMany, "rules besides default ones"
	if cause == nil {
		cause, what = groups, "target groups"
	}
	of := make([][]int, len(b.members)) // claims of each member
	for n := range claims {
		of[claims[n].Member] = append(of[claims[n].Member], n)
	}
	for i := range b.members {
		total, first := len(of[i]), (*rules.Claim)(nil)
		var out []string
		closed := ""
		for _, n := range of[i] {
			c := &claims[n]
			if !f.LeftOut[n] {
				continue
			}
			if first == nil {
				first = c
			}
			out = append(out, fmt.Sprintf("%d%s", c.Port, rules.Requests(c.Conditions)))
			if f.Closed[c.Port] {
				closed = fmt.Sprintf("; requests that match no rule of port %d get 503, because a protective rule is left out",
					c.Port)
			}
		}
		if len(out) == 0 {
			continue
		}
		rest := ", the others serve"
		if len(out) == total {
			b.unmade = append(b.unmade, b.members[i].Object)
			rest = ""
		}
		b.note(i, excess(b.members[i].Object, first.Route.Source.Place(),
			fmt.Sprintf("%s: %d of the %d rules of this object are left out%s; on port %s%s", cause.text(what), len(out), total,
				rest, diag.First(out, shownRules, "; "), closed),
			cause.remedy("declare fewer hosts, paths and backends here, or move some of them to another load balancer")))
	}
}

// portCertificate is a certificate of a port.
type portCertificate struct {
	port int32
	arn  string
}

// memberPort is a port of a member.
type memberPort struct {
	member int
	port   int32
}

// fitCertificates detaches the certificates that exceed what AWS allows besides default ones: those that are not
// attached first, then those of the members that joined last, then the last ones of the highest ports. Clients that ask
// for their names get the default certificate, which they refuse.
func (b *build) fitCertificates() {
	type attached struct {
		portCertificate
		stands, member int
	}
	var all []attached
	for i := range b.listen {
		for _, arn := range b.listen[i].SNI {
			all = append(all, attached{portCertificate: portCertificate{b.listen[i].Port, arn}, stands: 1})
		}
	}
	l := b.exceeds(quota.CertificatesOf(b.e.Type), len(all))
	if l == nil {
		return
	}
	b.full = true
	d, _ := b.detailsOfExisting()
	for i := range all {
		a := &all[i]
		if a.member = b.certificateOf[a.portCertificate]; slices.Contains(d.Listeners[a.port].SNI, a.arn) {
			a.stands = 0
		}
	}
	freed := b.freedCertificates(d, func(c portCertificate) bool {
		return slices.ContainsFunc(all, func(a attached) bool { return a.portCertificate == c })
	})
	for i := range all { // a certificate that replaces another one of its namespace takes its place
		if a, of := &all[i], b.members[all[i].member].Object.Namespace; a.stands > 0 && freed[of] > 0 {
			a.stands = 0
			freed[of]--
		}
	}
	joined := b.seniority()
	slices.SortStableFunc(all, func(x, y attached) int { return cmp.Or(x.stands-y.stands, joined[x.member]-joined[y.member]) })
	left, byMember := map[portCertificate]bool{}, map[int][]string{}
	for _, a := range all[l.admits:] {
		left[a.portCertificate] = true
		byMember[a.member] = append(byMember[a.member], fmt.Sprintf("%s on port %d", a.arn, a.port))
	}
	for i := range b.members {
		if of := byMember[i]; len(of) > 0 {
			b.note(i, excess(b.members[i].Object, "",
				fmt.Sprintf("%s: %d of this object are not attached, so clients that ask for their names get the default "+
					"certificate: %s", l.text("certificates besides default ones"), len(of), strings.Join(of, ", ")),
				l.remedy("use certificates with several names or wildcards, or another load balancer for some of the hosts")))
		}
	}
	for i := range b.listen {
		l := &b.listen[i]
		out := func(arn string) bool { return left[portCertificate{l.Port, arn}] }
		if len(l.Certificates) > 1 {
			l.Certificates = append(l.Certificates[:1:1], slices.DeleteFunc(slices.Clone(l.Certificates[1:]), out)...)
			l.SNI = l.Certificates[1:]
		}
	}
}

// freedCertificates are how many attached certificates nothing wants any longer, by the namespace that brought them.
func (b *build) freedCertificates(d *facts.LoadBalancerDetails, wanted func(portCertificate) bool) map[string]int {
	freed := map[string]int{}
	for _, c := range b.certificatesBefore {
		if slices.Contains(d.Listeners[c.Port].SNI, c.ARN) && !wanted(portCertificate{c.Port, c.ARN}) {
			freed[c.Namespaces[0]]++
		}
	}
	return freed
}

// limit is one of the account's that a load balancer would exceed.
type limit struct {
	name   quota.Limit
	wanted int
	admits int
}

func (l *limit) text(of string) string {
	return fmt.Sprintf("the load balancer would have %d %s, and AWS allows %d (%s)", l.wanted, of, l.admits, l.name)
}

// remedy is what cures the excess, of which instead is a part.
func (l *limit) remedy(instead string) string {
	if l.name.Fixed() {
		return instead
	}
	return "ask AWS for a higher quota (Service Quotas), or " + instead
}

// exceeds reports which limit a load balancer of so many would exceed; nil = none, or it is not known. The account's
// limits, and what exists, are asked for only beyond AWS's default. Where the limits cannot be read, AWS is left to
// decide: the account may have higher ones.
func (b *build) exceeds(name quota.Limit, wanted int) *limit {
	l := &limit{name: name, wanted: wanted, admits: name.Default()}
	if wanted <= l.admits {
		return nil
	}
	if !name.Fixed() {
		need := facts.Need{Kind: facts.NeedLimits}
		switch {
		case b.f.Failed(need) != nil && !b.cfg.DefaultLimits:
			return nil
		case b.f.Failed(need) != nil:
		case b.f.Limits == nil:
			b.require(need)
			return nil
		}
		if l.admits = cmp.Or(b.f.Limits[string(name)], l.admits); wanted <= l.admits {
			return nil
		}
	}
	if _, known := b.detailsOfExisting(); !known { // what stands comes first
		return nil
	}
	return l
}

// excess is the finding that something of an object is left out.
func excess(o diag.Object, path, text, remedy string) diag.Diagnostic {
	d := diag.New(o, path, diag.QuotaExceeded, text, remedy)
	d.Phase = diag.Deploying // as AWS's refusal, which it replaces
	return d
}

// detailsOfExisting returns the details of the existing load balancer, or empty ones. known is false until they are
// looked up.
func (b *build) detailsOfExisting() (d *facts.LoadBalancerDetails, known bool) {
	switch lb, known := b.existing(); {
	case !known:
		return nil, false
	case lb == nil:
		return &facts.LoadBalancerDetails{}, true
	}
	d = b.details()
	return d, d != nil
}
