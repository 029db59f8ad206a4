package controller

import (
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// declareReplacement sets the replacement policy of Ingress web, or Service net.
var declareReplacement = map[string]func(l *lab, policy string){
	"an application load balancer": func(l *lab, policy string) { l.annotate("web", "replacement-policy", policy) },
	"a network load balancer":      func(l *lab, policy string) { l.balancer("net", "replacement-policy", policy) },
}

func TestALoadBalancerIsReplacedOnlyOnceItsPolicyConsents(t *testing.T) {
	t.Parallel()
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := replaceLab(t, account.Real())
			declare := declareReplacement[name]
			declare(l, "refuse")
			l.passWith(time.Minute, replacedKeys...)
			former, names := l.nameless(), map[string]string{}
			for _, lb := range l.sim.Resources().LoadBalancers {
				names[lb.ARN] = lb.Name
			}
			mark := l.mark()
			replace(l)
			l.passWith(20*time.Minute, replacedKeys...)
			if w := l.writes(mark); len(w) > 0 || l.nameless() != former {
				t.Errorf("refused, and it writes %v", w)
			}
			if text := strings.Join(l.events, "\n"); !strings.Contains(text, "would replace it by another one, with another DNS name") || !strings.Contains(text, "refuse,except=") {
				t.Errorf("no event tells it:\n%s", text)
			}
			l.restart()
			l.passWith(time.Minute, replacedKeys...)
			if w := l.writes(mark); len(w) > 0 {
				t.Errorf("after a restart it writes %v", w)
			}
			var all []string
			for _, n := range names {
				all = append(all, "except="+n)
			}
			declare(l, "refuse,"+strings.Join(all, ","))
			l.passWith(20*time.Minute, replacedKeys...)
			same := 0
			for _, lb := range l.sim.Resources().LoadBalancers {
				if names[lb.ARN] != "" {
					same++
				}
			}
			if failure := l.unserved(); failure != "" || same != len(names)-1 || len(l.sim.Resources().LoadBalancers) != len(names) {
				t.Errorf("%s; %d of %d load balancers are as before the consent", failure, same, len(names))
			}
		})
	}
}

func TestAReplacedLoadBalancerServesOnForAsLongAsThePolicyKeepsItAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := replaceLab(t, account.Real())
			count := func() int { return len(l.sim.Resources().LoadBalancers) }
			before := count()
			declareReplacement[name](l, "allow,keep=1h")
			l.passWith(time.Minute, replacedKeys...)
			replace(l)
			l.passWith(20*time.Minute, replacedKeys...)
			if failure := l.unserved(); failure != "" || count() != before+1 || len(l.allBindings()) != 3 {
				t.Fatalf("after 20 minutes: %s; %d load balancers, %d bindings", failure, count(), len(l.allBindings()))
			}
			l.restart()
			l.passWith(20*time.Minute, replacedKeys...)
			if count() != before+1 || len(l.allBindings()) != 3 {
				t.Errorf("after 40 minutes and a restart: %d load balancers, %d bindings", count(), len(l.allBindings()))
			}
			mark := l.mark()
			l.passWith(10*time.Minute, replacedKeys...)
			if w := l.writes(mark); len(w) > 0 {
				t.Errorf("meanwhile it writes %v", w)
			}
			l.passWith(30*time.Minute, replacedKeys...)
			if failure := l.unserved(); failure != "" || count() != before || len(l.allBindings()) != 2 {
				t.Errorf("after 80 minutes: %s; %d load balancers, %d bindings", failure, count(), len(l.allBindings()))
			}
		})
	}
}
