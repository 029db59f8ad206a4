package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
)

// brakedLab is five load balancers, with a brake that lets two go.
func brakedLab(t *testing.T) (l *lab, keys []stack.Key) {
	t.Helper()
	l = newLab(t, account.Profile{}, labClass(), labService("web"))
	for i := range 5 {
		name := fmt.Sprintf("web-%d", i)
		l.create(labIngress(name, nil, "web"))
		keys = append(keys, implicit(name))
	}
	l.ingresses.Brake = brake.New(2, l.clock.Now)
	l.settle(keys...)
	l.events = nil
	return l, keys
}

func (l *lab) balancers() int { return len(l.sim.Resources().LoadBalancers) }

// reclass gives an Ingress to a class of another controller.
func (l *lab) reclass(name string) {
	l.Helper()
	ing := &networkingv1.Ingress{}
	l.get(ing, name)
	other := "theirs"
	ing.Spec.IngressClassName = &other
	l.must(l.client.Update(l.Context(), ing))
}

func theirClass(name string) *networkingv1.IngressClass {
	c := &networkingv1.IngressClass{Spec: networkingv1.IngressClassSpec{Controller: "example.com/theirs"}}
	c.Name = name
	return c
}

// TestManyDeletionsThatNoObjectAskedForWaitForConsent makes the class another controller's, so that all Ingresses give their load
// balancers up at once; one of those that wait consents, one is deleted.
func TestManyDeletionsThatNoObjectAskedForWaitForConsent(t *testing.T) {
	t.Parallel()
	l, keys := brakedLab(t)
	l.must(l.client.Delete(t.Context(), labClass()))
	l.create(theirClass("alb"))
	l.settle(keys...)
	if l.balancers() != 3 || l.ingresses.Brake.Held() != 3 {
		t.Fatalf("%d load balancers, %d held\n%s", l.balancers(), l.ingresses.Brake.Held(), strings.Join(l.events, "\n"))
	}
	told := strings.Join(l.events, "\n")
	if strings.Count(told, "["+string(diag.DeletionsHeld)+"]") != 3 || !strings.Contains(told, `set annotation alb.ingress.kubernetes.io/allow-deletion: "true"`) {
		t.Errorf("told:\n%s", told)
	}
	ing := &networkingv1.Ingress{}
	if l.get(ing, "web-2"); len(ing.Finalizers) == 0 || len(ing.Status.LoadBalancer.Ingress) == 0 {
		t.Errorf("one that waits: finalizers %v, status %+v", ing.Finalizers, ing.Status)
	}

	// A day later nothing has changed by itself.
	l.clock.Advance(24 * time.Hour)
	mark := l.mark()
	l.settle(keys...)
	if w := l.writes(mark); len(w) > 0 || l.balancers() != 3 {
		t.Errorf("written: %v", w)
	}

	ing.Annotations["alb.ingress.kubernetes.io/allow-deletion"] = "true"
	l.must(l.client.Update(t.Context(), ing))
	l.must(l.client.Delete(t.Context(), labIngress("web-3", nil, "web")))
	l.settle(keys...)
	if l.balancers() != 1 || l.ingresses.Brake.Held() != 1 {
		t.Errorf("%d load balancers, %d held", l.balancers(), l.ingresses.Brake.Held())
	}

	// The class comes back: the last one is wanted again.
	l.must(l.client.Delete(t.Context(), theirClass("alb")))
	l.create(labClass())
	l.settle(keys[4])
	if l.balancers() != 1 || l.ingresses.Brake.Held() != 0 {
		t.Errorf("%d load balancers, %d held", l.balancers(), l.ingresses.Brake.Held())
	}
}

func TestDeletedObjectsTakeTheirLoadBalancersAlongHoweverMany(t *testing.T) {
	t.Parallel()
	l, keys := brakedLab(t)
	for _, k := range keys {
		l.must(l.client.Delete(t.Context(), labIngress(k.ID.Name, nil, "web")))
	}
	l.settle(keys...)
	if l.balancers() != 0 || strings.Contains(strings.Join(l.events, "\n"), string(diag.DeletionsHeld)) {
		t.Errorf("%d load balancers\n%s", l.balancers(), strings.Join(l.events, "\n"))
	}
}

func TestAFewObjectsMayGiveTheirLoadBalancersUp(t *testing.T) {
	t.Parallel()
	l, keys := brakedLab(t)
	l.create(theirClass("theirs"))
	l.reclass("web-0")
	l.reclass("web-1")
	l.settle(keys...)
	if l.balancers() != 3 || l.ingresses.Brake.Held() != 0 {
		t.Errorf("%d load balancers, %d held", l.balancers(), l.ingresses.Brake.Held())
	}
}

// TestWhatVanishesWithoutAReasonDeletesNothing: a class, or the objects themselves without a deletion that their finalizers would
// see, as when somebody clears a namespace out of etcd.
func TestWhatVanishesWithoutAReasonDeletesNothing(t *testing.T) {
	t.Parallel()
	for name, vanish := range map[string]func(l *lab, keys []stack.Key){
		"the class": func(l *lab, _ []stack.Key) { l.must(l.client.Delete(l.Context(), labClass())) },
		"the objects": func(l *lab, keys []stack.Key) {
			for _, k := range keys {
				ing := &networkingv1.Ingress{}
				l.get(ing, k.ID.Name)
				ing.Finalizers = nil
				l.must(l.client.Update(l.Context(), ing))
				l.must(l.client.Delete(l.Context(), ing))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, keys := brakedLab(t)
			l.clock.Advance(time.Minute) // what goes in the moment of its finalizer is another case
			vanish(l, keys)
			mark := l.mark()
			l.settle(keys...)
			if w := slices.DeleteFunc(l.writes(mark), func(op string) bool { return !strings.HasPrefix(op, "Delete") }); len(w) > 0 || l.balancers() != 5 {
				t.Errorf("written: %v", w)
			}
		})
	}
}
