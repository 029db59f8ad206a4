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

// reader reads the HTTPRoutes of a cluster through a Cache, and records their events.
type reader struct {
	t *testing.T
	k *cluster
	c *Cache

	mu     sync.Mutex
	events []string
}

// get reads one route.
func (r *reader) get() error {
	return r.c.Get(r.t.Context(), client.ObjectKey{Namespace: "shop", Name: "a"}, &gatewayv1.HTTPRoute{})
}

// attached counts the routes that name a Gateway.
func (r *reader) attached() (int, error) {
	list := &gatewayv1.HTTPRouteList{}
	err := r.c.List(r.t.Context(), list, client.MatchingFields{
		readable.References: readable.ReferenceValue(objects.Ref{Kind: objects.Gateway, Namespace: "infra", Name: "edge"})})
	for _, o := range list.Items {
		if o.ManagedFields != nil {
			r.t.Error("managed fields are kept")
		}
	}
	return len(list.Items), err
}

// listen records the events from now on.
func (r *reader) listen() {
	note := func(what string, o any) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if d, ok := o.(toolscache.DeletedFinalStateUnknown); ok { // of a list
			o = d.Obj
		}
		if route, ok := o.(*gatewayv1.HTTPRoute); ok {
			r.events = append(r.events, what+" "+route.Name)
		}
	}
	i, err := r.c.GetInformer(r.t.Context(), &gatewayv1.HTTPRoute{})
	if err != nil {
		r.t.Fatal(err)
	}
	registration, err := i.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { note("add", o) }, UpdateFunc: func(_, o any) { note("update", o) },
		DeleteFunc: func(o any) { note("delete", o) },
	})
	if err != nil || !registration.HasSynced() {
		r.t.Fatal(err)
	}
}

// seen are the events so far.
func (r *reader) seen() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.events, ", ")
}

func TestAKindIsReadFromWhenItIsServedUntilItIsRemoved(t *testing.T) {
	t.Parallel()
	k, c := serve(t)
	r := &reader{t: t, k: k, c: c}
	r.checkNeverServed()
	r.checkServed()
	r.checkRemoved()
	r.checkServedAgain()
}

// checkNeverServed: there are no objects and no requests for them, and handlers may be added.
func (r *reader) checkNeverServed() {
	if n, err := r.attached(); n != 0 || err != nil || !apierrors.IsNotFound(r.get()) ||
		r.c.definitions.Serves(objects.HTTPRoute) {
		r.t.Errorf("before the kind is served: %d, %v, %v", n, err, r.get())
	}
	r.listen()
	r.k.mu.Lock()
	defer r.k.mu.Unlock()
	if r.k.watches != 0 || len(r.k.others) != 0 {
		r.t.Errorf("a cluster without the kinds is read: %v", r.k.others)
	}
}

// checkServed: the objects are there without a restart.
func (r *reader) checkServed() {
	r.k.mu.Lock()
	r.k.items = []gatewayv1.HTTPRoute{*attached("a"), *route("b", "1")}
	r.k.mu.Unlock()
	r.k.set(routes, usual)
	r.c.definitions.Look(r.t.Context())
	await.Until(r.t, "events of the objects", func() bool { return len(r.seen()) == len("add a, add b") })
	if n, err := r.attached(); n != 1 || err != nil || r.get() != nil {
		r.t.Errorf("when the kind is served: %d, %v, %v", n, err, r.get())
	}
	r.k.send(r.t, watch.Added, attached("c"))
	await.Until(r.t, "an event of the watch", func() bool { n, _ := r.attached(); return n == 2 })
}

// checkRemoved: while the definition is removed, and after that, nothing is deleted.
func (r *reader) checkRemoved() {
	r.k.set(routes, terminating)
	asked := r.k.asked()
	for _, name := range []string{"a", "b", "c"} {
		r.k.send(r.t, watch.Deleted, attached(name))
	}
	await.Until(r.t, "discovery is asked because of the deletions", func() bool { return r.k.asked() > asked })
	if n, err := r.attached(); n != 2 || err != nil || r.get() != nil {
		r.t.Errorf("while the definition is removed: %d, %v, %v", n, err, r.get())
	}
	r.k.set(routes, nil)
	r.c.definitions.Look(r.t.Context())
	var gone *RemovedError
	if _, err := r.attached(); !errors.As(err, &gone) || !errors.As(r.get(), &gone) ||
		!r.c.definitions.Serves(objects.HTTPRoute) {
		r.t.Errorf("after the definition was removed: %v, %v", err, r.get())
	}
	if strings.Contains(r.seen(), "delete") {
		r.t.Errorf("the removal was shown as deletions: %s", r.seen())
	}
}

// checkServedAgain: what exists then counts.
func (r *reader) checkServedAgain() {
	r.k.mu.Lock()
	r.k.items, r.k.version = []gatewayv1.HTTPRoute{*attached("c")}, "3"
	r.k.mu.Unlock()
	close(r.k.events) // the API server ends the watch
	r.k.set(routes, usual)
	r.c.definitions.Look(r.t.Context())
	if err := r.get(); err != nil {
		r.t.Errorf("before the list: %v", err)
	}
	await.Until(r.t, "deletions by the list", func() bool {
		return strings.Contains(r.seen(), "delete a") && strings.Contains(r.seen(), "delete b")
	})
	if n, err := r.attached(); n != 1 || err != nil || !apierrors.IsNotFound(r.get()) {
		r.t.Errorf("when it is served again: %d, %v, %v", n, err, r.get())
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
