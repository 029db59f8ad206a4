package listener

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/elbv2/routing"
)

const (
	maxPriority   = 50000
	maxNamedRules = 100 // of one DescribeRules call
)

func priorityInUse(priority int32) error {
	return apierr.New("PriorityInUse", "Priority '%d' is currently in use", priority)
}

// CreateRule creates a rule. A repeated call finds its priority in use.
func (s *Listeners) CreateRule(ctx context.Context, in *elb.CreateRuleInput, _ ...func(*elb.Options)) (
	*elb.CreateRuleOutput, error) {
	return call.Write(ctx, s.entry, "CreateRule", in, s.createRule)
}

func (s *Listeners) createRule(in *elb.CreateRuleInput) (*elb.CreateRuleOutput, error) {
	l, err := request.FindListener(s.account, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	lb := l.LoadBalancer
	if lb.Type != request.Application {
		return nil, apierr.New("UnsupportedProtocol", "Rules are not supported for listeners of load balancers "+
			"with type '%s'", lb.Type)
	}
	tags, err := request.NewTags(in.Tags)
	if err := check.First(check.Present("priority", in.Priority), check.Between("priority", in.Priority, 1, maxPriority),
		err); err != nil {
		return nil, err
	}
	r := &account.Rule{Listener: l, Priority: *in.Priority, Tags: tags}
	if r.Conditions, err = routing.Conditions(s.account, in.Conditions); err != nil {
		return nil, err
	}
	if r.Actions, err = routing.Actions(s.account, lb.Type, in.Actions, nil); err != nil {
		return nil, err
	}
	if err := s.fit(lb, l.Protocol, r.Actions); err != nil {
		return nil, err
	}
	if r.Transforms, err = routing.Transforms(in.Transforms); err != nil {
		return nil, err
	}
	if err := s.associable(lb, r.Actions, nil); err != nil {
		return nil, err
	}
	if l.Rule(r.Priority) != nil {
		return nil, priorityInUse(r.Priority)
	}
	if most := s.account.Quota(request.QuotaRules); countRules(lb) >= most {
		return nil, apierr.New("TooManyRules", "The maximum number of rules per load balancer, '%d', has been reached", most)
	}
	s.identifyRule(r)
	s.account.AddRule(r)
	return &elb.CreateRuleOutput{Rules: []types.Rule{describeRule(r)}}, nil
}

// countRules counts the rules of all listeners, default rules aside.
func countRules(lb *account.LoadBalancer) int {
	n := 0
	for _, l := range lb.Listeners {
		n += len(l.Rules) - 1
	}
	return n
}

// identifyRule gives a rule its ARN.
func (s *Listeners) identifyRule(r *account.Rule) {
	l := r.Listener
	path := "listener-rule/" + request.TypePath[l.LoadBalancer.Type] + "/" + l.LoadBalancer.Name + "/" +
		l.LoadBalancer.ID + "/" + l.ID
	r.ARN = s.account.BalancingARN(path + "/" + s.account.NewBalancingID(path))
}

// ModifyRule replaces conditions, actions or transforms; what is not given stays.
func (s *Listeners) ModifyRule(ctx context.Context, in *elb.ModifyRuleInput, _ ...func(*elb.Options)) (
	*elb.ModifyRuleOutput, error) {
	return call.Write(ctx, s.entry, "ModifyRule", in, s.modifyRule)
}

func (s *Listeners) modifyRule(in *elb.ModifyRuleInput) (*elb.ModifyRuleOutput, error) {
	if err := check.Present("ruleArn", in.RuleArn); err != nil {
		return nil, err
	}
	reset := aws.ToBool(in.ResetTransforms)
	switch {
	case in.Conditions != nil && len(in.Conditions) == 0:
		return nil, check.Invalid("A condition must be specified")
	case len(in.Conditions)+len(in.Actions)+len(in.Transforms) == 0 && !reset:
		return nil, check.Invalid("Either conditions or actions must be specified")
	case reset && len(in.Transforms) > 0:
		return nil, check.Invalid("You cannot specify both transforms and ResetTransforms")
	}
	r, err := request.FindRule(s.account, in.RuleArn)
	if err != nil {
		return nil, err
	}
	if r.Default {
		return nil, apierr.New("OperationNotPermitted", "Default rule '%s' cannot be modified", r.ARN)
	}
	lb, want := r.Listener.LoadBalancer, *r
	if len(in.Conditions) > 0 {
		if want.Conditions, err = routing.Conditions(s.account, in.Conditions); err != nil {
			return nil, err
		}
	}
	if len(in.Actions) > 0 {
		if want.Actions, err = routing.Actions(s.account, lb.Type, in.Actions, r.Actions); err != nil {
			return nil, err
		}
		if err := s.fit(lb, r.Listener.Protocol, want.Actions); err != nil {
			return nil, err
		}
	}
	if want.Transforms, err = routing.Transforms(in.Transforms); err != nil {
		return nil, err
	}
	if err := s.associable(lb, want.Actions, r); err != nil {
		return nil, err
	}
	r.Conditions = want.Conditions
	if reset || len(in.Transforms) > 0 {
		r.Transforms = want.Transforms
	}
	s.account.SetActions(r, want.Actions)
	return &elb.ModifyRuleOutput{Rules: []types.Rule{describeRule(r)}}, nil
}

// SetRulePriorities permutes priorities of one listener's rules in one step.
func (s *Listeners) SetRulePriorities(ctx context.Context, in *elb.SetRulePrioritiesInput, _ ...func(*elb.Options)) (
	*elb.SetRulePrioritiesOutput, error) {
	return call.Write(ctx, s.entry, "SetRulePriorities", in, s.setRulePriorities)
}

func (s *Listeners) setRulePriorities(in *elb.SetRulePrioritiesInput) (*elb.SetRulePrioritiesOutput, error) {
	if err := check.Some("rulePriorities", in.RulePriorities); err != nil {
		return nil, err
	}
	var rules []*account.Rule
	moved, taken := map[*account.Rule]int32{}, map[int32]bool{}
	for _, p := range in.RulePriorities {
		if err := check.First(check.Present("rulePriorities.member.ruleArn", p.RuleArn),
			check.Present("rulePriorities.member.priority", p.Priority),
			check.Between("rulePriorities.member.priority", p.Priority, 1, maxPriority)); err != nil {
			return nil, err
		}
		if taken[*p.Priority] {
			return nil, check.Invalid("Priority '%d' was provided multiple times", *p.Priority)
		}
		taken[*p.Priority] = true
	}
	for _, p := range in.RulePriorities {
		r, err := request.FindRule(s.account, p.RuleArn)
		if err != nil {
			return nil, err
		}
		if _, twice := moved[r]; twice {
			return nil, check.Invalid("Rule '%s' was provided multiple times", r.ARN)
		}
		if r.Default {
			return nil, apierr.New("OperationNotPermitted", "Priority of the default rule '%s' cannot be set", r.ARN)
		}
		moved[r] = *p.Priority
		rules = append(rules, r)
	}
	l := rules[0].Listener
	for _, r := range rules {
		if r.Listener != l {
			return nil, check.Invalid("All rules must belong to the same listener")
		}
		if holder := l.Rule(moved[r]); holder != nil {
			if _, moves := moved[holder]; !moves {
				return nil, priorityInUse(moved[r])
			}
		}
	}
	out := &elb.SetRulePrioritiesOutput{}
	for _, r := range rules {
		r.Priority = moved[r]
		out.Rules = append(out.Rules, describeRule(r))
	}
	l.SortRules()
	return out, nil
}

// DescribeRules answers the rules of a listener by priority, the default one last, or those of the given ARNs.
func (s *Listeners) DescribeRules(ctx context.Context, in *elb.DescribeRulesInput, _ ...func(*elb.Options)) (
	*elb.DescribeRulesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeRules", in, func(in *elb.DescribeRulesInput) (
		*elb.DescribeRulesOutput, error) {
		if err := request.CheckPageSize(in.PageSize); err != nil {
			return nil, err
		}
		if (in.ListenerArn != nil) == (len(in.RuleArns) > 0) {
			return nil, check.Invalid("You must specify either listener rule ARNs or a listener ARN")
		}
		if len(in.RuleArns) > maxNamedRules {
			return nil, check.Invalid("You cannot specify more than '%d' rules", maxNamedRules)
		}
		var list []*account.Rule
		var next *string
		var err error
		if in.ListenerArn == nil {
			list, err = request.FindAll(s.account, request.KindRule, s.account.Rules, in.RuleArns)
		} else {
			var l *account.Listener
			if l, err = request.FindListener(s.account, in.ListenerArn); err == nil {
				list, next, err = request.Page(l.Rules, rulePosition, in.Marker, in.PageSize,
					request.PagesOf(s.account, request.SmallPage))
			}
		}
		if err != nil {
			return nil, err
		}
		out := &elb.DescribeRulesOutput{NextMarker: next, Rules: make([]types.Rule, len(list))}
		for i, r := range list {
			out.Rules[i] = describeRule(r)
		}
		return out, nil
	})
}

