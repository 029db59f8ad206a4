package ingresses

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestAnAddOnWhoseServiceIsGoneCostsNothingElse has the service of an add-on break every connection.
func TestAnAddOnWhoseServiceIsGoneCostsNothingElse(t *testing.T) {
	t.Parallel()
	for key, c := range map[string]struct{ value, action string }{
		"wafv2-acl-arn": {
			"arn:aws:wafv2:us-west-2:123456789012:regional/webacl/guard/0a1de000-0000-4000-8000-000000000002",
			"GetWebACLForResource"},
		"shield-advanced-protection": {"true", "GetSubscriptionState"},
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Service("api"),
				lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
			ingress := lab.Ingress("web", nil, "web")
			l.Create(append(lab.Pods("a", "10.0.128.50"), ingress)...)
			l.Settle(lab.Key("web"))
			l.Restart() // this process knows nothing of add-ons
			_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "gone", Action: c.action, Reset: true})
			l.Must(err)
			l.Edit("web", func(i *networkingv1.Ingress) {
				i.Annotations["alb.ingress.kubernetes.io/"+key] = c.value
				i.Spec.Rules = lab.Ingress("web", nil, "api", "web").Spec.Rules
			})
			mark := l.Mark()
			l.Pass(10*time.Minute, nil, lab.Key("web"))
			l.Get(ingress, "web")
			for path, want := range map[string]string{"/web": "shop/web-web:80", "/api": "shop/web-api:80"} {
				if backend, _ := answer(l.Sim.Resources(), ingress, "example.com", path); backend != want {
					t.Errorf("requests for %s go to %q\n%s", path, backend, strings.Join(l.Events, "\n"))
				}
			}
			if _, by := l.Counts(mark); by[c.action] == 0 || by[c.action] > 8 {
				t.Errorf("%s is called %d times in ten minutes", c.action, by[c.action])
			}
			if told := l.Warnings(0)["Ingress shop/web"]; len(told) == 0 || len(told) > 2 {
				t.Errorf("told:\n%s", strings.Join(told, "\n"))
			}
		})
	}
}
