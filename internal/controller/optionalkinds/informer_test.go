package optionalkinds

import (
	"slices"
	"testing"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// recorded is an informer that keeps the handlers that are added to it.
type recorded struct {
	cache.Informer
	handlers []toolscache.ResourceEventHandler
	resyncs  []*time.Duration
}

func (r *recorded) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration,
	error) {
	return r.AddEventHandlerWithOptions(h, toolscache.HandlerOptions{})
}

func (r *recorded) AddEventHandlerWithOptions(h toolscache.ResourceEventHandler, o toolscache.HandlerOptions) (
	toolscache.ResourceEventHandlerRegistration, error) {
	r.handlers, r.resyncs = append(r.handlers, h), append(r.resyncs, o.ResyncPeriod)
	return &Lasting{}, nil
}

func TestHandlersOfKindShareOneInformerHandler(t *testing.T) {
	t.Parallel()
	var received []string
	version := func(o any) string {
		r, ok := o.(*gatewayv1.HTTPRoute)
		if !ok {
			return "?"
		}
		return r.Name + r.ResourceVersion
	}
	handler := func(name string) toolscache.ResourceEventHandler {
		return toolscache.ResourceEventHandlerDetailedFuncs{
			AddFunc: func(o any, initial bool) {
				if initial {
					received = append(received, name+" first "+version(o))
					return
				}
				received = append(received, name+" adds "+version(o))
			},
			UpdateFunc: func(before, after any) {
				received = append(received, name+" updates "+version(before)+" "+version(after))
			},
			DeleteFunc: func(o any) { received = append(received, name+" deletes "+version(o)) },
		}
	}
	of := &recorded{}
	i, err := newInformer(of)
	if err != nil {
		t.Fatal(err)
	}
	resync := time.Hour
	for _, add := range []func() error{
		func() error { _, err := i.AddEventHandler(handler("a")); return err },
		func() error { _, err := i.AddEventHandlerWithResyncPeriod(handler("r"), resync); return err },
		func() error { _, err := i.AddEventHandler(handler("b")); return err },
	} {
		if err := add(); err != nil {
			t.Fatal(err)
		}
	}
	all := of.handlers[0]
	all.OnAdd(route("x", "1"), true)
	all.OnAdd(route("y", "1"), false)
	all.OnUpdate(route("y", "1"), route("y", "2"))
	all.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "shop/x", Obj: route("x", "1")})
	if _, err := i.AddEventHandler(handler("late")); err != nil {
		t.Fatal(err)
	}
	all.OnDelete(route("y", "2"))
	if _, err := i.AddEventHandler(handler("last")); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"a first x1", "b first x1", "a adds y1", "b adds y1", "a updates y1 y2", "b updates y1 y2", "a deletes ?",
		"b deletes ?",
		"late first y2", "a deletes y2", "b deletes y2", "late deletes y2",
	}
	if !slices.Equal(received, want) {
		t.Errorf("received %q\nwant  %q", received, want)
	}
	if len(of.handlers) != 2 || of.resyncs[0] != nil || of.resyncs[1] == nil || *of.resyncs[1] != resync {
		t.Fatalf("%d handlers with resync periods %v", len(of.handlers), of.resyncs)
	}
}
