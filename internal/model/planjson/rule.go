package planjson

import "github.com/k8s-lbc/lbc/internal/model/stack"

func ofRule(r stack.Rule) object {
	return object{
		{"listenerARN", reference(r.Listener)},
		{"priority", r.Order},
		{"actions", list(r.Actions, ofAction)},
		{"conditions", list(r.Conditions, ofCondition)},
		optional("transforms", list(r.Transforms, ofTransform)),
		optional("tags", r.Tags),
	}
}

// Condition is a condition as annotations and plans spell it: a field, and the values in the member that belongs to the
// field.
type Condition struct {
	Field         string       `json:"field"`
	HostHeader    *Texts       `json:"hostHeaderConfig,omitempty"`
	HTTPHeader    *HTTPHeader  `json:"httpHeaderConfig,omitempty"`
	RequestMethod *Texts       `json:"httpRequestMethodConfig,omitempty"`
	PathPattern   *Texts       `json:"pathPatternConfig,omitempty"`
	QueryString   *QueryString `json:"queryStringConfig,omitempty"`
	SourceIP      *Texts       `json:"sourceIPConfig,omitempty"`
}

// Texts are values, or regular expressions for hosts, paths and headers.
type Texts struct {
	Values []string `json:"values,omitempty"`
	Regex  []string `json:"regexValues,omitempty"`
}

// HTTPHeader are the values of one header.
type HTTPHeader struct {
	Name   string   `json:"httpHeaderName"`
	Values []string `json:"values,omitempty"`
	Regex  []string `json:"regexValues,omitempty"`
}

// QueryString are the parameters of which one must be in the query.
type QueryString struct {
	Values []QueryValue `json:"values"`
}

// QueryValue is a parameter; an empty key matches every key.
type QueryValue struct {
	Key   string `json:"key,omitempty"`
	Value string `json:"value"`
}

func ofCondition(c stack.Condition) Condition {
	out := Condition{Field: string(c.Field)}
	t := Texts{c.Values, c.Regex}
	switch c.Field {
	case stack.HostHeader:
		out.HostHeader = &t
	case stack.PathPattern:
		out.PathPattern = &t
	case stack.HTTPHeader:
		out.HTTPHeader = &HTTPHeader{c.HeaderName, c.Values, c.Regex}
	case stack.RequestMethod:
		out.RequestMethod = &t
	case stack.SourceIP:
		out.SourceIP = &t
	case stack.QueryString:
		out.QueryString = &QueryString{}
		for _, q := range c.Query {
			out.QueryString.Values = append(out.QueryString.Values, QueryValue(q))
		}
	}
	return out
}

// Transform rewrites the host or the URL of requests.
type Transform struct {
	Type string    `json:"type"`
	URL  *Rewrites `json:"urlRewriteConfig,omitempty"`
	Host *Rewrites `json:"hostHeaderRewriteConfig,omitempty"`
}

// Rewrites are the rewrites of one kind.
type Rewrites struct {
	Rewrites []Rewrite `json:"rewrites"`
}

// Rewrite is a regular expression and its replacement.
type Rewrite struct {
	Regex   string `json:"regex"`
	Replace string `json:"replace"`
}

func ofTransform(t stack.Transform) Transform {
	rs := &Rewrites{list(t.Rewrites, func(r stack.Rewrite) Rewrite { return Rewrite(r) })}
	if t.Type == "host-header-rewrite" {
		return Transform{Type: t.Type, Host: rs}
	}
	return Transform{Type: t.Type, URL: rs}
}

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
