package ingresses

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// rulesByPort are the ports of the load balancer with the paths of their rules.
func rulesByPort(l *lab.Lab) string {
	l.Helper()
	var out []string
	for _, listener := range l.Sim.Resources().LoadBalancers[0].Listeners {
		text := fmt.Sprint(listener.Port)
		for _, path := range []string{"/web", "/post", "/new"} {
			if slices.ContainsFunc(listener.Rules, func(r simclient.Rule) bool { return strings.Contains(r.Text, path) }) {
				text += " " + path
			}
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// TestMovedMemberKeepsItsPortUntilItsNewOneServes moves one member of a group of two namespaces to a port that AWS
// refuses: while the controller runs, before a start without checkpoints, and before a start with them. What serves
// stays, and the other member's edits are carried out.
func TestMovedMemberKeepsItsPortUntilItsNewOneServes(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	for name, ports := range map[string]string{"of its own": `[{"HTTP":8080}]`, "shared": `[{"HTTP":80}]`} {
		for _, action := range []string{"CreateListener", "CreateRule"} {
			for _, when := range []string{"running", "started", "restored"} {
				t.Run(name+", "+action+", "+when, func(t *testing.T) {
					t.Parallel()
					l := lab.New(t, account.Profile{}, append(append(lab.GroupMember("shop", "web", 0, nil),
						lab.GroupMember("blog", "post", 9, map[string]string{"listen-ports": ports})...), lab.Class())...)
					l.Checkpointed = when == "restored"
					l.Restart()
					l.Settle(lab.FrontGroup)
					before := rulesByPort(l)
					_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "refused", Action: action, Code: "ValidationError",
						Message: "not like this", Status: 400})
					l.Must(err)
					l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations[prefix+"listen-ports"] = `[{"HTTP":81}]` })
					post := &networkingv1.Ingress{}
					l.Must(l.Client.Get(t.Context(), client.ObjectKey{Namespace: "blog", Name: "post"}, post))
					post.Annotations[prefix+"healthcheck-path"] = "/seventy"
					l.Must(l.Client.Update(t.Context(), post))
					if when == "restored" {
						l.End()
					}
					if when != "running" {
						l.Restart()
					}
					l.PassWith(15*time.Minute, lab.FrontGroup)
					if got := strings.Replace(rulesByPort(l), ", 81", "", 1); got != before {
						t.Errorf("while AWS refuses: %s, before: %s", got, before)
					}
					if !slices.ContainsFunc(l.Sim.Resources().TargetGroups, func(tg simclient.TargetGroup) bool {
						return strings.Contains(tg.HealthCheck, "/seventy")
					}) {
						t.Error("the other member's edit is held")
					}
					l.Sim.Gate.ClearFaults()
					l.Annotate("web", "touched", "yes")
					l.PassWith(15*time.Minute, lab.FrontGroup)
					want := map[string]string{"shared": "80 /post, 81 /web", "of its own": "8080 /post, 81 /web"}[name]
					if got := rulesByPort(l); got != want {
						t.Errorf("at last: %s, want %s", got, want)
					}
				})
			}
		}
	}
}
