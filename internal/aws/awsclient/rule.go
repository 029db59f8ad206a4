package awsclient

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func conditions(cs []stack.Condition) []elbv2types.RuleCondition {
	out := make([]elbv2types.RuleCondition, len(cs))
	for i, c := range cs {
		e := elbv2types.RuleCondition{Field: aws.String(string(c.Field))}
		switch c.Field {
		case stack.HostHeader:
			e.HostHeaderConfig = &elbv2types.HostHeaderConditionConfig{Values: c.Values, RegexValues: c.Regex}
		case stack.PathPattern:
			e.PathPatternConfig = &elbv2types.PathPatternConditionConfig{Values: c.Values, RegexValues: c.Regex}
		case stack.HTTPHeader:
			e.HttpHeaderConfig = &elbv2types.HttpHeaderConditionConfig{HttpHeaderName: aws.String(c.HeaderName),
				Values: c.Values, RegexValues: c.Regex}
		case stack.RequestMethod:
			e.HttpRequestMethodConfig = &elbv2types.HttpRequestMethodConditionConfig{Values: c.Values}
		case stack.SourceIP:
			e.SourceIpConfig = &elbv2types.SourceIpConditionConfig{Values: c.Values}
		case stack.QueryString:
			q := &elbv2types.QueryStringConditionConfig{}
			for _, v := range c.Query {
				q.Values = append(q.Values, elbv2types.QueryStringKeyValuePair{Key: optional(v.Key), Value: aws.String(v.Value)})
			}
			e.QueryStringConfig = q
		}
		out[i] = e
	}
	return out
}

// FromConditions turns observed conditions into ours. AWS returns some values twice, in a legacy field as well: the
// configuration of the field wins.
func FromConditions(cs []elbv2types.RuleCondition) []stack.Condition {
	var out []stack.Condition
	for _, c := range cs {
		s := stack.Condition{Field: stack.ConditionField(value(c.Field)), Values: c.Values, Regex: c.RegexValues}
		switch {
		case c.HostHeaderConfig != nil:
			s.Values, s.Regex = c.HostHeaderConfig.Values, c.HostHeaderConfig.RegexValues
		case c.PathPatternConfig != nil:
			s.Values, s.Regex = c.PathPatternConfig.Values, c.PathPatternConfig.RegexValues
		case c.HttpHeaderConfig != nil:
			s.HeaderName = value(c.HttpHeaderConfig.HttpHeaderName)
			s.Values, s.Regex = c.HttpHeaderConfig.Values, c.HttpHeaderConfig.RegexValues
		case c.HttpRequestMethodConfig != nil:
			s.Values = c.HttpRequestMethodConfig.Values
		case c.SourceIpConfig != nil:
			s.Values = c.SourceIpConfig.Values
		case c.QueryStringConfig != nil:
			s.Values = nil
			for _, q := range c.QueryStringConfig.Values {
				s.Query = append(s.Query, stack.QueryValue{Key: value(q.Key), Value: value(q.Value)})
			}
		}
		out = append(out, s)
	}
	return out
}

// Kinds of transforms.
const (
	hostRewrite = "host-header-rewrite"
	urlRewrite  = "url-rewrite"
)

func transforms(ts []stack.Transform) []elbv2types.RuleTransform {
	var out []elbv2types.RuleTransform
	for _, t := range ts {
		var rs []elbv2types.RewriteConfig
		for _, r := range t.Rewrites {
			rs = append(rs, elbv2types.RewriteConfig{Regex: aws.String(r.Regex), Replace: aws.String(r.Replace)})
		}
		e := elbv2types.RuleTransform{Type: elbv2types.TransformTypeEnum(t.Type)}
		switch t.Type {
		case hostRewrite:
			e.HostHeaderRewriteConfig = &elbv2types.HostHeaderRewriteConfig{Rewrites: rs}
		case urlRewrite:
			e.UrlRewriteConfig = &elbv2types.UrlRewriteConfig{Rewrites: rs}
		}
		out = append(out, e)
	}
	return out
}

func fromTransforms(ts []elbv2types.RuleTransform) []stack.Transform {
	var out []stack.Transform
	for _, t := range ts {
		s := stack.Transform{Type: string(t.Type)}
		var rs []elbv2types.RewriteConfig
		switch {
		case t.HostHeaderRewriteConfig != nil:
			rs = t.HostHeaderRewriteConfig.Rewrites
		case t.UrlRewriteConfig != nil:
			rs = t.UrlRewriteConfig.Rewrites
		}
		for _, r := range rs {
			s.Rewrites = append(s.Rewrites, stack.Rewrite{Regex: value(r.Regex), Replace: value(r.Replace)})
		}
		out = append(out, s)
	}
	return out
}

func (s *requestBuilder) CreateRule(op awsop.CreateRule) {
	setCreate(s, s.c.ELBV2.CreateRule, &elbv2.CreateRuleInput{
		ListenerArn: s.id(op.Rule.Listener),
		Priority:    aws.Int32(op.Priority),
		Conditions:  conditions(op.Rule.Conditions),
		Actions:     s.actions(op.Rule.Actions),
		Transforms:  transforms(op.Rule.Transforms),
		Tags:        balancingPairs[elbv2types.Tag](op.Rule.Tags),
	}, func(out *elbv2.CreateRuleOutput) awsop.Output {
		return awsop.Output{ID: value(first(out.Rules).RuleArn)}
	})
}

func (s *requestBuilder) ModifyRule(op awsop.ModifyRule) {
	in := &elbv2.ModifyRuleInput{
		RuleArn:    s.id(op.Ref),
		Conditions: conditions(op.Rule.Conditions),
		Actions:    s.actions(op.Rule.Actions),
		Transforms: transforms(op.Rule.Transforms),
	}
	if len(in.Transforms) == 0 {
		in.ResetTransforms = aws.Bool(true)
	}
	setCall(s, s.c.ELBV2.ModifyRule, in)
}

func (s *requestBuilder) SetRulePriorities(op awsop.SetRulePriorities) {
	in := &elbv2.SetRulePrioritiesInput{}
	for _, p := range op.Priorities {
		in.RulePriorities = append(in.RulePriorities, elbv2types.RulePriorityPair{
			RuleArn: s.id(p.Rule), Priority: aws.Int32(p.Priority),
		})
	}
	setCall(s, s.c.ELBV2.SetRulePriorities, in)
}

func (s *requestBuilder) DeleteRule(op awsop.DeleteRule) {
	setCall(s, s.c.ELBV2.DeleteRule, &elbv2.DeleteRuleInput{RuleArn: s.id(op.Rule)})
}

// FromRule returns an observed rule of a listener; identity and tags are the caller's to fill in. Ok is false for
// default rules.
func FromRule(listener string, r elbv2types.Rule) (rule awsop.Rule, ok bool) {
	n, err := strconv.ParseInt(value(r.Priority), 10, 32)
	if value(r.IsDefault) || err != nil {
		return awsop.Rule{}, false
	}
	return awsop.Rule{ARN: value(r.RuleArn), Priority: int32(n), Rule: stack.Rule{
		Listener:   stack.Literal(stack.KindListener, listener),
		Conditions: FromConditions(r.Conditions),
		Actions:    FromActions(r.Actions),
		Transforms: fromTransforms(r.Transforms),
	}}, true
}
