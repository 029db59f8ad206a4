package upkeep

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestAMissingDefinitionOfBindingsIsReportedAsThat has the API server answer as it does after the definition was
// removed.
func TestAMissingDefinitionOfBindingsIsReportedAsThat(t *testing.T) {
	t.Parallel()
	kind := schema.GroupKind{Group: "elbv2.k8s.aws", Kind: "TargetGroupBinding"}
	unmapped := &meta.NoKindMatchError{GroupKind: kind, SearchedVersions: []string{"v1beta1"}}
	unserved := apierrors.NewGenericServerResponse(http.StatusNotFound, "POST", schema.GroupResource{
		Group: kind.Group, Resource: "targetgroupbindings"}, "", "404 page not found", 0, true)
	for name, c := range map[string]struct{ list, create error }{
		"to a list":                            {list: unmapped},
		"to a creation":                        {create: unmapped},
		"to a creation, by a client of before": {create: unserved},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
			served, ok := l.Client.(client.WithWatch)
			if !ok {
				t.Fatal("the client cannot watch")
			}
			l.Ingresses.Bindings.Client = interceptor.NewClient(served, interceptor.Funcs{
				List: func(ctx context.Context, w client.WithWatch, o client.ObjectList, opts ...client.ListOption) error {
					if _, is := o.(*v1beta1.TargetGroupBindingList); is && c.list != nil {
						return c.list
					}
					return w.List(ctx, o, opts...)
				},
				Create: func(ctx context.Context, w client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					if _, is := o.(*v1beta1.TargetGroupBinding); is && c.create != nil {
						return c.create
					}
					return w.Create(ctx, o, opts...)
				},
			})
			for range 3 {
				_, err := l.Round(lab.Key("front"))
				if err == nil {
					t.Error("it is not tried again")
				}
			}
			told := strings.Join(l.Events, "\n")
			if strings.Count(told, "["+string(diag.DefinitionMissing)+"]") != 1 ||
				strings.Contains(told, string(diag.AWSUnavailable)) || !strings.Contains(told, "kubectl apply -f config/crd") {
				t.Errorf("told:\n%s", told)
			}
			l.Ingresses.Bindings.Client = l.Client // the definition is applied
			l.Settle(lab.Key("front"))
			if n := len(l.AllBindings()); n != 1 {
				t.Errorf("%d bindings", n)
			}
		})
	}
}

// TestBindingWriteThatFailsBlamesTheAPIServer has a creation of a TargetGroupBinding hang, or fail.
func TestBindingWriteThatFailsBlamesTheAPIServer(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]error{
		"hangs":   &url.Error{Op: "Post", URL: "https://10.100.0.1:443/apis", Err: context.DeadlineExceeded},
		"fails":   apierrors.NewInternalError(errors.New("etcd has no leader")),
		"invalid": apierrors.NewBadRequest("unknown field"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
			served, ok := l.Client.(client.WithWatch)
			if !ok {
				t.Fatal("the client cannot watch")
			}
			l.Ingresses.Bindings.Client = interceptor.NewClient(served, interceptor.Funcs{
				Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return refusal },
			})
			_, err := l.Round(lab.Key("front"))
			told := strings.Join(l.Events, "\n")
			if err == nil ||
				!strings.Contains(told, "the API server did not complete the write of TargetGroupBinding shop/") ||
				!strings.Contains(told, "["+string(diag.ObjectNotWritten)+"]") || strings.Contains(told, "AWSUnavailable") {
				t.Errorf("error %v, told:\n%s", err, told)
			}
			l.Ingresses.Bindings.Client = l.Client
			l.Settle(lab.Key("front"))
			if n := len(l.AllBindings()); n != 1 {
				t.Errorf("%d bindings", n)
			}
		})
	}
}
