package controller

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func gatewayObject(kind, namespace, name, field, value string) client.Object {
	o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{field: value}}}
	o.SetGroupVersionKind(gatewayVersion.WithKind(kind))
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

func TestUnservedGatewaysAreReportedOnceWithBoundedEvents(t *testing.T) {
	t.Parallel()
	// The fake client writes resource versions into the objects that it is given: each case has its own.
	few := func() []client.Object {
		return []client.Object{gatewayObject("GatewayClass", "", "mesh", "controllerName", "example.com/mesh"),
			gatewayObject("Gateway", "shop", "other", "gatewayClassName", "mesh")}
	}
	many := func() []client.Object {
		all := append(few(),
			gatewayObject("GatewayClass", "", "alb", "controllerName", "gateway.k8s.aws/alb"),
			gatewayObject("GatewayClass", "", "nlb", "controllerName", "gateway.k8s.aws/nlb"),
			gatewayObject("Gateway", "zone", "net", "gatewayClassName", "nlb"))
		for i := range 30 {
			all = append(all, gatewayObject("Gateway", "shop", fmt.Sprintf("web%02d", i), "gatewayClassName", "alb"))
		}
		return all
	}
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "gatewayclasses"}, "", context.Canceled)
	for name, c := range map[string]struct {
		objects []client.Object
		err     error
		log     string
		events  int
	}{
		"Gateways of the existing controller": {many(), nil, `"gateways"=31`, 20},
		"another controller's Gateways":       {few(), nil, "", 0},
		"listing is forbidden":                {many(), forbidden, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scheme := runtime.NewScheme()
			for _, kind := range []string{"Gateway", "GatewayClass"} {
				scheme.AddKnownTypeWithName(gatewayVersion.WithKind(kind), &unstructured.Unstructured{})
				scheme.AddKnownTypeWithName(gatewayVersion.WithKind(kind+"List"), &unstructured.UnstructuredList{})
			}
			reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(c.objects...).WithInterceptorFuncs(
				interceptor.Funcs{
					List: func(ctx context.Context, w client.WithWatch, l client.ObjectList, o ...client.ListOption) error {
						if c.err != nil {
							return c.err
						}
						return w.List(ctx, l, o...)
					},
				}).Build()
			var log []string
			var events []diag.Object
			n := gatewayNotice{controllers: []string{"gateway.k8s.aws/alb", "gateway.k8s.aws/nlb"}, reader: reader,
				log:    funcr.New(func(_, args string) { log = append(log, args) }, funcr.Options{}),
				record: func(o diag.Object, _ reporting.Event) { events = append(events, o) }}
			if err := n.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(log, "\n"); c.log == "" && all != "" || !strings.Contains(all, c.log) || len(log) > 1 {
				t.Errorf("log %q", log)
			}
			if len(events) != c.events {
				t.Errorf("%d events", len(events))
			}
			if n := len(events); n > 0 && events[n-1].Namespace != "zone" {
				t.Errorf("the Gateways of a namespace hide that of another one: %v", events)
			}
			for _, o := range events {
				if o.Kind != "Gateway" || o.Name == "other" {
					t.Errorf("an event on %v", o)
				}
			}
		})
	}
}
