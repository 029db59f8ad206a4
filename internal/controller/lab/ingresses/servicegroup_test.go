package ingresses

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// portsByBalancer are the ports of the load balancers, by their names without the hash.
func portsByBalancer(l *lab.Lab) map[string][]int32 {
	out := map[string][]int32{}
	for _, lb := range l.Sim.Resources().LoadBalancers {
		ports := []int32{}
		for _, x := range lb.Listeners {
			ports = append(ports, x.Port)
		}
		slices.Sort(ports)
		out[lb.Name[:strings.LastIndex(lb.Name, "-")]] = ports
	}
	return out
}

func wantBalancers(l *lab.Lab, when string, want map[string][]int32) {
	l.Helper()
	got := portsByBalancer(l)
	same := len(got) == len(want)
	for name, ports := range want {
		same = same && slices.Equal(got[name], ports)
	}
	if !same {
		l.Errorf("%s: load balancers %v, want %v\n%s", when, got, want, strings.Join(l.Events, "\n"))
	}
}

// TestServicesJoinBreakAndLeaveSharedLoadBalancer leads a Service with a load balancer of its own
// into the group of another, and out of the group.
func TestServicesJoinBreakAndLeaveSharedLoadBalancer(t *testing.T) {
	t.Parallel()
	alone := lab.Sharing("a", 80, 81)
	delete(alone.Annotations, lab.ServiceGroup)
	l := lab.New(t, account.Profile{}, alone, lab.Sharing("b", 90))
	keys := []stack.Key{lab.SharedServices, lab.ServiceKey("a"), lab.ServiceKey("b")}
	l.Settle(keys...)
	wantBalancers(l, "at first", map[string][]int32{"k8s-shop-a": {80, 81}, "k8s-shared": {90}})

	l.Edited("a", func(s *corev1.Service) { s.Annotations[lab.ServiceGroup] = "shared" })
	l.Settle(keys...)
	wantBalancers(l, "one joins", map[string][]int32{"k8s-shared": {80, 81, 90}})
	a, ports := l.Shows("a")
	b, _ := l.Shows("b")
	if a == "" || a != b || !slices.Equal(ports, []int32{80, 81}) {
		t.Errorf("they show %s and %s, ports %v", a, b, ports)
	}
	s := &corev1.Service{}
	if l.Get(s, "a"); !slices.Equal(s.Finalizers, []string{"group.service.k8s.aws/shared"}) {
		t.Errorf("finalizers %v", s.Finalizers)
	}

	l.Edited("b", func(s *corev1.Service) {
		s.Spec.Ports = lab.Sharing("b", 90, 80, 91).Spec.Ports
	})
	l.Settle(keys...)
	wantBalancers(l, "a port that another has", map[string][]int32{"k8s-shared": {80, 81, 90, 91}})
	if _, ports := l.Shows("b"); !slices.Equal(ports, []int32{90, 91}) {
		t.Errorf("it shows the ports %v", ports)
	}
	if told := strings.Join(l.Events, "\n"); !strings.Contains(told,
		"port 80 of the load balancer belongs to Service shop/a, which had it before") {
		t.Errorf("told\n%s", told)
	}

	l.Balancer("a", "healthcheck-interval", "soon")
	l.Edited("b", func(s *corev1.Service) { s.Spec.Ports = lab.Sharing("b", 92).Spec.Ports })
	l.Settle(keys...)
	wantBalancers(l, "one is invalid, and the other edited", map[string][]int32{"k8s-shared": {80, 81, 92}})

	l.Restart()
	mark := l.Mark()
	l.Settle(keys...)
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("the restart wrote %v", w)
	}

	l.Edited("a", func(s *corev1.Service) {
		delete(s.Annotations, "service.beta.kubernetes.io/aws-load-balancer-healthcheck-interval")
		delete(s.Annotations, lab.ServiceGroup)
	})
	l.Settle(keys...)
	wantBalancers(l, "one leaves", map[string][]int32{"k8s-shop-a": {80, 81}, "k8s-shared": {92}})
	if host, _ := l.Shows("a"); host == "" || host == b {
		t.Errorf("the one that left shows %s", host)
	}
	for _, name := range []string{"a", "b"} {
		l.Get(s, name)
		l.Must(l.Client.Delete(t.Context(), s))
	}
	l.Settle(keys...)
	if left := l.LeftOfStacks(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
