package consent

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestNothingIsChangedButTowardsTheApprovedState(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		annotate func(l *lab.Lab, key, value string)
		edits    [2]func(l *lab.Lab)
		first    string // the call that the first edit takes
	}{
		"an application load balancer": {
			func(l *lab.Lab, key, value string) { l.Annotate("web", key, value) },
			[2]func(l *lab.Lab){
				func(l *lab.Lab) { l.Annotate("web", "load-balancer-attributes", "idle_timeout.timeout_seconds=100") },
				func(l *lab.Lab) { l.Annotate("web", "healthcheck-path", "/ready") },
			}, "ModifyLoadBalancerAttributes",
		},
		"a network load balancer": {
			func(l *lab.Lab, key, value string) { l.Balancer("net", key, value) },
			[2]func(l *lab.Lab){
				func(l *lab.Lab) {
					l.Balancer("net", "attributes", "dns_record.client_routing_policy=availability_zone_affinity")
				},
				func(l *lab.Lab) { l.Balancer("net", "healthcheck-interval", "30") },
			}, "ModifyLoadBalancerAttributes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := replaceLab(t, account.Real())
			unchanged := func(when string, mark uint64) {
				t.Helper()
				if w := l.Writes(mark); len(w) > 0 || unserved(l) != "" {
					t.Errorf("%s it writes %v; %s", when, w, unserved(l))
				}
			}
			mark, since := l.Mark(), len(l.Events)
			c.annotate(l, "approved-plan", "none")
			l.PassWith(time.Minute, replacedKeys...)
			if d := l.LastDigest(since); d != "" {
				t.Errorf("nothing is to be done, and event asks to approve %s", d)
			}
			c.edits[0](l)
			l.PassWith(20*time.Minute, replacedKeys...)
			unchanged("without an approval", mark)
			digest := l.LastDigest(since)
			if digest == "" {
				t.Fatalf("no event tells what to approve:\n%s", strings.Join(l.Events[since:], "\n"))
			}
			l.Restart()
			l.PassWith(time.Minute, replacedKeys...)
			unchanged("after a restart", mark)
			c.annotate(l, "approved-plan", digest)
			l.PassWith(time.Minute, replacedKeys...)
			if w := l.Writes(mark); len(w) != 1 || w[0] != c.first {
				t.Errorf("approved, it writes %v", w)
			}
			mark, since = l.Mark(), len(l.Events)
			c.edits[1](l)
			l.PassWith(20*time.Minute, replacedKeys...)
			unchanged("by an approval of what was wanted before", mark)
			if d := l.LastDigest(since); d == "" || d == digest {
				t.Errorf("the event after the second edit asks to approve %q, after the first one %s", d, digest)
			}
			c.annotate(l, "approved-plan", l.LastDigest(since))
			l.PassWith(20*time.Minute, replacedKeys...)
			if w := l.Writes(mark); len(w) == 0 || unserved(l) != "" {
				t.Errorf("the second edit is approved, and it writes %v; %s", w, unserved(l))
			}
		})
	}
}

func TestNewLoadBalancerWaitsForApprovalItsDeletionDoesNot(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Real(), append(lab.ChaosEndpoints("s0", "a", lab.SoakAddress(0, 0)), lab.Class(),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), lab.Service("s0"))...)
	later := lab.Ingress("later", nil, "s0")
	later.Annotations["alb.ingress.kubernetes.io/approved-plan"] = "none"
	l.Must(l.Client.Create(t.Context(), later))
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "later"}}
	mark := l.Mark()
	l.PassWith(time.Minute, key)
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("without an approval it writes %v", w)
	}
	l.Annotate("later", "approved-plan", l.LastDigest(0))
	l.PassWith(10*time.Minute, key)
	i := &networkingv1.Ingress{}
	if l.Get(i, "later"); len(i.Status.LoadBalancer.Ingress) != 1 {
		t.Errorf("approved, it has no load balancer:\n%s", strings.Join(l.Events, "\n"))
	}
	l.Annotate("later", "approved-plan", "none")
	l.PassWith(time.Minute, key)
	l.Remove("later")
	l.PassWith(10*time.Minute, key)
	if l.Get(i, "later") || len(l.Sim.Resources().LoadBalancers) > 0 {
		t.Errorf("deleted, it stays: %v", l.Sim.Resources().LoadBalancers)
	}
}
