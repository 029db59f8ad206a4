// Package offline makes plans without a running controller: from objects of a view and the state of AWS in an
// inventory, with the packages that the controller uses. It writes nothing.
package offline

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/compile/shard"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

// Account is the state of AWS, as the inventory provides it.
type Account interface {
	front.FactSource
	Observed(ctx context.Context, key stack.Key, desired *stack.Stack) (awsop.Observed, error)
	Registered(ctx context.Context, targetGroup string) ([]awsop.Target, error)
	// Holder is the stack of the cluster that has a load balancer or target group of a name.
	Holder(kind stack.Kind, name string) (holder stack.Key, known bool)
}

// Cluster is what a cluster holds of stacks that the objects of a view do not show.
type Cluster struct {
	// Bindings are the existing TargetGroupBindings of a stack; nil = there are none.
	Bindings func(stack.Key) []awsop.Binding
	// Recorded are the keys of the targets that the cluster registered through a binding of a target group that clusters
	// share. Where it is nil, which of them are other clusters' is not known, and none counts as theirs.
	Recorded func(ctx context.Context, binding stack.ID) (keys []string, known bool, err error)
	// Preceding is the record of the targets that may be older than a binding, from a checkpoint; nil = no checkpoint is
	// read.
	Preceding func(ctx context.Context, namespace, name string) (record bindings.Preceding, known bool)
	// Memory is what the controller remembers of a stack; nil = it is not known, of the stack or of any. A plan with it is
	// the controller's next one: last valid versions serve, and settings in effect stay in effect.
	Memory func(ctx context.Context, key stack.Key) *compile.Memory
}

// memory is what the controller remembers of a stack; nil = it is not known.
func (c Cluster) memory(ctx context.Context, key stack.Key) *compile.Memory {
	if c.Memory == nil {
		return nil
	}
	return c.Memory(ctx, key)
}

// Result is the plan of one stack.
type Result struct {
	Key         stack.Key
	Plan        plan.Plan
	Diagnostics diag.List
	// Unmet are the conditions that a Gateway and the objects around it do not meet.
	Unmet []Unmet
	// Unbuildable reports that the desired stack cannot be built; nothing would be changed.
	Unbuildable bool
	// Instead is what is shown in the place of a plan that is unbuildable; empty = that it cannot be built.
	Instead string
	// DriftAssumed reports that what the drift policy withholds rests on an assumption: that the controller applied
	// everything as it is wanted now.
	DriftAssumed bool
	// Input, Compiled and Observed are the input of the plan.
	Input    front.Input
	Compiled compile.Result
	Observed awsop.Observed
}

// Outcome are the plans of all stacks.
type Outcome struct {
	Stacks []Result
	// Diagnostics are about objects that belong to no stack, as where their class or group is invalid.
	Diagnostics diag.List
}

// Invalid reports whether an object is invalid.
func (o Outcome) Invalid() bool {
	errors := func(d diag.Diagnostic) bool { return d.Severity() == diag.Error }
	return slices.ContainsFunc(o.Diagnostics, errors) || slices.ContainsFunc(o.Stacks, func(r Result) bool {
		return slices.ContainsFunc(r.Diagnostics, errors) || len(r.Unmet) > 0
	})
}

// Planner plans stacks with the state of AWS, the flags of the controller, and what the cluster holds of the stacks.
type Planner struct {
	Account Account
	Config  *config.Config
	Cluster Cluster
	// Progress is called before each stack with how many were planned, and how many there are; nil = it is not.
	Progress func(planned, of int)
	// References is true if the account is the user's: then ARNs that objects name must be of its Region, and certificates
	// must be there.
	References bool
}

// Plans plans the stacks that the objects of the view declare and that only selects, sorted by key.
func (p Planner) Plans(ctx context.Context, v *objects.View, only func(stack.Key) bool) (Outcome, error) {
	s := &planning{
		Planner: p, view: v, loaders: settings.Loaders(p.Config, true), compile: settings.Compile(p.Config),
		placements: map[stack.Key]shard.Placement{},
	}
	if !p.References {
		s.compile.Region = ""
	}
	keys, broken := keysOf(v, s.loaders)
	var out []Result
	keys = slices.DeleteFunc(keys, func(key stack.Key) bool { return !only(key) })
	for i, key := range keys {
		if p.Progress != nil {
			p.Progress(i, len(keys))
		}
		result, exists, err := s.plan(ctx, key)
		if err != nil {
			return Outcome{}, err
		}
		if exists {
			out = append(out, result)
		}
	}
	refuseTakenNames(out, p.Account)
	return Outcome{out, broken}, nil
}

// planning is one run of a Planner over the objects of a view.
type planning struct {
	Planner
	view       *objects.View
	loaders    map[stack.Owner]front.Loader
	compile    compile.Config
	placements map[stack.Key]shard.Placement // of groups with several load balancers
}

