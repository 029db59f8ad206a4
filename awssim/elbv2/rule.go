package elbv2

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

const (
	maxPriority   = 50000
	maxNamedRules = 100 // of one DescribeRules call
)

func priorityInUse(priority int32) error {
	return apierr.New("PriorityInUse", "Priority '%d' is currently in use", priority)
}

// CreateRule creates a rule. A repeated call finds its priority in use.
func (s *Service) CreateRule(ctx context.Context, in *elb.CreateRuleInput, _ ...func(*elb.Options)) (*elb.CreateRuleOutput, error) {
	return write(ctx, s, "CreateRule", in, s.createRule)
}

func (s *Service) createRule(in *elb.CreateRuleInput) (*elb.CreateRuleOutput, error) {
	l, err := s.listener(in.ListenerArn)
	if err != nil {
		return nil, err
	}
	lb := l.LoadBalancer
	if lb.Type != application {
		return nil, apierr.New("UnsupportedProtocol", "Rules are not supported for listeners of load balancers with type '%s'", lb.Type)
	}
	tags, err := newTags(in.Tags)
	if err := first(present("priority", in.Priority), between("priority", in.Priority, 1, maxPriority), err); err != nil {
		return nil, err
	}
	r := &account.Rule{Listener: l, Priority: *in.Priority, Tags: tags}
	if r.Conditions, err = s.conditions(in.Conditions); err != nil {
		return nil, err
	}
	if r.Actions, err = s.actions(lb.Type, in.Actions, nil); err != nil {
		return nil, err
	}
	if err := s.fit(lb, l.Protocol, r.Actions); err != nil {
		return nil, err
	}
	if r.Transforms, err = transforms(in.Transforms); err != nil {
		return nil, err
	}
	if err := s.associable(lb, r.Actions, nil); err != nil {
		return nil, err
	}
	if l.Rule(r.Priority) != nil {
		return nil, priorityInUse(r.Priority)
	}
	if most := s.limit(quotaRules); countRules(lb) >= most {
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
func (s *Service) identifyRule(r *account.Rule) {
	l := r.Listener
	path := "listener-rule/" + typePath[l.LoadBalancer.Type] + "/" + l.LoadBalancer.Name + "/" + l.LoadBalancer.ID + "/" + l.ID
	r.ARN = s.account.BalancingARN(path + "/" + s.account.NewBalancingID(path))
}

// ModifyRule replaces conditions, actions or transforms; what is not given stays.
func (s *Service) ModifyRule(ctx context.Context, in *elb.ModifyRuleInput, _ ...func(*elb.Options)) (*elb.ModifyRuleOutput, error) {
	return write(ctx, s, "ModifyRule", in, s.modifyRule)
}

func (s *Service) modifyRule(in *elb.ModifyRuleInput) (*elb.ModifyRuleOutput, error) {
	if err := present("ruleArn", in.RuleArn); err != nil {
		return nil, err
	}
	reset := aws.ToBool(in.ResetTransforms)
	switch {
	case in.Conditions != nil && len(in.Conditions) == 0:
		return nil, invalid("A condition must be specified")
	case len(in.Conditions)+len(in.Actions)+len(in.Transforms) == 0 && !reset:
		return nil, invalid("Either conditions or actions must be specified")
	case reset && len(in.Transforms) > 0:
		return nil, invalid("You cannot specify both transforms and ResetTransforms")
	}
	r, err := s.rule(in.RuleArn)
	if err != nil {
		return nil, err
	}
	if r.Default {
		return nil, apierr.New("OperationNotPermitted", "Default rule '%s' cannot be modified", r.ARN)
	}
	lb, want := r.Listener.LoadBalancer, *r
	if len(in.Conditions) > 0 {
		if want.Conditions, err = s.conditions(in.Conditions); err != nil {
			return nil, err
		}
	}
	if len(in.Actions) > 0 {
		if want.Actions, err = s.actions(lb.Type, in.Actions, r.Actions); err != nil {
			return nil, err
		}
		if err := s.fit(lb, r.Listener.Protocol, want.Actions); err != nil {
			return nil, err
		}
	}
	if want.Transforms, err = transforms(in.Transforms); err != nil {
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
func (s *Service) SetRulePriorities(ctx context.Context, in *elb.SetRulePrioritiesInput, _ ...func(*elb.Options)) (*elb.SetRulePrioritiesOutput, error) {
	return write(ctx, s, "SetRulePriorities", in, s.setRulePriorities)
}

func (s *Service) setRulePriorities(in *elb.SetRulePrioritiesInput) (*elb.SetRulePrioritiesOutput, error) {
	if err := some("rulePriorities", in.RulePriorities); err != nil {
		return nil, err
	}
	var rules []*account.Rule
	moved, taken := map[*account.Rule]int32{}, map[int32]bool{}
	for _, p := range in.RulePriorities {
		if err := first(present("rulePriorities.member.ruleArn", p.RuleArn), present("rulePriorities.member.priority", p.Priority),
			between("rulePriorities.member.priority", p.Priority, 1, maxPriority)); err != nil {
			return nil, err
		}
		if taken[*p.Priority] {
			return nil, invalid("Priority '%d' was provided multiple times", *p.Priority)
		}
		taken[*p.Priority] = true
	}
	for _, p := range in.RulePriorities {
		r, err := s.rule(p.RuleArn)
		if err != nil {
			return nil, err
		}
		if _, twice := moved[r]; twice {
			return nil, invalid("Rule '%s' was provided multiple times", r.ARN)
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
			return nil, invalid("All rules must belong to the same listener")
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
func (s *Service) DescribeRules(ctx context.Context, in *elb.DescribeRulesInput, _ ...func(*elb.Options)) (*elb.DescribeRulesOutput, error) {
	return read(ctx, s, "DescribeRules", in, func(in *elb.DescribeRulesInput) (*elb.DescribeRulesOutput, error) {
		if err := pageSize(in.PageSize); err != nil {
			return nil, err
		}
		if (in.ListenerArn != nil) == (len(in.RuleArns) > 0) {
			return nil, invalid("You must specify either listener rule ARNs or a listener ARN")
		}
		if len(in.RuleArns) > maxNamedRules {
			return nil, invalid("You cannot specify more than '%d' rules", maxNamedRules)
		}
		var list []*account.Rule
		var next *string
		var err error
		if in.ListenerArn == nil {
			list, err = findAll(s, kindRule, s.account.Rules, in.RuleArns)
		} else {
			var l *account.Listener
			if l, err = s.listener(in.ListenerArn); err == nil {
				list, next, err = page(l.Rules, rulePosition, in.Marker, in.PageSize, s.pages(smallPage))
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
		Conditions: describeConditions(r.Conditions), Actions: describeActions(r.Actions), Transforms: describeTransforms(r.Transforms),
	}
	if !r.Default {
		out.Priority = aws.String(strconv.Itoa(int(r.Priority)))
	}
	return out
}

// DeleteRule deletes a rule that is not a default one.
func (s *Service) DeleteRule(ctx context.Context, in *elb.DeleteRuleInput, _ ...func(*elb.Options)) (*elb.DeleteRuleOutput, error) {
	return write(ctx, s, "DeleteRule", in, func(in *elb.DeleteRuleInput) (*elb.DeleteRuleOutput, error) {
		r, err := s.rule(in.RuleArn)
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
