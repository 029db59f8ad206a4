package authn

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// audience is one name or several (RFC 7519 section 4.1.3).
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// checkIDToken returns the subject of an ID token if it is for the client and still valid. The signature is not looked
// at: the action's configuration names no keys, and the token came from the provider itself over TLS (OpenID Connect
// Core 3.1.3.7, item 6).
func checkIDToken(token string, c *OIDC, now time.Time) (subject string, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the answer has no ID token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return "", fmt.Errorf("the ID token's payload: %w", err)
	}
	var claims struct {
		Issuer   string   `json:"iss"`
		Subject  string   `json:"sub"`
		Audience audience `json:"aud"`
		Party    string   `json:"azp"`
		Expires  float64  `json:"exp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", fmt.Errorf("the ID token's payload: %w", err)
	}
	switch {
	case claims.Issuer != c.Issuer:
		return "", fmt.Errorf("the ID token is of %q, not of %q", claims.Issuer, c.Issuer)
	case !slices.Contains(claims.Audience, c.ClientID):
		return "", fmt.Errorf("the ID token is for %q, not for %q", []string(claims.Audience), c.ClientID)
	case claims.Party != "" && claims.Party != c.ClientID:
		return "", fmt.Errorf("the ID token was issued to %q, not to %q", claims.Party, c.ClientID)
	case float64(now.Unix()) >= claims.Expires:
		return "", fmt.Errorf("the ID token expired at %s", time.Unix(int64(claims.Expires), 0).UTC().Format(time.RFC3339))
	case claims.Subject == "":
		return "", errors.New("the ID token names no subject")
	}
	return claims.Subject, nil
}
