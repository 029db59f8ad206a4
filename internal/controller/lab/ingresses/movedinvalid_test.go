package ingresses

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// answerTo is what the rules of all load balancers do with a path.
func answerTo(l *lab.Lab, path string) (out []string) {
	l.Helper()
	for _, lb := range l.Sim.Resources().LoadBalancers {
		for _, listener := range lb.Listeners {
			for _, r := range listener.Rules {
				if !slices.ContainsFunc(r.Conditions, func(c stack.Condition) bool { return slices.Contains(c.Values, path) }) {
					continue
				}
				for _, a := range r.Actions {
					out = append(out, string(a.Type))
				}
			}
		}
	}
	return out
}

// TestIngressThatMovesInvalidKeepsServing moves an Ingress to or from a group in an edit that is invalid. The passes over
// the two load balancers come in either order.
func TestIngressThatMovesInvalidKeepsServing(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	own := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	for _, joins := range []bool{true, false} {
		for _, first := range []stack.Key{own, lab.FrontGroup} {
			for wrong, want := range map[string]string{"healthcheck-interval-seconds": "forward", "inbound-cidrs": ""} {
				name := "joins"
				if !joins {
					name = "leaves"
				}
				t.Run(strings.Join([]string{name, first.String(), wrong}, " "), func(t *testing.T) {
					t.Parallel()
					l := lab.New(t, account.Profile{}, append(append(lab.GroupMember("shop", "web", 9, nil),
						lab.GroupMember("blog", "post", 0, nil)...), lab.Class())...)
					toggle := func(i *networkingv1.Ingress, in bool) {
						if delete(i.Annotations, prefix+"group.name"); in {
							i.Annotations[prefix+"group.name"] = "front"
						}
					}
					l.Edit("web", func(i *networkingv1.Ingress) { toggle(i, !joins) })
					l.Restart()
					l.Settle(own, lab.FrontGroup)
					if got := answerTo(l, "/web"); !slices.Equal(slices.Compact(got), []string{"forward"}) {
						t.Fatalf("before: %v", got)
					}
					from := len(l.Events)
					l.Edit("web", func(i *networkingv1.Ingress) {
						toggle(i, joins)
						i.Annotations[prefix+wrong] = "soon"
					})
					l.Settle(first)
					l.Settle(own, lab.FrontGroup)
					l.Settle(own, lab.FrontGroup)
					got := slices.Compact(answerTo(l, "/web"))
					if want == "" && slices.Contains(got, "forward") || want != "" && !slices.Equal(got, []string{want}) {
						t.Errorf("after: %v, want %q", got, want)
					}
					if told := l.Troubles(from)["Ingress shop/web"]; want != "" && !slices.ContainsFunc(told, func(s string) bool {
						return strings.Contains(s, "moves to this load balancer")
					}) {
						t.Errorf("told %q", told)
					}
					l.Edit("web", func(i *networkingv1.Ingress) { delete(i.Annotations, prefix+wrong) })
					l.Settle(own, lab.FrontGroup)
					if got := slices.Compact(answerTo(l, "/web")); !slices.Equal(got, []string{"forward"}) {
						t.Errorf("corrected: %v", got)
					}
				})
			}
		}
	}
}
