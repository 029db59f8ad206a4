package verify

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Dialer connects to host:port, where host may be the name of a load balancer.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Try makes the request once and returns what is wrong with the answer; nil if it is as expected. transport is copied,
// and its certificates are not verified.
func Try(ctx context.Context, transport *http.Transport, dial Dialer, r Request) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if r.Kind == Connect {
		c, err := dial(ctx, "tcp", r.Address)
		if err != nil {
			return err
		}
		return c.Close()
	}
	t := transport.Clone()
	t.DisableKeepAlives = true
	if t.TLSClientConfig != nil {
		t.TLSClientConfig.InsecureSkipVerify = true
	}
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) { return dial(ctx, network, r.Address) }
	client := &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL(), nil)
	if err != nil {
		return err
	}
	if r.Host != "" {
		req.Host = r.Host
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 200))
	if err != nil {
		return fmt.Errorf("%s, then: %w", resp.Status, err)
	}
	redirect := resp.StatusCode/100 == 3 && strings.HasPrefix(resp.Header.Get("Location"), "https://") &&
		r.Scheme == "http"
	if resp.StatusCode == http.StatusOK || r.Kind == Answer && resp.StatusCode < 500 || redirect {
		return nil
	}
	return fmt.Errorf("%s from %s: %s", resp.Status, resp.Header.Get("Server"), strings.TrimSpace(string(body)))
}
