package upkeep

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr/funcr"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/lbstatus"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// uninstalled is an API server that does not have the definition of LoadBalancers while removed is set.
type uninstalled struct {
	removed bool
	calls   int // to it meanwhile
}

func (u *uninstalled) over(c client.WithWatch) client.WithWatch {
	refuse := func(o any) error {
		switch o.(type) {
		case *v1alpha1.LoadBalancer, *v1alpha1.LoadBalancerList:
			if u.removed {
				u.calls++
				return apierrors.NewGenericServerResponse(404, "GET", schema.GroupResource{Group: "elbv2.k8s.aws",
					Resource: "loadbalancers"}, "", "the server could not find the requested resource", 0, true)
			}
		}
		return nil
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
			if err := refuse(o); err != nil {
				return err
			}
			return c.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if err := refuse(list); err != nil {
				return err
			}
			return c.List(ctx, list, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := refuse(o); err != nil {
				return err
			}
			return c.Create(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			if err := refuse(o); err != nil {
				return err
			}
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, _ string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			if err := refuse(o); err != nil {
				return err
			}
			return c.Status().Patch(ctx, o, p, opts...)
		},
	})
}

// TestStacksGoOnWithoutTheDefinitionOfTheirStatusObjects removes the definition of LoadBalancers, and their objects
// with it, while three stacks are shown, edits one and makes another, and installs the definition again.
func TestStacksGoOnWithoutTheDefinitionOfTheirStatusObjects(t *testing.T) {
	t.Parallel()
	names := []string{"web-0", "web-1", "web-2"}
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Service("new"))
	var keys []stack.Key
	for _, name := range names {
		l.Create(lab.Ingress(name, nil, "web"))
		keys = append(keys, lab.Key(name))
	}
	var mu sync.Mutex
	var told []string
	server := &uninstalled{}
	scheme, err := readable.Scheme()
	l.Must(err)
	objects := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.LoadBalancer{}).Build()
	api := server.over(objects)
	b := lbstatus.NewWriter(api, api, "", l.Clock.Now, funcr.New(func(_, args string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, args)
	}, funcr.Options{}))
	b.Queue.Gather = 0
	woken := make(chan struct{}, 1)
	b.OnInstalled = func() { woken <- struct{}{} }
	l.Ingresses.Status = b
	shown := func() (of []string) {
		var list v1alpha1.LoadBalancerList
		l.Must(objects.List(t.Context(), &list))
		for _, o := range list.Items {
			if o.Status.ARN != "" {
				of = append(of, o.Name)
			}
		}
		slices.Sort(of)
		return of
	}
	b.List(t.Context())
	l.Settle(keys...)
	lab.WriteDue(t.Context(), b.Queue)
	if got := len(shown()); got != 3 {
		t.Fatalf("%d are shown", got)
	}

	mark := l.Mark()
	server.removed = true
	l.Must(objects.DeleteAllOf(t.Context(), &v1alpha1.LoadBalancer{}, client.InNamespace("shop")))
	l.Edit("web-1", func(i *networkingv1.Ingress) { lab.ToNew(i) })
	l.Create(lab.Ingress("web-3", nil, "web"))
	keys = append(keys, lab.Key("web-3"))
	l.Settle(keys...)
	for range 5 {
		lab.WriteDue(t.Context(), b.Queue)
		l.Settle(keys...)
	}
	taken := slices.DeleteFunc(l.Writes(mark), func(op string) bool {
		return !strings.HasPrefix(op, "Delete") && !strings.HasPrefix(op, "Deregister") && !strings.HasPrefix(op, "Revoke")
	})
	if len(taken) > 0 || l.Balancers() != 4 || !l.Told("web-1", "SuccessfullyReconciled") ||
		!l.Told("web-3", "SuccessfullyReconciled") {
		t.Errorf("%d load balancers, taken away %v\n%s", l.Balancers(), taken, strings.Join(l.Events, "\n"))
	}
	if len(told) != 1 || !strings.Contains(told[0], "install their definition") || server.calls > 2 {
		t.Errorf("told %q after %d calls", told, server.calls)
	}

	server.removed = false
	b.List(t.Context())
	<-woken
	l.Settle(keys...)
	lab.WriteDue(t.Context(), b.Queue)
	if got := fmt.Sprint(shown()); len(shown()) != 4 || len(told) != 1 {
		t.Errorf("after the definition came again %s are shown, told %q", got, told)
	}
}
