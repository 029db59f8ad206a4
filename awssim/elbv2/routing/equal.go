package routing

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// SameAction compares complete actions.
func SameAction(x, y account.Action) bool {
	return x.Type == y.Type && x.Order == y.Order &&
		both(x.Forward, y.Forward, sameForward) &&
		both(x.Redirect, y.Redirect, func(x, y stack.Redirect) bool { return x == y }) &&
		both(x.FixedResponse, y.FixedResponse, func(x, y stack.FixedResponse) bool { return x == y }) &&
		both(x.OIDC, y.OIDC, sameOIDC) && both(x.Cognito, y.Cognito, sameCognito) && both(x.JWT, y.JWT, sameJWT)
}

// both compares what two pointers point at; nil equals nil only.
func both[T any](x, y *T, same func(x, y T) bool) bool {
	if x == nil || y == nil {
		return x == y
	}
	return same(*x, *y)
}

func sameForward(x, y stack.Forward) bool {
	return *x.Stickiness == *y.Stickiness && slices.EqualFunc(x.TargetGroups, y.TargetGroups,
		func(x, y stack.WeightedTargetGroup) bool {
			return x.TargetGroup == y.TargetGroup && *x.Weight == *y.Weight
		})
}

func sameSession(x, y account.Session) bool {
	return x.Cookie == y.Cookie && x.Scope == y.Scope && x.TimeoutSeconds == y.TimeoutSeconds &&
		x.OnUnauthenticated == y.OnUnauthenticated &&
		maps.Equal(x.ExtraParams, y.ExtraParams)
}

func sameOIDC(x, y account.OIDC) bool {
	return sameSession(x.Session, y.Session) && x.Issuer == y.Issuer && x.AuthorizationEndpoint ==
		y.AuthorizationEndpoint &&
		x.TokenEndpoint == y.TokenEndpoint && x.UserInfoEndpoint == y.UserInfoEndpoint && x.ClientID == y.ClientID &&
		x.ClientSecret == y.ClientSecret
}

func sameCognito(x, y account.Cognito) bool {
	return sameSession(x.Session, y.Session) && x.UserPoolARN == y.UserPoolARN &&
		x.UserPoolClientID == y.UserPoolClientID && x.UserPoolDomain == y.UserPoolDomain
}

func sameJWT(x, y account.JWT) bool {
	return x.JWKSEndpoint == y.JWKSEndpoint && x.Issuer == y.Issuer && slices.EqualFunc(x.Claims, y.Claims,
		func(x, y account.JWTClaim) bool {
			return x.Name == y.Name && x.Format == y.Format && slices.Equal(x.Values, y.Values)
		})
}
