package network

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// lists is an EC2 with prefix lists, or with an error.
type lists struct {
	awsclient.EC2
	all   []types.ManagedPrefixList
	err   error
	calls int
}

func (l *lists) DescribeManagedPrefixLists(_ context.Context, in *ec2.DescribeManagedPrefixListsInput,
	_ ...func(*ec2.Options)) (*ec2.DescribeManagedPrefixListsOutput, error) {
	l.calls++
	if l.err != nil {
		return nil, l.err
	}
	wanted := map[string]bool{}
	for _, id := range in.Filters[0].Values {
		wanted[id] = true
	}
	var found []types.ManagedPrefixList
	for _, x := range l.all {
		if wanted[aws.ToString(x.PrefixListId)] {
			found = append(found, x)
		}
	}
	out, next := page(found, in.NextToken)
	return &ec2.DescribeManagedPrefixListsOutput{PrefixLists: out, NextToken: next}, nil
}

func TestPrefixListsAreReadTogetherWithWhatEC2CountsThemFor(t *testing.T) {
	t.Parallel()
	clock := &steps{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	list := func(id, name, family string, entries *int32) types.ManagedPrefixList {
		return types.ManagedPrefixList{PrefixListId: aws.String(id), PrefixListName: aws.String(name),
			AddressFamily: aws.String(family), MaxEntries: entries}
	}
	l := &lists{all: []types.ManagedPrefixList{
		list("pl-1", "office", "IPv4", aws.Int32(20)), list("pl-2", "office six", "IPv6", aws.Int32(5)),
		list("pl-3", "com.amazonaws.global.cloudfront.origin-facing", "IPv4", nil),
		list("pl-4", "com.amazonaws.us-west-2.s3", "IPv4", nil), list("pl-5", "not asked for", "IPv4", aws.Int32(1)),
	}}
	n := New(l, "vpc-1", clock.Now, time.Minute)
	want := map[string]stack.PrefixList{"pl-1": {MaxEntries: 20}, "pl-2": {MaxEntries: 5, IPv6: true},
		"pl-3": {MaxEntries: 55}}
	for range 2 {
		got, err := n.PrefixLists(t.Context(), []string{"pl-1", "pl-2", "pl-3", "pl-4", "pl-none"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if l.calls != 2 { // of two pages
		t.Errorf("%d calls", l.calls)
	}
	n.ForgetPrefixLists()
	if _, err := n.PrefixLists(t.Context(), []string{"pl-1"}); err != nil || l.calls != 3 {
		t.Errorf("after it was forgotten %d calls, %v", l.calls, err)
	}
}

func TestADeniedReadOfPrefixListsIsTriedEveryTenMinutes(t *testing.T) {
	t.Parallel()
	clock := &steps{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	denied := fmt.Errorf("denied: %w", &smithy.GenericAPIError{Code: "UnauthorizedOperation",
		Message: "You are not authorized to perform this operation."})
	for minutes, calls := range map[int]int{0: 1, 9: 1, 10: 2} {
		l, began := &lists{err: denied}, clock.now
		n := New(l, "vpc-1", clock.Now, time.Minute)
		for m := 0; m <= minutes; m++ {
			clock.now = began.Add(time.Duration(m) * time.Minute)
			if _, err := n.PrefixLists(t.Context(), []string{"pl-1"}); err == nil {
				t.Error("it is not denied")
			}
		}
		if l.calls != calls {
			t.Errorf("%d calls in %d minutes, want %d", l.calls, minutes, calls)
		}
	}
}
