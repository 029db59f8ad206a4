package optionalkinds

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// stored is a definition as the API server has it.
type stored struct {
	uid    types.UID
	ending bool
	err    error
	reads  []string
}

func (s *stored) read(_ context.Context, name string) (types.UID, bool, error) {
	s.reads = append(s.reads, name)
	return s.uid, s.ending, s.err
}

// listed is a guard that can read the definition and has listed.
func listed(t *testing.T, s *stored) *guarded {
	t.Helper()
	g := newGuarded(t)
	g.definitions.Read = s.read
	if _, err := g.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	s.reads = nil
	g.follow(t)
	return g
}

func TestADeletionIsShownInAMomentWhereTheDefinitionCanBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stored{uid: "one"}
		g := listed(t, s)
		for _, name := range []string{"a", "b", "c"} {
			g.watches.Delete(route(name, "2"))
		}
		g.expect(t, "at once")
		time.Sleep(gather)
		synctest.Wait()
		if len(s.reads) != 1 || s.reads[0] != "httproutes.gateway.networking.k8s.io" || len(g.seen) != 3 {
			t.Errorf("reads %q, the informer sees %q", s.reads, g.seen)
		}
		g.watches.Stop()
	})
}

func TestDeletionIsHiddenWhileDefinitionIsRemoved(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]stored{
		"marked": {uid: "one", ending: true},
		"gone":   {err: apierrors.NewNotFound(schema.GroupResource{}, "x")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &stored{uid: "one"}
				g := listed(t, s)
				s.uid, s.ending, s.err = gone.uid, gone.ending, gone.err
				g.watches.Delete(route("a", "2"))
				time.Sleep(time.Minute) // discovery still shows the definition
				g.expect(t, "a minute later")
				g.watches.Stop()
			})
		})
	}
}

func TestADefinitionThatWasReplacedHasItsObjectsListed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stored{uid: "one"}
		g := listed(t, s)
		s.uid = "another"
		g.watches.Delete(route("a", "2"))
		time.Sleep(gather)
		g.expect(t, "where the definition is another one", "ERROR")
		if w, err := g.WatchWithContext(t.Context(), metav1.ListOptions{}); !apierrors.IsResourceExpired(err) {
			t.Errorf("the next watch: %v, %v", w, err)
		}
		begun := time.Now()
		if _, err := g.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil || time.Since(begun) != reappear {
			t.Errorf("the list leaves %v to create the objects again: %v", time.Since(begun), err)
		}
	})
}

func TestDiscoveryConfirmsDeletionIfDefinitionIsUnreadable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stored{uid: "one"}
		g := listed(t, s)
		s.err = apierrors.NewForbidden(schema.GroupResource{}, "x", nil)
		g.watches.Delete(route("a", "2"))
		time.Sleep(Doubt - time.Millisecond)
		g.expect(t, "before a second has passed")
		time.Sleep(time.Millisecond)
		g.expect(t, "a second later", "DELETED a 2")
		s.err = nil
		g.watches.Delete(route("b", "3"))
		time.Sleep(Doubt)
		g.expect(t, "a second after the next one", "DELETED b 3")
		if len(s.reads) != 1 {
			t.Errorf("%d reads", len(s.reads))
		}
		time.Sleep(unreadPause)
		g.watches.Delete(route("c", "4"))
		time.Sleep(gather)
		g.expect(t, "when it can be read again", "DELETED c 4")
		g.watches.Stop()
	})
}

func TestAListWithMarksIsShownAtOnceWhereTheDefinitionStands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stored{uid: "one"}
		g := newGuarded(t)
		g.definitions.Read = s.read
		g.items = []gatewayv1.HTTPRoute{*marked("a", "1")}
		begun := time.Now()
		if _, err := g.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil || time.Since(begun) > 0 {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		s.ending = true
		if _, err := g.ListWithContext(t.Context(), metav1.ListOptions{}); !apierrors.IsResourceExpired(err) {
			t.Errorf("while the definition is being removed: %v", err)
		}
	})
}

func TestDefinitionsAreReadByTheirMetadata(t *testing.T) {
	t.Parallel()
	answer, status := "", http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/httproutes.gateway.networking.k8s.io" ||
			!strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata") {
			t.Errorf("%s, %s", r.URL.Path, r.Header.Get("Accept"))
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	core, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	read := ReadDefinitionFrom(core.Discovery().RESTClient())
	for _, c := range []struct {
		answer string
		status int
		uid    types.UID
		ending bool
		fails  bool
	}{
		{`{"metadata": {"uid": "one"}}`, http.StatusOK, "one", false, false},
		{`{"metadata": {"uid": "one", "deletionTimestamp": "2026-01-01T00:00:00Z"}}`, http.StatusOK, "one", true, false},
		{`{`, http.StatusOK, "", false, true},
		{`{}`, http.StatusForbidden, "", false, true},
	} {
		answer, status = c.answer, c.status
		uid, ending, err := read(t.Context(), "httproutes.gateway.networking.k8s.io")
		if uid != c.uid || ending != c.ending || (err != nil) != c.fails {
			t.Errorf("%s: %q, %t, %v", c.answer, uid, ending, err)
		}
	}
}

func TestDeletionsOneAfterTheOtherShareReadsOfTheDefinition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const deletions, apart = 100, 10 * time.Millisecond
		s := &stored{uid: "one"}
		g := listed(t, s)
		for i := range deletions {
			g.watches.Delete(route(strconv.Itoa(i), "2"))
			time.Sleep(apart)
		}
		time.Sleep(gatherMore)
		synctest.Wait()
		if most := int(deletions*apart/gatherMore) + 2; len(s.reads) > most || len(g.seen) != deletions {
			t.Errorf("%d reads of the definition, at most %d; the informer sees %d deletions of %d", len(s.reads), most,
				len(g.seen), deletions)
		}
		g.watches.Stop()
	})
}

// TestEndsShowsTheRemovalOfADefinition asks while the definition can be read, and while discovery alone shows it.
func TestEndsShowsTheRemovalOfADefinition(t *testing.T) {
	t.Parallel()
	const kind = objects.HTTPRoute
	version := schema.GroupVersion{Group: "gateway.networking.k8s.io", Version: "v1"}
	for name, s := range map[string]*stored{"stored": {uid: "one"}, "by discovery": {err: errors.New("no right")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verbs := metav1.Verbs{"list", "create"}
			d := NewDefinitions(func(context.Context, schema.GroupVersion) (*metav1.APIResourceList, error) {
				return &metav1.APIResourceList{APIResources: []metav1.APIResource{{Name: "httproutes", Kind: string(kind),
					Verbs: verbs}}}, nil
			}, map[objects.Kind]schema.GroupVersionKind{kind: version.WithKind(string(kind))}, time.Now, logr.Discard())
			d.Read = s.read
			d.Look(t.Context())
			if d.Ends(t.Context(), kind) {
				t.Error("a definition that stands ends")
			}
			s.ending, verbs = true, metav1.Verbs{"list"}
			if !d.Ends(t.Context(), kind) {
				t.Error("a definition that is being removed stands")
			}
		})
	}
}
