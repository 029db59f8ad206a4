package tenants

import (
	"fmt"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
)

// TestDeletionsOfANamespaceHoldNoneOfOthers has a namespace give up seven load balancers at once, some of them of
// groups, and another namespace its only one.
func TestDeletionsOfANamespaceHoldNoneOfOthers(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.TheirClass("theirs"), lab.Service("web"),
		lab.Ingress("web", nil, "web"))
	l.Ingresses.Brake = brake.New(2, l.Clock.Now)
	svc := lab.Service("web")
	svc.Namespace, svc.UID = "mal", "uid-mal"
	l.Create(svc)
	var evil []*networkingv1.Ingress
	var keys []stack.Key
	for i := range 7 {
		name := fmt.Sprintf("evil-%d", i)
		ing, id := lab.Ingress(name, nil, "web"), stack.ID{Namespace: "mal", Name: name}
		if ing.Namespace = "mal"; i%2 == 1 {
			ing.Annotations["alb.ingress.kubernetes.io/group.name"], id.Namespace = name, ""
		}
		l.Create(ing)
		evil, keys = append(evil, ing), append(keys, stack.Key{Owner: stack.Ingress, ID: id})
	}
	l.Settle(append(keys, lab.Key("web"))...)
	if l.Balancers() != 8 {
		t.Fatalf("%d load balancers", l.Balancers())
	}
	theirs := "theirs"
	for _, ing := range evil {
		l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(ing), ing))
		ing.Spec.IngressClassName = &theirs
		l.Must(l.Client.Update(t.Context(), ing))
	}
	l.Settle(keys...)
	held := l.Ingresses.Brake.Stopped()
	if held == 0 || l.Balancers() != 1+held {
		t.Fatalf("%d load balancers, %d held", l.Balancers(), held)
	}
	l.Reclass("web")
	l.Settle(lab.Key("web"))
	if l.Balancers() != held || l.Ingresses.Brake.Stopped() != held {
		t.Errorf("%d load balancers, %d held beside %d", l.Balancers(), l.Ingresses.Brake.Stopped(), held)
	}
}
