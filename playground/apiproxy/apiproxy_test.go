package apiproxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// server is an API server that answers with the request, and whose watches return what is sent to events.
type server struct {
	*testing.T
	*Proxy
	url    string
	events chan string
	open   *atomic.Int32 // watches behind the proxy
}

// start makes a proxy that has the numbers for chances, 0.5 after the last one.
func start(t *testing.T, chances ...float64) server {
	t.Helper()
	events, open := make(chan string), &atomic.Int32{}
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Query().Get("watch") == "" {
			fmt.Fprintf(w, "%s %s as %s", q.Method, q.URL, q.Header.Get("Authorization"))
			return
		}
		open.Add(1)
		defer open.Add(-1)
		w.(http.Flusher).Flush()
		for {
			select {
			case e, ok := <-events:
				if !ok {
					return
				}
				fmt.Fprintln(w, e)
				w.(http.Flusher).Flush()
			case <-q.Context().Done():
				return
			}
		}
	}))
	to, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := New(to, http.DefaultTransport, func() float64 {
		if len(chances) == 0 {
			return 0.5
		}
		next := chances[0]
		chances = chances[1:]
		return next
	})
	front := httptest.NewServer(p)
	t.Cleanup(func() { front.CloseClientConnections(); front.Close(); behind.CloseClientConnections(); behind.Close() })
	return server{t, p, front.URL, events, open}
}

func (s server) do(ctx context.Context, method, path string) (*http.Response, error) {
	s.Helper()
	q, err := http.NewRequestWithContext(ctx, method, s.url+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer me")
	return http.DefaultClient.Do(q)
}

// ask returns status, Retry-After and body of an answer.
func (s server) ask(method, path string) (int, string, string) {
	s.Helper()
	r, err := s.do(s.Context(), method, path)
	if err != nil {
		s.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.Fatal(err)
	}
	return r.StatusCode, r.Header.Get("Retry-After"), string(body)
}

// watch returns the events of a watch; it is closed at the watch's end.
func (s server) watch() <-chan string {
	s.Helper()
	r, err := s.do(s.Context(), http.MethodGet, "/pods?watch=true")
	if err != nil {
		s.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		defer r.Body.Close()
		for read := bufio.NewScanner(r.Body); read.Scan(); {
			lines <- read.Text()
		}
	}()
	return lines
}

func (s server) send(event string) {
	s.Helper()
	select {
	case s.events <- event:
	case <-time.After(time.Minute):
		s.Fatal("there is no watch")
	}
}

// next is the next event within a time, "" if there is none, "end" if the watch has ended.
func next(of <-chan string, within time.Duration) string {
	select {
	case e, ok := <-of:
		if !ok {
			return "end"
		}
		return e
	case <-time.After(within):
		return ""
	}
}

func TestRequestsAreRefusedByTheirChance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method string
		faults       Faults
		chances      []float64
		status       int
		after        string
	}{
		{"without faults", http.MethodPut, Faults{}, nil, 200, ""},
		{"an update of an old version", http.MethodPut, Faults{Conflict: 0.5}, []float64{0.49}, 409, ""},
		{"a patch of an old version", http.MethodPatch, Faults{Conflict: 0.5}, []float64{0.49}, 409, ""},
		{"a deletion of an old version", http.MethodDelete, Faults{Conflict: 0.5}, []float64{0.49}, 409, ""},
		{"an update that has luck", http.MethodPut, Faults{Conflict: 0.5}, []float64{0.5}, 200, ""},
		{"a creation has no version", http.MethodPost, Faults{Conflict: 1}, nil, 200, ""},
		{"a read has no version", http.MethodGet, Faults{Conflict: 1}, nil, 200, ""},
		{"too many writes", http.MethodPost, Faults{Throttle: 0.5, RetryAfter: 2 * time.Second}, []float64{0.4}, 429, "2"},
		{"too many reads", http.MethodGet, Faults{Throttle: 0.5, RetryAfter: time.Second}, []float64{0.4}, 429, "1"},
		{"not too many", http.MethodGet, Faults{Throttle: 0.5, RetryAfter: time.Second}, []float64{0.6}, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.chances...)
			s.Set(c.faults)
			status, after, body := s.ask(c.method, "/api/v1/pods?limit=1")
			want := c.method + " /api/v1/pods?limit=1 as Bearer me"
			if c.status != 200 {
				want = fmt.Sprintf(`"code":%d}`, c.status)
			}
			if status != c.status || after != c.after || !strings.HasSuffix(body, want) {
				t.Errorf("%d, after %q, %q", status, after, body)
			}
			if n := s.Counts(); n.Conflicts+n.Throttled+n.Passed != 1 || (n.Passed == 1) != (c.status == 200) {
				t.Errorf("counted %+v", n)
			}
		})
	}
}

