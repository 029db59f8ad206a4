package inventory

import (
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// refusalPauses are those between attempts at a write that AWS refuses because something else is in its way. An edit of the
// stack's objects, another operation in the same step, or a write of this process that removes the obstacle ends a pause.
var refusalPauses = backoff.Policy{First: 10 * time.Second, Longest: 5 * time.Minute}

// refusalLifetime is how long a refusal is kept after the last attempt: its step is in no plan any more.
const refusalLifetime = time.Hour

// Refusal is AWS's answer to a write that it refuses because something else is in its way.
type Refusal struct {
	Write string // identifies the operation with what its references stand for
	Group string // ARN of the target group that another load balancer uses, if that is the obstacle
	Err   error
}

// refusal is the last refusal of a step's write.
type refusal struct {
	Refusal
	effect awsop.Effect
	count  int // refusals of the same write in a row
	at     time.Time
	until  time.Time // when the write is worth another attempt
}

// Refused records that AWS refuses the write of a step. It returns how often in a row AWS refused the same write, and when
// another attempt is worth it: after 10 s, 20 s and so on, at most 5 min.
func (i *Inventory) Refused(key stack.Key, id plan.StepID, op plan.Operation, refused Refusal) (count int, until time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.cfg.Now()
	for k, r := range i.refusals {
		if now.Sub(r.at) > refusalLifetime {
			delete(i.refusals, k)
		}
	}
	r := i.refusals[stepKey{key, id}]
	if r.Write != refused.Write {
		r = refusal{effect: awsop.EffectOf(op)}
	}
	r.Refusal, r.at = refused, now
	r.count++
	r.until = now.Add(refusalPauses.Pause(r.count))
	i.refusals[stepKey{key, id}] = r
	return r.count, r.until
}

// RefusedBefore is AWS's error of a write that is not worth another attempt before until; nil if it may be sent. write is called
// only if the last attempt at the step was refused.
func (i *Inventory) RefusedBefore(key stack.Key, id plan.StepID, write func() string) (until time.Time, err error) {
	i.mu.Lock()
	r, known := i.refusals[stepKey{key, id}]
	now := i.cfg.Now()
	i.mu.Unlock()
	if !known || !now.Before(r.until) || r.Write != write() {
		return time.Time{}, nil
	}
	return r.until, r.Err
}

// Retry ends the pauses of a stack's refused writes, since its objects were edited. The next pause is as long as it would have been.
func (i *Inventory) Retry(key stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.retry(func(k stepKey, _ refusal) bool { return k.stack == key })
}

// retry ends the pauses of some refused writes and returns their stacks. i.mu is held.
func (i *Inventory) retry(which func(stepKey, refusal) bool) []stack.Key {
	var keys []stack.Key
	for k, r := range i.refusals {
		if !r.until.IsZero() && which(k, r) {
			r.until = time.Time{}
			i.refusals[k] = r
			if !slices.Contains(keys, k.stack) {
				keys = append(keys, k.stack)
			}
		}
	}
	return keys
}

// freedBy reports whether a successful write of the resource with an ARN or group id, by the same stack or another one, may have removed what
// is in the way of the refused one.
func (r *refusal) freedBy(w awsop.Effect, id string, sameStack bool) bool {
	switch {
	case w.Forwards && w.Verb != awsop.Creates:
		return r.effect.Forwards && r.effect.Verb != awsop.Deletes && (sameStack || r.Group != "")
	case w.Verb != awsop.Deletes:
		return false
	case w.Kind == stack.KindLoadBalancer && r.Group != "":
		return true
	}
	return r.effect.Kind == w.Kind && r.effect.Name != "" && (w.Kind == stack.KindSecurityGroup || r.effect.Name == nameInARN(id))
}

// nameInARN is the name of a load balancer or target group by its ARN: "loadbalancer/app/NAME/ID", "targetgroup/NAME/ID".
func nameInARN(arn string) string {
	parts := strings.Split(arn, "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-2]
}
