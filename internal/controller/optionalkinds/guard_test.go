package optionalkinds

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

func route(name, version string) *gatewayv1.HTTPRoute {
	return &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, ResourceVersion: version}}
}

// guarded is a guard around a list and a watch of a test.
type guarded struct {
	*guard
	*apiServer
	items   []gatewayv1.HTTPRoute
	watches *watch.FakeWatcher

	mu   sync.Mutex
	seen []string // what the informer is shown
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{apiServer: &apiServer{}}
	g.set(routes, usual)
	d := definitions(g.apiServer)
	d.Look(t.Context())
	g.guard = newGuard(&cache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return &gatewayv1.HTTPRouteList{Items: g.items}, nil
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			g.watches = watch.NewFake()
			return g.watches, nil
		},
	}, objects.HTTPRoute, d)
	return g
}

// follow begins a watch and notes its events.
func (g *guarded) follow(t *testing.T) {
	t.Helper()
	w, err := g.WatchWithContext(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for e := range w.ResultChan() {
			what := string(e.Type)
			if o, ok := e.Object.(*gatewayv1.HTTPRoute); ok {
				what += " " + o.Name + " " + o.ResourceVersion
			}
			g.mu.Lock()
			g.seen = append(g.seen, what)
			g.mu.Unlock()
		}
	}()
}

// expect checks what the informer was shown since the last call.
func (g *guarded) expect(t *testing.T, when string, want ...string) {
	t.Helper()
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Equal(g.seen, want) {
		t.Errorf("%s: the informer sees %q, want %q", when, g.seen, want)
	}
	g.seen = nil
}

func TestADeletionIsShownOnceDiscoveryShowsTheDefinition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t)
		g.follow(t)
		g.watches.Add(route("a", "1"))
		g.watches.Delete(route("a", "2"))
		g.watches.Modify(route("b", "3"))
		g.expect(t, "at once", "ADDED a 1", "MODIFIED b 3")
		time.Sleep(Doubt - time.Millisecond)
		g.watches.Delete(route("b", "4"))
		g.expect(t, "shortly before the first deletion is confirmed")
		time.Sleep(time.Millisecond)
		g.expect(t, "when the first deletion is confirmed", "DELETED a 4")
		time.Sleep(Doubt)
		g.expect(t, "when the second deletion is confirmed", "DELETED b 4")
		before := g.requests
		time.Sleep(time.Hour)
		if g.requests != before {
			t.Errorf("%d requests while nothing is deleted", g.requests-before)
		}
		g.watches.Stop()
	})
}

func TestTheDeletionOfAnObjectThatIsCreatedAgainIsAChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t)
		g.follow(t)
		g.watches.Delete(route("a", "1"))
		g.watches.Add(route("a", "2"))
		time.Sleep(time.Minute)
		g.expect(t, "later", "ADDED a 2")
		g.watches.Stop()
	})
}

func TestTheRemovalOfADefinitionDeletesNothing(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*guarded){
		"discovery shows the mark":        func(g *guarded) { g.set(routes, terminating) },
		"the definition is gone at once":  func(g *guarded) { g.set(routes, nil) },
		"discovery fails in the meantime": func(g *guarded) { g.fail(errors.New("down")) },
		"discovery shows the mark a bit later": func(g *guarded) {
			time.AfterFunc(Doubt/2, func() { g.set(routes, terminating) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGuarded(t)
				g.items = []gatewayv1.HTTPRoute{*route("a", "1"), *route("b", "1")}
				if _, err := g.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
					t.Fatal(err)
				}
				g.follow(t)
				remove(g)
				g.watches.Delete(route("a", "2"))
				g.watches.Delete(route("b", "3"))
				time.Sleep(time.Minute)
				g.expect(t, "while the definition is removed")
				g.watches.Stop() // as the API server does when the definition is gone

				g.items = nil
				g.set(routes, nil)
				g.fail(nil)
				g.definitions.Look(t.Context())
				listed := false
				go func() {
					_, err := g.ListWithContext(t.Context(), metav1.ListOptions{})
					listed = err == nil
				}()
				time.Sleep(time.Hour)
				synctest.Wait()
				if listed {
					t.Error("a list without objects was shown while the kind is not served")
				}
				g.set(routes, usual)
				g.definitions.Look(t.Context())
				time.Sleep(Doubt)
				synctest.Wait()
				if !listed {
					t.Error("no list was shown when the kind was served again")
				}
				g.follow(t)
				time.Sleep(time.Minute)
				g.expect(t, "after the list, which shows the deletions")
				g.watches.Stop()
			})
		})
	}
}

func TestDeletionsWithDefinitionAreRelistedNotShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t)
		if _, err := g.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
			t.Fatal(err)
		}
		g.follow(t)
		g.set(routes, terminating)
		g.watches.Delete(route("a", "2"))
		time.Sleep(time.Minute)
		g.set(routes, usual)
		time.Sleep(time.Minute)
		g.expect(t, "when the kind is served again, in the same watch", "ERROR")
		g.watches.Stop()
		if _, err := g.WatchWithContext(t.Context(), metav1.ListOptions{}); !apierrors.IsResourceExpired(err) {
			t.Errorf("a watch before the list: %v", err)
		}
		if _, err := g.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
			t.Fatal(err)
		}
		g.follow(t)
		time.Sleep(time.Minute)
		g.expect(t, "after the list")
		g.watches.Stop()
	})
}

func TestADeletionThatOneWatchHoldsBackIsShownByTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t)
		g.follow(t)
		g.watches.Delete(route("a", "2"))
		g.expect(t, "at once")
		g.watches.Stop()
		g.follow(t)
		time.Sleep(Doubt)
		g.expect(t, "in the next watch", "DELETED a 2")
		g.watches.Stop()
	})
}

