package consent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestAServingMemberThatLostItsFinalizerStaysServed takes the finalizer off, as a replacement of the object does, while
// a policy refuses every edit of it; a newcomer that is refused as well is left out.
func TestAServingMemberThatLostItsFinalizerStaysServed(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{
		"paths":      nil,
		"a listener": {"listen-ports": `[{"HTTP": 8080}]`},
		"a fixed response": {
			"actions.apisvc": `{"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"200"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(lab.Pair(settings), lab.Service("newsvc"))...)
			l.Settle(lab.FrontKey)
			l.Edit("api", func(i *networkingv1.Ingress) { i.Finalizers = nil })
			l.Must(l.Client.Create(t.Context(), lab.Ingress("new", map[string]string{"group.name": "front"}, "newsvc")))
			refuse := true
			l.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
				Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
					opts ...client.PatchOption) error {
					if refuse && (o.GetName() == "api" || o.GetName() == "new") {
						return apierrors.NewForbidden(schema.GroupResource{Resource: "ingresses"}, o.GetName(),
							errors.New("a webhook is down"))
					}
					return c.Patch(ctx, o, p, opts...)
				},
			})
			l.Ingresses.Client = l.Client
			for _, restart := range []bool{false, true} {
				if restart {
					l.Restart()
				}
				mark := l.Mark()
				for range 3 {
					if _, err := l.Round(lab.FrontKey); !apierrors.IsForbidden(err) {
						t.Fatalf("a pass ends with %v and is not tried again", err)
					}
				}
				if w := l.Writes(mark); len(w) > 0 {
					t.Errorf("restarted: %t: wrote %v", restart, w)
				}
			}
			if got := l.Whom("FailedAddFinalizer"); !slices.Equal(got, []string{"api", "new"}) {
				t.Errorf("warned: %v", got)
			}
			refuse = false
			l.Settle(lab.FrontKey)
			if !slices.ContainsFunc(l.Left(), func(s string) bool { return strings.Contains(s, "newsvc") }) {
				t.Errorf("the newcomer is not served though its finalizer is accepted now: %v", l.Left())
			}
		})
	}
}
