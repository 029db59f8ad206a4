package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

var prefixLists = collection[*vpc.PrefixList]{
	kind:    prefixListKind,
	idParam: "prefixListIds",
	all:     func(a *account.Account) map[string]*vpc.PrefixList { return a.PrefixLists },
	tags:    func(l *vpc.PrefixList) map[string]string { return l.Tags },
	filters: map[string]accessor[*vpc.PrefixList]{
		"owner-id":         one(func(l *vpc.PrefixList) string { return l.Owner }),
		"prefix-list-id":   one(func(l *vpc.PrefixList) string { return l.ID }),
		"prefix-list-name": one(func(l *vpc.PrefixList) string { return l.Name }),
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
		out.PrefixLists = append(out.PrefixLists, *prefixListOut(s.account, l))
	}
	return out, nil
}

func prefixListOut(a *account.Account, l *vpc.PrefixList) *types.ManagedPrefixList {
	state := types.PrefixListStateCreateComplete
	if l.Version > 0 {
		state = types.PrefixListStateModifyComplete
	}
	return &types.ManagedPrefixList{
		PrefixListId: aws.String(l.ID), PrefixListName: aws.String(l.Name), OwnerId: aws.String(l.Owner), AddressFamily: aws.String(l.AddressFamily()),
		MaxEntries: aws.Int32(int32(l.MaxEntries)), PrefixListArn: aws.String(a.ARN("ec2", "prefix-list/"+l.ID)),
		State: state, Version: aws.Int64(l.Version + 1), Tags: tagList(l.Tags),
	}
}
