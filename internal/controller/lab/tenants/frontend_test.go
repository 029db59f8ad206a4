package tenants

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// fronts tells what the network load balancers of the account have.
func fronts(l *lab.Lab) string {
	var out []string
	for _, lb := range l.Sim.Resources().LoadBalancers {
		if lb.Type != "network" {
			continue
		}
		out = append(out, lb.Name, lb.Scheme, fmt.Sprint(lb.SecurityGroups))
		for _, li := range lb.Listeners {
			out = append(out, fmt.Sprint(li.Port))
		}
	}
	return strings.Join(out, " ")
}

// TestNewcomerOpensNoPortOfTheFrontend has a newcomer join a group whose frontend leads to port 80 only, while the
// controller runs and while it does not.
func TestNewcomerOpensNoPortOfTheFrontend(t *testing.T) {
	t.Parallel()
	const ports = `[{"HTTP":80},{"HTTP":8081}]`
	for name, wants := range map[string]map[string]string{
		"by its listener": {}, "by a mapping": {"frontend-nlb-listener-port-mapping": "8081=8081,9000=8081,9001=80"},
		"by security groups": {"frontend-nlb-security-groups": "sg-0a1de000000000001",
			"frontend-nlb-listener-port-mapping": "80=80"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, map[string]string{
				"scheme": "internal", "listen-ports": ports, "enable-frontend-nlb": "true",
				"frontend-nlb-scheme": "internet-facing", "frontend-nlb-listener-port-mapping": "80=80"}), lab.Class())...)
			l.Settle(lab.FrontGroup)
			before := fronts(l)
			if !strings.Contains(before, "internet-facing") {
				t.Fatalf("there is no frontend: %s", strings.Join(l.Events, "\n"))
			}
			annotations := maps.Clone(wants)
			annotations["listen-ports"], annotations["group.order"] = ports, "-5"
			evil := lab.GroupMember("mal", "evil", 9, annotations)
			l.Create(evil...)
			l.Settle(lab.FrontGroup)
			if got := fronts(l); got != before {
				t.Errorf("at once: %s, before %s", got, before)
			}
			mark := l.Mark()
			l.Restart()
			l.Settle(lab.FrontGroup)
			if got := fronts(l); got != before {
				t.Errorf("after a restart: %s, before %s", got, before)
			}
			if w := l.Writes(mark); len(w) > 0 {
				t.Errorf("a restart writes %v", w)
			}
		})
	}
}
