package optionalkinds

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// cluster is an API server that lists and watches HTTPRoutes.
type cluster struct {
	*apiServer
	events chan metav1.WatchEvent

	mu      sync.Mutex
	items   []gatewayv1.HTTPRoute
	version string   // of the list
	others  []string // other paths that were read
	watches int
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	items, version := c.items, c.version
	if !strings.HasSuffix(r.URL.Path, "/v1/httproutes") {
		c.others = append(c.others, r.URL.Path)
		c.mu.Unlock()
		http.NotFound(w, r)
		return
	}
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Query().Get("watch") == "" {
		_ = json.NewEncoder(w).Encode(gatewayv1.HTTPRouteList{TypeMeta: metav1.TypeMeta{APIVersion: gatewayAPI.String(),
			Kind: "HTTPRouteList"}, ListMeta: metav1.ListMeta{ResourceVersion: version}, Items: items})
		return
	}
	flusher, _ := w.(http.Flusher)
	flusher.Flush()
	c.mu.Lock()
	c.watches++
	c.mu.Unlock()
	for {
		select {
		case <-r.Context().Done():
			return
		case e, ok := <-c.events:
			if !ok || json.NewEncoder(w).Encode(e) != nil {
				return
			}
			flusher.Flush()
		}
	}
}

func (c *cluster) send(t *testing.T, kind watch.EventType, o *gatewayv1.HTTPRoute) {
	t.Helper()
	o.TypeMeta = metav1.TypeMeta{APIVersion: gatewayAPI.String(), Kind: "HTTPRoute"}
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	e := metav1.WatchEvent{Type: string(kind)}
	e.Object.Raw = raw
	c.events <- e
}

// serve starts a Cache on a cluster.
func serve(t *testing.T) (*cluster, *Cache) {
	t.Helper()
	k := &cluster{apiServer: &apiServer{}, events: make(chan metav1.WatchEvent), version: "1"}
	server := httptest.NewServer(k)
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	kinds, err := Kinds(scheme)
	if err != nil {
		t.Fatal(err)
	}
	for _, gvk := range kinds {
		mapper.Add(gvk, meta.RESTScopeNamespace)
	}
	d := NewDefinitions(k.discover, kinds, time.Now, logr.Discard())
	c, err := NewCache(&rest.Config{Host: server.URL}, cache.Options{Scheme: scheme, Mapper: mapper,
		HTTPClient: server.Client(), DefaultTransform: cache.TransformStripManagedFields()}, d, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return k, c
}

func attached(name string) *gatewayv1.HTTPRoute {
	o := route(name, "2")
	o.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	o.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "edge", Namespace: ptr.To(gatewayv1.Namespace("infra"))}}
	return o
}

