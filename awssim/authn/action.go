// Package authn is how an application load balancer identifies its client: sign-in with an OpenID provider kept in
// session cookies, and validation of bearer tokens. It holds no HTTP server, no rules and no provider: requests come as
// values, verdicts go as values. It may import the standard library, go-jose and x/sync; clock, entropy and transport
// are injected.
package authn

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"
)

// The values of OnUnauthenticatedRequest.
const (
	OnMissingLogin = "authenticate" // redirect to the provider
	OnMissingAllow = "allow"        // go on without claims
	OnMissingDeny  = "deny"         // 401
)

// OIDC is the configuration of an authenticate-oidc action, complete with its defaults, or of an authenticate-cognito
// action (see Cognito).
type OIDC struct {
	Issuer                string
	AuthorizationEndpoint string
	TokenEndpoint         string
	UserInfoEndpoint      string
	ClientID              string
	ClientSecret          string
	Cookie                string        // without the number of the shard
	Scope                 string        // separated by spaces
	Timeout               time.Duration // of a session, counted from the sign-in
	OnUnauthenticated     string        // OnMissingLogin, OnMissingAllow, OnMissingDeny
	ExtraParams           map[string]string
}

// Key names a configuration: a sign-in that began under it, and sessions, are worth nothing under another provider or
// client.
func (c *OIDC) Key() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{c.Issuer, c.TokenEndpoint, c.UserInfoEndpoint, c.ClientID, c.Cookie},
		"\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// Cognito fills in what an authenticate-cognito action leaves to the user pool: the issuer from the pool's ARN, the
// endpoints from its domain, which is a prefix of amazoncognito.com's or a name of the user's own. The other fields of
// c are kept.
func Cognito(c OIDC, userPoolARN, domain string) OIDC {
	region, pool := "", userPoolARN
	if parts := strings.SplitN(userPoolARN, ":", 6); len(parts) == 6 { // arn:aws:cognito-idp:REGION:ACCOUNT:userpool/ID
		region, pool = parts[3], strings.TrimPrefix(parts[5], "userpool/")
	}
	c.Issuer = "https://cognito-idp." + region + ".amazonaws.com/" + pool
	base := "https://" + CognitoHost(domain, region)
	c.AuthorizationEndpoint = base + "/oauth2/authorize"
	c.TokenEndpoint = base + "/oauth2/token"
	c.UserInfoEndpoint = base + "/oauth2/userInfo"
	return c
}

// CognitoHost is the host that a user pool's domain stands for.
func CognitoHost(domain, region string) string {
	if strings.Contains(domain, ".") {
		return domain
	}
	return domain + ".auth." + region + ".amazoncognito.com"
}

// JWT is the configuration of a jwt-validation action.
type JWT struct {
	JWKSEndpoint string
	Issuer       string
	Claims       []Claim
}

// Formats of additional claims.
const (
	SingleString         = "single-string"
	StringArray          = "string-array"
	SpaceSeparatedValues = "space-separated-values"
)

// Claim is an additional claim: it must have one of the values.
type Claim struct {
	Name, Format string
	Values       []string
}

// extraParams are the extra parameters of the authorization request in a stable order.
func (c *OIDC) extraParams() []string { return slices.Sorted(maps.Keys(c.ExtraParams)) }
