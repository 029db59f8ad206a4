package stack

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
