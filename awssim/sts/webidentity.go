package sts

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/iam"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// AssumeRoleWithWebIdentity opens a session for the bearer of a token. The token's issuer must be a provider of the account
// if it has any, and its signature is verified if the provider's keys are known.
func (s *Service) AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput, _ ...func(*sts.Options)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	if in == nil {
		in = &sts.AssumeRoleWithWebIdentityInput{}
	}
	return gate.Do(ctx, s.gate, service, "AssumeRoleWithWebIdentity", in, s.assumeRoleWithWebIdentity)
}

func (s *Service) assumeRoleWithWebIdentity(_ context.Context, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	s.account.Lock()
	defer s.account.Unlock()
	token := aws.ToString(in.WebIdentityToken)
	if len(token) < 4 || len(token) > 20000 {
		return nil, constraint(token, "webIdentityToken", "Member must have length between 4 and 20000")
	}
	claims, err := readClaims(token)
	if err != nil {
		return nil, invalidToken("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	if err := s.vouch(claims, token); err != nil {
		return nil, err
	}
	if claims.Expires != 0 && s.account.Clock.Now().After(time.Unix(claims.Expires, 0)) {
		return nil, apierr.New("ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time")
	}
	o, err := s.opening(in.RoleArn, in.RoleSessionName, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	if o.policies, err = s.policies(in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	host := strings.TrimPrefix(claims.Issuer, "https://")
	provider := s.account.IAMARN("oidc-provider/" + host)
	wish := iam.Wish{Role: *in.RoleArn, Actions: []string{"sts:AssumeRoleWithWebIdentity"}, Keys: policy.Context{}}
	wish.Keys.Set("sts:RoleSessionName", *in.RoleSessionName)
	wish.Keys.Set(host+":sub", claims.Subject)
	wish.Keys.Set(host+":aud", claims.audiences()...)
	if err := iam.MayAssumeByToken(s.account, provider, o.role, wish); err != nil {
		return nil, err
	}
	session := s.open(o)
	session.Federated = provider
	return &sts.AssumeRoleWithWebIdentityOutput{
		Credentials: credentials(session), AssumedRoleUser: user(session), SubjectFromWebIdentityToken: aws.String(claims.Subject),
		Audience: aws.String(claims.audience()), Provider: aws.String(provider),
	}, nil
}

func invalidToken(format string, args ...any) error {
	return apierr.New("InvalidIdentityToken", format, args...)
}

// vouch checks that a provider of the account issued the token. An account without any believes every token.
func (s *Service) vouch(c claims, token string) error {
	if len(s.account.Providers) == 0 {
		return nil
	}
	p := s.account.Providers[strings.TrimPrefix(c.Issuer, "https://")]
	if p == nil {
		return invalidToken("No OpenIDConnect provider found in your account for %s", c.Issuer)
	}
	if !slices.ContainsFunc(c.audiences(), func(a string) bool { return slices.Contains(p.Audiences, a) }) {
		return invalidToken("Incorrect token audience")
	}
	if err := verify(p, token); err != nil {
		return invalidToken("Couldn't retrieve verification key from your identity provider, or the token's signature is invalid: %v", err)
	}
	return nil
}

// algorithms are the ones that STS takes.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

// verify checks the token's signature against the provider's keys, if they are known.
func verify(p *account.Provider, token string) error {
	if p.Keys == nil {
		return nil
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(p.Keys, &keys); err != nil {
		return fmt.Errorf("keys of %s: %w", p.Issuer, err)
	}
	signed, err := jose.ParseSigned(token, algorithms)
	if err != nil {
		return err
	}
	id := signed.Signatures[0].Header.KeyID
	for _, key := range keys.Keys {
		if id != "" && key.KeyID != id {
			continue
		}
		if _, err := signed.Verify(key); err == nil {
			return nil
		}
	}
	return errors.New("no key of the provider fits the signature")
}

// claims are what a service account's token says of its bearer.
type claims struct {
	Subject  string          `json:"sub"`
	Issuer   string          `json:"iss"`
	Expires  int64           `json:"exp"`
	Audience json.RawMessage `json:"aud"` // one string or several
}

func (c claims) audiences() []string {
	var one string
	if json.Unmarshal(c.Audience, &one) == nil {
		return []string{one}
	}
	var several []string
	if json.Unmarshal(c.Audience, &several) != nil {
		return nil
	}
	return several
}

func (c claims) audience() string {
	if all := c.audiences(); len(all) > 0 {
		return all[0]
	}
	return ""
}

func readClaims(token string) (claims, error) {
	var c claims
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
