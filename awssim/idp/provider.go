// Package idp is a small OpenID provider for tests: discovery, a sign-in page, tokens, user info, keys, sign-out, under
// any host name, and the same as a Cognito user pool's domain. Knobs make it fail. It has no load balancers and listens
// nowhere: it is a handler. It may import the standard library and go-jose; clock and entropy are injected.
package idp

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// User is a user that can sign in.
type User struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"` // empty: any will do
	// what the user info endpoint returns; "sub" is the name unless it is here
	Claims map[string]any `json:"claims,omitempty"`
}

// Client is an application that users can sign in to.
type Client struct {
	ID           string   `json:"id"`
	Secret       string   `json:"secret,omitempty"`       // empty: any will do
	RedirectURIs []string `json:"redirectURIs,omitempty"` // empty: any of https
}

// Options configure a Provider; every zero value means a sensible default.
type Options struct {
	Now     func() time.Time // time.Now
	Entropy io.Reader        // crypto/rand
	// Issuer is what tokens of a host name as their issuer: "https://" and the host.
	Issuer func(host string) string
	// Client finds a client of a host: any id is a client whose secret and redirect URIs are not checked.
	Client func(host, id string) (Client, bool)
	Users  []User // one named "user"
	Knobs  Knobs
}

// Provider is the provider. It may be used concurrently.
type Provider struct {
	now     func() time.Time
	entropy io.Reader
	issuer  func(string) string
	client  func(host, id string) (Client, bool)
	users   []User
	key     func() (*rsa.PrivateKey, error) // made at first use

	mu       sync.Mutex
	knobs    Knobs
	sessions map[string]string // cookie → user
	codes    map[string]grant
	access   map[string]grant
	refresh  map[string]grant
	requests map[string]int64 // by endpoint
}

// grant is what a code or a token stands for.
type grant struct {
	issuer, client, user, scope, nonce string
	redirectURI                        string // codes
	expires                            time.Time
}

const (
	codeLife    = 5 * time.Minute
	tokenLife   = time.Hour
	refreshLife = 30 * 24 * time.Hour
)

// New makes a provider.
func New(o Options) *Provider {
	p := &Provider{
		now: o.Now, entropy: o.Entropy, issuer: o.Issuer, client: o.Client, users: o.Users, knobs: o.Knobs,
		sessions: map[string]string{}, codes: map[string]grant{}, access: map[string]grant{}, refresh: map[string]grant{},
		requests: map[string]int64{},
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.entropy == nil {
		p.entropy = rand.Reader
	}
	if p.issuer == nil {
		p.issuer = func(host string) string { return "https://" + host }
	}
	if p.client == nil {
		p.client = func(_, id string) (Client, bool) { return Client{ID: id}, true }
	}
	if len(p.users) == 0 {
		p.users = []User{{Name: "user", Claims: map[string]any{"name": "Test User", "email": "user@example.com",
			"email_verified": true}}}
	}
	p.key = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	return p
}

// Handler serves the provider under every host that requests name.
func (p *Provider) Handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(endpoint string, h http.HandlerFunc, patterns ...string) {
		for _, pattern := range patterns {
			mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
				p.mu.Lock()
				p.requests[endpoint]++
				fault := p.knobs.fault(endpoint)
				p.mu.Unlock()
				if !fault.strike(w, r) {
					h(w, r)
				}
			})
		}
	}
	handle("configuration", p.configuration, "GET /.well-known/openid-configuration",
		"GET /{pool}/.well-known/openid-configuration")
	handle("authorize", p.authorize, "GET /authorize", "GET /oauth2/authorize")
	handle("login", p.login, "POST /login")
	handle("token", p.token, "POST /token", "POST /oauth2/token")
	handle("userinfo", p.userInfo, "/userinfo", "/oauth2/userInfo")
	handle("keys", p.keys, "GET /.well-known/jwks.json", "GET /{pool}/.well-known/jwks.json")
	handle("logout", p.logout, "GET /logout", "GET /oauth2/logout")
	return mux
}

// State is a provider's users, knobs and counts.
type State struct {
	Users    []User           `json:"users"`
	Knobs    Knobs            `json:"knobs"`
	Sessions int              `json:"sessions"`
	Requests map[string]int64 `json:"requests"` // by endpoint
}

// State is the users, knobs and counts of now.
func (p *Provider) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := State{Users: p.users, Knobs: p.knobs, Sessions: len(p.sessions), Requests: map[string]int64{}}
	for endpoint, n := range p.requests {
		s.Requests[endpoint] = n
	}
	return s
}

// Turn sets the knobs. It fails, and changes nothing, when they make no sense.
func (p *Provider) Turn(k Knobs) error {
	if err := k.check(p.users); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.knobs = k
	return nil
}

// Reset forgets sessions, codes, tokens and counts, and keeps users and knobs.
func (p *Provider) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.sessions)
	clear(p.codes)
	clear(p.access)
	clear(p.refresh)
	clear(p.requests)
}

// secret makes an unguessable name.
func (p *Provider) secret() (string, error) {
	var b [24]byte
	if _, err := io.ReadFull(p.entropy, b[:]); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// keep files a grant under a new secret; the lock is held. What has expired is forgotten.
func (p *Provider) keep(in map[string]grant, g grant) (string, error) {
	secret, err := p.secret()
	if err != nil {
		return "", err
	}
	p.file(in, secret, g)
	return secret, nil
}

func (p *Provider) file(in map[string]grant, name string, g grant) {
	now := p.now()
	for k, old := range in {
		if !now.Before(old.expires) {
			delete(in, k)
		}
	}
	in[name] = g
}

// user finds a user by name.
func (p *Provider) user(name string) (User, bool) {
	for _, u := range p.users {
		if u.Name == name {
			return u, true
		}
	}
	return User{}, false
}

// subject is the user's "sub".
func (u User) subject() string {
	s, _ := u.Claims["sub"].(string)
	return cmp.Or(s, u.Name)
}

func serverError(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusInternalServerError)
}
