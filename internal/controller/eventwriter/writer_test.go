package eventwriter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
)

// apiServer stores events. Each request takes a millisecond; refuse returns the error of one, and open, if it is set,
// is closed once the server answers.
type apiServer struct {
	refuse func(e *corev1.Event) error
	open   chan struct{}

	mu     sync.Mutex
	stored []*corev1.Event
	counts map[string]int32 // by name
}

func (s *apiServer) CreateWithEventNamespaceWithContext(ctx context.Context, e *corev1.Event) (*corev1.Event, error) {
	if s.open != nil {
		<-s.open
	}
	pause(time.Millisecond)
	if s.refuse != nil {
		if err := s.refuse(e); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.stored, func(other *corev1.Event) bool {
		return other.Namespace == e.Namespace && other.Name == e.Name
	}) {
		return nil, apierrors.NewAlreadyExists(corev1.Resource("events"), e.Name)
	}
	s.stored = append(s.stored, e)
	return e, ctx.Err()
}

func (s *apiServer) PatchWithEventNamespaceWithContext(_ context.Context, e *corev1.Event, _ []byte) (*corev1.Event,
	error,
) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = map[string]int32{}
	}
	s.counts[e.Name] = e.Count
	return e, nil
}

func pause(d time.Duration) { time.Sleep(d) }

// at is where an event of a namespace is among those that were stored; -1 = nowhere.
func (s *apiServer) at(namespace string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.IndexFunc(s.stored, func(e *corev1.Event) bool { return e.Namespace == namespace })
}

func event(namespace, name, message string) Event {
	return Event{About: corev1.ObjectReference{Kind: "Ingress", Namespace: namespace, Name: name,
		UID: types.UID(namespace + name)}, Component: "ingress", Type: corev1.EventTypeWarning, Reason: "Failed",
		Message: message}
}

// run runs a writer while f does, and for a moment after that.
func run(t *testing.T, s *apiServer, f func(w *Writer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := New(s, logr.Discard())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Start(ctx) }()
		f(w)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if w.total != 0 || len(w.bytes) != 0 || len(w.full) != 0 {
			t.Errorf("%d bytes, %v and %v are left", w.total, w.bytes, w.full)
		}
	})
}

// TestEventsOfATenantLeaveThoseOfOthers has a tenant cause more events than there is room for, before and after one of
// another tenant, while the API server hangs.
func TestEventsOfATenantLeaveThoseOfOthers(t *testing.T) {
	t.Parallel()
	s := &apiServer{open: make(chan struct{})}
	run(t, s, func(w *Writer) {
		for i := range 20_000 {
			w.Add(event("mal", fmt.Sprint("evil-", i), strings.Repeat("x", 200)))
			w.Add(Event{About: corev1.ObjectReference{Kind: "Namespace", Name: "mal"}, Type: corev1.EventTypeWarning,
				Reason: fmt.Sprint("Failed", i), Message: "its objects stay"})
			if i%5000 == 10 {
				w.Add(event("shop", fmt.Sprint("web-", i), "invalid"))
			}
			w.mu.Lock()
			bytes := w.total
			w.mu.Unlock()
			if bytes > room {
				t.Fatalf("%d bytes wait", bytes)
			}
		}
		w.Add(event("late", "web", "invalid"))
		w.Add(Event{About: corev1.ObjectReference{Kind: "GatewayClass", Name: "alb"}, Type: corev1.EventTypeWarning,
			Reason: "Failed", Message: "invalid"})
		close(s.open)
		synctest.Wait()
		pause(time.Minute)
	})
	shop := slices.DeleteFunc(slices.Clone(s.stored), func(e *corev1.Event) bool { return e.Namespace != "shop" })
	if at := s.at("late"); len(shop) != 4 || s.at("shop") > 2 || at < 0 || at > 4 {
		t.Errorf("of %d events, %d are of the other tenant, the first at %d, and that of the third is at %d",
			len(s.stored), len(shop), s.at("shop"), at)
	}
	if at := slices.IndexFunc(s.stored, func(e *corev1.Event) bool {
		return e.InvolvedObject.Kind == "GatewayClass"
	}); at < 0 || at > 4 {
		t.Errorf("the event of an object without namespace is at %d", at)
	}
	if s.stored[0].InvolvedObject.Name != "evil-0" || len(s.stored) < 2500 {
		t.Errorf("%d events, the first one about %s", len(s.stored), s.stored[0].InvolvedObject.Name)
	}
}

