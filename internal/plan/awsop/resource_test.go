package awsop

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestResourcesComeInOrderOfKinds has the caller choose the order, and shows what each kind tells.
func TestResourcesComeInOrderOfKinds(t *testing.T) {
	t.Parallel()
	o := Observed{
		LoadBalancers: []LoadBalancer{{ARN: "lb", LoadBalancer: stack.LoadBalancer{ID: "LoadBalancer"}}},
		Listeners: []Listener{
			{ARN: "l1", Listener: stack.Listener{ID: "80", LoadBalancer: stack.Literal(stack.KindLoadBalancer, "lb")}},
			{ARN: "l2"}},
		Rules: []Rule{
			{ARN: "r", Rule: stack.Rule{Listener: stack.Literal(stack.KindListener, "l1"), Actions: []stack.Action{
				{Type: stack.ActionForward}}}}},
		TargetGroups:   []TargetGroup{{ARN: "tg"}},
		SecurityGroups: []SecurityGroup{{GroupID: "sg"}},
		TrustStores:    []TrustStore{{ARN: "ts"}},
	}
	var got []string
	for r := range o.Resources(stack.KindRule, stack.KindTrustStore, stack.KindListener, stack.KindSecurityGroup,
		stack.KindTargetGroup, stack.KindLoadBalancer) {
		got = append(got, r.Literal)
		switch r.Literal {
		case "r":
			if r.Below != "l1" || len(r.Actions) != 1 || r.Parts != nil {
				t.Errorf("rule %+v", r)
			}
		case "l1":
			if r.ID != "80" || r.Below != "lb" || r.Parts != &o.Listeners[0].Parts {
				t.Errorf("listener %+v", r)
			}
		default:
		}
	}
	if want := []string{"r", "ts", "l1", "l2", "sg", "tg", "lb"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for r := range o.Resources(stack.KindListener, stack.KindLoadBalancer) {
		if r.Literal != "l1" {
			t.Errorf("%s after the loop has ended", r.Literal)
		}
		break
	}
}

func TestReferenceMeansResourceByIdentityOrARN(t *testing.T) {
	t.Parallel()
	r := Resource{Ref: stack.Ref{Kind: stack.KindListener, ID: "80", Literal: "arn"}}
	for ref, want := range map[stack.Ref]bool{
		{Kind: stack.KindListener, ID: "80"}:                     true,
		{Kind: stack.KindListener, Literal: "arn"}:               true,
		{Kind: stack.KindListener, ID: "443", Literal: "arn"}:    true,
		{Kind: stack.KindListener}:                               false,
		{Kind: stack.KindListener, ID: "443"}:                    false,
		{Kind: stack.KindLoadBalancer, ID: "80", Literal: "arn"}: false,
	} {
		if r.Means(ref) != want {
			t.Errorf("%+v: %t", ref, !want)
		}
	}
	if (Resource{Ref: stack.Ref{Kind: stack.KindRule}}).Means(stack.Ref{Kind: stack.KindRule}) {
		t.Error("an empty reference means a resource without identity")
	}
}
