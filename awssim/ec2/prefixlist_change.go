package ec2

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// maxEntriesPerCall is the number of entries that one call adds or removes at most.
const maxEntriesPerCall = 100

// CreateManagedPrefixList makes a prefix list.
func (s *Service) CreateManagedPrefixList(ctx context.Context, in *ec2.CreateManagedPrefixListInput, _ ...func(*ec2.Options)) (*ec2.CreateManagedPrefixListOutput, error) {
	return write(ctx, s, "CreateManagedPrefixList", in, func(in *ec2.CreateManagedPrefixListInput) (*ec2.CreateManagedPrefixListOutput, error) {
		name, family, most := aws.ToString(in.PrefixListName), aws.ToString(in.AddressFamily), int(aws.ToInt32(in.MaxEntries))
		switch {
		case name == "":
			return nil, missing("PrefixListName")
		case strings.HasPrefix(name, "com.amazonaws"), len(name) > maxDescription:
			return nil, invalidValue("Invalid value '%s' for PrefixListName. It must be up to 255 characters long and must not begin with 'com.amazonaws'.", name)
		case family != "IPv4" && family != "IPv6":
			return nil, invalidValue("Invalid value '%s' for AddressFamily. Valid values: [IPv4, IPv6]", family)
		case in.MaxEntries == nil:
			return nil, missing("MaxEntries")
		case most < 1 || most > s.account.Quota("entries-per-prefix-list"):
			return nil, invalidValue("Invalid value '%d' for MaxEntries. It must be between 1 and %d.", most, s.account.Quota("entries-per-prefix-list"))
		}
		tags, err := specifiedTags(in.TagSpecifications, prefixListKind)
		if err != nil {
			return nil, err
		}
		own := 0
		for _, l := range s.account.PrefixLists {
			if l.Owner == s.account.ID {
				own++
			}
		}
		if own >= s.account.Quota("prefix-lists") {
			return nil, apierr.New("PrefixListLimitExceeded", "The maximum number of prefix lists has been reached.")
		}
		l := &vpc.PrefixList{Name: name, Owner: s.account.ID, MaxEntries: most, Family: family, Tags: tags, Descriptions: map[netip.Prefix]string{}}
		if err := change(l, in.Entries, nil); err != nil {
			return nil, err
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		s.account.AddPrefixList(l)
		s.account.CreatedCompute(l.ID)
		return &ec2.CreateManagedPrefixListOutput{PrefixList: prefixListOut(s.account, l)}, nil
	})
}

// change adds and removes entries of a list, all or none.
func change(l *vpc.PrefixList, add []types.AddPrefixListEntry, remove []types.RemovePrefixListEntry) error {
	if len(add) > maxEntriesPerCall || len(remove) > maxEntriesPerCall {
		return invalidValue("You can't specify more than %d entries", maxEntriesPerCall)
	}
	family := netip.Addr.Is4
	if l.AddressFamily() == "IPv6" {
		family = netip.Addr.Is6
	}
	entries, words := slices.Clone(l.Entries), map[netip.Prefix]string{}
	for p, text := range l.Descriptions {
		words[p] = text
	}
	for _, e := range remove {
		p, err := parseCIDR(aws.ToString(e.Cidr), family)
		if err != nil {
			return err
		}
		i := slices.Index(entries, p)
		if i < 0 {
			return apierr.New("InvalidPrefixListModification", "The entry '%s' is not in the prefix list", p)
		}
		entries = slices.Delete(entries, i, i+1)
		delete(words, p)
	}
	for _, e := range add {
		p, err := parseCIDR(aws.ToString(e.Cidr), family)
		if err != nil {
			return err
		}
		if len(aws.ToString(e.Description)) > maxDescription {
			return invalidValue("The description of entry '%s' is longer than %d characters", p, maxDescription)
		}
		if !slices.Contains(entries, p) { // adding again changes the description only
			entries = append(entries, p)
		}
		words[p] = aws.ToString(e.Description)
	}
	if len(entries) > l.MaxEntries {
		return apierr.New("PrefixListMaxEntriesExceeded", "You've reached the maximum number of entries for the prefix list, %d", l.MaxEntries)
	}
	l.Entries, l.Descriptions = entries, words
	return nil
}

// ownList finds a list that the caller may change: not one of AWS.
func (s *Service) ownList(id *string) (*vpc.PrefixList, error) {
	l, err := named(s, prefixListKind, "PrefixListId", id, s.account.PrefixLists)
	if err == nil && l.Owner == "AWS" {
		return nil, apierr.New("UnauthorizedOperation", "You cannot modify AWS-managed prefix list '%s'", l.ID)
	}
	return l, err
}

// ModifyManagedPrefixList changes name, size or entries of a list.
func (s *Service) ModifyManagedPrefixList(ctx context.Context, in *ec2.ModifyManagedPrefixListInput, _ ...func(*ec2.Options)) (*ec2.ModifyManagedPrefixListOutput, error) {
	return write(ctx, s, "ModifyManagedPrefixList", in, func(in *ec2.ModifyManagedPrefixListInput) (*ec2.ModifyManagedPrefixListOutput, error) {
		l, err := s.ownList(in.PrefixListId)
		if err != nil {
			return nil, err
		}
		entries := len(in.AddEntries)+len(in.RemoveEntries) > 0
		switch {
		case entries && in.CurrentVersion == nil:
			return nil, missing("CurrentVersion")
		case in.CurrentVersion != nil && *in.CurrentVersion != l.Version+1:
			return nil, apierr.New("PrefixListVersionMismatch", "The prefix list has the version %d, not %d", l.Version+1, *in.CurrentVersion)
		case in.MaxEntries != nil && entries:
			return nil, apierr.New("InvalidParameterCombination", "You can't change the entries and MaxEntries at the same time")
		case in.MaxEntries != nil && (int(*in.MaxEntries) < max(1, len(l.Entries)) || int(*in.MaxEntries) > s.account.Quota("entries-per-prefix-list")):
			return nil, invalidValue("Invalid value '%d' for MaxEntries", *in.MaxEntries)
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		if entries {
			if err := change(l, in.AddEntries, in.RemoveEntries); err != nil {
				return nil, err
			}
			l.Version++
		}
		if in.MaxEntries != nil {
			l.MaxEntries = int(*in.MaxEntries)
		}
		if in.PrefixListName != nil {
			l.Name = *in.PrefixListName
		}
		return &ec2.ModifyManagedPrefixListOutput{PrefixList: prefixListOut(s.account, l)}, nil
	})
}

// DeleteManagedPrefixList deletes a list that no rule and no route refers to.
func (s *Service) DeleteManagedPrefixList(ctx context.Context, in *ec2.DeleteManagedPrefixListInput, _ ...func(*ec2.Options)) (*ec2.DeleteManagedPrefixListOutput, error) {
	return write(ctx, s, "DeleteManagedPrefixList", in, func(in *ec2.DeleteManagedPrefixListInput) (*ec2.DeleteManagedPrefixListOutput, error) {
		l, err := s.ownList(in.PrefixListId)
		if err != nil {
			return nil, err
		}
		for _, g := range s.account.SecurityGroups {
			if slices.ContainsFunc(slices.Concat(g.Ingress, g.Egress), func(p vpc.Permission) bool { return p.PrefixList == l.ID }) {
				return nil, apierr.New("DependencyViolation", "The prefix list '%s' is in use by %s.", l.ID, g.ID)
			}
		}
		for _, t := range s.account.RouteTables {
			if routeTo(t, l.ID) >= 0 {
				return nil, apierr.New("DependencyViolation", "The prefix list '%s' is in use by %s.", l.ID, t.ID)
			}
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		out := &ec2.DeleteManagedPrefixListOutput{PrefixList: prefixListOut(s.account, l)}
		out.PrefixList.State = types.PrefixListStateDeleteComplete
		delete(s.account.PrefixLists, l.ID)
		return out, nil
	})
}

// GetManagedPrefixListEntries lists the entries of a list's present version.
func (s *Service) GetManagedPrefixListEntries(ctx context.Context, in *ec2.GetManagedPrefixListEntriesInput, _ ...func(*ec2.Options)) (*ec2.GetManagedPrefixListEntriesOutput, error) {
	return read(ctx, s, "GetManagedPrefixListEntries", in, func(in *ec2.GetManagedPrefixListEntriesInput) (*ec2.GetManagedPrefixListEntriesOutput, error) {
		l, err := named(s, prefixListKind, "PrefixListId", in.PrefixListId, s.account.PrefixLists)
		if err != nil {
			return nil, err
		}
		if v := in.TargetVersion; v != nil && *v != l.Version+1 {
			return nil, invalidValue("Version %d of the prefix list is not kept, its version is %d", *v, l.Version+1)
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		c := collection[netip.Prefix]{all: func(*account.Account) map[string]netip.Prefix {
			all := map[string]netip.Prefix{}
			for _, p := range l.Entries {
				all[p.String()] = p
			}
			return all
		}}
		found, next, err := c.describe(s.account, query{max: in.MaxResults, token: in.NextToken})
		if err != nil {
			return nil, err
		}
		out := &ec2.GetManagedPrefixListEntriesOutput{NextToken: next}
		for _, p := range found {
			e := types.PrefixListEntry{Cidr: aws.String(p.String())}
			if words := l.Descriptions[p]; words != "" {
				e.Description = aws.String(words)
			}
			out.Entries = append(out.Entries, e)
		}
		return out, nil
	})
}

// DescribePrefixLists lists the prefix lists of AWS's services with their ranges.
func (s *Service) DescribePrefixLists(ctx context.Context, in *ec2.DescribePrefixListsInput, _ ...func(*ec2.Options)) (*ec2.DescribePrefixListsOutput, error) {
	return read(ctx, s, "DescribePrefixLists", in, func(in *ec2.DescribePrefixListsInput) (*ec2.DescribePrefixListsOutput, error) {
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		c := prefixLists
		c.tags = nil
		c.all = func(a *account.Account) map[string]*vpc.PrefixList {
			all := map[string]*vpc.PrefixList{}
			for id, l := range a.PrefixLists {
				if l.Owner == "AWS" {
					all[id] = l
				}
			}
			return all
		}
		found, next, err := c.describe(s.account, query{in.PrefixListIds, in.Filters, in.MaxResults, in.NextToken})
		if err != nil {
			return nil, err
		}
		out := &ec2.DescribePrefixListsOutput{NextToken: next}
		for _, l := range found {
			item := types.PrefixList{PrefixListId: aws.String(l.ID), PrefixListName: aws.String(l.Name)}
			for _, p := range l.Entries {
				item.Cidrs = append(item.Cidrs, p.String())
			}
			out.PrefixLists = append(out.PrefixLists, item)
		}
		return out, nil
	})
}
