package controller

import (
	"context"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// refusals are how admission refuses, with what an event is to name.
var refusals = map[string]struct{ says, names string }{
	"a policy":  {"ValidatingAdmissionPolicy 'require-team' with binding 'all' denied request: no team", "ValidatingAdmissionPolicy require-team"},
	"a webhook": {`admission webhook "validate.kyverno.svc-fail" denied the request: no team`, "admission webhook validate.kyverno.svc-fail"},
	"a quota":   {"exceeded quota: few, requested: count/x=1, used: 1, limited: 1", "ResourceQuota few"},
}

func TestRefusedBindingNamesThePolicyUntilItGoes(t *testing.T) {
	t.Parallel()
	for name, x := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"))
			refuse := true
			l.client = interceptor.NewClient(l.client.(client.WithWatch), interceptor.Funcs{
				Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					if _, ok := o.(*v1beta1.TargetGroupBinding); ok && refuse {
						return apierrors.NewForbidden(schema.GroupResource{Resource: "targetgroupbindings"}, o.GetName(), errors.New(x.says))
					}
					return c.Create(ctx, o, opts...)
				},
			})
			l.restart()
			_, _ = l.round(implicit("front"))
			_, _ = l.round(implicit("front"))
			told := strings.Join(l.events, "\n")
			if !strings.Contains(told, x.names+" refuses TargetGroupBinding shop/k8s-shop-") || !strings.Contains(told, "[PolicyDenied]") || strings.Contains(told, "nothing to do") {
				t.Errorf("events:\n%s", told)
			}
			refuse = false
			l.settle(implicit("front"))
			var all v1beta1.TargetGroupBindingList
			if l.must(l.client.List(t.Context(), &all)); len(all.Items) != 1 {
				t.Errorf("%d bindings after the policy has gone", len(all.Items))
			}
		})
	}
}

func TestRefusedFinalizerNamesThePolicy(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"))
	l.client = interceptor.NewClient(l.client.(client.WithWatch), interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			if _, ok := o.(*networkingv1.Ingress); ok {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "ingresses"}, o.GetName(), errors.New(refusals["a policy"].says))
			}
			return c.Patch(ctx, o, p, opts...)
		},
	})
	l.restart()
	if _, err := l.round(implicit("front")); err == nil {
		t.Error("the pass is not tried again")
	}
	if told := strings.Join(l.events, "\n"); !strings.Contains(told, "FailedAddFinalizer: ") || !strings.Contains(told, "ValidatingAdmissionPolicy require-team refuses Ingress shop/front") {
		t.Errorf("events:\n%s", told)
	}
}

func TestBindingsGetTheLabelsThatAreAskedForOnce(t *testing.T) {
	t.Parallel()
	i := labIngress("front", nil, "web")
	i.Labels = map[string]string{"stage": "prod", "app": "web"}
	l := newLab(t, account.Profile{}, labClass(), labService("web"), i)
	l.settle(implicit("front"))
	l.config.ObjectLabels, l.config.CopiedLabels = map[string]string{"team": "edge"}, []string{"stage", "missing"}
	l.restart()
	if got := settings.ObjectLabels(l.config).Of(i.Labels); len(got) != 2 {
		t.Fatalf("labels %v", got)
	}
	mark := l.mark()
	l.settle(implicit("front"))
	var all v1beta1.TargetGroupBindingList
	l.must(l.client.List(t.Context(), &all))
	got := all.Items[0].Labels
	if got["team"] != "edge" || got["stage"] != "prod" || got["app"] != "" || got[string(implicit("front").Owner)+"/stack-name"] != "front" {
		t.Errorf("labels %v, want besides those of the stack %v", got, naming.Labels(implicit("front")))
	}
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("labels cost writes to AWS: %v", w)
	}
	version := all.Items[0].ResourceVersion
	l.settle(implicit("front"))
	l.must(l.client.List(t.Context(), &all))
	if all.Items[0].ResourceVersion != version {
		t.Error("an object that has its labels is written again")
	}
}
