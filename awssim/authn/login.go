package authn

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
)

// ResponsePath is where providers send clients back to; a load balancer that has a sign-in action on the listener
// answers it before any rule.
const ResponsePath = "/oauth2/idpresponse"

// Options configure an Authenticator; every zero value means a sensible default.
type Options struct {
	// Now is the time that sessions and tokens are judged by: time.Now.
	Now func() time.Time
	// Transport reaches the endpoints of providers and key sets: http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds each call of a provider: 5 seconds.
	Timeout time.Duration
	// KeyLife is how long a fetched key set is used without another look: 5 minutes.
	KeyLife time.Duration
	// Entropy is where keys and nonces come from: crypto/rand.
	Entropy io.Reader
}

// Authenticator decides about requests. It keeps no session: clients carry theirs. It may be used concurrently.
type Authenticator struct {
	now     func() time.Time
	client  *http.Client
	timeout time.Duration
	sealer  *sealer
	signer  *signer
	keys    keySets
	refresh singleflight.Group
}

// New makes an authenticator with keys of its own.
func New(o Options) (*Authenticator, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.KeyLife == 0 {
		o.KeyLife = 5 * time.Minute
	}
	if o.Entropy == nil {
		o.Entropy = rand.Reader
	}
	sealer, err := newSealer(o.Entropy)
	if err != nil {
		return nil, fmt.Errorf("authentication: %w", err)
	}
	signer, err := newSigner(o.Entropy)
	if err != nil {
		return nil, fmt.Errorf("authentication: %w", err)
	}
	a := &Authenticator{now: o.Now, timeout: o.Timeout, sealer: sealer, signer: signer}
	a.client = &http.Client{Transport: o.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	a.keys.life, a.keys.byURL = o.KeyLife, map[string]*keySet{}
	return a, nil
}

// Authenticate is an authenticate-oidc or authenticate-cognito action. The provider is asked only to refresh a session
// whose access token has expired.
func (a *Authenticator) Authenticate(ctx context.Context, r Request, c *OIDC) Verdict {
	s, validity := a.readSession(r, c)
	if validity != valid {
		return a.unauthenticated(r, c, validity)
	}
	var v Verdict
	if s.RefreshToken != "" && s.AccessExpires != 0 && a.now().Unix() >= s.AccessExpires {
		began := a.now()
		renewed, err := a.renew(ctx, c, s)
		if err == nil {
			s = renewed
			v.SetCookies, err = a.writeSession(r, c, s)
		}
		if err != nil { // the user must sign in again
			return a.unauthenticated(r, c, expired)
		}
		v.Counts = Counts{RefreshSuccess: true, Latency: a.now().Sub(began)}
	}
	data, err := a.signer.data(s.Claims, r.Signer, c, a.now())
	if err != nil {
		return refuse(err)
	}
	v.Claims = &Claims{AccessToken: s.AccessToken, Identity: s.Subject, Data: data}
	return v
}

// unauthenticated answers for a client without a session. A client whose session has ended may sign in again even where
// clients without one are denied.
func (a *Authenticator) unauthenticated(r Request, c *OIDC, v validity) Verdict {
	switch {
	case c.OnUnauthenticated == OnMissingAllow:
		return Verdict{}
	case c.OnUnauthenticated == OnMissingDeny && v == invalid:
		return refuse(failed(InvalidCookie, errors.New("the session cookie was not made by this load balancer "+
			"for this action")))
	case c.OnUnauthenticated == OnMissingDeny && v == absent:
		return Verdict{Status: http.StatusUnauthorized}
	}
	if r.Host == "" {
		return refuse(failed(MissingHostHeader, errors.New("there is no host to come back to")))
	}
	nonce, cookie, err := a.nonce(r)
	if err != nil {
		return refuse(err)
	}
	l := login{Key: c.Key(), Host: r.Host, URI: r.URI, Nonce: nonce, Began: a.now().Unix()}
	state, err := a.writeState(r, l)
	if err != nil {
		return refuse(err)
	}
	return redirect(c.authorizationURL(l.redirectURI(), state), []string{cookie})
}

// authorizationURL is where a client signs in.
func (c *OIDC) authorizationURL(redirectURI, state string) string {
	var b strings.Builder
	b.WriteString(c.AuthorizationEndpoint)
	separator := "?"
	if strings.Contains(c.AuthorizationEndpoint, "?") {
		separator = "&"
	}
	add := func(name, value string) {
		b.WriteString(separator + escape(name) + "=" + escape(value))
		separator = "&"
	}
	add("client_id", c.ClientID)
	add("redirect_uri", redirectURI)
	add("response_type", "code")
	add("scope", c.Scope)
	add("state", state)
	for _, name := range c.extraParams() {
		add(name, c.ExtraParams[name])
	}
	return b.String()
}

// escape is url.QueryEscape with %20 for a space.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// Callback answers ResponsePath: it redeems the code, reads the user's claims, and sends the client with a session to
// where it wanted to go. Find finds the configuration of a Key, nil if there is none any more.
func (a *Authenticator) Callback(ctx context.Context, r Request, find func(key string) *OIDC) Verdict {
	if r.Host == "" {
		return refuse(failed(MissingHostHeader, errors.New("the provider's answer came without a host")))
	}
	_, rawQuery, _ := strings.Cut(r.URI, "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return refuse(failed(InvalidStateParam, fmt.Errorf("read the query: %w", err)))
	}
	l, err := a.readState(r, query.Get("state"))
	if err != nil {
		return refuse(err)
	}
	c := find(l.Key)
	if c == nil {
		return refuse(failed(InvalidStateParam, errors.New("no action of the listener has the provider and client of the "+
			"sign-in any more")))
	}
	code, refusal := query.Get("code"), query.Get("error")
	switch {
	case code == "" && refusal != "" && refusal != "access_denied":
		return refuse(&failure{reason: MissingCodeParam, status: StatusProviderError,
			cause: fmt.Errorf("the provider says %q", refusal)})
	case code == "":
		return refuse(failed(MissingCodeParam, fmt.Errorf("the provider says %q", refusal)))
	}
	began := a.now()
	s, err := a.redeem(ctx, c, code, l.redirectURI())
	latency := a.now().Sub(began)
	var cookies []string
	if err == nil {
		cookies, err = a.writeSession(r, c, s)
	}
	if err != nil {
		v := refuse(err)
		v.Counts.Latency = latency
		return v
	}
	v := redirect("https://"+l.Host+l.URI, cookies)
	v.Counts = Counts{Success: true, Latency: latency}
	return v
}

// redeem turns a code into a session.
func (a *Authenticator) redeem(ctx context.Context, c *OIDC, code, redirectURI string) (session, error) {
	t, err := a.token(ctx, c, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {
		redirectURI}})
	if err != nil {
		return session{}, err
	}
	subject, err := checkIDToken(t.IDToken, c, a.now())
	if err != nil {
		return session{}, failed(InvalidIDToken, err)
	}
	return a.begin(ctx, c, t, subject, a.now().Add(c.Timeout).Unix())
}

