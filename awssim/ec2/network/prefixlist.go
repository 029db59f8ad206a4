package network

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
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/filter"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

// maxPrefixListText is the length of names of lists and descriptions of entries.
const maxPrefixListText = 255

var prefixLists = filter.Collection[*vpc.PrefixList]{
	Kind:    kind.PrefixList,
	IDParam: "prefixListIds",
	All:     func(a *account.Account) map[string]*vpc.PrefixList { return a.PrefixLists },
	Tags:    func(l *vpc.PrefixList) map[string]string { return l.Tags },
	Filters: map[string]filter.Accessor[*vpc.PrefixList]{
		"owner-id":         filter.One(func(l *vpc.PrefixList) string { return l.Owner }),
		"prefix-list-id":   filter.One(func(l *vpc.PrefixList) string { return l.ID }),
		"prefix-list-name": filter.One(func(l *vpc.PrefixList) string { return l.Name }),
	},
}

// DescribeManagedPrefixLists lists prefix lists without their entries.
func (s *Networks) DescribeManagedPrefixLists(ctx context.Context, in *ec2.DescribeManagedPrefixListsInput,
	_ ...func(*ec2.Options)) (*ec2.DescribeManagedPrefixListsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeManagedPrefixLists", in, s.describeManagedPrefixLists)
}

