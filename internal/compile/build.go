package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/certificates"
	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// build is one pass over the members in their present state.
type build struct {
	e       intent.LoadBalancer
	f       *facts.Facts
	cfg     *Config
	past    quarantine.Past
	members []quarantine.Member
	// memberAt is filled by memberOf.
	memberAt map[diag.Object]int
	group    merge.Group
	// certificatesBefore are those of the last compilation.
	certificatesBefore []stack.BroughtCertificate
	// deciders decide what the members share.
	deciders intent.Deciders
	rank     []int // merge.Group.Ranks
	arrival  []int // merge.Group.Arrival

	// ownersBefore are the owners of target groups as the last compilation left them.
	ownersBefore map[string]diag.Object

	// ruleOwnersBefore and ruleOwners are Memory.RuleOwners of the last compilation and of this one.
	ruleOwnersBefore, ruleOwners map[string][]string
	accepted                     quarantine.Accepted // see compiler.lookUpAccepted

	needs    []facts.Need
	notes    []diag.List // by member: findings that do not set the member aside
	failures []diag.List // by member: findings that do
	shared   []bool      // by member: a failure concerns the whole load balancer
	stuck    bool        // nothing can be built, whichever member is set aside
	unsure   bool        // a conflict between members depends on needs that are not answered

	settings shared
	lb       stack.LoadBalancer
	subnets  []facts.Subnet
	source   *stack.Ref // the group whose traffic targets allow; nil = the rules of targets are not managed
	noGroups bool       // a network load balancer without security groups
	groups   []stack.SecurityGroup
	lists    sgrules.Lists // those that rules of groups name, as far as they are known
	ports    []*port
	front    frontend
	owners   map[string]int       // the member that owns a target group, by identity
	targets  map[string]stack.Ref // by identity; the zero Ref marks one that cannot be built
	tgs      []stack.TargetGroup
	bindings []stack.Binding
	labels   map[string]string // of every binding; those of the stack replace others
	listen   []stack.Listener
	// servesHTTP reports that HTTP ports do not redirect all requests.
	servesHTTP bool
	rules      []stack.Rule
	keep       stack.Keep
	keptTags   map[string]bool                  // of keep
	refused    map[refusedGroup]diag.Diagnostic // as the compiler has them
	denied     map[deniedGroup]diag.Diagnostic  // target groups that members name and may not
	unread     bool                             // the owner of a target group is unknown; keptActions resets it
	// keepsLost reports that listeners are kept that may be those of versions that are not known.
	keepsLost bool
	unmade    []diag.Object         // members of which all rules are left out
	full      bool                  // Result.Full
	shortened []int                 // members without the routes that AWS does not have (boundGroup)
	others    []facts.NamedListener // of the load balancer of others, that are not the stack's
	adopts    string                // ARN of the load balancer of others that is taken over; empty = none
	standsIn  bool                  // it is not the stack's yet
	consents  map[string]string     // Result.Consents
	// withheldRules are those, default ones among them, of listeners that are not made now, and whose target groups are.
	withheldRules []portRules
	reaches       map[declaredRule]*reach
	reachOrder    []declaredRule // of reaches
	// certificateOf is the first member that brought a certificate to a port.
	certificateOf map[portCertificate]int
	// broughtBy are the namespaces of all members that brought it.
	broughtBy map[portCertificate][]string
	// certified are the listeners whose certificates serve in place of wrong ones.
	certified           map[memberPort]intent.Listener
	finder              *certificates.Finder
	hosts               *hostIndex // nil until it is needed
	expressions         map[string]hostPattern
	guarded             map[guardedVersion]guardedMember
	refusedCertificates map[string]bool // those for which the load balancer has no room, by identity
	// certificatesOwned are the certificates that the stack has in ACM, and ownedIDs their identities.
	certificatesOwned []stack.Certificate
	ownedIDs          map[string]bool
	trustStores       []stack.TrustStore // those of the stack
	origins           map[stack.Ref]Origin
}

func (b *build) require(needs ...facts.Need) {
	for _, n := range needs {
		b.needs = appendOnce(b.needs, n)
	}
}

// lookUp requires a fact, or reports to all members that its look-up failed.
func (b *build) lookUp(n facts.Need) { b.lookUpShared(-1, intent.Source{}, n) }

// lookUpOf requires a fact about what a member names. If AWS refuses to return it, the member alone is set aside.
func (b *build) lookUpOf(i int, source intent.Source, n facts.Need) {
	if p := b.f.Failed(n); p != nil && p.Refused() {
		b.fail(i, p.Diagnostic(b.members[i].Object, source.Place()))
		return
	}
	b.lookUp(n)
}

// lookUpShared is lookUpOf for a setting of the whole load balancer.
func (b *build) lookUpShared(i int, source intent.Source, n facts.Need) {
	if p := b.f.Failed(n); p != nil {
		b.problem(i, source, p)
	} else {
		b.require(n)
	}
}

