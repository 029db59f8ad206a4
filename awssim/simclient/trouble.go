package simclient

import (
	"context"
	"net/http"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/quota"
)

// Trouble is what goes wrong in the account besides fault rules. Durations are text such as "10s".
type Trouble struct {
	PageSize          int       `json:"pageSize,omitempty"` // largest page of any list
	Shuffle           bool      `json:"shuffle,omitempty"`  // lists come in another order each time
	ZonesOut          []string  `json:"zonesOut,omitempty"`
	Shifts            []Shift   `json:"shifts,omitempty"` // zonal shifts
	Provisioning      []Outcome `json:"provisioning,omitempty"`
	Flapping          []Flap    `json:"flapping,omitempty"`
	CertificatesStuck bool      `json:"certificatesStuck,omitempty"`
	AcceleratorsStuck bool      `json:"acceleratorsStuck,omitempty"`
	ChangesStuck      bool      `json:"changesStuck,omitempty"`
	FirewallOut       bool      `json:"firewallOut,omitempty"` // AWS WAF does not answer load balancers
	ClockSkew         string    `json:"clockSkew,omitempty"`   // AWS's clock is so far ahead
}

// Outcome is how the provisioning of matching load balancers ends.
type Outcome struct {
	Name   string `json:"name"`  // * and ? as in file names
	State  string `json:"state"` // failed or active_impaired
	Reason string `json:"reason,omitempty"`
}

// Shift is a zonal shift: traffic of load balancers that allow it, by the attribute zonal_shift.config.enabled, is kept
// away from a zone.
type Shift struct {
	LoadBalancer string `json:"loadBalancer"` // name; * and ? as in file names
	Zone         string `json:"zone"`
}

// Flap is a target that is unhealthy in every other half of a period.
type Flap struct {
	TargetGroup string `json:"targetGroup"` // name or ARN
	Target      string `json:"target,omitempty"`
	Period      string `json:"period"`
}

// Quotas are the quotas of all services.
func (c *Client) Quotas(ctx context.Context) ([]quota.Quota, error) {
	var q []quota.Quota
	err := c.do(ctx, http.MethodGet, "quotas", nil, &q)
	return q, err
}

// SetQuotas changes quotas by name, all or none.
func (c *Client) SetQuotas(ctx context.Context, values map[string]int) error {
	return c.do(ctx, http.MethodPost, "quotas", values, nil)
}

// Timings are how long transitions take and reads lag, by name.
func (c *Client) Timings(ctx context.Context) (map[string]string, error) {
	var t map[string]string
	err := c.do(ctx, http.MethodGet, "timings", nil, &t)
	return t, err
}

// SetTimings changes timings by name, all or none; "stale" stands for all that make reads lag.
func (c *Client) SetTimings(ctx context.Context, values map[string]time.Duration) error {
	texts := make(map[string]string, len(values))
	for name, d := range values {
		texts[name] = d.String()
	}
	return c.do(ctx, http.MethodPost, "timings", texts, nil)
}

// Trouble is what goes wrong.
func (c *Client) Trouble(ctx context.Context) (Trouble, error) {
	var t Trouble
	err := c.do(ctx, http.MethodGet, "trouble", nil, &t)
	return t, err
}

// SetTrouble replaces what goes wrong; the zero value ends it.
func (c *Client) SetTrouble(ctx context.Context, t Trouble) error {
	return c.do(ctx, http.MethodPut, "trouble", t, nil)
}
