package tagging

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

const prefix = "arn:aws:elasticloadbalancing:us-west-2:123456789012:"

func newAccount(t *testing.T, p account.Profile) (*account.Account, *clock.Stepped) {
	t.Helper()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	a := &account.Account{Clock: c, Profile: p}
	if err := seed.Default().Apply(a); err != nil {
		t.Fatal(err)
	}
	ours := map[string]string{"elbv2.k8s.aws/cluster": "demo", "ingress.k8s.aws/stack": "ns/a"}
	lb := &account.LoadBalancer{ARN: prefix + "loadbalancer/app/a/1", Name: "a", Tags: ours}
	a.AddLoadBalancer(lb)
	a.AddLoadBalancer(&account.LoadBalancer{ARN: prefix + "loadbalancer/app/b/2", Name: "b", Tags: map[string]string{
		"elbv2.k8s.aws/cluster": "other"}})
	a.AddLoadBalancer(&account.LoadBalancer{ARN: prefix + "loadbalancer/app/c/3", Name: "c"}) // no tags: never tagged
	a.AddTargetGroup(&account.TargetGroup{ARN: prefix + "targetgroup/t/4", Name: "t", Tags: ours})
	a.AddListener(&account.Listener{ARN: prefix + "listener/app/a/1/5", LoadBalancer: lb, Tags: ours}, &account.Rule{
		ARN: prefix + "listener-rule/app/a/1/5/6", Tags: ours})
	return a, c
}

func find(t *testing.T, s *Service, in *resourcegroupstaggingapi.GetResourcesInput) []string {
	t.Helper()
	var arns []string
	p := resourcegroupstaggingapi.NewGetResourcesPaginator(s, in)
	for p.HasMorePages() {
		out, err := p.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.ResourceTagMappingList {
			arns = append(arns, (*m.ResourceARN)[strings.LastIndex(*m.ResourceARN, ":")+1:])
		}
		if out.PaginationToken == nil || *out.PaginationToken == "" {
			break
		}
	}
	slices.Sort(arns)
	return arns
}

