package compile

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// unserving is what comes of a missing certificate or Secret if no load balancer is made because of it.
const unserving = "; no load balancer is made before this is fixed, because it would serve nothing"

// pointless reports whether the load balancer would be new and answer nothing but errors, because certificates or Secrets are
// missing: it would cost and serve nothing, so none is made. One that exists is not touched by this. A certificate that the stack
// itself requests or imports is none that is missing. known is false while it is not known whether a load balancer exists.
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

// missingPart reports whether a finding says that a certificate or a Secret cannot be used.
func missingPart(d diag.Diagnostic) bool {
	return d.Class != diag.Note && (d.Scope == diag.Certificate || d.Scope == diag.Login)
}

// serves reports whether some listener or rule that is built gives an answer that is asked for. A redirect is one.
func (b *build) serves() bool {
	return slices.ContainsFunc(b.rules, func(r stack.Rule) bool { return !isUnavailable(r.Actions) }) ||
		slices.ContainsFunc(b.listen, func(l stack.Listener) bool {
			return !isUnavailable(l.DefaultActions) && !isNotFound(l.DefaultActions)
		})
}

// isUnavailable reports whether actions are those of a rule that cannot be made as it is meant.
func isUnavailable(as []stack.Action) bool {
	return len(as) == 1 && as[0].FixedResponse != nil && *as[0].FixedResponse == *stack.Unavailable()[0].FixedResponse
}

// isNotFound reports whether actions are those of a listener for which no default backend is given.
func isNotFound(as []stack.Action) bool {
	return len(as) == 1 && as[0].FixedResponse != nil && *as[0].FixedResponse == *notFound()[0].FixedResponse
}
