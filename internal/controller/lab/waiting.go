package lab

import (
	"k8s.io/client-go/util/workqueue"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Board gives the process a Board, and a queue for what it wakes.
func (l *Lab) Board() (*waiting.Board, queue.Of[stack.Key]) {
	b := waiting.NewBoard(l.Clock.Now)
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[stack.Key]())
	l.Cleanup(q.ShutDown)
	l.Ingresses.Waiting, l.Bound.Waiting = b, b
	l.Ingresses.Waker.SetQueue(q)
	return b, q
}
