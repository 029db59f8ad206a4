// Package unclaimed watches, while this process leads, for stacks in AWS that carry the tags of the cluster and that no
// object claims: the controller of another cluster with the same name may manage them. Package orphan decides which
// stacks are unclaimed, and package namesake whether the evidence for another cluster is sufficient. Package unclaimed
// changes nothing.
package unclaimed

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const (
	// pause is the pause between two looks. Two looks in a row confirm that a stack is unclaimed, because a stack that is
	// just being created or deleted may seem so.
	pause = 15 * time.Second
	// readsPerLook is for how many stacks one look reads the targets.
	readsPerLook = 10
	// reread is the pause between reads of the targets of a stack that stays unclaimed.
	reread = time.Hour
)

// Account is the AWS account as package inventory has read it.
type Account interface {
	Keys(ctx context.Context) ([]stack.Key, error)
	Listed(key stack.Key) awsop.Observed
	Came(key stack.Key) []string
}

// Watch looks for unclaimed stacks. Its fields are set before Start.
type Watch struct {
	Account Account
	// Objects reads the informers' caches of all namespaces; Synced reports whether they are complete.
	Objects  func(ctx context.Context) objects.Reader
	Synced   func(ctx context.Context) bool
	Declared func() []stack.Key // stacks that objects declare: they need no look
	Serves   func(of stack.Owner) bool
	// Targets reads the targets of a target group.
	Targets func(ctx context.Context, arn string) ([]namesake.Target, error)
	Shared  *namesake.Shared // records what another cluster of the same name manages
	Now     func() time.Time
	Log     logr.Logger

	before   map[stack.Key][]string // the resources of each unclaimed stack at the last look that counts
	examined map[stack.Key]*examination
	orphans  atomic.Pointer[[]orphan.Orphan]
	denied   bool // AWS denied the last look; without declared stacks, the role may be only for TargetGroupBindings
}

// examination is the result of reading the targets of a stack.
type examination struct {
	before, now   []namesake.Target
	began, latest time.Time
	next          time.Time // the earliest time of the next read
	pending       bool      // the second read, which decides, is still to come
}

// Start looks until ctx ends. It implements manager.Runnable and runs on the leader only.
func (w *Watch) Start(ctx context.Context) error {
	queue.Every(queue.Background(ctx, awsclient.Listing), pause, nil, w.Look)
	return nil
}

// Look looks once. If it cannot read everything, it does not count.
func (w *Watch) Look(ctx context.Context) {
	found, ok := w.find(ctx)
	if !ok {
		return
	}
	there, now := map[string]bool{}, map[stack.Key][]string{}
	var confirmed []orphan.Orphan
	for _, o := range found {
		there[o.Key.String()] = true
		for _, r := range o.Resources {
			now[o.Key] = append(now[o.Key], r.ID)
		}
	}
	w.Shared.Keep(func(of string) bool { return there[of] })
	maps.DeleteFunc(w.examined, func(key stack.Key, _ *examination) bool { return !there[key.String()] })
	reads := 0
	for _, o := range found {
		if !w.confirmed(o.Key, now[o.Key]) {
			continue
		}
		confirmed = append(confirmed, o)
		listed := w.Account.Listed(o.Key)
		s := namesake.Stack{Orphan: o, Came: w.Account.Came(o.Key), Unhealthy: lag(&listed)}
		x := w.examined[o.Key]
		if (x == nil || !w.Now().Before(x.next)) && reads < readsPerLook {
			reads++
			x = w.examine(ctx, o, x, s.Unhealthy)
		}
		if x != nil {
			s.Before, s.Now, s.Apart = x.before, x.now, x.latest.Sub(x.began)
		}
		if evidence := s.Evidence(); evidence != "" {
			w.Shared.Found(o.Key.String(), evidence)
		}
	}
	w.before = now
	w.orphans.Store(&confirmed)
}

// Orphans returns the stacks that no object claimed at the last two looks that count.
func (w *Watch) Orphans() []orphan.Orphan {
	if w == nil {
		return nil
	}
	if all := w.orphans.Load(); all != nil {
		return *all
	}
	return nil
}

// confirmed reports whether the look before found the stack unclaimed, with at least these resources.
func (w *Watch) confirmed(key stack.Key, ids []string) bool {
	before, known := w.before[key]
	return known && !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(before, id) })
}

// find returns the stacks that no object claims; ok is false if that is not known.
func (w *Watch) find(ctx context.Context) (found []orphan.Orphan, ok bool) {
	declared := map[stack.Key]bool{}
	for _, key := range w.Declared() {
		declared[key] = true
	}
	if w.denied && len(declared) == 0 || !w.Synced(ctx) {
		return nil, false
	}
	keys, err := w.Account.Keys(ctx)
	if w.denied = err != nil && awsclient.Classify(err).Class == diag.Denied; err != nil {
		return nil, false
	}
	var held []orphan.Holding
	for _, key := range keys {
		if !declared[key] && w.Serves(key.Owner) {
			o := w.Account.Listed(key)
			held = append(held, orphan.HoldingOf(key, &o))
		}
	}
	if len(held) == 0 {
		return nil, true
	}
	v := objects.New(w.Objects(ctx))
	claims := orphan.ClaimsOf(v)
	if v.Err() != nil {
		return nil, false
	}
	found, _ = orphan.Find(held, claims)
	return slices.DeleteFunc(found, func(o orphan.Orphan) bool { return declared[o.Key] || !w.Serves(o.Key.Owner) }), true
}

// examine reads the targets of a stack. If healthy targets of another cluster serve, it reads them again after the time
// in which they would become unhealthy.
func (w *Watch) examine(ctx context.Context, o orphan.Orphan, was *examination, unhealthy time.Duration) *examination {
	x := &examination{}
	if was != nil && was.pending {
		*x = *was
	}
	read, err := w.serving(ctx, o)
	now := w.Now()
	switch {
	case err != nil:
		w.Log.V(1).Info("the targets of a stack that no object claims could not be read", "stack", o.Key.String(), "cause",
			err.Error())
		x.next, x.pending = now.Add(time.Minute), false
	case x.pending:
		x.now, x.latest, x.pending, x.next = read, now, false, now.Add(reread)
	case len(namesake.Serving(read)) > 0:
		x.before, x.began, x.latest, x.pending, x.next = read, now, now, true, now.Add(max(unhealthy, time.Minute))
	default:
		x.next = now.Add(reread)
	}
	if w.examined == nil {
		w.examined = map[stack.Key]*examination{}
	}
	w.examined[o.Key] = x
	return x
}

// serving returns the targets of a stack's target groups, up to the first target group with targets that serve and do
// not belong to this cluster.
func (w *Watch) serving(ctx context.Context, o orphan.Orphan) (all []namesake.Target, err error) {
	for _, r := range o.Resources {
		if r.Kind != stack.KindTargetGroup {
			continue
		}
		read, err := w.Targets(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		if all = append(all, read...); len(namesake.Serving(read)) > 0 {
			break
		}
	}
	return all, nil
}

// lag returns how long a target of a stack may still count as healthy after it stops answering.
func lag(o *awsop.Observed) (longest time.Duration) {
	for _, tg := range o.TargetGroups {
		h := tg.HealthCheck
		longest = max(longest, time.Duration(h.UnhealthyThreshold+1)*time.Duration(h.IntervalSeconds+
			h.TimeoutSeconds)*time.Second)
	}
	return longest
}
