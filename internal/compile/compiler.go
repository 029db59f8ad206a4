package compile

import (
	"cmp"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/certificates"
	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// compiler repeats the build until every member that counts is sound: each failure sets one version of one member
// aside.
type compiler struct {
	e       intent.LoadBalancer
	f       facts.Facts
	cfg     Config
	before  *Memory
	past    quarantine.Past        // of before
	owners  map[string]diag.Object // of target groups, as they were
	members []quarantine.Member
	// declared are the members without what took the place of their parts.
	declared []intent.Member
	// restored is what took the place of parts of members that cannot be served.
	restored quarantine.Restored
	// rejected reports that a build set a member aside that the front end found valid.
	rejected      bool
	keepsSettings bool // what members share stays as AWS holds it
	// refused are the target groups that a build could not build because objects of another namespace are wrong.
	refused map[refusedGroup]diag.Diagnostic
	// servesHTTP reports that HTTP ports do not redirect all requests, and that a build found rules there that AWS
	// refuses.
	servesHTTP bool
	accepted   quarantine.Accepted              // see lookUpAccepted
	served     func() map[string]namespaceHosts // see setRefusedAside
}

func (c *compiler) compile() Result {
	if c.e.Unseen != nil {
		if r, done := c.keepUnseen(); done {
			return r
		}
	}
	if len(c.e.Members) == 0 {
		return Result{Memory: &Memory{}} // a removal is stack.ForRemoval
	}
	quarantine.RestoreOrder(&c.e, c.past.Good)
	if quarantine.CheckMisspelt(&c.e, c.f, c.past, quarantine.Defaults{
		ManageBackend: c.cfg.ManageBackendSecurityGroupRules, Scheme: c.cfg.DefaultScheme}) {
		return c.waiting(needStack(&c.e))
	}
	if needs := c.lookUpAccepted(); len(needs) > 0 {
		return c.waiting(needs...)
	}
	c.declared = c.e.Members
	if !c.begin() {
		return c.waiting(needStack(&c.e))
	}
	if c.cfg.StrictGroups {
		return c.strict()
	}
	for {
		if r, ok := c.hopeless(); ok {
			return r
		}
		b := c.newBuild()
		b.run()
		if b.stuck {
			return c.stuck(b)
		}
		failed := slices.ContainsFunc(b.failures, func(l diag.List) bool { return len(l) > 0 })
		if len(b.needs) > 0 && (b.unsure || !failed) {
			return c.waiting(b.needs...)
		}
		if failed {
			if !c.setFailedAside(b) {
				return c.waiting(needStack(&c.e))
			}
			c.rejected = c.e.Key.ID.Namespace == ""
			continue
		}
		if !c.servesHTTP && b.servesUnfit() {
			if c.servesHTTP = true; !c.begin() {
				return c.waiting(needStack(&c.e))
			}
			continue
		}
		switch nothing, known := b.pointless(); {
		case b.stuck: // the look-up of what exists fails
			return c.stuck(b)
		case !known:
			return c.waiting(b.needs...)
		case nothing:
			return Result{Memory: c.carry(), Diagnostics: c.diagnose(b, unserving)}
		}
		return c.finish(b)
	}
}

// begin sets aside what cannot be served of the members as they are declared. It reports false while it is not known
// what they have in AWS.
func (c *compiler) begin() (known bool) {
	c.e.Members = c.declared
	if !c.cfg.StrictGroups {
		c.setRefusedAside()
	}
	var unknown bool
	if c.restored, unknown = quarantine.Restore(&c.e, c.f, c.past); unknown {
		return false
	}
	c.members = make([]quarantine.Member, len(c.e.Members))
	for i, m := range c.e.Members {
		c.members[i] = quarantine.Member{Member: m}
	}
	return c.cfg.StrictGroups || c.setInvalidAside()
}

// setInvalidAside sets members aside that are invalid, have left or are withheld. done is false while it is not known
// what they have in AWS.
func (c *compiler) setInvalidAside() (done bool) {
	for i := range c.members {
		if !c.judge(i) {
			return false
		}
	}
	return true
}

// strict builds all members or nothing, as the existing controller does. Members whose target groups have the same
// identity do not stop their group, as there: those that do not own it are set aside.
func (c *compiler) strict() Result {
	b := c.newBuild()
	b.run()
	for b.onlyTaken() {
		if !c.setFailedAside(b) {
			return c.waiting(needStack(&c.e))
		}
		b = c.newBuild()
		b.run()
	}
	b.failRefused()
	wrong := b.stuck
	for i, m := range c.e.Members {
		wrong = wrong || len(b.failures[i]) > 0 || slices.ContainsFunc(b.notes[i], stops) ||
			slices.ContainsFunc(m.Diagnostics, func(d diag.Diagnostic) bool {
				return d.Class != diag.Note && (d.Code != diag.ServiceNotFound || !quarantine.Answered(m))
			})
	}
	switch {
	case wrong:
		found := c.diagnose(b, unfixed+"the controller neither creates nor changes the group's load balancer")
		return Result{Memory: c.carry(), Diagnostics: append(found, c.waitFor(found)...), Full: b.full}
	case len(b.needs) > 0:
		return c.waiting(b.needs...)
	}
	return c.finish(b)
}

// setAside moves a member to its next state. It reports false if that depends on the existing load balancer, which is
// to be looked up.
func (c *compiler) setAside(i int, reasons diag.List, shared bool) bool {
	m := &c.members[i]
	_, hasGood := c.past.Good[m.Object]
	fresh, known := false, true
	if m.Former {
		// It was part of the load balancer; what it owns there is not known without its last valid version.
		shared = true
	}
	if !hasGood && !m.Former && len(c.members) > 1 {
		fresh, known = c.past.Newcomer(m.Object, c.f)
	}
	if !known && c.f.Failed(needStack(&c.e)) == nil {
		return false
	}
	good := c.past.Good
	if last, moves := c.e.Moved[m.Object]; moves && !hasGood && m.State == quarantine.Current {
		if version, ok := quarantine.Moved(&last, &m.Member, reasons); ok {
			m.Moved, good = &version, quarantine.Versions{m.Object: &version}
		}
	}
	m.Demote(reasons, shared, good, fresh, cmp.Or(c.cfg.DefaultScheme, stack.Internal))
	return true
}

// setFailedAside moves the members that failed in a build to their next state. It reports what setAside does. If target
// groups failed for objects of other namespaces, it begins again without these.
func (c *compiler) setFailedAside(b *build) bool {
	known := len(c.refused)
	if maps.Copy(c.refused, b.refused); len(c.refused) > known {
		return c.begin()
	}
	for i, failures := range b.failures {
		if len(failures) > 0 && !c.setAside(i, failures, b.shared[i]) {
			return false
		}
	}
	return true
}

// hopeless ends a compilation in which no member is left to build from, or in which the settings of a member are not
// known that may matter to live traffic, and AWS holds no load balancer whose settings could be kept.
func (c *compiler) hopeless() (Result, bool) {
	sound, unreadable := false, false
	for i := range c.members {
		m := &c.members[i]
		sound = sound || !m.State.LeftOut()
		unreadable = unreadable || m.Unreadable()
		// no other member has its settings and listeners
		if c.e.FixedPorts && m.Authority != intent.RoutesOnly && m.State == quarantine.Rejected {
			return c.stuck(c.newBuild()), true
		}
	}
	if sound && !unreadable {
		return Result{}, false
	}
	b := c.newBuild()
	if sound {
		lb, known := b.existing()
		switch {
		case len(b.needs) > 0:
			return c.waiting(b.needs...), true
		case known && lb != nil && !b.stuck:
			c.keepsSettings = true
			return Result{}, false
		}
	}
	return c.stuck(b), true
}

func (c *compiler) newBuild() *build {
	n, routes := len(c.members), 0
	for i := range c.members {
		routes += len(c.members[i].Routes)
	}
	b := &build{
		e: c.e, f: &c.f, cfg: &c.cfg, past: c.past, ownersBefore: c.owners, certificatesBefore: c.before.Certificates,
		ruleOwnersBefore: c.before.RuleOwners, accepted: c.accepted,
		members: slices.Clone(c.members),
		// of a rule, a target group and a binding
		notes: make([]diag.List, n), failures: make([]diag.List, n), shared: make([]bool, n),
		origins: make(map[stack.Ref]Origin, 3*min(routes, intent.MaxGroupRules)),
		refused: map[refusedGroup]diag.Diagnostic{}, keptTags: map[string]bool{},
		labels: maps.Clone(c.e.BindingLabels), keep: stack.Keep{Settings: c.keepsSettings, Departed: c.departed()},
	}
	for i, found := range c.restored.Findings {
		b.notes[i] = slices.Clone(found)
	}
	if b.labels == nil {
		b.labels = map[string]string{}
	}
	maps.Copy(b.labels, naming.Labels(c.e.Key))
	if c.keepsSettings && c.e.Unseen != nil {
		b.keep.SeenNamespace = c.e.Unseen.Namespace
	}
	b.finder = &certificates.Finder{Facts: *b.f, Stack: b.e.Key, Region: b.cfg.Region,
		Authorities: b.cfg.AllowedAuthorities, Attached: b.attached}
	b.group = merge.Group{
		Members: make([]merge.Member, n), Strict: c.cfg.StrictGroups, Joinable: c.e.Key.ID.Namespace == "",
		InEffect: c.before.Effect, Joined: c.before.Members, JoinedLater: min(max(0, c.before.Later), len(c.before.Members)),
		NewEffect: map[string]merge.Effect{},
		Exists:    func() bool { return b.knowsWhatExists() && b.f.Existing != nil }, Note: b.note,
	}
	b.deciders = c.deciders()
	if b.group.Joinable && !c.cfg.StrictGroups && !c.keepsSettings {
		b.group.SetAside = b.notPermitted
	}
	for i := range b.members {
		m := &b.members[i]
		b.group.Members[i] = merge.Member{
			Object: m.Object, Order: m.Order, Created: m.Created, Authority: m.Authority,
			ClassOfGroup: m.ClassOfGroup, Rejected: m.State == quarantine.Rejected, LeftOut: m.State.LeftOut(),
		}
	}
	return b
}

// deciders decide what the members share: those that the caller knows, else as the members tell.
func (c *compiler) deciders() intent.Deciders {
	if c.e.Deciders != nil {
		return *c.e.Deciders
	}
	var parties []intent.Party
	for i := range c.e.Members {
		m := &c.e.Members[i]
		parties = append(parties, intent.Party{Object: m.Object, Created: m.Created, Authority: m.Authority})
	}
	return intent.DecidersOf(parties, c.before.Members)
}

// waiting returns needs, without diagnostics, because the members may prove valid once they are answered.
func (c *compiler) waiting(needs ...facts.Need) Result {
	return Result{Needs: needs, Memory: c.carry()}
}

// stuck is the result if nothing can be built.
func (c *compiler) stuck(b *build) Result {
	r := c.departure()
	if len(r.Needs) == 0 {
		r.Diagnostics = c.diagnose(b, unfixed+"the controller neither creates nor changes the load balancer")
	}
	return r
}

// carry is the memory with the good versions of members that still exist.
func (c *compiler) carry() *Memory {
	out := make(quarantine.Versions, len(c.e.Members))
	for _, m := range c.e.Members {
		if last, ok := c.past.Good[m.Object]; ok {
			out[m.Object] = last
		}
	}
	for o, last := range c.past.Good {
		if c.e.Unseen != nil && o.Namespace != c.e.Unseen.Namespace { // it may be there
			out[o] = last
		}
	}
	policies := c.before.Policies
	if c.e.Policies != nil {
		policies = c.e.Policies
	}
	return &Memory{
		Good: out, Members: c.before.Members, Later: c.before.Later, Effect: c.before.Effect,
		TargetGroups: c.before.TargetGroups, Beside: c.before.Beside, Policies: policies,
		Certificates: c.before.Certificates, RuleOwners: c.before.RuleOwners, Listeners: c.listenerVersions(),
	}
}

// judge sets a member aside that the front end found invalid. It reports false if that depends on the existing load
// balancer, which is to be looked up.
func (c *compiler) judge(i int) bool {
	m := &c.e.Members[i]
	var errors diag.List
	shared := false
	for _, d := range m.Diagnostics {
		switch {
		case quarantine.Disqualifies(*m, d):
			errors = append(errors, d)
			shared = shared || !d.Scope.OwnOnly()
		case quarantine.Unprotected(d):
			if c.past.Lost(m.Object) && !c.f.ExistingKnown && c.f.Failed(needStack(&c.e)) == nil {
				return false
			}
			if !c.past.Serves(m.Object, c.f.Existing != nil) {
				d.Text += quarantine.Closed
				errors = append(errors, d)
			}
		}
	}
	if len(errors) > 0 || m.Former || m.Withheld {
		return c.setAside(i, errors, shared && !m.Withheld)
	}
	return true
}

// departure is the result of a group of whose members nothing can be built. What the group has of objects that leave
// goes nevertheless: their owner must not wait until somebody else corrects his objects. The rest stays as AWS holds
// it.
func (c *compiler) departure() Result {
	nothing := Result{Memory: c.carry()}
	gone := c.departed()
	if !gone.Any() {
		return nothing
	}
	b := c.newBuild()
	lb, known := b.existing()
	switch {
	case b.stuck:
		return nothing
	case !known:
		return c.waiting(b.needs...)
	case lb == nil:
		return nothing
	}
	b.lb = stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Type: c.e.Type}
	b.keep = stack.Keep{Settings: true, Departed: gone}
	return Result{Stack: b.stack(), Keep: b.keep, Memory: c.carry(), Departure: true}
}

// departed are the objects that leave the group. What begins as what a member has is the member's.
func (c *compiler) departed() (out stack.Departed) {
	if c.e.Key.ID.Namespace != "" || c.e.Unseen != nil || c.cfg.StrictGroups || len(c.e.Leaving) == 0 {
		return stack.Departed{}
	}
	for _, o := range c.e.Leaving {
		out.Prefixes = append(out.Prefixes, c.e.Names.TargetGroups(o)...)
	}
	for i := range c.e.Members {
		out.Except = append(out.Except, c.e.Names.TargetGroups(c.e.Members[i].Object)...)
	}
	return out
}
