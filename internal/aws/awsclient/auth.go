package awsclient

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// authentication fills in the configuration of an action that authenticates the client before another action.
func (s *requestBuilder) authentication(e *elbv2types.Action, a stack.Action) {
	switch {
	case a.OIDC != nil:
		o := a.OIDC
		e.AuthenticateOidcConfig = &elbv2types.AuthenticateOidcActionConfig{
			Issuer: aws.String(o.Issuer), AuthorizationEndpoint: aws.String(o.AuthorizationEndpoint),
			TokenEndpoint:    aws.String(o.TokenEndpoint),
			UserInfoEndpoint: aws.String(o.UserInfoEndpoint), ClientId: aws.String(s.reveal(o.ClientID)),
			OnUnauthenticatedRequest: elbv2types.AuthenticateOidcActionConditionalBehaviorEnum(o.OnUnauthenticated),
			Scope:                    optional(o.Scope), SessionCookieName: optional(o.Cookie),
			SessionTimeout:                   optional(o.TimeoutSeconds),
			AuthenticationRequestExtraParams: maps.Clone(o.ExtraParams),
		}
		if o.ClientSecret.Known() {
			e.AuthenticateOidcConfig.ClientSecret = aws.String(s.reveal(o.ClientSecret))
		} else {
			e.AuthenticateOidcConfig.UseExistingClientSecret = aws.Bool(true)
		}
	case a.Cognito != nil:
		c := a.Cognito
		e.AuthenticateCognitoConfig = &elbv2types.AuthenticateCognitoActionConfig{
			UserPoolArn: aws.String(c.UserPoolARN), UserPoolClientId: aws.String(c.UserPoolClientID),
			UserPoolDomain:           aws.String(c.UserPoolDomain),
			OnUnauthenticatedRequest: elbv2types.AuthenticateCognitoActionConditionalBehaviorEnum(c.OnUnauthenticated),
			Scope:                    optional(c.Scope), SessionCookieName: optional(c.Cookie),
			SessionTimeout:                   optional(c.TimeoutSeconds),
			AuthenticationRequestExtraParams: maps.Clone(c.ExtraParams),
		}
	case a.JWT != nil:
		e.JwtValidationConfig = &elbv2types.JwtValidationActionConfig{JwksEndpoint: aws.String(a.JWT.JWKSEndpoint),
			Issuer: aws.String(a.JWT.Issuer)}
		for _, c := range a.JWT.Claims {
			e.JwtValidationConfig.AdditionalClaims = append(e.JwtValidationConfig.AdditionalClaims,
				elbv2types.JwtValidationActionAdditionalClaim{
					Format: elbv2types.JwtValidationActionAdditionalClaimFormatEnum(c.Format), Name: aws.String(c.Name),
					Values: c.Values,
				})
		}
	}
}

// fromAuthentication is the reverse of authentication. AWS does not return the client secret.
func fromAuthentication(s *stack.Action, a elbv2types.Action) {
	switch {
	case a.AuthenticateOidcConfig != nil:
		o := a.AuthenticateOidcConfig
		s.OIDC = &stack.AuthenticateOIDC{
			Issuer: value(o.Issuer), AuthorizationEndpoint: value(o.AuthorizationEndpoint),
			TokenEndpoint:    value(o.TokenEndpoint),
			UserInfoEndpoint: value(o.UserInfoEndpoint), ClientID: stack.NewSecret(value(o.ClientId), ""),
			Session: stack.Session{
				OnUnauthenticated: string(o.OnUnauthenticatedRequest), Scope: value(o.Scope), Cookie: value(o.SessionCookieName),
				TimeoutSeconds: value(o.SessionTimeout), ExtraParams: o.AuthenticationRequestExtraParams,
			},
		}
	case a.AuthenticateCognitoConfig != nil:
		c := a.AuthenticateCognitoConfig
		s.Cognito = &stack.AuthenticateCognito{
			UserPoolARN: value(c.UserPoolArn), UserPoolClientID: value(c.UserPoolClientId),
			UserPoolDomain: value(c.UserPoolDomain),
			Session: stack.Session{
				OnUnauthenticated: string(c.OnUnauthenticatedRequest), Scope: value(c.Scope), Cookie: value(c.SessionCookieName),
				TimeoutSeconds: value(c.SessionTimeout), ExtraParams: c.AuthenticationRequestExtraParams,
			},
		}
	case a.JwtValidationConfig != nil:
		j := a.JwtValidationConfig
		s.JWT = &stack.ValidateJWT{JWKSEndpoint: value(j.JwksEndpoint), Issuer: value(j.Issuer)}
		for _, c := range j.AdditionalClaims {
			s.JWT.Claims = append(s.JWT.Claims, stack.Claim{Format: string(c.Format), Name: value(c.Name), Values: c.Values})
		}
	}
}
