package stacks

import (
	"errors"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestRepeatedFailureIsRetriedWithinBound has passes fail while something else in the stack is due
// every millisecond.
func TestRepeatedFailureIsRetriedWithinBound(t *testing.T) {
	t.Parallel()
	s, key := &Reconciler{Retries: NewRetries(time.Now)}, stack.Key{Owner: stack.Ingress, ID: stack.ID{
		Namespace: "shop", Name: "web"}}
	var last time.Duration
	for range 12 {
		r, _ := s.soonest(key, time.Millisecond, errors.New("x"))
		last = r.RequeueAfter
	}
	if last < 10*time.Second || last > 20*time.Second {
		t.Errorf("what fails on and on is tried every %s", last)
	}
}
