package dataplane_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/authn"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dataplane"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/awssim/idp"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const shop = "https://shop.example.com"

// provided answers requests for one host in the process, and none else.
type provided struct{ http.Handler }

func (p provided) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "idp.example.com" {
		return nil, fmt.Errorf("no route to %s", r.URL.Host)
	}
	in := r.Clone(r.Context())
	in.Host, in.RequestURI = r.URL.Host, r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	res := w.Result()
	res.Request = r
	return res, nil
}

// guarded is a load balancer whose rules sign clients in, with a provider and a browser.
type guarded struct {
	*world
	clock    *clock.Stepped
	provider *idp.Provider
	oidc     *authn.OIDC
	arn      string
}

func newGuarded(t *testing.T, change func(*authn.OIDC), options ...func(*dataplane.Options)) *guarded {
	g := &guarded{clock: clock.NewStepped(time.Now())}
	g.provider = idp.New(idp.Options{Now: g.clock.Now, Knobs: idp.Knobs{AutoLogin: "alice"}, Users: []idp.User{
		{Name: "alice", Claims: map[string]any{"email": "alice@example.com"}},
	}})
	w := newWorld(t, append(options, func(o *dataplane.Options) {
		o.Clock, o.Identity, o.IdentityTimeout = g.clock, provided{g.provider.Handler()},
			cmp.Or(o.IdentityTimeout, 20*time.Second)
		o.HealthInterval = 24 * time.Hour // the clock goes in long steps
	})...)
	g.world = w
	g.oidc = &authn.OIDC{
		Issuer: "https://idp.example.com", AuthorizationEndpoint: "https://idp.example.com/authorize",
		TokenEndpoint:    "https://idp.example.com/token",
		UserInfoEndpoint: "https://idp.example.com/userinfo", ClientID: "shop", ClientSecret: "secret",
		Cookie: "AWSELBAuthSessionCookie",
		Scope:  "openid", Timeout: 7 * 24 * time.Hour, OnUnauthenticated: authn.OnMissingLogin,
	}
	if change != nil {
		change(g.oidc)
	}
	w.pod("10.0.1.1", 8080, echoHandler("one"))
	w.group("web", "HTTP", "10.0.1.1")
	l := listener(443, "HTTPS", notFound(), onPath(1, "/private*", forward("web")), onPath(2, "/open*", forward("web")),
		onPath(3, "/api*", forward("web")))
	l.Certificates = []topology.Certificate{certificate(t, "shop.example.com")}
	l.Identify = map[string]topology.Identification{
		"rule-1": {OIDC: g.oidc},
		"rule-3": {JWT: &authn.JWT{JWKSEndpoint: "https://idp.example.com/.well-known/jwks.json",
			Issuer: "https://idp.example.com",
			Claims: []authn.Claim{{Name: "scope", Format: authn.SpaceSeparatedValues, Values: []string{"orders"}}}}},
	}
	lb := w.balancer("auth", stack.Application, l)
	lb.Attributes = map[string]string{"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "logs"}
	g.arn = lb.ARN
	w.update()
	return g
}

// browser reaches the load balancer as shop.example.com and the provider by its name; it follows redirects when told
// to.
func (g *guarded) browser(follow bool) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		g.Fatal(err)
	}
	c := g.client()
	transport := c.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dial(ctx, network, "auth-1.us-west-2.elb.amazonaws.com:443")
	}
	c.Transport = split{transport, provided{g.provider.Handler()}}
	c.Jar = jar
	if follow {
		c.CheckRedirect = nil
	}
	return c
}

// split sends requests to the provider or to the load balancer.
type split struct{ balancer, provider http.RoundTripper }

func (s split) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "idp.example.com" {
		return s.provider.RoundTrip(r)
	}
	return s.balancer.RoundTrip(r)
}

func TestABrowserSignsInAndTheTargetGetsItsIdentity(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	b := g.browser(true)
	a := g.get(b, shop+"/private/cart?item=1", setHeader("X-Amzn-Oidc-Identity", "mallory"),
		setHeader("X-Amzn-Oidc-Data", "forged"))
	e := a.echo(t)
	if e.Path != "/private/cart?item=1" || e.Header.Get("X-Amzn-Oidc-Identity") != "alice" ||
		len(e.Header["X-Amzn-Oidc-Data"]) != 1 || e.Header.Get("X-Amzn-Oidc-Accesstoken") == "" {
		t.Fatalf("got %+v", e)
	}
	parts := strings.Split(e.Header.Get("X-Amzn-Oidc-Data"), ".")
	claims, err := base64.URLEncoding.DecodeString(parts[1])
	if err != nil || string(claims) != `{"email":"alice@example.com","sub":"alice"}` {
		t.Errorf("claims are %s, %v", claims, err)
	}
	stats := g.plane.Stats().LoadBalancers[g.arn]
	if stats["ELBAuthSuccess"] != 1 || stats["ELBAuthError"]+stats["ELBAuthFailure"] != 0 {
		t.Errorf("metrics are %v", stats)
	}
	if requests := g.provider.State().Requests; requests["authorize"] != 1 || requests["token"] != 1 {
		t.Errorf("the provider saw %v", requests)
	}
	g.get(b, shop+"/private")
	if requests := g.provider.State().Requests; requests["token"] != 1 {
		t.Errorf("the session was not used: %v", requests)
	}
}