// plan plans one stack. exists is false for a load balancer of a group that has nothing to do.
func (s *planning) plan(ctx context.Context, key stack.Key) (result Result, exists bool, err error) {
	w, err := s.load(ctx, key)
	if err != nil {
		return Result{}, false, err
	}
	if w, err = s.place(ctx, key, w); err != nil {
		return Result{}, false, fmt.Errorf("%s: %w", key, err)
	}
	if _, n := naming.ShardOf(key.ID); n > 0 && w.Nothing() {
		return Result{}, false, nil
	}
	before := s.Cluster.memory(ctx, key)
	w = w.Moving(key, before, s.elsewhere(ctx))
	compiled, _, err := front.Compiler{Facts: s.Account, Config: s.compile}.Compile(ctx, key, w, before)
	if err != nil {
		return Result{}, false, fmt.Errorf("%s: %w", key, err)
	}
	result = Result{Key: key, Plan: plan.Plan{Key: key}, Diagnostics: append(slices.Clone(compiled.Diagnostics),
		w.Findings...), Input: w, Compiled: compiled}
	result.Unmet = unmet(w.Decisions, result.Diagnostics)
	if compiled.Stack == nil {
		result.Unbuildable = true
		return result, true, nil
	}
	if err := s.diff(ctx, &result, compiled.Stack, "the state of AWS"); err != nil {
		return Result{}, false, err
	}
	if needs, unread := unreadDeletions(&result, compiled.Stack); unread {
		err = s.diff(ctx, &result, needs, "the deletion protection of what would be deleted")
	}
	if s.References && err == nil {
		err = s.absentCertificates(ctx, &result)
	}
	return result, true, err
}

// diff sets the plan of a result, from an observation of what needs lists. what names that in errors.
func (s *planning) diff(ctx context.Context, result *Result, needs *stack.Stack, what string) error {
	key, w, compiled := result.Key, result.Input, result.Compiled
	o, err := s.Account.Observed(ctx, key, needs)
	if err != nil {
		return fmt.Errorf("%s: reading %s: %w", key, what, err)
	}
	o.Hostnames = w.Hostnames(key.Owner)
	if s.Cluster.Bindings != nil {
		o.Bindings = s.Cluster.Bindings(key)
	}
	result.Observed = o.Clone() // a diff sorts in place
	opt := w.Options(key.Owner, settings.PlanOptions(s.Config))
	opt.Taken = func(kind stack.Kind, name string) bool {
		holder, known := s.Account.Holder(kind, name)
		return known && holder != key
	}
	opt.Replacement = front.Replacement(compiled, settings.ReplacementPolicy(s.Config), time.Now())
	approved, err := front.Approval(w, needs, o, s.compile.LoadBalancersOfOthers)
	if err != nil {
		return err
	}
	withheld, assumed := withhold(ctx, compiled, o, s.Config, s.Cluster)
	policies := front.PlanPolicies{Owner: key.Owner, Input: w, Compiled: compiled, Observed: o, Withhold: withheld,
		Approved: approved}
	plan := func() {
		each, final := policies.InOrder()
		result.Plan = diff.Stack(compiled.Stack, compiled.Keep, o.Clone(), opt).Under(each...).Under(final...)
		result.DriftAssumed = assumed && len(result.Plan.Withheld) > 0
	}
	plan()
	if policy.Frozen(result.Plan) {
		policies.Withdraw, err = front.Withdrawals{View: s.view, Loader: s.loaders[key.Owner], Facts: s.Account,
			Compile: s.compile}.Policy(ctx, w, compiled, result.Plan, o)
		if err != nil {
			return fmt.Errorf("%s: forwards that are no longer permitted: %w", key, err)
		}
		plan()
	}
	if s.Cluster.Recorded == nil {
		return nil
	}
	targets := front.RegisteredTargets{InAWS: s.Account.Registered, Recorded: s.Cluster.Recorded}
	if opt.Foreign, err = targets.Foreign(ctx, w, &result.Plan, o); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	} else if len(opt.Foreign) > 0 {
		plan()
	}
	return nil
}

// withhold is the drift policy of a stack. Where it is not known which fields the controller applied last, all that are
// wanted count as applied to a load balancer that exists; assumed reports that.
func withhold(ctx context.Context, r compile.Result, o awsop.Observed, c *config.Config, in Cluster) (p plan.Policy,
	assumed bool) {
	by := front.DriftPolicies(r, settings.DriftPolicy(c))
	wanted := policy.FieldsOf(r.Stack)
	if by.Corrects() || len(o.LoadBalancers) == 0 {
		return policy.Withhold(by, wanted, policy.Fields{}, o), false
	}
	if before := in.memory(ctx, r.Stack.Key); before != nil {
		return policy.Withhold(by, wanted, before.Applied, o), false
	}
	return policy.Withhold(by, wanted, wanted, o), true
}