// renew uses the refresh token for new tokens and new claims; the session's end stays. Requests that come together with
// the same session share one renewal, since a provider may take a refresh token once only.
func (a *Authenticator) renew(ctx context.Context, c *OIDC, s session) (session, error) {
	// The caller that began it may leave; the others still wait for the answer. Each call is bounded by the time-out.
	ctx = context.WithoutCancel(ctx)
	renewed, err, _ := a.refresh.Do(c.Key()+"\x00"+s.RefreshToken, func() (any, error) {
		t, err := a.token(ctx, c, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.RefreshToken}})
		if err != nil {
			return session{}, err
		}
		if t.RefreshToken == "" {
			t.RefreshToken = s.RefreshToken
		}
		return a.begin(ctx, c, t, s.Subject, s.Until)
	})
	return renewed.(session), err
}

// begin reads the claims and makes a session of them.
func (a *Authenticator) begin(ctx context.Context, c *OIDC, t tokens, subject string, until int64) (session, error) {
	claims, err := a.userInfo(ctx, c, t.AccessToken, subject)
	if err != nil {
		return session{}, err
	}
	s := session{Subject: subject, AccessToken: t.AccessToken, RefreshToken: t.RefreshToken, Claims: claims, Until: until}
	if t.ExpiresIn > 0 {
		s.AccessExpires = a.now().Unix() + int64(t.ExpiresIn)
	}
	return s, nil
}
