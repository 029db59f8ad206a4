package wafv2

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/webacl"
)

// CreateIPSet makes a set of addresses for rules to refer to.
func (s *Service) CreateIPSet(ctx context.Context, in *wafv2.CreateIPSetInput, _ ...func(*wafv2.Options)) (
	*wafv2.CreateIPSetOutput, error) {
	return call.Write(ctx, s.entry, "CreateIPSet", in, func(in *wafv2.CreateIPSetInput) (*wafv2.CreateIPSetOutput, error) {
		name, scope := aws.ToString(in.Name), string(in.Scope)
		if err := s.checkName(name, scope, in.Description); err != nil {
			return nil, err
		}
		ranges, err := parseRanges(string(in.IPAddressVersion), in.Addresses)
		if err != nil {
			return nil, err
		}
		tags, err := merge(nil, in.Tags)
		if err != nil {
			return nil, err
		}
		same := 0
		for _, set := range s.account.IPSets {
			switch {
			case set.Scope != scope:
			case set.Name == name:
				return nil, duplicate()
			default:
				same++
			}
		}
		if same >= maxIPSets {
			return nil, beyond("IP sets", maxIPSets)
		}
		p := path(scope, "ipset", name)
		id := s.account.UUIDFor(p)
		set := &account.IPSet{
			ARN: s.arn(scope, p, id), ID: id, Name: name, Scope: scope, Description: aws.ToString(in.Description),
			Version: string(in.IPAddressVersion), Addresses: in.Addresses, LockToken: s.account.NewUUID(), Tags: tags,
			Set: &webacl.AddressSet{},
		}
		set.Set.Set(ranges)
		s.account.AddIPSet(set)
		return &wafv2.CreateIPSetOutput{Summary: setSummary(set)}, nil
	})
}

func parseRanges(version string, addresses []string) ([]netip.Prefix, error) {
	if version != string(types.IPAddressVersionIpv4) && version != string(types.IPAddressVersionIpv6) {
		return nil, invalid("IP_ADDRESS_VERSION", version, "The version must be IPV4 or IPV6.")
	}
	if len(addresses) > maxAddresses {
		return nil, beyond("addresses in an IP set", maxAddresses)
	}
	ranges := make([]netip.Prefix, len(addresses))
	for i, text := range addresses {
		p, err := netip.ParsePrefix(text)
		if err != nil || p.Addr().Is4() != (version == string(types.IPAddressVersionIpv4)) || p.Bits() == 0 {
			return nil, invalid("IP_ADDRESS", text, "The address must be a range of the set's version in CIDR notation, other "+
				"than all addresses.")
		}
		ranges[i] = p.Masked()
	}
	return ranges, nil
}

func setSummary(set *account.IPSet) *types.IPSetSummary {
	return &types.IPSetSummary{
		ARN: aws.String(set.ARN), Id: aws.String(set.ID), Name: aws.String(set.Name),
		Description: aws.String(set.Description), LockToken: aws.String(set.LockToken),
	}
}

func (s *Service) findSet(name, id *string, scope types.Scope) (*account.IPSet, error) {
	if err := s.checkScope(string(scope)); err != nil {
		return nil, err
	}
	for _, set := range s.account.IPSets {
		if set.Scope == string(scope) && set.Name == aws.ToString(name) && set.ID == aws.ToString(id) {
			return set, nil
		}
	}
	return nil, nonexistent()
}

// GetIPSet describes an IP set.
func (s *Service) GetIPSet(ctx context.Context, in *wafv2.GetIPSetInput, _ ...func(*wafv2.Options)) (
	*wafv2.GetIPSetOutput, error) {
	return call.Read(ctx, s.entry, "GetIPSet", in, func(in *wafv2.GetIPSetInput) (*wafv2.GetIPSetOutput, error) {
		set, err := s.findSet(in.Name, in.Id, in.Scope)
		if err != nil {
			return nil, err
		}
		return &wafv2.GetIPSetOutput{LockToken: aws.String(set.LockToken), IPSet: &types.IPSet{
			ARN: aws.String(set.ARN), Id: aws.String(set.ID), Name: aws.String(set.Name),
			Description:      aws.String(set.Description),
			IPAddressVersion: types.IPAddressVersion(set.Version), Addresses: append([]string{}, set.Addresses...),
		}}, nil
	})
}

