package intent

import "github.com/k8s-lbc/lbc/internal/model/stack"

// TrustStore is a trust store that the stack shall own: authorities by which listeners verify client certificates.
type TrustStore struct {
	ID string // identity; see naming.TrustStoreID
	// Objects have the authorities: their hash by namespace/name; empty = it is not known.
	Objects map[string]string `json:",omitempty"`
	Bundle  string            `json:"-"` // the certificates of the authorities in PEM; empty = not known
	Hash    string            // of the bundle
	Source  Source
	// Kept marks a trust store whose authorities are no longer declared in a valid form. Listeners use it as it is in AWS.
	// Without it, they are closed.
	Kept bool `json:",omitempty"`
}

// Clients returns what a member does with the certificates of clients of a port, and the trust store, if it names one
// of the stack.
func (m *Member) Clients(port int32) (mutual stack.MutualAuthentication, store TrustStore) {
	for i := range m.Listeners {
		if l := &m.Listeners[i]; l.Port == port {
			mutual = l.Mutual.Value
		}
	}
	for _, s := range m.TrustStores {
		if s.ID == mutual.TrustStore {
			store = s
		}
	}
	return mutual, store
}
