package startup

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// denialLife is how long a denied action counts that is not called again. It holds for services that do not answer and
// for calls that are throttled, too.
const denialLife = 20 * time.Minute

// sweepInterval is the pause between looks for what begins or ends by time alone.
const sweepInterval = 5 * time.Second

// settledFor is how long a denial is remembered after a call of the same operation has succeeded: the denial may
// concern one resource, and the call another one. What was denied is tried again at once, and a new denial within this
// time shows that the cause has not ended.
const settledFor = 30 * time.Second

// unneededFor is how long a denial is remembered after the last call, once nothing waits for it any longer: the object
// that needed it was edited or deleted.
const unneededFor = time.Minute

// doubts are the pauses after a success that showed nothing, in which further ones have nothing tried again.
var doubts = backoff.Policy{First: 15 * time.Second, Longest: time.Minute}

// mostActions is how many denied actions the condition names. A policy that was taken away denies all of them, which is
// one cause.
const mostActions = 3

// Calls follows the outcomes of AWS calls: which credentials and permissions AWS misses, which services do not answer,
// and which calls AWS throttles.
type Calls struct {
	Conditions *impairment.Conditions
	Now        func() time.Time
	// Aside reports whether nothing in the cluster needs what a denied call was to read, so that the denial is an answer
	// and no lack; nil = there are no such calls. It is set before the first call.
	Aside func(awsclient.Call) bool
	// Needed reports whether something waits now because AWS denied a call; nil = that is not known. It is set before the
	// first call.
	Needed func() bool
	// Denied shows whether an action is denied; nil = nothing does. It must not wait.
	Denied func(action string, denied bool)
	// Recovered is called when a cause of failures ends: all credentials, actions, services or rates of calls of a
	// reason, or one among several; nil = no call. It must not wait, and not use the Calls.
	Recovered func(impairment.Reason)

	mu        sync.Mutex
	denied    map[string]*denial // by operation
	rejecting map[string]bool    // services that did not accept the credentials
	services  map[string]*answers
	families  map[string]*refusals
}

// denial is that of an operation. An answer to another resource's call may be a success all the same.
type denial struct {
	action  string
	at      time.Time
	allowed time.Time // of a success after it, by which it may have ended; zero = none
	until   time.Time // until then a success shows nothing
	refuted int       // successes after which the operation was denied again
	needed  bool      // something has waited for it
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
		c.permitted(call.Operation)
	case !lacks:
	case lack.Reason == impairment.Credentials:
		if c.rejecting == nil {
			c.rejecting = map[string]bool{}
		}
		c.rejecting[call.Service] = true
		// others say more about the cause
		if awsclient.Classify(call.Err).Code != awsclient.CodeRequestExpired || !c.Conditions.Has(impairment.Credentials) {
			c.Conditions.Set(lack)
		}
	case c.Aside != nil && c.Aside(call):
	default:
		c.deny(call.Operation, lack.Text)
	}
}

// permitted takes the success of an operation that may have been denied. The lock is held.
func (c *Calls) permitted(operation string) {
	d, now := c.denied[operation], c.Now()
	if d == nil || !d.allowed.IsZero() || now.Before(d.until) {
		return
	}
	d.allowed = now
	c.recovered(impairment.Permissions)
}

// deny takes the denial of an operation. The lock is held.
func (c *Calls) deny(operation, action string) {
	if c.denied == nil {
		c.denied = map[string]*denial{}
	}
	d := c.denied[operation]
	if d == nil {
		d = &denial{}
		c.denied[operation] = d
	}
	former := d.action
	d.action, d.at = action, c.Now()
	if !d.allowed.IsZero() {
		d.refuted++
		d.allowed, d.until = time.Time{}, d.at.Add(doubts.Pause(d.refuted))
	}
	c.show()
	c.showAction(action)
	if former != "" && former != action { // AWS denies a call for one action, and then for the next
		c.showAction(former)
	}
}

// accepted ends the condition of credentials after an answer of a service that did not accept them: a success, or a
// refusal for another reason. An answer of another service shows nothing: the account may lack one that all others
// accept. The lock is held.
func (c *Calls) accepted(call awsclient.Call) {
	if !c.rejecting[call.Service] {
		return
	}
	// a service may throttle, or fail, before it looks at credentials
	if err := call.Err; err != nil && (awsclient.Classify(err).Code == "" || awsclient.Passing(err)) {
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
	for sleep.For(ctx, sweepInterval) == nil {
		c.Sweep()
	}
}

// Sweep forgets denials that have ended or are too old to count, and looks which services do not answer and which calls
// are throttled.
func (c *Calls) Sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, now := map[string]bool{}, c.Now()
	needed := len(c.denied) > 0 && c.Needed != nil && c.Needed()
	maps.DeleteFunc(c.denied, func(_ string, d *denial) bool {
		d.needed = d.needed || needed
		past := now.Sub(d.at) > denialLife || !d.allowed.IsZero() && now.Sub(d.allowed) >= settledFor ||
			d.needed && !needed && now.Sub(d.at) >= unneededFor
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
