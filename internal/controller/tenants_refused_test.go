package controller

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// TestValueThatAWSRefusesHoldsNoEditOfOthers has a newcomer of a group declare values of attributes and tags that AWS refuses: the
// same call sets those of the others.
func TestValueThatAWSRefusesHoldsNoEditOfOthers(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	for name, c := range map[string]struct{ key, refused, edit, want string }{
		"load balancer attribute": {"load-balancer-attributes", "no.such.attribute=1", "idle_timeout.timeout_seconds=77", "idle_timeout.timeout_seconds:77"},
		"its value":               {"load-balancer-attributes", "client_keep_alive.seconds=1", "idle_timeout.timeout_seconds=77", "idle_timeout.timeout_seconds:77"},
		"listener attribute":      {"listener-attributes.HTTP-80", "no.such.attribute=1", "routing.http.response.server.enabled=false", "routing.http.response.server.enabled:false"},
		"tag":                     {"tags", "aws:team=b", "team=a", "team:a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, append(append(groupMember("shop", "web", 0, nil), groupMember("mal", "evil", 9, map[string]string{c.key: c.refused})...), labClass())...)
			for range 3 {
				_, _ = l.round(frontGroup) // with what AWS refuses
			}
			l.edit("web", func(i *networkingv1.Ingress) { i.Annotations[prefix+c.key] = c.edit })
			for range 3 {
				_, _ = l.round(frontGroup)
			}
			lb := l.sim.Resources().LoadBalancers[0]
			has := func(of map[string]string) bool {
				key, value, _ := strings.Cut(c.want, ":")
				return of[key] == value
			}
			if !has(lb.Attributes) && !has(lb.Tags) && !has(lb.Listeners[0].Attributes) {
				t.Errorf("load balancer %+v\n%s", lb, strings.Join(l.events, "\n"))
			}
		})
	}
}