// needStack is the need for the load balancer that exists.
func needStack(e *intent.LoadBalancer) facts.Need {
	return facts.Need{Kind: facts.NeedStack, Key: e.Key.String()}
}

func appendOnce[S ~[]T, T comparable](l S, x T) S {
	if slices.Contains(l, x) {
		return l
	}
	return append(l, x)
}

// unique returns the items of a list, each once, in their order.
func unique[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	return slices.DeleteFunc(list, func(x T) bool {
		twice := seen[x]
		seen[x] = true
		return twice
	})
}

// mostFindings bounds the findings of one kind of a member: an object may declare tens of thousands of bad values.
const mostFindings = 100

// appendFinding adds a finding once. The last one of mostFindings stands for all further ones.
func appendFinding(all []diag.Diagnostic, d diag.Diagnostic) []diag.Diagnostic {
	switch {
	case len(all) >= mostFindings:
		return all
	case len(all) == mostFindings-1 && !slices.Contains(all, d):
		d.Text += fmt.Sprintf("; further findings are not listed, because there are more than %d", mostFindings)
	}
	return appendOnce(all, d)
}

// note records a finding that leaves the member in its state.
func (b *build) note(i int, d diag.Diagnostic) { b.notes[i] = appendFinding(b.notes[i], d) }

// fail records an error that sets the member aside, unless it is already left out, with a reason.
func (b *build) fail(i int, d diag.Diagnostic) {
	if !b.members[i].State.LeftOut() {
		b.failures[i] = appendFinding(b.failures[i], d)
	}
}

// notPermitted sets a member aside that sets what others share, unless it decides or is not built as it is.
func (b *build) notPermitted(i int, d diag.Diagnostic) bool {
	m := &b.members[i]
	told := slices.ContainsFunc(m.Reasons, func(o diag.Diagnostic) bool { return o.Code == d.Code && o.Path == d.Path })
	decides := b.deciders.Decides(m.Object.Namespace) && !b.group.Doubts(m.Object.Namespace)
	if !told && (m.State != quarantine.Current && m.Moved == nil || decides) {
		return false
	}
	if !told {
		b.fail(i, d)
	}
	return true
}

// failShared records an error in a setting of the whole load balancer. If the member is left out but its settings
// count, there is no safe value: all settings of the load balancer are to be kept.
func (b *build) failShared(i int, d diag.Diagnostic) {
	d.Scope = diag.LoadBalancer
	switch m := &b.members[i]; {
	case m.State == quarantine.Frozen && !m.Shared && !b.keep.Settings:
		b.failures[i] = appendFinding(b.failures[i], d)
	case m.State.LeftOut():
		m.Reasons = appendFinding(m.Reasons, d)
		b.stuck = b.stuck || !b.keep.Settings
		return
	default:
		b.fail(i, d)
	}
	b.shared[i] = true
}

// problem reports the problem of a chooser to the member with the setting, or to all members if there is no setting or
// if a look-up failed that may succeed later.
func (b *build) problem(i int, source intent.Source, p *facts.Problem) {
	if i >= 0 && (p.Err == nil || p.Refused()) {
		b.failShared(i, p.Diagnostic(b.members[i].Object, source.Place()))
		return
	}
	b.stuck = true
	for j := range b.members {
		path := ""
		if i == j {
			path = source.Place()
		}
		b.note(j, p.Diagnostic(b.members[j].Object, path))
	}
}

// memberOf returns which member an object is.
func (b *build) memberOf(o diag.Object) (i int, is bool) {
	if b.memberAt == nil {
		b.memberAt = make(map[diag.Object]int, len(b.members))
		for i := range b.members {
			b.memberAt[b.members[i].Object] = i
		}
	}
	i, is = b.memberAt[o]
	return i, is
}

// existing is the load balancer that AWS holds for the stack, if it is of the desired type; known is false until it is
// looked up.
func (b *build) existing() (lb *facts.LoadBalancer, known bool) {
	if !b.f.ExistingKnown {
		b.lookUp(needStack(&b.e))
		return nil, false
	}
	if b.f.Existing != nil && b.f.Existing.Type == b.e.Type {
		return b.f.Existing, true
	}
	return nil, true
}

// run builds everything. Parts that cannot be decided are left out and recorded as need, failure or stuck.
func (b *build) run() {
	b.checkTags()
	if b.refuseHuge() {
		return
	}
	b.settings = b.mergeShared()
	b.lb = stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Type: b.e.Type}
	shares := b.sharesLoadBalancer()
	switch {
	case shares:
		b.shareLoadBalancer()
		b.mergePorts()
	case b.keep.Settings:
		lb, _ := b.existing()
		b.lb.Scheme, b.lb.IPAddressType = lb.Scheme, cmp.Or(lb.IPAddressType, stack.IPv4)
		b.keepSubnets(lb)
		b.mergePorts()
	default:
		b.chooseScheme()
		b.checkAdoptedScheme()
		b.chooseIPAddressType()
		b.mergePorts()
		b.chooseSubnets()
	}
	if !shares {
		b.ownLoadBalancer()
	}
	b.ownTargetGroups()
	b.tgs, b.bindings = make([]stack.TargetGroup, 0, len(b.owners)), make([]stack.Binding, 0, len(b.owners))
	b.rank = b.group.Ranks()
	b.arrival = b.group.Arrival(b.rank)
	b.buildListeners()
	b.buildFrontend()
	b.keepOfLeftOut()
	b.traceLoadBalancer()
}

