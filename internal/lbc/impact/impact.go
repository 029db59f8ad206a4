// Package impact says what plans change in addition to AWS's resources themselves: the units of the bill, and who can
// reach what. It compares each observation with the one after the steps of its plan, by the same Advance that updates
// the controller's caches. It is pure.
package impact

import (
	"cmp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Input are the plans with the observations that they were made from.
type Input struct {
	Stacks       []Stack
	Accelerators []Accelerator
	// Others are plans of TargetGroupBindings, and of security groups of pods and nodes.
	Others []plan.Plan
	// Unknown are plans that could not be made although they may open something, each with the reason.
	Unknown []Unknown
}

// Stack is the plan of a stack.
type Stack struct {
	Plan     plan.Plan
	Observed awsop.Observed
	// Bindings are the wanted ones, which name the Services of target groups.
	Bindings []stack.Binding
}

// Accelerator is the plan of an accelerator.
type Accelerator struct {
	Plan     plan.Plan
	Observed accelerator.Observed
}

// Report has the changes of the plans. Its lists are never null.
type Report struct {
	Bill     []Unit    `json:"bill"`
	Exposure []Change  `json:"exposure"`
	Unknown  []Unknown `json:"unknown"`
}

// Unknown is something that could not be read, so that it is not known what a plan changes of it.
type Unknown struct {
	Of   string `json:"of"`
	What string `json:"what"`
	// Exposes reports whether it may be an exposure, so that --fail-on exposure fails because of it.
	Exposes bool `json:"exposes"`
}

// Kind is the kind of a change of exposure.
type Kind string

// Kinds of changes, the worst first.
const (
	Opens             Kind = "opens"
	LosesLogin        Kind = "loses-login"
	LosesCertificate  Kind = "loses-client-certificate"
	LosesProtection   Kind = "loses-protection"
	ChangesLogin      Kind = "changes-login"
	ChangesProtection Kind = "changes-protection"
	Reaches           Kind = "reaches"
	Fails             Kind = "fails"
	Renames           Kind = "renames"
	Unserved          Kind = "unserved"
	Closes            Kind = "closes"
)

// kindRow explains a kind.
type kindRow struct {
	Kind    Kind
	Exposes bool // --fail-on exposure fails because of it
	About   string
}

// Kinds explains all kinds, in their order; docs/lbc.md has this table.
var Kinds = []kindRow{
	{Opens, true,
		"additional clients can reach a port, because of a new listener, a wider source, another scheme, or a security " +
			"group that lbc does not read"},
	{LosesLogin, true, "requests no longer need a login or a token, or the token needs fewer claims"},
	{LosesCertificate, true, "a listener no longer verifies client certificates, or accepts expired client certificates"},
	{LosesProtection, true, "a web ACL, a Shield protection, TLS, or an attribute that protects is removed"},
	{ChangesLogin, true, "another identity provider or issuer decides which users may pass"},
	{ChangesProtection, true, "another web ACL or trust store decides which requests may pass"},
	{Reaches, true, "requests reach a Service that they did not reach before the change"},
	{Fails, true, "requests that got an answer before the change get an error 5xx"},
	{Renames, true, "the DNS name of a load balancer changes or disappears, or hosts move to another load balancer"},
	{Unserved, false, "requests that reached a Service before the change get an error 4xx, such as the default 404"},
	{Closes, false, "some clients can no longer reach a port"},
}

// Exposes reports whether --fail-on exposure fails because of a change of the kind.
func (k Kind) Exposes() bool {
	return slices.ContainsFunc(Kinds, func(r kindRow) bool { return r.Kind == k && r.Exposes })
}

// Change is a change of exposure.
type Change struct {
	Kind Kind `json:"kind"`
	// Of is the stack, accelerator or TargetGroupBinding.
	Of string `json:"of"`
	// Where is a port, the conditions of requests, or a load balancer.
	Where  string `json:"where"`
	Before string `json:"before"`
	After  string `json:"after"`
	// To are those to whom a port opens or closes, the nearest to everyone first.
	To []string `json:"to,omitempty"`
	// Hosts are those that the change concerns.
	Hosts []string `json:"hosts,omitempty"`
	// Example is a request that the change concerns.
	Example string `json:"example,omitempty"`
	// Exposes reports whether --fail-on exposure fails because of the change.
	Exposes bool `json:"exposes"`
	// Steps are the steps of the plan that make the change.
	Steps []plan.StepID `json:"steps,omitempty"`
}

// Of compares what is before and after plans.
func Of(in Input) Report {
	r := Report{Bill: []Unit{}, Exposure: []Change{}, Unknown: slices.Clone(in.Unknown)}
	var before, after tally
	moves := moving{was: map[string]map[string]string{}, is: map[string]map[string]string{}}
	for i := range in.Stacks {
		s := &in.Stacks[i]
		c := compare(s)
		r.Exposure = append(r.Exposure, c.changes()...)
		r.Unknown = append(r.Unknown, c.unknown()...)
		before.stack(&s.Observed)
		after.stack(&c.after)
		moves.note(c)
	}
	for i := range in.Accelerators {
		a := &in.Accelerators[i]
		is := acceleratorAfter(a)
		r.Exposure = append(r.Exposure, acceleratorChanges(a, is)...)
		before.accelerator(&a.Observed)
		after.accelerator(&is)
	}
	for i := range in.Others {
		r.Exposure = append(r.Exposure, ruleChanges(&in.Others[i])...)
	}
	r.Exposure = append(r.Exposure, moves.changes()...)
	for i := range r.Exposure {
		r.Exposure[i].Exposes = r.Exposure[i].Kind.Exposes()
	}
	slices.SortStableFunc(r.Exposure, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Of, b.Of), rank(a.Kind)-rank(b.Kind),
			strings.Compare(a.Where, b.Where), strings.Compare(a.After, b.After))
	})
	r.Bill = append(r.Bill, units(before, after)...)
	if r.Unknown == nil {
		r.Unknown = []Unknown{}
	}
	return r
}

