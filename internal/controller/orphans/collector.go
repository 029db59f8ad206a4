// Package orphans looks, while this process leads, for what AWS holds of the cluster and no object claims: it reports it, and deletes it after a
// quarantine with --delete-orphans-after. What an orphan is, package orphan decides; what is deleted is a plan like any other.
package orphans

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

const (
	// Pause is the pause between two looks. Two looks in a row confirm an orphan, so that it is reported within a minute of the start.
	Pause = 15 * time.Second
	// repeat is the pause between events about an orphan that stays: the API server deletes events after an hour.
	repeat = time.Hour
	// verify is the pause between reads of the tags of what is reported: a user who keeps it takes the cluster's tag off.
	verify = 10 * time.Minute
	// kept is how much of a quarantine a restart may forget: it is what grows between two writes of its checkpoint.
	kept = 5 * time.Minute
)

// attempts are the pauses between attempts to delete what AWS or a policy keeps. Each lists the account.
var attempts = backoff.Policy{First: Pause, Longest: 30 * time.Minute}

// Account is what AWS holds, as package inventory has read it.
type Account interface {
	Keys(ctx context.Context) ([]stack.Key, error)
	Listed(key stack.Key) awsop.Observed
	Invalidate(key stack.Key)
	Observed(ctx context.Context, key stack.Key, desired *stack.Stack) (awsop.Observed, error)
	Disowned(ctx context.Context, key stack.Key, ids []string) ([]string, error)
	Came(key stack.Key) []string
	LoadBalancers() int
}

// Collector looks for orphans. Its fields are set before Start.
type Collector struct {
	Account      Account
	Certificates func() map[stack.Key][]string // that stacks own, as far as they were listed: a look makes no call; nil = they own none
	// Cached and Live are readers of the objects of all namespaces: of the informers' caches, and of the API server. Synced reports whether the caches are complete.
	Cached, Live func(ctx context.Context) objects.Reader
	Synced       func(ctx context.Context) bool
	Declared     func() []stack.Key // over which passes are made: they need no look
	Serves       func(of stack.Owner) bool
	Bindings     func(ctx context.Context, key stack.Key) ([]awsop.Binding, error)
	Run          func(ctx context.Context, p plan.Plan) apply.Result
	Cluster, VPC string
	Options      diff.Options
	After        time.Duration // the quarantine; 0 = orphans are reported and stay
	Brake        *brake.Brake
	Subject      func(ctx context.Context, of stack.Key) (diag.Object, bool) // of events
	Record       reporting.Record
	Checkpoints  *checkpoint.Writer
	Now          func() time.Time
	Log          logr.Logger
	// Shared takes what another cluster of the same name looks after; while it knows of any, nothing is an orphan. nil = there is no other.
	Shared *namesake.Shared
	// Targets reads the targets of a target group; nil = they are not asked for.
	Targets func(ctx context.Context, arn string) ([]namesake.Target, error)

	examined map[stack.Key]*examination // by Look

	mu         sync.Mutex
	quarantine orphan.Quarantine
	reported   map[stack.Key]*report
	denied     bool // the last look, while nothing was declared: the role may be for TargetGroupBindings alone
}

// report is what was reported of an orphan.
type report struct {
	orphan   orphan.Orphan
	event    time.Time // when the last one was recorded
	verified time.Time // when its tags were read last
	outcome  string    // of the last attempt to delete it, as it was logged
	attempts int       // to delete it
	next     time.Time // not before
	written  orphan.Seen
}

// Start looks until ctx ends. It implements manager.Runnable and runs on the leader only.
func (c *Collector) Start(ctx context.Context) error {
	queue.Every(queue.Background(ctx, awsclient.Listing), Pause, nil, c.Look)
	return nil
}

// Count is how many orphans are reported.
func (c *Collector) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.reported)
}

// Restore enters what an earlier process has seen. A nil Collector takes nothing.
func (c *Collector) Restore(restored checkpoint.Restored) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, text := range restored.Entries {
		if id.Kind != checkpoint.Orphans {
			continue
		}
		if key, s, ok := orphan.ParseSeen(id.Name, text); ok {
			c.quarantine.Restore(key, s)
		}
	}
}

// Look looks once. What it does not see completely, it does not count: neither for an orphan nor against one.
func (c *Collector) Look(ctx context.Context) {
	found, ok := c.find(ctx)
	c.mu.Lock()
	if !ok {
		c.quarantine.Skip()
		c.mu.Unlock()
		return
	}
	c.quarantine.Look(c.Now(), found)
	c.mu.Unlock()
	found = c.withoutOthers(ctx, found)
	c.mu.Lock()
	due := c.note(ctx, found)
	c.mu.Unlock()
	for _, o := range due { // before the first is read, so that one listing shows all
		c.Account.Invalidate(o.Key)
	}
	for _, o := range due {
		c.remove(ctx, o)
	}
	c.verify(ctx)
}

