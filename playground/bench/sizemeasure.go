package bench

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// settling prepares the account, nodes and pods of a size, with no load balancer of the cluster yet.
func settling(z size) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		if err := s.have(ctx, nil, 0); err != nil {
			return err
		}
		if s.endpoint.simulator != nil {
			s.endpoint.crowdAccount(z)
		}
		began := time.Now()
		if err := s.work.crowd(ctx, z.apps(), z.podsOf); err != nil {
			return err
		}
		s.o.Progress(fmt.Sprintf("  %s pods in %.0f s", thousands(z.pods), time.Since(began).Seconds()))
		// What a former row needed stays with a process.
		return measureRestart(ctx, s, nil)
	}
}

// populated prepares a cluster in which all of a size exists, and a controller whose queues are empty.
func populated(z size, p *population) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		if s.exist[p] < z.balancers {
			if err := settling(z)(ctx, s); err != nil {
				return err
			}
			if err := s.create(ctx, p, z.balancers); err != nil {
				return err
			}
		}
		if !s.running {
			if err := s.start(ctx); err != nil {
				return err
			}
		}
		return s.queuesRest(ctx, settled)
	}
}

// restarted is populated with a controller that was started beforeSweep ago.
func restarted(z size, p *population) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		if err := populated(z, p)(ctx, s); err != nil {
			return err
		}
		began := time.Now()
		if err := measureLargeRestart(ctx, s, nil); err != nil {
			return err
		}
		return sleep.For(ctx, beforeSweep-time.Since(began))
	}
}

// growing creates a population step by step, and enters what each further Ingress costs. At each step, all Ingresses
// are touched and the controller is started again.
func growing(z size, p *population) measure {
	return func(ctx context.Context, s *session, r *Result) error {
		for _, n := range z.steps {
			before := s.exist[p]
			what := []struct {
				name string
				of   int // load balancers
				act  func(ctx context.Context) error
			}{
				{"create", n - before, func(ctx context.Context) error { return s.createRegistered(ctx, z, p, n) }},
				{"touch", n, func(ctx context.Context) error { return touchingLarge(p)(ctx, s, nil) }},
				{"restart", n, func(ctx context.Context) error { return measureLargeRestart(ctx, s, nil) }},
			}
			for _, w := range what {
				point, err := s.point(ctx, w.act)
				if err != nil {
					return err
				}
				point.What, point.Objects, point.Of = w.name, ingressesPerBalancer*n, ingressesPerBalancer*w.of
				r.Curve = append(r.Curve, point)
				s.o.Progress("  " + point.String())
				if w.name == "create" {
					r.Seconds += point.Seconds
				}
				r.Peak = max(r.Peak, point.Peak)
			}
		}
		return measureMemory(ctx, s, r)
	}
}

// point measures an act.
func (s *session) point(ctx context.Context, act func(ctx context.Context) error) (Point, error) {
	mark, began, process, used := s.endpoint.Recorder.Mark(), time.Now(), s.control.process, s.control.processor()
	if err := act(ctx); err != nil {
		return Point{}, err
	}
	if s.control.process != process { // another one
		used = 0
	}
	point := Point{Seconds: time.Since(began).Seconds(), Processor: (s.control.processor() - used).Seconds()}
	for _, c := range s.endpoint.Recorder.Since(mark) {
		switch {
		case c.Look:
		case c.Read():
			point.Reads++
		default:
			point.Writes++
		}
	}
	var err error
	if point.Resident, err = s.control.resident(); err != nil {
		return point, err
	}
	point.Peak, err = s.control.peak()
	return point, err
}

// createRegistered creates a population up to the number, until all its pods are registered and the queues are empty.
func (s *session) createRegistered(ctx context.Context, z size, p *population, n int) error {
	want := 0
	for a := appsPerBalancer * s.exist[p]; a < appsPerBalancer*n; a++ {
		want += z.podsOf(a)
	}
	mark, registered := s.endpoint.Recorder.Mark(), 0
	if err := s.create(ctx, p, n); err != nil {
		return err
	}
	return s.until(ctx, "the registration of all pods", func(ctx context.Context) (bool, error) {
		calls := s.endpoint.Recorder.Since(mark)
		mark += len(calls)
		for _, c := range writesOf(calls, "RegisterTargets") {
			registered += len(c.Targets)
		}
		if registered < want {
			return false, nil
		}
		w, err := s.control.work()
		if err != nil || w.busy == 0 {
			return err == nil, err
		}
		return false, sleep.For(ctx, settled/10) // writing its metrics keeps the controller busy, too
	})
}

func touchingLarge(p *population) measure {
	return func(ctx context.Context, s *session, _ *Result) error {
		if err := s.touch(ctx, p); err != nil {
			return err
		}
		return s.queuesRest(ctx, settled)
	}
}

