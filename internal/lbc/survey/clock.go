package survey

import (
	"net/http"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
)

// exact is what the Date of a response resolves.
const exact = time.Second

// aheadBy is how far the clock of a server is ahead by the Date of its response; ok is false without one.
func aheadBy(h http.Header, sent, received time.Time) (ahead time.Duration, ok bool) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0, false
	}
	switch {
	case date.After(received):
		return date.Sub(received), true
	case date.Add(exact).Before(sent):
		return date.Add(exact).Sub(sent), true
	}
	return 0, true
}

// awsClock compares AWS's clock with that of this machine, by the responses to calls.
type awsClock struct {
	mu    sync.Mutex
	by    time.Duration
	known bool
}

func (c *awsClock) ahead() (by time.Duration, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by, c.known
}

// transport reads the Date of each response.
func (c *awsClock) transport(next sdkhttp.Doer) sdkhttp.Doer { return timed{next, c} }

type timed struct {
	next  sdkhttp.Doer
	clock *awsClock
}

func (t timed) Do(r *http.Request) (*http.Response, error) {
	sent := time.Now()
	resp, err := t.next.Do(r)
	if err != nil {
		return resp, err
	}
	if by, ok := aheadBy(resp.Header, sent, time.Now()); ok {
		t.clock.mu.Lock()
		t.clock.by, t.clock.known = by, true
		t.clock.mu.Unlock()
	}
	return resp, nil
}
