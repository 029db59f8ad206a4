package awssim

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/idp"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/awssim/vnet"
)

const testPool = "arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_shop"

// login is a load balancer before an echo of headers, with one rule per way to identify clients, and a browser.
type login struct {
	*web
	browser *http.Client
	name    string // a name that the load balancer's certificate covers
}

func newLogin(t *testing.T) *login {
	t.Helper()
	file := seed.Default()
	file.UserPools = []seed.UserPool{
		{ARN: testPool, Domain: "shop", Clients: []seed.Client{{ID: "web", Secret: "cognito-secret"}}}}
	file.IdentityProvider = seed.IdentityProvider{
		Hosts: []string{"idp.example.com"}, AutoLogin: "alice", Users: []seed.User{
			{Name: "alice", Claims: map[string]any{"email": "alice@example.com"}}},
		Clients: []seed.Client{{ID: "shop", Secret: "oidc-secret"}},
	}
	network := vnet.New()
	s := serve(t, Options{Seed: &file, DataPlane: true, Network: network, HealthInterval: 20 * time.Millisecond,
		IdentityProvider: "127.0.0.1:0"})
	network.AddAddress(netip.MustParseAddr("10.0.128.77"))
	l := wanted(network.ListenTCP(netip.MustParseAddr("10.0.128.77"), 8080))(t)
	target := &http.Server{ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(w).Encode(r.Header)
		})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = target.Serve(l)
	}()
	t.Cleanup(func() { _ = target.Close(); <-done })

	w := s.web(t)
	w.allow(t, 443)
	certificate := wanted(s.trust.ListCertificates(t.Context(), &acm.ListCertificatesInput{}))(t).CertificateSummaryList[0]
	listener := w.listen(t, elb.CreateListenerInput{Protocol: "HTTPS", Port: aws.Int32(443),
		Certificates: []elbtypes.Certificate{{CertificateArn: certificate.CertificateArn}}})
	for i, rule := range []struct {
		path   string
		action elbtypes.Action
	}{
		{"/oidc", elbtypes.Action{Type: "authenticate-oidc", AuthenticateOidcConfig: &elbtypes.AuthenticateOidcActionConfig{
			Issuer: aws.String("https://idp.example.com"), AuthorizationEndpoint: aws.String(
				"https://idp.example.com/authorize"),
			TokenEndpoint: aws.String("https://idp.example.com/token"), UserInfoEndpoint: aws.String(
				"https://idp.example.com/userinfo"),
			ClientId: aws.String("shop"), ClientSecret: aws.String("oidc-secret")}}},
		{"/cognito", elbtypes.Action{Type: "authenticate-cognito",
			AuthenticateCognitoConfig: &elbtypes.AuthenticateCognitoActionConfig{
				UserPoolArn: aws.String(testPool), UserPoolClientId: aws.String("web"), UserPoolDomain: aws.String("shop"),
				SessionCookieName: aws.String("pool")}}},
		{"/jwt", elbtypes.Action{Type: "jwt-validation", JwtValidationConfig: &elbtypes.JwtValidationActionConfig{
			JwksEndpoint: aws.String("https://idp.example.com/.well-known/jwks.json"),
			Issuer:       aws.String("https://idp.example.com")}}},
	} {
		rule.action.Order = aws.Int32(1)
		wanted(s.balancing.CreateRule(t.Context(), &elb.CreateRuleInput{
			ListenerArn: aws.String(listener), Priority: aws.Int32(int32(i + 1)), Actions: []elbtypes.Action{
				rule.action, {Type: "forward", Order: aws.Int32(2), TargetGroupArn: aws.String(w.tg)}},
			Conditions: []elbtypes.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{rule.path}}},
		}))(t)
	}
	w.register(t, "10.0.128.77")
	w.healthy(t)

	b := s.client(t)
	name := strings.Replace(*certificate.DomainName, "*", "www", 1)
	b.Jar = wanted(cookiejar.New(nil))(t)
	b.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, name+":") {
			return s.DialContext(ctx, network, w.dnsName+":443")
		}
		return s.DialContext(ctx, network, address)
	}
	return &login{web: w, browser: b, name: name}
}

