// Package shield is the part of Shield Advanced that load balancers use: the subscription, protections and their tags,
// one method per action with the SDK client's signature, over the account's state, with AWS's validations and error
// codes. Attacks are not simulated. It imports awssim/account, awssim/call, awssim/gate, awssim/apierr and the SDK's
// types.
package shield

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/shield/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// service is the name of the service at the gate.
const service = "shield"

// Service answers the actions of Shield.
type Service struct {
	account *account.Account
	entry   call.Entry
}

// New is the service over that account; calls pass g, which may be nil.
func New(a *account.Account, g *gate.Gate) *Service {
	return &Service{account: a, entry: call.Entry{Service: service, Account: a, Gate: g}}
}

func invalid(format string, args ...any) error {
	return apierr.New("InvalidParameterException", format, args...)
}

func unsubscribed() error {
	return apierr.New("ResourceNotFoundException", "The subscription does not exist.")
}

// GetSubscriptionState returns whether the account is subscribed; it needs no subscription.
func (s *Service) GetSubscriptionState(ctx context.Context, in *shield.GetSubscriptionStateInput,
	_ ...func(*shield.Options)) (*shield.GetSubscriptionStateOutput, error) {
	return call.Read(ctx, s.entry, "GetSubscriptionState", in, func(*shield.GetSubscriptionStateInput) (
		*shield.GetSubscriptionStateOutput, error) {
		out := &shield.GetSubscriptionStateOutput{SubscriptionState: types.SubscriptionStateInactive}
		if s.account.Subscription != nil {
			out.SubscriptionState = types.SubscriptionStateActive
		}
		return out, nil
	})
}

// CreateSubscription subscribes for a year.
func (s *Service) CreateSubscription(ctx context.Context, in *shield.CreateSubscriptionInput,
	_ ...func(*shield.Options)) (*shield.CreateSubscriptionOutput, error) {
	return call.Write(ctx, s.entry, "CreateSubscription", in, func(*shield.CreateSubscriptionInput) (
		*shield.CreateSubscriptionOutput, error) {
		if s.account.Subscription != nil {
			return nil, apierr.New("ResourceAlreadyExistsException", "The subscription already exists.")
		}
		s.account.Subscription = &account.ShieldSubscription{Started: s.account.Clock.Now(), AutoRenew: true}
		return &shield.CreateSubscriptionOutput{}, nil
	})
}

// DescribeSubscription describes the subscription.
func (s *Service) DescribeSubscription(ctx context.Context, in *shield.DescribeSubscriptionInput,
	_ ...func(*shield.Options)) (*shield.DescribeSubscriptionOutput, error) {
	return call.Read(ctx, s.entry, "DescribeSubscription", in, func(*shield.DescribeSubscriptionInput) (
		*shield.DescribeSubscriptionOutput, error) {
		sub := s.account.Subscription
		if sub == nil {
			return nil, unsubscribed()
		}
		most := int64(s.account.Quota("protections-per-resource-type"))
		renew := types.AutoRenewDisabled
		if sub.AutoRenew {
			renew = types.AutoRenewEnabled
		}
		return &shield.DescribeSubscriptionOutput{Subscription: &types.Subscription{
			SubscriptionArn: aws.String(strings.Join([]string{"arn", s.account.Partition, service, "", s.account.ID,
				"subscription"}, ":")),
			StartTime: aws.Time(sub.Started), EndTime: aws.Time(sub.Started.Add(account.ShieldCommitment)),
			AutoRenew:                 renew,
			TimeCommitmentInSeconds:   int64(account.ShieldCommitment.Seconds()),
			ProactiveEngagementStatus: types.ProactiveEngagementStatusDisabled,
			Limits:                    []types.Limit{},
			SubscriptionLimits: &types.SubscriptionLimits{
				ProtectionLimits: &types.ProtectionLimits{ProtectedResourceTypeLimits: []types.Limit{
					{Type: aws.String("ELASTIC_LOAD_BALANCER"), Max: most}, {Type: aws.String("ELASTIC_IP_ADDRESS"), Max: most},
					{Type: aws.String("GLOBAL_ACCELERATOR"), Max: most},
				}},
				ProtectionGroupLimits: &types.ProtectionGroupLimits{
					MaxProtectionGroups: 100, PatternTypeLimits: &types.ProtectionGroupPatternTypeLimits{
						ArbitraryPatternLimits: &types.ProtectionGroupArbitraryPatternLimits{MaxMembers: 10_000},
					},
				},
			},
		}}, nil
	})
}

// UpdateSubscription switches automatic renewal.
func (s *Service) UpdateSubscription(ctx context.Context, in *shield.UpdateSubscriptionInput,
	_ ...func(*shield.Options)) (*shield.UpdateSubscriptionOutput, error) {
	return call.Write(ctx, s.entry, "UpdateSubscription", in, func(in *shield.UpdateSubscriptionInput) (
		*shield.UpdateSubscriptionOutput, error) {
		if s.account.Subscription == nil {
			return nil, unsubscribed()
		}
		switch in.AutoRenew {
		case types.AutoRenewEnabled, types.AutoRenewDisabled:
			s.account.Subscription.AutoRenew = in.AutoRenew == types.AutoRenewEnabled
		case "":
		default:
			return nil, invalid("AutoRenew must be ENABLED or DISABLED, not %s", in.AutoRenew)
		}
		return &shield.UpdateSubscriptionOutput{}, nil
	})
}

// DeleteSubscription ends a subscription whose year is over.
func (s *Service) DeleteSubscription(ctx context.Context, in *shield.DeleteSubscriptionInput,
	_ ...func(*shield.Options)) (*shield.DeleteSubscriptionOutput, error) {
	return call.Write(ctx, s.entry, "DeleteSubscription", in, func(*shield.DeleteSubscriptionInput) (
		*shield.DeleteSubscriptionOutput, error) {
		sub := s.account.Subscription
		if sub == nil {
			return nil, unsubscribed()
		}
		if s.account.Clock.Now().Before(sub.Started.Add(account.ShieldCommitment)) {
			return nil, apierr.New("LockedSubscriptionException",
				"You are trying to delete a subscription that has not yet completed its 1-year commitment.")
		}
		s.account.Subscription = nil
		return &shield.DeleteSubscriptionOutput{}, nil
	})
}
