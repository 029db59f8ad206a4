// Package sts is the part of AWS Security Token Service that controllers use to learn who they are and to assume roles: one
// method per action with the SDK client's signature. Roles are not modelled: every role of the account can be assumed. It
// imports awssim/account, awssim/gate, awssim/apierr and the SDK's types.
package sts

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// service is the name under which the gate knows the calls.
const service = "sts"

// Bounds of the life of a session, in seconds.
const (
	shortestSession = 900
	longestSession  = 43200
	defaultSession  = 3600
	longestChained  = 3600
)

// longestExternalID is a number of characters.
const longestExternalID = 1224

var (
	roleForm     = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::([0-9]{12}):role/(?:[\w+=,.@/-]*/)?([\w+=,.@-]{1,64})$`)
	sessionForm  = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalForm = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
)

// Service answers the actions of STS.
type Service struct {
	account *account.Account
	gate    *gate.Gate
}

// New is the service over that account; calls pass g, which may be nil.
func New(a *account.Account, g *gate.Gate) *Service { return &Service{account: a, gate: g} }

// GetCallerIdentity tells who calls: the assumed role of temporary credentials, else a user.
func (s *Service) GetCallerIdentity(ctx context.Context, in *sts.GetCallerIdentityInput, _ ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	if in == nil {
		in = &sts.GetCallerIdentityInput{}
	}
	return gate.Do(ctx, s.gate, service, "GetCallerIdentity", in, s.getCallerIdentity)
}

func (s *Service) getCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	a := s.account
	a.Lock()
	defer a.Unlock()
	caller := gate.Caller(ctx)
	if session, ok := a.Sessions[caller]; ok {
		return &sts.GetCallerIdentityOutput{Account: aws.String(a.ID), Arn: aws.String(session.ARN), UserId: aws.String(session.UserID)}, nil
	}
	if caller == "" {
		caller = "simulator"
	}
	return &sts.GetCallerIdentityOutput{
		Account: aws.String(a.ID),
		Arn:     aws.String(fmt.Sprintf("arn:%s:iam::%s:user/%s", a.Partition, a.ID, caller)),
		UserId:  aws.String("AIDA" + strings.ToUpper(caller)),
	}, nil
}

// AssumeRole opens a session of a role of the account.
func (s *Service) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, _ ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	if in == nil {
		in = &sts.AssumeRoleInput{}
	}
	return gate.Do(ctx, s.gate, service, "AssumeRole", in, s.assumeRole)
}

func (s *Service) assumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	s.account.Lock()
	defer s.account.Unlock()
	if id := aws.ToString(in.ExternalId); in.ExternalId != nil && (len(id) > longestExternalID || !externalForm.MatchString(id)) {
		return nil, constraint(*in.ExternalId, "externalId", "Member must satisfy regular expression pattern: [\\w+=,.@:\\/-]*")
	}
	if _, chained := s.account.Sessions[gate.Caller(ctx)]; chained && aws.ToInt32(in.DurationSeconds) > longestChained {
		return nil, apierr.New("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	session, err := s.open(in.RoleArn, in.RoleSessionName, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleOutput{Credentials: credentials(session), AssumedRoleUser: user(session), SourceIdentity: in.SourceIdentity}, nil
}

// AssumeRoleWithWebIdentity opens a session for the bearer of a token. The token's signature is not checked.
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
		return nil, apierr.New("InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	if claims.Expires != 0 && s.account.Clock.Now().After(time.Unix(claims.Expires, 0)) {
		return nil, apierr.New("ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time")
	}
	session, err := s.open(in.RoleArn, in.RoleSessionName, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleWithWebIdentityOutput{
		Credentials: credentials(session), AssumedRoleUser: user(session), SubjectFromWebIdentityToken: aws.String(claims.Subject),
		Audience: aws.String(claims.audience()), Provider: aws.String(s.provider(claims.Issuer)),
	}, nil
}

func (s *Service) provider(issuer string) string {
	return fmt.Sprintf("arn:%s:iam::%s:oidc-provider/%s", s.account.Partition, s.account.ID, strings.TrimPrefix(issuer, "https://"))
}

// open checks what both ways to assume a role have in common. Roles of other accounts are refused as if their trust policy
// did not let the caller in.
func (s *Service) open(role, name *string, seconds *int32) (*account.RoleSession, error) {
	parts := roleForm.FindStringSubmatch(aws.ToString(role))
	if parts == nil {
		return nil, apierr.New("ValidationError", "%s is invalid", aws.ToString(role))
	}
	if !sessionForm.MatchString(aws.ToString(name)) {
		return nil, constraint(aws.ToString(name), "roleSessionName", "Member must satisfy regular expression pattern: [\\w+=,.@-]*")
	}
	life := int32(defaultSession)
	if seconds != nil {
		life = *seconds
	}
	if life < shortestSession || life > longestSession {
		return nil, constraint(fmt.Sprint(life), "durationSeconds", fmt.Sprintf("Member must have value between %d and %d", shortestSession, longestSession))
	}
	if parts[1] != s.account.Partition || parts[2] != s.account.ID {
		return nil, apierr.WithStatus(http.StatusForbidden, "AccessDenied", "User is not authorized to perform: sts:AssumeRole on resource: %s", *role)
	}
	return s.account.NewRoleSession(parts[3], *name, time.Duration(life)*time.Second), nil
}

func constraint(value, field, rule string) error {
	return apierr.New("ValidationError", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, field, rule)
}

func credentials(s *account.RoleSession) *types.Credentials {
	return &types.Credentials{
		AccessKeyId: aws.String(s.AccessKey), SecretAccessKey: aws.String(s.Secret), SessionToken: aws.String(s.Token), Expiration: aws.Time(s.Expires),
	}
}

func user(s *account.RoleSession) *types.AssumedRoleUser {
	return &types.AssumedRoleUser{Arn: aws.String(s.ARN), AssumedRoleId: aws.String(s.UserID)}
}

// claims are what a service account's token says of its bearer.
type claims struct {
	Subject  string          `json:"sub"`
	Issuer   string          `json:"iss"`
	Expires  int64           `json:"exp"`
	Audience json.RawMessage `json:"aud"` // one string or several
}

func (c claims) audience() string {
	var one string
	if json.Unmarshal(c.Audience, &one) == nil {
		return one
	}
	var several []string
	if json.Unmarshal(c.Audience, &several) == nil && len(several) > 0 {
		return several[0]
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
