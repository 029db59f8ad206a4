package compile

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// standing is how a member takes part.
type standing int

const (
	current  standing = iota // as it is
	lastGood                 // by its last version that compiled cleanly
	silenced                 // what stands of its routes stays, the others answer 503; its settings and listeners still count, because live traffic depends on them
	shunned                  // its routes answer 503 on the listeners of others; nothing else of it counts: it never was good
)

// leftOut reports whether nothing is made of the member's routes.
func (s standing) leftOut() bool { return s == silenced || s == shunned }

// member is one object of the entrance in the version that is compiled.
type member struct {
	intent.Member
	standing standing
	reasons  diag.List // errors for which earlier versions were set aside
	shared   bool      // one of the reasons concerns a setting of the whole load balancer
}

// unreadable reports whether the member is part of the load balancer, and what it wants of what members share cannot be told.
func (m *member) unreadable() bool { return m.standing == silenced && m.shared }

// shun sets aside the present version of a member: in favour of its last good one, if there is one that has not been tried.
func (m *member) shun(reasons diag.List, shared bool, good map[diag.Object]intent.Member, newcomer bool) {
	m.reasons = append(m.reasons, reasons...)
	m.shared = m.shared || shared
	if last, ok := good[m.Object]; ok && m.standing == current {
		m.standing = remembered(last)
		if m.standing == shunned {
			return
		}
		// Its settings are what they were then; place in the group and age are those of today.
		last.Order, last.Created, last.Authority, last.Diagnostics = m.Order, m.Created, m.Authority, nil
		m.Member, m.shared = last, false
		return
	}
	m.standing = silenced
	if newcomer {
		m.standing = shunned
	}
}

// remember is what to keep of a member for next time, if it has no good version.
func (m *member) remember(was intent.Member, notes diag.List) intent.Member {
	switch m.standing {
	case shunned:
		return intent.Member{Object: was.Object, Diagnostics: m.reasons}
	case silenced:
		was.Diagnostics = m.reasons
	default:
		was.Diagnostics = slices.DeleteFunc(slices.Concat(was.Diagnostics, notes), func(d diag.Diagnostic) bool {
			return !badCertificate(d)
		})
	}
	return was
}

// remembered is the standing that remember has kept: one without listeners did not count, one with errors was silenced; a
// problem of certificates alone takes nothing away from the rest.
func remembered(m intent.Member) standing {
	wrong := slices.ContainsFunc(m.Diagnostics, func(d diag.Diagnostic) bool {
		return d.Class != diag.Note && d.Scope != diag.Certificate && d.Scope != diag.AddOn
	})
	switch {
	case !wrong:
		return lastGood
	case len(m.Listeners) == 0:
		return shunned
	}
	return silenced
}

// disqualifies reports whether a front end's diagnostic sets aside the member that it belongs to. Conflicts cost only the
// losing setting. What withholds one feature of the member alone leaves the rest in place. A missing Service for which a front end found an answer
// (every route has actions) is answered.
func disqualifies(m intent.Member, d diag.Diagnostic) bool {
	switch {
	case d.Class == diag.Note, d.Code == diag.ConflictingSettings, d.Scope.Withheld():
		return false
	case d.Code == diag.ServiceNotFound:
		return !answered(m)
	}
	return true
}

// badCertificate reports a mistake about certificates of the member's own. A look-up that failed is none.
func badCertificate(d diag.Diagnostic) bool {
	return d.Scope == diag.Certificate && (d.Class == diag.Invalid || d.Class == diag.NotFound)
}

func answered(m intent.Member) bool {
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

// newcomer tells whether leaving a member out entirely takes nothing away from live traffic: others of its entrance were
// built before and it was not, or nothing exists yet. known is false while that depends on a look-up.
func newcomer(m intent.Member, f facts.Facts, good map[diag.Object]intent.Member) (yes, known bool) {
	if len(good) > 0 {
		_, was := good[m.Object]
		return !was, true
	}
	return f.Existing == nil, f.ExistingKnown
}

func ofClass(s intent.Source) bool { return s.Object.Kind == "IngressClassParams" }

// at is where a source is written, as seen from the member that it applies to.
func at(s intent.Source) string {
	if ofClass(s) {
		return s.Path + " of " + s.Object.String()
	}
	return s.Path
}

// unavailable answers a request that a left-out member's rule matches.
func unavailable() []stack.Action { return stack.Unavailable() }
