// Package quarantine selects the version in which each member of a load balancer takes part: the current one, the
// last valid one, or none, so that an error of one member does not affect the others. Decision 2 has the reasons. Its
// caller finds the errors. It is pure.
package quarantine

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// State is how a member takes part.
type State int

// States of members.
const (
	Current  State = iota // as it is
	LastGood              // by its last version that compiled cleanly
	// existing rules of its routes stay, the others answer 503; its settings and listeners count, because live traffic
	// depends on them
	Frozen
	Rejected // its routes answer 503 on the listeners of others; nothing else of it counts: it never was good
)

// LeftOut reports whether the load balancer leaves out the member's routes.
func (s State) LeftOut() bool { return s == Frozen || s == Rejected }

// Member is one object of the load balancer in the version that is compiled.
type Member struct {
	intent.Member
	State   State
	Reasons diag.List       // errors for which earlier versions were set aside
	Wider   bool            // its rules may match more requests than it declares
	Shared  bool            // one of the reasons concerns a setting of the whole load balancer
	untried []intent.Member // versions for the next calls of Demote
	// Moved is the version that serves, if it comes from another load balancer (package function Moved).
	Moved *intent.Member
}

// Unreadable reports whether the member is part of the load balancer, and its values of shared settings are not known.
func (m *Member) Unreadable() bool { return m.State == Frozen && m.Shared }

// Demote sets the present version of a member aside. Its last valid version replaces it, if there is one that has not
// been tried: first as class parameters bind it, then without some of the settings that a build may refuse. scheme is
// the default one.
func (m *Member) Demote(reasons diag.List, shared bool, good Versions, newcomer bool,
	scheme string) {
	for _, r := range reasons {
		if !slices.Contains(m.Reasons, r) { // versions that are tried in turn may fail for the same reason
			m.Reasons = append(m.Reasons, r)
		}
	}
	m.Shared = m.Shared || shared
	if last, ok := good.Of(m.Object); ok && m.State == Current {
		m.State = Remembered(last)
		if m.State == Rejected {
			return
		}
		if last.Reduced && !m.Former { // existing rules for the present routes stay
			last.Routes = m.Routes
		}
		// The settings are those of the last valid version; order in the group and age are the present ones.
		last.Order, last.Created, last.Authority, last.Diagnostics = m.Order, m.Created, m.Authority, nil
		last.Withheld, last.ClassOfGroup = m.Withheld, m.ClassOfGroup
		m.try(boundByClass(withoutWithdrawn(last, m.Member), m.Member, scheme))
		return
	}
	if len(m.untried) > 0 && m.State == LastGood {
		m.try(m.untried)
		return
	}
	m.State = Frozen
	if newcomer {
		m.State = Rejected
	}
}

// try replaces the member by the first of some versions.
func (m *Member) try(versions []intent.Member) {
	m.Member, m.untried, m.Shared = versions[0], versions[1:], false
}

// Remember returns the version of a member to remember for the next compilation, if it has no good version.
func (m *Member) Remember(was intent.Member, notes diag.List) intent.Member {
	was.Reached, was.OfClass = nil, nil
	switch {
	case m.State == Rejected:
		return intent.Member{Object: was.Object, Diagnostics: m.Reasons}
	case m.State == Frozen:
		was.Diagnostics = m.Reasons
	case m.Moved != nil:
		return *m.Moved
	default:
		was.Diagnostics = slices.DeleteFunc(slices.Concat(was.Diagnostics, notes), func(d diag.Diagnostic) bool {
			return !BadCertificate(d)
		})
	}
	return was
}

// Remembered returns the state of a version that Remember returned: a member without listeners was rejected, and one
// with errors was frozen. Errors of certificates and add-ons do not affect the rest. Of a reduced version only the
// routes are frozen.
func Remembered(m intent.Member) State {
	wrong := slices.ContainsFunc(m.Diagnostics, func(d diag.Diagnostic) bool {
		return d.Class != diag.Note && d.Scope != diag.Certificate && d.Scope != diag.AddOn
	})
	switch {
	case !wrong && !m.Reduced:
		return LastGood
	case len(m.Listeners) == 0:
		return Rejected
	}
	return Frozen
}

// Disqualifies reports whether a front end's diagnostic sets its member aside. A conflict affects the losing setting
// only. Some errors withhold one feature of the member only. A missing Service does not count if the front end has
// found actions for it.
func Disqualifies(m intent.Member, d diag.Diagnostic) bool {
	switch {
	case d.Class == diag.Note, d.Code == diag.ConflictingSettings, d.Scope.Withheld():
		return false
	case d.Code == diag.ServiceNotFound:
		return !Answered(m)
	}
	return true
}

// Closed is what happens to a member that would serve without a protection it declares.
const Closed = "; the controller does not serve the object's hosts and paths, because they would be reachable " +
	"without this protection"

// Unprotected reports whether an error withholds an add-on that protects a load balancer, so that routes that are new
// would be open without it.
func Unprotected(d diag.Diagnostic) bool {
	return d.Class != diag.Note && d.Scope == diag.AddOn && (strings.Contains(d.Path, "/wafv2-acl-") ||
		strings.Contains(d.Path, "/shield-"))
}

// Versions are versions of members, one of each. Compilations share them, and none changes one.
type Versions map[diag.Object]*intent.Member

// Of returns a copy of the version of a member; ok is false if there is none.
func (v Versions) Of(o diag.Object) (m intent.Member, ok bool) {
	version, ok := v[o]
	if ok {
		m = *version
	}
	return m, ok
}

// Past is the memory of the members of a load balancer.
type Past struct {
	Good    Versions      // last versions, as Member.Remember returns them
	Members []diag.Object // those that counted. A checkpoint may lack the versions of some.
}

// Lost reports whether it is not known what a member has in AWS: nothing at all is remembered, or the member's version
// is not. Then it has what the existing load balancer has.
func (p Past) Lost(o diag.Object) bool {
	last, remembered := p.Good[o]
	return len(p.Good) == 0 || (!remembered || last.Reduced) && slices.Contains(p.Members, o)
}

// Serves reports whether a member has something in AWS, as far as that is known.
func (p Past) Serves(o diag.Object, exists bool) bool {
	last, remembered := p.Good[o]
	return remembered && Remembered(*last) == LastGood || exists && p.Lost(o)
}

// BadCertificate reports whether a diagnostic is an error in certificates of the member. A look-up that failed is none.
func BadCertificate(d diag.Diagnostic) bool {
	return d.Scope == diag.Certificate && (d.Class == diag.Invalid || d.Class == diag.NotFound)
}

// Answered reports whether a front end has found actions for all routes and default backends.
func Answered(m intent.Member) bool {
	return !slices.ContainsFunc(m.Routes, func(r intent.Route) bool { return len(r.Actions) == 0 }) &&
		!slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool {
			return len(l.Default) == 0 && l.DefaultSource.Path() != ""
		})
}

// Newcomer reports whether a member can be left out entirely without an effect on live traffic: other members were
// built before and it was not, or nothing exists yet. known is false while that depends on a look-up.
func (p Past) Newcomer(o diag.Object, f facts.Facts) (yes, known bool) {
	if p.Lost(o) {
		return f.Existing == nil, f.ExistingKnown
	}
	_, was := p.Good[o]
	return !was, true
}
