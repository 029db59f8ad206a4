package stack

// Types of actions that stand in front of another action of an HTTPS listener, as AWS spells them.
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

// Session is what the two ways of signing users in share. Zero values mean AWS's defaults.
type Session struct {
	OnUnauthenticated string            `json:",omitempty"` // authenticate, allow or deny
	Scope             string            `json:",omitempty"` // claims asked for, separated by spaces
	Cookie            string            `json:",omitempty"` // name of the session cookie
	TimeoutSeconds    int64             `json:",omitempty"` // 1 to 604800
	ExtraParams       map[string]string `json:",omitempty"` // at most 10, sent to the authorization endpoint
}

// AuthenticateOIDC signs users in with a provider of OpenID Connect.
type AuthenticateOIDC struct {
	Issuer, AuthorizationEndpoint, TokenEndpoint, UserInfoEndpoint string
	Session
	// ClientID and ClientSecret come from a Kubernetes Secret. What AWS answers never has the client secret. A desired action that has
	// neither is withheld: the Secret cannot be read, and only what AWS already holds may go on.
	ClientID, ClientSecret Secret
	SecretName             string `json:",omitempty"` // namespace/name of the Kubernetes Secret; empty in observations
	// SecretChanged says that, as far as is recorded, AWS was given another client secret last. It decides where an
	// observation does not know the secret.
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

// Claim is one that a token must have, beyond those that AWS always checks.
type Claim struct {
	Format string // single-string, string-array or space-separated-values
	Name   string
	Values []string
}

// Unavailable are the actions that answer in place of what cannot be served.
func Unavailable() []Action {
	return []Action{{Type: ActionFixedResponse, FixedResponse: &FixedResponse{
		StatusCode: "503", ContentType: "text/plain", MessageBody: "Ingress rule is invalid; see its events",
	}}}
}
