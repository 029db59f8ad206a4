// Package refusal remembers the writes that AWS refuses, so that the controller does not repeat a write before
// something changes that the refusal may depend on. Stacks, bindings and accelerators share one memory, which
// checkpoints keep across restarts.
package refusal

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// Cause is why AWS refuses a write. It decides when the same write is sent again.
type Cause string

// The causes.
const (
	// Content: AWS does not accept what the write says.
	Content Cause = "content"
	// Obstacle: something else in the account has the name or the place that the write asks for, is in the way of a
	// deletion, or uses up a quota. No event says when that ends. If a look shows it, an attempt comes sooner.
	Obstacle Cause = "obstacle"
)

// pauses are those after the refusals of a write in a row; the last one repeats. If a quota is used up, a refusal of an
// attempt before the end of its pause does not count: it came early because somebody else got through.
var pauses = []time.Duration{2 * time.Minute, 8 * time.Minute, 30 * time.Minute, time.Hour}

// pause is the pause after the refusal. A right is granted without an event.
func (r *Refusal) pause() time.Duration {
	pause := pauses[min(max(r.count-r.early, 1), len(pauses))-1]
	if r.answer.Class == diag.Denied {
		return min(pause, lookEvery)
	}
	return pause
}

const (
	// lookEvery is the longest pause between looks whether an obstacle is gone.
	lookEvery = 5 * time.Minute
	// lifetime is how long a refusal is kept after the last attempt: no plan has the write any longer.
	lifetime = 3 * time.Hour
	// most bounds the refusals of one stack.
	most = 200
)

// Refusal is AWS's answer to a write.
type Refusal struct {
	Step   plan.StepID
	Action string // of AWS
	Cause  Cause
	Err    error
	// Objects identifies, for cause Content, the objects that the write comes from, in the versions that it was made of.
	// The write is sent again once they differ.
	Objects string
	// Resources are the ARNs and ids that the write names. A change of one of them by this process may be what AWS was
	// waiting for.
	Resources []string
	// Effect, Group and Room are of cause Obstacle: the effect of the write, the target group that another load balancer
	// uses, and how much room a look found at the refusal (nil = no look shows it).
	Effect plan.Effect
	Group  string
	Room   *int
	// Secret: the write has a secret, so that nothing derived from it is kept in checkpoints.
	Secret bool

	answer    awsclient.Error // what Err says
	version   string          // of the code
	count     int             // refusals of the same write in a row
	early     int             // of these, refusals of attempts before the end of a pause
	at, until time.Time
}

// Memory has the refusals by stack and write. It is safe for concurrent use. The zero value of Keep keeps nothing
// across restarts.
type Memory struct {
	now     func() time.Time
	version string

	// Keep is called with what the next process needs of the refusals of a stack; none = nothing. It must not block.
	Keep func(key stack.Key, all []Kept)

	mu sync.Mutex
	of map[stack.Key]map[string]*Refusal
	// awaiting has the refusals that writes of other stacks may end, by what these write; see awaited.
	awaiting map[string]map[*Refusal]stack.Key
	swept    time.Time // when refusals were last looked through for old ones
}

// New returns an empty memory. version is that of the code: another one may send another call for the same write.
func New(now func() time.Time, version string) *Memory {
	return &Memory{now: now, version: version, of: map[stack.Key]map[string]*Refusal{},
		awaiting: map[string]map[*Refusal]stack.Key{}}
}

// put enters a refusal in place of the one before; nil forgets that. m.mu is held.
func (m *Memory) put(key stack.Key, write string, r *Refusal) {
	if before := m.of[key][write]; before != nil {
		for _, what := range before.awaited() {
			if delete(m.awaiting[what], before); len(m.awaiting[what]) == 0 {
				delete(m.awaiting, what)
			}
		}
	}
	if r == nil {
		if delete(m.of[key], write); len(m.of[key]) == 0 {
			delete(m.of, key)
		}
		return
	}
	if m.of[key] == nil {
		m.of[key] = map[string]*Refusal{}
	}
	m.of[key][write] = r
	for _, what := range r.awaited() {
		if m.awaiting[what] == nil {
			m.awaiting[what] = map[*Refusal]stack.Key{}
		}
		m.awaiting[what][r] = key
	}
}

