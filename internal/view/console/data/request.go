package data

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
	"github.com/k8s-lbc/lbc/internal/view/console"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// Request returns the request of a question.
func Request(q console.Question) (traffic.Request, error) {
	from, err := netip.ParseAddr(q.From)
	if err != nil {
		return traffic.Request{}, fmt.Errorf("%w: the client: %w", console.ErrInvalid, err)
	}
	r, err := explain.ParseRequest(q.Request, q.Headers, from)
	if err != nil {
		return r, fmt.Errorf("%w: %w", console.ErrInvalid, err)
	}
	return r, nil
}

// Answerable returns why a load balancer answers no requests; nil if it does.
func Answerable(in explain.Input) error {
	if in.Stack == nil {
		return fmt.Errorf("%w: the load balancer cannot be built: %s", console.ErrInvalid, explain.Reason(in.Diagnostics))
	}
	if !slices.ContainsFunc(in.Stack.LoadBalancers, func(lb stack.LoadBalancer) bool {
		return lb.Type == stack.Application
	}) {
		return fmt.Errorf("%w: a network load balancer has no rules", console.ErrInvalid)
	}
	return nil
}

// Ask returns the way of a request through a load balancer that answers some. With follow set, redirects are followed.
func Ask(in explain.Input, r traffic.Request, follow bool) explain.Walk {
	if follow {
		return explain.Follow(in, r)
	}
	return explain.Ask(in, r)
}
