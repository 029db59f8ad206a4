package controller

import (
	"context"

	"github.com/k8s-lbc/lbc/internal/checkpoint"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// keepObserved has the next process begin with what is known of a stack.
func (s *stacks) keepObserved(key stack.Key) {
	if d := s.inventory.Deep(key); !d.Empty() {
		s.kept.Put(checkpoint.Observed, key.String(), d)
	} else {
		s.kept.Delete(checkpoint.Observed, key.String())
	}
}

// expect is what AWS holds of a stack, as far as it is known; parts of it may be assumptions.
func (s *stacks) expect(ctx context.Context, key stack.Key, desired *stack.Stack, w front.Input) (elb.Observed, error) {
	o, err := s.inventory.Observed(ctx, key, desired)
	if err != nil {
		return elb.Observed{}, err
	}
	o.Hostnames = w.Hostnames()
	o.Bindings, err = s.bindings.of(ctx, key)
	return o, err
}

// observe is what AWS holds of a stack, for callers who conclude more from it than that nothing is to be done: what is only assumed is
// read first.
func (s *stacks) observe(ctx context.Context, key stack.Key, desired *stack.Stack, w front.Input) (elb.Observed, error) {
	o, err := s.expect(ctx, key, desired, w)
	if err != nil || o.Assumed == nil {
		return o, err
	}
	s.inventory.Verify(key)
	return s.expect(ctx, key, desired, w)
}
