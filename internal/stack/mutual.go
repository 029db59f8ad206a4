package stack

// Modes of mutual authentication, as AWS spells them.
const (
	MutualOff         = "off"
	MutualPassthrough = "passthrough"
	MutualVerify      = "verify"
)

// MutualAuthentication is what an HTTPS listener does with client certificates. All but the mode belongs to MutualVerify.
type MutualAuthentication struct {
	Mode         string
	TrustStore   string `json:",omitempty"` // ARN
	IgnoreExpiry bool   `json:",omitempty"`
	// AdvertiseNames: the names of the trust store's authorities are sent in the handshake.
	AdvertiseNames bool `json:",omitempty"`
}
