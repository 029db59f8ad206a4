package idp

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const back = "https://shop.example.com/oauth2/idpresponse"

// site is a provider with a clock and one browser.
type site struct {
	testing.TB
	*Provider
	now     time.Time
	host    string
	cookies []*http.Cookie
}

func newSite(t testing.TB, change func(*Options)) *site {
	s := &site{TB: t, now: epoch, host: "idp.example.com"}
	o := Options{
		Now: func() time.Time { return s.now },
		Client: func(_, id string) (Client, bool) {
			return Client{ID: id, Secret: "se:cret", RedirectURIs: []string{back, "https://shop.example.com/?x=1"}}, id == "shop"
		},
		Users: []User{{Name: "alice", Password: "wonder", Claims: map[string]any{"sub": "a-1", "email": "alice@example.com"}},
			{Name: "bob"}},
	}
	if change != nil {
		change(&o)
	}
	s.Provider = New(o)
	return s
}

func (s *site) do(r *http.Request) *http.Response {
	for _, c := range s.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	res := w.Result()
	s.cookies = append(s.cookies, res.Cookies()...)
	return res
}

func (s *site) get(path string) *http.Response {
	return s.do(httptest.NewRequest(http.MethodGet, "https://"+s.host+path, nil))
}

func (s *site) post(path string, form url.Values, change ...func(*http.Request)) *http.Response {
	r := httptest.NewRequest(http.MethodPost, "https://"+s.host+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, f := range change {
		f(r)
	}
	return s.do(r)
}

func body(t testing.TB, res *http.Response) map[string]any {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%d %s: %v", res.StatusCode, b, err)
	}
	return m
}

func request(change ...string) url.Values {
	q := url.Values{"client_id": {"shop"}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"openid"},
		"state": {"s"}}
	for i := 0; i < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	return q
}

func password(r *http.Request) { r.SetBasicAuth("shop", url.QueryEscape("se:cret")) }

// code signs alice in without a question.
func (s *site) code() string {
	s.Helper()
	if err := s.Turn(Knobs{AutoLogin: "alice"}); err != nil {
		s.Fatal(err)
	}
	u, err := s.get("/authorize?" + request().Encode()).Location()
	if err != nil || u.Query().Get("state") != "s" {
		s.Fatalf("%v, %v", u, err)
	}
	return u.Query().Get("code")
}

func redemption(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {back}}
}

// claims verifies a token by the provider's published keys.
func (s *site) claims(token any) map[string]any {
	s.Helper()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(s.get("/.well-known/jwks.json").Body).Decode(&set); err != nil {
		s.Fatal(err)
	}
	text, _ := token.(string)
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		s.Fatal(err)
	}
	payload, err := signed.Verify(set)
	if err != nil {
		s.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		s.Fatal(err)
	}
	return claims
}

func TestACodeIsWorthTokensOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	code := s.code()
	res := s.post("/token", redemption(code), password)
	answer := body(t, res)
	if res.StatusCode != http.StatusOK || answer["token_type"] != "Bearer" || answer["expires_in"] != 3600.0 ||
		answer["refresh_token"] == nil {
		t.Fatalf("%d %v", res.StatusCode, answer)
	}
	want := map[string]any{"iss": "https://idp.example.com", "aud": "shop", "sub": "a-1", "iat": float64(epoch.Unix()),
		"exp": float64(epoch.Unix() + 3600), "token_use": "id"}
	if d := cmp.Diff(want, s.claims(answer["id_token"])); d != "" {
		t.Error(d)
	}
	access, _ := answer["access_token"].(string)
	r := httptest.NewRequest(http.MethodGet, "https://idp.example.com/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+access)
	if d := cmp.Diff(map[string]any{"sub": "a-1", "email": "alice@example.com"}, body(t, s.do(r))); d != "" {
		t.Error(d)
	}
	if res := s.post("/token", redemption(code), password); res.StatusCode != http.StatusBadRequest ||
		body(t, res)["error"] != "invalid_grant" {
		t.Errorf("the code was taken twice: %d", res.StatusCode)
	}
	s.now = s.now.Add(time.Hour)
	if res := s.do(r); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the access token lives for ever: %d", res.StatusCode)
	}
}