func TestHeadersWithAnIdentityComeFromTheLoadBalancerOnly(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, func(c *authn.OIDC) { c.OnUnauthenticated = authn.OnMissingAllow })
	b := g.browser(false)
	for _, path := range []string{"/open", "/private"} {
		e := g.get(b, shop+path, setHeader("x-amzn-oidc-identity", "mallory"), setHeader("X-Amzn-Oidc-Data", "x"),
			setHeader("X-Amzn-Oidc-Accesstoken", "x")).echo(t)
		for name := range e.Header {
			if strings.HasPrefix(strings.ToLower(name), "x-amzn-oidc") {
				t.Errorf("%s: the target got %s", path, name)
			}
		}
	}
}

func TestAnExpiredAccessTokenIsRefreshedOnTheWay(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	b := g.browser(true)
	before := g.get(b, shop+"/private").echo(t)
	g.clock.Advance(time.Hour)
	a := g.get(b, shop+"/private")
	after := a.echo(t)
	if before.Header.Get("X-Amzn-Oidc-Accesstoken") == after.Header.Get("X-Amzn-Oidc-Accesstoken") ||
		len(a.Header["Set-Cookie"]) == 0 {
		t.Errorf("the answer's cookies are %q", a.Header["Set-Cookie"])
	}
	if stats := g.plane.Stats().LoadBalancers[g.arn]; stats["ELBAuthRefreshTokenSuccess"] != 1 ||
		stats["ELBAuthSuccess"] != 1 {
		t.Errorf("metrics are %v", stats)
	}
	g.clock.Advance(7 * 24 * time.Hour)
	g.get(b, shop+"/private").echo(t)
	if n := g.provider.State().Requests["authorize"]; n != 2 {
		t.Errorf("%d sign-ins, want another at the session's end", n)
	}
}

func TestAProvidersFailureIsTheClientsAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		knobs  idp.Knobs
		status int
		metric string
	}{
		"denied":             {idp.Knobs{AuthorizeError: "access_denied"}, 401, "ELBAuthFailure"},
		"provider's error":   {idp.Knobs{AuthorizeError: "temporarily_unavailable"}, 561, "ELBAuthFailure"},
		"no code":            {idp.Knobs{DropCode: true}, 401, "ELBAuthFailure"},
		"no state":           {idp.Knobs{DropState: true}, 401, "ELBAuthFailure"},
		"token broken":       {idp.Knobs{Token: idp.Fault{Status: 500}}, 561, "ELBAuthError"},
		"token slow":         {idp.Knobs{Token: idp.Fault{Delay: idp.Duration(time.Minute)}}, 500, "ELBAuthError"},
		"user info broken":   {idp.Knobs{UserInfo: idp.Fault{Status: 403}}, 561, "ELBAuthError"},
		"claims of 12 KB":    {idp.Knobs{ClaimsBytes: 12 << 10}, 500, "ELBAuthUserClaimsSizeExceeded"},
		"ID token spoilt":    {idp.Knobs{IDToken: "audience"}, 561, "ELBAuthFailure"},
		"ID token missing":   {idp.Knobs{IDToken: "missing"}, 561, "ELBAuthFailure"},
		"other user's info":  {idp.Knobs{UserInfoSubject: "bob"}, 561, "ELBAuthFailure"},
		"ID token malformed": {idp.Knobs{IDToken: "malformed"}, 561, "ELBAuthFailure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuarded(t, nil, func(o *dataplane.Options) {
				if c.knobs.Token.Delay > 0 {
					o.IdentityTimeout = 2 * time.Second
				}
			})
			c.knobs.AutoLogin = "alice"
			if err := g.provider.Turn(c.knobs); err != nil {
				t.Fatal(err)
			}
			a := g.get(g.browser(true), shop+"/private")
			if a.StatusCode != c.status || a.Header.Get("Server") != "awselb/2.0" ||
				!strings.Contains(a.body, fmt.Sprintf("<h1>%d ", c.status)) {
				t.Errorf("got %d %s", a.StatusCode, a.body)
			}
			if stats := g.plane.Stats().LoadBalancers[g.arn]; stats[c.metric] != 1 || stats["ELBAuthSuccess"] != 0 {
				t.Errorf("metrics are %v", stats)
			}
		})
	}
}

