// Package curl is a small HTTP client that finds simulated load balancers by their DNS names: the part of curl's command line
// that people use at a load balancer, and a transport for tests. It imports the simulator's client.
package curl

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// Endpoints lists the load balancers and the sockets behind their listeners.
type Endpoints func(ctx context.Context) ([]simclient.Endpoint, error)

// NoSuchHostError says that a name below elb.amazonaws.com belongs to no load balancer (any more).
type NoSuchHostError struct{ Host string }

func (e *NoSuchHostError) Error() string {
	return fmt.Sprintf("could not resolve host %s: no active load balancer of the simulated account has this name", e.Host)
}

// Locate translates host:port to the address to dial: the socket of the listener for the name of a load balancer, else the
// same. A port on which a load balancer does not listen is one of its own address, which refuses.
func (e Endpoints) Locate(ctx context.Context, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("address %s: %w", address, err)
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
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
	if strings.HasSuffix(host, ".amazonaws.com") {
		return "", &NoSuchHostError{Host: host}
	}
	return address, nil
}

// Dial connects to host:port as Locate finds it.
func (e Endpoints) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	target, err := e.Locate(ctx, address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	return d.DialContext(ctx, network, target)
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
