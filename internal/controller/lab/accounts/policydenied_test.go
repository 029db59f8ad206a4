package accounts

import (
	"context"
	"errors"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// refusals are how admission refuses, with what an event is to name.
var refusals = map[string]struct{ says, names string }{
	"a policy": {"ValidatingAdmissionPolicy 'require-team' with binding 'all' denied request: no team",
		"ValidatingAdmissionPolicy require-team"},
	"a webhook": {`admission webhook "validate.kyverno.svc-fail" denied the request: no team`,
		"admission webhook validate.kyverno.svc-fail"},
	"a quota": {"exceeded quota: few, requested: count/x=1, used: 1, limited: 1", "ResourceQuota few"},
}

func TestRefusedBindingNamesThePolicyUntilItGoes(t *testing.T) {
	t.Parallel()
	for name, x := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
			refuse := true
			l.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
				Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					if _, ok := o.(*v1beta1.TargetGroupBinding); ok && refuse {
						return apierrors.NewForbidden(schema.GroupResource{Resource: "targetgroupbindings"}, o.GetName(),
							errors.New(x.says))
					}
					return c.Create(ctx, o, opts...)
				},
			})
			l.Restart()
			_, _ = l.Round(lab.Key("front"))
			_, _ = l.Round(lab.Key("front"))
			told := strings.Join(l.Events, "\n")
			if !strings.Contains(told, x.names+" refuses TargetGroupBinding shop/k8s-shop-") ||
				!strings.Contains(told, "[PolicyDenied]") || strings.Contains(told, "nothing to do") {
				t.Errorf("events:\n%s", told)
			}
			refuse = false
			l.Settle(lab.Key("front"))
			var all v1beta1.TargetGroupBindingList
			if l.Must(l.Client.List(t.Context(), &all)); len(all.Items) != 1 {
				t.Errorf("%d bindings after the policy has gone", len(all.Items))
			}
		})
	}
}

func TestRefusedFinalizerNamesThePolicy(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
	l.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			if _, ok := o.(*networkingv1.Ingress); ok {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "ingresses"}, o.GetName(),
					errors.New(refusals["a policy"].says))
			}
			return c.Patch(ctx, o, p, opts...)
		},
	})
	l.Restart()
	if _, err := l.Round(lab.Key("front")); err == nil {
		t.Error("the pass is not tried again")
	}
	if told := strings.Join(l.Events, "\n"); !strings.Contains(told, "FailedAddFinalizer: ") ||
		!strings.Contains(told, "ValidatingAdmissionPolicy require-team refuses Ingress shop/front") {
		t.Errorf("events:\n%s", told)
	}
}

func TestBindingsGetTheLabelsThatAreAskedForOnce(t *testing.T) {
	t.Parallel()
	i := lab.Ingress("front", nil, "web")
	i.Labels = map[string]string{"stage": "prod", "app": "web"}
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), i)
	l.Settle(lab.Key("front"))
	l.Config.ObjectLabels, l.Config.CopiedLabels = map[string]string{"team": "edge"}, []string{"stage", "missing"}
	l.Restart()
	if got := settings.ObjectLabels(l.Config).Of(i.Labels); len(got) != 2 {
		t.Fatalf("labels %v", got)
	}
	mark := l.Mark()
	l.Settle(lab.Key("front"))
	var all v1beta1.TargetGroupBindingList
	l.Must(l.Client.List(t.Context(), &all))
	got := all.Items[0].Labels
	if got["team"] != "edge" || got["stage"] != "prod" || got["app"] != "" ||
		got[string(lab.Key("front").Owner)+"/stack-name"] != "front" {
		t.Errorf("labels %v, want besides those of the stack %v", got, naming.Labels(lab.Key("front")))
	}
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("labels cost writes to AWS: %v", w)
	}
	version := all.Items[0].ResourceVersion
	l.Settle(lab.Key("front"))
	l.Must(l.Client.List(t.Context(), &all))
	if all.Items[0].ResourceVersion != version {
		t.Error("an object that has its labels is written again")
	}
}