func TestAListIsNotShownWhileTheDefinitionIsBeingRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuarded(t)
		g.set(routes, terminating)
		time.Sleep(time.Millisecond) // the look of the start is older than the list
		for range 2 {
			if _, err := g.ListWithContext(t.Context(), metav1.ListOptions{}); err == nil {
				t.Error("the list is shown")
			}
		}
		g.set(routes, usual)
		time.Sleep(time.Millisecond)
		begun := time.Now()
		for want := range 2 { // a first list can hide nothing that was known; a later one is confirmed after the doubt
			if _, err := g.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil || time.Since(begun) != time.Duration(
				want)*Doubt {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
		}
	})
}

func TestAPageOfAListIsNotConfirmedByItself(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	before := g.requests
	g.of = &cache.ListWatch{ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
		return &gatewayv1.HTTPRouteList{ListMeta: metav1.ListMeta{Continue: "more"}}, nil
	}}
	if _, err := g.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil || g.requests != before || g.listed {
		t.Error(err, g.requests-before, g.listed)
	}
}

// newGuardedGateways is newGuarded for the kind Gateway.
func newGuardedGateways(t *testing.T) *guarded {
	t.Helper()
	g := newGuarded(t)
	g.kind = objects.Gateway
	g.definitions.kinds[objects.Gateway] = gateways
	g.set(gateways, usual)
	g.definitions.Look(t.Context())
	return g
}

var gateways = gatewayAPI.WithKind("Gateway")

// marked is an object with the mark of its deletion.
func marked(name, version string) *gatewayv1.HTTPRoute {
	o := route(name, version)
	o.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	return o
}

func TestDeletionMarkIsShownOnceDiscoveryConfirms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuardedGateways(t)
		g.follow(t)
		g.watches.Modify(marked("a", "1"))
		time.Sleep(Doubt / 2)
		g.watches.Modify(marked("a", "2"))
		g.watches.Modify(route("other", "3"))
		g.expect(t, "before the mark is confirmed", "MODIFIED other 3")
		time.Sleep(Doubt / 2)
		g.expect(t, "when it is confirmed", "MODIFIED a 2", "BOOKMARK a 3")
		g.watches.Modify(marked("a", "4"))
		g.watches.Delete(marked("a", "5"))
		g.watches.Delete(route("b", "6"))
		g.expect(t, "at once", "MODIFIED a 4", "DELETED a 5")
		time.Sleep(Doubt)
		g.expect(t, "when the other deletion is confirmed", "DELETED b 6")
		g.watches.Add(route("a", "7"))
		g.watches.Modify(marked("a", "8"))
		g.expect(t, "of the next one of that name", "ADDED a 7")
		g.watches.Stop()
	})
}

func TestMarksAreNotShownWhileTheDefinitionIsBeingRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuardedGateways(t)
		g.items = []gatewayv1.HTTPRoute{*marked("deleted-before", "1"), *route("a", "1")}
		begun := time.Now()
		if _, err := g.ListWithContext(t.Context(), metav1.ListOptions{}); err != nil || time.Since(begun) != Doubt {
			t.Fatalf("a first list with a mark: %v after %v", err, time.Since(begun))
		}
		g.follow(t)
		g.watches.Modify(marked("a", "2"))
		time.AfterFunc(Doubt/2, func() { g.set(gateways, terminating) })
		time.Sleep(time.Minute)
		g.watches.Modify(marked("a", "3"))
		g.watches.Modify(marked("deleted-before", "4"))
		g.watches.Delete(marked("deleted-before", "5"))
		g.watches.Delete(marked("a", "6"))
		time.Sleep(time.Minute)
		g.expect(t, "while the definition is removed", "MODIFIED deleted-before 4", "DELETED deleted-before 5")
		g.watches.Stop()
	})
}

func TestMarksOfObjectsThatServeOnUntilTheirEndAreShownAtOnce(t *testing.T) {
	t.Parallel()
	for kind, shown := range map[objects.Kind]bool{objects.HTTPRoute: false, objects.TLSRoute: false,
		objects.Gateway: false, objects.GatewayClass: true, objects.LoadBalancerConfiguration: true} {
		g := newGuarded(t)
		g.kind = kind
		if _, held := g.marks(marked("a", "1")); held == shown {
			t.Errorf("%s: the mark is held: %v", kind, held)
		}
	}
}

// TestAKindThatIsOnlyReportedOnIsListedRarelyWithoutTheRight: a reflector repeats and logs a list that fails after half
// a minute at most.
func TestAKindThatIsOnlyReportedOnIsListedRarelyWithoutTheRight(t *testing.T) {
	t.Parallel()
	for kind, rarely := range map[objects.Kind]bool{objects.BackendTLSPolicy: true, objects.HTTPRoute: false} {
		synctest.Test(t, func(t *testing.T) {
			d := definitions(&apiServer{})
			d.kinds = map[objects.Kind]schema.GroupVersionKind{kind: {Group: gatewayv1.GroupName, Version: "v1",
				Kind: string(kind)}}
			d.states[kind] = served
			g := newGuard(&cache.ListWatch{ListWithContextFunc: func(context.Context, metav1.ListOptions) (
				runtime.Object, error) {
				return nil, apierrors.NewForbidden(schema.GroupResource{Resource: strings.ToLower(string(kind))}, "", nil)
			}}, kind, d)
			begun := time.Now()
			_, err := g.ListWithContext(t.Context(), metav1.ListOptions{})
			if took := time.Since(begun); !apierrors.IsForbidden(err) || (took >= time.Minute) != rarely {
				t.Errorf("%s: %v after %v", kind, err, took)
			}
		})
	}
}
