package stack

import "strings"

// Listener is one desired listener; its identity is the decimal port (of a frontend: naming.FrontendListenerID).
type Listener struct {
	ID             string // decimal port, or that of a frontend
	LoadBalancer   Ref
	Port           int32
	Protocol       string // HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, QUIC, TCP_QUIC
	DefaultActions []Action

	SSLPolicy    string   // HTTPS and TLS; empty otherwise
	Certificates []string // ARNs; [0] is the default certificate
	ALPN         string   // TLS only; empty = not managed
	// Joined marks a listener of others, on a load balancer of others: the stack owns only its rules.
	Joined     bool `json:",omitempty"`
	Attributes map[string]string
	Mutual     *MutualAuthentication `json:",omitempty"` // HTTPS only; nil = not managed
	Tags       map[string]string
	// SNI lists the certificates to attach by AddListenerCertificates, without the default one. In an observation it may
	// contain the default one, because the existing controller attaches it a second time.
	SNI []string
}

// ActionType is what an action does.
type ActionType string

// Action types, as AWS spells them.
const (
	ActionForward       ActionType = "forward"
	ActionRedirect      ActionType = "redirect"
	ActionFixedResponse ActionType = "fixed-response"
)

// Action is one action of a rule or a default action. Exactly the field of its type is set.
type Action struct {
	Type          ActionType
	Forward       *Forward       `json:",omitempty"`
	Redirect      *Redirect      `json:",omitempty"`
	FixedResponse *FixedResponse `json:",omitempty"`

	OIDC    *AuthenticateOIDC    `json:",omitempty"`
	Cognito *AuthenticateCognito `json:",omitempty"`
	JWT     *ValidateJWT         `json:",omitempty"`
}

// MaxConditionValues is how many values ELB allows in the conditions of one rule.
const MaxConditionValues = 5

// MaxWildcards is how many wildcards ELB allows in the conditions of one rule.
const MaxWildcards = 6

// MaxForwardTargets is how many target groups ELB allows in one forward.
const MaxForwardTargets = 5

// Forward distributes over target groups.
type Forward struct {
	TargetGroups []WeightedTargetGroup
	Stickiness   *Stickiness `json:",omitempty"` // nil = not managed
}

// WeightedTargetGroup is one target of a forward; a nil weight is AWS's default of 1.
type WeightedTargetGroup struct {
	TargetGroup Ref
	Weight      *int32 `json:",omitempty"`
}

// Stickiness of a weighted forward.
type Stickiness struct {
	Enabled         bool
	DurationSeconds int32 `json:",omitempty"` // 0 = not set
}

// Redirect sends the client elsewhere; empty fields mean AWS's defaults (#{host}, /#{path}, #{port}, #{protocol},
// #{query}).
type Redirect struct {
	Host, Path, Port, Protocol, Query string `json:",omitempty"`
	StatusCode                        string // HTTP_301 or HTTP_302
}

// FixedResponse answers without a target.
type FixedResponse struct {
	StatusCode  string // "2XX|4XX|5XX" code in decimal
	ContentType string
	MessageBody string
}

// Modes of mutual authentication, as AWS spells them.
const (
	MutualOff         = "off"
	MutualPassthrough = "passthrough"
	MutualVerify      = "verify"
)

// MutualAuthentication says what an HTTPS listener does with client certificates. All fields except Mode belong to
// MutualVerify.
type MutualAuthentication struct {
	Mode         string
	TrustStore   string `json:",omitempty"` // ARN
	IgnoreExpiry bool   `json:",omitempty"`
	// AdvertiseNames: the names of the trust store's authorities are sent in the handshake.
	AdvertiseNames bool `json:",omitempty"`
}

// Certificate is one desired certificate in ACM that the stack owns: requested for host names, or imported from a
// Secret.
type Certificate struct {
	ID     string   // identity; see naming.CertificateID and naming.ImportedCertificateID
	Domain string   // the first name
	Names  []string // all names, sorted, Domain included
	// Authority is the ARN of the private authority that issues it; empty = Amazon.
	Authority string `json:",omitempty"`
	// Import is what is imported; nil = the certificate is requested.
	Import *KeyPair `json:",omitempty"`
	Tags   map[string]string
	// Namespace is that of the object that declares it. AWS does not store it.
	Namespace string `json:"-"`
}

// KeyPair is a certificate with its private key, in PEM.
type KeyPair struct {
	Certificate string `json:"-"`
	Chain       string `json:"-"` // the intermediate certificates; may be empty
	Key         Secret `json:"-"`
	Algorithm   string // of the key, as ACM spells it
	Hash        string // of certificate and chain
	Serial      string `json:",omitempty"` // of the certificate, in hexadecimal digits without leading zeros
}

// TrustStore is one desired trust store that the stack owns: authorities by which listeners verify the certificates of
// clients.
type TrustStore struct {
	ID   string // identity; see naming.TrustStoreID
	Name string
	// Bucket and Key are those of the object from which AWS reads the bundle.
	Bucket, Key string `json:",omitempty"`
	// the certificates of the authorities in PEM; empty = not known, then the trust store stays as it is
	Bundle string `json:"-"`
	Hash   string // of the bundle
	Tags   map[string]string
}

// ConditionField is the kind of a rule condition, as AWS spells it.
type ConditionField string

// Fields of conditions.
const (
	HostHeader    ConditionField = "host-header"
	PathPattern   ConditionField = "path-pattern"
	HTTPHeader    ConditionField = "http-header"
	RequestMethod ConditionField = "http-request-method"
	QueryString   ConditionField = "query-string"
	SourceIP      ConditionField = "source-ip"
)

// Rule is one listener rule. Order is the position in the listener's desired sequence (1, 2, 3, …). plan chooses
// priorities that give this order with the fewest writes.
type Rule struct {
	ID         string // identity: "<port>:<order>"
	Listener   Ref
	Order      int32
	Conditions []Condition
	Actions    []Action
	Transforms []Transform
	Tags       map[string]string
}

// Condition is one condition of a rule; the conditions of a rule are ANDed, the values of a condition ORed.
// HeaderName belongs to http-header only; Query to query-string only; Values or Regex to the others.
type Condition struct {
	Field      ConditionField
	HeaderName string       `json:",omitempty"`
	Values     []string     `json:",omitempty"`
	Regex      []string     `json:",omitempty"`
	Query      []QueryValue `json:",omitempty"`
}

// QueryValue is one key/value pair of a query-string condition; an empty key matches any key.
type QueryValue struct{ Key, Value string }

// Count returns how many values a condition has.
func (c Condition) Count() int { return len(c.Values) + len(c.Regex) + len(c.Query) }

// Wildcards counts the wildcards by which ELB limits the conditions of a rule: those of each value.
func (c Condition) Wildcards() []int {
	if c.Field == RequestMethod || c.Field == SourceIP {
		return nil
	}
	var out []int
	for _, v := range c.Values {
		out = append(out, strings.Count(v, "*")+strings.Count(v, "?"))
	}
	for _, q := range c.Query {
		out = append(out, strings.Count(q.Key+q.Value, "*")+strings.Count(q.Key+q.Value, "?"))
	}
	return out
}

// Transform rewrites the host or the URL before the request goes to a target.
type Transform struct {
	Type     string // "host-header-rewrite" or "url-rewrite"
	Rewrites []Rewrite
}

// Rewrite is a regular expression and its replacement.
type Rewrite struct{ Regex, Replace string }

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
