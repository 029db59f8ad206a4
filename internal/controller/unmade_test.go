package controller

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
)

// TestAServingMemberThatLostItsFinalizerStaysServed takes the finalizer off, as a replacement of the object does, while a policy refuses
// every edit of it; a newcomer that is refused as well is left out.
func TestAServingMemberThatLostItsFinalizerStaysServed(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{
		"paths":            nil,
		"a listener":       {"listen-ports": `[{"HTTP": 8080}]`},
		"a fixed response": {"actions.apisvc": `{"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"200"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, append(pair(settings), labService("newsvc"))...)
			l.settle(frontKey)
			l.edit("api", func(i *networkingv1.Ingress) { i.Finalizers = nil })
			l.must(l.client.Create(t.Context(), labIngress("new", map[string]string{"group.name": "front"}, "newsvc")))
			refuse := true
			l.client = interceptor.NewClient(l.client.(client.WithWatch), interceptor.Funcs{
				Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
					if refuse && (o.GetName() == "api" || o.GetName() == "new") {
						return apierrors.NewForbidden(schema.GroupResource{Resource: "ingresses"}, o.GetName(), errors.New("a webhook is down"))
					}
					return c.Patch(ctx, o, p, opts...)
				},
			})
			l.ingresses.Client = l.client
			for _, restart := range []bool{false, true} {
				if restart {
					l.restart()
				}
				mark := l.mark()
				for range 3 {
					if _, err := l.round(frontKey); !apierrors.IsForbidden(err) {
						t.Fatalf("a pass ends with %v and is not tried again", err)
					}
				}
				if w := l.writes(mark); len(w) > 0 {
					t.Errorf("restarted: %t: wrote %v", restart, w)
				}
			}
			if got := l.whom("FailedAddFinalizer"); !slices.Equal(got, []string{"api", "new"}) {
				t.Errorf("warned: %v", got)
			}
			refuse = false
			l.settle(frontKey)
			if !slices.ContainsFunc(l.left(), func(s string) bool { return strings.Contains(s, "newsvc") }) {
				t.Errorf("the newcomer is not served though its finalizer is accepted now: %v", l.left())
			}
		})
	}
}
