package startup

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// denialLife is how long a denied action counts that is not called again: the object that needs it may be gone. It holds for services that do not
// answer and for calls that are throttled, too.
const denialLife = 20 * time.Minute

// sweepInterval is the pause between looks for what begins or ends by time alone.
const sweepInterval = 5 * time.Second

// mostActions is how many denied actions the condition names. A policy that was taken away denies all of them, which is one cause.
const mostActions = 3

// Calls follows the outcomes of AWS calls: which credentials and permissions AWS misses, which services do not answer, and which calls AWS throttles.
type Calls struct {
	Conditions *impairment.Conditions
	Now        func() time.Time
	// Aside reports whether nothing in the cluster needs what a denied call was to read, so that the denial is an answer and no lack; nil = there are no
	// such calls. It is set before the first call.
	Aside func(awsclient.Call) bool
	// Denied shows whether an action is denied; nil = nothing does. It must not wait.
	Denied func(action string, denied bool)
	// Recovered is called when a cause of failures ends: all credentials, actions, services or rates of calls of a reason, or one among several; nil =
	// no call. It must not wait, and not use the Calls.
	Recovered func(impairment.Reason)

	mu        sync.Mutex
	denied    map[string]denial // by operation
	rejecting map[string]bool   // services that did not accept the credentials
	services  map[string]*answers
	families  map[string]*refusals
}

type denial struct {
	action string
	at     time.Time
}

// Observe takes a call that has ended.
func (c *Calls) Observe(call awsclient.Call) {
	if call.Service == awsclient.ServiceSTS { // AssumeRole of roles that users name: their objects show it
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	lack, lacks := impairment.Condition{}, false
	if call.Err != nil {
		lack, lacks = awsclient.Lack(call.Operation, call.Err)
	}
	if !lacks || lack.Reason != impairment.Credentials {
		c.accepted(call)
	}
	switch {
	case call.Err == nil:
		if d, ok := c.denied[call.Operation]; ok {
			delete(c.denied, call.Operation)
			c.show()
			c.recovered(impairment.Permissions)
			c.showAction(d.action)
		}
	case !lacks:
	case lack.Reason == impairment.Credentials:
		if c.rejecting == nil {
			c.rejecting = map[string]bool{}
		}
		c.rejecting[call.Service] = true
		c.Conditions.Set(lack)
	case c.Aside != nil && c.Aside(call):
	default:
		if c.denied == nil {
			c.denied = map[string]denial{}
		}
		c.denied[call.Operation] = denial{lack.Text, c.Now()}
		c.show()
		c.showAction(lack.Text)
	}
}

// accepted ends the condition of credentials after an answer of a service that did not accept them: a success, or a refusal for another reason. An
// answer of another service shows nothing: the account may lack one that all others accept. The lock is held.
func (c *Calls) accepted(call awsclient.Call) {
	if !c.rejecting[call.Service] {
		return
	}
	if err := call.Err; err != nil && (awsclient.Classify(err).Code == "" || awsclient.Passing(err)) { // a service may throttle, or fail, before it looks at credentials
		return
	}
	c.rejecting = nil // what is still refused for its credentials shows that again
	c.Conditions.Heal(impairment.Credentials)
	c.recovered(impairment.Credentials)
}

func (c *Calls) recovered(r impairment.Reason) {
	if c.Recovered != nil {
		c.Recovered(r)
	}
}

// Run looks for what begins or ends by time alone until ctx ends.
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

// Sweep forgets denials that are too old to count, and looks which services do not answer and which calls are throttled.
func (c *Calls) Sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := map[string]bool{}
	maps.DeleteFunc(c.denied, func(_ string, d denial) bool {
		past := c.Now().Sub(d.at) > denialLife
		if past {
			old[d.action] = true
		}
		return past
	})
	if len(old) > 0 {
		c.show()
	}
	for action := range old {
		c.showAction(action)
	}
	c.showAnswers()
	c.showRefusals()
}

// show brings the condition up to date. The lock is held.
func (c *Calls) show() {
	if len(c.denied) == 0 {
		c.Conditions.Heal(impairment.Permissions)
		return
	}
	var actions []string
	for _, d := range c.denied {
		actions = append(actions, d.action)
	}
	slices.Sort(actions)
	actions = slices.Compact(actions)
	text := strings.Join(actions, ", ")
	if len(actions) > mostActions {
		text = "more than three actions, which lbc_actions_denied lists"
	}
	c.Conditions.Set(impairment.Condition{Reason: impairment.Permissions, Text: "AWS denies the controller's role " + text,
		Remedy: "allow the role these actions (lbc iam-policy prints the policy); what needs them waits"})
}

// showAction shows whether a call is denied that needs an action. The lock is held.
func (c *Calls) showAction(action string) {
	if c.Denied == nil {
		return
	}
	denied := false
	for _, d := range c.denied {
		denied = denied || d.action == action
	}
	c.Denied(action, denied)
}
