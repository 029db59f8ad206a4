package controller

import (
	"regexp"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

var digestInEvent = regexp.MustCompile(`approved-plan: ([0-9a-f]{16})`)

// lastDigest is the digest that the newest event asks to approve; empty if there is none since a number of events.
func (l *lab) lastDigest(since int) string {
	l.Helper()
	found := digestInEvent.FindAllStringSubmatch(strings.Join(l.events[since:], "\n"), -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1][1]
}

func TestNothingIsChangedButTowardsTheApprovedState(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		annotate func(l *lab, key, value string)
		edits    [2]func(l *lab)
		first    string // the call that the first edit takes
	}{
		"an application load balancer": {
			func(l *lab, key, value string) { l.annotate("web", key, value) },
			[2]func(l *lab){
				func(l *lab) { l.annotate("web", "load-balancer-attributes", "idle_timeout.timeout_seconds=100") },
				func(l *lab) { l.annotate("web", "healthcheck-path", "/ready") },
			}, "ModifyLoadBalancerAttributes",
		},
		"a network load balancer": {
			func(l *lab, key, value string) { l.balancer("net", key, value) },
			[2]func(l *lab){
				func(l *lab) {
					l.balancer("net", "attributes", "dns_record.client_routing_policy=availability_zone_affinity")
				},
				func(l *lab) { l.balancer("net", "healthcheck-interval", "30") },
			}, "ModifyLoadBalancerAttributes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := replaceLab(t, account.Real())
			unchanged := func(when string, mark uint64) {
				t.Helper()
				if w := l.writes(mark); len(w) > 0 || l.unserved() != "" {
					t.Errorf("%s it writes %v; %s", when, w, l.unserved())
				}
			}
			mark, since := l.mark(), len(l.events)
			c.annotate(l, "approved-plan", "none")
			l.passWith(time.Minute, replacedKeys...)
			if d := l.lastDigest(since); d != "" {
				t.Errorf("nothing is to be done, and event asks to approve %s", d)
			}
			c.edits[0](l)
			l.passWith(20*time.Minute, replacedKeys...)
			unchanged("without an approval", mark)
			digest := l.lastDigest(since)
			if digest == "" {
				t.Fatalf("no event tells what to approve:\n%s", strings.Join(l.events[since:], "\n"))
			}
			l.restart()
			l.passWith(time.Minute, replacedKeys...)
			unchanged("after a restart", mark)
			c.annotate(l, "approved-plan", digest)
			l.passWith(time.Minute, replacedKeys...)
			if w := l.writes(mark); len(w) != 1 || w[0] != c.first {
				t.Errorf("approved, it writes %v", w)
			}
			mark, since = l.mark(), len(l.events)
			c.edits[1](l)
			l.passWith(20*time.Minute, replacedKeys...)
			unchanged("by an approval of what was wanted before", mark)
			if d := l.lastDigest(since); d == "" || d == digest {
				t.Errorf("the event after the second edit asks to approve %q, after the first one %s", d, digest)
			}
			c.annotate(l, "approved-plan", l.lastDigest(since))
			l.passWith(20*time.Minute, replacedKeys...)
			if w := l.writes(mark); len(w) == 0 || l.unserved() != "" {
				t.Errorf("the second edit is approved, and it writes %v; %s", w, l.unserved())
			}
		})
	}
}

func TestANewLoadBalancerWaitsForItsApprovalAndTheDeletionOfItsObjectForNone(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Real(), append(chaosEndpoints("s0", "a", soakAddress(0, 0)), labClass(), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"), labService("s0"))...)
	later := labIngress("later", nil, "s0")
	later.Annotations["alb.ingress.kubernetes.io/approved-plan"] = "none"
	l.must(l.client.Create(t.Context(), later))
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "later"}}
	mark := l.mark()
	l.passWith(time.Minute, key)
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("without an approval it writes %v", w)
	}
	l.annotate("later", "approved-plan", l.lastDigest(0))
	l.passWith(10*time.Minute, key)
	i := &networkingv1.Ingress{}
	if l.get(i, "later"); len(i.Status.LoadBalancer.Ingress) != 1 {
		t.Errorf("approved, it has no load balancer:\n%s", strings.Join(l.events, "\n"))
	}
	l.annotate("later", "approved-plan", "none")
	l.passWith(time.Minute, key)
	l.remove("later")
	l.passWith(10*time.Minute, key)
	if l.get(i, "later") || len(l.sim.Resources().LoadBalancers) > 0 {
		t.Errorf("deleted, it stays: %v", l.sim.Resources().LoadBalancers)
	}
}
