// Package simclient reads and steers a running simulator over its administration paths under /_sim/. It holds the
// client and the types that go over those paths, and no simulation. It may import the standard library, awssim/gate's
// rule types, awssim/idp's knobs, awssim/account/quota and internal/model/stack.
//
//	c := simclient.New("http://127.0.0.1:4566", nil)
//	calls, err := c.Calls(ctx, gate.Filter{Service: "ec2", Failed: true}) // what was called
//	_, err = c.AddFault(ctx, gate.Fault{Action: "CreateRule", Kind: "throttled", Times: 3})
//	err = c.SetTrouble(ctx, simclient.Trouble{ZonesOut: []string{"us-west-2a"}})
//
// Errors name the path and hold the simulator's answer. A Client may be used concurrently.
package simclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/gate"
)

// Client is a client of one simulator. New makes one.
type Client struct {
	base string
	http *http.Client
}

// New is a client of the simulator at the base URL, such as "http://127.0.0.1:4566". A nil h is http.DefaultClient.
func New(base string, h *http.Client) *Client {
	if h == nil {
		h = http.DefaultClient
	}
	return &Client{base: strings.TrimSuffix(base, "/"), http: h}
}

// Calls are the recorded calls that the filter selects, oldest first.
func (c *Client) Calls(ctx context.Context, f gate.Filter) ([]Call, error) {
	q := url.Values{}
	set := func(key, value string) {
		if value != "" && value != "0" {
			q.Set(key, value)
		}
	}
	set("service", f.Service)
	set("action", f.Action)
	set("caller", f.Caller)
	set("after", strconv.FormatUint(f.After, 10))
	set("limit", strconv.Itoa(f.Limit))
	if !f.Since.IsZero() {
		set("since", f.Since.Format(time.RFC3339Nano))
	}
	if f.Failed {
		set("failed", "true")
	}
	var calls []Call
	err := c.do(ctx, http.MethodGet, "calls?"+q.Encode(), nil, &calls)
	return calls, err
}

// Counts are the numbers of calls since the last reset.
func (c *Client) Counts(ctx context.Context) ([]gate.Count, error) {
	var counts []gate.Count
	err := c.do(ctx, http.MethodGet, "counts", nil, &counts)
	return counts, err
}

// Reset forgets the recorded calls and their counts.
func (c *Client) Reset(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "reset", nil, nil)
}

// Resources are what the account holds.
func (c *Client) Resources(ctx context.Context) (Resources, error) {
	var r Resources
	err := c.do(ctx, http.MethodGet, "resources", nil, &r)
	return r, err
}

// Topology is where the load balancers can be reached on this machine.
func (c *Client) Topology(ctx context.Context) ([]Endpoint, error) {
	var e []Endpoint
	err := c.do(ctx, http.MethodGet, "topology", nil, &e)
	return e, err
}

// Traffic is what the data plane has counted.
func (c *Client) Traffic(ctx context.Context) (Traffic, error) {
	var t Traffic
	err := c.do(ctx, http.MethodGet, "traffic", nil, &t)
	return t, err
}

// Flows are the open flows of network load balancers, oldest first.
func (c *Client) Flows(ctx context.Context) ([]Flow, error) {
	var f []Flow
	err := c.do(ctx, http.MethodGet, "flows", nil, &f)
	return f, err
}

// Backends are the ports of targets that sockets of this machine stand behind, with those sockets' addresses.
func (c *Client) Backends(ctx context.Context) (map[string]string, error) {
	var b map[string]string
	err := c.do(ctx, http.MethodGet, "backends", nil, &b)
	return b, err
}

// SetBackends puts sockets of this machine such as "127.0.0.1:9000" behind targets such as "10.0.128.10:8080" or
// "i-0a1de0000000000a1:8080", all or none; "" removes one.
func (c *Client) SetBackends(ctx context.Context, sockets map[string]string) error {
	return c.do(ctx, http.MethodPost, "backends", sockets, nil)
}

// Resolve looks a load balancer's DNS name up; a name that does not exist has no address.
func (c *Client) Resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	var r Resolution
	err := c.do(ctx, http.MethodGet, "resolve?name="+url.QueryEscape(name), nil, &r)
	return r.Addresses, err
}

// CA is the certificate, in PEM, of the authority that signs the simulator's certificates.
func (c *Client) CA(ctx context.Context) ([]byte, error) {
	var b []byte
	err := c.do(ctx, http.MethodGet, "ca.pem", nil, &b)
	return b, err
}

// Faults are the fault rules.
func (c *Client) Faults(ctx context.Context) ([]gate.FaultStatus, error) {
	var f []gate.FaultStatus
	err := c.do(ctx, http.MethodGet, "faults", nil, &f)
	return f, err
}

// AddFault adds a fault rule, or replaces the one of the same id, and returns its id.
func (c *Client) AddFault(ctx context.Context, f gate.Fault) (string, error) {
	var added gate.Fault
	err := c.do(ctx, http.MethodPost, "faults", f, &added)
	return added.ID, err
}

// RemoveFault removes a fault rule.
func (c *Client) RemoveFault(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "faults/"+url.PathEscape(id), nil, nil)
}

// ClearFaults removes all fault rules.
func (c *Client) ClearFaults(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "faults", nil, nil)
}

// Settings are what can be changed while the simulator runs.
func (c *Client) Settings(ctx context.Context) (Settings, error) {
	var s Settings
	err := c.do(ctx, http.MethodGet, "settings", nil, &s)
	return s, err
}

// SetLatency changes what every call takes in addition.
func (c *Client) SetLatency(ctx context.Context, d time.Duration) error {
	text := d.String()
	return c.do(ctx, http.MethodPost, "settings", SettingsChange{Latency: &text}, nil)
}

// SetThrottle switches AWS's token buckets on or off.
func (c *Client) SetThrottle(ctx context.Context, on bool) error {
	return c.do(ctx, http.MethodPost, "settings", SettingsChange{Throttle: &on}, nil)
}

// SetScale changes how much faster than the machine's a scaled clock runs; with 0 it stands. Other clocks refuse.
func (c *Client) SetScale(ctx context.Context, scale float64) error {
	return c.do(ctx, http.MethodPost, "settings", SettingsChange{Scale: &scale}, nil)
}

// Advance moves a stepped or scaled clock forward; the machine's refuses.
func (c *Client) Advance(ctx context.Context, d time.Duration) error {
	text := d.String()
	return c.do(ctx, http.MethodPost, "settings", SettingsChange{Advance: &text}, nil)
}

// do sends one request. A *[]byte as into takes the body as it is, anything else is read from JSON.
func (c *Client) do(ctx context.Context, method, path string, in, into any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("simulator: %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/_sim/"+path, body)
	if err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("simulator: %s %s: read the answer: %w", method, path, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("simulator: %s %s: %s: %s", method, path, resp.Status, strings.TrimSpace(string(answer)))
	}
	switch into := into.(type) {
	case nil:
	case *[]byte:
		*into = answer
	default:
		if err := json.Unmarshal(answer, into); err != nil {
			return fmt.Errorf("simulator: %s %s: read the answer: %w", method, path, err)
		}
	}
	return nil
}
