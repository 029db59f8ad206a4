package consent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
)

// brakedLab is five load balancers, with a brake that lets two go.
func brakedLab(t *testing.T) (l *lab.Lab, keys []stack.Key) {
	t.Helper()
	l = lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	for i := range 5 {
		name := fmt.Sprintf("web-%d", i)
		l.Create(lab.Ingress(name, nil, "web"))
		keys = append(keys, lab.Key(name))
	}
	l.Ingresses.Brake = brake.New(2, l.Clock.Now)
	l.Settle(keys...)
	l.Events = nil
	return l, keys
}

// TestManyDeletionsThatNoObjectAskedForWaitForConsent makes the class another controller's, so that all Ingresses give
// their load balancers up at once; one of those that wait consents, one is deleted.
func TestManyDeletionsThatNoObjectAskedForWaitForConsent(t *testing.T) {
	t.Parallel()
	l, keys := brakedLab(t)
	l.Must(l.Client.Delete(t.Context(), lab.Class()))
	l.Create(lab.TheirClass("alb"))
	l.Settle(keys...)
	if l.Balancers() != 3 || l.Ingresses.Brake.Stopped() != 3 {
		t.Fatalf("%d load balancers, %d held\n%s", l.Balancers(), l.Ingresses.Brake.Stopped(), strings.Join(l.Events, "\n"))
	}
	told := strings.Join(l.Events, "\n")
	if strings.Count(told, "["+string(diag.DeletionsHeld)+"]") != 3 ||
		!strings.Contains(told, `set annotation alb.ingress.kubernetes.io/allow-deletion: "true"`) {
		t.Errorf("told:\n%s", told)
	}
	ing := &networkingv1.Ingress{}
	if l.Get(ing, "web-2"); len(ing.Finalizers) == 0 || len(ing.Status.LoadBalancer.Ingress) == 0 {
		t.Errorf("one that waits: finalizers %v, status %+v", ing.Finalizers, ing.Status)
	}

	// A day later nothing has changed by itself.
	l.Clock.Advance(24 * time.Hour)
	mark := l.Mark()
	l.Settle(keys...)
	if w := l.Writes(mark); len(w) > 0 || l.Balancers() != 3 {
		t.Errorf("written: %v", w)
	}

	ing.Annotations["alb.ingress.kubernetes.io/allow-deletion"] = "true"
	l.Must(l.Client.Update(t.Context(), ing))
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("web-3", nil, "web")))
	l.Settle(keys...)
	if l.Balancers() != 1 || l.Ingresses.Brake.Stopped() != 1 {
		t.Errorf("%d load balancers, %d held", l.Balancers(), l.Ingresses.Brake.Stopped())
	}

	// The class comes back: the last one is wanted again.
	l.Must(l.Client.Delete(t.Context(), lab.TheirClass("alb")))
	l.Create(lab.Class())
	l.Settle(keys[4])
	if l.Balancers() != 1 || l.Ingresses.Brake.Stopped() != 0 {
		t.Errorf("%d load balancers, %d held", l.Balancers(), l.Ingresses.Brake.Stopped())
	}
}

func TestDeletedObjectsTakeTheirLoadBalancersAlongHoweverMany(t *testing.T) {
	t.Parallel()
	l, keys := brakedLab(t)
	for _, k := range keys {
		l.Must(l.Client.Delete(t.Context(), lab.Ingress(k.ID.Name, nil, "web")))
	}
	l.Settle(keys...)
	if l.Balancers() != 0 || strings.Contains(strings.Join(l.Events, "\n"), string(diag.DeletionsHeld)) {
		t.Errorf("%d load balancers\n%s", l.Balancers(), strings.Join(l.Events, "\n"))
	}
}

func TestAFewObjectsMayGiveTheirLoadBalancersUp(t *testing.T) {
	t.Parallel()
	l, keys := brakedLab(t)
	l.Create(lab.TheirClass("theirs"))
	l.Reclass("web-0")
	l.Reclass("web-1")
	l.Settle(keys...)
	if l.Balancers() != 3 || l.Ingresses.Brake.Stopped() != 0 {
		t.Errorf("%d load balancers, %d held", l.Balancers(), l.Ingresses.Brake.Stopped())
	}
}

// TestWhatVanishesWithoutAReasonDeletesNothing: a class, or the objects themselves without a deletion that their
// finalizers would see, as when somebody clears a namespace out of etcd.
func TestWhatVanishesWithoutAReasonDeletesNothing(t *testing.T) {
	t.Parallel()
	for name, vanish := range map[string]func(l *lab.Lab, keys []stack.Key){
		"the class": func(l *lab.Lab, _ []stack.Key) { l.Must(l.Client.Delete(l.Context(), lab.Class())) },
		"the objects": func(l *lab.Lab, keys []stack.Key) {
			for _, k := range keys {
				ing := &networkingv1.Ingress{}
				l.Get(ing, k.ID.Name)
				ing.Finalizers = nil
				l.Must(l.Client.Update(l.Context(), ing))
				l.Must(l.Client.Delete(l.Context(), ing))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, keys := brakedLab(t)
			l.Clock.Advance(time.Minute) // what goes in the moment of its finalizer is another case
			vanish(l, keys)
			mark := l.Mark()
			l.Settle(keys...)
			if w := slices.DeleteFunc(l.Writes(mark), func(op string) bool { return !strings.HasPrefix(op, "Delete") }); len(w) >
				0 || l.Balancers() != 5 {
				t.Errorf("written: %v", w)
			}
		})
	}
}
