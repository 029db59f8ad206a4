package consent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// replacements have Ingress web, or Service net, get another load balancer.
var replacements = map[string]func(*lab.Lab){
	"an application load balancer": func(l *lab.Lab) { l.Annotate("web", "scheme", "internal") },
	"a network load balancer":      func(l *lab.Lab) { l.Balancer("net", "scheme", "internal") },
}

var replacedKeys = []stack.Key{lab.Key("web"), lab.ServiceKey("net")}

// replaceLab is at rest with an Ingress web and a Service net.
func replaceLab(t *testing.T, profile account.Profile) *lab.Lab {
	t.Helper()
	l := lab.New(t, profile, append(append(lab.ChaosEndpoints("s0", "a", lab.SoakAddress(0, 0)),
		lab.ChaosEndpoints("net", "a", lab.SoakAddress(2, 0))...),
		lab.Class(), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), lab.Service("s0"), lab.Ingress("web", nil, "s0"),
		lab.CrashBalancer("net"))...)
	l.PassWith(10*time.Minute, replacedKeys...)
	if failure := unserved(l); failure != "" {
		t.Fatalf("%s\n%s", failure, strings.Join(l.Events, "\n"))
	}
	return l
}

// unserved tells which of the names that objects show leads to no target.
func unserved(l *lab.Lab) string {
	r := l.Sim.Resources()
	p := lab.PictureOf(&r)
	i, s := &networkingv1.Ingress{}, &corev1.Service{}
	l.Get(i, "web")
	l.Get(s, "net")
	var names []string
	for _, at := range i.Status.LoadBalancer.Ingress {
		names = append(names, at.Hostname)
	}
	for _, at := range s.Status.LoadBalancer.Ingress {
		names = append(names, at.Hostname)
	}
	if len(names) != 2 {
		return fmt.Sprintf("names %v", names)
	}
	for _, name := range names {
		lb := p.Named[name]
		if lb == nil {
			return "nothing has the name " + name
		}
		tg, failure := p.Route(lb, "", "/s0")
		if tg != nil && !slices.ContainsFunc(tg.Targets, func(t simclient.Target) bool { return t.State == "healthy" }) {
			failure = fmt.Sprintf("no target of %s is healthy: %v", tg.Name, tg.Targets)
		}
		if failure != "" || lb.State != "active" {
			return fmt.Sprintf("%s %s: %s", lb.State, name, failure)
		}
	}
	return ""
}

// TestAReplacedLoadBalancerServesUntilNoObjectShowsItsName asks before each call to AWS and in the end.
func TestAReplacedLoadBalancerServesUntilNoObjectShowsItsName(t *testing.T) {
	t.Parallel()
	for name, replace := range replacements {
		for _, profile := range []account.Profile{account.Instant(), account.Real()} {
			t.Run(name+", "+profile.Name, func(t *testing.T) {
				t.Parallel()
				l := replaceLab(t, profile)
				l.BeforeCall(func(context.Context) error {
					if failure := unserved(l); failure != "" {
						l.Error(failure)
					}
					return nil
				})
				former := l.Nameless()
				replace(l)
				l.PassWith(20*time.Minute, replacedKeys...)
				if got := l.Nameless(); got == former || strings.Count(got, "balancer of") != strings.Count(former,
					"balancer of") || strings.Count(got, "targets of") != strings.Count(former, "targets of") {
					t.Errorf("in the end\n%s\nbefore\n%s", got, former)
				}
				if n := len(l.AllBindings()); n != 2 {
					t.Errorf("%d bindings", n)
				}
				mark := l.Mark()
				l.PassWith(10*time.Minute, replacedKeys...)
				if w := l.Writes(mark); len(w) > 0 {
					t.Errorf("at rest it writes %v", w)
				}
			})
		}
	}
}
