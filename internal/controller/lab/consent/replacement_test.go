package consent

import (
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// declareReplacement sets the replacement policy of Ingress web, or Service net.
var declareReplacement = map[string]func(l *lab.Lab, policy string){
	"an application load balancer": func(l *lab.Lab, policy string) { l.Annotate("web", "replacement-policy", policy) },
	"a network load balancer":      func(l *lab.Lab, policy string) { l.Balancer("net", "replacement-policy", policy) },
}

func TestALoadBalancerIsReplacedOnlyOnceItsPolicyConsents(t *testing.T) {
	t.Parallel()
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := replaceLab(t, account.Real())
			declare := declareReplacement[name]
			declare(l, "refuse")
			l.PassWith(time.Minute, replacedKeys...)
			former, names := l.Nameless(), map[string]string{}
			for _, lb := range l.Sim.Resources().LoadBalancers {
				names[lb.ARN] = lb.Name
			}
			mark := l.Mark()
			replace(l)
			l.PassWith(20*time.Minute, replacedKeys...)
			if w := l.Writes(mark); len(w) > 0 || l.Nameless() != former {
				t.Errorf("refused, and it writes %v", w)
			}
			if text := strings.Join(l.Events, "\n"); !strings.Contains(text,
				"would replace it by a load balancer with another DNS name") || !strings.Contains(text, "refuse,except=") {
				t.Errorf("no event tells it:\n%s", text)
			}
			l.Restart()
			l.PassWith(time.Minute, replacedKeys...)
			if w := l.Writes(mark); len(w) > 0 {
				t.Errorf("after a restart it writes %v", w)
			}
			var all []string
			for _, n := range names {
				all = append(all, "except="+n)
			}
			declare(l, "refuse,"+strings.Join(all, ","))
			l.PassWith(20*time.Minute, replacedKeys...)
			same := 0
			for _, lb := range l.Sim.Resources().LoadBalancers {
				if names[lb.ARN] != "" {
					same++
				}
			}
			if failure := unserved(l); failure != "" || same != len(names)-1 || len(l.Sim.Resources().LoadBalancers) !=
				len(names) {
				t.Errorf("%s; %d of %d load balancers are as before the consent", failure, same, len(names))
			}
		})
	}
}

func TestReplacedLoadBalancerServesForKeepTimeAcrossRestart(t *testing.T) {
	t.Parallel()
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := replaceLab(t, account.Real())
			count := func() int { return len(l.Sim.Resources().LoadBalancers) }
			before := count()
			declareReplacement[name](l, "allow,keep=1h")
			l.PassWith(time.Minute, replacedKeys...)
			replace(l)
			l.PassWith(20*time.Minute, replacedKeys...)
			if failure := unserved(l); failure != "" || count() != before+1 || len(l.AllBindings()) != 3 {
				t.Fatalf("after 20 minutes: %s; %d load balancers, %d bindings", failure, count(), len(l.AllBindings()))
			}
			l.Restart()
			l.PassWith(20*time.Minute, replacedKeys...)
			if count() != before+1 || len(l.AllBindings()) != 3 {
				t.Errorf("after 40 minutes and a restart: %d load balancers, %d bindings", count(), len(l.AllBindings()))
			}
			mark := l.Mark()
			l.PassWith(10*time.Minute, replacedKeys...)
			if w := l.Writes(mark); len(w) > 0 {
				t.Errorf("meanwhile it writes %v", w)
			}
			l.PassWith(30*time.Minute, replacedKeys...)
			if failure := unserved(l); failure != "" || count() != before || len(l.AllBindings()) != 2 {
				t.Errorf("after 80 minutes: %s; %d load balancers, %d bindings", failure, count(), len(l.AllBindings()))
			}
		})
	}
}
