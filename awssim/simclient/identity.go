package simclient

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/k8s-lbc/lbc/awssim/idp"
)

// IAM is the callers and what they may do.
type IAM struct {
	Enforced bool            `json:"enforced"` // callers that are not listed are refused, and those without policies
	Policies []string        `json:"policies"`
	Users    []Identity      `json:"users"`
	Roles    []Identity      `json:"roles"`
	Linked   map[string]bool `json:"serviceLinkedRoles,omitempty"`
}

// Identity is a user or a role.
type Identity struct {
	Name     string   `json:"name"`
	ARN      string   `json:"arn"`
	Keys     []string `json:"accessKeys,omitempty"` // ids; of a role: of its sessions that have not expired
	Policies []string `json:"policies"`
	Boundary string   `json:"boundary,omitempty"`
}

// IAMChange changes callers and what they may do. What is left out stays.
type IAMChange struct {
	Enforced *bool        `json:"enforced,omitempty"`
	Attach   []Attachment `json:"attach,omitempty"`
	Detach   []Attachment `json:"detach,omitempty"`
}

// Attachment is a policy of a user or a role, by names: exactly one of User, Role and AccessKey is given. An access key
// that no user has creates a user of that name; a missing role is created, and trusts the whole account.
type Attachment struct {
	Policy    string `json:"policy"`
	User      string `json:"user,omitempty"`
	Role      string `json:"role,omitempty"`
	AccessKey string `json:"accessKey,omitempty"`
}

// IAM is the callers and what they may do.
func (c *Client) IAM(ctx context.Context) (IAM, error) {
	var i IAM
	err := c.do(ctx, http.MethodGet, "iam", nil, &i)
	return i, err
}

// ChangeIAM attaches and detaches policies, and switches their enforcement.
func (c *Client) ChangeIAM(ctx context.Context, change IAMChange) error {
	return c.do(ctx, http.MethodPost, "iam", change, nil)
}

// PutPolicy makes a managed policy or replaces its document; users and roles that have it follow at once.
func (c *Client) PutPolicy(ctx context.Context, name string, document []byte) error {
	return c.do(ctx, http.MethodPut, "iam/policies/"+url.PathEscape(name), json.RawMessage(document), nil)
}

// Policy is the document of a managed policy.
func (c *Client) Policy(ctx context.Context, name string) ([]byte, error) {
	var document []byte
	err := c.do(ctx, http.MethodGet, "iam/policies/"+url.PathEscape(name), nil, &document)
	return document, err
}

// DeletePolicy removes a managed policy that no user and no role has.
func (c *Client) DeletePolicy(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "iam/policies/"+url.PathEscape(name), nil, nil)
}

// IdentityProvider is the OpenID provider that the simulator runs.
type IdentityProvider struct {
	Address    string   `json:"address"`    // of its TLS socket on this machine
	Hosts      []string `json:"hosts"`      // names that it answers, besides Cognito's
	PublicKeys string   `json:"publicKeys"` // where it also serves, by their ids, the keys that sign user claims
	idp.State
}

// IdentityProvider is the state of the identity provider; it fails when there is none.
func (c *Client) IdentityProvider(ctx context.Context) (IdentityProvider, error) {
	var p IdentityProvider
	err := c.do(ctx, http.MethodGet, "idp", nil, &p)
	return p, err
}

// TurnIdentityProvider sets all knobs of the identity provider.
func (c *Client) TurnIdentityProvider(ctx context.Context, k idp.Knobs) (IdentityProvider, error) {
	var p IdentityProvider
	err := c.do(ctx, http.MethodPost, "idp", k, &p)
	return p, err
}

// ResetIdentityProvider makes the identity provider forget sign-ins, tokens and counts.
func (c *Client) ResetIdentityProvider(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "idp", nil, nil)
}