// ownLoadBalancer decides the rest of what is the stack's own load balancer.
func (b *build) ownLoadBalancer() {
	b.chooseSecurityGroups()
	b.nameLoadBalancer()
	b.mapSubnets()
	b.lb.Attributes = b.loadBalancerAttributes()
	b.lb.Tags = b.tags(b.settings.tags, b.lb.ID)
	b.markAdopted()
	b.chooseAddOns()
	if b.e.Type == stack.Network {
		b.lb.NetworkSourceNAT = b.settings.sourceNAT.Or("off")
		b.choosePrivateLinkRules()
	}
	b.mergeFrontend()
	b.managedGroups()
}

// stack assembles what was built.
func (b *build) stack() *stack.Stack {
	s := &stack.Stack{Key: b.e.Key, Cluster: b.cfg.Cluster, VPC: b.cfg.VPC, Adopts: b.adopts}
	s.SecurityGroups, s.PrefixLists = b.groups, b.lists
	s.TargetGroups = b.tgs
	s.LoadBalancers = append([]stack.LoadBalancer{b.lb}, b.front.balancers...)
	s.Listeners = slices.Concat(b.listen, b.front.listeners)
	s.Rules = b.rules
	s.Bindings = b.bindings
	s.Certificates = b.certificatesOwned
	s.TrustStores = sorted(b.trustStores, func(t *stack.TrustStore) string { return t.ID })
	s.SecurityGroups = sorted(s.SecurityGroups, func(g *stack.SecurityGroup) string { return g.ID })
	s.TargetGroups = sorted(s.TargetGroups, func(tg *stack.TargetGroup) string { return tg.ID })
	s.Certificates = sorted(s.Certificates, func(c *stack.Certificate) string { return c.ID })
	s.Bindings = sorted(s.Bindings, func(x *stack.Binding) string { return x.ID })
	return s
}

// sorted sorts a list by identity. Its elements are large, and each is copied once only.
func sorted[T any](list []T, id func(*T) string) []T {
	order := make([]*T, len(list))
	for n := range list {
		order[n] = &list[n]
	}
	byID := func(x, y *T) int { return strings.Compare(id(x), id(y)) }
	if slices.IsSortedFunc(order, byID) {
		return list
	}
	slices.SortStableFunc(order, byID)
	out := make([]T, len(list))
	for n, x := range order {
		out[n] = *x
	}
	return out
}

// trace records where a resource comes from.
func (b *build) trace(kind stack.Kind, id string, members []int, fields map[string]intent.Source) {
	ref := stack.Ref{Kind: kind, ID: id}
	o := b.origins[ref]
	known := map[diag.Object]bool{}
	if len(members) > 1 { // of a group thousands
		for _, x := range o.Objects {
			known[x] = true
		}
	}
	for _, i := range members {
		x := b.members[i].Object
		if !known[x] && (len(members) > 1 || !slices.Contains(o.Objects, x)) {
			o.Objects = append(o.Objects, x)
		}
		known[x] = true
	}
	for name, source := range fields {
		if source == (intent.Source{}) {
			delete(fields, name)
		}
	}
	if len(o.Fields) == 0 {
		o.Fields = fields
	} else {
		maps.Copy(o.Fields, fields)
	}
	b.origins[ref] = o
}

func (b *build) traceLoadBalancer() {
	s := b.settings
	b.trace(stack.KindLoadBalancer, b.lb.ID, b.group.All(), map[string]intent.Source{
		"Name": s.name.Source, "Scheme": s.scheme.Source, "IPAddressType": s.ipAddressType.Source,
		"Subnets":        s.subnets.Source,
		"SecurityGroups": s.securityGroups.Source, "Mappings": s.mappings.Source, "NetworkSourceNAT": s.sourceNAT.Source,
		"PrivateLinkRules": s.privateLinkRules.Source,
	})
	b.trace(stack.KindLoadBalancer, b.lb.ID, nil, s.addOns.sources())
	b.traceKeys(stack.KindLoadBalancer, b.lb.ID, "Attributes", s.attributesSource)
	b.traceKeys(stack.KindLoadBalancer, b.lb.ID, "Tags", s.tagsSource)
}

// traceKeys records where the entries of a map come from, each by itself and one for the map.
func (b *build) traceKeys(kind stack.Kind, id, name string, sources map[string]intent.Source) {
	fields := map[string]intent.Source{}
	for _, k := range slices.Sorted(maps.Keys(sources)) {
		if _, ok := fields[name]; !ok {
			fields[name] = sources[k]
		}
		fields[name+"["+k+"]"] = sources[k]
	}
	b.trace(kind, id, nil, fields)
}