func TestTheTokenEndpointRefusesInOAuthsWords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do     func(*site) *http.Response
		status int
		code   string
	}{
		"no client": {func(s *site) *http.Response { return s.post("/token", redemption(s.code())) }, 401, "invalid_client"},
		"unknown client": {func(s *site) *http.Response {
			return s.post("/token", redemption("x"), func(r *http.Request) { r.SetBasicAuth("x", "x") })
		}, 401, "invalid_client"},
		"wrong secret": {func(s *site) *http.Response {
			return s.post("/token", redemption("x"), func(r *http.Request) { r.SetBasicAuth("shop", "x") })
		}, 401, "invalid_client"},
		"garbled secret": {func(s *site) *http.Response {
			return s.post("/token", redemption("x"), func(r *http.Request) { r.SetBasicAuth("shop", "%z") })
		}, 401, "invalid_client"},
		"no grant type": {func(s *site) *http.Response { return s.post("/token", nil, password) }, 400,
			"unsupported_grant_type"},
		"unknown code": {func(s *site) *http.Response { return s.post("/token", redemption("x"), password) }, 400,
			"invalid_grant"},
		"old code": {func(s *site) *http.Response {
			code := s.code()
			s.now = s.now.Add(codeLife)
			return s.post("/token", redemption(code), password)
		}, 400, "invalid_grant"},
		"other redirect URI": {func(s *site) *http.Response {
			form := redemption(s.code())
			form.Set("redirect_uri", "https://shop.example.com/?x=1")
			return s.post("/token", form, password)
		}, 400, "invalid_grant"},
		"unknown refresh token": {func(s *site) *http.Response {
			return s.post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}, password)
		}, 400, "invalid_grant"},
		"knob": {func(s *site) *http.Response {
			if err := s.Turn(Knobs{Token: Fault{Status: 503, Body: `{"error":"busy"}`}}); err != nil {
				t.Error(err)
			}
			return s.post("/token", redemption("x"), password)
		}, 503, "busy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := c.do(newSite(t, nil))
			if got := body(t, res)["error"]; res.StatusCode != c.status || got != c.code {
				t.Errorf("got %d %v", res.StatusCode, got)
			}
		})
	}
}

func TestARefreshTokenIsGoodForMoreTokensUnlessItRotates(t *testing.T) {
	t.Parallel()
	for _, rotate := range []bool{false, true} {
		s := newSite(t, nil)
		answer := body(t, s.post("/token", redemption(s.code()), password))
		if err := s.Turn(Knobs{RotateRefreshTokens: rotate}); err != nil {
			t.Fatal(err)
		}
		first, _ := answer["refresh_token"].(string)
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first}}
		again := body(t, s.post("/oauth2/token", form, password))
		if again["access_token"] == answer["access_token"] || again["id_token"] == nil ||
			(again["refresh_token"] != first) != rotate {
			t.Errorf("rotating %v: got %v", rotate, again)
		}
		if res := s.post("/token", form, password); (res.StatusCode == http.StatusOK) == rotate {
			t.Errorf("rotating %v: the second use gets %d", rotate, res.StatusCode)
		}
	}
}

func TestAClientGetsATokenOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	answer := body(t, s.post("/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"orders"}, "client_id": {
		"shop"}, "client_secret": {"se:cret"}}))
	claims := s.claims(answer["access_token"])
	if claims["sub"] != "shop" || claims["scope"] != "orders" || answer["id_token"] != nil ||
		answer["refresh_token"] != nil {
		t.Errorf("got %v with %v", answer, claims)
	}
}

func TestTheAuthorizationEndpointTrustsKnownClientsOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	if err := s.Turn(Knobs{AutoLogin: "alice"}); err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]url.Values{
		"unknown client": request("client_id", "other"), "foreign address": request("redirect_uri",
			"https://mallory.example.com/"),
		"not https":  request("redirect_uri", "http://shop.example.com/oauth2/idpresponse"),
		"no address": request("redirect_uri", ""),
	} {
		if res := s.get("/authorize?" + q.Encode()); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
		if res := s.post("/login", url.Values{"request": {q.Encode()}, "username": {"bob"}}); res.StatusCode !=
			http.StatusBadRequest {
			t.Errorf("%s on the page: %d", name, res.StatusCode)
		}
	}
	if u, err := s.get("/authorize?" + request("redirect_uri", "https://shop.example.com/?x=1").Encode()).
		Location(); err != nil || u.Query().Get("x") != "1" || u.Query().Get("code") == "" {
		t.Errorf("%v, %v", u, err)
	}
	if u, err := s.get("/authorize?" + request("response_type", "token").Encode()).Location(); err != nil ||
		u.Query().Get("error") != "unsupported_response_type" {
		t.Errorf("%v, %v", u, err)
	}
}

