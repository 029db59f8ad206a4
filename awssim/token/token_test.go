package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// issue signs claims with a new key and returns the token and the public key set.
func issue(t *testing.T, id, claims string) (string, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: id}}})
	if err != nil {
		t.Fatal(err)
	}
	return text, set
}

func TestTokensVerifyWithTheirIssuersKeysOnly(t *testing.T) {
	t.Parallel()
	ours, keys := issue(t, "1", `{"sub":"a"}`)
	theirs, _ := issue(t, "1", `{"sub":"a"}`)
	other, _ := issue(t, "2", `{"sub":"a"}`)
	if err := Verify(ours, keys); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{"same id": theirs, "another id": other, "cut": ours[:len(ours)-4],
		"no token": "x"} {
		if Verify(text, keys) == nil {
			t.Errorf("%s: verified", name)
		}
	}
	if Verify(ours, []byte("x")) == nil {
		t.Error("verified by broken keys")
	}
}

func TestClaimsAreReadWithOneAudienceOrSeveral(t *testing.T) {
	t.Parallel()
	for claims, want := range map[string][]string{`{"aud":"a"}`: {"a"}, `{"aud":["a","b"]}`: {"a", "b"}, `{}`: nil} {
		text, _ := issue(t, "", claims)
		if c, err := Read(text); err != nil || !slices.Equal(c.Audiences, want) {
			t.Errorf("%s: %v, %v", claims, c.Audiences, err)
		}
	}
	text,
		_ := issue(t, "", `{"kubernetes.io":{"namespace":"n","pod":{"name":"p","uid":"u"},"serviceaccount":{"name":"s"}}}`)
	if c, err := Read(text); err != nil || c.Kubernetes.Namespace != "n" || c.Kubernetes.Pod.UID != "u" ||
		c.Kubernetes.ServiceAccount.Name != "s" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, text := range []string{"", "a.b", "a.!.c", "a.e30x.c"} {
		if _, err := Read(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
