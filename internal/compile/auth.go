package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// guarded are the actions of member i's route on a port: AWS authenticates at HTTPS listeners only. Where the group does not redirect, against
// the setting of the member, its routes with a login do: without it they would serve all clients by HTTP.
func (b *build) guarded(p *port, i int, route *intent.Route) []intent.Action {
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
			fmt.Sprintf("of port %d only the rules of this Ingress that ask for authentication redirect to port %d", p.number, to),
			"nothing to do for these; see the conflict about ssl-redirect for the rest"))
		return []intent.Action{{Type: stack.ActionRedirect, Redirect: redirectTo(to)[0].Redirect}}
	}
	b.note(i, diag.New(b.members[i].Object, path, diag.IgnoredSetting,
		fmt.Sprintf("port %d serves without the authentication that is asked for: AWS authenticates at HTTPS listeners only", p.number),
		"add annotation alb.ingress.kubernetes.io/ssl-redirect, or take HTTP out of listen-ports"))
	return route.Actions
}

// ownRedirect is the HTTPS port, one of its own, to which member i wants HTTP redirected; 0 = there is none.
func (b *build) ownRedirect(i int) int32 {
	to := b.members[i].Settings.SSLRedirectPort
	if to.Set && slices.ContainsFunc(b.ports, func(p *port) bool {
		return p.number == to.Value && p.protocol == "HTTPS" && slices.Contains(p.members, i)
	}) {
		return to.Value
	}
	return 0
}
