package awssim

import (
	"errors"
	"log"
	"net/http"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/idp"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

var errNoProvider = errors.New("the simulator runs without an identity provider: start it with --idp ADDRESS")

// identityPaths adds the administration of the identity provider.
func (s *Simulator) identityPaths(mux *http.ServeMux) {
	with := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if s.Provider == nil {
				http.Error(w, errNoProvider.Error(), http.StatusConflict)
				return
			}
			h(w, r)
		}
	}
	mux.HandleFunc("GET /_sim/idp", with(func(w http.ResponseWriter, _ *http.Request) {
		s.answer(w, s.describeProvider())
	}))
	mux.HandleFunc("POST /_sim/idp", with(func(w http.ResponseWriter, r *http.Request) {
		var k idp.Knobs
		if !read(w, r, &k) {
			return
		}
		if err := s.Provider.Turn(k); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.answer(w, s.describeProvider())
	}))
	mux.HandleFunc("DELETE /_sim/idp", with(func(w http.ResponseWriter, _ *http.Request) {
		s.Provider.Reset()
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("GET /_sim/public-keys/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.answerPublicKey(w, r.PathValue("id"))
	})
}

func (s *Simulator) describeProvider() simclient.IdentityProvider {
	keys := s.publicKeys()
	return simclient.IdentityProvider{Address: s.IdentityProvider(), Hosts: s.identity.hosts, PublicKeys: keys.String(),
		State: s.Provider.State()}
}

// logger writes the lines of an HTTP server to logf.
func logger(logf func(string, ...any)) *log.Logger { return log.New(lines(logf), "", 0) }

type lines func(string, ...any)

// Write implements io.Writer.
func (l lines) Write(p []byte) (int, error) {
	l("simulator: identity provider: %s", strings.TrimSpace(string(p)))
	return len(p), nil
}
