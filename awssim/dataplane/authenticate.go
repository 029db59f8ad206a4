package dataplane

import (
	"errors"
	"net/http"
	"time"

	"github.com/k8s-lbc/lbc/awssim/authn"
	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

// identity is what became of a request's Identification.
type identity struct {
	action  string // as in the access log's actions_executed; "" if there was none
	reason  authn.Reason
	claims  *authn.Claims
	cookies []string
}

// newAuthenticator makes the plane's authenticator.
func newAuthenticator(p *Plane, o Options) *authn.Authenticator {
	transport := o.Identity
	if transport == nil {
		transport = unreachable{}
	}
	a, err := authn.New(authn.Options{Now: p.clock.Now, Transport: transport, Timeout: o.IdentityTimeout})
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return a
}

// unreachable is a network without providers.
type unreachable struct{}

// RoundTrip implements http.RoundTripper.
func (unreachable) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, errors.New("no route to " + r.URL.Host + ": the data plane was given no way to identity providers")
}

// PublicKey is the PEM of the key with the id that signs x-amzn-oidc-data.
func (p *Plane) PublicKey(id string) ([]byte, bool) { return p.authenticator.PublicKey(id) }

// signedIn answers the way back from an identity provider and reports whether the request was that. It comes before rules, on
// listeners that sign clients in.
func (x *exchange) signedIn() bool {
	if x.path != authn.ResponsePath || !x.secure || !x.view.signsIn() {
		return false
	}
	x.identity.action = "authenticate"
	v := x.front.balancer.plane.authenticator.Callback(x.r.Context(), x.authnRequest(), x.view.signIn)
	x.settle(v)
	return true
}

// identified does the action before a rule's routing action and reports whether the routing action may follow.
func (x *exchange) identified(d *traffic.Decision) bool {
	rule := ""
	if d.Rule != nil {
		rule = d.Rule.ID
	}
	id, ok := x.view.listener.Identify[rule]
	if !ok {
		return true
	}
	a := x.front.balancer.plane.authenticator
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
		{counter.AuthSuccessCount, v.Counts.Success}, {counter.AuthFailureCount, v.Counts.Failure}, {counter.AuthErrorCount, v.Counts.Error},
		{counter.AuthRefreshCount, v.Counts.RefreshSuccess}, {counter.AuthClaimsSizeCount, v.Counts.ClaimsSizeExceeded},
	} {
		if m.moved {
			x.conn.counts.Add(m.metric, 1)
		}
	}
	if v.Counts.Latency > 0 {
		x.conn.counts.Add(counter.AuthLatency, int64((v.Counts.Latency+time.Millisecond-1)/time.Millisecond))
	}
	if v.Cause != nil {
		x.front.balancer.plane.logf("data plane: load balancer %s, listener %d: %s: %v", x.view.Name, x.view.listener.Port, v.Reason, v.Cause)
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
	return authn.Request{Host: x.r.Host, URI: uri, Header: x.r.Header, Signer: x.front.balancer.arn}
}

// Headers with the identity of the client, as net/http spells them.
const (
	accessTokenHeader = "X-Amzn-Oidc-Accesstoken"
	identityHeader    = "X-Amzn-Oidc-Identity"
	claimsHeader      = "X-Amzn-Oidc-Data"
)

// identityHeaders sets the headers with the identity of the client. Those that the client sends are removed, whatever the rule.
func (x *exchange) identityHeaders(h http.Header) {
	c := x.identity.claims
	if c == nil {
		delete(h, accessTokenHeader)
		delete(h, identityHeader)
		delete(h, claimsHeader)
		return
	}
	h[accessTokenHeader], h[identityHeader], h[claimsHeader] = []string{c.AccessToken}, []string{c.Identity}, []string{c.Data}
}

// signsIn reports whether some rule signs clients in.
func (v *view) signsIn() bool {
	for _, id := range v.listener.Identify {
		if id.OIDC != nil {
			return true
		}
	}
	return false
}

// signIn finds the configuration under which a client began to sign in.
func (v *view) signIn(key string) *authn.OIDC {
	for _, id := range v.listener.Identify {
		if id.OIDC != nil && id.OIDC.Key() == key {
			return id.OIDC
		}
	}
	return nil
}
