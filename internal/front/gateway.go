package front

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Gateway is the front end of Gateways whose load balancers are of one family. It is not among Loaders yet.
type Gateway struct {
	Config gateway.Config
	Family attachment.Family
	// Exists reports whether AWS holds a load balancer with the tags of a stack, as it does for Gateways that are adopted; nil = there is none.
	Exists func(key stack.Key) bool
}

// Owner implements Loader.
func (f Gateway) Owner() stack.Owner { return gateway.Owner(f.Family) }

// Declared implements Loader.
func (f Gateway) Declared(v *objects.View, o metav1.Object) (id stack.ID, ok bool, _ *diag.Diagnostic) {
	g, ok := o.(*gatewayv1.Gateway)
	if !ok {
		return stack.ID{}, false, nil
	}
	key := gateway.Key(g, f.Family)
	l := gateway.Load(v, f.Config, key)
	return key.ID, l.State == gateway.Wanted || l.Reports, nil
}

// Load implements Loader.
func (f Gateway) Load(v *objects.View, id stack.ID) Input {
	key := stack.Key{Owner: f.Owner(), ID: id}
	l := gateway.Load(v, f.Config, key)
	var w Input
	switch l.State {
	case gateway.Wanted:
		w.Wanted, w.Members = true, []metav1.Object{l.Gateway}
	case gateway.Leaving:
		w.Leaving = []metav1.Object{l.Gateway}
		w.declareProtection(l.DeletionProtection(), intent.Field[bool]{})
	case gateway.Nothing:
	}
	if l.State != gateway.Wanted && !l.Reports {
		return w
	}
	balancer, decisions := gateway.Translate(v, f.Config, l, f.Exists != nil && f.Exists(key))
	if w.Wanted {
		w.LoadBalancer = balancer
	}
	if l.Reports {
		w.Decisions = decisions
	}
	return w
}