func (s *Networks) describeManagedPrefixLists(in *ec2.DescribeManagedPrefixListsInput) (
	*ec2.DescribeManagedPrefixListsOutput, error) {
	found, next, err := prefixLists.Describe(s.account, filter.Query{DryRun: in.DryRun, IDs: in.PrefixListIds,
		Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeManagedPrefixListsOutput{
		PrefixLists: filter.Answer(found, func(l *vpc.PrefixList) types.ManagedPrefixList {
			return *prefixListOut(s.account, l)
		}), NextToken: next}, nil
}

func prefixListOut(a *account.Account, l *vpc.PrefixList) *types.ManagedPrefixList {
	state := types.PrefixListStateCreateComplete
	if l.Version > 0 {
		state = types.PrefixListStateModifyComplete
	}
	return &types.ManagedPrefixList{
		PrefixListId: aws.String(l.ID), PrefixListName: aws.String(l.Name), OwnerId: aws.String(l.Owner),
		AddressFamily: aws.String(l.AddressFamily()),
		MaxEntries:    aws.Int32(int32(l.MaxEntries)), PrefixListArn: aws.String(a.ARN("ec2", "prefix-list/"+l.ID)),
		State: state, Version: aws.Int64(l.Version + 1), Tags: request.TagList(l.Tags),
	}
}

// maxEntriesPerCall is the number of entries that one call adds or removes at most.
const maxEntriesPerCall = 100

// CreateManagedPrefixList makes a prefix list.
func (s *Networks) CreateManagedPrefixList(ctx context.Context, in *ec2.CreateManagedPrefixListInput,
	_ ...func(*ec2.Options)) (*ec2.CreateManagedPrefixListOutput, error) {
	return call.Write(ctx, s.entry, "CreateManagedPrefixList", in, func(in *ec2.CreateManagedPrefixListInput) (
		*ec2.CreateManagedPrefixListOutput, error) {
		name, family, most := aws.ToString(in.PrefixListName), aws.ToString(in.AddressFamily), int(aws.ToInt32(in.MaxEntries))
		switch {
		case name == "":
			return nil, request.Missing("PrefixListName")
		case strings.HasPrefix(name, "com.amazonaws"), len(name) > maxPrefixListText:
			return nil, request.InvalidValue("Invalid value '%s' for PrefixListName. It must be up to 255 characters long and "+
				"must not begin with 'com.amazonaws'.", name)
		case family != "IPv4" && family != "IPv6":
			return nil, request.InvalidValue("Invalid value '%s' for AddressFamily. Valid values: [IPv4, IPv6]", family)
		case in.MaxEntries == nil:
			return nil, request.Missing("MaxEntries")
		case most < 1 || most > s.account.Quota("entries-per-prefix-list"):
			return nil, request.InvalidValue("Invalid value '%d' for MaxEntries. It must be between 1 and %d.", most,
				s.account.Quota("entries-per-prefix-list"))
		}
		tags, err := request.SpecifiedTags(in.TagSpecifications, kind.PrefixList)
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
		l := &vpc.PrefixList{Name: name, Owner: s.account.ID, MaxEntries: most, Family: family, Tags: tags,
			Descriptions: map[netip.Prefix]string{}}
		if err := change(l, in.Entries, nil); err != nil {
			return nil, err
		}
		if err := request.DryRun(in.DryRun); err != nil {
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
		return request.InvalidValue("You can't specify more than %d entries", maxEntriesPerCall)
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
		p, err := request.ParseCIDR(aws.ToString(e.Cidr), family)
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
		p, err := request.ParseCIDR(aws.ToString(e.Cidr), family)
		if err != nil {
			return err
		}
		if len(aws.ToString(e.Description)) > maxPrefixListText {
			return request.InvalidValue("The description of entry '%s' is longer than %d characters", p, maxPrefixListText)
		}
		if !slices.Contains(entries, p) { // adding again changes the description only
			entries = append(entries, p)
		}
		words[p] = aws.ToString(e.Description)
	}
	if len(entries) > l.MaxEntries {
		return apierr.New("PrefixListMaxEntriesExceeded",
			"You've reached the maximum number of entries for the prefix list, %d", l.MaxEntries)
	}
	l.Entries, l.Descriptions = entries, words
	return nil
}

// ownList finds a list that the caller may change: not one of AWS.
func (s *Networks) ownList(id *string) (*vpc.PrefixList, error) {
	l, err := request.Named(s.account, kind.PrefixList, "PrefixListId", id, s.account.PrefixLists)
	if err == nil && l.Owner == "AWS" {
		return nil, apierr.New("UnauthorizedOperation", "You cannot modify AWS-managed prefix list '%s'", l.ID)
	}
	return l, err
}

// ModifyManagedPrefixList changes name, size or entries of a list.
func (s *Networks) ModifyManagedPrefixList(ctx context.Context, in *ec2.ModifyManagedPrefixListInput,
	_ ...func(*ec2.Options)) (*ec2.ModifyManagedPrefixListOutput, error) {
	return call.Write(ctx, s.entry, "ModifyManagedPrefixList", in, func(in *ec2.ModifyManagedPrefixListInput) (
		*ec2.ModifyManagedPrefixListOutput, error) {
		l, err := s.ownList(in.PrefixListId)
		if err != nil {
			return nil, err
		}
		entries := len(in.AddEntries)+len(in.RemoveEntries) > 0
		switch {
		case entries && in.CurrentVersion == nil:
			return nil, request.Missing("CurrentVersion")
		case in.CurrentVersion != nil && *in.CurrentVersion != l.Version+1:
			return nil, apierr.New("PrefixListVersionMismatch", "The prefix list has the version %d, not %d", l.Version+1,
				*in.CurrentVersion)
		case in.MaxEntries != nil && entries:
			return nil, apierr.New("InvalidParameterCombination", "You can't change the entries and MaxEntries at the same time")
		case in.MaxEntries != nil && (int(*in.MaxEntries) < max(1, len(l.Entries)) || int(*in.MaxEntries) > s.account.Quota(
			"entries-per-prefix-list")):
			return nil, request.InvalidValue("Invalid value '%d' for MaxEntries", *in.MaxEntries)
		}
		if err := request.DryRun(in.DryRun); err != nil {
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
func (s *Networks) DeleteManagedPrefixList(ctx context.Context, in *ec2.DeleteManagedPrefixListInput,
	_ ...func(*ec2.Options)) (*ec2.DeleteManagedPrefixListOutput, error) {
	return call.Write(ctx, s.entry, "DeleteManagedPrefixList", in, func(in *ec2.DeleteManagedPrefixListInput) (
		*ec2.DeleteManagedPrefixListOutput, error) {
		l, err := s.ownList(in.PrefixListId)
		if err != nil {
			return nil, err
		}
		for _, g := range s.account.SecurityGroups {
			if slices.ContainsFunc(slices.Concat(g.Ingress, g.Egress), func(p vpc.Permission) bool {
				return p.PrefixList == l.ID
			}) {
				return nil, apierr.New("DependencyViolation", "The prefix list '%s' is in use by %s.", l.ID, g.ID)
			}
		}
		for _, t := range s.account.RouteTables {
			if routeTo(t, l.ID) >= 0 {
				return nil, apierr.New("DependencyViolation", "The prefix list '%s' is in use by %s.", l.ID, t.ID)
			}
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		out := &ec2.DeleteManagedPrefixListOutput{PrefixList: prefixListOut(s.account, l)}
		out.PrefixList.State = types.PrefixListStateDeleteComplete
		delete(s.account.PrefixLists, l.ID)
		return out, nil
	})
}

// GetManagedPrefixListEntries lists the entries of a list's present version.
func (s *Networks) GetManagedPrefixListEntries(ctx context.Context, in *ec2.GetManagedPrefixListEntriesInput,
	_ ...func(*ec2.Options)) (*ec2.GetManagedPrefixListEntriesOutput, error) {
	return call.Read(ctx, s.entry, "GetManagedPrefixListEntries", in, func(in *ec2.GetManagedPrefixListEntriesInput) (
		*ec2.GetManagedPrefixListEntriesOutput, error) {
		l, err := request.Named(s.account, kind.PrefixList, "PrefixListId", in.PrefixListId, s.account.PrefixLists)
		if err != nil {
			return nil, err
		}
		if v := in.TargetVersion; v != nil && *v != l.Version+1 {
			return nil, request.InvalidValue("Version %d of the prefix list is not kept, its version is %d", *v, l.Version+1)
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		c := filter.Collection[netip.Prefix]{All: func(*account.Account) map[string]netip.Prefix {
			all := map[string]netip.Prefix{}
			for _, p := range l.Entries {
				all[p.String()] = p
			}
			return all
		}}
		found, next, err := c.Describe(s.account, filter.Query{Max: in.MaxResults, Token: in.NextToken})
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
func (s *Networks) DescribePrefixLists(ctx context.Context, in *ec2.DescribePrefixListsInput, _ ...func(*ec2.Options)) (
	*ec2.DescribePrefixListsOutput, error) {
	return call.Read(ctx, s.entry, "DescribePrefixLists", in, func(in *ec2.DescribePrefixListsInput) (
		*ec2.DescribePrefixListsOutput, error) {
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		c := prefixLists
		c.Tags = nil
		c.All = func(a *account.Account) map[string]*vpc.PrefixList {
			all := map[string]*vpc.PrefixList{}
			for id, l := range a.PrefixLists {
				if l.Owner == "AWS" {
					all[id] = l
				}
			}
			return all
		}
		found, next, err := c.Describe(s.account, filter.Query{IDs: in.PrefixListIds, Filters: in.Filters, Max: in.MaxResults,
			Token: in.NextToken})
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
