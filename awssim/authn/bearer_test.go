package authn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// testKeys are dear to make.
var testKeys = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var keys [2]*rsa.PrivateKey
	for i := range keys {
		keys[i], _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	return keys
})

func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, id string, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func keySetOf(n int, key any) jose.JSONWebKeySet {
	var set jose.JSONWebKeySet
	for i := range n {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key, KeyID: "k" + strconv.Itoa(i), Algorithm: "RS256"})
	}
	return set
}

var jwtAction = &JWT{JWKSEndpoint: "https://idp.example.com/keys", Issuer: "https://idp.example.com"}

func bearer(token string) Request {
	return Request{Host: "h", URI: "/", Header: http.Header{"Authorization": {"Bearer " + token}}}
}

func TestATokenPassesOnlyWithGoodSignatureTimesAndClaims(t *testing.T) {
	t.Parallel()
	key, stranger := testKeys()[0], testKeys()[1]
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claims := func(change ...any) map[string]any {
		m := map[string]any{"iss": "https://idp.example.com", "exp": epoch.Add(time.Minute).Unix()}
		for i := 0; i < len(change); i += 2 {
			m[change[i].(string)] = change[i+1]
			if change[i+1] == nil {
				delete(m, change[i].(string))
			}
		}
		return m
	}
	good := func(change ...any) Request { return bearer(sign(t, jose.RS256, key, "k0", claims(change...))) }
	one := func(format string, values ...string) []Claim { return []Claim{{"c", format, values}} }
	for name, c := range map[string]struct {
		request Request
		claims  []Claim
		reason  Reason
	}{
		"good": {good("nbf", epoch.Unix(), "iat", epoch.Unix()), nil, ""},
		"lower-case scheme": {
			Request{Header: http.Header{"Authorization": {"bearer " + sign(t, jose.RS256, key, "k0", claims())}}}, nil, ""},
		"no header": {Request{Header: http.Header{}}, nil, TokenMissing},
		"two headers": {Request{Header: http.Header{"Authorization": {"Bearer a", "Bearer b"}}}, nil,
			TokenMissing},
		"password":                  {Request{Header: http.Header{"Authorization": {"Basic YTpi"}}}, nil, TokenMissing},
		"no token":                  {bearer("hello"), nil, TokenMalformed},
		"ES256":                     {bearer(sign(t, jose.ES256, curve, "k0", claims())), nil, TokenMalformed},
		"HS256 with the public key": {bearer(sign(t, jose.HS256, key.N.Bytes(), "k0", claims())), nil, TokenMalformed},
		"unsigned":                  {bearer("eyJhbGciOiJub25lIn0.e30."), nil, TokenMalformed},
		"unknown key":               {bearer(sign(t, jose.RS256, key, "k9", claims())), nil, TokenSignature},
		"another's signature":       {bearer(sign(t, jose.RS256, stranger, "k0", claims())), nil, TokenSignature},
		"other issuer":              {good("iss", "https://other"), nil, TokenClaim},
		"no issuer":                 {good("iss", nil), nil, TokenClaim},
		"no end":                    {good("exp", nil), nil, TokenClaim},
		"end that is null":          {good("exp", json.RawMessage("null")), nil, TokenClaim},
		"expired":                   {good("exp", epoch.Unix()), nil, TokenClaim},
		"not yet":                   {good("nbf", epoch.Unix()+1), nil, TokenClaim},
		"issued tomorrow":           {good("iat", epoch.Unix()+86400), nil, TokenClaim},
		"issued never":              {good("iat", "today"), nil, TokenClaim},
		"single string":             {good("c", "b"), one(SingleString, "a", "b"), ""},
		"single string, other":      {good("c", "a b"), one(SingleString, "a", "b"), TokenClaim},
		"single string, array":      {good("c", []string{"a"}), one(SingleString, "a"), TokenClaim},
		"claim absent":              {good(), one(SingleString, "a"), TokenClaim},
		"array":                     {good("c", []string{"x", "b"}), one(StringArray, "a", "b"), ""},
		"array, none":               {good("c", []string{"x"}), one(StringArray, "a"), TokenClaim},
		"array, string":             {good("c", "a"), one(StringArray, "a"), TokenClaim},
		"array of numbers":          {good("c", []any{1, "a"}), one(StringArray, "a"), TokenClaim},
		"spaces":                    {good("c", "x  b"), one(SpaceSeparatedValues, "a", "b"), ""},
		"spaces, none":              {good("c", "ab"), one(SpaceSeparatedValues, "a", "b"), TokenClaim},
		"spaces, null":              {good("c", json.RawMessage("null")), one(SpaceSeparatedValues, ""), TokenClaim},
		"second additional claim fails": {
			good("c", "a"), append(one(SingleString, "a"), Claim{"d", SingleString, []string{"a"}}), TokenClaim},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.answers["/keys"] = s.json(200, keySetOf(1, key.Public()))
			action := *jwtAction
			action.Claims = c.claims
			v := s.Validate(t.Context(), c.request, &action)
			status := 0
			if c.reason != "" {
				status = http.StatusUnauthorized
			}
			if v.Reason != c.reason || v.Status != status {
				t.Errorf("got %+v, want %q", v, c.reason)
			}
		})
	}
}

