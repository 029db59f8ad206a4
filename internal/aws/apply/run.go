package apply

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// run is one execution of a plan. Fields that mu does not protect are used by the goroutine of loop only.
type run struct {
	d        Deps
	key      stack.Key
	steps    []plan.Step
	outcomes map[plan.StepID]Outcome
	started  map[plan.StepID]bool
	yielded  map[plan.StepID]bool // removals that were moved forward to make room under a quota
	turns    int
	turn     map[plan.StepID]int // when a step last started or succeeded, in turns
	finished chan finished

	// Plans may have thousands of steps: the loop checks a step again only when a step that it waits for has ended.
	places    map[plan.StepID]int         // index in steps
	waiting   map[plan.StepID][]dependent // the steps that wait for a step
	open      []int                       // by place: at most how many steps the step still waits for
	unsettled []bool                      // by place: the loop must check whether the step is ready or blocked
	removals  []int                       // places of steps that free something under a quota

	mu      sync.Mutex
	reads   map[string]*healthRead // by target group
	values  map[stack.Ref]string   // of references
	created map[string]bool        // ARNs and ids that this run created
}

type finished struct {
	id      plan.StepID
	outcome Outcome
	slot    bool // the step occupied a slot
}

func newRun(p plan.Plan, d Deps) *run {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Concurrency <= 0 {
		d.Concurrency = 8
	}
	if d.Stabilize <= 0 {
		d.Stabilize = 2 * time.Minute
	}
	r := &run{
		d: d, key: p.Key, steps: slices.Clone(p.Steps),
		outcomes: map[plan.StepID]Outcome{}, started: map[plan.StepID]bool{}, yielded: map[plan.StepID]bool{},
		turn:     map[plan.StepID]int{},
		finished: make(chan finished),
		reads:    map[string]*healthRead{},
		values:   map[stack.Ref]string{}, created: map[string]bool{},
	}
	for _, k := range p.Known {
		r.values[k.Ref] = k.Value
	}
	r.places, r.waiting = make(map[plan.StepID]int, len(r.steps)), map[plan.StepID][]dependent{}
	r.open, r.unsettled = make([]int, len(r.steps)), slices.Repeat([]bool{true}, len(r.steps))
	for i, s := range r.steps {
		r.places[s.ID] = i
		for _, n := range s.Needs {
			r.depend(i, n, true)
		}
		for _, n := range s.After {
			r.depend(i, n, false)
		}
		if s.Op != nil && s.Op.About().Quota.Frees {
			r.removals = append(r.removals, i)
		}
	}
	return r
}

// dependent is a step that waits for another one.
type dependent struct {
	place int
	needs bool // the other step must succeed; otherwise it must only end
}

// depend has the loop check a step again when another one ends.
func (r *run) depend(place int, id plan.StepID, needs bool) {
	r.waiting[id] = append(r.waiting[id], dependent{place, needs})
	r.open[place]++
}

// settle records the outcome of a step.
func (r *run) settle(id plan.StepID, o Outcome) {
	r.outcomes[id] = o
	if o.State == Done {
		r.turns++
		r.turn[id] = r.turns
	}
	for _, d := range r.waiting[id] {
		r.open[d.place]--
		if r.open[d.place] <= 0 || d.needs && o.State != Done || !d.needs && r.steps[d.place].Op.About().Ordered &&
			r.putOff(o) {
			r.unsettled[d.place] = true
		}
	}
}

func (r *run) loop(ctx context.Context) {
	running, slots := 0, 0 // steps that only await occupy no slot
	for len(r.outcomes) < len(r.steps) {
		if err := context.Cause(ctx); err != nil {
			r.stop(err)
		}
		progress := false
		for i := range r.steps {
			s := &r.steps[i]
			if !r.unsettled[i] || slots >= r.d.Concurrency && s.Action != plan.Await {
				continue
			}
			r.unsettled[i] = false
			if _, ended := r.outcomes[s.ID]; ended || r.started[s.ID] {
				continue
			}
			ready, by := r.ready(s)
			var refusal Outcome
			refused := false
			if ready && by == "" {
				refusal, refused = r.refusedNow(s)
			}
			switch {
			case by != "":
				r.settle(s.ID, Outcome{State: Blocked, By: by})
				progress = true
			case refused:
				r.settle(s.ID, refusal)
				progress = true
			case ready:
				r.started[s.ID] = true
				r.turns++
				r.turn[s.ID] = r.turns
				running++
				if s.Action != plan.Await {
					slots++
				}
				progress = true
				step := *s
				go func() {
					r.finished <- finished{step.ID, r.execute(ctx, step), step.Action != plan.Await}
				}()
			}
		}
		switch {
		case running > 0 && (!progress || slots >= r.d.Concurrency):
			f := <-r.finished
			r.end(ctx, f)
			running--
			if f.slot {
				slots--
			}
		case !progress && running == 0:
			r.strand()
		}
	}
}

// stop ends the steps that were not started: no call begins once the process ends.
func (r *run) stop(err error) {
	for _, s := range r.steps {
		if _, ended := r.outcomes[s.ID]; !ended && !r.started[s.ID] {
			r.settle(s.ID, r.stopped(err))
		}
	}
}

func (r *run) stopped(err error) Outcome {
	return Outcome{State: Waiting, Until: r.d.Now(), On: "a controller that leads", Err: err}
}

