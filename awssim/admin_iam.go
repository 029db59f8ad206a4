package awssim

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// administerIAM serves the paths about callers and their permissions.
func (s *Simulator) administerIAM(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sim/iam", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.IAM()) })
	mux.HandleFunc("POST /_sim/iam", func(w http.ResponseWriter, r *http.Request) {
		var change simclient.IAMChange
		if !read(w, r, &change) {
			return
		}
		if err := s.ChangeIAM(change); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.answer(w, s.IAM())
	})
	mux.HandleFunc("GET /_sim/iam/policies/{name}", func(w http.ResponseWriter, r *http.Request) {
		s.Account.Lock()
		p := s.Account.Policies[r.PathValue("name")]
		s.Account.Unlock()
		if p == nil {
			http.Error(w, "there is no policy "+r.PathValue("name"), http.StatusNotFound)
			return
		}
		s.answerText(w, "application/json", p.Document.String()+"\n")
	})
	mux.HandleFunc("PUT /_sim/iam/policies/{name}", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAdministration))
		if err == nil {
			err = s.PutPolicy(r.PathValue("name"), text)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /_sim/iam/policies/{name}", func(w http.ResponseWriter, r *http.Request) {
		s.Account.Lock()
		err := s.Account.DeletePolicy(r.PathValue("name"))
		s.Account.Unlock()
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// PutPolicy makes a managed policy or replaces its document. It fails when the document is no identity-based policy.
func (s *Simulator) PutPolicy(name string, document []byte) error {
	d, err := policy.ParseIdentity(document)
	if err != nil {
		return err
	}
	s.Account.Lock()
	defer s.Account.Unlock()
	s.Account.AddPolicy(&account.Policy{Name: name, Document: d})
	return nil
}

// IAM is the callers and what they may do.
func (s *Simulator) IAM() simclient.IAM {
	a := s.Account
	a.Lock()
	defer a.Unlock()
	all := simclient.IAM{
		Enforced: a.Enforced, Policies: append([]string{}, slices.Sorted(maps.Keys(a.Policies))...),
		Users: []simclient.Identity{}, Roles: []simclient.Identity{},
		Linked: maps.Clone(a.LinkedRoles),
	}
	for _, name := range slices.Sorted(maps.Keys(a.Users)) {
		u := a.Users[name]
		all.Users = append(all.Users, identity(name, a.UserARN(u), slices.Sorted(maps.Keys(u.Keys)), u.Grants))
	}
	sessions := map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(a.Sessions)) {
		if session := a.Sessions[key]; a.Clock.Now().Before(session.Expires) {
			sessions[session.Role] = append(sessions[session.Role], key)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Roles)) {
		r := a.Roles[name]
		all.Roles = append(all.Roles, identity(name, a.RoleARN(r), sessions[name], r.Grants))
	}
	return all
}

func identity(name, arn string, keys []string, g account.Grants) simclient.Identity {
	return simclient.Identity{Name: name, ARN: arn, Keys: append([]string{}, keys...),
		Policies: append([]string{}, g.Policies...), Boundary: g.Boundary}
}

// ChangeIAM attaches and detaches policies, and switches their enforcement: all of it, or nothing with an error.
func (s *Simulator) ChangeIAM(change simclient.IAMChange) error {
	a := s.Account
	a.Lock()
	defer a.Unlock()
	var wrong []error
	for _, at := range slices.Concat(change.Attach, change.Detach) {
		given := 0
		for _, v := range []string{at.User, at.Role, at.AccessKey} {
			if v != "" {
				given++
			}
		}
		if given != 1 {
			wrong = append(wrong, fmt.Errorf("policy %s: give exactly one of user, role and accessKey, not %d",
				at.Policy, given))
		}
		if at.User != "" && a.Users[at.User] == nil {
			wrong = append(wrong, fmt.Errorf("there is no user %s", at.User))
		}
	}
	for _, at := range change.Attach {
		if a.Policies[at.Policy] == nil {
			wrong = append(wrong, fmt.Errorf("there is no policy %q: put one to /_sim/iam/policies/%s first",
				at.Policy, at.Policy))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	for _, at := range change.Attach {
		grants(a, at).Attach(at.Policy)
	}
	for _, at := range change.Detach {
		grants(a, at).Detach(at.Policy)
	}
	if change.Enforced != nil {
		a.Enforced = *change.Enforced
	}
	return nil
}

// grants are those of the user or role that is named; a missing one is created, except users by name.
func grants(a *account.Account, at simclient.Attachment) *account.Grants {
	switch {
	case at.User != "":
		return &a.Users[at.User].Grants
	case at.Role != "":
		if a.Roles[at.Role] == nil {
			a.AddRole(&account.Role{Name: at.Role})
		}
		return &a.Roles[at.Role].Grants
	}
	if a.UserOfKey(at.AccessKey) == nil {
		a.AddUser(&account.User{Name: at.AccessKey, Keys: map[string]string{at.AccessKey: ""}})
	}
	return &a.UserOfKey(at.AccessKey).Grants
}