// Refused takes note of a refusal. write identifies the write with all that it says. It returns how often in a row AWS
// has refused the same write of the same objects, and when it is worth another attempt.
func (m *Memory) Refused(key stack.Key, write string, r Refusal) (count int, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.sweep(now)
	if before := m.of[key][write]; before != nil && before.Objects == r.Objects && before.version == m.version &&
		before.Cause == r.Cause {
		r.count, r.early = before.count, before.early
		if before.answer.Class == diag.Quota && (now.Before(before.until) || before.until.IsZero()) {
			r.early++
		}
	}
	r.count++
	r.answer = awsclient.Classify(r.Err)
	r.version, r.at, r.until = m.version, now, now.Add(r.pause())
	m.put(key, write, &r)
	m.bound(key)
	m.keep(key)
	return r.count, r.next(now)
}

// next is when the plan with the write is looked at again. For an obstacle, that is soon: a look costs little.
func (r *Refusal) next(now time.Time) time.Time {
	if look := now.Add(lookEvery); r.Cause == Obstacle && look.Before(r.until) {
		return look
	}
	return r.until
}

// Room is AWS's code for a write that waits for an obstacle to go, and how much room a look found then (nil = no look
// tells).
func (m *Memory) Room(key stack.Key, write string) (code string, room *int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.of[key][write]; r != nil {
		return r.answer.Code, r.Room
	}
	return "", nil
}

// Known reports whether AWS has refused a write.
func (m *Memory) Known(key stack.Key, write string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of[key][write] != nil
}

// Any reports whether any write of a stack was refused.
func (m *Memory) Any(key stack.Key) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.of[key]) > 0
}

// Before is AWS's error of a write that is not worth another attempt now, and when the plan is to be looked at again;
// nil if it may be sent. objects returns what Refusal.Objects would be of a refusal with that error now.
func (m *Memory) Before(key stack.Key, write string, objects func(err error) string) (until time.Time, err error) {
	m.mu.Lock()
	r, now := m.of[key][write], m.now()
	m.mu.Unlock()
	// A clock that was set back must not hold a write up.
	if r == nil || r.version != m.version || !now.Before(r.until) ||
		r.until.Sub(now) > pauses[len(pauses)-1] {
		return time.Time{}, nil
	}
	if r.Cause == Content && objects != nil && objects(r.Err) != r.Objects {
		return time.Time{}, nil
	}
	return r.next(now), r.Err
}

// ForgetStep forgets the refusals of a step, which AWS has accepted.
func (m *Memory) ForgetStep(key stack.Key, step plan.StepID) {
	m.forget(key, func(_ string, r *Refusal) bool { return r.Step == step })
}

// ForgetWrite forgets the refusals of a write, which AWS has accepted.
func (m *Memory) ForgetWrite(key stack.Key, write string) {
	m.forget(key, func(w string, _ *Refusal) bool { return w == write })
}

// Forget forgets all refusals of a stack.
func (m *Memory) Forget(key stack.Key) {
	m.forget(key, func(string, *Refusal) bool { return true })
}

// Retain forgets the refusals of a stack but of some writes. It returns how many it remembers.
func (m *Memory) Retain(key stack.Key, writes map[string]bool) int {
	m.forget(key, func(w string, _ *Refusal) bool { return !writes[w] })
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.of[key])
}

func (m *Memory) forget(key stack.Key, which func(string, *Refusal) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	had := len(m.of[key])
	for w, r := range m.of[key] {
		if which(w, r) {
			m.put(key, w, nil)
		}
	}
	if len(m.of[key]) != had {
		m.keep(key)
	}
}

// RetryObstacles ends the pauses of writes of a stack that something is in the way of: an edit may be about that. The
// next pause is as long as it would have been. Refusals of what a write says end by their own objects only.
func (m *Memory) RetryObstacles(key stack.Key) { m.endAll(key, Obstacle) }

// RetryRefused ends all pauses of a stack: what AWS holds of it is found to be changed.
func (m *Memory) RetryRefused(key stack.Key) { m.endAll(key, Obstacle, Content) }

// endAll ends the pauses of a stack's writes that were refused for some causes.
func (m *Memory) endAll(key stack.Key, causes ...Cause) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ended := false
	for _, r := range m.of[key] {
		ended = slices.Contains(causes, r.Cause) && r.end() || ended
	}
	if ended {
		m.keep(key)
	}
}

// end ends the pause, and reports whether there was one.
func (r *Refusal) end() bool {
	paused := !r.until.IsZero()
	r.until = time.Time{}
	return paused
}