func rulePosition(r *account.Rule) uint64 {
	if r.Default {
		return maxPriority + 1
	}
	return uint64(r.Priority)
}

// describeRule converts to the SDK's form.
func describeRule(r *account.Rule) types.Rule {
	out := types.Rule{
		RuleArn: aws.String(r.ARN), IsDefault: aws.Bool(r.Default), Priority: aws.String("default"),
		Conditions: routing.DescribeConditions(r.Conditions), Actions: routing.DescribeActions(r.Actions),
		Transforms: routing.DescribeTransforms(r.Transforms),
	}
	if !r.Default {
		out.Priority = aws.String(strconv.Itoa(int(r.Priority)))
	}
	return out
}

// DeleteRule deletes a rule that is not a default one.
func (s *Listeners) DeleteRule(ctx context.Context, in *elb.DeleteRuleInput, _ ...func(*elb.Options)) (
	*elb.DeleteRuleOutput, error) {
	return call.Write(ctx, s.entry, "DeleteRule", in, func(in *elb.DeleteRuleInput) (*elb.DeleteRuleOutput, error) {
		r, err := request.FindRule(s.account, in.RuleArn)
		if err != nil {
			return nil, err
		}
		if r.Default {
			return nil, apierr.New("OperationNotPermitted", "Default rule '%s' cannot be deleted", r.ARN)
		}
		s.account.RemoveRule(r)
		return &elb.DeleteRuleOutput{}, nil
	})
}
