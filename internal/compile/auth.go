package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// routeActions are the actions of member i's route on a port. AWS authenticates at HTTPS listeners only. If the ssl-redirect of the member
// is not in effect, its routes with authentication redirect all the same, because by HTTP they would serve all clients.
func (b *build) routeActions(p *port, i int, route *intent.Route) []intent.Action {
	switch {
	case len(route.Guard) == 0:
		return route.Actions
	case p.protocol == "HTTPS":
		return slices.Concat(route.Guard, route.Actions)
	}
	path := ""
	if at := slices.Index(p.members, i); at >= 0 {
		path = p.listeners[at].Source.Path
	}
	if to := b.ownRedirect(i); to != 0 {
		b.note(i, diag.New(b.members[i].Object, b.members[i].Settings.SSLRedirectPort.Source.Place(), diag.IgnoredSetting,
			fmt.Sprintf("of port %d only the rules of this Ingress with authentication redirect to port %d", p.number, to),
			"nothing to do for these; see the conflict about ssl-redirect for the rest"))
		return []intent.Action{{Type: stack.ActionRedirect, Redirect: redirectTo(to)[0].Redirect}}
	}
	b.note(i, diag.New(b.members[i].Object, path, diag.IgnoredSetting,
		fmt.Sprintf("port %d serves without the configured authentication: AWS authenticates at HTTPS listeners only", p.number),
		"add annotation alb.ingress.kubernetes.io/ssl-redirect, or take HTTP out of listen-ports"))
	return route.Actions
}

// ownRedirect is the HTTPS port of member i that its ssl-redirect names; 0 = there is none.
func (b *build) ownRedirect(i int) int32 {
	to := b.members[i].Settings.SSLRedirectPort
	if to.Set && slices.ContainsFunc(b.ports, func(p *port) bool {
		return p.number == to.Value && p.protocol == "HTTPS" && slices.Contains(p.members, i)
	}) {
		return to.Value
	}
	return 0
}
