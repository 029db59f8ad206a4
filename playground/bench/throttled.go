package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// slowAccount are the limits of ELBv2 in an account that others keep busy. Load balancers are created at AWS's own
// rate.
var slowAccount = limits{reads: 20, writes: 10, registrations: 10, balancers: 0.2}

// underLimits measures while ELBv2 takes no more calls than that.
func underLimits(l limits, m measure) measure {
	return func(ctx context.Context, s *session, r *Result) error {
		s.endpoint.Recorder.SetLimits(l)
		defer s.endpoint.Recorder.SetLimits(limits{})
		return m(ctx, s, r)
	}
}

// replacingOfEach replaces an endpoint of each app at once, until the controller rests.
func replacingOfEach(ctx context.Context, s *session, r *Result) error {
	n := s.exist[ingresses]
	left, updates, fresh := make([]discoveryv1.Endpoint, n), make([]*discoveryv1.EndpointSlice, n),
		make([]discoveryv1.Endpoint, n)
	for i := range n {
		fresh[i] = s.work.reserve(app(i), 1)[0]
		left[i], updates[i] = s.work.swap(app(i), fresh[i])
	}
	mark, began := s.endpoint.Recorder.Mark(), time.Now()
	come, gone := map[string]time.Time{}, map[string]time.Time{}
	for i := range n {
		come[fresh[i].Addresses[0]], gone[left[i].Addresses[0]] = began, began
	}
	err := each(ctx, n, func(ctx context.Context, i int) error {
		if err := s.work.createPod(ctx, app(i), fresh[i]); err != nil {
			return err
		}
		if err := s.work.deletePod(ctx, left[i]); err != nil {
			return err
		}
		_, err := s.work.client.DiscoveryV1().EndpointSlices(namespace).Update(ctx, updates[i], metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	if err := s.sent(ctx, r, mark, come, gone); err != nil {
		return err
	}
	return s.idle(ctx, settled)
}

// smallBesideLarge creates a load balancer of one Ingress right after a group of many, and enters how long it takes to
// its status.
func smallBesideLarge(ctx context.Context, s *session, r *Result) error {
	if err := s.work.serve(ctx, many); err != nil {
		return err
	}
	if err := s.work.create(ctx, members, 0, many); err != nil {
		return err
	}
	s.exist[members] = many
	if err := sleep.For(ctx, settled); err != nil { // the writes of the group wait for their turns
		return err
	}
	began := time.Now()
	if err := s.create(ctx, ingresses, 1); err != nil { // until those of the group are there, too
		return err
	}
	r.Seconds = s.work.shownAt(ingressResource, app(0)).Sub(began).Seconds()
	r.Spread = map[string]float64{"group": s.work.lastShown(ingressResource).Sub(began).Seconds()}
	return s.idle(ctx, 2*settled)
}

// slowest is for how long AWS takes load balancers at the rate of slowAccount: (99 - 10) / 0.2 s.
const slowest = 445 * time.Second

// creatingInOrder creates load balancers faster than AWS takes them. It is an error if targets are registered after
// half of those were made.
func creatingInOrder(p *population) measure {
	return func(ctx context.Context, s *session, _ *Result) error {
		mark, before := s.endpoint.Recorder.Mark(), s.exist[p]
		s.o.Timeout += slowest
		err := s.create(ctx, p, many)
		s.o.Timeout -= slowest
		if err != nil {
			return err
		}
		if err := s.idle(ctx, 2*settled); err != nil {
			return err
		}
		return s.inOrder(mark, many-before)
	}
}

// inOrder holds that so many load balancers were created since, and that the targets of all were registered when half
// of these were.
func (s *session) inOrder(mark, want int) error {
	made, registered := 0, 0
	for _, c := range s.endpoint.Recorder.Since(mark) {
		if c.Status != 200 {
			continue
		}
		switch c.Action {
		case "CreateLoadBalancer":
			if made++; made == want/2 && registered < want {
				return fmt.Errorf("targets of %d of %d load balancers are registered when half of those are created",
					registered, want)
			}
		case "RegisterTargets":
			registered++
		}
	}
	if made != want {
		return errors.New("not every load balancer was created")
	}
	return nil
}
