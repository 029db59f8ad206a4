package node

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// stoppable is a program that ends by Shutdown.
type stoppable struct{ done chan struct{} }

// Shutdown implements Program.
func (f *stoppable) Shutdown(context.Context) { close(f.done) }

// Done implements Program.
func (f *stoppable) Done() <-chan struct{} { return f.done }

// Ready implements Program.
func (f *stoppable) Ready(context.Context) error { return nil }

// Log implements Program.
func (f *stoppable) Log(_ context.Context, _ bool, _ int) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("one\ntwo\n")), nil
}

// Mount implements Program.
func (f *stoppable) Mount(map[string][]byte) error { return nil }

func TestAProgramThatEndsIsNotReadyAndStartedAgainUntilItsPodEnds(t *testing.T) {
	t.Parallel()
	launches := make(chan *stoppable)
	p := &launched{cancel: func() {}, launch: func(ctx context.Context) (Program, error) {
		select {
		case f := <-launches:
			return f, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	probe := p.probe(&corev1.Probe{})
	state := func(reason string, restarts int32) {
		t.Helper()
		s := corev1.ContainerStatus{Ready: true}
		p.describe(&s)
		got := ""
		if s.State.Waiting != nil {
			got = s.State.Waiting.Reason
		}
		if got != reason || s.RestartCount != restarts || s.Ready != (reason == "") {
			t.Errorf("the container waits for %q after %d restarts, ready: %t; want %q after %d", got, s.RestartCount, s.Ready,
				reason, restarts)
		}
	}
	state("ContainerCreating", 0)
	results, ended := make(chan result), make(chan error, 1)
	go func() { ended <- p.supervise(t.Context(), results, 0) }()

	first, second := &stoppable{make(chan struct{})}, &stoppable{make(chan struct{})}
	launches <- first
	close(first.done)
	if r := <-results; !errors.Is(r.err, errEnded) {
		t.Errorf("the end of the program is reported as %v", r.err)
	}
	if err := probe(t.Context()); !errors.Is(err, errEnded) {
		t.Errorf("a program that has ended is probed with %v", err)
	}
	state("CrashLoopBackOff", 0)
	launches <- second
	for probe(t.Context()) != nil { // until it is noted
	}
	state("", 1)
	p.Shutdown(t.Context())
	if err := <-ended; err != nil {
		t.Errorf("the supervision of a program of a pod that ended: %v", err)
	}
	if _, open := <-second.done; open {
		t.Error("the program runs on")
	}
}
