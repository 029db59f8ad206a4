// Package curl is a small HTTP client that finds simulated load balancers by their DNS names: the part of curl's
// command line most used with load balancers, and a transport for tests. It imports the simulator's client.
package curl

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// Endpoints lists the load balancers and the sockets behind their listeners.
type Endpoints func(ctx context.Context) ([]simclient.Endpoint, error)

// NoSuchHostError is returned for a name that belongs to no load balancer (any more). Other names are not resolved: a
// playground connects to no other machine.
type NoSuchHostError struct{ Host string }

func (e *NoSuchHostError) Error() string {
	if strings.HasSuffix(e.Host, ".amazonaws.com") {
		return fmt.Sprintf("could not resolve host %s: no active load balancer of the simulated account has this name",
			e.Host)
	}
	return fmt.Sprintf("could not resolve host %s: only the names of simulated load balancers are known; to reach one "+
		"under this name, add --connect-to ::NAME-OF-THE-LOAD-BALANCER:", e.Host)
}

// Locate translates host:port to the address to dial: the socket of the listener for the name of a load balancer;
// addresses and localhost stay as they are. A port on which a load balancer does not listen is one of its own address,
// which refuses.
func (e Endpoints) Locate(ctx context.Context, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("address %s: %w", address, err)
	}
	host = single(strings.TrimSuffix(strings.ToLower(host), "."))
	if net.ParseIP(host) != nil || host == "localhost" {
		return address, nil
	}
	all, err := e(ctx)
	if err != nil {
		return "", err
	}
	for _, lb := range all {
		if !strings.EqualFold(lb.DNSName, host) || !lb.Address.IsValid() {
			continue
		}
		for _, l := range lb.Listeners {
			if strconv.Itoa(int(l.Port)) == port && l.Protocol != "UDP" && l.Address.IsValid() {
				return l.Address.String(), nil
			}
		}
		return net.JoinHostPort(lb.Address.String(), port), nil
	}
	return "", &NoSuchHostError{Host: host}
}

// single is the name of an accelerator for IPv4, given the one for both families: its addresses of this machine are the
// same.
func single(host string) string {
	if label, ok := strings.CutSuffix(host, ".dualstack.awsglobalaccelerator.com"); ok {
		return label + ".awsglobalaccelerator.com"
	}
	return host
}

// Dial connects to host:port as Locate finds it.
func (e Endpoints) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	target, err := e.Locate(ctx, address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	conn, err := d.DialContext(ctx, network, target)
	if errors.Is(err, syscall.ECONNREFUSED) {
		err = e.explain(ctx, address, err)
	}
	return conn, err
}

// explain adds to a refusal what a load balancer listens on, if the port asked for is none of that.
func (e Endpoints) explain(ctx context.Context, address string, refusal error) error {
	all, err := e(ctx)
	if err != nil {
		return refusal
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return refusal
	}
	for _, lb := range all {
		if !strings.EqualFold(lb.DNSName, single(strings.TrimSuffix(strings.ToLower(host), "."))) {
			continue
		}
		listens := []string{}
		for _, l := range lb.Listeners {
			if strconv.Itoa(int(l.Port)) == port {
				return refusal
			}
			listens = append(listens, fmt.Sprintf("%s %d", l.Protocol, l.Port))
		}
		if len(listens) == 0 {
			return fmt.Errorf("the load balancer has no listener: %w", refusal)
		}
		return fmt.Errorf("the load balancer has no listener at port %s, but %s: %w", port, strings.Join(listens, ", "),
			refusal)
	}
	return refusal
}

// Transport is an HTTP transport that dials through e and trusts the PEM certificates in ca besides the machine's.
func (e Endpoints) Transport(ca []byte) (*http.Transport, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if len(ca) > 0 && !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("no certificate in the simulator's CA")
	}
	return &http.Transport{
		DialContext:         e.Dial,
		TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     30 * time.Second,
	}, nil
}
