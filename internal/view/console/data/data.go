// Package data makes the views of the web console from the results of compile and plan, for the command line. It
// reads and decides nothing.
package data

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/view/console"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// LoadBalancer is the known state of a load balancer.
type LoadBalancer struct {
	Key     stack.Key
	Objects []diag.Object // that declare it
	// Stack is what is wanted; nil = it cannot be built, or that is not known.
	Stack    *stack.Stack
	Keep     stack.Keep
	Origins  map[stack.Ref]compile.Origin
	Observed awsop.Observed
	Plan     plan.Plan // what is to be done
	Findings []explain.Finding
	// Unbuildable reports that what is wanted cannot be built.
	Unbuildable bool
}

// Summary returns the load balancer in a list.
func (b *LoadBalancer) Summary() console.Summary {
	s := console.Summary{
		Key: b.Key.String(), Kind: owner.Of(b.Key.Owner).Kind, Title: b.Key.ID.String(), State: "not created",
		Objects: []string{}, Listeners: []string{},
		Changes: len(b.Plan.Steps), Unbuildable: b.Unbuildable,
	}
	if b.Key.ID.Namespace == "" {
		s.Title += " (group)"
	}
	for _, o := range b.Objects {
		s.Objects = append(s.Objects, o.String())
	}
	for _, f := range b.Findings {
		if f.Severity == "error" {
			s.Errors++
		} else {
			s.Notes++
		}
	}
	for _, lb := range b.Observed.LoadBalancers {
		if lb.ID == stack.LoadBalancerIdentity {
			s.Name, s.DNSName, s.State = lb.Name, lb.DNSName, cmp.Or(lb.State, "unknown")
		}
	}
	if b.Stack == nil {
		return s
	}
	for _, lb := range b.Stack.LoadBalancers {
		if lb.ID == stack.LoadBalancerIdentity {
			s.Type, s.Scheme, s.Name = string(lb.Type), lb.Scheme, cmp.Or(s.Name, lb.Name)
		}
	}
	for _, l := range b.Stack.Listeners {
		if l.LoadBalancer.ID == stack.LoadBalancerIdentity {
			s.Listeners = append(s.Listeners, fmt.Sprintf("%s %d", l.Protocol, l.Port))
		}
	}
	s.Rules = len(b.Stack.Rules)
	return s
}

// Findings are findings about a load balancer, or with an empty key about none, errors first.
func Findings(key string, all []explain.Finding) []console.Finding {
	out := make([]console.Finding, 0, len(all))
	for _, f := range all {
		out = append(out, console.Finding{Key: key, Finding: f})
	}
	ErrorsFirst(out)
	return out
}

// ErrorsFirst sorts findings.
func ErrorsFirst(all []console.Finding) {
	rank := []string{string(diag.Error), string(diag.Warning), string(diag.Remark)}
	slices.SortStableFunc(all, func(a, b console.Finding) int {
		return cmp.Compare(slices.Index(rank, a.Severity), slices.Index(rank, b.Severity))
	})
}

// Explained returns the load balancer as what explain needs, without targets and what objects hold.
func (b *LoadBalancer) Explained(found diag.List, defaultTags map[string]string) explain.Input {
	in := explain.Input{Members: b.Objects, Stack: b.Stack, Keep: b.Keep, Origins: b.Origins, Observed: b.Observed,
		Diagnostics: found, DefaultTags: defaultTags}
	if len(b.Objects) > 0 {
		in.Object = b.Objects[0]
	}
	return in
}

// Detail returns the load balancer with all that belongs to it, by its explanation.
func (b *LoadBalancer) Detail(e explain.Explanation) console.Detail {
	d := console.Detail{
		Summary: b.Summary(), Fields: []console.Field{}, Ports: []console.Listener{}, TargetGroups: []console.TargetGroup{},
		Findings: Findings(b.Key.String(), b.Findings),
		Steps:    Steps(b.Plan), Passes: []console.Pass{}, Events: []console.Event{},
	}
	if e.LoadBalancer != nil {
		d.Fields = fieldsOf(e.LoadBalancer.Fields)
	}
	if b.Stack != nil {
		d.Ports = portsOf(diff.Effective(b.Stack, b.Keep, b.Observed), e, created(b.Plan))
	}
	for _, tg := range e.TargetGroups {
		x := console.TargetGroup{ID: tg.ID, Name: tg.Name, Exists: tg.ARN != "", Fields: fieldsOf(tg.Fields),
			Targets: []console.Target{}}
		for _, f := range tg.Fields {
			if f.Name == "backend" {
				x.Backend = f.Value
			}
		}
		for _, t := range tg.Targets {
			x.Targets = append(x.Targets, console.Target{Target: t})
		}
		d.TargetGroups = append(d.TargetGroups, x)
	}
	return d
}

