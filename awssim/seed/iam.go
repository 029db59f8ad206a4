package seed

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// IAM is the callers and what they may do. Callers that are not in it, and those without policies, may do everything
// unless Enforce is set.
type IAM struct {
	Enforce       bool          `json:"enforce,omitempty"`
	Policies      []Policy      `json:"policies,omitempty"`
	Users         []IAMUser     `json:"users,omitempty"`
	Roles         []Role        `json:"roles,omitempty"`
	Providers     []Provider    `json:"oidcProviders,omitempty"`
	PodIdentities []PodIdentity `json:"podIdentities,omitempty"`
	// ServiceLinkedRoles are the services, such as elasticloadbalancing.amazonaws.com, that have theirs already.
	ServiceLinkedRoles []string `json:"serviceLinkedRoles,omitempty"`
}

// Policy is a managed policy: its document is as in IAM, in YAML or JSON.
type Policy struct {
	Name     string          `json:"name"`
	Document json.RawMessage `json:"document"`
}

// Grants are the names of policies of a user or role.
type Grants struct {
	Policies []string `json:"policies,omitempty"`
	Boundary string   `json:"boundary,omitempty"` // permissions boundary
}

// IAMUser has long-lived access keys.
type IAMUser struct {
	Name   string            `json:"name"`
	Path   string            `json:"path,omitempty"`
	Keys   []AccessKey       `json:"accessKeys,omitempty"`
	Tags   map[string]string `json:"tags,omitempty"`
	Grants `json:",inline"`
}

// AccessKey of a user.
type AccessKey struct {
	ID     string `json:"id"`
	Secret string `json:"secret,omitempty"` // needed when signatures are verified
}

// Role can be assumed.
type Role struct {
	Name       string            `json:"name"`
	Path       string            `json:"path,omitempty"`
	Trust      json.RawMessage   `json:"trust,omitempty"`      // policy; default: every caller in the account
	MaxSession string            `json:"maxSession,omitempty"` // such as 2h; default 1h
	Tags       map[string]string `json:"tags,omitempty"`
	Grants     `json:",inline"`
}

// Provider is an OpenID Connect provider, such as a cluster's issuer of tokens.
type Provider struct {
	Issuer    string          `json:"issuer"`              // URL
	Audiences []string        `json:"audiences,omitempty"` // default sts.amazonaws.com
	Keys      json.RawMessage `json:"keys,omitempty"`      // JSON Web Key Set; default: signatures are not verified
}

// PodIdentity gives the pods of a service account a role.
type PodIdentity struct {
	Cluster        string `json:"cluster,omitempty"` // default: the file's
	Namespace      string `json:"namespace"`
	ServiceAccount string `json:"serviceAccount"`
	Role           string `json:"role"` // name
}

// shortestMaxSession and longestMaxSession bound a role's longest session.
const (
	shortestMaxSession = time.Hour
	longestMaxSession  = 12 * time.Hour
)

func (f File) validateIAM(c *checker) {
	policies, roles, users, keys := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	once := func(field, value string, seen map[string]bool) {
		if value == "" || seen[value] {
			c.complain(field, value, "is missing or used already")
		}
		seen[value] = true
	}
	for i, p := range f.IAM.Policies {
		field := fmt.Sprintf("iam.policies[%d]", i)
		once(field+".name", p.Name, policies)
		if _, err := policy.ParseIdentity(p.Document); err != nil {
			c.errs = append(c.errs, fmt.Errorf("%s.document: %w", field, err))
		}
	}
	granted := func(field string, g Grants) {
		for j, name := range g.Policies {
			if !policies[name] {
				c.complain(fmt.Sprintf("%s.policies[%d]", field, j), name, "is not a policy of this file")
			}
		}
		if g.Boundary != "" && !policies[g.Boundary] {
			c.complain(field+".boundary", g.Boundary, "is not a policy of this file")
		}
	}
	for i, u := range f.IAM.Users {
		field := fmt.Sprintf("iam.users[%d]", i)
		once(field+".name", u.Name, users)
		for j, k := range u.Keys {
			once(fmt.Sprintf("%s.accessKeys[%d].id", field, j), k.ID, keys)
		}
		granted(field, u.Grants)
	}
	for i, r := range f.IAM.Roles {
		field := fmt.Sprintf("iam.roles[%d]", i)
		once(field+".name", r.Name, roles)
		if r.Trust != nil {
			if _, err := policy.ParseTrust(r.Trust); err != nil {
				c.errs = append(c.errs, fmt.Errorf("%s.trust: %w", field, err))
			}
		}
		if r.MaxSession != "" {
			if d, err := time.ParseDuration(r.MaxSession); err != nil || d < shortestMaxSession || d > longestMaxSession {
				c.complain(field+".maxSession", r.MaxSession, "is not a duration between 1h and 12h")
			}
		}
		granted(field, r.Grants)
	}
	for i, p := range f.IAM.Providers {
		if !strings.HasPrefix(p.Issuer, "https://") {
			c.complain(fmt.Sprintf("iam.oidcProviders[%d].issuer", i), p.Issuer, "is not a URL that begins with https://")
		}
	}
	for i, p := range f.IAM.PodIdentities {
		if !roles[p.Role] {
			c.complain(fmt.Sprintf("iam.podIdentities[%d].role", i), p.Role, "is not a role of this file")
		}
	}
}

func (f File) applyIAM(a *account.Account) error {
	a.Enforced = f.IAM.Enforce
	for _, p := range f.IAM.Policies {
		document, err := policy.ParseIdentity(p.Document)
		if err != nil {
			return err // validated
		}
		a.AddPolicy(&account.Policy{Name: p.Name, Document: document})
	}
	for _, u := range f.IAM.Users {
		user := &account.User{Name: u.Name, Path: u.Path, Keys: map[string]string{}, Tags: clone(u.Tags), Grants: u.grants()}
		for _, k := range u.Keys {
			user.Keys[k.ID] = k.Secret
		}
		a.AddUser(user)
	}
	for _, r := range f.IAM.Roles {
		role := &account.Role{Name: r.Name, Path: r.Path, Tags: clone(r.Tags), Grants: r.grants()}
		if r.Trust != nil {
			trust, err := policy.ParseTrust(r.Trust)
			if err != nil {
				return err // validated
			}
			role.Trust = trust
		}
		if life, err := time.ParseDuration(r.MaxSession); err == nil {
			role.MaxSession = int32(life / time.Second)
		}
		a.AddRole(role)
	}
	for _, p := range f.IAM.Providers {
		provider := &account.Provider{Issuer: p.Issuer, Audiences: p.Audiences, Keys: p.Keys}
		if len(provider.Audiences) == 0 {
			provider.Audiences = []string{"sts.amazonaws.com"}
		}
		a.AddProvider(provider)
	}
	for _, p := range f.IAM.PodIdentities {
		if p.Cluster == "" {
			p.Cluster = f.Cluster.Name
		}
		a.Pods = append(a.Pods, account.PodIdentity{
			ID: a.NewID("a"), Cluster: p.Cluster, Namespace: p.Namespace, ServiceAccount: p.ServiceAccount, Role: p.Role,
		})
	}
	for _, service := range f.IAM.ServiceLinkedRoles {
		a.LinkedRole(service)
	}
	return nil
}

func (g Grants) grants() account.Grants {
	return account.Grants{Policies: slices.Clone(g.Policies), Boundary: g.Boundary}
}