// UpdateIPSet replaces the addresses; rules that refer to the set follow at once.
func (s *Service) UpdateIPSet(ctx context.Context, in *wafv2.UpdateIPSetInput, _ ...func(*wafv2.Options)) (
	*wafv2.UpdateIPSetOutput, error) {
	return call.Write(ctx, s.entry, "UpdateIPSet", in, func(in *wafv2.UpdateIPSetInput) (*wafv2.UpdateIPSetOutput, error) {
		set, err := s.findSet(in.Name, in.Id, in.Scope)
		if err != nil {
			return nil, err
		}
		if aws.ToString(in.LockToken) != set.LockToken {
			return nil, stale()
		}
		ranges, err := parseRanges(set.Version, in.Addresses)
		if err != nil {
			return nil, err
		}
		set.Addresses, set.LockToken = in.Addresses, s.account.NewUUID()
		if in.Description != nil {
			set.Description = *in.Description
		}
		set.Set.Set(ranges)
		return &wafv2.UpdateIPSetOutput{NextLockToken: aws.String(set.LockToken)}, nil
	})
}

// DeleteIPSet deletes a set that no web ACL refers to.
func (s *Service) DeleteIPSet(ctx context.Context, in *wafv2.DeleteIPSetInput, _ ...func(*wafv2.Options)) (
	*wafv2.DeleteIPSetOutput, error) {
	return call.Write(ctx, s.entry, "DeleteIPSet", in, func(in *wafv2.DeleteIPSetInput) (*wafv2.DeleteIPSetOutput, error) {
		set, err := s.findSet(in.Name, in.Id, in.Scope)
		if err != nil {
			return nil, err
		}
		if aws.ToString(in.LockToken) != set.LockToken {
			return nil, stale()
		}
		used := apierr.New("WAFAssociatedItemException",
			"AWS WAF couldn't perform the operation because your resource is being used by another resource or it's "+
				"associated with another resource.")
		for _, w := range s.account.WebACLs {
			for _, r := range describe(w).Rules {
				err := walk(r.Statement, func(t *types.Statement) error {
					if t.IPSetReferenceStatement != nil && aws.ToString(t.IPSetReferenceStatement.ARN) == set.ARN {
						return used
					}
					return nil
				})
				if err != nil {
					return nil, err
				}
			}
		}
		delete(s.account.IPSets, set.ARN)
		return &wafv2.DeleteIPSetOutput{}, nil
	})
}

// ListIPSets lists the IP sets of a scope.
func (s *Service) ListIPSets(ctx context.Context, in *wafv2.ListIPSetsInput, _ ...func(*wafv2.Options)) (
	*wafv2.ListIPSetsOutput, error) {
	return call.Read(ctx, s.entry, "ListIPSets", in, func(in *wafv2.ListIPSetsInput) (*wafv2.ListIPSetsOutput, error) {
		if err := s.checkScope(string(in.Scope)); err != nil {
			return nil, err
		}
		var all []types.IPSetSummary
		for _, arn := range slices.Sorted(maps.Keys(s.account.IPSets)) {
			if set := s.account.IPSets[arn]; set.Scope == string(in.Scope) {
				all = append(all, *setSummary(set))
			}
		}
		page, next, err := pageOf(s, all, func(set types.IPSetSummary) string { return *set.ARN }, in.Limit, in.NextMarker)
		if err != nil {
			return nil, err
		}
		return &wafv2.ListIPSetsOutput{IPSets: page, NextMarker: next}, nil
	})
}