// find returns what no object claims; ok is false if that is not known.
func (c *Collector) find(ctx context.Context) (found []orphan.Orphan, ok bool) {
	declared := map[stack.Key]bool{}
	for _, key := range c.Declared() {
		declared[key] = true
	}
	if c.denied && len(declared) == 0 || !c.Synced(ctx) {
		return nil, false
	}
	held, err := c.held(ctx, declared)
	if c.denied = err != nil && awsclient.Classify(err).Class == diag.Denied; err != nil {
		return nil, false
	}
	v := objects.New(c.Cached(ctx))
	if len(held) == 0 && !c.bindingsWithout(v, declared) {
		return nil, v.Err() == nil
	}
	claims := orphan.ClaimsOf(v)
	if v.Err() != nil {
		return nil, false
	}
	found, unclear := orphan.Find(held, claims)
	for _, u := range unclear {
		c.Log.V(1).Info("whether an object claims a stack is not known", "stack", u.Key.String(), "why", u.Why)
	}
	return slices.DeleteFunc(found, func(o orphan.Orphan) bool { return declared[o.Key] || !c.Serves(o.Key.Owner) }), true
}

// held is what AWS holds of stacks over which no passes are made.
func (c *Collector) held(ctx context.Context, declared map[stack.Key]bool) (out []orphan.Holding, err error) {
	keys, err := c.Account.Keys(ctx)
	if err != nil {
		return nil, err
	}
	at := map[stack.Key]int{}
	for _, key := range keys {
		if !declared[key] && c.Serves(key.Owner) {
			o := c.Account.Listed(key)
			at[key] = len(out)
			out = append(out, orphan.HoldingOf(key, &o))
		}
	}
	if c.Certificates == nil {
		return out, nil
	}
	for key, arns := range c.Certificates() {
		if declared[key] || !c.Serves(key.Owner) {
			continue
		}
		if _, known := at[key]; !known {
			at[key] = len(out)
			out = append(out, orphan.Holding{Key: key})
		}
		for _, arn := range arns {
			out[at[key]].Resources = append(out[at[key]].Resources, orphan.Resource{Kind: stack.KindCertificate, ID: arn})
		}
	}
	return out, nil
}

// bindingsWithout reports whether a TargetGroupBinding has the labels of a stack over which no passes are made.
func (c *Collector) bindingsWithout(v *objects.View, declared map[stack.Key]bool) bool {
	short := make(map[stack.Key]bool, len(declared))
	for key := range declared {
		short[orphan.Labelled(key)] = true
	}
	for _, b := range v.TargetGroupBindings("") {
		if key, ok := orphan.StackOf(b.Labels); ok && !short[key] {
			return true
		}
	}
	return false
}

// note reports what is new or has lasted, forgets what is no longer found, and returns what is due. c.mu is held.
func (c *Collector) note(ctx context.Context, found []orphan.Orphan) (due []orphan.Orphan) {
	now, next := c.Now(), map[stack.Key]*report{}
	for _, o := range found {
		s, confirmed := c.quarantine.Seen(o.Key)
		r := c.reported[o.Key]
		if !confirmed && r == nil {
			continue
		}
		if r == nil {
			r = &report{verified: now}
			c.Log.Info("AWS holds resources with the tags of the cluster that no object claims", "stack", o.Key.String(), "tag", orphan.Tag(o.Key), "resources", texts(o.Resources),
				"since", s.Since.UTC().Format(time.RFC3339), "why", o.Why, "deletion", c.fate(s), "delete", o.Delete(true), "keep", strings.Join(o.Keep(), "; "))
		}
		r.orphan, next[o.Key] = o, r
		if now.Sub(r.event) >= repeat {
			r.event = now
			c.event(ctx, o, s)
		}
		if !slices.Equal(r.written.IDs, s.IDs) || s.Watched-r.written.Watched >= kept || s.Watched < r.written.Watched {
			r.written = s
			c.Checkpoints.Put(checkpoint.Orphans, o.Key.String(), s)
		}
		if c.quarantine.Due(o.Key, c.After) && !now.Before(r.next) {
			r.attempts++
			r.next = now.Add(attempts.Pause(r.attempts))
			due = append(due, o)
		}
	}
	for key := range c.reported {
		if next[key] == nil {
			c.Checkpoints.Delete(checkpoint.Orphans, key.String())
			c.Brake.Forget(key.String())
			c.Log.Info("no longer an orphan: it is gone, or claimed", "stack", key.String())
		}
	}
	c.reported = next
	return due
}

// fate is what becomes of an orphan.
func (c *Collector) fate(s orphan.Seen) string {
	if c.After <= 0 {
		return "it stays because --delete-orphans-after is 0"
	}
	return "the controller deletes it after " + c.After.String() + " without an owner, of which " + s.Watched.Round(time.Second).String() + " have passed"
}

func (c *Collector) event(ctx context.Context, o orphan.Orphan, s orphan.Seen) {
	subject, ok := c.Subject(ctx, o.Key)
	if !ok {
		return
	}
	c.Record(subject, reporting.EventOf(diag.New(subject, "", diag.Orphaned,
		"AWS holds "+strings.Join(texts(o.Resources), ", ")+" of "+orphan.Tag(o.Key)+", seen since "+s.Since.UTC().Format(time.RFC3339)+": "+o.Why+"; "+c.fate(s),
		"to delete it: "+o.Delete(true)+"; to keep it, remove the cluster's tag from it: lbc orphans has the commands")))
}

func texts(all []orphan.Resource) []string {
	out := make([]string, len(all))
	for i, r := range all {
		out[i] = r.String()
	}
	return out
}
