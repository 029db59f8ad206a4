// Package sts is the part of AWS Security Token Service that controllers use to get their identity and to assume roles:
// one method per action with the SDK client's signature. awssim/iam decides which caller may assume which role. It
// imports awssim/account, awssim/gate, awssim/iam, awssim/token, awssim/apierr and the SDK's types.
package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/iam"
)

// service is the name of the service at the gate.
const service = "sts"

// Service answers the actions of STS.
type Service struct {
	// Elsewhere finds another account by its id, nil if there is none; it is set before the first call. Nil: there is one
	// account.
	Elsewhere func(id string) *account.Account

	account *account.Account
	gate    *gate.Gate
}

// New is the service over that account; calls pass g, which may be nil.
func New(a *account.Account, g *gate.Gate) *Service { return &Service{account: a, gate: g} }

// GetCallerIdentity returns the caller: the assumed role of temporary credentials, else a user.
func (s *Service) GetCallerIdentity(ctx context.Context, in *sts.GetCallerIdentityInput, _ ...func(*sts.Options)) (
	*sts.GetCallerIdentityOutput, error) {
	if in == nil {
		in = &sts.GetCallerIdentityInput{}
	}
	return gate.Do(ctx, s.gate, gate.Operation{Service: service, Action: "GetCallerIdentity"}, in, s.getCallerIdentity)
}

func (s *Service) getCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput,
	error) {
	s.account.Lock()
	defer s.account.Unlock()
	arn, id := iam.WhoIs(s.account, gate.Caller(ctx))
	return &sts.GetCallerIdentityOutput{Account: aws.String(s.account.ID), Arn: aws.String(arn), UserId: aws.String(id)},
		nil
}

// DecodeAuthorizationMessage reads what EC2 adds, encoded, to its denials.
func (s *Service) DecodeAuthorizationMessage(ctx context.Context, in *sts.DecodeAuthorizationMessageInput,
	_ ...func(*sts.Options)) (*sts.DecodeAuthorizationMessageOutput, error) {
	if in == nil {
		in = &sts.DecodeAuthorizationMessageInput{}
	}
	return gate.Do(ctx, s.gate, gate.Operation{Service: service, Action: "DecodeAuthorizationMessage"}, in,
		s.decodeAuthorizationMessage)
}

func (s *Service) decodeAuthorizationMessage(_ context.Context, in *sts.DecodeAuthorizationMessageInput) (
	*sts.DecodeAuthorizationMessageOutput, error) {
	message, err := iam.Decode(s.account.ID, aws.ToString(in.EncodedMessage))
	if err != nil {
		return nil, apierr.New("InvalidAuthorizationMessageException", "Message is not valid.")
	}
	return &sts.DecodeAuthorizationMessageOutput{DecodedMessage: aws.String(message)}, nil
}

func constraint(value, field, rule string) error {
	return apierr.New("ValidationError", "1 validation error detected: Value '%s' at '%s' failed to satisfy "+
		"constraint: %s", value, field, rule)
}

func credentials(s *account.RoleSession) *types.Credentials {
	return &types.Credentials{
		AccessKeyId: aws.String(s.AccessKey), SecretAccessKey: aws.String(s.Secret), SessionToken: aws.String(s.Token),
		Expiration: aws.Time(s.Expires),
	}
}

func user(s *account.RoleSession) *types.AssumedRoleUser {
	return &types.AssumedRoleUser{Arn: aws.String(s.ARN), AssumedRoleId: aws.String(s.UserID)}
}
