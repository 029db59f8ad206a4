package awssim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/pki"
	"github.com/k8s-lbc/lbc/awssim/authn"
	"github.com/k8s-lbc/lbc/awssim/idp"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

// identityServer serves the identity provider over TLS under the names of its hosts, of Cognito and of the keys that
// sign user claims.
type identityServer struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{}
	sim      *Simulator
	hosts    []string

	mu           sync.Mutex
	certificates map[string]*tls.Certificate
}

// startProvider starts the identity provider at an address.
func (s *Simulator) startProvider(address string, o Options) error {
	ip, err := netip.ParseAddrPort(address)
	if err != nil || !ip.Addr().IsLoopback() {
		return fmt.Errorf("identity provider: %q is not an address of this machine alone, such as 127.0.0.1:0", address)
	}
	file := o.Seed.IdentityProvider
	users := make([]idp.User, 0, len(file.Users))
	for _, u := range file.Users {
		users = append(users, idp.User{Name: u.Name, Password: u.Password, Claims: u.Claims})
	}
	p := idp.New(idp.Options{
		Now: o.Clock.Now, Issuer: s.issuerOf, Client: s.clientOf(file.Clients), Users: users, Knobs: idp.Knobs{
			AutoLogin: file.AutoLogin},
	})
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("identity provider: %w", err)
	}
	is := &identityServer{
		listener: listener, sim: s, hosts: file.Hosts, done: make(chan struct{}), certificates: map[string]*tls.Certificate{},
	}
	if len(is.hosts) == 0 {
		is.hosts = []string{"idp.example.com"}
	}
	provider := p.Handler()
	is.server = &http.Server{
		ReadHeaderTimeout: time.Minute, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: is.certificate},
		ErrorLog: logger(s.logf),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if id, ok := s.publicKeyID(r); ok {
				s.answerPublicKey(w, id)
				return
			}
			provider.ServeHTTP(w, r)
		}),
	}
	s.Provider, s.identity = p, is
	go func() {
		defer close(is.done)
		if err := is.server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			s.logf("simulator: identity provider: %v", err)
		}
	}()
	return nil
}

func (is *identityServer) close() error {
	err := is.server.Close()
	<-is.done
	return err
}

// certificate makes one for each name that is served.
func (is *identityServer) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(hello.ServerName)
	names := []string{name}
	if !is.serves(name) {
		name, names = "", append(slices.Clone(is.hosts), "localhost", "127.0.0.1", "::1")
	}
	is.mu.Lock()
	defer is.mu.Unlock()
	if c := is.certificates[name]; c != nil {
		return c, nil
	}
	c, err := is.sim.Account.Authority().Issue(names, pki.ECPrime256v1)
	if err == nil {
		is.certificates[name] = c
	}
	return c, err
}

// serves reports whether a host name, in lower case and without port, is the provider's.
func (is *identityServer) serves(host string) bool {
	region := is.sim.Account.Region
	return slices.Contains(is.hosts, host) || host == "cognito-idp."+region+".amazonaws.com" ||
		strings.HasSuffix(host, ".auth."+region+".amazoncognito.com") || host == is.sim.publicKeys().Host ||
		is.sim.poolAt(host) != ""
}

// IdentityProvider is the address of the identity provider; "" when there is none.
func (s *Simulator) IdentityProvider() string {
	if s.identity == nil {
		return ""
	}
	return s.identity.listener.Addr().String()
}

// lookupProvider finds the names of the identity provider.
func (s *Simulator) lookupProvider(name string) ([]netip.Addr, bool) {
	if s.identity == nil || !s.identity.serves(name) {
		return nil, false
	}
	return []netip.Addr{s.identity.listener.Addr().(*net.TCPAddr).AddrPort().Addr().Unmap()}, true
}

// identityTransport is how load balancers reach providers: the simulator's own by its names, those behind load
// balancers, and what listens on this machine. Other hosts are unreachable.
func (s *Simulator) identityTransport() (*http.Transport, error) {
	pool, err := s.Account.Authority().Pool()
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		DialContext: s.dialProvider, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 10, IdleConnTimeout: time.Minute,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool},
	}, nil
}

