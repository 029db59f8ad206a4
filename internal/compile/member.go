package compile

import (
	"fmt"
	"slices"
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
		last.Order, last.Created, last.Diagnostics = m.Order, m.Created, nil
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
			return d.Class == diag.Note || !aboutCertificates(d)
		})
	}
	return was
}

// remembered is the standing that remember has kept: one without listeners did not count, one with errors was silenced; a
// problem of certificates alone takes nothing away from the rest.
func remembered(m intent.Member) standing {
	wrong := slices.ContainsFunc(m.Diagnostics, func(d diag.Diagnostic) bool {
		return d.Class != diag.Note && !aboutCertificates(d) && !aboutAddOns(d)
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
// losing setting. A certificate concerns only its listeners, a Secret only the routes that it guards, a setting of the frontend
// only that. A missing Service for which a front end found an answer
// (every route has actions) is answered.
func disqualifies(m intent.Member, d diag.Diagnostic) bool {
	switch {
	case d.Class == diag.Note, d.Code == diag.ConflictingSettings, aboutCertificates(d), aboutAddOns(d), aboutSecrets(d), aboutFrontend(d):
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
	return d.Code == diag.CertificateNotFound || d.Code == diag.CertificateFailed || d.Code == diag.HostedZoneNotFound ||
		strings.Contains(d.Path, "/create-acm-cert") || strings.Contains(d.Path, "/acm-pca-arn") ||
		strings.Contains(d.Path, "/import-tls-secrets") || strings.Contains(d.Path, "spec.importTLSSecrets") || strings.Contains(d.Path, "spec.tls[") || strings.Contains(d.Path, "certificate-arn") || strings.Contains(d.Path, "spec.certificateArn") ||
		strings.Contains(d.Path, "aws-load-balancer-ssl-cert")
}

// aboutFrontend reports whether a diagnostic concerns only the network load balancer in front of the ALB.
func aboutFrontend(d diag.Diagnostic) bool { return strings.Contains(d.Path, "frontend-nlb") }

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

// newcomer tells whether leaving a member out entirely takes nothing away from live traffic: others of its entrance were
// built before and it was not, or nothing exists yet. known is false while that depends on a look-up.
func newcomer(m intent.Member, f facts.Facts, good map[diag.Object]intent.Member) (yes, known bool) {
	if len(good) > 0 {
		_, was := good[m.Object]
		return !was, true
	}
	return f.Existing == nil, f.ExistingKnown
}

// before reports whether member i's claim beats member j's: a sound member's, then class parameters, then group order, then
// age, then name. why is the rule that decided, as a reason after "and".
func (b *build) before(i int, iClass bool, j int, jClass bool) (first bool, why string) {
	x, y := &b.members[i], &b.members[j]
	switch {
	case x.standing.leftOut() != y.standing.leftOut():
		return y.standing.leftOut(), "a valid member comes before one that is not"
	case iClass != jClass:
		return iClass, "class parameters come before annotations"
	case x.Order != y.Order:
		return x.Order < y.Order, fmt.Sprintf("the lower group.order comes first (%d before %d)", min(x.Order, y.Order), max(x.Order, y.Order))
	case x.Created != y.Created:
		return x.Created < y.Created, "of equal group.order the older one comes first"
	}
	return x.Object.String() < y.Object.String(), "of equal group.order and age the first by name comes first"
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
