package alb

import (
	"errors"
	"net/http"
	"time"

	"github.com/k8s-lbc/lbc/awssim/authn"
	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// identity is what became of a request's Identification.
type identity struct {
	action  string // as in the access log's actions_executed; "" if there was none
	reason  authn.Reason
	claims  *authn.Claims
	cookies []string
}

// Sessions are the keys of cookies and tokens, which all ALBs of a data plane share.
type Sessions struct {
	cookies       *cookieSealer
	authenticator *authn.Authenticator
}

// NewSessions makes new keys. Transport reaches identity providers and key sets, nil none; each call may take the
// timeout. Now is the clock of tokens.
func NewSessions(random func() uint64, now func() time.Time, transport http.RoundTripper,
	timeout time.Duration) *Sessions {
	if transport == nil {
		transport = unreachable{}
	}
	a, err := authn.New(authn.Options{Now: now, Transport: transport, Timeout: timeout})
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return &Sessions{newCookieSealer(random), a}
}

// unreachable is a network without providers.
type unreachable struct{}

// RoundTrip implements http.RoundTripper.
func (unreachable) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, errors.New("no route to " + r.URL.Host + ": the data plane was given no way to identity providers")
}

// PublicKey is the PEM of the key with the id that signs x-amzn-oidc-data.
func (s *Sessions) PublicKey(id string) ([]byte, bool) { return s.authenticator.PublicKey(id) }

// signedIn answers the way back from an identity provider and reports whether the request was that. It comes before
// rules, on listeners that sign clients in.
func (x *exchange) signedIn() bool {
	if x.path != authn.ResponsePath || !x.secure || !x.signsIn() {
		return false
	}
	x.identity.action = "authenticate"
	v := x.server.sessions.authenticator.Callback(x.r.Context(), x.authnRequest(), x.signIn)
	x.settle(v)
	return true
}

// identified does the action before a rule's routing action and reports whether the routing action may follow.
func (x *exchange) identified(d *traffic.Decision) bool {
	rule := ""
	if d.Rule != nil {
		rule = d.Rule.ID
	}
	id, ok := x.snapshot.Listener.Identify[rule]
	if !ok {
		return true
	}
	a := x.server.sessions.authenticator
	switch {
	case id.OIDC != nil:
		x.identity.action = "authenticate"
		return x.settle(a.Authenticate(x.r.Context(), x.authnRequest(), id.OIDC))
	case id.JWT != nil:
		x.identity.action = "jwt-validation"
		return x.settle(a.Validate(x.r.Context(), x.authnRequest(), id.JWT))
	}
	return true
}

// settle acts on a verdict and reports whether the request goes on.
func (x *exchange) settle(v authn.Verdict) bool {
	x.identity.reason, x.identity.claims, x.identity.cookies = v.Reason, v.Claims, v.SetCookies
	for _, m := range []struct {
		metric counter.Metric
		moved  bool
	}{
		{counter.AuthSuccessCount, v.Counts.Success}, {counter.AuthFailureCount, v.Counts.Failure},
		{counter.AuthErrorCount, v.Counts.Error},
		{counter.AuthRefreshCount, v.Counts.RefreshSuccess}, {counter.AuthClaimsSizeCount, v.Counts.ClaimsSizeExceeded},
	} {
		if m.moved {
			x.conn.Counts.Add(m.metric, 1)
		}
	}
	if v.Counts.Latency > 0 {
		x.conn.Counts.Add(counter.AuthLatency, int64((v.Counts.Latency+time.Millisecond-1)/time.Millisecond))
	}
	if v.Cause != nil {
		x.server.LoadBalancer.Logf("data plane: load balancer %s, listener %d: %s: %v", x.snapshot.Name,
			x.snapshot.Listener.Port, v.Reason, v.Cause)
	}
	if v.Status == 0 {
		return true
	}
	if v.Location != "" {
		x.w.Header().Set("Location", v.Location)
	}
	x.fail(v.Status)
	return false
}

func (x *exchange) authnRequest() authn.Request {
	uri := x.path
	if x.hasQuery {
		uri += "?" + x.query
	}
	return authn.Request{Host: x.r.Host, URI: uri, Header: x.r.Header, Signer: x.server.LoadBalancer.ARN}
}

// Headers with the identity of the client, as net/http spells them.
const (
	accessTokenHeader = "X-Amzn-Oidc-Accesstoken"
	identityHeader    = "X-Amzn-Oidc-Identity"
	claimsHeader      = "X-Amzn-Oidc-Data"
)

// identityHeaders sets the headers with the identity of the client. Those that the client sends are removed, whatever
// the rule.
func (x *exchange) identityHeaders(h http.Header) {
	c := x.identity.claims
	if c == nil {
		delete(h, accessTokenHeader)
		delete(h, identityHeader)
		delete(h, claimsHeader)
		return
	}
	h[accessTokenHeader], h[identityHeader], h[claimsHeader] = []string{c.AccessToken}, []string{c.Identity},
		[]string{c.Data}
}

// signsIn reports whether some rule signs clients in.
func (x *exchange) signsIn() bool {
	for _, id := range x.snapshot.Listener.Identify {
		if id.OIDC != nil {
			return true
		}
	}
	return false
}

// signIn finds the configuration under which a client began to sign in.
func (x *exchange) signIn(key string) *authn.OIDC {
	for _, id := range x.snapshot.Listener.Identify {
		if id.OIDC != nil && id.OIDC.Key() == key {
			return id.OIDC
		}
	}
	return nil
}
