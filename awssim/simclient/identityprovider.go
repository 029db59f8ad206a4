package simclient

import (
	"context"
	"net/http"

	"github.com/k8s-lbc/lbc/awssim/idp"
)

// IdentityProvider is the OpenID provider that the simulator runs.
type IdentityProvider struct {
	Address    string   `json:"address"`    // of its TLS socket on this machine
	Hosts      []string `json:"hosts"`      // names that it answers, besides Cognito's
	PublicKeys string   `json:"publicKeys"` // where it also serves, by their ids, the keys that sign user claims
	idp.State
}

// IdentityProvider tells about the identity provider; it fails when there is none.
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
