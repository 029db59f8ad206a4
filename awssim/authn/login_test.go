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

func TestEveryReasonOfFailureHasItsStatusAndMetric(t *testing.T) {
	t.Parallel()
	good := func(s *site) url.Values { return url.Values{"code": {"code-1"}, "state": {s.begin("/")}} }
	answering := func(path string, f func(*site) func(*http.Request) (*http.Response, error)) func(*site) Verdict {
		return func(s *site) Verdict {
			s.answers[path] = f(s)
			return s.back(good(s))
		}
	}
	token := func(status int, body any) func(*site) Verdict {
		return answering("/token", func(s *site) func(*http.Request) (*http.Response, error) { return s.json(status, body) })
	}
	idToken := func(claim string, value any) func(*site) Verdict {
		return answering("/token", func(s *site) func(*http.Request) (*http.Response, error) {
			return s.json(200, s.tokens(map[string]any{claim: value}))
		})
	}
	userinfo := func(status int, contentType, body string) func(*site) Verdict {
		return answering("/userinfo", func(s *site) func(*http.Request) (*http.Response, error) {
			return s.text(status, contentType, body)
		})
	}
	none := func(*site) func(*http.Request) (*http.Response, error) { return nil }
	type want struct {
		reason Reason
		status int
		counts Counts
	}
	failure, problem := Counts{Failure: true}, Counts{Error: true}
	cases := map[string]struct {
		do func(*site) Verdict
		want
	}{
		"session cookie of nobody, denied": {func(s *site) Verdict {
			s.config.OnUnauthenticated = OnMissingDeny
			s.cookies["AWSELBAuthSessionCookie-0"] = "AAAA"
			return s.visit("/")
		}, want{InvalidCookie, 401, failure}},
		"no nonce cookie": {func(s *site) Verdict {
			q := good(s)
			clear(s.cookies)
			return s.back(q)
		}, want{InvalidCookie, 401, failure}},
		"nonce of another browser": {func(s *site) Verdict {
			q := good(s)
			clear(s.cookies)
			s.begin("/")
			return s.back(q)
		}, want{InvalidStateParam, 401, failure}},
		"no state": {func(s *site) Verdict { s.begin("/"); return s.back(url.Values{"code": {"c"}}) },
			want{MissingStateParam, 401, failure}},
		"state of ours?": {func(s *site) Verdict {
			s.begin("/")
			return s.back(url.Values{"code": {"c"}, "state": {"AAAA"}})
		}, want{InvalidStateParam, 401, failure}},
		"state of another load balancer": {func(s *site) Verdict {
			r := s.request(ResponsePath + "?" + good(s).Encode())
			r.Signer += "2"
			return s.Callback(t.Context(), r, s.find)
		}, want{InvalidStateParam, 401, failure}},
		"unreadable query": {func(s *site) Verdict { return s.Callback(t.Context(), s.request(ResponsePath+"?%zz"), s.find) },
			want{InvalidStateParam, 401, failure}},
		"sign-in of 15 minutes": {func(s *site) Verdict {
			q := good(s)
			s.pass(15*time.Minute + time.Second)
			return s.back(q)
		}, want{InvalidStateParam, 401, failure}},
		"action gone": {func(s *site) Verdict {
			q := good(s)
			s.config.ClientID = "other"
			return s.back(q)
		}, want{InvalidStateParam, 401, failure}},
		"no code": {func(s *site) Verdict { return s.back(url.Values{"state": {s.begin("/")}}) },
			want{MissingCodeParam, 401, failure}},
		"user denied": {func(s *site) Verdict {
			return s.back(url.Values{"state": {s.begin("/")}, "error": {"access_denied"}})
		}, want{MissingCodeParam, 401, failure}},
		"provider's error": {func(s *site) Verdict {
			return s.back(url.Values{"state": {s.begin("/")}, "error": {"server_error"}})
		}, want{MissingCodeParam, 561, failure}},
		"no host on the way out": {func(s *site) Verdict {
			r := s.request("/")
			r.Host = ""
			return s.Authenticate(t.Context(), r, &s.config)
		}, want{MissingHostHeader, 401, problem}},
		"no host on the way back": {func(s *site) Verdict {
			r := s.request(ResponsePath + "?" + good(s).Encode())
			r.Host = ""
			return s.Callback(t.Context(), r, s.find)
		}, want{MissingHostHeader, 401, problem}},
		"code used twice": {token(400, map[string]any{"error": "invalid_grant"}),
			want{InvalidGrantError, 561, failure}},
		"wrong client secret": {token(401, map[string]any{"error": "invalid_client"}), want{TokenEndpointRequestFailed,
			561, problem}},
		"token endpoint broken":      {token(503, "down"), want{TokenEndpointRequestFailed, 561, problem}},
		"token endpoint redirects":   {token(302, ""), want{TokenEndpointRequestFailed, 561, problem}},
		"token endpoint slow":        {answering("/token", stuck), want{TokenEndpointRequestTimeout, 500, problem}},
		"token endpoint unreachable": {answering("/token", none), want{TokenEndpointRequestTimeout, 500, problem}},
		"tokens not JSON":            {token(200, "hello"), want{InvalidTokenResponse, 561, failure}},
		"no access token": {token(200, map[string]any{"token_type": "Bearer"}),
			want{InvalidTokenResponse, 561, failure}},
		"not a bearer token": {token(200, map[string]any{"access_token": "a", "token_type": "mac"}),
			want{InvalidTokenResponse, 561, failure}},
		"endless token answer": {token(200, strings.Repeat("x", 65<<10)), want{InvalidTokenResponse, 561, failure}},
		"no ID token": {token(200, map[string]any{"access_token": "a", "token_type": "bearer"}),
			want{InvalidIDToken, 561, failure}},
		"ID token of base what": {
			token(200, map[string]any{"access_token": "a", "token_type": "bearer", "id_token": "a.!.c"}),
			want{InvalidIDToken, 561, failure}},
		"ID token not JSON": {
			token(200, map[string]any{"access_token": "a", "token_type": "bearer", "id_token": "a.YWJj.c"}),
			want{InvalidIDToken, 561, failure}},
		"ID token of another issuer": {idToken("iss", "https://other"), want{InvalidIDToken, 561, failure}},
		"ID token for another":       {idToken("aud", []string{"other", "more"}), want{InvalidIDToken, 561, failure}},
		"ID token issued to another": {idToken("azp", "other"), want{InvalidIDToken, 561, failure}},
		"ID token expired":           {idToken("exp", epoch.Unix()), want{InvalidIDToken, 561, failure}},
		"ID token of nobody":         {idToken("sub", ""), want{InvalidIDToken, 561, failure}},
		"user info broken":           {userinfo(500, "application/json", "{}"), want{UserinfoRequestFailed, 561, problem}},
		"user info slow":             {answering("/userinfo", stuck), want{UserinfoRequestTimeout, 500, problem}},
		"user info unreachable":      {answering("/userinfo", none), want{UserinfoRequestTimeout, 500, problem}},
		"user info not JSON": {userinfo(200, "application/json", "hello"),
			want{InvalidUserinfoResponse, 561, failure}},
		"user info a JWT": {userinfo(200, "application/jwt", "a.b.c"),
			want{InvalidUserinfoResponse, 561, failure}},
		"user info of another user": {userinfo(200, "application/json", `{"sub":"bob"}`),
			want{InvalidUserinfoResponse, 561, failure}},
		"claims above 11 KB": {userinfo(200, "application/json", `{"sub":"alice","x":"`+strings.Repeat("x", 11<<10)+`"}`),
			want{UserinfoResponseSizeExceeded, 500, Counts{Error: true, ClaimsSizeExceeded: true}}},
		"session above four cookies": {answering("/token", func(s *site) func(*http.Request) (*http.Response, error) {
			return s.json(200, with(s.tokens(nil), "access_token", strings.Repeat("x", 14<<10)))
		}), want{UserinfoResponseSizeExceeded, 401, Counts{Error: true, ClaimsSizeExceeded: true}}},
		"endpoint that is no URL": {func(s *site) Verdict {
			s.config.TokenEndpoint = "https://idp example.com"
			return s.back(good(s))
		}, want{UnhandledException, 500, problem}},
	}
	seen := map[Reason]bool{}
	for _, c := range cases {
		seen[c.reason] = true
	}
	for reason := range outcomes {
		if !seen[reason] {
			t.Errorf("no case for %s", reason)
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			v := c.do(s)
			if v.Reason != c.reason || v.Status != c.status || v.Counts != c.counts || v.Cause == nil || v.Location != "" ||
				s.shards() > 0 && name != "session cookie of nobody, denied" {
				t.Errorf("got %+v, want %+v", v, c.want)
			}
		})
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
