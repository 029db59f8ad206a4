package shield

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/shield/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

func TestListsOfProtectionsHaveUpToTenThousand(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	list := func(most *int32) (int, error) {
		out, err := s.ListProtections(t.Context(), &shield.ListProtectionsInput{MaxResults: most})
		if err != nil {
			return 0, err
		}
		return len(out.Protections), nil
	}
	if _, err := list(nil); apierr.CodeOf(err) != "ResourceNotFoundException" {
		t.Errorf("without a subscription: %v", err)
	}
	s.account.Subscription = &account.ShieldSubscription{}
	for i := range 25 {
		arn := fmt.Sprintf("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/%d", i)
		if _, err := s.CreateProtection(t.Context(), &shield.CreateProtectionInput{Name: aws.String("p"),
			ResourceArn: aws.String(arn)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		most int32
		want int
		code string
	}{
		{-1, 0, "InvalidParameterException"}, {0, 20, ""}, {1, 1, ""}, {22, 22, ""}, {10_000, 25, ""},
		{10_001, 0, "InvalidParameterException"},
	} {
		if got, err := list(aws.Int32(tt.most)); got != tt.want || apierr.CodeOf(err) != tt.code {
			t.Errorf("at most %d: %d, %v; want %d, %s", tt.most, got, err, tt.want, tt.code)
		}
	}
}

func TestTagsOfProtectionsAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	s.account.Subscription = &account.ShieldSubscription{}
	tag := func(key, value string) types.Tag { return types.Tag{Key: aws.String(key), Value: aws.String(value)} }
	many := func(n int) (tags []types.Tag) {
		for i := range n {
			tags = append(tags, tag(fmt.Sprint("k", i), ""))
		}
		return tags
	}
	for i, tt := range []struct {
		row  string
		tags []types.Tag
		want string
	}{
		{"fifty", many(50), ""},
		{"fifty-one", many(51), "InvalidParameterException"},
		{"an empty key", []types.Tag{tag("", "v")}, "InvalidParameterException"},
		{"a key of 128 characters", []types.Tag{tag(strings.Repeat("k", 128), "v")}, ""},
		{"a key of 129 characters", []types.Tag{tag(strings.Repeat("k", 129), "v")}, "InvalidParameterException"},
		{"a value of 256 characters", []types.Tag{tag("k", strings.Repeat("v", 256))}, ""},
		{"a value of 257 characters", []types.Tag{tag("k", strings.Repeat("v", 257))}, "InvalidParameterException"},
		{"a key of AWS's", []types.Tag{tag("aws:k", "v")}, "InvalidParameterException"},
	} {
		arn := fmt.Sprintf("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/%d", i)
		if _, err := s.CreateProtection(t.Context(), &shield.CreateProtectionInput{Name: aws.String("p"),
			ResourceArn: aws.String(arn), Tags: tt.tags}); apierr.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.row, err, tt.want)
		}
	}
}

func TestOnlyASubscriptionCanBeDescribedRenewedAndEnded(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	for _, call := range []func() error{
		func() error { _, err := s.DescribeSubscription(t.Context(), nil); return err },
		func() error {
			_, err := s.UpdateSubscription(t.Context(), &shield.UpdateSubscriptionInput{AutoRenew: "DISABLED"})
			return err
		},
		func() error { _, err := s.DeleteSubscription(t.Context(), nil); return err },
	} {
		if err := call(); apierr.CodeOf(err) != "ResourceNotFoundException" {
			t.Errorf("without a subscription: %v", err)
		}
	}
	s.account.Subscription = &account.ShieldSubscription{Started: s.account.Clock.Now(), AutoRenew: true}
	for renew, want := range map[types.AutoRenew]string{"DISABLED": "", "ENABLED": "",
		"MAYBE": "InvalidParameterException"} {
		_, err := s.UpdateSubscription(t.Context(), &shield.UpdateSubscriptionInput{AutoRenew: renew})
		if apierr.CodeOf(err) != want {
			t.Errorf("%s: %v", renew, err)
		}
		if out, err := s.DescribeSubscription(t.Context(), nil); want == "" &&
			(err != nil || out.Subscription.AutoRenew != renew) {
			t.Errorf("%s: described as %+v, %v", renew, out, err)
		}
	}
}