func TestATokenIsRefusedWithoutAUsableKeySet(t *testing.T) {
	t.Parallel()
	key := testKeys()[0]
	token := bearer(sign(t, jose.RS256, key, "k0", map[string]any{"iss": jwtAction.Issuer, "exp": epoch.Unix() + 60}))
	for name, c := range map[string]struct {
		answer func(*site) func(*http.Request) (*http.Response, error)
		reason Reason
	}{
		"ten keys": {func(s *site) func(*http.Request) (*http.Response, error) {
			return s.json(200, keySetOf(10, key.Public()))
		}, ""},
		"eleven keys": {func(s *site) func(*http.Request) (*http.Response, error) {
			return s.json(200, keySetOf(11, key.Public()))
		}, KeysSizeExceeded},
		"151 KB": {func(s *site) func(*http.Request) (*http.Response, error) {
			return s.json(200, map[string]any{"keys": keySetOf(1, key.Public()).Keys, "x": strings.Repeat("x", 151<<10)})
		}, KeysSizeExceeded},
		"no JSON": {func(s *site) func(*http.Request) (*http.Response, error) {
			return s.text(200, "text/html", "<html>")
		}, KeysInvalid},
		"404":         {func(s *site) func(*http.Request) (*http.Response, error) { return s.json(404, "") }, KeysFailed},
		"slow":        {stuck, KeysTimeout},
		"unreachable": {func(*site) func(*http.Request) (*http.Response, error) { return nil }, KeysTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.answers["/keys"] = c.answer(s)
			if v := s.Validate(t.Context(), token, jwtAction); v.Reason != c.reason {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestAKeySetIsFetchedOncePerItsLifeAndAgainForANewKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := testKeys()[0]
	s.answers["/keys"] = s.json(200, keySetOf(1, key.Public()))
	check := func(id string, reason Reason, fetched int) {
		t.Helper()
		token := sign(t, jose.RS256, key, id, map[string]any{"iss": jwtAction.Issuer, "exp": s.now().Unix() + 60})
		if v := s.Validate(t.Context(), bearer(token), jwtAction); v.Reason != reason || s.asked("/keys") != fetched {
			t.Errorf("key %s: got %+v after %d fetches, want %q after %d", id, v, s.asked("/keys"), reason, fetched)
		}
	}
	check("k0", "", 1)
	check("k0", "", 1)
	check("k1", TokenSignature, 1) // too soon to ask again
	s.pass(10 * time.Second)
	s.answers["/keys"] = s.json(200, keySetOf(2, key.Public()))
	check("k1", "", 2)
	s.answers["/keys"] = s.json(500, "")
	s.pass(5 * time.Minute)
	check("k1", "", 3) // what was known still serves
	check("k1", "", 3)
}