func fieldsOf(all []explain.Field) []console.Field {
	out := make([]console.Field, 0, len(all))
	for _, f := range all {
		source := f.Source
		if source == "" && f.Default != "" {
			source = "(" + f.Default + ")"
		}
		out = append(out, console.Field{Name: f.Name, Value: f.Value, Source: source})
	}
	return out
}

// created are the rules that a plan creates.
func created(p plan.Plan) map[string]bool {
	out := map[string]bool{}
	for _, s := range p.Steps {
		if s.Action == plan.Create && s.Resource.Kind == stack.KindRule {
			out[s.Resource.ID] = true
		}
	}
	return out
}

// portsOf are the listeners with their rules, the default actions as the last one. Those of a load balancer in front
// are left out.
func portsOf(s *stack.Stack, e explain.Explanation, created map[string]bool) []console.Listener {
	out := []console.Listener{}
	for _, x := range e.Listeners {
		at := slices.IndexFunc(s.Listeners, func(l stack.Listener) bool {
			return l.Port == x.Port && l.Protocol == x.Protocol && l.LoadBalancer.ID == stack.LoadBalancerIdentity
		})
		if x.Frontend || at < 0 {
			continue
		}
		of := s.Listeners[at]
		l := console.Listener{Port: x.Port, Protocol: x.Protocol, Exists: x.Exists, Fields: fieldsOf(x.Fields),
			Rules: []console.Rule{}}
		actions := map[int32][]stack.Action{}
		for _, r := range s.Rules {
			if r.Listener.ID == of.ID {
				actions[r.Order] = r.Actions
			}
		}
		for _, r := range x.Rules {
			id := fmt.Sprintf("%d:%d", x.Port, r.Order)
			priority := fmt.Sprintf("#%d", r.Order) // it serves under the identity of another rule
			switch {
			case r.Priority > 0:
				priority = fmt.Sprint(r.Priority)
			case created[id] || !x.Exists:
				priority = "new"
			}
			l.Rules = append(l.Rules, console.Rule{
				ID: id, Priority: priority, Conditions: strings.TrimPrefix(r.Conditions, "if "), Action: r.Action, Owner: r.Owner,
				Source: r.Source,
				Shares: sharesOf(actions[r.Order]),
			})
		}
		conditions := "any other request"
		if len(l.Rules) == 0 {
			conditions = "any request"
		}
		if x.Protocol != "HTTP" && x.Protocol != "HTTPS" {
			conditions = "any connection"
		}
		l.Rules = append(l.Rules, console.Rule{ID: fmt.Sprintf("%d:default", x.Port), Priority: "default",
			Conditions: conditions, Action: x.Default, Shares: sharesOf(of.DefaultActions)})
		out = append(out, l)
	}
	return out
}

// sharesOf are the target groups that actions forward to.
func sharesOf(actions []stack.Action) []console.Share {
	out := []console.Share{}
	for _, a := range actions {
		if a.Forward == nil {
			continue
		}
		total := traffic.TotalWeight(a.Forward)
		for _, t := range a.Forward.TargetGroups {
			s := console.Share{TargetGroup: stack.Labels{}.Of(t.TargetGroup)}
			switch {
			case total == 0:
				s.Percent = "0%"
			case len(a.Forward.TargetGroups) > 1:
				s.Percent = fmt.Sprintf("%.3g%%", 100*float64(traffic.Weight(t))/float64(total))
			}
			out = append(out, s)
		}
	}
	return out
}

// resourceText is a resource by kind and identity, where these differ.
func resourceText(r stack.Ref) string {
	id := stack.Labels{}.Of(r)
	if id == string(r.Kind) {
		return id
	}
	return string(r.Kind) + " " + id
}

// Steps returns the steps of a plan, followed by the steps that a drift policy withholds.
func Steps(p plan.Plan) []console.Step {
	out := []console.Step{}
	for _, s := range p.Steps {
		x := console.Step{Action: string(s.Action), Resource: resourceText(s.Resource), Operation: plan.NameOf(s.Op),
			Why: append([]string{}, s.Why...)}
		if s.Guard != nil {
			x.Refused = strings.Trim(s.Guard.Text+"; "+s.Guard.Remedy, "; ")
		}
		out = append(out, x)
	}
	for _, w := range p.Withheld {
		out = append(out, console.Step{
			Action: "withheld", Resource: resourceText(w.Step.Resource), Operation: plan.NameOf(w.Step.Op),
			Why: append([]string{}, w.Step.Why...), Refused: w.Reason(),
		})
	}
	return out
}
