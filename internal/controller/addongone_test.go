package controller

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// TestAnAddOnWhoseServiceIsGoneCostsNothingElse has the service of an add-on break every connection.
func TestAnAddOnWhoseServiceIsGoneCostsNothingElse(t *testing.T) {
	t.Parallel()
	for key, c := range map[string]struct{ value, action string }{
		"wafv2-acl-arn":              {"arn:aws:wafv2:us-west-2:123456789012:regional/webacl/guard/0a1de000-0000-4000-8000-000000000002", "GetWebACLForResource"},
		"shield-advanced-protection": {"true", "GetSubscriptionState"},
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, labClass(), labService("web"), labService("api"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
			ingress := labIngress("web", nil, "web")
			l.create(append(labPods("a", "10.0.128.50"), ingress)...)
			l.settle(implicit("web"))
			l.restart() // this process knows nothing of add-ons
			_, err := l.sim.Gate.AddFault(gate.Fault{ID: "gone", Action: c.action, Reset: true})
			l.must(err)
			l.edit("web", func(i *networkingv1.Ingress) {
				i.Annotations["alb.ingress.kubernetes.io/"+key] = c.value
				i.Spec.Rules = labIngress("web", nil, "api", "web").Spec.Rules
			})
			mark := l.mark()
			l.pass(10*time.Minute, nil, implicit("web"))
			l.get(ingress, "web")
			for path, want := range map[string]string{"/web": "shop/web-web:80", "/api": "shop/web-api:80"} {
				if backend, _ := answer(l.sim.Resources(), ingress, "example.com", path); backend != want {
					t.Errorf("requests for %s go to %q\n%s", path, backend, strings.Join(l.events, "\n"))
				}
			}
			if _, by := l.counts(mark); by[c.action] == 0 || by[c.action] > 8 {
				t.Errorf("%s is called %d times in ten minutes", c.action, by[c.action])
			}
			if told := l.warnings(0)["Ingress shop/web"]; len(told) == 0 || len(told) > 2 {
				t.Errorf("told:\n%s", strings.Join(told, "\n"))
			}
		})
	}
}
