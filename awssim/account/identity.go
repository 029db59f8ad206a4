package account

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// Identity is the callers and what they may do: users and roles with their policies, and the sessions of roles. Its
// methods need the account's lock.
type Identity struct {
	Users     map[string]*User        // by name
	Roles     map[string]*Role        // by name
	Policies  map[string]*Policy      // managed ones, by name
	Sessions  map[string]*RoleSession // by access key id
	Providers map[string]*Provider    // of web identities, by issuer without scheme
	Pods      []PodIdentity

	// Enforced is set if callers that are not in the account are refused, and if those without policies may do
	// nothing. Else both may do everything.
	Enforced bool
	// LinkedRoles are the services (elasticloadbalancing.amazonaws.com) that have their service-linked role already.
	LinkedRoles map[string]bool

	keys map[string]*User // by access key id
}

// Policy is a managed policy.
type Policy struct {
	Name     string
	Document *policy.Document
}

// Grants are the policies of a user or a role.
type Grants struct {
	Policies []string // names of managed ones
	Boundary string   // name of the one that is the permissions boundary; "": none
}

// User is a user with long-lived access keys.
type User struct {
	Grants
	Name string
	Path string            // between slashes, "/" for none
	ID   string            // AIDA…
	Keys map[string]string // secrets by access key id; "": not known, so that signatures cannot be verified
	Tags map[string]string
}

// Role is a role to assume.
type Role struct {
	Grants
	Name       string
	Path       string
	ID         string           // AROA…
	Trust      *policy.Document // nil: every caller in the account may assume it
	MaxSession int32            // seconds; 0 means AWS's 3,600
	Tags       map[string]string
}

// Provider is an OpenID Connect provider, such as a cluster's issuer of service account tokens.
type Provider struct {
	Issuer    string   // with scheme, as in tokens
	Audiences []string // client ids that tokens must be for one of
	Keys      []byte   // JSON Web Key Set; nil: signatures of tokens are not verified
}

// PodIdentity associates the pods of a service account with a role, as in EKS.
type PodIdentity struct {
	ID             string // a-…
	Cluster        string
	Namespace      string
	ServiceAccount string
	Role           string // name
}

// AddUser adds or replaces a user under its name and keys.
func (a *Account) AddUser(u *User) {
	if u.Path == "" {
		u.Path = "/"
	}
	if u.ID == "" {
		u.ID = "AIDA" + a.keySuffix("user")
	}
	if old := a.Users[u.Name]; old != nil {
		for id := range old.Keys {
			delete(a.keys, id)
		}
	}
	resource.Put(&a.Users, u.Name, u)
	for id := range u.Keys {
		resource.Put(&a.keys, id, u)
	}
}

// UserOfKey is the user of a long-lived access key, or nil.
func (i *Identity) UserOfKey(id string) *User { return i.keys[id] }

// AddRole adds or replaces a role under its name.
func (a *Account) AddRole(r *Role) {
	if r.Path == "" {
		r.Path = "/"
	}
	if r.ID == "" {
		r.ID = "AROA" + a.keySuffix("role")
	}
	resource.Put(&a.Roles, r.Name, r)
}

// AddPolicy adds or replaces a managed policy; users and roles that have it follow at once.
func (i *Identity) AddPolicy(p *Policy) { resource.Put(&i.Policies, p.Name, p) }

// AddProvider adds or replaces a provider of web identities.
func (i *Identity) AddProvider(p *Provider) {
	resource.Put(&i.Providers, strings.TrimPrefix(p.Issuer, "https://"), p)
}

// DeletePolicy removes a managed policy. It fails while a user or role has it, naming the first.
func (i *Identity) DeletePolicy(name string) error {
	if _, ok := i.Policies[name]; !ok {
		return resource.NotFound("policy", name)
	}
	for _, user := range slices.Sorted(maps.Keys(i.Users)) {
		if i.Users[user].has(name) {
			return resource.InUse(name, "user "+user)
		}
	}
	for _, role := range slices.Sorted(maps.Keys(i.Roles)) {
		if i.Roles[role].has(name) {
			return resource.InUse(name, "role "+role)
		}
	}
	delete(i.Policies, name)
	return nil
}

func (g *Grants) has(name string) bool {
	return slices.Contains(g.Policies, name) || g.Boundary == name
}

// Limited reports whether there is any policy.
func (g *Grants) Limited() bool { return len(g.Policies) > 0 || g.Boundary != "" }

// Attach adds a managed policy, once.
func (g *Grants) Attach(name string) {
	if !slices.Contains(g.Policies, name) {
		g.Policies = append(g.Policies, name)
	}
}

// Detach removes a managed policy.
func (g *Grants) Detach(name string) {
	g.Policies = slices.DeleteFunc(g.Policies, func(n string) bool { return n == name })
}

// Documents are the documents of the named policies; names of none are left out.
func (i *Identity) Documents(names ...string) []*policy.Document {
	var list []*policy.Document
	for _, n := range names {
		if p := i.Policies[n]; p != nil {
			list = append(list, p.Document)
		}
	}
	return list
}

// LinkedRole notes that a service has its service-linked role.
func (i *Identity) LinkedRole(service string) { resource.Put(&i.LinkedRoles, service, true) }

// IAMARN is the ARN of a path of IAM ("role/lbc", "user/ann", "oidc-provider/host") in this account.
func (a *Account) IAMARN(path string) string {
	return fmt.Sprintf("arn:%s:iam::%s:%s", a.Partition, a.ID, path)
}

// UserARN is the ARN of a user.
func (a *Account) UserARN(u *User) string { return a.IAMARN("user" + u.Path + u.Name) }

// RoleARN is the ARN of a role.
func (a *Account) RoleARN(r *Role) string { return a.IAMARN("role" + r.Path + r.Name) }

// UserPool is what authenticate-cognito actions need of a Cognito user pool.
type UserPool struct {
	ARN     string
	Domain  string            // prefix of amazoncognito.com's, or a name of the user's own
	Clients map[string]string // secret by client id; "" is a client without a secret, which load balancers refuse
}

// AddUserPool files a user pool.
func (a *Account) AddUserPool(p *UserPool) {
	if a.UserPools == nil {
		a.UserPools = map[string]*UserPool{}
	}
	a.UserPools[p.ARN] = p
}
