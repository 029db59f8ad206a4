package ingresses

import (
	"fmt"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestRefusedPolicyHoldsNoDefaultAction has one edit name a TLS policy that AWS refuses and another default backend, and
// a later one yet another: the requests go where the edits say, and the policy stays as it was.
func TestRefusedPolicyHoldsNoDefaultAction(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Service("new"), lab.Service("newer"),
		lab.Ingress("web", map[string]string{"listen-ports": `[{"HTTPS":443}]`,
			"certificate-arn": lab.ExampleCertificate}, "web"))
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	l.Settle(key)
	before := l.Sim.Resources().LoadBalancers[0].Listeners[0]
	for _, backend := range []string{"new", "newer"} {
		l.Edit("web", func(i *networkingv1.Ingress) {
			i.Annotations[prefix+"ssl-policy"] = "ELBSecurityPolicy-Odd"
			i.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: backend,
				Port: networkingv1.ServiceBackendPort{Number: 80}}}
		})
		l.PassWith(10*time.Minute, key)
		l.Sim.Account.Lock()
		x := l.Sim.Account.ListenersInOrder()[0]
		text := ""
		if f := x.Rules[len(x.Rules)-1].Actions[0].Forward; f != nil {
			text = fmt.Sprintf("%+v", f.TargetGroups)
		}
		policy := x.SSLPolicy
		l.Sim.Account.Unlock()
		if !strings.Contains(text, "shop-"+backend+"-") || policy != before.SSLPolicy {
			t.Errorf("%s: the default action is %s, policy %s\n%s", backend, text, policy, strings.Join(l.Events, "\n"))
		}
	}
	if !strings.Contains(strings.Join(l.Events, "\n"), "annotations[alb.ingress.kubernetes.io/ssl-policy]") {
		t.Errorf("told %s", strings.Join(l.Events, "\n"))
	}
}
