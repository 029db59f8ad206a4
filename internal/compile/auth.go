package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// guarded are the actions of member i's route on a port: AWS authenticates at HTTPS listeners only.
func (b *build) guarded(p *port, i int, route *intent.Route) []intent.Action {
	switch {
	case len(route.Guard) == 0:
		return route.Actions
	case p.protocol == "HTTPS":
		return slices.Concat(route.Guard, route.Actions)
	}
	path := ""
	if at := slices.Index(p.members, i); at >= 0 {
		path = p.wishes[at].Source.Path
	}
	b.note(i, diag.New(b.members[i].Object, path, diag.IgnoredSetting,
		fmt.Sprintf("port %d serves without the authentication that is asked for: AWS authenticates at HTTPS listeners only", p.number),
		"add annotation alb.ingress.kubernetes.io/ssl-redirect, or take HTTP out of listen-ports"))
	return route.Actions
}
