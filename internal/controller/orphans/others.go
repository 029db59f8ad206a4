package orphans

import (
	"context"
	"maps"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const (
	// readsPerLook is how many stacks have their targets read in a look.
	readsPerLook = 10
	// reread is the pause between reads of the targets of a stack that stays without a claim.
	reread = time.Hour
)

// examination is what reads of the targets of a stack have shown.
type examination struct {
	before, now   []namesake.Target
	began, latest time.Time
	next          time.Time // not before
	pending       bool      // a second read decides
}

// withoutOthers leaves out the stacks that the controller of another cluster of the same name may look after: all, once that is known of one of them, since what is left
// of this cluster and what is the other one's have the same tags. A stack of which a second read decides is left out until then.
func (c *Collector) withoutOthers(ctx context.Context, found []orphan.Orphan) (out []orphan.Orphan) {
	if c.Shared == nil {
		return found
	}
	there := map[string]bool{}
	for _, o := range found {
		there[o.Key.String()] = true
	}
	c.Shared.Keep(func(of string) bool { return there[of] })
	maps.DeleteFunc(c.examined, func(key stack.Key, _ *examination) bool { return !there[key.String()] })
	reads := 0
	for _, o := range found {
		listed := c.Account.Listed(o.Key)
		s := namesake.Stack{Orphan: o, Came: c.Account.Came(o.Key), Unhealthy: lag(&listed)}
		c.mu.Lock()
		_, confirmed := c.quarantine.Seen(o.Key)
		c.mu.Unlock()
		x := c.examined[o.Key]
		if confirmed && c.Targets != nil && (x == nil || !c.Now().Before(x.next)) && reads < readsPerLook {
			reads++
			x = c.examine(ctx, o, x, s.Unhealthy)
		}
		if x != nil {
			s.Before, s.Now, s.Apart = x.before, x.now, x.latest.Sub(x.began)
		}
		if evidence := s.Evidence(); confirmed && evidence != "" {
			c.Shared.Found(o.Key.String(), evidence)
		}
		if confirmed && c.Targets != nil && x == nil || x != nil && x.pending {
			continue
		}
		out = append(out, o)
	}
	if c.Shared.Known() {
		return nil
	}
	return out
}

// examine reads the targets of a stack. Those that serve and are none of this cluster are read again once they had the time to become unhealthy.
func (c *Collector) examine(ctx context.Context, o orphan.Orphan, was *examination, unhealthy time.Duration) *examination {
	x := &examination{}
	if was != nil && was.pending {
		*x = *was
	}
	read, err := c.serving(ctx, o)
	now := c.Now()
	switch {
	case err != nil:
		c.Log.V(1).Info("the targets of a stack that no object claims could not be read", "stack", o.Key.String(), "cause", err.Error())
		x.next, x.pending = now.Add(time.Minute), false
	case x.pending:
		x.now, x.latest, x.pending, x.next = read, now, false, now.Add(reread)
	case len(namesake.Serving(read)) > 0:
		x.before, x.began, x.latest, x.pending, x.next = read, now, now, true, now.Add(max(unhealthy, time.Minute))
	default:
		x.next = now.Add(reread)
	}
	if c.examined == nil {
		c.examined = map[stack.Key]*examination{}
	}
	c.examined[o.Key] = x
	return x
}

// serving are the targets of a stack's target groups, up to the first target group with any that serve and are none of this cluster.
func (c *Collector) serving(ctx context.Context, o orphan.Orphan) (all []namesake.Target, err error) {
	for _, r := range o.Resources {
		if r.Kind != stack.KindTargetGroup {
			continue
		}
		read, err := c.Targets(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		if all = append(all, read...); len(namesake.Serving(read)) > 0 {
			break
		}
	}
	return all, nil
}

// lag is how long a load balancer may call a target of a stack healthy that no longer answers.
func lag(o *awsop.Observed) (longest time.Duration) {
	for _, tg := range o.TargetGroups {
		h := tg.HealthCheck
		longest = max(longest, time.Duration(h.UnhealthyThreshold+1)*time.Duration(h.IntervalSeconds+h.TimeoutSeconds)*time.Second)
	}
	return longest
}
