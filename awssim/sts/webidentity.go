package sts

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/iam"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
	"github.com/k8s-lbc/lbc/awssim/token"
)

// AssumeRoleWithWebIdentity opens a session for the bearer of a token. The token's issuer must be a provider of the
// account if it has any, and its signature is verified if the provider's keys are known.
func (s *Service) AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput,
	_ ...func(*sts.Options)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	if in == nil {
		in = &sts.AssumeRoleWithWebIdentityInput{}
	}
	return gate.Do(ctx, s.gate, gate.Operation{Service: service, Action: "AssumeRoleWithWebIdentity"}, in,
		s.assumeRoleWithWebIdentity)
}

func (s *Service) assumeRoleWithWebIdentity(_ context.Context, in *sts.AssumeRoleWithWebIdentityInput) (
	*sts.AssumeRoleWithWebIdentityOutput, error) {
	s.account.Lock()
	defer s.account.Unlock()
	given := aws.ToString(in.WebIdentityToken)
	if len(given) < 4 || len(given) > 20000 {
		return nil, constraint(given, "webIdentityToken", "Member must have length between 4 and 20000")
	}
	claims, err := token.Read(given)
	if err != nil {
		return nil, invalidToken("The ID Token provided is not a valid JWT. (You may see this error if you sent an " +
			"Access Token)")
	}
	if err := s.vouch(claims, given); err != nil {
		return nil, err
	}
	if claims.Expires != 0 && s.account.Clock.Now().After(time.Unix(claims.Expires, 0)) {
		return nil, apierr.New("ExpiredTokenException", "Token expired: current date/time must be before the "+
			"expiration date/time")
	}
	o, err := s.opening(s.account, in.RoleArn, in.RoleSessionName, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	if o.policies, err = s.policies(in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	host := strings.TrimPrefix(claims.Issuer, "https://")
	provider := s.account.IAMARN("oidc-provider/" + host)
	asked := iam.AssumeRequest{Role: *in.RoleArn, Actions: []string{"sts:AssumeRoleWithWebIdentity"},
		Keys: policy.Context{}}
	asked.Keys.Set("sts:RoleSessionName", *in.RoleSessionName)
	asked.Keys.Set(host+":sub", claims.Subject)
	asked.Keys.Set(host+":aud", claims.Audiences...)
	if err := iam.MayAssumeByToken(s.account, provider, o.role, asked); err != nil {
		return nil, err
	}
	session := s.open(o)
	session.Federated = provider
	return &sts.AssumeRoleWithWebIdentityOutput{
		Credentials: credentials(session), AssumedRoleUser: user(session), SubjectFromWebIdentityToken: aws.String(
			claims.Subject),
		Audience: first(claims.Audiences), Provider: aws.String(provider),
	}, nil
}

func invalidToken(format string, args ...any) error {
	return apierr.New("InvalidIdentityToken", format, args...)
}

// vouch checks that a provider of the account issued the token. An account without any accepts every token.
func (s *Service) vouch(c token.Claims, given string) error {
	if len(s.account.Providers) == 0 {
		return nil
	}
	p := s.account.Providers[strings.TrimPrefix(c.Issuer, "https://")]
	if p == nil {
		return invalidToken("No OpenIDConnect provider found in your account for %s", c.Issuer)
	}
	if !slices.ContainsFunc(c.Audiences, func(a string) bool { return slices.Contains(p.Audiences, a) }) {
		return invalidToken("Incorrect token audience")
	}
	if p.Keys == nil {
		return nil
	}
	if err := token.Verify(given, p.Keys); err != nil {
		return invalidToken("Couldn't retrieve verification key from your identity provider, or the token's signature "+
			"is invalid: %v", err)
	}
	return nil
}

func first(list []string) *string {
	if len(list) == 0 {
		return aws.String("")
	}
	return &list[0]
}