func TestAKindIsReadFromWhenItIsServedUntilItIsRemoved(t *testing.T) {
	t.Parallel()
	k, c := serve(t)
	ctx := t.Context()
	key := client.ObjectKey{Namespace: "shop", Name: "a"}
	get := func() error { return c.Get(ctx, key, &gatewayv1.HTTPRoute{}) }
	naming := func(gateway string) (int, error) {
		list := &gatewayv1.HTTPRouteList{}
		err := c.List(ctx, list, client.MatchingFields{
			readable.References: readable.ReferenceValue(objects.Ref{Kind: objects.Gateway, Namespace: "infra", Name: gateway})})
		for _, o := range list.Items {
			if o.ManagedFields != nil {
				t.Error("managed fields are kept")
			}
		}
		return len(list.Items), err
	}

	// Never served: no objects, no requests for them, and handlers may be added.
	if n, err := naming("edge"); n != 0 || err != nil || !apierrors.IsNotFound(get()) ||
		c.definitions.Serves(objects.HTTPRoute) {
		t.Errorf("before the kind is served: %d, %v, %v", n, err, get())
	}
	var mu sync.Mutex
	var events []string
	note := func(what string, o any) {
		mu.Lock()
		defer mu.Unlock()
		if d, ok := o.(toolscache.DeletedFinalStateUnknown); ok { // of a list
			o = d.Obj
		}
		if r, ok := o.(*gatewayv1.HTTPRoute); ok {
			events = append(events, what+" "+r.Name)
		}
	}
	seen := func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(events, ", ")
	}
	i, err := c.GetInformer(ctx, &gatewayv1.HTTPRoute{})
	if err != nil {
		t.Fatal(err)
	}
	registration, err := i.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { note("add", o) }, UpdateFunc: func(_, o any) { note("update", o) },
		DeleteFunc: func(o any) { note("delete", o) },
	})
	if err != nil || !registration.HasSynced() {
		t.Fatal(err)
	}
	k.mu.Lock()
	if k.watches != 0 || len(k.others) != 0 {
		t.Errorf("a cluster without the kinds is read: %v", k.others)
	}
	k.items = []gatewayv1.HTTPRoute{*attached("a"), *route("b", "1")}
	k.mu.Unlock()

	// Served: its objects are there without a restart.
	k.set(routes, usual)
	c.definitions.Look(ctx)
	await.Until(t, "events of the objects", func() bool { return len(seen()) == len("add a, add b") })
	if n, err := naming("edge"); n != 1 || err != nil || get() != nil {
		t.Errorf("when the kind is served: %d, %v, %v", n, err, get())
	}
	k.send(t, watch.Added, attached("c"))
	await.Until(t, "an event of the watch", func() bool { n, _ := naming("edge"); return n == 2 })

	// Removed: nothing is deleted.
	k.set(routes, terminating)
	asked := k.asked()
	for _, name := range []string{"a", "b", "c"} {
		k.send(t, watch.Deleted, attached(name))
	}
	await.Until(t, "discovery is asked because of the deletions", func() bool { return k.asked() > asked })
	if n, err := naming("edge"); n != 2 || err != nil || get() != nil {
		t.Errorf("while the definition is removed: %d, %v, %v", n, err, get())
	}
	k.set(routes, nil)
	c.definitions.Look(ctx)
	var gone *RemovedError
	if _, err := naming("edge"); !errors.As(err, &gone) || !errors.As(get(), &gone) ||
		!c.definitions.Serves(objects.HTTPRoute) {
		t.Errorf("after the definition was removed: %v, %v", err, get())
	}
	if strings.Contains(seen(), "delete") {
		t.Errorf("the removal was shown as deletions: %s", seen())
	}

	// Served again: what exists then counts.
	k.mu.Lock()
	k.items, k.version = []gatewayv1.HTTPRoute{*attached("c")}, "3"
	k.mu.Unlock()
	close(k.events) // the API server ends the watch
	k.set(routes, usual)
	c.definitions.Look(ctx)
	if err := get(); err != nil {
		t.Errorf("before the list: %v", err)
	}
	await.Until(t, "deletions by the list", func() bool {
		return strings.Contains(seen(), "delete a") && strings.Contains(seen(), "delete b")
	})
	if n, err := naming("edge"); n != 1 || err != nil || !apierrors.IsNotFound(get()) {
		t.Errorf("when it is served again: %d, %v, %v", n, err, get())
	}
}

func TestWhatTheOtherKindsNeedDoesNotWaitForOptionalOnes(t *testing.T) {
	t.Parallel()
	k, c := serve(t)
	k.fail(errors.New("down"))
	if !c.WaitForCacheSync(t.Context()) {
		t.Error("the cache does not sync while discovery fails")
	}
	// it is added when the kind is served
	if err := c.IndexField(t.Context(), &gatewayv1.Gateway{}, "x", nil); err != nil {
		t.Error(err)
	}
	if err := c.RemoveInformer(t.Context(), &gatewayv1.Gateway{}); !errors.Is(err, errFixed) {
		t.Error(err)
	}
}
