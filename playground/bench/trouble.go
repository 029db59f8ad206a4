package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/awssim/gate"
)

// trouble is something that goes wrong while endpoints come and go.
type trouble struct {
	faults []gate.Fault
	limits limits // of ELBv2
	// edits is how many load balancers are edited meanwhile.
	edits int
	// creates is how many load balancers are created meanwhile, beside those that there are.
	creates int
	// pace, if not 0, is the time between two endpoints.
	pace time.Duration
}

var (
	ec2Hangs     = trouble{faults: []gate.Fault{{ID: "ec2-hangs", Service: "ec2", Latency: time.Hour}}}
	ec2Throttles = trouble{faults: []gate.Fault{{ID: "ec2-throttles", Service: "ec2", Kind: "throttled"}}}
	elbThrottles = trouble{limits: limits{reads: 1, writes: 1}, edits: many / 2}
	// Registrations are not limited: those of the load balancers that are created would take what the endpoints need.
	tenWrites = trouble{limits: limits{reads: 20, writes: 10}, edits: many / 2, creates: many,
		pace: 250 * time.Millisecond}
	// The edit of one Ingress fails, and is tried again on and on.
	stackFails = trouble{edits: 1, faults: []gate.Fault{{ID: "stack-fails", Action: "ModifyLoadBalancerAttributes",
		Code: "InternalFailure", Status: 500}}}
	creatingMany = trouble{creates: many}
)

func together(all ...trouble) trouble {
	var out trouble
	for _, t := range all {
		out.faults, out.creates = append(out.faults, t.faults...), max(out.creates, t.creates)
		out.edits, out.pace = max(out.edits, t.edits), max(out.pace, t.pace)
		if t.limits != (limits{}) {
			out.limits = t.limits
		}
	}
	return out
}

// under replaces an endpoint of an app, whose pod is being deleted, by another one, one app after the other, while
// something is wrong. It measures from the moment before the API server gets the endpoints to the moment when
// RegisterTargets and DeregisterTargets arrive.
func under(t trouble) func(context.Context, *session, *Result) error {
	return func(ctx context.Context, s *session, r *Result) error {
		if s.endpoint.simulator == nil {
			return errors.New("trouble needs the simulator: leave --endpoint out, or the row")
		}
		apps := s.exist[ingresses]
		if err := s.work.serve(ctx, apps+t.creates); err != nil {
			return err
		}
		more := make([][]discoveryv1.Endpoint, samples)
		for n := range more {
			var err error
			if more[n], err = s.work.grow(ctx, app(n%apps), 1); err != nil {
				return err
			}
		}
		for _, f := range t.faults {
			if _, err := s.endpoint.simulator.Gate.AddFault(f); err != nil {
				return err
			}
		}
		s.endpoint.Recorder.SetLimits(t.limits)
		mend := func() {
			s.endpoint.Recorder.SetLimits(limits{})
			for _, f := range t.faults {
				s.endpoint.simulator.Gate.RemoveFault(f.ID)
			}
		}
		defer mend()
		value := 1 + int(time.Now().Unix()%1000)
		for n := range t.edits {
			if err := s.work.edit(ctx, ingresses.attribute(n, value)); err != nil {
				return err
			}
		}
		if t.creates > 0 {
			if err := s.work.create(ctx, ingresses, apps, apps+t.creates); err != nil {
				return err
			}
			s.exist[ingresses] = apps + t.creates
		}
		mark := s.endpoint.Recorder.Mark()
		come, gone, err := s.replaceEach(ctx, cmp.Or(t.pace, interval), apps, more)
		if err != nil {
			return err
		}
		if err := s.sent(ctx, r, mark, come, gone); err != nil {
			return err
		}
		mend()
		if err := s.untilShown(ctx); err != nil {
			return err
		}
		return s.idle(ctx, settled)
	}
}

// replaceEach replaces an endpoint of an app by each of others, at a pace. It returns when the addresses came and went.
func (s *session) replaceEach(ctx context.Context, pace time.Duration, apps int, by [][]discoveryv1.Endpoint) (
	come, gone map[string]time.Time, err error) {
	come, gone = map[string]time.Time{}, map[string]time.Time{}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n, e := range by {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		left, at, err := s.work.replace(ctx, app(n%apps), e[0])
		if err != nil {
			return nil, nil, err
		}
		come[e[0].Addresses[0]], gone[left] = at, at
	}
	return come, gone, nil
}