// restartingLimited ends the controller and starts it again while AWS refuses what comes faster than it publishes.
func restartingLimited(ctx context.Context, s *session, r *Result) error {
	if s.endpoint.simulator != nil {
		s.endpoint.simulator.Gate.SetThrottle(true)
		defer s.endpoint.simulator.Gate.SetThrottle(false)
	}
	return s.measureStart(ctx, r)
}

// startingCold is a start of a controller whose checkpoints were deleted.
func startingCold(ctx context.Context, s *session, r *Result) error {
	s.control.stop()
	s.running = false
	maps := s.work.client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	list, err := maps.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, m := range list.Items {
		if strings.Contains(m.Name, "-checkpoint") {
			if err := maps.Delete(ctx, m.Name, metav1.DeleteOptions{}); err != nil {
				return err
			}
		}
	}
	return s.measureStart(ctx, r)
}

// measureStart starts the controller anew. It enters when it was ready, when every object had been looked at, the most
// memory until then, and the memory at rest.
func (s *session) measureStart(ctx context.Context, r *Result) error {
	s.control.stop()
	s.running = false
	began := time.Now()
	if err := s.start(ctx); err != nil {
		return err
	}
	err := s.until(ctx, "the controller to be ready", func(context.Context) (bool, error) { return s.control.ready() })
	if err != nil {
		return err
	}
	ready := time.Since(began).Seconds()
	const quiet = 2 * settled
	if err := s.queuesRest(ctx, quiet); err != nil {
		return err
	}
	r.Seconds = (time.Since(began) - quiet).Seconds()
	r.Spread = map[string]float64{"ready": ready}
	if r.Peak, err = s.control.peak(); err != nil {
		return err
	}
	return measureMemory(ctx, s, r)
}

// rounds is in how many parts the pods of an app are replaced, as Deployments do by default.
const rounds = 4

// rollingOut replaces the pods of all apps: a part of the new ones is added, as many old ones terminate, and are gone
// with the next part.
func rollingOut(z size) measure {
	return func(ctx context.Context, s *session, r *Result) error {
		began := time.Now()
		err := each(ctx, z.apps(), func(ctx context.Context, n int) error { return s.work.rollOut(ctx, app(n)) })
		if err != nil {
			return err
		}
		r.Spread = map[string]float64{"updates took": time.Since(began).Seconds()}
		if err := s.queuesRest(ctx, settled); err != nil {
			return err
		}
		r.Seconds = (time.Since(began) - settled).Seconds()
		r.Peak, err = s.control.peak()
		return err
	}
}

func deletingLarge(p *population) measure {
	return func(ctx context.Context, s *session, r *Result) error {
		began := time.Now()
		if err := s.deleteAll(ctx, p); err != nil {
			return err
		}
		r.Seconds = time.Since(began).Seconds()
		return s.queuesRest(ctx, 2*settled)
	}
}

// ready reports whether the binary's readiness probe succeeds.
func (c *controller) ready() (bool, error) {
	resp, err := c.http.Get("http://" + c.health + "/readyz")
	if err != nil {
		return false, c.process.Err() // it may not listen yet
	}
	return resp.StatusCode == http.StatusOK, resp.Body.Close()
}

// rollOut replaces the pods of an app. There is no kubelet: pods that terminate end at once.
func (w *workload) rollOut(ctx context.Context, app string) error {
	w.mu.Lock()
	all := w.endpoints[app]
	w.mu.Unlock()
	left := len(all)
	for part := range rounds {
		n := left / (rounds - part)
		left -= n
		w.mu.Lock()
		fresh := w.reserve(app, n)
		w.mu.Unlock()
		for _, e := range fresh {
			if err := w.createPod(ctx, app, e); err != nil {
				return err
			}
		}
		for i := range n {
			all[i].Conditions = discoveryv1.EndpointConditions{Ready: ptr.To(false), Serving: ptr.To(true),
				Terminating: ptr.To(true)}
		}
		gone := all[:n]
		if err := w.update(ctx, app, append(all, fresh...)); err != nil {
			return err
		}
		for _, e := range gone {
			if err := w.client.CoreV1().Pods(namespace).Delete(ctx, e.TargetRef.Name, metav1.DeleteOptions{
				GracePeriodSeconds: ptr.To[int64](0)}); err != nil {
				return fmt.Errorf("pod %s: %w", e.TargetRef.Name, err)
			}
		}
		all = append(append([]discoveryv1.Endpoint(nil), all[n:]...), fresh...)
	}
	if err := w.update(ctx, app, all); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endpoints[app] = all
	return nil
}

// update writes the endpoints of an app.
func (w *workload) update(ctx context.Context, app string, all []discoveryv1.Endpoint) error {
	_, err := w.client.DiscoveryV1().EndpointSlices(namespace).Update(ctx, w.slice(app, all), metav1.UpdateOptions{})
	if err != nil {
		return fmt.Errorf("endpoints of %s: %w", app, err)
	}
	return nil
}
