package authn

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAClientIsSentToTheProviderAndComesBackWithASession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.config.ExtraParams = map[string]string{"prompt": "login", "display": "page & more"}
	v := s.visit("/cart?item=1&x=%2F")
	head, state, ok := strings.Cut(v.Location, "&state=")
	state, extra, _ := strings.Cut(state, "&")
	want :=
		"https://idp.example.com/authorize?client_id=shop&redirect_uri=https%3A%2F%2Fshop.example.com%2Foauth2%2Fidpresponse&response_type=code&scope=openid%20email"
	if v.Status != http.StatusFound || !ok || head != want || extra != "display=page%20%26%20more&prompt=login" {
		t.Fatalf("got %+v", v)
	}
	if s.cookies[NonceCookie] == "" || s.shards() != 0 {
		t.Errorf("cookies are %v", s.cookies)
	}

	token := s.answers["/token"]
	s.answers["/token"] = func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		form, _ := url.ParseQuery(string(body))
		wanted := url.Values{"grant_type": {"authorization_code"}, "code": {"code-1"}, "redirect_uri": {
			"https://shop.example.com/oauth2/idpresponse"}}
		if d := cmp.Diff(wanted, form); d != "" || err != nil || r.Method != http.MethodPost || user != "shop" ||
			password != "se%3Acret" {
			t.Errorf("asked with %s %s:%s %v %s", r.Method, user, password, err, d)
		}
		return token(r)
	}
	userinfo := s.answers["/userinfo"]
	s.answers["/userinfo"] = func(r *http.Request) (*http.Response, error) {
		if got := r.Header.Get("Authorization"); got != "Bearer access-1" {
			t.Errorf("asked with %q", got)
		}
		return userinfo(r)
	}
	v = s.back(url.Values{"code": {"code-1"}, "state": {state}})
	if v.Status != http.StatusFound || v.Location != "https://shop.example.com/cart?item=1&x=%2F" || !v.Counts.Success ||
		s.shards() != 1 {
		t.Fatalf("got %+v", v)
	}
	v = s.visit("/cart")
	if v.Status != 0 || v.Claims == nil || v.Claims.AccessToken != "access-1" || v.Claims.Identity != "alice" {
		t.Fatalf("got %+v", v)
	}
}

