package lab

import (
	"testing"

	"k8s.io/client-go/util/workqueue"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Board gives the process a Board, and a queue for what it wakes.
func (l *Lab) Board() (*waiting.Board, queue.Of[stack.Key]) {
	b := waiting.NewBoard(l.Clock.Now)
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[stack.Key]())
	atEnd(l, q.ShutDown)
	l.Ingresses.Waiting, l.Bound.Waiting = b, b
	l.Ingresses.Waker.SetQueue(q)
	return b, q
}

// atEnd runs a function when a test ends, and lets go of it then. Package testing holds the functions that it has run
// until the parent of the test ends, and with them the labs of thousands of subtests.
func atEnd(t testing.TB, f func()) {
	t.Cleanup(func() {
		f()
		f = nil
	})
}
