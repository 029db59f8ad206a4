package compile

import (
	"strings"

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
	silenced                 // its routes answer 503; its settings and listeners still count, because live traffic depends on them
	shunned                  // its routes answer 503 on the listeners of others; nothing else of it counts: it never was good
)

// leftOut reports whether the member's routes answer 503.
func (s standing) leftOut() bool { return s == silenced || s == shunned }

// member is one object of the entrance in the version that is compiled.
type member struct {
	intent.Member
	standing standing
	reasons  diag.List // errors for which earlier versions were set aside
	shared   bool      // one of the reasons concerns a setting of the whole load balancer
}

// shun sets aside the present version of a member: in favour of its last good one, if there is one that has not been tried.
func (m *member) shun(reasons diag.List, shared bool, good map[diag.Object]intent.Member, newcomer bool) {
	m.reasons = append(m.reasons, reasons...)
	m.shared = m.shared || shared
	if last, ok := good[m.Object]; ok && m.standing == current {
		// Place in the group and age are those of today.
		last.Order, last.Created = m.Order, m.Created
		last.Diagnostics = nil
		m.Member, m.standing = last, lastGood
		return
	}
	m.standing = silenced
	if newcomer {
		m.standing = shunned
	}
}

// disqualifies reports whether a front end's diagnostic sets aside the member that it belongs to. Conflicts cost only the
// losing setting. A certificate concerns only its listeners. A missing Service for which a front end found an answer
// (every route has actions) is answered.
func disqualifies(m intent.Member, d diag.Diagnostic) bool {
	switch {
	case d.Class == diag.Note, d.Code == diag.ConflictingSettings, aboutCertificates(d):
		return false
	case d.Code == diag.ServiceNotFound:
		return !answered(m)
	}
	return true
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

func aboutCertificates(d diag.Diagnostic) bool {
	return d.Code == diag.CertificateNotFound || strings.Contains(d.Path, "certificate-arn") || strings.Contains(d.Path, "spec.certificateArn") ||
		strings.Contains(d.Path, "aws-load-balancer-ssl-cert")
}

// own are the parts of diagnostic paths that concern only the member's own routes and target groups. Everything else may
// change what the load balancer does for others.
var own = []string{
	"spec.rules", "spec.defaultBackend", "/actions.", "/conditions.", "/transforms.", "/target-group-attributes", "/healthcheck-",
	"/healthy-threshold", "/unhealthy-threshold", "/success-codes", "/backend-protocol", "/target-type", "/target-node-labels",
	"/multi-cluster-target-group", "/target-control-port", "/tags", "/use-regex-path-match", "/auth-", "/jwt-validation", "/group.order",
}

// aboutShared reports whether a diagnostic concerns a setting of the whole load balancer.
func aboutShared(d diag.Diagnostic) bool {
	for _, part := range own {
		if strings.Contains(d.Path, part) {
			return false
		}
	}
	return d.Path != "" || d.Object.Kind == "IngressClassParams"
}

// newcomers tells for each member whether leaving it out entirely takes nothing away from live traffic: others of its
// entrance were good before and it was not, or nothing exists yet. known is false while that depends on a look-up.
func newcomer(m intent.Member, f facts.Facts, good map[diag.Object]intent.Member) (yes, known bool) {
	if len(good) > 0 {
		_, was := good[m.Object]
		return !was, true
	}
	return f.Existing == nil, f.ExistingKnown
}

// before reports whether member i's claim beats member j's: class parameters, then group order, then age, then name.
func (b *build) before(i int, iClass bool, j int, jClass bool) bool {
	if iClass != jClass {
		return iClass
	}
	x, y := &b.members[i], &b.members[j]
	switch {
	case x.Order != y.Order:
		return x.Order < y.Order
	case x.Created != y.Created:
		return x.Created < y.Created
	}
	return x.Object.String() < y.Object.String()
}

func ofClass(s intent.Source) bool { return s.Object.Kind == "IngressClassParams" }

// unavailable answers a request that a left-out member's rule matches.
func unavailable() []stack.Action {
	return []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
		StatusCode: "503", ContentType: "text/plain", MessageBody: "Ingress rule is invalid; see its events",
	}}}
}