func TestResourcesAreFoundByTagsAndTypes(t *testing.T) {
	t.Parallel()
	a, _ := newAccount(t, account.Instant())
	s := New(a, nil)
	key := func(key string, values ...string) types.TagFilter {
		return types.TagFilter{Key: aws.String(key), Values: values}
	}
	tests := []struct {
		name string
		in   resourcegroupstaggingapi.GetResourcesInput
		want []string
	}{
		{"load balancers of a cluster", resourcegroupstaggingapi.GetResourcesInput{
			ResourceTypeFilters: []string{"elasticloadbalancing:loadbalancer"}, TagFilters: []types.TagFilter{
				key("elbv2.k8s.aws/cluster", "demo")},
		}, []string{"loadbalancer/app/a/1"}},
		{"two types, key only", resourcegroupstaggingapi.GetResourcesInput{
			ResourceTypeFilters: []string{"elasticloadbalancing:loadbalancer", "elasticloadbalancing:targetgroup"},
			TagFilters:          []types.TagFilter{key("elbv2.k8s.aws/cluster")},
		}, []string{"loadbalancer/app/a/1", "loadbalancer/app/b/2", "targetgroup/t/4"}},
		{"or over values", resourcegroupstaggingapi.GetResourcesInput{
			ResourceTypeFilters: []string{"elasticloadbalancing:loadbalancer"}, TagFilters: []types.TagFilter{
				key("elbv2.k8s.aws/cluster", "demo", "other")},
		}, []string{"loadbalancer/app/a/1", "loadbalancer/app/b/2"}},
		{"and over keys, whole service", resourcegroupstaggingapi.GetResourcesInput{
			ResourceTypeFilters: []string{"elasticloadbalancing"}, TagFilters: []types.TagFilter{key("elbv2.k8s.aws/cluster"),
				key("ingress.k8s.aws/stack", "ns/a")},
		}, []string{"listener-rule/app/a/1/5/6", "listener/app/a/1/5", "loadbalancer/app/a/1", "targetgroup/t/4"}},
		{"groups", resourcegroupstaggingapi.GetResourcesInput{
			ResourceTypeFilters: []string{"ec2:security-group"}, TagFilters: []types.TagFilter{
				key("kubernetes.io/cluster/demo-cluster")},
		}, []string{"security-group/sg-0a1de000000000001"}},
		{"by ARN", resourcegroupstaggingapi.GetResourcesInput{ResourceARNList: []string{prefix + "targetgroup/t/4", prefix +
			"targetgroup/none/1"}}, []string{"targetgroup/t/4"}},
		{"small pages", resourcegroupstaggingapi.GetResourcesInput{
			ResourcesPerPage: aws.Int32(1), ResourceTypeFilters: []string{"elasticloadbalancing"},
		}, []string{"listener-rule/app/a/1/5/6", "listener/app/a/1/5", "loadbalancer/app/a/1", "loadbalancer/app/b/2",
			"targetgroup/t/4"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := find(t, s, &tt.in); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	t.Parallel()
	a, _ := newAccount(t, account.Instant())
	s := New(a, nil)
	tests := []struct {
		name string
		in   resourcegroupstaggingapi.GetResourcesInput
		code string
	}{
		{"ARNs and filters", resourcegroupstaggingapi.GetResourcesInput{ResourceARNList: []string{"arn:x"},
			ResourceTypeFilters: []string{"ec2"}}, "InvalidParameterException"},
		{"101 per page", resourcegroupstaggingapi.GetResourcesInput{ResourcesPerPage: aws.Int32(101)},
			"InvalidParameterException"},
		{"odd tags per page", resourcegroupstaggingapi.GetResourcesInput{TagsPerPage: aws.Int32(150)},
			"InvalidParameterException"},
		{"bad type", resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"EC2:Instance"}},
			"InvalidParameterException"},
		{"no key", resourcegroupstaggingapi.GetResourcesInput{TagFilters: []types.TagFilter{{}}},
			"InvalidParameterException"},
		{"21 values", resourcegroupstaggingapi.GetResourcesInput{
			TagFilters: []types.TagFilter{{Key: aws.String("k"), Values: make([]string, 21)}}}, "InvalidParameterException"},
		{"51 keys", resourcegroupstaggingapi.GetResourcesInput{TagFilters: keys(51)}, "InvalidParameterException"},
		{"50 keys", resourcegroupstaggingapi.GetResourcesInput{TagFilters: keys(50)}, ""},
		{"20 values", resourcegroupstaggingapi.GetResourcesInput{
			TagFilters: []types.TagFilter{{Key: aws.String("k"), Values: make([]string, 20)}}}, ""},
		{"101 types", resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: many(101, "ec2")},
			"InvalidParameterException"},
		{"100 types", resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: many(100, "ec2")}, ""},
		{"101 ARNs", resourcegroupstaggingapi.GetResourcesInput{ResourceARNList: many(101, prefix+"targetgroup/t/4")},
			"InvalidParameterException"},
		{"100 ARNs", resourcegroupstaggingapi.GetResourcesInput{ResourceARNList: many(100, prefix+"targetgroup/t/4")}, ""},
		{"none per page", resourcegroupstaggingapi.GetResourcesInput{ResourcesPerPage: aws.Int32(0)},
			"InvalidParameterException"},
		{"100 per page", resourcegroupstaggingapi.GetResourcesInput{ResourcesPerPage: aws.Int32(100)}, ""},
		{"fewer than 100 tags per page", resourcegroupstaggingapi.GetResourcesInput{TagsPerPage: aws.Int32(0)},
			"InvalidParameterException"},
		{"500 tags per page", resourcegroupstaggingapi.GetResourcesInput{TagsPerPage: aws.Int32(500)}, ""},
		{"600 tags per page", resourcegroupstaggingapi.GetResourcesInput{TagsPerPage: aws.Int32(600)},
			"InvalidParameterException"},
		{"token", resourcegroupstaggingapi.GetResourcesInput{PaginationToken: aws.String("?")},
			"PaginationTokenExpiredException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.GetResources(context.Background(), &tt.in)
			var e smithy.APIError
			if (err != nil || tt.code != "") && (!errors.As(err, &e) || e.ErrorCode() != tt.code) {
				t.Errorf("got %v, want %s", err, tt.code)
			}
		})
	}
}

// keys are filters by n keys.
func keys(n int) []types.TagFilter {
	var out []types.TagFilter
	for i := range n {
		out = append(out, types.TagFilter{Key: aws.String(fmt.Sprint("k", i))})
	}
	return out
}

func many(n int, text string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = text
	}
	return out
}

func TestAPageHasFiftyResourcesByDefault(t *testing.T) {
	t.Parallel()
	a, _ := newAccount(t, account.Instant())
	for i := range 60 {
		a.AddTargetGroup(&account.TargetGroup{ARN: fmt.Sprint(prefix, "targetgroup/many/", i), Name: fmt.Sprint("many", i),
			Tags: map[string]string{"many": "1"}})
	}
	out, err := New(a, nil).GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{
		TagFilters: []types.TagFilter{{Key: aws.String("many")}}})
	if err != nil || len(out.ResourceTagMappingList) != 50 || *out.PaginationToken == "" {
		t.Errorf("%d on the first page, %v", len(out.ResourceTagMappingList), err)
	}
}

