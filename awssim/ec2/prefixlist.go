package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
)

var prefixLists = collection[*account.PrefixList]{
	kind:    prefixListKind,
	idParam: "prefixListIds",
	all:     func(a *account.Account) map[string]*account.PrefixList { return a.PrefixLists },
	tags:    func(l *account.PrefixList) map[string]string { return l.Tags },
	filters: map[string]accessor[*account.PrefixList]{
		"owner-id":         one(func(l *account.PrefixList) string { return l.Owner }),
		"prefix-list-id":   one(func(l *account.PrefixList) string { return l.ID }),
		"prefix-list-name": one(func(l *account.PrefixList) string { return l.Name }),
	},
}

// DescribeManagedPrefixLists lists prefix lists without their entries.
func (s *Service) DescribeManagedPrefixLists(ctx context.Context, in *ec2.DescribeManagedPrefixListsInput, _ ...func(*ec2.Options)) (*ec2.DescribeManagedPrefixListsOutput, error) {
	return read(ctx, s, "DescribeManagedPrefixLists", in, s.describeManagedPrefixLists)
}

func (s *Service) describeManagedPrefixLists(in *ec2.DescribeManagedPrefixListsInput) (*ec2.DescribeManagedPrefixListsOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	found, next, err := prefixLists.describe(s.account, query{in.PrefixListIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeManagedPrefixListsOutput{NextToken: next}
	for _, l := range found {
		family := "IPv4"
		if len(l.Entries) > 0 && l.Entries[0].Addr().Is6() {
			family = "IPv6"
		}
		out.PrefixLists = append(out.PrefixLists, types.ManagedPrefixList{
			PrefixListId: aws.String(l.ID), PrefixListName: aws.String(l.Name), OwnerId: aws.String(l.Owner), AddressFamily: aws.String(family),
			MaxEntries: aws.Int32(int32(l.MaxEntries)), PrefixListArn: aws.String(s.account.ARN("ec2", "prefix-list/"+l.ID)),
			State: types.PrefixListStateCreateComplete, Version: aws.Int64(1), Tags: tagList(l.Tags),
		})
	}
	return out, nil
}