// place is the part that the load balancer of a stack has of its group, if the group has several. Each group is placed
// once, by the rules that stand in AWS.
func (s *planning) place(ctx context.Context, key stack.Key, w front.Input) (front.Input, error) {
	if _, n := naming.ShardOf(key.ID); n > 0 {
		w.DryRun, w.Findings = nil, nil
	}
	if !w.Declared || !w.Sharded(key) {
		return w, nil
	}
	group := front.ShardKey(key, 0)
	if _, placed := s.placements[group]; !placed {
		p, err := front.Shards{Facts: s.Account, Compile: s.compile, Memory: func(k stack.Key) *compile.Memory {
			return s.Cluster.memory(ctx, k)
		}}.Place(ctx, key, w, nil, false)
		if err != nil {
			return w, err
		}
		s.placements[group] = p
	}
	return w.Part(key, s.placements[group]), nil
}

// elsewhere finds the last valid versions of objects at other stacks.
func (s *planning) elsewhere(ctx context.Context) front.Elsewhere {
	return func(o diag.Object, at []stack.Key) (intent.Member, bool) {
		return front.LastAt(o, at, func(k stack.Key) *compile.Memory { return s.Cluster.memory(ctx, k) })
	}
}

// load loads the input of a stack. The rules of a Gateway that records no construction are built like those that AWS
// holds, as in the controller.
func (s *planning) load(ctx context.Context, key stack.Key) (front.Input, error) {
	ofGroup := s.Cluster.memory(ctx, front.ShardKey(key, 0))
	f := front.Recalling(s.loaders[key.Owner], s.Cluster.memory(ctx, key), s.elsewhere(ctx))
	w := f.Load(s.view, key.ID).Governed(key, ofGroup)
	g, is := f.(front.Gateway)
	derived, open := front.DerivedConstruction(w)
	if !is || !open {
		return w, nil
	}
	o, err := s.Account.Observed(ctx, key, front.WithRules(key))
	if err != nil {
		return w, fmt.Errorf("%s: reading the rules in AWS: %w", key, err)
	}
	if other, differs := front.OtherConstruction(key, o, &s.compile, derived); differs {
		w = g.BuildingAs(other).Load(s.view, key.ID).Governed(key, ofGroup)
	}
	return w, nil
}

// unreadDeletions reports whether a plan deletes load balancers whose attributes, deletion protection among them, were
// not read, and returns a stack whose observation reads them. The controller does not need them, since AWS refuses the
// deletion.
func unreadDeletions(r *Result, desired *stack.Stack) (needs *stack.Stack, unread bool) {
	s := *desired
	s.LoadBalancers = slices.Clone(desired.LoadBalancers)
	for _, step := range r.Plan.Steps {
		if _, deletes := step.Op.(awsop.DeleteLoadBalancer); !deletes || step.Guard != nil {
			continue
		}
		for _, lb := range r.Observed.LoadBalancers {
			// attributes are read only if some are desired
			if lb.ARN == step.Resource.Literal && !lb.Known(awsop.PartAttributes) {
				s.LoadBalancers = append(s.LoadBalancers, stack.LoadBalancer{ID: lb.ID, Type: lb.Type, Scheme: lb.Scheme,
					Attributes: map[string]string{"": ""}})
				unread = true
			}
		}
	}
	return &s, unread
}

// KeysOf returns the stacks that depend on an object.
func KeysOf(v *objects.View, c *config.Config, o metav1.Object) (keys []stack.Key) {
	for _, f := range settings.Loaders(c, true) {
		of, _ := front.StacksOf(f, v, o)
		keys = append(keys, of...)
	}
	return keys
}

// GatewaysOf returns the Gateways that a route or ListenerSet names, also by ListenerSets, each once.
func GatewaysOf(v *objects.View, o metav1.Object) (out []objects.Ref) {
	for _, r := range objects.References(o) {
		switch r.Kind {
		case objects.Gateway:
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		case objects.ListenerSet:
			set, ok := objects.Lookup[metav1.Object](v, r.Kind, r.Namespace, r.Name)
			if !ok {
				continue
			}
			for _, g := range GatewaysOf(v, set) {
				if !slices.Contains(out, g) {
					out = append(out, g)
				}
			}
		default:
		}
	}
	return out
}

// Reads returns the reads by which the load balancer of a stack is loaded.
func Reads(reader objects.Reader, c *config.Config, key stack.Key) []objects.Read {
	v := objects.New(reader)
	if f := settings.Loaders(c, true)[key.Owner]; f != nil {
		f.Load(v, key.ID)
	}
	return v.Reads()
}

// KeyOf returns the stack that an object belongs to; ok is false if it is not managed, and d reports an invalid class
// or group.
func KeyOf(v *objects.View, c *config.Config, o metav1.Object) (key stack.Key, d *diag.Diagnostic, ok bool) {
	loaders := settings.Loaders(c, true)
	for _, k := range owner.Kinds {
		if !k.Is(o) || loaders[k.Owner] == nil {
			continue
		}
		if id, ok, d := loaders[k.Owner].Declared(v, o); ok || d != nil {
			return stack.Key{Owner: k.Owner, ID: id}, d, ok
		}
	}
	return stack.Key{}, nil, false
}
