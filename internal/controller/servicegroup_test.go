package controller

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

var sharedServices = stack.Key{Owner: stack.Service, ID: stack.ID{Name: "shared"}}

const serviceGroup = "service.beta.kubernetes.io/aws-load-balancer-group-name"

// sharing is a Service of the group with ports.
func sharing(name string, ports ...int32) *corev1.Service {
	s := crashBalancer(name)
	s.Annotations[serviceGroup] = "shared"
	first := s.Spec.Ports[0]
	s.Spec.Ports = nil
	for _, p := range ports {
		first.Port = p
		s.Spec.Ports = append(s.Spec.Ports, first)
	}
	return s
}

// portsByBalancer are the ports of the load balancers, by their names without the hash.
func (l *lab) portsByBalancer() map[string][]int32 {
	out := map[string][]int32{}
	for _, lb := range l.sim.Resources().LoadBalancers {
		ports := []int32{}
		for _, x := range lb.Listeners {
			ports = append(ports, x.Port)
		}
		slices.Sort(ports)
		out[lb.Name[:strings.LastIndex(lb.Name, "-")]] = ports
	}
	return out
}

// shows is the hostname and the ports without an error in the status of a Service.
func (l *lab) shows(name string) (host string, ports []int32) {
	s := &corev1.Service{}
	l.get(s, name)
	for _, e := range s.Status.LoadBalancer.Ingress {
		host = e.Hostname
		for _, p := range e.Ports {
			if ptr.Deref(p.Error, "") == "" {
				ports = append(ports, p.Port)
			}
		}
	}
	return host, ports
}

func (l *lab) wantBalancers(when string, want map[string][]int32) {
	l.Helper()
	got := l.portsByBalancer()
	same := len(got) == len(want)
	for name, ports := range want {
		same = same && slices.Equal(got[name], ports)
	}
	if !same {
		l.Errorf("%s: load balancers %v, want %v\n%s", when, got, want, strings.Join(l.events, "\n"))
	}
}

// TestServicesOfAGroupShareALoadBalancerWhileTheyJoinBreakAndLeave leads two Services with load balancers of their own into a group, and out of it.
func TestServicesOfAGroupShareALoadBalancerWhileTheyJoinBreakAndLeave(t *testing.T) {
	t.Parallel()
	alone := sharing("a", 80, 81)
	delete(alone.Annotations, serviceGroup)
	l := newLab(t, account.Profile{}, alone, sharing("b", 90))
	keys := []stack.Key{sharedServices, serviceKey("a"), serviceKey("b")}
	l.settle(keys...)
	l.wantBalancers("at first", map[string][]int32{"k8s-shop-a": {80, 81}, "k8s-shared": {90}})

	l.edited("a", func(s *corev1.Service) { s.Annotations[serviceGroup] = "shared" })
	l.settle(keys...)
	l.wantBalancers("one joins", map[string][]int32{"k8s-shared": {80, 81, 90}})
	a, ports := l.shows("a")
	b, _ := l.shows("b")
	if a == "" || a != b || !slices.Equal(ports, []int32{80, 81}) {
		t.Errorf("they show %s and %s, ports %v", a, b, ports)
	}
	s := &corev1.Service{}
	if l.get(s, "a"); !slices.Equal(s.Finalizers, []string{"group.service.k8s.aws/shared"}) {
		t.Errorf("finalizers %v", s.Finalizers)
	}

	l.edited("b", func(s *corev1.Service) {
		s.Spec.Ports = sharing("b", 90, 80, 91).Spec.Ports
	})
	l.settle(keys...)
	l.wantBalancers("a port that another has", map[string][]int32{"k8s-shared": {80, 81, 90, 91}})
	if _, ports := l.shows("b"); !slices.Equal(ports, []int32{90, 91}) {
		t.Errorf("it shows the ports %v", ports)
	}
	if told := strings.Join(l.events, "\n"); !strings.Contains(told, "port 80 of the load balancer is that of Service shop/a, which had it before") {
		t.Errorf("told\n%s", told)
	}

	l.balancer("a", "healthcheck-interval", "soon")
	l.edited("b", func(s *corev1.Service) { s.Spec.Ports = sharing("b", 92).Spec.Ports })
	l.settle(keys...)
	l.wantBalancers("one is invalid, and the other edited", map[string][]int32{"k8s-shared": {80, 81, 92}})

	l.restart()
	mark := l.mark()
	l.settle(keys...)
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("the restart wrote %v", w)
	}

	l.edited("a", func(s *corev1.Service) {
		delete(s.Annotations, "service.beta.kubernetes.io/aws-load-balancer-healthcheck-interval")
		delete(s.Annotations, serviceGroup)
	})
	l.settle(keys...)
	l.wantBalancers("one leaves", map[string][]int32{"k8s-shop-a": {80, 81}, "k8s-shared": {92}})
	if host, _ := l.shows("a"); host == "" || host == b {
		t.Errorf("the one that left shows %s", host)
	}
	for _, name := range []string{"a", "b"} {
		l.get(s, name)
		l.must(l.client.Delete(t.Context(), s))
	}
	l.settle(keys...)
	if left := l.leftOfStacks(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
