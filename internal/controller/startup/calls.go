package startup

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/degraded"
)

// denialLife is how long a denied action counts that is not called again: the object that needs it may be gone.
const denialLife = 20 * time.Minute

// sweepInterval is the pause between looks for denials that count no more.
const sweepInterval = time.Minute

// Calls follows the outcomes of AWS calls: which credentials and permissions AWS misses.
type Calls struct {
	Conditions *degraded.Conditions
	Now        func() time.Time
	// Aside reports whether nothing in the cluster needs what a denied call was to read, so that the denial is an answer and no lack; nil = there are no
	// such calls. It is set before the first call.
	Aside func(cloud.Call) bool

	mu     sync.Mutex
	denied map[string]denial // by operation
}

type denial struct {
	action string
	at     time.Time
}

// Observe takes a call that has ended.
func (c *Calls) Observe(call cloud.Call) {
	if call.Service == cloud.ServiceSTS { // AssumeRole of roles that users name: their objects show it
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if call.Err == nil {
		c.Conditions.Heal(degraded.Credentials)
		if _, ok := c.denied[call.Operation]; ok {
			delete(c.denied, call.Operation)
			c.show()
		}
		return
	}
	lack, ok := cloud.Lack(call.Operation, call.Err)
	switch {
	case !ok:
	case lack.Reason == degraded.Credentials:
		c.Conditions.Set(lack)
	case c.Aside != nil && c.Aside(call):
	default:
		if c.denied == nil {
			c.denied = map[string]denial{}
		}
		c.denied[call.Operation] = denial{lack.Text, c.Now()}
		c.show()
	}
}

// Run forgets old denials until ctx ends.
func (c *Calls) Run(ctx context.Context) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.Sweep()
		}
	}
}

// Sweep forgets denials that are too old to count.
func (c *Calls) Sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.denied)
	maps.DeleteFunc(c.denied, func(_ string, d denial) bool { return c.Now().Sub(d.at) > denialLife })
	if len(c.denied) < before {
		c.show()
	}
}

// show brings the condition up to date. The lock is held.
func (c *Calls) show() {
	if len(c.denied) == 0 {
		c.Conditions.Heal(degraded.Permissions)
		return
	}
	var actions []string
	for _, d := range c.denied {
		actions = append(actions, d.action)
	}
	slices.Sort(actions)
	actions = slices.Compact(actions)
	c.Conditions.Set(degraded.Condition{Reason: degraded.Permissions, Text: "AWS denies the controller's role " + strings.Join(actions, ", "),
		Remedy: "allow the role these actions (lbc iam-policy prints the policy); what needs them waits"})
}