func TestTheIndexLagsBehindTheAccount(t *testing.T) {
	t.Parallel()
	a, c := newAccount(t, account.Real())
	s := New(a, nil)
	a.Changed() // what is there from the start is known at once
	in := &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"elasticloadbalancing:targetgroup"}}
	a.Lock()
	a.AddTargetGroup(&account.TargetGroup{ARN: prefix + "targetgroup/u/7", Name: "u", Tags: map[string]string{"a": "b"}})
	a.Unlock()
	a.Changed()
	if got := find(t, s, in); len(got) != 1 {
		t.Errorf("at once: %v", got)
	}
	c.Advance(a.Profile.TagIndex)
	if got := find(t, s, in); len(got) != 2 {
		t.Errorf("later: %v", got)
	}
	a.Lock()
	a.RemoveTargetGroup(a.TargetGroupNamed("u"))
	a.Unlock()
	a.Changed()
	if got := find(t, s, in); len(got) != 2 {
		t.Errorf("a deleted resource should linger: %v", got)
	}
	c.Advance(a.Profile.TagIndex)
	if got := find(t, s, in); len(got) != 1 {
		t.Errorf("in the end: %v", got)
	}
}

func TestResourcesAreFoundFromTheirOwnRegion(t *testing.T) {
	t.Parallel()
	a, _ := newAccount(t, account.Instant())
	s := New(a, nil)
	tags := map[string]string{"elbv2.k8s.aws/cluster": "demo"}
	a.AddAccelerator(&account.Accelerator{ARN: "arn:aws:globalaccelerator::123456789012:accelerator/x", Tags: tags})
	a.AddProtection(&account.Protection{ID: "p", ARN: "arn:aws:shield::123456789012:protection/p", Tags: tags})
	a.AddWebACL(&account.WebACL{ARN: "arn:aws:wafv2:us-east-1:123456789012:global/webacl/cdn/1", Tags: tags})
	a.AddWebACL(&account.WebACL{ARN: "arn:aws:wafv2:us-west-2:123456789012:regional/webacl/web/1", Tags: tags})
	for _, tt := range []struct {
		region string
		types  []string
		want   int
	}{
		{"us-west-2", []string{"globalaccelerator:accelerator"}, 1},
		{"", []string{"globalaccelerator:accelerator"}, 1}, // the account's own
		{"us-east-1", []string{"globalaccelerator:accelerator"}, 0},
		{"us-east-1", nil, 2},
		{"us-west-2", []string{"wafv2"}, 1},
		{"eu-west-1", nil, 0},
	} {
		ctx := t.Context()
		if tt.region != "" {
			ctx = gate.WithRegion(ctx, tt.region)
		}
		out, err := s.GetResources(ctx, &resourcegroupstaggingapi.GetResourcesInput{
			ResourceTypeFilters: tt.types, TagFilters: []types.TagFilter{
				{Key: aws.String("elbv2.k8s.aws/cluster"), Values: []string{"demo"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.ResourceTagMappingList) != tt.want {
			t.Errorf("%v from %s: %d found, want %d", tt.types, tt.region, len(out.ResourceTagMappingList), tt.want)
		}
	}
}

func TestWhatWasOnceTaggedIsFoundWithoutTags(t *testing.T) {
	t.Parallel()
	a, _ := newAccount(t, account.Instant())
	s := New(a, nil)
	in := &resourcegroupstaggingapi.GetResourcesInput{ResourceARNList: []string{prefix + "targetgroup/t/4"}}
	if got := find(t, s, in); len(got) != 1 {
		t.Fatalf("tagged: %v", got)
	}
	a.Lock()
	clear(a.TargetGroupNamed("t").Tags)
	a.Unlock()
	out, err := s.GetResources(t.Context(), in)
	if err != nil || len(out.ResourceTagMappingList) != 1 || len(out.ResourceTagMappingList[0].Tags) != 0 {
		t.Errorf("untagged: %v, %v", out, err)
	}
	a.Lock()
	a.RemoveTargetGroup(a.TargetGroupNamed("t"))
	a.Unlock()
	if got := find(t, s, in); len(got) != 0 {
		t.Errorf("deleted: %v", got)
	}
}

func TestPaginationTokensExpire(t *testing.T) {
	t.Parallel()
	a, c := newAccount(t, account.Instant())
	s := New(a, nil)
	first, err := s.GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{ResourcesPerPage: aws.Int32(1)})
	if err != nil || *first.PaginationToken == "" {
		t.Fatalf("%v, %v", first, err)
	}
	next := &resourcegroupstaggingapi.GetResourcesInput{ResourcesPerPage: aws.Int32(1),
		PaginationToken: first.PaginationToken}
	c.Advance(tokenLife)
	if _, err := s.GetResources(t.Context(), next); err != nil {
		t.Errorf("in time: %v", err)
	}
	c.Advance(time.Second)
	var e smithy.APIError
	if _, err := s.GetResources(t.Context(), next); !errors.As(err, &e) ||
		e.ErrorCode() != "PaginationTokenExpiredException" {
		t.Errorf("too late: %v", err)
	}
}
