package controller

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
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// replacements have Ingress web, or Service net, get another load balancer.
var replacements = map[string]func(*lab){
	"an application load balancer": func(l *lab) { l.annotate("web", "scheme", "internal") },
	"a network load balancer":      func(l *lab) { l.balancer("net", "scheme", "internal") },
}

var replacedKeys = []stack.Key{implicit("web"), serviceKey("net")}

// replaceLab is at rest with an Ingress web and a Service net.
func replaceLab(t *testing.T, profile account.Profile) *lab {
	t.Helper()
	l := newLab(t, profile, append(append(chaosEndpoints("s0", "a", soakAddress(0, 0)), chaosEndpoints("net", "a", soakAddress(2, 0))...),
		labClass(), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"), labService("s0"), labIngress("web", nil, "s0"), crashBalancer("net"))...)
	l.passWith(10*time.Minute, replacedKeys...)
	if failure := l.unserved(); failure != "" {
		t.Fatalf("%s\n%s", failure, strings.Join(l.events, "\n"))
	}
	return l
}

// unserved tells which of the names that objects show leads to no target.
func (l *lab) unserved() string {
	r := l.sim.Resources()
	p := pictureOf(&r)
	i, s := &networkingv1.Ingress{}, &corev1.Service{}
	l.get(i, "web")
	l.get(s, "net")
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
		lb := p.named[name]
		if lb == nil {
			return "nothing has the name " + name
		}
		tg, failure := p.route(lb, "", "/s0")
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
				l.beforeCall(func(context.Context) error {
					if failure := l.unserved(); failure != "" {
						l.Error(failure)
					}
					return nil
				})
				former := l.nameless()
				replace(l)
				l.passWith(20*time.Minute, replacedKeys...)
				if got := l.nameless(); got == former || strings.Count(got, "balancer of") != strings.Count(former, "balancer of") || strings.Count(got, "targets of") != strings.Count(former, "targets of") {
					t.Errorf("in the end\n%s\nbefore\n%s", got, former)
				}
				if n := len(l.allBindings()); n != 2 {
					t.Errorf("%d bindings", n)
				}
				mark := l.mark()
				l.passWith(10*time.Minute, replacedKeys...)
				if w := l.writes(mark); len(w) > 0 {
					t.Errorf("at rest it writes %v", w)
				}
			})
		}
	}
}
