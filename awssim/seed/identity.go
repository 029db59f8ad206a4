package seed

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// UserPool is a Cognito user pool. A file without any lets load balancers take any pool and client.
type UserPool struct {
	ARN     string   `json:"arn"`
	Domain  string   `json:"domain"` // prefix of amazoncognito.com's, or a name of one's own
	Clients []Client `json:"clients,omitempty"`
}

// Client is an application that users sign in to.
type Client struct {
	ID           string   `json:"id"`
	Secret       string   `json:"secret,omitempty"`
	RedirectURIs []string `json:"redirectURIs,omitempty"` // default: any of https
}

// IdentityProvider is the OpenID provider that a simulator can run.
type IdentityProvider struct {
	Hosts     []string `json:"hosts,omitempty"`     // names that it answers; default idp.example.com
	Users     []User   `json:"users,omitempty"`     // default: one named user, with any password
	Clients   []Client `json:"clients,omitempty"`   // default: any, with any secret
	AutoLogin string   `json:"autoLogin,omitempty"` // the user that is signed in without a page
}

// User can sign in.
type User struct {
	Name     string         `json:"name"`
	Password string         `json:"password,omitempty"` // default: any will do
	Claims   map[string]any `json:"claims,omitempty"`
}

func (f File) validateIdentity(c *checker) {
	for i, p := range f.UserPools {
		field := fmt.Sprintf("userPools[%d]", i)
		if !strings.HasPrefix(p.ARN, "arn:") || !strings.Contains(p.ARN, ":cognito-idp:"+f.Region+":"+f.Account+
			":userpool/") {
			c.complain(field+".arn", p.ARN, "is not the ARN of a user pool of account %s in %s", f.Account, f.Region)
		}
		c.unique(field+".arn", p.ARN)
		if p.Domain == "" {
			c.complain(field+".domain", p.Domain, "is missing: users sign in there")
		}
		validateClients(c, field, p.Clients)
	}
	p := f.IdentityProvider
	for i, h := range p.Hosts {
		if h == "" || strings.ContainsAny(h, "/: ") {
			c.complain(fmt.Sprintf("identityProvider.hosts[%d]", i), h, "is not a host name")
		}
	}
	names := map[string]bool{}
	for i, u := range p.Users {
		if u.Name == "" || names[u.Name] {
			c.complain(fmt.Sprintf("identityProvider.users[%d].name", i), u.Name, "is empty or taken by another user")
		}
		names[u.Name] = true
	}
	if p.AutoLogin != "" && !names[p.AutoLogin] && (len(p.Users) > 0 || p.AutoLogin != "user") {
		c.complain("identityProvider.autoLogin", p.AutoLogin, "is not a user of the file")
	}
	validateClients(c, "identityProvider", p.Clients)
}

func validateClients(c *checker, field string, clients []Client) {
	ids := map[string]bool{}
	for i, client := range clients {
		if client.ID == "" || ids[client.ID] {
			c.complain(fmt.Sprintf("%s.clients[%d].id", field, i), client.ID, "is empty or taken by another client")
		}
		ids[client.ID] = true
	}
}

func (f File) applyUserPools(a *account.Account) error {
	for _, p := range f.UserPools {
		pool := &account.UserPool{ARN: p.ARN, Domain: p.Domain, Clients: map[string]string{}}
		for _, c := range p.Clients {
			pool.Clients[c.ID] = c.Secret
		}
		a.AddUserPool(pool)
	}
	return nil
}
