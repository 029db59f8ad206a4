package ingresses

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestAMisspeltSchemeReplacesNoLoadBalancer renames the key scheme of an Ingress that serves, restarts with and without
// a memory of it, and corrects the key.
func TestAMisspeltSchemeReplacesNoLoadBalancer(t *testing.T) {
	t.Parallel()
	for name, keeps := range map[string]bool{"with a checkpoint": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const key, misspelt = "alb.ingress.kubernetes.io/scheme", "alb.ingress.kubernetes.io/schem"
			web := lab.Ingress("web", nil, "websvc")
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("websvc"), web)
			l.Checkpointed = keeps
			l.Restart()
			l.Settle(lab.Key("web"))
			serving := l.Sim.Resources().LoadBalancers[0].ARN
			rename := func(from, to string) {
				l.Get(web, "web")
				web.Annotations[to] = web.Annotations[from]
				delete(web.Annotations, from)
				l.Must(l.Client.Update(t.Context(), web))
			}
			mark := l.Mark()
			rename(key, misspelt)
			l.Settle(lab.Key("web"))
			if text := strings.Join(l.Events, "\n"); !strings.Contains(text, misspelt+" is unknown, and "+key+
				" is missing; the last good version of Ingress shop/web keeps serving") {
				t.Errorf("no event tells it:\n%s", text)
			}
			if keeps {
				l.End()
			}
			l.Restart()
			l.Settle(lab.Key("web"))
			rename(misspelt, key)
			l.Settle(lab.Key("web"))
			balancers := l.Sim.Resources().LoadBalancers
			if w := l.Writes(mark); len(w) > 0 || len(balancers) != 1 || balancers[0].ARN != serving {
				t.Errorf("written %v, load balancers %+v", w, balancers)
			}
		})
	}
}