func TestAnswersComeLate(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Set(Faults{Delay: 100 * time.Millisecond})
	began := time.Now()
	if status, _, _ := s.ask(http.MethodGet, "/pods"); status != 200 || time.Since(began) < 100*time.Millisecond {
		t.Errorf("%d after %v", status, time.Since(began))
	}
	s.Set(Faults{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if r, err := s.do(ctx, http.MethodGet, "/pods"); err == nil {
		_ = r.Body.Close()
		t.Errorf("a client that waits no longer got %d", r.StatusCode)
	}
}

func TestEventsOfWatchesComeLateAndInTheirOrder(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := s.watch()
	s.send("now")
	if got := next(w, time.Minute); got != "now" {
		t.Fatalf("without a fault: %q", got)
	}
	const delay = 300 * time.Millisecond
	s.Set(Faults{WatchDelay: delay})
	began := time.Now()
	s.send("first")
	await.Until(t, "an event that arrives under the fault", func() bool { return s.Counts().Late > 0 })
	s.Set(Faults{})
	s.send("second")
	for _, want := range []string{"first", "second"} {
		if got := next(w, time.Minute); got != want || time.Since(began) < delay {
			t.Errorf("%q after %v, want %q", got, time.Since(began), want)
		}
	}
	close(s.events)
	if got := next(w, time.Minute); got != "end" {
		t.Errorf("after its end: %q", got)
	}
}

func TestWatchesAreCutAndOtherRequestsAreNot(t *testing.T) {
	t.Parallel()
	s := start(t)
	former := s.watch()
	s.send("now")
	if got := next(former, time.Minute); got != "now" {
		t.Fatalf("before it is cut: %q", got)
	}
	s.CutWatches()
	if got := next(former, time.Minute); got != "end" {
		t.Errorf("a watch that was cut: %q", got)
	}
	if n := s.Counts().Cut; n != 1 {
		t.Errorf("%d watches were cut", n)
	}
	await.Until(t, "the end of the watch behind the proxy, whose connection is drained first", func() bool {
		return s.open.Load() == 0
	})
	again := s.watch()
	s.send("again")
	if got := next(again, time.Minute); got != "again" {
		t.Errorf("the next watch: %q", got)
	}
}

func TestNothingPassesAPartition(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := s.watch()
	s.send("before")
	if got := next(w, time.Minute); got != "before" {
		t.Fatalf("before: %q", got)
	}
	s.Set(Faults{Partitioned: true})
	s.send("meanwhile")
	answered := make(chan int, 1)
	go func() {
		status, _, _ := s.ask(http.MethodGet, "/pods")
		answered <- status
	}()
	if got := next(w, 50*time.Millisecond); got != "" {
		t.Errorf("a watch returns %q", got)
	}
	select {
	case status := <-answered:
		t.Errorf("a request is answered: %d", status)
	default:
	}
	s.Set(Faults{})
	if got := next(w, time.Minute); got != "meanwhile" {
		t.Errorf("afterwards the watch returns %q", got)
	}
	if status := <-answered; status != 200 {
		t.Errorf("afterwards the request is answered: %d", status)
	}
	s.Set(Faults{Partitioned: true})
	s.send("lost")
	s.CutWatches()
	if got := next(w, time.Minute); got != "end" {
		t.Errorf("a watch that was cut while it was held returns %q", got)
	}
	s.Set(Faults{})
}
