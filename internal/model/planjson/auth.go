package planjson

import "github.com/k8s-lbc/lbc/internal/model/stack"

// redacted replaces secrets.
const redacted = "[REDACTED]"

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

// ofSession has the settings that the two kinds of authentication share.
func ofSession(s stack.Session) object {
	return object{
		optional("authenticationRequestExtraParams", s.ExtraParams),
		optional("onUnauthenticatedRequest", s.OnUnauthenticated),
		optional("scope", s.Scope),
		optional("sessionCookieName", s.Cookie),
		optional("sessionTimeout", s.TimeoutSeconds),
	}
}

func ofCognito(c *stack.AuthenticateCognito) object {
	if c == nil {
		return nil
	}
	return append(ofSession(c.Session),
		member{"userPoolARN", c.UserPoolARN},
		member{"userPoolClientID", c.UserPoolClientID},
		member{"userPoolDomain", c.UserPoolDomain},
	)
}

func ofOIDC(o *stack.AuthenticateOIDC) object {
	if o == nil {
		return nil
	}
	return append(ofSession(o.Session),
		member{"issuer", o.Issuer},
		member{"authorizationEndpoint", o.AuthorizationEndpoint},
		member{"tokenEndpoint", o.TokenEndpoint},
		member{"userInfoEndpoint", o.UserInfoEndpoint},
		member{"clientID", redacted},
		member{"clientSecret", redacted},
	)
}

func ofJWT(j *stack.ValidateJWT) *JWT {
	if j == nil {
		return nil
	}
	return &JWT{j.JWKSEndpoint, j.Issuer, list(j.Claims, func(c stack.Claim) Claim { return Claim(c) })}
}

func ofMutual(m *stack.MutualAuthentication) object {
	if m == nil {
		return nil
	}
	out := object{{"mode", m.Mode}, optional("trustStoreArn", m.TrustStore)}
	if m.Mode != stack.MutualVerify {
		return out
	}
	advertise := "off"
	if m.AdvertiseNames {
		advertise = "on"
	}
	return append(out, member{"ignoreClientCertificateExpiry", m.IgnoreExpiry},
		member{"advertiseTrustStoreCaNames", advertise})
}
