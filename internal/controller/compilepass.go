package controller

import (
	"context"
	"slices"

	"github.com/k8s-lbc/lbc/internal/checkpoint"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// compileWish compiles a wish and keeps the members that came out well for the next time. stale tells whether an answer is past its lifetime:
// that something is missing in AWS is not concluded from such a one.
func (s *stacks) compileWish(ctx context.Context, key stack.Key, w front.Input, stale func() bool) (compile.Result, error) {
	s.mu.Lock()
	st := s.state(key)
	before, missed := st.memory, st.missed
	st.missed = nil
	s.mu.Unlock()
	// It may be there now. (Forgotten any earlier, it would be read again for another stack before it is there, and believed.)
	s.inventory.InvalidateFacts(missed...)
	c, needs, err := front.Compile(ctx, s.inventory, key, w, s.compile, before)
	if err == nil && stale() && slices.ContainsFunc(c.Diagnostics, missingInAWS) { // what is missing may have come since
		s.inventory.InvalidateFacts(askedAnew(needs)...)
		c, needs, err = front.Compile(ctx, s.inventory, key, w, s.compile, before)
	}
	if err != nil || !w.Wanted {
		return c, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st = s.state(key)
	st.memory = c.Memory
	s.kept.Put(checkpoint.Memory, key.String(), c.Memory)
	st.discovery = discoveryOf(w.LoadBalancer, c.Memory.Good, c.Diagnostics)
	if slices.ContainsFunc(c.Diagnostics, missingInAWS) {
		st.missed = slices.DeleteFunc(askedAnew(needs), func(n facts.Need) bool { return n.Kind == facts.NeedCertificates }) // see certificateWatch
	}
	return c, nil
}

// askedAnew are the needs that AWS answers, without those of the stack itself, of which the inventory hears.
func askedAnew(needs []facts.Need) []facts.Need {
	return slices.DeleteFunc(slices.Clone(needs), func(n facts.Need) bool { return n.Kind == facts.NeedStack || n.Kind == facts.NeedStackDetails })
}