func TestALargeSessionTravelsInSeveralCookies(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	if err := g.provider.Turn(idp.Knobs{AutoLogin: "alice", ClaimsBytes: 10 << 10}); err != nil {
		t.Fatal(err)
	}
	b := g.browser(true)
	if e := g.get(b, shop+"/private").echo(t); len(e.Header.Get("X-Amzn-Oidc-Data")) < 10<<10*4/3 {
		t.Errorf("the claims take %d bytes", len(e.Header.Get("X-Amzn-Oidc-Data")))
	}
	u, err := url.Parse(shop)
	if err != nil {
		t.Fatal(err)
	}
	shards := 0
	for _, c := range b.Jar.Cookies(u) {
		if strings.HasPrefix(c.Name, "AWSELBAuthSessionCookie-") {
			shards++
		}
	}
	if shards != 4 {
		t.Errorf("%d shards", shards)
	}
}

func TestTheAccessLogHasTheReasonOfAFailedSignIn(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	logs := accesslog.New(accesslog.Options{Directory: folder, Account: "123456789012", Region: "us-west-2"})
	g := newGuarded(t, nil, func(o *dataplane.Options) { o.Logs = logs })
	b := g.browser(true)
	g.get(b, shop+"/private")
	if err := g.provider.Turn(idp.Knobs{AutoLogin: "alice", UserInfo: idp.Fault{Status: 500}}); err != nil {
		t.Fatal(err)
	}
	g.get(g.browser(true), shop+"/private")
	g.get(b, shop+"/api")
	b.CloseIdleConnections()
	g.plane.Close()
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(logged(t, folder), "\n")
	for _, want := range []string{
		`"authenticate" "-" "-"`, `"authenticate,forward" "-" "-"`, `"authenticate" "-" "AuthUserinfoEpRequestFailed"`,
		`"jwt-validation" "-" "JWTHeaderNotPresent"`,
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("no entry has %s:\n%s", want, lines)
		}
	}
}

func TestAnUnknownProviderIsUnreachable(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, func(c *authn.OIDC) { c.TokenEndpoint = "https://nowhere.example.com/token" })
	if a := g.get(g.browser(true), shop+"/private"); a.StatusCode != http.StatusInternalServerError {
		t.Errorf("got %d", a.StatusCode)
	}
}

func TestASignInOfMoreThanFifteenMinutesIsRefused(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	b := g.browser(false)
	out := g.get(b, shop+"/private")
	back := g.get(b, out.Header.Get("Location"))
	g.clock.Advance(16 * time.Minute)
	if a := g.get(b, back.Header.Get("Location")); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %d", a.StatusCode)
	}
}

func TestTheWayBackIsAnOrdinaryPathWithoutSignIn(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	b := g.browser(false)
	if a := g.get(b, shop+authn.ResponsePath); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("with a sign-in action: %d", a.StatusCode)
	}
	delete(g.topo.LoadBalancers[0].Listeners[0].Identify, "rule-1")
	g.update()
	if a := g.get(b, shop+authn.ResponsePath); a.StatusCode != http.StatusNotFound {
		t.Errorf("without: %d", a.StatusCode)
	}
}

func TestAClientOfHTTP10WithoutHostCannotSignIn(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	c := tls.Client(g.dialRaw("auth", 443), &tls.Config{InsecureSkipVerify: true})
	if _, err := fmt.Fprint(c, "GET /private HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized || g.plane.Stats().LoadBalancers[g.arn]["ELBAuthError"] != 1 {
		t.Errorf("got %d", res.StatusCode)
	}
}

func TestABearerTokenIsValidatedAndPassedOn(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	b := g.browser(false)
	token := func(host string, scope string) string {
		signed, err := g.provider.Token(host, map[string]any{"scope": scope})
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + signed
	}
	good := token("idp.example.com", "orders stock")
	if e := g.get(b, shop+"/api", setHeader("Authorization", good)).echo(t); e.Header.Get("Authorization") != good {
		t.Errorf("the target got %q", e.Header.Get("Authorization"))
	}
	for name, header := range map[string]string{"another issuer's": token("other.example.com", "orders"),
		"without the scope": token("idp.example.com", "stock"), "no": "x"} {
		if a := g.get(b, shop+"/api", setHeader("Authorization", header)); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s token: got %d", name, a.StatusCode)
		}
	}
	g.clock.Advance(2 * time.Hour)
	if a := g.get(b, shop+"/api", setHeader("Authorization", good)); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("an expired token: got %d", a.StatusCode)
	}
}

func TestAUserSignsInOnThePageOfTheProvider(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	if err := g.provider.Turn(idp.Knobs{}); err != nil {
		t.Fatal(err)
	}
	b := g.browser(true)
	page := g.get(b, shop+"/private/x")
	if !strings.Contains(page.body, "<form") {
		t.Fatalf("got %s", page.body)
	}
	form := url.Values{"request": {page.Request.URL.RawQuery}, "username": {"alice"}, "password": {"any"}}
	res, err := b.PostForm("https://idp.example.com/login", form)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Request.URL.String() != shop+"/private/x" {
		t.Errorf("ended at %s with %d", res.Request.URL, res.StatusCode)
	}
}