func (l *login) visit(t *testing.T, url string, header ...string) (int, http.Header) {
	t.Helper()
	req := wanted(http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))(t)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res := wanted(l.browser.Do(req))(t)
	defer func() { _ = res.Body.Close() }()
	body := wanted(io.ReadAll(res.Body))(t)
	var seen http.Header
	_ = json.Unmarshal(body, &seen) // error pages are not JSON
	return res.StatusCode, seen
}

func TestClientsSignInWithTheSimulatorsOwnProviderAndWithCognito(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	for path, issuer := range map[string]string{"/oidc": "https://idp.example.com",
		"/cognito": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_shop"} {
		status, seen := l.visit(t, "https://"+l.name+path)
		if status != http.StatusOK || seen.Get("X-Amzn-Oidc-Identity") != "alice" {
			t.Fatalf("%s: got %d, the target saw %v", path, status, seen)
		}
		encoded, _, _ := strings.Cut(seen.Get("X-Amzn-Oidc-Data"), ".")
		var head struct{ Alg, Kid, Signer, Iss, Client string }
		if err := json.Unmarshal(wanted(base64.URLEncoding.DecodeString(encoded))(t), &head); err != nil {
			t.Fatal(err)
		}
		if head.Alg != "ES256" || head.Signer != l.lb || head.Iss != issuer {
			t.Errorf("%s: the claims' header is %+v", path, head)
		}
		if status, _ := l.visit(t, "https://public-keys.auth.elb.us-west-2.amazonaws.com/"+head.Kid); status !=
			http.StatusOK {
			t.Errorf("the public key: got %d", status)
		}
		if status, _ := l.visit(t, "https://public-keys.auth.elb.us-west-2.amazonaws.com/other"); status !=
			http.StatusNotFound {
			t.Errorf("a key that is not there: got %d", status)
		}
		if status, _ := get(t, l.http, l.url+"/_sim/public-keys/"+head.Kid, ""); status != http.StatusOK {
			t.Errorf("the public key by the administration: got %d", status)
		}
	}
	if got := wanted(l.admin.Resolve(t.Context(), "idp.example.com"))(t); len(got) != 1 || !got[0].IsLoopback() {
		t.Errorf("the provider's name resolves to %v", got)
	}
	if got := wanted(l.admin.Resolve(t.Context(), "nowhere.example.com"))(t); len(got) != 0 {
		t.Errorf("a name of nobody resolves to %v", got)
	}
}

func TestTheProviderIsTurnedByTheAdministration(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	p := wanted(l.admin.TurnIdentityProvider(t.Context(), idp.Knobs{AutoLogin: "alice", Token: idp.Fault{Status: 500}}))(t)
	if p.Knobs.Token.Status != 500 || p.Address != l.IdentityProvider() || len(p.Hosts) != 1 {
		t.Errorf("the provider is %+v", p)
	}
	if status, _ := l.visit(t, "https://"+l.name+"/oidc"); status != 561 {
		t.Errorf("got %d", status)
	}
	if _, err := l.admin.TurnIdentityProvider(t.Context(), idp.Knobs{AutoLogin: "nobody"}); err == nil ||
		!strings.Contains(err.Error(), "nobody") {
		t.Errorf("an unknown user: %v", err)
	}
	wanted(l.admin.TurnIdentityProvider(t.Context(), idp.Knobs{AutoLogin: "alice"}))(t)
	if err := l.admin.ResetIdentityProvider(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, _ := l.visit(t, "https://"+l.name+"/oidc"); status != http.StatusOK {
		t.Errorf("repaired: got %d", status)
	}
	if p := wanted(l.admin.IdentityProvider(t.Context()))(t); p.Requests["token"] != 1 {
		t.Errorf("requests since the reset are %v", p.Requests)
	}
}

func TestBearerTokensAreValidatedAgainstTheProvidersKeys(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	if status, _ := l.visit(t, "https://"+l.name+"/jwt"); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	token := wanted(l.Provider.Token("idp.example.com", map[string]any{"sub": "machine"}))(t)
	if status, seen := l.visit(t, "https://"+l.name+"/jwt", "Authorization", "Bearer "+token); status != http.StatusOK ||
		seen.Get("Authorization") != "Bearer "+token {
		t.Errorf("with a token: %d, the target saw %v", status, seen)
	}
}

func TestTheProviderListensOnThisMachineOnly(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", "localhost", "192.0.2.1:443"} {
		if s, err := New(Options{IdentityProvider: address}); err == nil {
			t.Errorf("%s: served", address)
			_ = s.Close()
		}
	}
}