func TestTheClaimsAreSignedInES256WithPaddedBase64(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.signIn()
	parts := strings.Split(s.visit("/").Claims.Data, ".")
	if len(parts) != 3 {
		t.Fatalf("parts are %q", parts)
	}
	var decoded [3][]byte
	for i, p := range parts {
		var err error
		if decoded[i], err = base64.URLEncoding.DecodeString(p); err != nil || len(p)%4 != 0 {
			t.Fatalf("part %d is not base64 with padding: %v", i, err)
		}
	}
	var head map[string]any
	if err := json.Unmarshal(decoded[0], &head); err != nil {
		t.Fatal(err)
	}
	id, _ := head["kid"].(string)
	want := map[string]any{
		"alg": "ES256", "kid": id, "signer": balancer, "iss": s.config.Issuer, "client": "shop",
		"exp": float64(epoch.Add(2 * time.Minute).Unix()),
	}
	if d := cmp.Diff(want, head); d != "" {
		t.Error(d)
	}
	if got := string(decoded[1]); got != `{"email":"alice@example.com","sub":"alice"}` {
		t.Errorf("claims are %s", got)
	}
	text, ok := s.PublicKey(id)
	if _, other := s.PublicKey("x" + id); !ok || other {
		t.Fatalf("key %q: found %v, another: %v", id, ok, other)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, c := new(big.Int).SetBytes(decoded[2][:32]), new(big.Int).SetBytes(decoded[2][32:])
	if !ecdsa.Verify(key.(*ecdsa.PublicKey), sum[:], r, c) {
		t.Error("the signature is wrong")
	}
}

// way is how a sign-in fails.
type way = func(*site) Verdict

type answer = func(*http.Request) (*http.Response, error)

type failing struct {
	reason Reason
	status int
	counts Counts
	name   string
	fail   way
}

var (
	refused = Counts{Failure: true}
	problem = Counts{Error: true}
	tooLong = Counts{Error: true, ClaimsSizeExceeded: true}
)

// good is the query with which the provider sends a user back.
func good(s *site) url.Values { return url.Values{"code": {"code-1"}, "state": {s.begin("/")}} }

// changed signs in, and changes the site before the provider sends the user back.
func changed(change func(*site)) way {
	return func(s *site) Verdict {
		q := good(s)
		change(s)
		return s.back(q)
	}
}

// query sends the user back with another query.
func query(q url.Values, state ...string) way {
	return func(s *site) Verdict {
		began := s.begin("/")
		for _, k := range state {
			q.Set(k, began)
		}
		return s.back(q)
	}
}

const strangersCookie = "session cookie of nobody, denied"

// failuresWithoutTokens are those before the load balancer asks the provider for tokens.
func failuresWithoutTokens() []failing {
	return []failing{
		{InvalidCookie, 401, refused, strangersCookie, func(s *site) Verdict {
			s.config.OnUnauthenticated = OnMissingDeny
			s.cookies["AWSELBAuthSessionCookie-0"] = "AAAA"
			return s.visit("/")
		}},
		{InvalidCookie, 401, refused, "no nonce cookie", changed(func(s *site) { clear(s.cookies) })},
		{MissingStateParam, 401, refused, "no state", query(url.Values{"code": {"c"}})},
		{InvalidStateParam, 401, refused, "nonce of another browser", changed(func(s *site) {
			clear(s.cookies)
			s.begin("/")
		})},
		{InvalidStateParam, 401, refused, "state of ours?", query(url.Values{"code": {"c"}, "state": {"AAAA"}})},
		{InvalidStateParam, 401, refused, "state of another load balancer", func(s *site) Verdict {
			r := s.request(ResponsePath + "?" + good(s).Encode())
			r.Signer += "2"
			return s.Callback(s.Context(), r, s.find)
		}},
		{InvalidStateParam, 401, refused, "unreadable query", func(s *site) Verdict {
			return s.Callback(s.Context(), s.request(ResponsePath+"?%zz"), s.find)
		}},
		{InvalidStateParam, 401, refused, "sign-in of 15 minutes", changed(func(s *site) { s.pass(901 * time.Second) })},
		{InvalidStateParam, 401, refused, "action gone", changed(func(s *site) { s.config.ClientID = "other" })},
		{MissingCodeParam, 401, refused, "no code", query(url.Values{}, "state")},
		{MissingCodeParam, 401, refused, "user denied", query(url.Values{"error": {"access_denied"}}, "state")},
		{MissingCodeParam, 561, refused, "provider's error", query(url.Values{"error": {"server_error"}}, "state")},
		{MissingHostHeader, 401, problem, "no host on the way out", func(s *site) Verdict {
			r := s.request("/")
			r.Host = ""
			return s.Authenticate(s.Context(), r, &s.config)
		}},
		{MissingHostHeader, 401, problem, "no host on the way back", func(s *site) Verdict {
			r := s.request(ResponsePath + "?" + good(s).Encode())
			r.Host = ""
			return s.Callback(s.Context(), r, s.find)
		}},
		{UnhandledException, 500, problem, "endpoint that is no URL", func(s *site) Verdict {
			s.config.TokenEndpoint = "https://idp example.com"
			return s.back(good(s))
		}},
	}
}

// answering has an endpoint of the provider answer in another way.
func answering(path string, f func(*site) answer) way {
	return func(s *site) Verdict {
		s.answers[path] = f(s)
		return s.back(good(s))
	}
}

func unreachable(*site) answer { return nil }

func failuresOfTokens() []failing {
	type body = map[string]any
	token := func(status int, body any) way {
		return answering("/token", func(s *site) answer { return s.json(status, body) })
	}
	bearer := func(idToken string) way {
		return token(200, body{"access_token": "a", "token_type": "bearer", "id_token": idToken})
	}
	idToken := func(claim string, value any) way {
		return answering("/token", func(s *site) answer {
			return s.json(200, s.tokens(map[string]any{claim: value}))
		})
	}
	return []failing{
		{InvalidGrantError, 561, refused, "code used twice", token(400, body{"error": "invalid_grant"})},
		{TokenEndpointRequestFailed, 561, problem, "wrong client secret", token(401, body{"error": "invalid_client"})},
		{TokenEndpointRequestFailed, 561, problem, "token endpoint broken", token(503, "down")},
		{TokenEndpointRequestFailed, 561, problem, "token endpoint redirects", token(302, "")},
		{TokenEndpointRequestTimeout, 500, problem, "token endpoint slow", answering("/token", stuck)},
		{TokenEndpointRequestTimeout, 500, problem, "token endpoint unreachable", answering("/token", unreachable)},
		{InvalidTokenResponse, 561, refused, "tokens not JSON", token(200, "hello")},
		{InvalidTokenResponse, 561, refused, "no access token", token(200, body{"token_type": "Bearer"})},
		{InvalidTokenResponse, 561, refused, "not a bearer token",
			token(200, body{"access_token": "a", "token_type": "mac"})},
		{InvalidTokenResponse, 561, refused, "endless token answer", token(200, strings.Repeat("x", 65<<10))},
		{InvalidIDToken, 561, refused, "no ID token", token(200, body{"access_token": "a", "token_type": "bearer"})},
		{InvalidIDToken, 561, refused, "ID token of base what", bearer("a.!.c")},
		{InvalidIDToken, 561, refused, "ID token not JSON", bearer("a.YWJj.c")},
		{InvalidIDToken, 561, refused, "ID token of another issuer", idToken("iss", "https://other")},
		{InvalidIDToken, 561, refused, "ID token for another", idToken("aud", []string{"other", "more"})},
		{InvalidIDToken, 561, refused, "ID token issued to another", idToken("azp", "other")},
		{InvalidIDToken, 561, refused, "ID token expired", idToken("exp", epoch.Unix())},
		{InvalidIDToken, 561, refused, "ID token of nobody", idToken("sub", "")},
		{UserinfoResponseSizeExceeded, 401, tooLong, "session above four cookies", answering("/token", func(s *site) answer {
			return s.json(200, with(s.tokens(nil), "access_token", strings.Repeat("x", 14<<10)))
		})},
	}
}

func failuresOfUserInfo() []failing {
	info := func(status int, contentType, body string) way {
		return answering("/userinfo", func(s *site) answer {
			return s.text(status, contentType, body)
		})
	}
	return []failing{
		{UserinfoRequestFailed, 561, problem, "user info broken", info(500, "application/json", "{}")},
		{UserinfoRequestTimeout, 500, problem, "user info slow", answering("/userinfo", stuck)},
		{UserinfoRequestTimeout, 500, problem, "user info unreachable", answering("/userinfo", unreachable)},
		{InvalidUserinfoResponse, 561, refused, "user info not JSON", info(200, "application/json", "hello")},
		{InvalidUserinfoResponse, 561, refused, "user info a JWT", info(200, "application/jwt", "a.b.c")},
		{InvalidUserinfoResponse, 561, refused, "user info of another user", info(200, "application/json", `{"sub":"bob"}`)},
		{UserinfoResponseSizeExceeded, 500, tooLong, "claims above 11 KB", info(200, "application/json",
			`{"sub":"alice","x":"`+strings.Repeat("x", 11<<10)+`"}`)},
	}
}

func TestEveryReasonOfFailureHasItsStatusAndMetric(t *testing.T) {
	t.Parallel()
	seen := map[Reason]bool{}
	for _, c := range slices.Concat(failuresWithoutTokens(), failuresOfTokens(), failuresOfUserInfo()) {
		seen[c.reason] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			v := c.fail(s)
			if v.Reason != c.reason || v.Status != c.status || v.Counts != c.counts || v.Cause == nil || v.Location != "" ||
				s.shards() > 0 && c.name != strangersCookie {
				t.Errorf("got %+v, want %s, %d, %+v", v, c.reason, c.status, c.counts)
			}
		})
	}
	for reason := range outcomes {
		if !seen[reason] {
			t.Errorf("no case for %s", reason)
		}
	}
}