// freed ends the pauses of writes whose obstacle a write of a stack may have removed, and returns their stacks. m.mu is
// held.
func (m *Memory) freed(key stack.Key, effect plan.Effect, id string) (keys []stack.Key) {
	ended := map[stack.Key]bool{}
	for _, r := range m.of[key] {
		if r.Cause == Obstacle && r.freedBy(effect, id, true) && r.end() {
			ended[key] = true
		}
	}
	for _, what := range frees(effect, id) {
		for r, of := range m.awaiting[what] {
			if r.freedBy(effect, id, of == key) && r.end() {
				ended[of] = true
			}
		}
	}
	for k := range ended {
		keys = append(keys, k)
		m.keep(k)
	}
	return keys
}

// Wrote records that a write of a stack succeeded on the resource with an ARN or id. It returns the stacks whose
// refused writes may succeed now, because the write may have removed the obstacle. If AWS refused a write because of
// a resource, the write is due two minutes after its last attempt once another action has changed that resource.
func (m *Memory) Wrote(key stack.Key, action string, effect plan.Effect, id string) []stack.Key {
	m.mu.Lock()
	defer m.mu.Unlock()
	freed := m.freed(key, effect, id)
	if effect.Verb != plan.Changes || id == "" {
		return freed
	}
	sooner := false
	for _, r := range m.of[key] {
		if first := r.at.Add(pauses[0]); r.Cause == Content && r.Action != action &&
			slices.Contains(r.Resources, id) && first.Before(r.until) {
			r.until, sooner = first, true
		}
	}
	if sooner {
		m.keep(key)
		if !slices.Contains(freed, key) {
			freed = append(freed, key)
		}
	}
	return freed
}

// sweep forgets, at intervals, refusals of writes that are no longer attempted. m.mu is held.
func (m *Memory) sweep(now time.Time) {
	if now.Sub(m.swept) < lifetime/12 {
		return
	}
	m.swept = now
	for key, all := range m.of {
		had := len(all)
		for w, r := range all {
			if now.Sub(r.at) > lifetime {
				m.put(key, w, nil)
			}
		}
		if len(all) < had {
			m.keep(key)
		}
	}
}

// bound forgets the oldest refusals of a stack beyond the most that are kept. m.mu is held.
func (m *Memory) bound(key stack.Key) {
	for all := m.of[key]; len(all) > most; {
		oldest := ""
		for w, r := range all {
			if oldest == "" || r.at.Before(all[oldest].at) {
				oldest = w
			}
		}
		m.put(key, oldest, nil)
	}
}

// freedBy reports whether a successful write of the resource with an ARN or group id, by the same stack or another one,
// may have removed what is in the way of the refused one.
func (r *Refusal) freedBy(w plan.Effect, id string, sameStack bool) bool {
	switch {
	case w.Forwards && w.Verb != plan.Creates:
		return r.Effect.Forwards && r.Effect.Verb != plan.Deletes && (sameStack || r.Group != "")
	case w.Verb != plan.Deletes:
		return false
	case r.answer.Class == diag.Quota: // of one load balancer, most often; what others free, others wait for, too
		return sameStack
	case w.Kind == stack.KindLoadBalancer && r.Group != "":
		return true
	}
	return r.Effect.Kind == w.Kind && r.Effect.Name != "" && (w.Kind == stack.KindSecurityGroup ||
		r.Effect.Name == nameInARN(id))
}

// awaited are what writes of other stacks that may free the refused write free, in the words of frees.
func (r *Refusal) awaited() (out []string) {
	if r.Cause != Obstacle {
		return nil
	}
	if r.Group != "" {
		out = append(out, "forward")
	}
	switch {
	case r.Effect.Name == "" || r.answer.Class == diag.Quota:
	case r.Effect.Kind == stack.KindSecurityGroup:
		out = append(out, string(stack.KindSecurityGroup))
	default:
		out = append(out, string(r.Effect.Kind)+" "+r.Effect.Name)
	}
	return out
}

// frees are what a write of the resource with an ARN or group id may free for other stacks: what forwards to a target
// group, or a name.
func frees(w plan.Effect, id string) []string {
	switch {
	case w.Forwards && w.Verb != plan.Creates:
		return []string{"forward"}
	case w.Verb != plan.Deletes:
		return nil
	case w.Kind == stack.KindSecurityGroup:
		return []string{string(stack.KindSecurityGroup)}
	case w.Kind == stack.KindLoadBalancer:
		return []string{"forward", string(w.Kind) + " " + nameInARN(id)}
	}
	return []string{string(w.Kind) + " " + nameInARN(id)}
}

// nameInARN is the name of a load balancer or target group by its ARN: "loadbalancer/app/NAME/ID",
// "targetgroup/NAME/ID".
func nameInARN(arn string) string {
	parts := strings.Split(arn, "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-2]
}