func (s *Simulator) dialProvider(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ip, _ := netip.ParseAddr(host)
	switch {
	case s.identity != nil && s.identity.serves(strings.ToLower(host)):
		return new(net.Dialer).DialContext(ctx, network, s.identity.listener.Addr().String())
	case ip.IsLoopback() || host == "localhost":
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	if _, ok := s.Plane.Resolve(strings.ToLower(host)); ok {
		return s.Plane.DialContext(ctx, network, address)
	}
	return nil, fmt.Errorf("dial %s: no such host: the simulator reaches its own identity provider, its load balancers "+
		"and this machine", address)
}

// issuerOf is what tokens of a host name as their issuer: a Cognito domain's user pool, else the host.
func (s *Simulator) issuerOf(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if arn := s.poolAt(name); arn != "" {
		return authn.Cognito(authn.OIDC{}, arn, name).Issuer
	}
	return "https://" + host
}

// poolAt is the ARN of the user pool whose users sign in at a host: one of the account's or, in an account that was
// described without any, one that an action names.
func (s *Simulator) poolAt(host string) string {
	a := s.Account
	a.Lock()
	defer a.Unlock()
	at := func(domain string) bool { return authn.CognitoHost(domain, a.Region) == host }
	for arn, p := range a.UserPools {
		if at(p.Domain) {
			return arn
		}
	}
	for _, arn := range slices.Sorted(maps.Keys(a.Rules)) {
		for _, action := range a.Rules[arn].Actions {
			if c := action.Cognito; c != nil && at(c.UserPoolDomain) {
				return c.UserPoolARN
			}
		}
	}
	return ""
}

// clientOf finds clients: a user pool's at its domain, else those of the file, any if it has none.
func (s *Simulator) clientOf(clients []seed.Client) func(host, id string) (idp.Client, bool) {
	return func(host, id string) (idp.Client, bool) {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if arn := s.poolAt(host); arn != "" {
			a := s.Account
			a.Lock()
			defer a.Unlock()
			pool := a.UserPools[arn]
			if pool == nil {
				return idp.Client{ID: id}, true
			}
			secret, ok := pool.Clients[id]
			return idp.Client{ID: id, Secret: secret}, ok
		}
		for _, c := range clients {
			if c.ID == id {
				return idp.Client{ID: c.ID, Secret: c.Secret, RedirectURIs: c.RedirectURIs}, true
			}
		}
		return idp.Client{ID: id}, len(clients) == 0
	}
}

// publicKeys is where AWS serves, by their ids, the keys that sign user claims in the region.
func (s *Simulator) publicKeys() url.URL {
	region := s.Account.Region
	if s.Account.Partition == "aws-us-gov" {
		return url.URL{Scheme: "https", Host: "s3-" + region + ".amazonaws.com", Path: "/aws-elb-public-keys-prod-" +
			region + "/"}
	}
	host := "public-keys.auth.elb." + region + ".amazonaws.com"
	if s.Account.Partition == "aws-cn" {
		host += ".cn"
	}
	return url.URL{Scheme: "https", Host: host, Path: "/"}
}

// publicKeyID is the id of the key in a request's path, if there is one.
func (s *Simulator) publicKeyID(r *http.Request) (string, bool) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	at := s.publicKeys()
	if host != at.Host {
		return "", false
	}
	return strings.CutPrefix(r.URL.Path, at.Path)
}

func (s *Simulator) answerPublicKey(w http.ResponseWriter, id string) {
	if s.Plane == nil {
		http.Error(w, errNoPlane.Error(), http.StatusConflict)
		return
	}
	pem, ok := s.Plane.PublicKey(id)
	if !ok {
		http.Error(w, "no load balancer signs user claims with the key "+id, http.StatusNotFound)
		return
	}
	s.answerText(w, "text/plain; charset=utf-8", string(pem))
}
