// Package eventwriter writes events to the API server, as client-go's broadcaster does, and namespaces take turns: the
// events of one namespace neither delay nor displace those of others. The broadcaster drops what exceeds its queue of
// 1,000 events, whoever they are about.
package eventwriter

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/tools/record/util"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

const (
	// room is how many bytes the events that wait may take, each with its message and overhead.
	room     = 4 << 20
	overhead = 400
	// timeout bounds one request, and atEnd the requests after the end of the context.
	timeout = 20 * time.Second
	atEnd   = time.Second
	// mostTries is how often an event is sent while the API server does not answer, as client-go does.
	mostTries = 12
)

// Sink stores events: the client of events of all namespaces.
type Sink interface {
	CreateWithEventNamespaceWithContext(ctx context.Context, e *corev1.Event) (*corev1.Event, error)
	PatchWithEventNamespaceWithContext(ctx context.Context, e *corev1.Event, patch []byte) (*corev1.Event, error)
}

// Event is an event to write.
type Event struct {
	About                            corev1.ObjectReference
	Component, Type, Reason, Message string
}

// tenant is the namespace that an event counts for.
func (e *Event) tenant() string {
	if e.About.Kind == "Namespace" {
		return e.About.Name
	}
	return e.About.Namespace
}

// waiting is an event that is not written yet.
type waiting struct {
	Event

	at    time.Time
	tries int
	// found is the answer of the correlator, which counts each event that it is asked about; nil before the first try.
	found *record.EventCorrelateResult
}

// Writer writes events in the background. It is safe for concurrent use.
type Writer struct {
	sink       Sink
	log        logr.Logger
	correlator *record.EventCorrelator

	mu     sync.Mutex
	events queue.Turns[waiting]
	bytes  map[string]int // of the events that wait, by namespace
	total  int
	full   map[string]bool // the namespaces that lost events since the last time when none of theirs waited
	// sending is the namespace whose event is being sent.
	sending *string
	signal  chan struct{}
}

// New makes a writer. Start writes what Add has added.
func New(sink Sink, log logr.Logger) *Writer {
	return &Writer{sink: sink, log: log, bytes: map[string]int{}, full: map[string]bool{}, signal: make(chan struct{}, 1),
		correlator: record.NewEventCorrelatorWithOptions(record.CorrelatorOptions{SpamKeyFunc: spamKey})}
}

// spamKey is the object of an event, as the filter of too many events of one object tells objects apart. client-go's
// own function joins namespace and name without a separator.
func spamKey(e *corev1.Event) string {
	o := e.InvolvedObject
	return strings.Join([]string{e.Source.Component, o.Kind, o.Namespace, o.Name, string(o.UID), o.APIVersion, e.Type},
		"/")
}

// Add has an event written. If there is no room, the namespace whose events take the most loses its last ones.
func (w *Writer) Add(e Event) {
	w.log.V(1).Info(e.Message, "type", e.Type, "object", e.About, "reason", e.Reason)
	w.add(waiting{Event: e, at: time.Now()})
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

func (w *Writer) add(e waiting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events.Push(e.tenant(), e)
	w.count(e, 1)
	for w.total > room {
		most := e.tenant()
		for namespace, bytes := range w.bytes {
			if bytes > w.bytes[most] {
				most = namespace
			}
		}
		if !w.full[most] {
			w.full[most] = true
			w.log.Info("too many events of a namespace wait: the controller discards the newest ones", "namespace", most)
		}
		w.count(w.events.DropLast(most), -1)
	}
}

// count counts an event that waits, or with -1 one that does so no longer. w.mu is held.
func (w *Writer) count(e waiting, sign int) {
	namespace, bytes := e.tenant(), sign*(overhead+len(e.Message))
	w.total += bytes
	if w.bytes[namespace] += bytes; w.bytes[namespace] == 0 {
		delete(w.bytes, namespace)
		delete(w.full, namespace)
	}
}

func (w *Writer) next() (e waiting, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sending = nil
	if e, ok = w.events.Pop(); ok {
		w.count(e, -1)
		namespace := e.tenant()
		w.sending = &namespace
	}
	return e, ok
}

// Waits reports whether events about objects of a namespace are not written yet.
func (w *Writer) Waits(namespace string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bytes[namespace] > 0 || w.sending != nil && *w.sending == namespace
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica records events.
func (w *Writer) NeedLeaderElection() bool { return false }

// Start writes events until ctx ends, and for a moment after that what waits then. It implements manager.Runnable.
func (w *Writer) Start(ctx context.Context) error {
	for {
		w.drain(ctx)
		select {
		case <-w.signal:
			continue
		case <-ctx.Done():
		}
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), atEnd)
		defer cancel()
		w.drain(last)
		return nil
	}
}

// drain writes the events that wait, until ctx ends.
func (w *Writer) drain(ctx context.Context) {
	pauses := backoff.Policy{First: time.Second, Longest: 10 * time.Second}
	for failed := 0; ctx.Err() == nil; {
		e, ok := w.next()
		if !ok {
			return
		}
		if w.write(ctx, &e) {
			failed = 0
			continue
		}
		if e.tries++; e.tries < mostTries {
			w.add(e) // behind the others of its namespace
		}
		failed++
		_ = sleep.For(ctx, pauses.Pause(failed))
	}
}

// write reports whether an event is written, or never can be.
func (w *Writer) write(ctx context.Context, e *waiting) bool {
	if e.found == nil {
		var err error
		if e.found, err = w.correlator.EventCorrelate(eventOf(*e)); err != nil {
			w.log.Error(err, "correlating events", "object", e.About)
		}
	}
	if e.found.Skip {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	stored, err := w.store(ctx, e.found)
	if err == nil {
		w.correlator.UpdateState(stored)
		return true
	}
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsAlreadyExists(err) {
		return true
	}
	w.log.Error(err, "writing an event", "object", e.About, "reason", e.Reason, "message", e.Message)
	var unsent *rest.RequestConstructionError
	var answer *apierrors.StatusError
	return errors.As(err, &unsent) || errors.As(err, &answer)
}

// store adds an event, or updates the one that it repeats.
func (w *Writer) store(ctx context.Context, r *record.EventCorrelateResult) (stored *corev1.Event, err error) {
	if r.Event.Count > 1 {
		stored, err = w.sink.PatchWithEventNamespaceWithContext(ctx, r.Event, r.Patch)
		if !util.IsKeyNotFoundError(err) {
			return stored, err
		}
	}
	r.Event.ResourceVersion = ""
	return w.sink.CreateWithEventNamespaceWithContext(ctx, r.Event)
}

func eventOf(e waiting) *corev1.Event {
	at, namespace := metav1.NewTime(e.at), e.About.Namespace
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: util.GenerateEventName(e.About.Name, e.at.UnixNano()), Namespace: namespace},
		InvolvedObject: e.About, Reason: e.Reason, Message: e.Message, FirstTimestamp: at, LastTimestamp: at, Count: 1,
		Type: e.Type, Source: corev1.EventSource{Component: e.Component}, ReportingController: e.Component,
	}
}