func TestTheSignInPageRemembersABrowserUntilItSignsOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	ask := func(change ...string) *http.Response {
		return s.get("/oauth2/authorize?" + request(change...).Encode())
	}
	if res := ask(); res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("got %d", res.StatusCode)
	}
	if u, err := ask("prompt", "none").Location(); err != nil || u.Query().Get("error") != "login_required" {
		t.Errorf("%v, %v", u, err)
	}
	form := url.Values{"request": {request().Encode()}, "username": {"alice"}, "password": {"wrong"}}
	if res := s.post("/login", form); res.StatusCode != http.StatusOK || len(s.cookies) != 0 {
		t.Errorf("with a wrong password: %d, cookies %v", res.StatusCode, s.cookies)
	}
	form.Set("password", "wonder")
	if u, err := s.post("/login", form).Location(); err != nil || u.Query().Get("code") == "" {
		t.Fatalf("%v, %v", u, err)
	}
	if res := ask(); res.StatusCode != http.StatusFound {
		t.Errorf("asked again: %d", res.StatusCode)
	}
	if res := ask("prompt", "login"); res.StatusCode != http.StatusOK {
		t.Errorf("not asked although told to: %d", res.StatusCode)
	}
	if u, err := s.get("/logout?logout_uri=https%3A%2F%2Fshop.example.com%2F").Location(); err != nil ||
		u.String() != "https://shop.example.com/" {
		t.Errorf("%v, %v", u, err)
	}
	if res := ask(); res.StatusCode != http.StatusOK {
		t.Errorf("still signed in: %d", res.StatusCode)
	}
}

func TestDiscoveryNamesTheEndpointsOfTheHost(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *Options) { o.Issuer = func(host string) string { return "https://issuer.of/" + host } })
	for path, want := range map[string][2]string{
		"/.well-known/openid-configuration": {"https://issuer.of/idp.example.com",
			"https://idp.example.com/.well-known/jwks.json"},
		"/pool/.well-known/openid-configuration": {"https://idp.example.com/pool",
			"https://idp.example.com/pool/.well-known/jwks.json"},
	} {
		got := body(t, s.get(path))
		if got["issuer"] != want[0] || got["jwks_uri"] != want[1] ||
			got["token_endpoint"] != "https://idp.example.com/token" {
			t.Errorf("%s: %v", path, got)
		}
		keys := strings.TrimPrefix(want[1], "https://idp.example.com")
		if res := s.get(keys); res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", keys, res.StatusCode)
		}
	}
}

func TestKnobsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for name, k := range map[string]Knobs{
		"autoLogin": {AutoLogin: "nobody"}, "idToken": {IDToken: "wrong"}, "claimsBytes": {ClaimsBytes: -1}, "token.status": {
			Token: Fault{Status: 99}},
	} {
		if err := s.Turn(k); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	k := Knobs{Token: Fault{Delay: Duration(90 * time.Second)}, TokenLife: Duration(time.Minute), AutoLogin: "bob"}
	text, err := json.Marshal(k)
	if err != nil || string(text) != `{"autoLogin":"bob","token":{"delay":"1m30s"},"tokenLife":"1m0s"}` {
		t.Errorf("%s, %v", text, err)
	}
	var same Knobs
	if err := json.Unmarshal(text, &same); err != nil || same != k {
		t.Errorf("%+v, %v", same, err)
	}
}

func TestWithoutSettingsEverySignInIsTheOneUser(t *testing.T) {
	t.Parallel()
	s := &site{TB: t, Provider: New(Options{}), host: "idp.example.com"}
	u, err := s.post("/login", url.Values{"request": {request("client_id", "any").Encode()}, "username": {"user"}}).
		Location()
	if err != nil {
		t.Fatal(err)
	}
	answer := body(t, s.post("/token", redemption(u.Query().Get("code")), func(r *http.Request) {
		r.SetBasicAuth("any", "any")
	}))
	if s.claims(answer["id_token"])["sub"] != "user" {
		t.Errorf("got %v", answer)
	}
	state := s.State()
	if state.Sessions != 1 || state.Requests["token"] != 1 || len(state.Users) != 1 {
		t.Errorf("state is %+v", state)
	}
	s.Reset()
	if state := s.State(); state.Sessions != 0 || len(state.Requests) != 0 {
		t.Errorf("after a reset: %+v", state)
	}
}
