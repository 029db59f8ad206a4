package shield

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/shield/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

const prefix = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/"

func newService(t *testing.T) (*Service, *clock.Stepped) {
	t.Helper()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	a := account.New("123456789012", "us-west-2", c, account.Instant())
	a.AddLoadBalancer(&account.LoadBalancer{ARN: prefix + "app/web/1", Name: "web"})
	return New(a, nil), c
}

func TestASubscriptionLastsAYear(t *testing.T) {
	t.Parallel()
	s, c := newService(t)
	state := func() types.SubscriptionState {
		out, err := s.GetSubscriptionState(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return out.SubscriptionState
	}
	if got := state(); got != types.SubscriptionStateInactive {
		t.Errorf("at first: %s", got)
	}
	if _, err := s.DescribeSubscription(t.Context(), nil); apierr.CodeOf(err) != "ResourceNotFoundException" {
		t.Errorf("describe none: %v", err)
	}
	if _, err := s.CreateSubscription(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateSubscription(t.Context(), nil); apierr.CodeOf(err) != "ResourceAlreadyExistsException" {
		t.Errorf("twice: %v", err)
	}
	if got := state(); got != types.SubscriptionStateActive {
		t.Errorf("then: %s", got)
	}
	if _, err := s.DeleteSubscription(t.Context(), nil); apierr.CodeOf(err) != "LockedSubscriptionException" {
		t.Errorf("too early: %v", err)
	}
	c.Advance(account.ShieldCommitment)
	if _, err := s.DeleteSubscription(t.Context(), nil); err != nil || state() != types.SubscriptionStateInactive {
		t.Errorf("after a year: %v, %s", err, state())
	}
}

func TestProtectionsNeedASubscriptionAndAProtectableResource(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	protect := func(name, arn string) (*shield.CreateProtectionOutput, error) {
		return s.CreateProtection(t.Context(), &shield.CreateProtectionInput{Name: aws.String(name),
			ResourceArn: aws.String(arn)})
	}
	_, err := protect("n", prefix+"app/web/1")
	if apierr.CodeOf(err) != "ResourceNotFoundException" ||
		err.Error() != "api error ResourceNotFoundException: The subscription does not exist." {
		t.Errorf("without a subscription: %v", err)
	}
	if _, err := s.CreateSubscription(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, arn, want string }{
		{"a/b", prefix + "app/web/1", "InvalidParameterException"},
		{"n", prefix + "net/web/1", "InvalidResourceException"},
		{"n", "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/a/1", "InvalidResourceException"},
		{"n", prefix + "app/none/1", "ResourceNotFoundException"},
		{"n", prefix + "app/web/1", ""},
		{"n", prefix + "app/web/1", "ResourceAlreadyExistsException"},
	} {
		if _, err := protect(tt.name, tt.arn); apierr.CodeOf(err) != tt.want {
			t.Errorf("%q for %s: %v, want %s", tt.name, tt.arn, err, tt.want)
		}
	}
	describe := func(id, arn *string) (*shield.DescribeProtectionOutput, error) {
		return s.DescribeProtection(t.Context(), &shield.DescribeProtectionInput{ProtectionId: id, ResourceArn: arn})
	}
	out, err := describe(nil, aws.String(prefix+"app/web/1"))
	if err != nil || *out.Protection.ProtectionArn != "arn:aws:shield::123456789012:protection/"+*out.Protection.Id {
		t.Fatalf("%v, %v", out, err)
	}
	for _, tt := range []struct {
		id, arn *string
		want    string
	}{
		{nil, nil, "InvalidParameterException"},
		{out.Protection.Id, aws.String(prefix + "app/web/1"), "InvalidParameterException"},
		{aws.String("none"), nil, "ResourceNotFoundException"},
		{out.Protection.Id, nil, ""},
	} {
		if _, err := describe(tt.id, tt.arn); apierr.CodeOf(err) != tt.want {
			t.Errorf("describe: %v, want %s", err, tt.want)
		}
	}
	for _, want := range []string{"", "ResourceNotFoundException"} {
		_, err := s.DeleteProtection(t.Context(), &shield.DeleteProtectionInput{ProtectionId: out.Protection.Id})
		if apierr.CodeOf(err) != want {
			t.Errorf("delete: %v, want %s", err, want)
		}
	}
}

func TestProtectionsAreListedByPagesAndFilters(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	s.account.Subscription = &account.ShieldSubscription{}
	for i := range 25 {
		// of another region: nothing is known
		arn := fmt.Sprintf("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/%d", i)
		if _, err := s.CreateProtection(t.Context(), &shield.CreateProtectionInput{Name: aws.String(fmt.Sprint("p", i%5)),
			ResourceArn: aws.String(arn)}); err != nil {
			t.Fatal(err)
		}
	}
	first, err := s.ListProtections(t.Context(), nil)
	if err != nil || len(first.Protections) != 20 || first.NextToken == nil {
		t.Fatalf("%v, %v", first, err)
	}
	second, err := s.ListProtections(t.Context(), &shield.ListProtectionsInput{NextToken: first.NextToken})
	if err != nil || len(second.Protections) != 5 || second.NextToken != nil {
		t.Errorf("%v, %v", second, err)
	}
	named, err := s.ListProtections(t.Context(), &shield.ListProtectionsInput{
		InclusionFilters: &types.InclusionProtectionFilters{ProtectionNames: []string{"p1"}}})
	if err != nil || len(named.Protections) != 5 {
		t.Errorf("%v, %v", named, err)
	}
	_, err = s.ListProtections(t.Context(), &shield.ListProtectionsInput{NextToken: aws.String("?")})
	if apierr.CodeOf(err) != "InvalidPaginationTokenException" {
		t.Errorf("bad token: %v", err)
	}
	arn := first.Protections[0].ProtectionArn
	if _, err := s.TagResource(t.Context(), &shield.TagResourceInput{ResourceARN: arn, Tags: []types.Tag{
		{Key: aws.String("k"), Value: aws.String("v")}}}); err != nil {
		t.Fatal(err)
	}
	tags, err := s.ListTagsForResource(t.Context(), &shield.ListTagsForResourceInput{ResourceARN: arn})
	if err != nil || len(tags.Tags) != 1 {
		t.Errorf("%v, %v", tags, err)
	}
}

func TestBoundsOfProtections(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	s.account.Subscription = &account.ShieldSubscription{}
	if err := s.account.SetQuota("protections-per-resource-type", 1); err != nil {
		t.Fatal(err)
	}
	elsewhere := "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/1"
	zone := "arn:aws:route53:::hostedzone/Z1"
	for _, tt := range []struct{ row, name, arn, want string }{
		{"no name", "", elsewhere, "InvalidParameterException"},
		{"a name of 129 characters", strings.Repeat("n", 129), elsewhere, "InvalidParameterException"},
		{"a name of 128 characters", strings.Repeat("n", 125) + " .-", elsewhere, ""},
		{"one too many of a type", "n", prefix + "app/web/1", "LimitsExceededException"},
		{"one of another type", "n", zone, ""},
	} {
		if _, err := s.CreateProtection(t.Context(), &shield.CreateProtectionInput{Name: aws.String(tt.name),
			ResourceArn: aws.String(tt.arn)}); apierr.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.row, err, tt.want)
		}
	}
	_, err := s.DeleteProtection(t.Context(), &shield.DeleteProtectionInput{ProtectionId: aws.String("a/b")})
	if apierr.CodeOf(err) != "InvalidParameterException" {
		t.Errorf("deleting what is no id: %v", err)
	}
}
