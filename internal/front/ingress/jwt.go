package ingress

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/planjson"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Limits of ELB for the validation of tokens.
const (
	maxClaims      = 10
	maxClaimValues = 10
	maxClaimLength = 256 // bytes, of endpoints too
)

var (
	claimFormats   = []string{"single-string", "string-array", "space-separated-values"}
	reservedClaims = []string{"exp", "iss", "nbf", "iat"} // AWS always checks them
)

// jwt reads the validation of tokens; nil if there is none. ok is false if it is invalid, which is reported.
func (t *translation) jwt() (out *stack.ValidateJWT, ok bool) {
	j, ok := provider(t.read, annotation.JWTValidation, jwtProblem)
	if j == nil {
		return nil, ok
	}
	out = &stack.ValidateJWT{JWKSEndpoint: j.JWKSEndpoint, Issuer: j.Issuer}
	for _, c := range j.Claims {
		out.Claims = append(out.Claims, stack.Claim(c))
	}
	return out, true
}

func jwtProblem(j planjson.JWT) string {
	switch {
	case j.JWKSEndpoint == "":
		return "jwksEndpoint is missing"
	case j.Issuer == "":
		return "issuer is missing"
	case len(j.JWKSEndpoint) > maxClaimLength:
		return fmt.Sprintf("jwksEndpoint has %d bytes, AWS allows %d", len(j.JWKSEndpoint), maxClaimLength)
	case len(j.Issuer) > maxClaimLength:
		return fmt.Sprintf("issuer has %d bytes, AWS allows %d", len(j.Issuer), maxClaimLength)
	case len(j.Claims) > maxClaims:
		return fmt.Sprintf("%d additionalClaims, AWS allows %d", len(j.Claims), maxClaims)
	}
	if p := endpoint("jwksEndpoint", j.JWKSEndpoint); p != "" {
		return p
	}
	for _, c := range j.Claims {
		if p := claimProblem(c); p != "" {
			return p
		}
	}
	return ""
}

func claimProblem(c planjson.Claim) string {
	switch {
	case c.Format == "":
		return fmt.Sprintf("claim %q of additionalClaims has no format", c.Name)
	case c.Name == "":
		return "a claim of additionalClaims has no name"
	case len(c.Values) == 0:
		return fmt.Sprintf("claim %s of additionalClaims has no values", c.Name)
	case !slices.Contains(claimFormats, c.Format):
		return fmt.Sprintf("format of claim %s must be one of %s, not %q", c.Name, strings.Join(claimFormats, ", "), c.Format)
	case slices.Contains(reservedClaims, c.Name):
		return fmt.Sprintf("claim %s cannot be additional: AWS always checks it", c.Name)
	case len(c.Values) > maxClaimValues:
		return fmt.Sprintf("%d values of claim %s, AWS allows %d", len(c.Values), c.Name, maxClaimValues)
	}
	for _, v := range c.Values {
		if len(v) > maxClaimLength {
			return fmt.Sprintf("a value of claim %s has %d bytes, AWS allows %d", c.Name, len(v), maxClaimLength)
		}
	}
	return ""
}
