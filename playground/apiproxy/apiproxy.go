// Package apiproxy is a proxy in front of an API server: it refuses requests, answers late, holds events of watches
// back and cuts them, as a client sees an API server that is overloaded, far away or partitioned from it. It knows no
// kinds of objects. It imports the standard library only.
package apiproxy

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// Faults are what happens to requests; the zero value lets all through.
type Faults struct {
	// chance that an update, a patch or a deletion is refused with 409, as one of an old version is
	Conflict    float64
	Throttle    float64       // chance that a request is refused with 429
	RetryAfter  time.Duration // pause that the answer 429 asks for, in full seconds
	Delay       time.Duration // before an answer is passed on; watches are none
	WatchDelay  time.Duration // before what a watch returns is passed on
	Partitioned bool          // nothing is passed on in either direction; connections stay
}

// Counts are how often faults happened.
type Counts struct {
	Passed, Conflicts, Throttled int
	Held                         int // requests that came, and answers that were ready, while the proxy was partitioned
	Late                         int // answers and parts of watches that were delayed
	Cut                          int // watches
}

// Proxy is an http.Handler that passes requests on to an API server. It is safe for concurrent use.
type Proxy struct {
	forward *httputil.ReverseProxy
	random  func() float64

	mu      sync.Mutex
	faults  Faults
	healed  chan struct{} // closed when a partition ends
	watches map[*watch]struct{}
	counts  Counts
}

// New makes a proxy before the API server at a URL. Requests keep their own credentials; random returns numbers in [0,
// 1).
func New(server *url.URL, to http.RoundTripper, random func() float64) *Proxy {
	p := &Proxy{random: random, healed: make(chan struct{}), watches: map[*watch]struct{}{}}
	p.forward = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(server) },
		Transport:      to,
		FlushInterval:  -1,                         // events of watches
		ErrorLog:       log.New(io.Discard, "", 0), // of clients that go
		ModifyResponse: p.answer,
		// as the server itself ends the connection
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return p
}

// Set changes what happens to requests from now on, and to answers and events that arrive from now on.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.faults.Partitioned && !f.Partitioned {
		close(p.healed)
		p.healed = make(chan struct{})
	}
	p.faults = f
}

// Counts are how often faults have happened so far.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// CutWatches ends all watches, as the API server itself does after some time: client-go watches again from the last
// version that it has seen.
func (p *Proxy) CutWatches() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.watches {
		w.once.Do(func() { close(w.cut) })
		delete(p.watches, w)
		p.counts.Cut++
	}
}

// refusal is an answer of the API server without its object.
type refusal struct {
	code            int
	reason, message string
}

var (
	conflict = refusal{http.StatusConflict, "Conflict",
		"the object has been modified; please apply your changes to the latest version and try again"}
	throttled = refusal{http.StatusTooManyRequests, "TooManyRequests", "too many requests, please try again later"}
)

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if !p.pass(q, nil) {
		return
	}
	refused, after := p.refuse(q)
	if refused == nil {
		p.forward.ServeHTTP(w, q)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if after > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(after.Seconds())))
	}
	w.WriteHeader(refused.code)
	fmt.Fprintf(
		w, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"reason":%q,"code":%d}`,
		refused.message, refused.reason, refused.code)
}

// pass waits while the proxy is partitioned, and reports whether the client still waits, too, and was not cut off.
func (p *Proxy) pass(q *http.Request, cut <-chan struct{}) bool {
	p.mu.Lock()
	healed := p.healed
	if !p.faults.Partitioned {
		healed = nil
	} else {
		p.counts.Held++
	}
	p.mu.Unlock()
	if healed == nil {
		return true
	}
	select {
	case <-healed:
		return p.pass(q, cut) // a partition may follow a partition
	case <-cut:
		return false
	case <-q.Context().Done():
		return false
	}
}

// refuse is how a request is refused, nil if it is not.
func (p *Proxy) refuse(q *http.Request) (*refusal, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.faults.Throttle > 0 && p.random() < p.faults.Throttle {
		p.counts.Throttled++
		return &throttled, p.faults.RetryAfter
	}
	switch q.Method {
	case http.MethodPut, http.MethodPatch, http.MethodDelete:
		if p.faults.Conflict > 0 && p.random() < p.faults.Conflict {
			p.counts.Conflicts++
			return &conflict, 0
		}
	}
	p.counts.Passed++
	return nil, 0
}

var errGone = errors.New("the client is gone")

// answer holds an answer back, or has a watch do so with its parts.
func (p *Proxy) answer(r *http.Response) error {
	if v := r.Request.URL.Query().Get("watch"); (v == "true" || v == "1") && r.StatusCode == http.StatusOK {
		r.Body = p.watch(r)
		return nil
	}
	p.mu.Lock()
	delay := p.faults.Delay
	if delay > 0 {
		p.counts.Late++
	}
	p.mu.Unlock()
	if sleep.For(r.Request.Context(), delay) != nil || !p.pass(r.Request, nil) {
		return errGone
	}
	return nil
}

// watch is the body of the answer to a watch.
type watch struct {
	proxy   *Proxy
	request *http.Request
	body    io.ReadCloser
	parts   chan part
	rest    []byte // of the part that is being read
	once    sync.Once
	cut     chan struct{}
}

// part is what arrived of a watch at once.
type part struct {
	bytes []byte
	err   error
	due   time.Time
}

func (p *Proxy) watch(r *http.Response) *watch {
	w := &watch{proxy: p, request: r.Request, body: r.Body, parts: make(chan part, 10_000), cut: make(chan struct{})}
	p.mu.Lock()
	p.watches[w] = struct{}{}
	p.mu.Unlock()
	go w.receive()
	return w
}

// receive notes when parts arrive and until when they are held back. Parts keep their order when the delay gets
// shorter.
func (w *watch) receive() {
	var last time.Time
	for {
		b := make([]byte, 32<<10)
		n, err := w.body.Read(b)
		w.proxy.mu.Lock()
		delay := w.proxy.faults.WatchDelay
		if delay > 0 {
			w.proxy.counts.Late++
		}
		w.proxy.mu.Unlock()
		if due := time.Now().Add(delay); due.After(last) {
			last = due
		}
		select {
		case w.parts <- part{b[:n], err, last}:
		case <-w.request.Context().Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (w *watch) Read(b []byte) (int, error) {
	if len(w.rest) == 0 {
		var next part
		select {
		case next = <-w.parts:
		case <-w.cut:
			return 0, io.EOF
		case <-w.request.Context().Done():
			return 0, errGone
		}
		select {
		case <-time.After(time.Until(next.due)):
		case <-w.cut:
			return 0, io.EOF
		case <-w.request.Context().Done():
			return 0, errGone
		}
		if !w.proxy.pass(w.request, w.cut) {
			return 0, io.EOF
		}
		if len(next.bytes) == 0 {
			return 0, next.err
		}
		if w.rest = next.bytes; next.err != nil {
			w.parts <- part{err: next.err} // its reader has ended
		}
	}
	n := copy(b, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (w *watch) Close() error {
	w.proxy.mu.Lock()
	delete(w.proxy.watches, w)
	w.proxy.mu.Unlock()
	return w.body.Close()
}
