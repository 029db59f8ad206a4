package tenants

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestLeavingIngressWithRefusedStatusDelaysNoMember has a policy refuse writes to the status
// of one that moves away, while another is deleted and a third edited.
func TestLeavingIngressWithRefusedStatusDelaysNoMember(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(lab.Pair(nil), lab.Ingress("old", map[string]string{"group.name": "front"},
		"websvc"))...)
	l.Settle(lab.FrontKey)
	refusing := true
	direct := l.Client
	l.Ingresses.Client = interceptor.NewClient(direct.(client.WithWatch), interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			if refusing && o.GetName() == "api" {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "ingresses/status"}, "api", errors.New("a policy"))
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
	l.Edit("api", func(i *networkingv1.Ingress) { delete(i.Annotations, "alb.ingress.kubernetes.io/group.name") })
	l.Edit("web", func(i *networkingv1.Ingress) {
		i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths,
			lab.Ingress("x", nil, "apisvc").Spec.Rules[0].HTTP.Paths...)
	})
	l.Remove("old")
	l.Events = nil
	for range 10 {
		if wait, err := l.Round(lab.FrontKey); !apierrors.IsForbidden(err) && wait == 0 {
			t.Fatal("it is not tried again")
		}
		l.Clock.Advance(time.Second)
	}
	if l.Get(&networkingv1.Ingress{}, "old") {
		t.Error("the deleted one does not go")
	}
	paths := 0
	for _, r := range l.Sim.Resources().LoadBalancers[0].Listeners[0].Rules {
		if r.Priority != "default" {
			paths++
		}
	}
	if paths != 2 {
		t.Errorf("%d rules, want those of the one that stays", paths)
	}
	if n := strings.Count(strings.Join(l.Events, "\n"), "shop/api FailedUpdateStatus"); n != 1 {
		t.Errorf("told %d times:\n%s", n, strings.Join(l.Events, "\n"))
	}
	api := &networkingv1.Ingress{}
	if l.Get(api, "api"); len(api.Finalizers) == 0 || len(api.Status.LoadBalancer.Ingress) == 0 {
		t.Errorf("it was let go with finalizers %v showing %v", api.Finalizers, api.Status.LoadBalancer.Ingress)
	}
	refusing = false
	l.Settle(lab.FrontKey)
	if l.Get(api, "api"); slices.Contains(api.Finalizers, "group.ingress.k8s.aws/front") ||
		len(api.Status.LoadBalancer.Ingress) > 0 {
		t.Errorf("it is not let go: finalizers %v, showing %v", api.Finalizers, api.Status.LoadBalancer.Ingress)
	}
}
