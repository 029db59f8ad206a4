package tenants

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// ignored counts the events of an Ingress that say that a setting of it is ignored, or sets it aside.
func ignored(l *lab.Lab, object string) int {
	n := 0
	for _, e := range l.Events {
		if strings.HasPrefix(e, object+" ") && (strings.Contains(e, "has no effect, because") ||
			strings.Contains(e, "is not allowed, because")) {
			n++
		}
	}
	return n
}

func TestANewcomerToASharedGroupWritesNothingButItsOwnRules(t *testing.T) {
	t.Parallel()
	for name, wants := range map[string]map[string]string{
		"ranges":          {"inbound-cidrs": "0.0.0.0/0"},
		"scheme":          {"scheme": "internet-facing"},
		"security groups": {"security-groups": "sg-0a1de000000000001"},
		"name":            {"load-balancer-name": "mine"},
		"attributes":      {"load-balancer-attributes": "access_logs.s3.enabled=true,access_logs.s3.bucket=mine"},
	} {
		for state, settings := range map[string]map[string]string{
			"of settings": {"scheme": "internal", "inbound-cidrs": "10.0.0.0/8"}, "of defaults": {},
		} {
			t.Run(name+" "+state, func(t *testing.T) {
				t.Parallel()
				l := lab.New(t, account.Profile{}, slices.Concat([]client.Object{lab.Class()},
					lab.GroupMember("shop", "web", 0, settings), lab.GroupMember("team", "api", 1, nil))...)
				l.Settle(lab.FrontGroup)
				balancer, mark := l.Sim.Resources().LoadBalancers[0].ARN, l.Mark()
				annotations := maps.Clone(wants)
				annotations["group.order"] = "-1000"
				for _, o := range lab.GroupMember("zz", "evil", 9, annotations) {
					l.Must(l.Client.Create(t.Context(), o))
				}
				check := func(when string) {
					t.Helper()
					for _, w := range l.Writes(mark) {
						if !slices.Contains([]string{"CreateTargetGroup", "CreateRule", "SetRulePriorities", "AddTags"}, w) {
							t.Errorf("%s: %s", when, w)
						}
					}
					r := l.Sim.Resources()
					if len(r.LoadBalancers) != 1 || r.LoadBalancers[0].ARN != balancer ||
						len(r.LoadBalancers[0].Listeners[0].Rules) != 4 {
						t.Errorf("%s: load balancers %+v", when, r.LoadBalancers)
					}
				}
				l.Settle(lab.FrontGroup)
				check("at once")
				if ignored(l, "Ingress zz/evil") == 0 || ignored(l, "Ingress shop/web")+ignored(l, "Ingress team/api") > 0 {
					t.Errorf("told: %s", strings.Join(l.Events, "\n"))
				}
				if name == "name" || name == "attributes" { // AWS is not asked for these without a memory
					return
				}
				mark = l.Mark()
				l.Restart()
				l.Settle(lab.FrontGroup)
				check("after a restart")
				if w := l.Writes(mark); len(w) > 0 {
					t.Errorf("a restart writes %v", w)
				}
			})
		}
	}
}

// sourcesOf lists who may come to a port by the security groups of the controller.
func sourcesOf(l *lab.Lab, port int32) []string {
	var out []string
	for _, g := range l.Sim.Resources().SecurityGroups {
		if !strings.HasPrefix(g.Name, "k8s-front-") {
			continue
		}
		for _, p := range g.Ingress {
			if p.From == port {
				out = append(out, p.Peer)
			}
		}
	}
	return out
}

func TestPortOfMemberWhoseSecurityGroupsLoseStaysClosed(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, slices.Concat([]client.Object{lab.Class()},
		lab.GroupMember("shop", "web", 0, map[string]string{"scheme": "internal", "inbound-cidrs": "10.0.0.0/8"}),
		lab.GroupMember("team", "api", 1, nil),
		lab.GroupMember("t2", "new", 9, map[string]string{"listen-ports": `[{"HTTP":80},{"HTTP":8081}]`}))...)
	l.Settle(lab.FrontGroup)
	check := func(when string, want ...string) {
		t.Helper()
		if got := sourcesOf(l, 8081); !slices.Equal(got, want) {
			t.Errorf("%s: port 8081 admits %v, want %v", when, got, want)
		}
		if got := sourcesOf(l, 80); !slices.Equal(got, []string{"10.0.0.0/8"}) {
			t.Errorf("%s: port 80 admits %v", when, got)
		}
	}
	check("before", "0.0.0.0/0")
	guard := func(with map[string]string) {
		t.Helper()
		i := &networkingv1.Ingress{}
		l.Must(l.Client.Get(t.Context(), client.ObjectKey{Namespace: "t2", Name: "new"}, i))
		for _, k := range []string{"security-groups", "inbound-cidrs"} {
			delete(i.Annotations, "alb.ingress.kubernetes.io/"+k)
			if v, set := with[k]; set {
				i.Annotations["alb.ingress.kubernetes.io/"+k] = v
			}
		}
		l.Must(l.Client.Update(t.Context(), i))
		l.Settle(lab.FrontGroup)
	}
	guard(map[string]string{"security-groups": "sg-0a1de000000000001", "inbound-cidrs": "0.0.0.0/0"})
	check("with a guard that loses")
	if told := strings.Join(l.Events, "\n"); !strings.Contains(told, "no client reaches ports 8081 of Ingress t2/new") ||
		ignored(l, "Ingress shop/web")+ignored(l, "Ingress team/api") > 0 {
		t.Errorf("told: %s", told)
	}
	mark := l.Mark()
	l.Restart()
	l.Settle(lab.FrontGroup)
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("a restart writes %v", w)
	}
	check("after a restart")
	guard(map[string]string{"inbound-cidrs": "192.0.2.0/24"})
	check("without a guard", "192.0.2.0/24")
}

// TestAGroupThatWasFrozenForAConflictIsTakenOverWithoutAWrite: what is in effect at the start was made before the
// members disagreed, as the existing controller leaves it.
func TestAGroupThatWasFrozenForAConflictIsTakenOverWithoutAWrite(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, slices.Concat([]client.Object{lab.Class()},
		lab.GroupMember("a", "older", 0, nil), lab.GroupMember("b", "younger", 60, map[string]string{"scheme": "internal",
			"inbound-cidrs": "10.0.0.0/8"}))...)
	l.Settle(lab.FrontGroup)
	older := &networkingv1.Ingress{}
	l.Must(l.Client.Get(t.Context(), client.ObjectKey{Namespace: "a", Name: "older"}, older))
	older.Annotations["alb.ingress.kubernetes.io/scheme"] = "internet-facing"
	older.Annotations["alb.ingress.kubernetes.io/inbound-cidrs"] = "0.0.0.0/0"
	l.Must(l.Client.Update(t.Context(), older))
	l.Restart()
	mark := l.Mark()
	l.Settle(lab.FrontGroup)
	l.Clock.Advance(time.Minute)
	l.Settle(lab.FrontGroup)
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("the takeover writes %v", w)
	}
	if ignored(l, "Ingress a/older") < 2 {
		t.Errorf("told: %s", strings.Join(l.Events, "\n"))
	}
}
