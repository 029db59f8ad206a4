package authn

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Validate is a jwt-validation action: it lets requests with a good bearer token pass and refuses others with 401.
func (a *Authenticator) Validate(ctx context.Context, r Request, j *JWT) Verdict {
	err := a.validate(ctx, r.Header, j)
	if err == nil {
		return Verdict{}
	}
	v := Verdict{Status: http.StatusUnauthorized, Reason: TokenMalformed, Cause: err}
	var f *failure
	if errors.As(err, &f) {
		v.Reason, v.Cause = f.reason, f.cause
	}
	return v
}

func (a *Authenticator) validate(ctx context.Context, h http.Header, j *JWT) error {
	scheme, token, ok := strings.Cut(h.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || len(h["Authorization"]) != 1 {
		return failed(TokenMissing, errors.New("there is no bearer token"))
	}
	signed, err := jose.ParseSignedCompact(strings.TrimSpace(token), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return failed(TokenMalformed, err)
	}
	key, err := a.key(ctx, j.JWKSEndpoint, signed.Signatures[0].Header.KeyID)
	if err != nil {
		return err
	}
	public, ok := key.Key.(*rsa.PublicKey)
	if !ok {
		return failed(TokenSignature, fmt.Errorf("the key %q is not an RSA key", key.KeyID))
	}
	payload, err := signed.Verify(public)
	if err != nil {
		return failed(TokenSignature, err)
	}
	var claims map[string]json.RawMessage
	if err := json.Unmarshal(payload, &claims); err != nil {
		return failed(TokenMalformed, err)
	}
	if err := checkClaims(claims, j, a.now()); err != nil {
		return failed(TokenClaim, err)
	}
	return nil
}

// checkClaims requires the issuer and an end in the future, a beginning in the past if there is one, and each
// additional claim.
func checkClaims(claims map[string]json.RawMessage, j *JWT, now time.Time) error {
	var issuer string
	if json.Unmarshal(claims["iss"], &issuer) != nil || issuer != j.Issuer {
		return fmt.Errorf("the issuer is %q, not %q", issuer, j.Issuer)
	}
	seconds := float64(now.UnixNano()) / 1e9
	for _, limit := range []struct {
		name    string
		matches func(at float64) bool
	}{
		{"exp", func(at float64) bool { return seconds < at }},
		{"nbf", func(at float64) bool { return seconds >= at }},
		{"iat", func(at float64) bool { return seconds >= at }},
	} {
		raw, ok := claims[limit.name]
		if !ok && limit.name != "exp" {
			continue
		}
		var at *float64
		if json.Unmarshal(raw, &at) != nil || at == nil || !limit.matches(*at) {
			return fmt.Errorf("the claim %s does not hold", limit.name)
		}
	}
	for _, c := range j.Claims {
		if !c.matches(claims[c.Name]) {
			return fmt.Errorf("the claim %s has none of the wanted values", c.Name)
		}
	}
	return nil
}

// matches reports whether a claim has, in its format, one of the values.
func (c *Claim) matches(raw json.RawMessage) bool {
	var has []string
	var text *string
	switch c.Format {
	case SingleString:
		if json.Unmarshal(raw, &text) == nil && text != nil {
			has = []string{*text}
		}
	case StringArray:
		if json.Unmarshal(raw, &has) != nil {
			return false
		}
	case SpaceSeparatedValues:
		if json.Unmarshal(raw, &text) == nil && text != nil {
			has = strings.Fields(*text)
		}
	}
	return slices.ContainsFunc(has, func(v string) bool { return slices.Contains(c.Values, v) })
}
