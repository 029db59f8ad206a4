package controller

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// TestAMisspeltSchemeReplacesNoLoadBalancer renames the key scheme of an Ingress that serves, restarts with and without a memory of it, and
// corrects the key.
func TestAMisspeltSchemeReplacesNoLoadBalancer(t *testing.T) {
	t.Parallel()
	for name, keeps := range map[string]bool{"with a checkpoint": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const key, misspelt = "alb.ingress.kubernetes.io/scheme", "alb.ingress.kubernetes.io/schem"
			web := labIngress("web", nil, "websvc")
			l := newLab(t, account.Profile{}, labClass(), labService("websvc"), web)
			l.checkpointed = keeps
			l.restart()
			l.settle(implicit("web"))
			serving := l.sim.Resources().LoadBalancers[0].ARN
			rename := func(from, to string) {
				l.get(web, "web")
				web.Annotations[to] = web.Annotations[from]
				delete(web.Annotations, from)
				l.must(l.client.Update(t.Context(), web))
			}
			mark := l.mark()
			rename(key, misspelt)
			l.settle(implicit("web"))
			if text := strings.Join(l.events, "\n"); !strings.Contains(text, misspelt+" is unknown, and "+key+" is missing; the last good version of Ingress shop/web keeps serving") {
				t.Errorf("no event tells it:\n%s", text)
			}
			if keeps {
				l.end()
			}
			l.restart()
			l.settle(implicit("web"))
			rename(misspelt, key)
			l.settle(implicit("web"))
			balancers := l.sim.Resources().LoadBalancers
			if w := l.writes(mark); len(w) > 0 || len(balancers) != 1 || balancers[0].ARN != serving {
				t.Errorf("written %v, load balancers %+v", w, balancers)
			}
		})
	}
}
