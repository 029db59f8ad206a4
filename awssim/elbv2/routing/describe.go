package routing

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// DescribeActions converts to the SDK's form, in which AWS repeats some values and leaves secrets out.
func DescribeActions(actions []account.Action) []types.Action {
	out := make([]types.Action, len(actions))
	for i, a := range actions {
		out[i] = types.Action{Type: types.ActionTypeEnum(a.Type), Order: aws.Int32(a.Order)}
		switch {
		case a.Forward != nil:
			describeForward(&out[i], a.Forward)
		case a.Redirect != nil:
			r := a.Redirect
			out[i].RedirectConfig = &types.RedirectActionConfig{
				StatusCode: types.RedirectActionStatusCodeEnum(r.StatusCode), Host: aws.String(r.Host), Path: aws.String(r.Path),
				Port: aws.String(r.Port), Protocol: aws.String(r.Protocol), Query: aws.String(r.Query),
			}
		case a.FixedResponse != nil:
			r := a.FixedResponse
			out[i].FixedResponseConfig = &types.FixedResponseActionConfig{
				StatusCode: aws.String(r.StatusCode), ContentType: request.Optional(r.ContentType), MessageBody: request.Optional(
					r.MessageBody),
			}
		case a.OIDC != nil:
			c := a.OIDC
			out[i].AuthenticateOidcConfig = &types.AuthenticateOidcActionConfig{
				Issuer: aws.String(c.Issuer), AuthorizationEndpoint: aws.String(c.AuthorizationEndpoint),
				TokenEndpoint:    aws.String(c.TokenEndpoint),
				UserInfoEndpoint: aws.String(c.UserInfoEndpoint), ClientId: aws.String(c.ClientID),
				SessionCookieName: aws.String(c.Cookie), Scope: aws.String(c.Scope), SessionTimeout: aws.Int64(c.TimeoutSeconds),
				OnUnauthenticatedRequest:         types.AuthenticateOidcActionConditionalBehaviorEnum(c.OnUnauthenticated),
				AuthenticationRequestExtraParams: maps.Clone(c.ExtraParams),
			}
		case a.Cognito != nil:
			c := a.Cognito
			out[i].AuthenticateCognitoConfig = &types.AuthenticateCognitoActionConfig{
				UserPoolArn: aws.String(c.UserPoolARN), UserPoolClientId: aws.String(c.UserPoolClientID),
				UserPoolDomain:    aws.String(c.UserPoolDomain),
				SessionCookieName: aws.String(c.Cookie), Scope: aws.String(c.Scope), SessionTimeout: aws.Int64(c.TimeoutSeconds),
				OnUnauthenticatedRequest:         types.AuthenticateCognitoActionConditionalBehaviorEnum(c.OnUnauthenticated),
				AuthenticationRequestExtraParams: maps.Clone(c.ExtraParams),
			}
		case a.JWT != nil:
			out[i].JwtValidationConfig = &types.JwtValidationActionConfig{JwksEndpoint: aws.String(a.JWT.JWKSEndpoint),
				Issuer: aws.String(a.JWT.Issuer)}
			for _, c := range a.JWT.Claims {
				out[i].JwtValidationConfig.AdditionalClaims = append(out[i].JwtValidationConfig.AdditionalClaims,
					types.JwtValidationActionAdditionalClaim{
						Name: aws.String(c.Name), Format: types.JwtValidationActionAdditionalClaimFormatEnum(c.Format),
						Values: slices.Clone(c.Values),
					})
			}
		}
	}
	return out
}

func describeForward(out *types.Action, f *stack.Forward) {
	config := &types.ForwardActionConfig{TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{
		Enabled: aws.Bool(f.Stickiness.Enabled)}}
	if f.Stickiness.DurationSeconds != 0 {
		config.TargetGroupStickinessConfig.DurationSeconds = aws.Int32(f.Stickiness.DurationSeconds)
	}
	for _, g := range f.TargetGroups {
		config.TargetGroups = append(config.TargetGroups, types.TargetGroupTuple{
			TargetGroupArn: aws.String(g.TargetGroup.Literal), Weight: aws.Int32(*g.Weight)})
	}
	if len(f.TargetGroups) == 1 {
		out.TargetGroupArn = aws.String(f.TargetGroups[0].TargetGroup.Literal)
	}
	out.ForwardConfig = config
}