// sent waits until calls have named all targets that came and went since the times given, and enters how long that
// took.
func (s *session) sent(ctx context.Context, r *Result, mark int, come, gone map[string]time.Time) error {
	took := map[string][]float64{}
	err := s.until(ctx, "the targets to be registered and deregistered", func(context.Context) (bool, error) {
		calls := s.endpoint.Recorder.Since(mark)
		took["register"], took["deregister"] = delays(calls, "RegisterTargets", come),
			delays(calls, "DeregisterTargets", gone)
		return len(took["register"]) == len(come) && len(took["deregister"]) == len(gone), nil
	})
	if err != nil {
		return fmt.Errorf("%d of %d registered, %d of %d deregistered: %w", len(took["register"]), len(come),
			len(took["deregister"]), len(gone), err)
	}
	r.Spread = map[string]float64{}
	for name, all := range took {
		slices.Sort(all)
		for _, percent := range []int{50, 99} {
			r.Spread[fmt.Sprintf("%s p%d", name, percent)] = all[(len(all)-1)*percent/100]
		}
	}
	r.Seconds = max(r.Spread["register p99"], r.Spread["deregister p99"])
	return nil
}

// havingCrowd prepares the largest cluster. It does not wait for AWS to be left alone, as measureCrowd does not.
func havingCrowd(ctx context.Context, s *session) error {
	if err := s.up(ctx); err != nil {
		return err
	}
	if err := s.create(ctx, ingresses, crowd); err != nil {
		return err
	}
	return s.until(ctx, "the queues to be empty", func(context.Context) (bool, error) {
		w, err := s.control.work()
		return w.busy == 0, err
	})
}

// allAtOnce replaces an endpoint of each app of the largest cluster, as fast as the API server takes the updates, and
// measures as under does.
func allAtOnce(ctx context.Context, s *session, r *Result) error {
	more := make([]discoveryv1.Endpoint, crowd)
	for n := range more {
		more[n] = s.work.reserve(app(n), 1)[0]
	}
	left, slice, told := make([]discoveryv1.Endpoint, crowd), make([]*discoveryv1.EndpointSlice, crowd),
		make([]time.Time, crowd)
	for n, e := range more {
		left[n], slice[n] = s.work.swap(app(n), e)
	}
	err := each(ctx, crowd, func(ctx context.Context, n int) error {
		if err := s.work.createPod(ctx, app(n), more[n]); err != nil {
			return err
		}
		return s.work.deletePod(ctx, left[n])
	})
	if err != nil {
		return err
	}
	if err := s.idle(ctx, settled); err != nil {
		return err
	}
	mark, used := s.endpoint.Recorder.Mark(), s.control.processor()
	err = each(ctx, crowd, func(ctx context.Context, n int) error {
		told[n] = time.Now()
		_, err := s.work.client.DiscoveryV1().EndpointSlices(namespace).Update(ctx, slice[n], metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	come, gone := map[string]time.Time{}, map[string]time.Time{}
	for n, e := range more {
		come[e.Addresses[0]], gone[left[n].Addresses[0]] = told[n], told[n]
	}
	if err := s.sent(ctx, r, mark, come, gone); err != nil {
		return err
	}
	r.Spread["updates took"] = slices.MaxFunc(told, time.Time.Compare).Sub(
		slices.MinFunc(told, time.Time.Compare)).Seconds()
	if after := s.control.processor(); after > used {
		r.Spread["processor per call"] = (after - used).Seconds() / float64(2*crowd)
	}
	return nil
}

// delays are the seconds until a call named each target for the first time.
func delays(calls []Call, action string, since map[string]time.Time) []float64 {
	var out []float64
	seen := map[string]bool{}
	for _, c := range calls {
		for _, id := range c.Targets {
			if at, ok := since[id]; ok && c.Action == action && !seen[id] {
				seen[id] = true
				out = append(out, c.Begin.Sub(at).Seconds())
			}
		}
	}
	return out
}

// replace has an endpoint of an app take the place of its oldest one, whose address it returns, with the time before
// the API server gets it. The pod of the old one is being deleted by then, as it is when Kubernetes writes that its
// endpoint terminates.
func (w *workload) replace(ctx context.Context, app string, by discoveryv1.Endpoint) (left string, at time.Time,
	err error) {
	leaves, slice := w.swap(app, by)
	if err := w.deletePod(ctx, leaves); err != nil {
		return "", time.Time{}, err
	}
	at = time.Now()
	_, err = w.client.DiscoveryV1().EndpointSlices(namespace).Update(ctx, slice, metav1.UpdateOptions{})
	return leaves.Addresses[0], at, err
}

// swap makes the slice of an app in which its oldest endpoint terminates and another one has come. Those that
// terminated before are gone from it.
func (w *workload) swap(app string, by discoveryv1.Endpoint) (leaves discoveryv1.Endpoint,
	slice *discoveryv1.EndpointSlice) {
	all := remaining(w.endpoints[app])
	all[0].Conditions = discoveryv1.EndpointConditions{Ready: ptr.To(false), Serving: ptr.To(true),
		Terminating: ptr.To(true)}
	w.endpoints[app] = append(all, by)
	return all[0], w.slice(app, w.endpoints[app])
}
