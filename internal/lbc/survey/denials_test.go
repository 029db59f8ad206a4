package survey

import (
	"context"
	"errors"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// TestMissingRightIsNoPassedPolicy has the API server refuse the objects of a dry run: a policy does, or the user lacks
// the right to create them, so that no policy was asked.
func TestMissingRightIsNoPassedPolicy(t *testing.T) {
	t.Parallel()
	forbidden := func(why string) error {
		return apierrors.NewForbidden(schema.GroupResource{Group: "elbv2.k8s.aws", Resource: "targetgroupbindings"}, "",
			errors.New(why))
	}
	for name, c := range map[string]struct {
		err     error
		denials int
		unread  bool
	}{
		"created":   {nil, 0, false},
		"no right":  {forbidden("User \"reader\" cannot create resource"), 0, true},
		"no answer": {errors.New("connection refused"), 0, true},
		"a policy": {forbidden("ValidatingAdmissionPolicy 'require-team' with binding 'all' denied request: no label team"),
			2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{Create: func(context.Context,
				client.WithWatch, client.Object, ...client.CreateOption) error {
				return c.err
			}})
			s := state{client: k}
			s.facts.Objects = objects.Snapshot{}
			s.facts.Objects.Put(&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}})
			got, err := (&reader{}).denials(t.Context(), s)
			if len(got) != c.denials || (err != nil) != c.unread {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}
