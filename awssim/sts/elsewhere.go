package sts

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/iam"
)

// accountOf is the other account that a role is of; nil if it is the own one, or none that there is.
func (s *Service) accountOf(role string) *account.Account {
	parts := roleForm.FindStringSubmatch(role)
	if parts == nil || s.Elsewhere == nil || parts[2] == s.account.ID {
		return nil
	}
	return s.Elsewhere(parts[2])
}

// assumeThere opens a session of a role of another account: the caller's policies must allow it, and the role's trust
// policy must trust the caller, whether it names the caller or its account (IAM User Guide, "Cross account resource
// access in IAM"). Tags of a session that opens another one do not go to the other account here.
func (s *Service) assumeThere(ctx context.Context, in *sts.AssumeRoleInput, there *account.Account) (
	*sts.AssumeRoleOutput, error) {
	first, second := s.account, there
	if first.ID > second.ID { // in one order, whichever account has the role
		first, second = second, first
	}
	first.Lock()
	defer first.Unlock()
	second.Lock()
	defer second.Unlock()
	o, asked, err := s.asked(ctx, in, there)
	if err != nil {
		return nil, err
	}
	if err := iam.MayAssumeAcross(s.account, gate.Caller(ctx), there, o.role, asked); err != nil {
		return nil, err
	}
	session := there.NewRoleSession(o.roleName, o.session, o.life)
	session.Policies, session.Tags, session.Transitive = o.policies, asked.Tags, slices.Clone(in.TransitiveTagKeys)
	return &sts.AssumeRoleOutput{Credentials: credentials(session), AssumedRoleUser: user(session),
		SourceIdentity: in.SourceIdentity}, nil
}
