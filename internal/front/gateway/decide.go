package gateway

import (
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/objects"
)

// ConstructionAnnotation records on a Gateway how rules are made of its routes. A user may change it.
const ConstructionAnnotation = "gateway.k8s.aws/rule-construction"

// Decisions are what becomes of a Gateway and of the objects around it; their statuses are made of it.
type Decisions struct {
	// Annotations are to be written to the Gateway, as its next passes rely on them.
	Annotations map[string]string

	config     Config
	controller gatewayv1.GatewayController
	gateway    *gatewayv1.Gateway
	refused    *attachment.Problem
	listeners  *attachment.Listeners
	refs       []*attachment.Problem
	unserved   map[int]bool
	named      map[int]bool // listeners whose configuration names certificates
	routes     []decidedRoute
	addresses  []string // Elastic IP addresses that the Gateway asks for
}

// decidedRoute is a route with what is decided about it.
type decidedRoute struct{ attached }

// Translate returns the desired load balancer of a Gateway that wants one or reports, and what is decided about the objects around it. exists
// reports whether AWS holds a load balancer of the Gateway, which decides about the construction of rules of a Gateway that does not say it.
func Translate(v *objects.View, cfg Config, l Loaded, exists bool) (intent.LoadBalancer, *Decisions) {
	t := &translation{Loaded: &l, view: v, config: cfg}
	d := &Decisions{config: cfg, gateway: l.Gateway, listeners: l.listeners}
	if l.Class != nil {
		d.controller = l.Class.Spec.ControllerName
	}
	t.construction(exists, d)
	t.attach()
	own := t.member()
	out := t.loadBalancer()
	out.Members = append(out.Members, own)
	for i := range t.routes {
		d.routes = append(d.routes, decidedRoute{t.routes[i]})
	}
	d.refs, d.unserved, d.named, d.refused, d.addresses = t.refs, t.unserved, t.named, t.refused, own.Settings.Addresses.Value
	if l.Unknown != nil {
		d.refused = l.Unknown
	}
	return out, d
}

// construction is how rules are made: as the annotation says, else as the existing controller makes them if AWS holds a load balancer of the
// Gateway, which is recorded.
func (t *translation) construction(exists bool, d *Decisions) rule.Construction {
	fallback := rule.Standard
	if exists {
		fallback = rule.Compatible
	}
	switch c := rule.Construction(t.Gateway.Annotations[ConstructionAnnotation]); c {
	case rule.Compatible, rule.Standard:
		return c
	case "":
		d.Annotations = map[string]string{ConstructionAnnotation: string(fallback)}
	default:
		t.report(t.here("metadata.annotations["+ConstructionAnnotation+"]"), diag.InvalidAnnotation, fmt.Sprintf("rule construction %q is neither compatible nor standard", c), "write one of them, or remove the annotation")
	}
	return fallback
}
