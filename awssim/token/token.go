// Package token reads the tokens by which service accounts identify themselves: their claims, and whether a key of
// their issuer signed them. The caller decides which issuers are trusted. It imports the standard library and go-jose.
package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Claims are the claims of a service account's token.
type Claims struct {
	Subject   string    `json:"sub"` // system:serviceaccount:NAMESPACE:NAME
	Issuer    string    `json:"iss"`
	Expires   int64     `json:"exp"` // seconds since 1970; 0: never
	Audiences Audiences `json:"aud"`
	// Kubernetes is what a cluster adds about the service account.
	Kubernetes struct {
		Namespace      string `json:"namespace"`
		Pod            Object `json:"pod"`
		ServiceAccount Object `json:"serviceaccount"`
	} `json:"kubernetes.io"`
}

// Object is an object of Kubernetes.
type Object struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

// Audiences are the audiences of a token: one string or several.
type Audiences []string

// UnmarshalJSON reads a string or a list of them.
func (a *Audiences) UnmarshalJSON(text []byte) error {
	var several []string
	if json.Unmarshal(text, &several) == nil {
		*a = several
		return nil
	}
	var one string
	if err := json.Unmarshal(text, &one); err != nil {
		return err
	}
	*a = Audiences{one}
	return nil
}

// Read reads a token's claims without believing them.
func Read(token string) (Claims, error) {
	var c Claims
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, fmt.Errorf("the token has %d parts, not 3", len(parts))
	}
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return c, fmt.Errorf("decode the token's claims: %w", err)
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return c, fmt.Errorf("read the token's claims: %w", err)
	}
	return c, nil
}

// algorithms are the ones that AWS STS takes.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

// Verify checks a token's signature against a JSON Web Key Set.
func Verify(token string, keySet []byte) error {
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(keySet, &keys); err != nil {
		return fmt.Errorf("keys of the issuer: %w", err)
	}
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return err
	}
	id := signed.Signatures[0].Header.KeyID
	for _, key := range keys.Keys {
		if id != "" && key.KeyID != "" && key.KeyID != id {
			continue
		}
		if _, err := signed.Verify(key); err == nil {
			return nil
		}
	}
	return errors.New("no key of the issuer fits the signature")
}
