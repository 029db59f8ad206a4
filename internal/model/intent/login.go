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
