package optionalkinds

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

var (
	gatewayAPI = schema.GroupVersion{Group: "gateway.networking.k8s.io", Version: "v1"}
	grants     = schema.GroupVersion{Group: "gateway.networking.k8s.io", Version: "v1beta1"}
)

// apiServer is what discovery shows.
type apiServer struct {
	mu       sync.Mutex
	verbs    map[schema.GroupVersionKind][]string
	err      error
	requests int
}

var (
	usual       = []string{"create", "delete", "get", "list", "watch"}
	terminating = []string{"delete", "get", "list", "watch"}
	routes      = gatewayAPI.WithKind("HTTPRoute")
)

func (a *apiServer) set(kind schema.GroupVersionKind, verbs []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.verbs == nil {
		a.verbs = map[schema.GroupVersionKind][]string{}
	}
	a.verbs[kind] = verbs
}

func (a *apiServer) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}

// asked is how often discovery was asked.
func (a *apiServer) asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests
}

func (a *apiServer) discover(_ context.Context, version schema.GroupVersion) (*metav1.APIResourceList, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests++
	if a.err != nil {
		return nil, a.err
	}
	list := &metav1.APIResourceList{}
	for k, verbs := range a.verbs {
		if k.GroupVersion() == version && verbs != nil {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: "x/status", Kind: k.Kind, Verbs: []string{
				"get", "patch"}}, metav1.APIResource{Name: "x", Kind: k.Kind, Verbs: verbs})
		}
	}
	if len(list.APIResources) == 0 {
		return nil, apierrors.NewGenericServerResponse(404, "get", schema.GroupResource{}, "", "404 page not found", 0, true)
	}
	return list, nil
}

func definitions(a *apiServer) *Definitions {
	return NewDefinitions(a.discover, map[objects.Kind]schema.GroupVersionKind{
		objects.HTTPRoute: routes, objects.ReferenceGrant: grants.WithKind("ReferenceGrant"),
	}, time.Now, logr.Discard())
}

func TestAKindThatWasServedOnceIsNeverAbsent(t *testing.T) {
	t.Parallel()
	a := &apiServer{}
	d := definitions(a)
	var changes []objects.Kind
	d.OnChange(func(k objects.Kind) { changes = append(changes, k) })
	down := errors.New("down")
	for i, c := range []struct {
		verbs  []string
		err    error
		want   state
		serves bool
	}{
		{nil, down, unknown, true},
		{nil, nil, absent, false},
		{nil, down, absent, false},
		{usual, nil, served, true},
		{nil, down, served, true},
		{terminating, nil, ending, true},
		{nil, nil, removed, true},
		{nil, down, removed, true},
		{nil, nil, removed, true},
		{usual, nil, served, true},
		{nil, nil, removed, true},
	} {
		a.set(routes, c.verbs)
		a.fail(c.err)
		d.Look(t.Context())
		if got, _ := d.state(objects.HTTPRoute); got != c.want || d.Serves(objects.HTTPRoute) != c.serves {
			t.Errorf("step %d: %q, want %q", i, got, c.want)
		}
	}
	if got, _ := d.state(objects.ReferenceGrant); got != absent {
		t.Errorf("a kind of a version that is not served is %q", got)
	}
	if d := cmp.Diff([]objects.Kind{objects.HTTPRoute, objects.HTTPRoute, objects.HTTPRoute, objects.HTTPRoute,
		objects.HTTPRoute}, changes); d != "" {
		t.Error(d)
	}
}

func TestAnOldAnswerOfDiscoveryDoesNotReplaceANewerOne(t *testing.T) {
	t.Parallel()
	a := &apiServer{}
	a.set(routes, usual)
	d := definitions(a)
	old := time.Now()
	d.Look(t.Context())
	d.note(gatewayAPI, old.Add(-time.Second), &metav1.APIResourceList{}, nil)
	if s, _ := d.state(objects.HTTPRoute); s != served {
		t.Error(s)
	}
}

func TestADefinitionIsConfirmedByAnAnswerThatIsNewEnough(t *testing.T) {
	t.Parallel()
	a := &apiServer{}
	a.set(routes, usual)
	d := definitions(a)
	d.Look(t.Context())
	seen := a.requests
	if err := d.confirm(t.Context(), objects.HTTPRoute, time.Now().Add(-time.Hour)); err != nil || a.requests != seen {
		t.Errorf("%v, %d requests", err, a.requests-seen)
	}
	now := time.Now()
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if err := d.confirm(t.Context(), objects.HTTPRoute, now); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if a.requests != seen+1 {
		t.Errorf("ten that confirm cost %d requests", a.requests-seen)
	}
	for name, f := range map[string]func(){
		"failing":     func() { a.fail(errors.New("down")) },
		"terminating": func() { a.set(routes, terminating) },
		"removed":     func() { a.set(routes, nil) },
	} {
		a.set(routes, usual)
		a.fail(nil)
		f()
		if d.confirm(t.Context(), objects.HTTPRoute, time.Now()) == nil {
			t.Errorf("%s: confirmed", name)
		}
	}
}

func TestKindsThatAreMissingAtTheStartAreLoggedOnce(t *testing.T) {
	t.Parallel()
	a := &apiServer{}
	a.set(grants.WithKind("ReferenceGrant"), usual)
	var lines []string
	d := definitions(a)
	d.log = funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
	for range 2 {
		d.Look(t.Context())
	}
	if len(lines) != 1 || !strings.Contains(lines[0], "does not serve") ||
		!strings.Contains(lines[0], "gateway.networking.k8s.io/v1") || !strings.Contains(lines[0], "HTTPRoute") {
		t.Errorf("logged %q", lines)
	}
}
