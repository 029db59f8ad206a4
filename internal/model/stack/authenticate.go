package stack

// Types of actions that come before another action of an HTTPS listener, as AWS spells them.
const (
	ActionAuthenticateOIDC    ActionType = "authenticate-oidc"
	ActionAuthenticateCognito ActionType = "authenticate-cognito"
	ActionValidateJWT         ActionType = "jwt-validation"
)

// AWS's defaults of a Session.
const (
	DefaultOnUnauthenticated = "authenticate"
	DefaultScope             = "openid"
	DefaultSessionCookie     = "AWSELBAuthSessionCookie"
	DefaultSessionTimeout    = 604800 // seconds: a week
)

// Session has the common fields of both ways to sign users in. Zero values mean AWS's defaults.
type Session struct {
	OnUnauthenticated string            `json:",omitempty"` // authenticate, allow or deny
	Scope             string            `json:",omitempty"` // requested claims, separated by spaces
	Cookie            string            `json:",omitempty"` // name of the session cookie
	TimeoutSeconds    int64             `json:",omitempty"` // 1 to 604800
	ExtraParams       map[string]string `json:",omitempty"` // at most 10, sent to the authorization endpoint
}

// AuthenticateOIDC signs users in with a provider of OpenID Connect.
type AuthenticateOIDC struct {
	Issuer, AuthorizationEndpoint, TokenEndpoint, UserInfoEndpoint string
	Session
	// ClientID and ClientSecret come from a Kubernetes Secret. AWS never returns the client secret. A desired action
	// without them is withheld, because the Secret cannot be read: an existing action in AWS stays, and none is created.
	ClientID, ClientSecret Secret
	SecretName             string `json:",omitempty"` // namespace/name of the Kubernetes Secret; empty in observations
	// SecretChanged is true if the client secret differs from the last one that was sent to AWS, as far as that is
	// recorded. It counts only if the observed secret is not known.
	SecretChanged bool `json:",omitempty"`
}

// Withheld reports whether an action lacks the client's credentials.
func (o *AuthenticateOIDC) Withheld() bool { return !o.ClientID.Known() }

// AuthenticateCognito signs users in with a Cognito user pool.
type AuthenticateCognito struct {
	UserPoolARN, UserPoolClientID, UserPoolDomain string
	Session
}

// ValidateJWT admits requests with a valid bearer token.
type ValidateJWT struct {
	JWKSEndpoint, Issuer string
	Claims               []Claim `json:",omitempty"`
}

// Claim is a claim that a token must have, in addition to those that AWS always checks.
type Claim struct {
	Format string // single-string, string-array or space-separated-values
	Name   string
	Values []string
}

// NotFound returns the actions for requests that no rule of an ALB matches.
func NotFound() []Action {
	return []Action{{Type: ActionFixedResponse, FixedResponse: &FixedResponse{"404", "text/plain", ""}}}
}

// UnavailableOf returns the actions for requests whose rule cannot be served, in a stack of an owner: they answer 503.
func UnavailableOf(o Owner) []Action {
	r := FixedResponse{"503", "text/plain", "Ingress rule is invalid; see its events"}
	if o.OfGateway() {
		r.MessageBody = "Route is invalid; see its status"
	}
	return []Action{{Type: ActionFixedResponse, FixedResponse: &r}}
}