// ready reports whether a step may start. If the step is blocked, by is the step that blocks it: one that it needs and
// that did not succeed, or, for an ordered step, an earlier one that is put off.
func (r *run) ready(s *plan.Step) (ready bool, by plan.StepID) {
	ready = true
	for _, n := range s.Needs {
		o, ended := r.outcomes[n]
		if ended && o.State != Done {
			return false, n
		}
		ready = ready && ended
	}
	for _, n := range s.After {
		o, ended := r.outcomes[n]
		if ended && s.Op.About().Ordered && r.putOff(o) {
			return false, n
		}
		ready = ready && ended
	}
	return ready, ""
}

// putOff reports whether the step of an outcome is repeated soon, or waits for one that is. A step that AWS rejects for
// good is not put off: it must not delay steps that only come after it.
func (r *run) putOff(o Outcome) bool {
	for o.State == Blocked {
		o = r.outcomes[o.By]
	}
	return o.State == Waiting || o.State == Failed && o.Problem.Class == diag.Transient
}

// end records the outcome of a step, unless it failed at a quota and another step of the plan can make room.
func (r *run) end(ctx context.Context, f finished) {
	if err := f.outcome.Err; f.outcome.State == Failed && err != nil {
		if e := awsclient.Classify(err); e.Full() {
			if r.postpone(f.id) {
				return
			}
			f.outcome = r.remembered(ctx, r.steps[r.places[f.id]], e, f.outcome)
		}
	}
	r.settle(f.id, f.outcome)
}

// postpone repeats the step after one removal under the same quota: one that is under way, one that succeeded after the
// step began, or one that it moves before the step. Only removals from the same load balancer or security group make
// room. postpone reports false if there is no such removal left.
func (r *run) postpone(id plan.StepID) bool {
	at := r.places[id]
	failed := &r.steps[at]
	takes := failed.Op.About().Quota
	makesRoom := func(q plan.Quota) bool {
		return q.Frees && q.Counts == takes.Counts && r.limited(q) == r.limited(takes)
	}
	for _, i := range r.removals {
		s := &r.steps[i]
		o, ended := r.outcomes[s.ID]
		waits := !r.started[s.ID]
		if !makesRoom(s.Op.About().Quota) || ended && (o.State != Done || r.turn[s.ID] < r.turn[id]) ||
			!ended && waits && (s.Guard != nil || r.yielded[s.ID]) {
			continue
		}
		if !ended {
			failed.After = append(slices.Clone(failed.After), s.ID)
			r.depend(at, s.ID, false)
		}
		if !ended && waits {
			r.release(s, id)
			r.open[i] = 0 // it waits for fewer now
			r.unsettled[i], r.yielded[s.ID] = true, true
		}
		r.started[id], r.unsettled[at] = false, true
		return true
	}
	return false
}

// release removes the dependencies of a removal on steps that wait for the step that it makes room for.
func (r *run) release(removal *plan.Step, id plan.StepID) {
	waits := map[plan.StepID]bool{id: true}
	for changed := true; changed; {
		changed = false
		for _, s := range r.steps {
			if s.ID != removal.ID && !waits[s.ID] && slices.ContainsFunc(slices.Concat(s.Needs, s.After),
				func(n plan.StepID) bool { return waits[n] }) {
				waits[s.ID], changed = true, true
			}
		}
	}
	free := func(ids []plan.StepID) []plan.StepID {
		return slices.DeleteFunc(slices.Clone(ids), func(n plan.StepID) bool { return waits[n] })
	}
	removal.Needs, removal.After = free(removal.Needs), free(removal.After)
}

// limited returns the load balancer or security group to which a quota applies. Rules, listeners and certificates have
// quotas per load balancer (Elastic Load Balancing's quotas).
func (r *run) limited(q plan.Quota) string {
	id := r.resolve(q.Of)
	return cmp.Or(balancerOf(id), id)
}

// balancerOf is the part of an ARN that names the load balancer, such as "app/web/50dc6c495c0c9188", whether the ARN is
// of the load balancer, of a listener or of a rule.
func balancerOf(arn string) string {
	parts := strings.SplitN(arn, "/", 5)
	if len(parts) < 4 {
		return ""
	}
	return strings.Join(parts[1:4], "/")
}

// refuse ends all steps with an error.
func (r *run) refuse(err error) {
	for _, s := range r.steps {
		r.outcomes[s.ID] = impossible(err)
	}
}

// strand ends steps that wait for themselves or for a step that the plan does not have. The diff returns no such plan.
func (r *run) strand() {
	for _, s := range r.steps {
		if _, ended := r.outcomes[s.ID]; !ended {
			r.outcomes[s.ID] = impossible(fmt.Errorf("step %q waits for a step that is not in the plan, or for itself", s.ID))
		}
	}
}

// resolve returns the value of a reference; "" = it has none.
func (r *run) resolve(ref stack.Ref) string {
	if ref.Literal != "" {
		return ref.Literal
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.values[ref]
}

func (r *run) produced(ref stack.Ref, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[stack.Ref{Kind: ref.Kind, ID: ref.ID}] = value
	r.created[value] = true
}

// refersToCreated reports whether an operation refers to a resource of a kind, or of any kind if it is empty, that this
// run has created.
func (r *run) refersToCreated(op plan.Operation, kind stack.Kind) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(op.About().Refs, func(ref stack.Ref) bool {
		return (kind == "" || ref.Kind == kind) && ref.Literal == "" && r.created[r.values[ref]]
	})
}
