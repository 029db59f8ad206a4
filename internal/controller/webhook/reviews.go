package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// maxReview bounds a request, which has two versions of an object of at most 3 MB each.
	maxReview = 8 << 20
	// readTimeout is how long a client may take to send a request. API servers give a webhook 30 s at most.
	readTimeout = 10 * time.Second
	// smallReview is the size up to which a request is read at once. Most are smaller.
	smallReview = 64 << 10
	// mostLarge is how many larger requests are read and answered at the same time. Others wait for their turn as long as
	// their client does, so that those who reach the port cannot fill the memory of the controller.
	mostLarge = 8
	// mostLive is how many requests read objects from the API server at the same time. Whoever reaches the port can cause
	// such reads, which count against the limits that the API server has for the controller.
	mostLive = 16
)

// errBusy is that too many large requests are under way.
var errBusy = errors.New("too many large requests are under way")

// reviews reads requests: within a time, and few large ones at once.
type reviews struct {
	large   chan struct{}
	live    chan struct{}
	timeout time.Duration // of reading, and of waiting for a turn
}

func newReviews() *reviews {
	return &reviews{large: make(chan struct{}, mostLarge), live: make(chan struct{}, mostLive), timeout: readTimeout}
}

// reading waits for a turn to read from the API server; done must be called after the reads.
func (r *reviews) reading(ctx context.Context) (done func(), err error) {
	select {
	case r.live <- struct{}{}:
		return func() { <-r.live }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read reads the body of a request; done must be called once the request is answered.
func (r *reviews) read(w http.ResponseWriter, req *http.Request) (body []byte, done func(), err error) {
	done = func() {}
	// Servers that cannot set a deadline, as those of tests, have none.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(r.timeout))
	defer func() {
		// else the server reads on, and must not wait for the rest; while the request is answered, the deadline would end it
		if err == nil {
			_ = control.SetReadDeadline(time.Time{})
		}
	}()
	in := http.MaxBytesReader(w, req.Body, maxReview)
	if body, err = io.ReadAll(io.LimitReader(in, smallReview)); err != nil || len(body) < smallReview {
		return body, done, err
	}
	turn := time.NewTimer(r.timeout)
	defer turn.Stop()
	select {
	case r.large <- struct{}{}:
	case <-turn.C:
		return nil, done, errBusy
	case <-req.Context().Done():
		return nil, done, req.Context().Err()
	}
	done = func() { <-r.large }
	rest, err := io.ReadAll(in)
	return append(body, rest...), done, err
}
