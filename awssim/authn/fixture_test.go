package authn

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const balancer = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/web/1"

// site is an authenticator with a provider, a clock and a browser.
type site struct {
	testing.TB
	*Authenticator
	config OIDC

	mu       sync.Mutex
	at       time.Time
	answers  map[string]func(*http.Request) (*http.Response, error) // by path of the endpoint
	requests map[string]int
	cookies  map[string]string // the browser's
}

func newSite(t testing.TB) *site {
	s := &site{TB: t, at: epoch, requests: map[string]int{}, cookies: map[string]string{}}
	s.config = OIDC{
		Issuer: "https://idp.example.com", AuthorizationEndpoint: "https://idp.example.com/authorize",
		TokenEndpoint:    "https://idp.example.com/token",
		UserInfoEndpoint: "https://idp.example.com/userinfo", ClientID: "shop", ClientSecret: "se:cret",
		Cookie: "AWSELBAuthSessionCookie",
		Scope:  "openid email", Timeout: time.Hour, OnUnauthenticated: OnMissingLogin,
	}
	s.answers = map[string]func(*http.Request) (*http.Response, error){
		"/token":    s.json(200, s.tokens(nil)),
		"/userinfo": s.json(200, map[string]any{"sub": "alice", "email": "alice@example.com"}),
	}
	s.limit(20 * time.Second)
	return s
}

// limit gives the site an authenticator that waits so long for each answer of the provider.
func (s *site) limit(timeout time.Duration) {
	a, err := New(Options{Now: s.now, Transport: s, Timeout: timeout})
	if err != nil {
		s.Fatal(err)
	}
	s.Authenticator = a
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(d)
}

// RoundTrip is the provider.
func (s *site) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.requests[r.URL.Path]++
	f := s.answers[r.URL.Path]
	s.mu.Unlock()
	if f == nil {
		return nil, errors.New("no route to host")
	}
	return f(r)
}

func (s *site) json(status int, v any) func(*http.Request) (*http.Response, error) {
	body, err := json.Marshal(v)
	if err != nil {
		s.Fatal(err)
	}
	return s.text(status, "application/json;charset=UTF-8", string(body))
}

func (s *site) text(status int, contentType, body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Request: r, Header: http.Header{"Content-Type": {contentType}},
			Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// stuck answers once the caller gives up, which is soon.
func stuck(s *site) func(*http.Request) (*http.Response, error) {
	s.limit(500 * time.Millisecond)
	return func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
}

// tokens is a token answer whose ID token has these claims besides, or instead of, the good ones.
func (s *site) tokens(change map[string]any) map[string]any {
	claims := map[string]any{"iss": s.config.Issuer, "aud": s.config.ClientID, "sub": "alice",
		"exp": epoch.Add(time.Hour).Unix()}
	for k, v := range change {
		claims[k] = v
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		s.Fatal(err)
	}
	return map[string]any{
		"access_token": "access-1", "token_type": "Bearer", "expires_in": 300,
		"id_token": "e30." + base64.RawURLEncoding.EncodeToString(payload) + ".c2ln",
	}
}

func with(m map[string]any, key string, value any) map[string]any {
	m[key] = value
	return m
}

func (s *site) request(uri string) Request {
	h := http.Header{}
	for name, value := range s.cookies {
		h.Add("Cookie", name+"="+value)
	}
	return Request{Host: "shop.example.com", URI: uri, Header: h, Signer: balancer}
}

// keep takes an answer's cookies as a browser does.
func (s *site) keep(v Verdict) Verdict {
	for _, line := range v.SetCookies {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			s.Fatalf("%q: %v", line, err)
		}
		if len(line) > 4096 || !c.Secure || !c.HttpOnly || c.Path != "/" || c.SameSite != http.SameSiteNoneMode {
			s.Errorf("cookie of %d bytes: %.60q…", len(line), line)
		}
		s.cookies[c.Name] = c.Value
		if c.Expires.Before(s.now()) {
			delete(s.cookies, c.Name)
		}
	}
	return v
}

func (s *site) visit(uri string) Verdict {
	return s.keep(s.Authenticate(context.Background(), s.request(uri), &s.config))
}

// begin requests a page and returns the state of the sign-in that follows.
func (s *site) begin(uri string) string {
	s.Helper()
	v := s.visit(uri)
	u, err := url.Parse(v.Location)
	if err != nil || v.Status != http.StatusFound {
		s.Fatalf("got %+v", v)
	}
	return u.Query().Get("state")
}

func (s *site) back(query url.Values) Verdict {
	return s.keep(s.Callback(context.Background(), s.request(ResponsePath+"?"+query.Encode()), s.find))
}

func (s *site) find(key string) *OIDC {
	if key == s.config.Key() {
		return &s.config
	}
	return nil
}

// signIn goes all the way.
func (s *site) signIn() {
	s.Helper()
	if v := s.back(url.Values{"code": {"code-1"}, "state": {s.begin("/")}}); v.Status != http.StatusFound ||
		v.Reason != "" {
		s.Fatalf("got %+v", v)
	}
}

func (s *site) asked(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[path]
}

func (s *site) shards() int {
	n := 0
	for s.cookies[s.config.Cookie+"-"+strconv.Itoa(n)] != "" {
		n++
	}
	return n
}