// TestEventIsSentAgain has an API server that does not answer, or refuses an event.
func TestEventIsSentAgain(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	for name, c := range map[string]struct {
		refuse func(tries int) error
		want   int // events
	}{
		"no answer, for a while": {func(tries int) error {
			if tries < 5 {
				return down
			}
			return nil
		}, 2},
		"never an answer":     {func(int) error { return down }, 1},
		"refused":             {func(int) error { return apierrors.NewForbidden(corev1.Resource("events"), "x", down) }, 1},
		"stored a moment ago": {func(int) error { return apierrors.NewAlreadyExists(corev1.Resource("events"), "x") }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries := 0
			s := &apiServer{refuse: func(e *corev1.Event) error {
				if e.Namespace != "mal" {
					return nil
				}
				tries++
				return c.refuse(tries)
			}}
			run(t, s, func(w *Writer) {
				w.Add(event("mal", "evil", "one"))
				w.Add(event("shop", "web", "two"))
				pause(3 * time.Second)
				synctest.Wait()
				if s.at("shop") < 0 {
					t.Error("the event of another namespace waits")
				}
				pause(time.Hour)
			})
			if len(s.stored) != c.want || tries > mostTries {
				t.Errorf("%d events after %d tries, want %d", len(s.stored), tries, c.want)
			}
			for _, e := range s.stored {
				if e.Count != 1 {
					t.Errorf("event %s happened %d times", e.Name, e.Count)
				}
			}
		})
	}
}

// TestRepeatedEventIsCounted has an event happen again, and objects whose namespaces and names join to one text.
func TestRepeatedEventIsCounted(t *testing.T) {
	t.Parallel()
	s := &apiServer{}
	run(t, s, func(w *Writer) {
		for range 3 {
			w.Add(event("shop", "web", "invalid"))
		}
		pause(time.Second)
	})
	if len(s.stored) != 1 || s.counts[s.stored[0].Name] != 3 {
		t.Errorf("%d events, and the counts %v", len(s.stored), s.counts)
	}
	first := s.stored[0]
	if first.Source.Component != "ingress" || first.ReportingController != "ingress" || first.Namespace != "shop" ||
		first.InvolvedObject.Name != "web" || first.FirstTimestamp.IsZero() {
		t.Errorf("the event is %+v", first)
	}
}

// TestNamesThatJoinToOneTextAreTwoObjects has a tenant use up the events that client-go's filter admits of an object
// without a UID, whose namespace and name join to the text of another tenant's.
func TestNamesThatJoinToOneTextAreTwoObjects(t *testing.T) {
	t.Parallel()
	s := &apiServer{}
	run(t, s, func(w *Writer) {
		for i := range 40 {
			e := event("team", "bweb", fmt.Sprint("mistake ", i))
			e.About.UID, e.Reason = "", fmt.Sprint("Failed", i)
			w.Add(e)
		}
		e := event("teamb", "web", "invalid")
		e.About.UID = ""
		w.Add(e)
		pause(time.Second)
	})
	if s.at("teamb") < 0 {
		t.Errorf("the event of the other tenant is not among %d", len(s.stored))
	}
}

// TestEventsAreWrittenAtTheEnd has events wait when the process ends.
func TestEventsAreWrittenAtTheEnd(t *testing.T) {
	t.Parallel()
	s := &apiServer{}
	run(t, s, func(w *Writer) {
		for i := range 100 {
			w.Add(event("shop", fmt.Sprint("web-", i), "invalid"))
		}
	})
	if len(s.stored) != 100 {
		t.Errorf("%d events", len(s.stored))
	}
}

// TestWriterKnowsWhatItHasNotWritten has an event that waits, that is being sent, and that is written.
func TestWriterKnowsWhatItHasNotWritten(t *testing.T) {
	t.Parallel()
	s := &apiServer{}
	synctest.Test(t, func(t *testing.T) {
		w := New(s, logr.Discard())
		w.Add(event("shop", "web", "invalid"))
		waits := []bool{w.Waits("shop")}
		s.open = make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = w.Start(ctx) }()
		synctest.Wait()
		waits = append(waits, w.Waits("shop"))
		close(s.open)
		time.Sleep(time.Second)
		if waits = append(waits, w.Waits("shop")); !slices.Equal(waits, []bool{true, true, false}) {
			t.Errorf("waits %v", waits)
		}
		if w.Add(event("shop", "web", "invalid")); w.Waits("api") {
			t.Error("an event of another namespace waits")
		}
		cancel()
		synctest.Wait()
	})
}
