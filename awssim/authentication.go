package awssim

import (
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/authn"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// identification is the action among a rule's that identifies the client, as the data plane takes it.
func identification(a *account.Account, actions []account.Action) (topology.Identification, bool) {
	for _, action := range actions {
		switch {
		case action.OIDC != nil:
			o := action.OIDC
			c := signIn(o.Session)
			c.Issuer, c.AuthorizationEndpoint, c.TokenEndpoint, c.UserInfoEndpoint = o.Issuer, o.AuthorizationEndpoint,
				o.TokenEndpoint, o.UserInfoEndpoint
			c.ClientID, c.ClientSecret = o.ClientID, o.ClientSecret
			return topology.Identification{OIDC: &c}, true
		case action.Cognito != nil:
			o := action.Cognito
			c := authn.Cognito(signIn(o.Session), o.UserPoolARN, o.UserPoolDomain)
			c.ClientID = o.UserPoolClientID
			if pool := a.UserPools[o.UserPoolARN]; pool != nil {
				c.ClientSecret = pool.Clients[o.UserPoolClientID]
			}
			return topology.Identification{OIDC: &c}, true
		case action.JWT != nil:
			j := &authn.JWT{JWKSEndpoint: action.JWT.JWKSEndpoint, Issuer: action.JWT.Issuer}
			for _, c := range action.JWT.Claims {
				j.Claims = append(j.Claims, authn.Claim{Name: c.Name, Format: c.Format, Values: slices.Clone(c.Values)})
			}
			return topology.Identification{JWT: j}, true
		}
	}
	return topology.Identification{}, false
}

func signIn(s account.Session) authn.OIDC {
	return authn.OIDC{
		Cookie: s.Cookie, Scope: s.Scope, Timeout: time.Duration(s.TimeoutSeconds) * time.Second,
		OnUnauthenticated: s.OnUnauthenticated,
		ExtraParams:       maps.Clone(s.ExtraParams),
	}
}
