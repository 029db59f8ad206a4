package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/lbc/rollback"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// servedOtherwise is an object that this controller does not serve as declared, and that the existing controller treats
// otherwise.
type servedOtherwise struct {
	Kind      string          `json:"kind"`
	Namespace string          `json:"namespace,omitempty"`
	Name      string          `json:"name"`
	File      string          `json:"file,omitempty"`
	Field     string          `json:"field,omitempty"`
	Reason    string          `json:"reason"`
	Message   string          `json:"message"`
	Effect    rollback.Effect `json:"effect"`
	After     string          `json:"after"`
	Before    string          `json:"before"`
}

// correct is what to do before the way back if a finding has no remedy.
const correct = "correct the object"

// servedOtherwise lists the objects with findings of lbc lint and lbc plan at which the existing controller acts
// otherwise, those that lose a protection first.
func (o *rollbackOptions) servedOtherwise(ctx context.Context, src *source, all judged) ([]servedOtherwise, error) {
	lint := lintOptions{inputs: o.inputs}
	diagnostics, err := lint.diagnostics(ctx, src, all.Outcome)
	if err != nil {
		return nil, err
	}
	for i := range all.bound.All {
		diagnostics = append(diagnostics, all.bound.All[i].Diagnostics...)
	}
	for i := range all.Stacks {
		diagnostics = append(diagnostics, rollback.Overfull(&all.Stacks[i].Input.LoadBalancer)...)
	}
	out := []servedOtherwise{}
	for _, d := range diagnostics {
		t, differs := rollback.Of(d)
		f, shown := lint.findingOf(src, d)
		elsewhere := d.Severity() == diag.Error && f.Severity != severityError // the object may be in another file
		if differs && shown && !elsewhere {
			out = o.withServed(out, d.Object, &f, t)
		}
	}
	for i := range all.Stacks {
		for _, d := range o.overruled(&all.Stacks[i]) {
			f, _ := lint.findingOf(src, d)
			out = o.withServed(out, d.Object, &f, rollback.LosesRules())
		}
		for _, u := range all.Stacks[i].Unmet {
			f := lint.findingOfUnmet(u)
			p, ok := find(src.fromFiles, u.Object)
			f.File = p.file
			t, differs := rollback.OfCondition(u.Reason)
			if differs && f.Severity == severityError && (ok || len(src.fromFiles) == 0) {
				out = o.withServed(out, u.Object, &f, t)
			}
		}
	}
	rank := map[rollback.Effect]int{rollback.Exposed: 0, rollback.Unavailable: 1}
	slices.SortStableFunc(out, func(a, b servedOtherwise) int { return rank[a.Effect] - rank[b.Effect] })
	return out, nil
}

// overruled returns the finding about security groups that this controller fills otherwise. AWS allows as many rules as
// a group has in AWS.
func (o *rollbackOptions) overruled(r *offline.Result) diag.List {
	if r.Compiled.Stack == nil {
		return nil
	}
	limit := cmp.Or(o.config.RulesPerSecurityGroup, quota.RulesPerSecurityGroup)
	for i := range r.Observed.SecurityGroups {
		limit = max(limit, sgrules.Count(r.Observed.SecurityGroups[i].Ingress))
	}
	return rollback.Overruled(&r.Input.LoadBalancer, r.Compiled.Stack, limit)
}

// withServed adds an object once for each finding, if the command looks at its namespace.
func (o *rollbackOptions) withServed(all []servedOtherwise, object diag.Object, f *finding,
	t rollback.Treatment) []servedOtherwise {
	if o.limited() && object.Namespace != "" && object.Namespace != o.namespace {
		return all
	}
	s := servedOtherwise{Kind: object.Kind, Namespace: object.Namespace, Name: object.Name, File: f.File, Field: f.Field,
		Reason: f.Reason, Message: f.Message, Effect: t.Effect, After: t.After, Before: cmp.Or(f.Remedy, correct)}
	if slices.Contains(all, s) {
		return all
	}
	return append(all, s)
}

// text is the entry of an object.
func (s *servedOtherwise) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", strings.ToLower(s.Kind), strings.TrimPrefix(s.Namespace+"/"+s.Name, "/"))
	if s.File != "" {
		fmt.Fprintf(&b, " (%s)", s.File)
	}
	found := s.Message
	if s.Field != "" {
		found += " (" + s.Field + ")"
	}
	fmt.Fprintf(&b, "\n  found   %s [%s]\n  effect  %s\n  after   %s\n  before  %s\n\n", diag.Visible(found), s.Reason,
		s.Effect, s.After, diag.Visible(s.Before))
	return b.String()
}

func attention(additions int) string {
	if additions == 1 {
		return "1 addition in use needs attention"
	}
	return fmt.Sprintf("%d additions in use need attention", additions)
}

// summary are the last lines if something needs attention.
func (d *rollbackDocument) summary() string {
	const until = " before the AWS Load Balancer Controller is put back\n"
	counted := map[rollback.Effect]int{}
	for i := range d.ServedOtherwise {
		counted[d.ServedOtherwise[i].Effect]++
	}
	out := ""
	if n := counted[rollback.Exposed]; n > 0 {
		out += doctor.Count(n, "error") + " of objects that would lose a protection: correct them" + until
	}
	if n := counted[rollback.Unavailable]; n > 0 {
		out += doctor.Count(n, "error") + " of objects that would lose requests or edits: correct them" + until
	}
	if n := d.additions(); n > 0 {
		out += attention(n) + until
	}
	return out
}
