package compile

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// guarded are the actions of a route on a port: AWS authenticates at HTTPS listeners only.
func guarded(p *port, route *intent.Route) []intent.Action {
	if p.protocol != "HTTPS" {
		return route.Actions
	}
	return slices.Concat(route.Guard, route.Actions)
}

// aboutSecrets tells a finding about the credentials of an identity provider. Routes that need them are withheld by
// themselves: a rule that stands in AWS goes on, others answer 503.
func aboutSecrets(d diag.Diagnostic) bool {
	return slices.Contains([]diag.Code{diag.SecretNotFound, diag.SecretRefused, diag.InvalidSecret}, d.Code)
}