func TestWhatHappensWithoutASessionIsTheActionsChoice(t *testing.T) {
	t.Parallel()
	long := func(s *site) { s.signIn(); s.pass(2 * time.Hour) }
	forged := func(s *site) { s.cookies["AWSELBAuthSessionCookie-0"] = "AAAA" }
	foreign := func(s *site) { s.signIn(); s.config.ClientID = "other" }
	for name, c := range map[string]struct {
		on     string
		before func(*site)
		status int
	}{
		"authenticate, stranger":     {OnMissingLogin, func(*site) {}, 302},
		"authenticate, expired":      {OnMissingLogin, long, 302},
		"authenticate, forged":       {OnMissingLogin, forged, 302},
		"authenticate, other client": {OnMissingLogin, foreign, 302},
		"allow, stranger":            {OnMissingAllow, func(*site) {}, 0},
		"allow, expired":             {OnMissingAllow, long, 0},
		"allow, forged":              {OnMissingAllow, forged, 0},
		"deny, stranger":             {OnMissingDeny, func(*site) {}, 401},
		"deny, forged":               {OnMissingDeny, forged, 401},
		"deny, other client":         {OnMissingDeny, foreign, 401},
		"deny, expired":              {OnMissingDeny, long, 302},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			c.before(s)
			s.config.OnUnauthenticated = c.on
			if v := s.visit("/"); v.Status != c.status || v.Claims != nil {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestSeveralTabsMaySignInAtATime(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first, second := s.begin("/1"), s.begin("/2")
	for state, want := range map[string]string{first: "/1", second: "/2"} {
		if v := s.back(url.Values{"code": {"c"}, "state": {state}}); v.Location != "https://shop.example.com"+want {
			t.Errorf("got %+v, want to end at %s", v, want)
		}
	}
}

func TestLargeSessionTakesSeveralCookies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	claims := map[string]any{"sub": "alice", "x": strings.Repeat("x", 11<<10-len(`{"sub":"alice","x":""}`))}
	small := s.answers["/userinfo"]
	s.answers["/userinfo"] = s.json(200, claims)
	s.signIn()
	if s.shards() != 4 {
		t.Fatalf("%d shards", s.shards())
	}
	if v := s.visit("/"); v.Claims == nil || len(v.Claims.Data) < 11<<10 {
		t.Fatalf("got %+v", v)
	}
	s.answers["/userinfo"] = small
	s.pass(2 * time.Hour)
	s.answers["/token"] = s.json(200, s.tokens(map[string]any{"exp": s.now().Add(time.Hour).Unix()}))
	s.signIn()
	if s.shards() != 1 || s.cookies["AWSELBAuthSessionCookie-3"] != "" {
		t.Errorf("cookies are left: %d shards", s.shards())
	}
	if v := s.visit("/"); v.Claims == nil {
		t.Errorf("got %+v", v)
	}
}

func TestARefreshTokenKeepsTheSessionUpToDateUntilItsEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.answers["/token"] = s.json(200, with(s.tokens(nil), "refresh_token", "refresh-1"))
	s.signIn()
	s.answers["/token"] = func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != "grant_type=refresh_token&refresh_token=refresh-1" {
			t.Errorf("asked with %s", body)
		}
		return s.json(200, map[string]any{"access_token": "access-2", "token_type": "Bearer", "expires_in": 300})(r)
	}
	s.answers["/userinfo"] = s.json(200, map[string]any{"sub": "alice", "email": "new@example.com"})
	if v := s.visit("/"); v.Claims.AccessToken != "access-1" || v.SetCookies != nil || s.asked("/token") != 1 {
		t.Errorf("refreshed early: %+v", v)
	}
	s.pass(5 * time.Minute)
	v := s.visit("/")
	if v.Claims == nil || v.Claims.AccessToken != "access-2" || !v.Counts.RefreshSuccess || s.asked("/token") != 2 ||
		s.asked("/userinfo") != 2 {
		t.Fatalf("got %+v", v)
	}
	if v := s.visit("/"); v.Claims == nil || v.Claims.AccessToken != "access-2" || s.asked("/token") != 2 {
		t.Errorf("the new session does not last: %+v", v)
	}
	s.pass(55 * time.Minute)
	if v := s.visit("/"); v.Status != http.StatusFound || s.asked("/token") != 2 {
		t.Errorf("past the session's end: %+v", v)
	}
}

func TestAFailedRefreshMeansToSignInAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.answers["/token"] = s.json(200, with(s.tokens(nil), "refresh_token", "refresh-1"))
	s.signIn()
	s.answers["/token"] = s.json(400, map[string]any{"error": "invalid_grant"})
	s.pass(5 * time.Minute)
	if v := s.visit("/"); v.Status != http.StatusFound {
		t.Errorf("got %+v", v)
	}
}

func TestWithoutARefreshTokenTheSessionOutlivesTheAccessToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.signIn()
	s.pass(59 * time.Minute)
	if v := s.visit("/"); v.Claims == nil || s.asked("/token") != 1 {
		t.Errorf("got %+v", v)
	}
}

func TestRequestsThatComeTogetherShareOneRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.answers["/token"] = s.json(200, with(s.tokens(nil), "refresh_token", "refresh-1"))
		s.signIn()
		s.pass(5 * time.Minute)
		open := make(chan struct{})
		answer := s.json(200, with(s.tokens(nil), "access_token", "access-2"))
		s.answers["/token"] = func(r *http.Request) (*http.Response, error) {
			<-open
			return answer(r)
		}
		r := s.request("/")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if v := s.Authenticate(t.Context(), r, &s.config); v.Claims == nil || v.Claims.AccessToken != "access-2" {
					t.Errorf("got %+v", v)
				}
			})
		}
		synctest.Wait() // until all of them wait
		close(open)
		all.Wait()
		if n := s.asked("/token"); n != 2 { // to sign in and to refresh
			t.Errorf("%d calls", n)
		}
	})
}

func TestCognitosEndpointsFollowFromTheUserPool(t *testing.T) {
	t.Parallel()
	const pool = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_abc"
	for domain, host := range map[string]string{"shop": "shop.auth.eu-west-1.amazoncognito.com",
		"login.example.com": "login.example.com"} {
		got := Cognito(OIDC{ClientID: "c"}, pool, domain)
		want := OIDC{
			ClientID: "c", Issuer: "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc",
			AuthorizationEndpoint: "https://" + host + "/oauth2/authorize",
			TokenEndpoint:         "https://" + host + "/oauth2/token", UserInfoEndpoint: "https://" + host + "/oauth2/userInfo",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", domain, d)
		}
	}
}
