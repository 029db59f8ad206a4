package planjson

import "github.com/k8s-lbc/lbc/internal/model/stack"

// redacted replaces secrets.
const redacted = "[REDACTED]"

// session are the settings that the two kinds of authentication share.
type session struct {
	ExtraParams       map[string]string `json:"authenticationRequestExtraParams,omitempty"`
	OnUnauthenticated string            `json:"onUnauthenticatedRequest,omitempty"`
	Scope             string            `json:"scope,omitempty"`
	Cookie            string            `json:"sessionCookieName,omitempty"`
	Timeout           int64             `json:"sessionTimeout,omitempty"`
}

type cognito struct {
	session
	UserPoolARN      string `json:"userPoolARN"`
	UserPoolClientID string `json:"userPoolClientID"`
	UserPoolDomain   string `json:"userPoolDomain"`
}

type oidc struct {
	session
	Issuer                string `json:"issuer"`
	AuthorizationEndpoint string `json:"authorizationEndpoint"`
	TokenEndpoint         string `json:"tokenEndpoint"`
	UserInfoEndpoint      string `json:"userInfoEndpoint"`
	ClientID              string `json:"clientID"`
	ClientSecret          string `json:"clientSecret"`
}

// JWT validates tokens.
type JWT struct {
	JWKSEndpoint string  `json:"jwksEndpoint"`
	Issuer       string  `json:"issuer"`
	Claims       []Claim `json:"additionalClaims,omitempty"`
}

// Claim is a claim that a token must have.
type Claim struct {
	Format string   `json:"format"`
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

func ofSession(s stack.Session) session {
	return session{s.ExtraParams, s.OnUnauthenticated, s.Scope, s.Cookie, s.TimeoutSeconds}
}

// authenticate fills in the configuration of an authentication.
func (x *action) authenticate(a stack.Action) {
	if c := a.Cognito; c != nil {
		x.Cognito = &cognito{ofSession(c.Session), c.UserPoolARN, c.UserPoolClientID, c.UserPoolDomain}
	}
	if o := a.OIDC; o != nil {
		x.OIDC = &oidc{ofSession(o.Session), o.Issuer, o.AuthorizationEndpoint, o.TokenEndpoint, o.UserInfoEndpoint,
			redacted, redacted}
	}
	if j := a.JWT; j != nil {
		x.JWT = &JWT{JWKSEndpoint: j.JWKSEndpoint, Issuer: j.Issuer}
		for _, c := range j.Claims {
			x.JWT.Claims = append(x.JWT.Claims, Claim(c))
		}
	}
}

type mutual struct {
	Mode           string `json:"mode"`
	TrustStoreARN  string `json:"trustStoreArn,omitempty"`
	IgnoreExpiry   *bool  `json:"ignoreClientCertificateExpiry,omitempty"`
	AdvertiseNames string `json:"advertiseTrustStoreCaNames,omitempty"`
}

func ofMutual(m *stack.MutualAuthentication) *mutual {
	if m == nil {
		return nil
	}
	out := &mutual{Mode: m.Mode, TrustStoreARN: m.TrustStore}
	if m.Mode == stack.MutualVerify {
		out.IgnoreExpiry, out.AdvertiseNames = &m.IgnoreExpiry, "off"
		if m.AdvertiseNames {
			out.AdvertiseNames = "on"
		}
	}
	return out
}
