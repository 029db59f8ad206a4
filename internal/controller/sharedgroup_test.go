package controller

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

var frontGroup = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}

// groupMember is an Ingress of group front, of a Service of its own namespace, created so many seconds after the others began.
func groupMember(namespace, name string, age int64, annotations map[string]string) []client.Object {
	svc := labService(name)
	svc.Namespace = namespace
	i := labIngress(name, annotations, name)
	i.Namespace, i.CreationTimestamp = namespace, metav1.Unix(1_700_000_000+age, 0)
	i.Annotations["alb.ingress.kubernetes.io/group.name"] = "front"
	if _, set := annotations["scheme"]; !set {
		delete(i.Annotations, "alb.ingress.kubernetes.io/scheme")
	}
	return []client.Object{svc, i}
}

// ignored counts the events of an Ingress that say that a setting of it is ignored, or sets it aside.
func (l *lab) ignored(object string) int {
	n := 0
	for _, e := range l.events {
		if strings.HasPrefix(e, object+" ") && (strings.Contains(e, "is ignored, because") || strings.Contains(e, "is not permitted, because")) {
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
				l := newLab(t, account.Profile{}, slices.Concat([]client.Object{labClass()},
					groupMember("shop", "web", 0, settings), groupMember("team", "api", 1, nil))...)
				l.settle(frontGroup)
				balancer, mark := l.sim.Resources().LoadBalancers[0].ARN, l.mark()
				annotations := maps.Clone(wants)
				annotations["group.order"] = "-1000"
				for _, o := range groupMember("zz", "evil", 9, annotations) {
					l.must(l.client.Create(t.Context(), o))
				}
				check := func(when string) {
					t.Helper()
					for _, w := range l.writes(mark) {
						if !slices.Contains([]string{"CreateTargetGroup", "CreateRule", "SetRulePriorities", "AddTags"}, w) {
							t.Errorf("%s: %s", when, w)
						}
					}
					r := l.sim.Resources()
					if len(r.LoadBalancers) != 1 || r.LoadBalancers[0].ARN != balancer || len(r.LoadBalancers[0].Listeners[0].Rules) != 4 {
						t.Errorf("%s: load balancers %+v", when, r.LoadBalancers)
					}
				}
				l.settle(frontGroup)
				check("at once")
				if l.ignored("Ingress zz/evil") == 0 || l.ignored("Ingress shop/web")+l.ignored("Ingress team/api") > 0 {
					t.Errorf("told: %s", strings.Join(l.events, "\n"))
				}
				if name == "name" || name == "attributes" { // AWS is not asked for these without a memory
					return
				}
				mark = l.mark()
				l.restart()
				l.settle(frontGroup)
				check("after a restart")
				if w := l.writes(mark); len(w) > 0 {
					t.Errorf("a restart writes %v", w)
				}
			})
		}
	}
}

// sourcesOf lists who may come to a port by the security groups of the controller.
func (l *lab) sourcesOf(port int32) []string {
	var out []string
	for _, g := range l.sim.Resources().SecurityGroups {
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

func TestAMemberWhoseSecurityGroupsLoseHasNoPortOfItsOwnOpenToOthers(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, slices.Concat([]client.Object{labClass()},
		groupMember("shop", "web", 0, map[string]string{"scheme": "internal", "inbound-cidrs": "10.0.0.0/8"}), groupMember("team", "api", 1, nil),
		groupMember("t2", "new", 9, map[string]string{"listen-ports": `[{"HTTP":80},{"HTTP":8081}]`}))...)
	l.settle(frontGroup)
	check := func(when string, want ...string) {
		t.Helper()
		if got := l.sourcesOf(8081); !slices.Equal(got, want) {
			t.Errorf("%s: port 8081 admits %v, want %v", when, got, want)
		}
		if got := l.sourcesOf(80); !slices.Equal(got, []string{"10.0.0.0/8"}) {
			t.Errorf("%s: port 80 admits %v", when, got)
		}
	}
	check("before", "0.0.0.0/0")
	guard := func(with map[string]string) {
		t.Helper()
		i := &networkingv1.Ingress{}
		l.must(l.client.Get(t.Context(), client.ObjectKey{Namespace: "t2", Name: "new"}, i))
		for _, k := range []string{"security-groups", "inbound-cidrs"} {
			delete(i.Annotations, "alb.ingress.kubernetes.io/"+k)
			if v, set := with[k]; set {
				i.Annotations["alb.ingress.kubernetes.io/"+k] = v
			}
		}
		l.must(l.client.Update(t.Context(), i))
		l.settle(frontGroup)
	}
	guard(map[string]string{"security-groups": "sg-0a1de000000000001", "inbound-cidrs": "0.0.0.0/0"})
	check("with a guard that loses")
	if told := strings.Join(l.events, "\n"); !strings.Contains(told, "no source is allowed on ports [8081] of Ingress t2/new") || l.ignored("Ingress shop/web")+l.ignored("Ingress team/api") > 0 {
		t.Errorf("told: %s", told)
	}
	mark := l.mark()
	l.restart()
	l.settle(frontGroup)
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("a restart writes %v", w)
	}
	check("after a restart")
	guard(map[string]string{"inbound-cidrs": "192.0.2.0/24"})
	check("without a guard", "192.0.2.0/24")
}

// TestAGroupThatWasFrozenForAConflictIsTakenOverWithoutAWrite: what is in effect at the start was made before the members disagreed,
// as the existing controller leaves it.
func TestAGroupThatWasFrozenForAConflictIsTakenOverWithoutAWrite(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, slices.Concat([]client.Object{labClass()},
		groupMember("a", "older", 0, nil), groupMember("b", "younger", 60, map[string]string{"scheme": "internal", "inbound-cidrs": "10.0.0.0/8"}))...)
	l.settle(frontGroup)
	older := &networkingv1.Ingress{}
	l.must(l.client.Get(t.Context(), client.ObjectKey{Namespace: "a", Name: "older"}, older))
	older.Annotations["alb.ingress.kubernetes.io/scheme"] = "internet-facing"
	older.Annotations["alb.ingress.kubernetes.io/inbound-cidrs"] = "0.0.0.0/0"
	l.must(l.client.Update(t.Context(), older))
	l.restart()
	mark := l.mark()
	l.settle(frontGroup)
	l.clock.Advance(time.Minute)
	l.settle(frontGroup)
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("the takeover writes %v", w)
	}
	if l.ignored("Ingress a/older") < 2 {
		t.Errorf("told: %s", strings.Join(l.events, "\n"))
	}
}
