package awsclient

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func (s *requestBuilder) actions(as []stack.Action) []elbv2types.Action {
	out := make([]elbv2types.Action, len(as))
	for i, a := range as {
		e := elbv2types.Action{Type: elbv2types.ActionTypeEnum(a.Type), Order: aws.Int32(int32(i + 1))}
		switch {
		case a.Forward != nil:
			e.ForwardConfig = s.forward(a.Forward)
		case a.Redirect != nil:
			e.RedirectConfig = redirect(a.Redirect)
		case a.FixedResponse != nil:
			e.FixedResponseConfig = &elbv2types.FixedResponseActionConfig{
				StatusCode:  aws.String(a.FixedResponse.StatusCode),
				ContentType: optional(a.FixedResponse.ContentType),
				MessageBody: optional(a.FixedResponse.MessageBody),
			}
		default:
			s.authentication(&e, a)
		}
		out[i] = e
	}
	return out
}

func (s *requestBuilder) forward(f *stack.Forward) *elbv2types.ForwardActionConfig {
	out := &elbv2types.ForwardActionConfig{}
	for _, t := range f.TargetGroups {
		out.TargetGroups = append(out.TargetGroups, elbv2types.TargetGroupTuple{
			TargetGroupArn: s.id(t.TargetGroup), Weight: t.Weight,
		})
	}
	if s := f.Stickiness; s != nil {
		out.TargetGroupStickinessConfig = &elbv2types.TargetGroupStickinessConfig{
			Enabled: aws.Bool(s.Enabled), DurationSeconds: optional(s.DurationSeconds),
		}
	}
	return out
}

func redirect(r *stack.Redirect) *elbv2types.RedirectActionConfig {
	return &elbv2types.RedirectActionConfig{
		Host: optional(r.Host), Path: optional(r.Path), Port: optional(r.Port), Protocol: optional(r.Protocol),
		Query:      optional(r.Query),
		StatusCode: elbv2types.RedirectActionStatusCodeEnum(r.StatusCode),
	}
}

// FromActions turns observed actions into ours, in their order. An action of a kind that we do not know keeps its type
// only.
func FromActions(as []elbv2types.Action) []stack.Action {
	as = slices.Clone(as)
	slices.SortStableFunc(as, func(a, b elbv2types.Action) int { return cmp.Compare(value(a.Order), value(b.Order)) })
	var out []stack.Action
	for _, a := range as {
		s := stack.Action{Type: stack.ActionType(a.Type)}
		switch {
		case a.ForwardConfig != nil && len(a.ForwardConfig.TargetGroups) > 0:
			s.Forward = fromForward(a.ForwardConfig)
		case a.TargetGroupArn != nil:
			s.Forward = &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
				{TargetGroup: stack.Literal(stack.KindTargetGroup, *a.TargetGroupArn)},
			}}
		case a.RedirectConfig != nil:
			r := a.RedirectConfig
			s.Redirect = &stack.Redirect{
				Host: value(r.Host), Path: value(r.Path), Port: value(r.Port), Protocol: value(r.Protocol), Query: value(r.Query),
				StatusCode: string(r.StatusCode),
			}
		case a.FixedResponseConfig != nil:
			f := a.FixedResponseConfig
			s.FixedResponse = &stack.FixedResponse{
				StatusCode: value(f.StatusCode), ContentType: value(f.ContentType), MessageBody: value(f.MessageBody),
			}
		default:
			fromAuthentication(&s, a)
		}
		out = append(out, s)
	}
	return out
}

func fromForward(f *elbv2types.ForwardActionConfig) *stack.Forward {
	out := &stack.Forward{}
	for _, t := range f.TargetGroups {
		out.TargetGroups = append(out.TargetGroups, stack.WeightedTargetGroup{
			TargetGroup: stack.Literal(stack.KindTargetGroup, value(t.TargetGroupArn)), Weight: t.Weight,
		})
	}
	if s := f.TargetGroupStickinessConfig; s != nil {
		out.Stickiness = &stack.Stickiness{Enabled: value(s.Enabled), DurationSeconds: value(s.DurationSeconds)}
	}
	return out
}
