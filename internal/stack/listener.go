package stack

// Listener is the wish for one listener; its identity is the decimal port (of a frontend: naming.FrontendListenerID).
type Listener struct {
	ID             string // decimal port, or that of a frontend
	LoadBalancer   Ref
	Port           int32
	Protocol       string // HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP
	DefaultActions []Action
	// Standing asks for the default actions that AWS holds; DefaultActions are for a listener that does not exist.
	Standing bool `json:",omitempty"`
	// KeepRules asks for rules that nobody wants to stay if they may be of somebody whose wish cannot be told now: those that
	// forward to a target group whose identity begins so, and those that forward nowhere.
	KeepRules []string `json:",omitempty"`
	// KeepRulesExcept are identities that begin so, but whose target groups are known to be of others.
	KeepRulesExcept []string `json:",omitempty"`

	SSLPolicy    string   // HTTPS and TLS; empty otherwise
	Certificates []string // ARNs; [0] is the default certificate
	ALPN         string   // TLS only; empty = not managed
	// QUIC tells that QUIC is asked for. A QUIC listener that exists is kept; none is made.
	QUIC       bool `json:",omitempty"`
	Attributes map[string]string
	Mutual     *MutualAuthentication `json:",omitempty"` // HTTPS only; nil = not managed
	Tags       map[string]string
	// SNI lists the certificates to attach through AddListenerCertificates. The default one is not among them; in an
	// observation it may be, because the existing controller attaches it once more.
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

// Redirect sends the client elsewhere; empty fields mean AWS's defaults (#{host}, /#{path}, #{port}, #{protocol}, #{query}).
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
