package scene

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// pause between the requests of one worker: enough of them to meet every moment of a change, and little load.
const pause = 5 * time.Millisecond

// Traffic is requests that go on until Stop.
type Traffic struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex
	tally Tally
}

// Tally is what the requests got.
type Tally struct {
	Requests int
	Answers  map[string]int // "200 web": status and answering Service, or the error
	Failures int            // answers that were not as expected
	Wrong    []string       // the first few of them, each with its time
}

// maxWrong bounds the wrong answers that are kept.
const maxWrong = 10

// String is the tally in one line, followed by the wrong answers.
func (t Tally) String() string {
	var parts []string
	for _, a := range slices.Sorted(maps.Keys(t.Answers)) {
		parts = append(parts, fmt.Sprintf("%d × %s", t.Answers[a], a))
	}
	return fmt.Sprintf("%d requests: %s\n%s", t.Requests, strings.Join(parts, ", "), strings.Join(t.Wrong, "\n"))
}

// Send asks for the URL again and again, by two workers, until Stop or the end of the test. An answer is wrong if right
// returns false for it, or if there is none.
func Send(t testing.TB, c *harness.Cluster, url, host string, right func(harness.Response) bool) *Traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	tr := &Traffic{cancel: cancel, tally: Tally{Answers: map[string]int{}}}
	for range 2 {
		tr.done.Go(func() {
			tick := time.NewTicker(pause)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				r, err := c.Get(ctx, url, host)
				if ctx.Err() != nil {
					return // its end is not the load balancer's fault
				}
				tr.count(r, err, right)
			}
		})
	}
	t.Cleanup(func() { tr.Stop() })
	return tr
}

func (tr *Traffic) count(r harness.Response, err error, right func(harness.Response) bool) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	answer := fmt.Sprintf("%d %s", r.Status, r.Pod.Service)
	if err != nil {
		answer = err.Error()
	}
	tr.tally.Requests++
	tr.tally.Answers[answer]++
	if err == nil && right(r) {
		return
	}
	if tr.tally.Failures++; len(tr.tally.Wrong) < maxWrong {
		tr.tally.Wrong = append(tr.tally.Wrong, fmt.Sprintf("%s %s %s %.200s", time.Now().UTC().Format("15:04:05.000"), answer, r.Pod.Pod, r.Body))
	}
}

// Requests is the number of answers so far.
func (tr *Traffic) Requests() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.tally.Requests
}

// Stop ends the requests and returns what they got. It may be called again.
func (tr *Traffic) Stop() Tally {
	tr.cancel()
	tr.done.Wait()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.tally
}

// More waits until n more requests were answered.
func (tr *Traffic) More(t testing.TB, c *harness.Cluster, n int) {
	t.Helper()
	from := tr.Requests()
	c.WaitFor(t, fmt.Sprintf("%d more requests", n), func(context.Context) error {
		if now := tr.Requests(); now < from+n {
			return fmt.Errorf("%d were answered", now-from)
		}
		return nil
	})
}

// OK is the answer 200.
func OK(r harness.Response) bool { return r.Status == 200 }