func rank(k Kind) int { return slices.IndexFunc(Kinds, func(r kindRow) bool { return r.Kind == k }) }

// Empty reports whether there is nothing to say.
func (r *Report) Empty() bool {
	return len(r.Exposure)+len(r.Unknown) == 0 && !slices.ContainsFunc(r.Bill, Unit.Changes)
}

// waits are the guards of steps that are carried out as soon as somebody consents or a hold ends: the plan is judged as
// if that had happened.
var waits = []diag.Code{diag.PlanNotApproved, diag.TakeoverNotApproved, diag.OnlyObserved, diag.PlanOnHold}

// refused reports whether a step will not be carried out as the objects are.
func refused(s plan.Step) bool { return s.Guard != nil && !slices.Contains(waits, s.Guard.Code) }

// carriedOut are the steps that are carried out sooner or later: no guard refuses them, nor what they need.
func carriedOut(p plan.Plan) (out []plan.Step) {
	left := map[plan.StepID]bool{}
	for _, s := range p.Steps {
		if refused(s) || slices.ContainsFunc(s.Needs, func(id plan.StepID) bool { return left[id] }) {
			left[s.ID] = true
			continue
		}
		out = append(out, s)
	}
	return out
}

// after is an observation after a plan. A load balancer that another one replaces is gone, although a later plan may
// delete it.
func after(p plan.Plan, o awsop.Observed) awsop.Observed {
	o = o.Clone()
	values := map[stack.Ref]string{}
	for _, k := range p.Known {
		values[k.Ref] = k.Value
	}
	resolve := func(r stack.Ref) string {
		if v, ok := values[r]; ok && r.Literal == "" {
			return v
		}
		return cmp.Or(r.Literal, planned(r))
	}
	for _, s := range carriedOut(p) {
		if s.Action == plan.Replace && s.Resource.Kind == stack.KindLoadBalancer {
			o = withoutBalancers(o, s.Resource.ID)
		}
		ref := stack.Ref{Kind: s.Resource.Kind, ID: s.Resource.ID}
		out := awsop.Output{ID: planned(ref), State: "active", Protection: "planned"}
		if s.Op.About().Verb == plan.Creates {
			values[ref] = out.ID
		}
		o = awsop.Advance(o, s.Op, out, resolve)
	}
	return o
}

// planned stands for the ARN or id of a resource that a plan creates.
func planned(r stack.Ref) string { return "planned:" + string(r.Kind) + "/" + r.ID }

// isPlanned reports whether an ARN or id stands for what a plan creates.
func isPlanned(arn string) bool { return strings.HasPrefix(arn, "planned:") }

// withoutBalancers is an observation without the load balancers of an identity.
func withoutBalancers(o awsop.Observed, id string) awsop.Observed {
	gone := map[string]bool{}
	for _, lb := range o.LoadBalancers {
		gone[lb.ARN] = lb.ID == id && !lb.Foreign
	}
	listeners := map[string]bool{}
	for _, l := range o.Listeners {
		listeners[l.ARN] = gone[l.LoadBalancer.Literal]
	}
	o.LoadBalancers = slices.DeleteFunc(o.LoadBalancers, func(lb awsop.LoadBalancer) bool { return gone[lb.ARN] })
	o.Listeners = slices.DeleteFunc(o.Listeners, func(l awsop.Listener) bool { return listeners[l.ARN] })
	o.Rules = slices.DeleteFunc(o.Rules, func(r awsop.Rule) bool { return listeners[r.Listener.Literal] })
	return o
}
