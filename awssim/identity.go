package awssim

import (
	"net/http"

	"github.com/k8s-lbc/lbc/awssim/imds"
	"github.com/k8s-lbc/lbc/awssim/wire"
)

// authenticate checks keys of users and sessions that the account gave out, and accepts every other key unless the
// account enforces its policies.
func (s *Simulator) authenticate(accessKey, token string) wire.Verdict {
	a := s.Account
	a.Lock()
	defer a.Unlock()
	session, ok := a.Sessions[accessKey]
	switch {
	case !ok && a.Enforced && a.UserOfKey(accessKey) == nil:
		return wire.KeyUnknown
	case !ok:
		return wire.KeyValid
	case session.Token != token:
		return wire.KeyUnknown
	case !a.Clock.Now().Before(session.Expires):
		return wire.KeyExpired
	}
	return wire.KeyValid
}

// secret is what an access key's calls must be signed with.
func (s *Simulator) secret(accessKey string) (string, bool) {
	a := s.Account
	a.Lock()
	defer a.Unlock()
	if session, ok := a.Sessions[accessKey]; ok {
		return session.Secret, true
	}
	if u := a.UserOfKey(accessKey); u != nil {
		return u.Keys[accessKey], u.Keys[accessKey] != ""
	}
	return "", false
}

// serveMetadata serves what instances and pods request on link-local addresses, on AWS's paths: the metadata of one
// instance, for clients that take no path in their endpoint, as the SDK for Go; of each under a path of its own; and
// pods' credentials.
func (s *Simulator) serveMetadata(mux *http.ServeMux, instance string) {
	if nodes := s.Seed().Cluster.Nodes; instance == "" && len(nodes) > 0 {
		instance = nodes[0].Instance
	}
	mux.Handle("/latest/", imds.NewMetadata(s.Account, instance))
	mux.HandleFunc("/_sim/instances/{instance}/latest/", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("instance")
		http.StripPrefix("/_sim/instances/"+id, imds.NewMetadata(s.Account, id)).ServeHTTP(w, r)
	})
	mux.Handle("/v1/credentials", imds.NewPodIdentity(s.Account))
}
