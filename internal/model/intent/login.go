package intent

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// LoginOf identifies the logins with OIDC of a member that have one client. Secret has the client's credentials, as
// namespace/name.
type LoginOf struct {
	Member diag.Object
	Secret string
}

// Credentials are the credentials of a login's client, as stack.AuthenticateOIDC has them.
type Credentials struct {
	ID, Secret stack.Secret
	Changed    bool
}

// Logins returns the logins of a version of a member, each once.
func (m *Member) Logins() (out []LoginOf) {
	var seen map[string]bool
	note := func(actions []Action) {
		for _, a := range actions {
			if a.OIDC == nil || seen[a.OIDC.SecretName] {
				continue
			}
			if seen == nil {
				seen = map[string]bool{}
			}
			seen[a.OIDC.SecretName] = true
			out = append(out, LoginOf{m.Object, a.OIDC.SecretName})
		}
	}
	for i := range m.Routes {
		note(m.Routes[i].Authentication)
	}
	for i := range m.Listeners {
		note(m.Listeners[i].Default)
	}
	return out
}

// WithCredentials returns a version of a member whose logins have these credentials; logins without any keep theirs.
func (m Member) WithCredentials(of map[LoginOf]Credentials) Member {
	logins := m.Logins()
	if !slices.ContainsFunc(logins, func(l LoginOf) bool { _, has := of[l]; return has }) {
		return m
	}
	set := func(actions []Action) []Action {
		out := slices.Clone(actions)
		for i, a := range out {
			if a.OIDC == nil {
				continue
			}
			if c, has := of[LoginOf{m.Object, a.OIDC.SecretName}]; has {
				login := *a.OIDC
				login.ClientID, login.ClientSecret, login.SecretChanged = c.ID, c.Secret, c.Changed
				out[i].OIDC = &login
			}
		}
		return out
	}
	m.Routes, m.Listeners = slices.Clone(m.Routes), slices.Clone(m.Listeners)
	for i := range m.Routes {
		m.Routes[i].Authentication = set(m.Routes[i].Authentication)
	}
	for i := range m.Listeners {
		m.Listeners[i].Default = set(m.Listeners[i].Default)
	}
	return m
}

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
