// Package quarantine says in which version each member of a load balancer takes part: as it is, by its last good version, or left out,
// so that what is wrong with one member costs the others nothing. decision 2 says why.
// What is wrong the caller finds; this package imports diag, facts and intent.
package quarantine

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// State is how a member takes part.
type State int

// States of members.
const (
	Current  State = iota // as it is
	LastGood              // by its last version that compiled cleanly
	Frozen                // what exists of its routes stays, the others answer 503; its settings and listeners still count, because live traffic depends on them
	Rejected              // its routes answer 503 on the listeners of others; nothing else of it counts: it never was good
)

// LeftOut reports whether nothing is made of the member's routes.
func (s State) LeftOut() bool { return s == Frozen || s == Rejected }

// Member is one object of the load balancer in the version that is compiled.
type Member struct {
	intent.Member
	State   State
	Reasons diag.List // errors for which earlier versions were set aside
	Shared  bool      // one of the reasons concerns a setting of the whole load balancer
}

// Unreadable reports whether the member is part of the load balancer, and its values of the settings that members share are not known.
func (m *Member) Unreadable() bool { return m.State == Frozen && m.Shared }

// Demote sets aside the present version of a member, in favour of its last good one if there is one that has not been tried.
func (m *Member) Demote(reasons diag.List, shared bool, good map[diag.Object]intent.Member, newcomer bool) {
	m.Reasons = append(m.Reasons, reasons...)
	m.Shared = m.Shared || shared
	if last, ok := good[m.Object]; ok && m.State == Current {
		m.State = Remembered(last)
		if m.State == Rejected {
			return
		}
		// Its settings are what they were then; place in the group and age are those of today.
		last.Order, last.Created, last.Authority, last.Diagnostics = m.Order, m.Created, m.Authority, nil
		m.Member, m.Shared = last, false
		return
	}
	m.State = Frozen
	if newcomer {
		m.State = Rejected
	}
}

// Remember is what to keep of a member for next time, if it has no good version.
func (m *Member) Remember(was intent.Member, notes diag.List) intent.Member {
	switch m.State {
	case Rejected:
		return intent.Member{Object: was.Object, Diagnostics: m.Reasons}
	case Frozen:
		was.Diagnostics = m.Reasons
	default:
		was.Diagnostics = slices.DeleteFunc(slices.Concat(was.Diagnostics, notes), func(d diag.Diagnostic) bool {
			return !badCertificate(d)
		})
	}
	return was
}

// Remembered is the state that Remember has kept: a member without listeners was rejected, one with errors was frozen; a problem of
// certificates alone takes nothing away from the rest.
func Remembered(m intent.Member) State {
	wrong := slices.ContainsFunc(m.Diagnostics, func(d diag.Diagnostic) bool {
		return d.Class != diag.Note && d.Scope != diag.Certificate && d.Scope != diag.AddOn
	})
	switch {
	case !wrong:
		return LastGood
	case len(m.Listeners) == 0:
		return Rejected
	}
	return Frozen
}

// Disqualifies reports whether a front end's diagnostic sets aside the member that it belongs to. Conflicts cost only the
// losing setting. What withholds one feature of the member alone leaves the rest in place. So does a missing Service to
// which a front end found an answer.
func Disqualifies(m intent.Member, d diag.Diagnostic) bool {
	switch {
	case d.Class == diag.Note, d.Code == diag.ConflictingSettings, d.Scope.Withheld():
		return false
	case d.Code == diag.ServiceNotFound:
		return !Answered(m)
	}
	return true
}

// badCertificate reports a mistake about certificates of the member's own. A look-up that failed is none.
func badCertificate(d diag.Diagnostic) bool {
	return d.Scope == diag.Certificate && (d.Class == diag.Invalid || d.Class == diag.NotFound)
}

// Answered reports whether a front end has found actions for all routes and default backends.
func Answered(m intent.Member) bool {
	for _, r := range m.Routes {
		if len(r.Actions) == 0 {
			return false
		}
	}
	for _, l := range m.Listeners {
		if len(l.Default) == 0 && l.DefaultSource.Path != "" {
			return false
		}
	}
	return true
}

// Newcomer reports whether leaving a member out entirely takes nothing away from live traffic: other members were built before and it
// was not, or nothing exists yet. known is false while that depends on a look-up.
func Newcomer(m intent.Member, f facts.Facts, good map[diag.Object]intent.Member) (yes, known bool) {
	if len(good) > 0 {
		_, was := good[m.Object]
		return !was, true
	}
	return f.Existing == nil, f.ExistingKnown
}
