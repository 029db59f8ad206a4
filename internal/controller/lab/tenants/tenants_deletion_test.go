package tenants

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// goesAtOnce deletes the Ingress of namespace shop and demands that its target group is gone, while another tenant's
// are not done. It reports whether the Ingress is released, too.
func goesAtOnce(t *testing.T, l *lab.Lab) (released bool) {
	t.Helper()
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil)))
	for range 3 {
		if !l.Get(&networkingv1.Ingress{}, "web") {
			break
		}
		_, _ = l.Round(lab.FrontGroup)
		l.Clock.Advance(time.Second)
	}
	for _, g := range l.Sim.Resources().TargetGroups {
		if strings.HasPrefix(g.Name, "k8s-shop-") {
			t.Errorf("target group %s is there", g.Name)
		}
	}
	return !l.Get(&networkingv1.Ingress{}, "web")
}

// TestIngressGoesWithoutTargetsOfOthers has a tenant of the same group turn to targets that never become healthy.
// Neither the target group nor the Ingress of the one who leaves waits for them.
func TestIngressGoesWithoutTargetsOfOthers(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(other *networkingv1.Ingress){
		"a rule that gets the requests of the one that goes": func(other *networkingv1.Ingress) {
			other.Spec.Rules[0].HTTP.Paths[0].Path = "/"
		},
		"a rule for the same path": func(other *networkingv1.Ingress) {
			other.Spec.Rules[0].HTTP.Paths[0].Path = "/web"
		},
		"a rule in front": func(other *networkingv1.Ingress) {
			other.Spec.Rules[0].HTTP.Paths[0].Path = "/"
			other.Annotations["alb.ingress.kubernetes.io/group.order"] = "-5"
		},
		"a default backend": func(other *networkingv1.Ingress) {
			other.Spec.DefaultBackend, other.Spec.Rules = &other.Spec.Rules[0].HTTP.Paths[0].Backend, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, nil), lab.Class())...)
			l.Settle(lab.FrontGroup)
			objects := lab.GroupMember("mal", "evil", 9, nil)
			other, _ := objects[1].(*networkingv1.Ingress)
			change(other)
			l.Create(objects...)
			l.Settle(lab.FrontGroup)
			l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(other), other))
			before := len(l.Sim.Resources().TargetGroups)
			// another target group, whose targets are awaited
			other.Annotations["alb.ingress.kubernetes.io/backend-protocol"] = "HTTPS"
			l.Must(l.Client.Update(t.Context(), other))
			_, _ = l.Round(lab.FrontGroup)
			// that of others has no effect
			if got := len(l.Sim.Resources().TargetGroups); name != "a default backend" && got != before+1 {
				t.Fatalf("%d target groups after %d: nothing is awaited", got, before)
			}
			if !goesAtOnce(t, l) {
				t.Errorf("the Ingress is there:\n%s", strings.Join(l.Events, "\n"))
			}
		})
	}
}

// TestDeletionWaitsForNothingThatAWSRefusesOthers has AWS refuse what a tenant of the same group declares.
func TestDeletionWaitsForNothingThatAWSRefusesOthers(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, nil), lab.Class())...)
	l.Settle(lab.FrontGroup)
	l.Fault(gate.Fault{Action: "CreateTargetGroup", Code: "ValidationError", Message: "no", Status: 400})
	l.Create(lab.GroupMember("mal", "evil", 9, nil)...)
	for range 2 {
		_, _ = l.Round(lab.FrontGroup)
	}
	if !goesAtOnce(t, l) {
		t.Errorf("the Ingress is there:\n%s", strings.Join(l.Events, "\n"))
	}
}
