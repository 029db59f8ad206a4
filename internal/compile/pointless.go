package compile

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// unserving is the consequence of a missing certificate or Secret if no load balancer is created because of it.
const unserving = unfixed + "the controller creates no load balancer, because the load balancer would serve nothing"

// unfixed begins the consequence of an error.
const unfixed = "; until this is fixed, "

// followed is a text with a consequence, which replaces a smaller one.
func followed(text, consequence string) string {
	if strings.HasPrefix(consequence, unfixed) {
		text, _, _ = strings.Cut(text, unfixed)
		if rest, closed := strings.CutSuffix(text, quarantine.Closed); closed {
			return rest + consequence + ", because it would be reachable without this protection"
		}
	}
	return text + consequence
}

// pointless reports whether the load balancer would be new and answer with errors only, because certificates or Secrets
// are missing: it would cost money and serve nothing. An existing one is not affected. Certificates that the stack
// requests or imports are not missing. known is false while it is not known whether a load balancer exists.
func (b *build) pointless() (yes, known bool) {
	if b.e.Type != stack.Application || len(b.certificatesOwned) > 0 || !b.withheld() || b.serves() {
		return false, true
	}
	lb, known := b.existing()
	return known && lb == nil, known
}

// withheld reports whether a certificate or a Secret of a member cannot be used.
func (b *build) withheld() bool {
	for i := range b.members {
		if slices.ContainsFunc(b.members[i].Diagnostics, missingPart) || slices.ContainsFunc(b.notes[i], missingPart) {
			return true
		}
	}
	return false
}

// missingPart reports whether a finding means that a certificate or a Secret cannot be used.
func missingPart(d diag.Diagnostic) bool {
	return d.Class != diag.Note && (d.Scope == diag.Certificate || d.Scope == diag.Login)
}

// serves reports whether a listener or rule of the build has declared actions, such as a redirect. A listener of a
// Gateway is declared by itself: it answers 404 until a route attaches.
func (b *build) serves() bool {
	answers := func(as, fixed []stack.Action) bool {
		return len(as) == 1 && as[0].FixedResponse != nil && *as[0].FixedResponse == *fixed[0].FixedResponse
	}
	if b.e.Key.Owner.OfGateway() && len(b.listen) > 0 {
		return true
	}
	unavailable := stack.UnavailableOf(b.e.Key.Owner)
	return slices.ContainsFunc(b.rules, func(r stack.Rule) bool { return !answers(r.Actions, unavailable) }) ||
		slices.ContainsFunc(b.listen, func(l stack.Listener) bool {
			return !answers(l.DefaultActions, unavailable) && !answers(l.DefaultActions, stack.NotFound())
		})
}
