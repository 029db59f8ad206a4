package authn

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func FuzzCallback(f *testing.F) {
	for _, seed := range []string{"code=a&state=b", "state=%zz", "error=access_denied&state=", "", "code=a;b", "state=" +
		strings.Repeat("A", 5000)} {
		f.Add(seed, "AWSALBAuthNonce=AAAA", "shop.example.com")
	}
	s := newSite(f)
	f.Fuzz(func(t *testing.T, query, cookies, host string) {
		r := Request{Host: host, URI: ResponsePath + "?" + query, Header: http.Header{"Cookie": {cookies}}, Signer: balancer}
		if v := s.Callback(t.Context(), r, s.find); v.Status != http.StatusUnauthorized || v.Reason == "" ||
			len(v.SetCookies) != 0 {
			t.Errorf("%q with %q at %q signs in: %+v", query, cookies, host, v)
		}
	})
}

func FuzzSessionCookies(f *testing.F) {
	f.Add("AAAA", "BBBB", "/")
	f.Add("", "x", "//evil.example.com/\r\nSet-Cookie: a=b")
	s := newSite(f)
	f.Fuzz(func(t *testing.T, first, second, uri string) {
		h := http.Header{"Cookie": {"AWSELBAuthSessionCookie-0=" + first + "; AWSELBAuthSessionCookie-1=" + second}}
		v := s.Authenticate(t.Context(), Request{Host: "h", URI: uri, Header: h, Signer: balancer}, &s.config)
		if v.Status != http.StatusFound || v.Claims != nil || !strings.HasPrefix(v.Location, s.config.AuthorizationEndpoint+
			"?") || strings.ContainsAny(v.Location, "\r\n") {
			t.Errorf("got %+v", v)
		}
	})
}

func FuzzBearerToken(f *testing.F) {
	key := testKeys()[0]
	good := sign(f, jose.RS256, key, "k0", map[string]any{"iss": jwtAction.Issuer, "exp": 4e9})
	for _, seed := range []string{"", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", good[:len(good)-1], good + "."} {
		f.Add(seed)
	}
	s := newSite(f)
	s.answers["/keys"] = s.json(200, keySetOf(1, key.Public()))
	f.Fuzz(func(t *testing.T, token string) {
		v := s.Validate(t.Context(), bearer(token), jwtAction)
		if strings.TrimSpace(token) != good && v.Status != http.StatusUnauthorized {
			// The last character of a signature carries spare bits, so that several spellings are the same token.
			if body, _, _ := strings.Cut(good, good[strings.LastIndexByte(good, '.'):]); !strings.HasPrefix(
				strings.TrimSpace(token), body) {
				t.Errorf("%q passes", token)
			}
		}
	})
}

func FuzzIDToken(f *testing.F) {
	for _, seed := range []string{"", "a.b.c", "e30.e30.", "e30.eyJhdWQiOjF9.x",
		"e30.eyJhdWQiOlsiYSJdLCJleHAiOjFlOTk5fQ.x"} {
		f.Add(seed)
	}
	c := &OIDC{Issuer: "https://" + strings.Repeat("unguessable", 9), ClientID: "c"}
	f.Fuzz(func(t *testing.T, token string) {
		if subject, err := checkIDToken(token, c, epoch); err == nil {
			t.Errorf("%q is about %q", token, subject)
		}
	})
}
