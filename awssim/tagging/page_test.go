package tagging

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"github.com/k8s-lbc/lbc/awssim/account"
)

func TestPagesEndByTheNumberOfTagsAndARNsHaveNone(t *testing.T) {
	t.Parallel()
	a, _ := newAccount(t, account.Instant())
	var arns []string
	for i := range 60 {
		tags := map[string]string{}
		for k := range 30 {
			tags[fmt.Sprint("k", k)] = "v"
		}
		arn := fmt.Sprintf("%sloadbalancer/net/n%d/1", prefix, i)
		arns = append(arns, arn)
		a.AddLoadBalancer(&account.LoadBalancer{ARN: arn, Name: fmt.Sprint("n", i), Tags: tags})
	}
	s := New(a, nil)
	filter := []string{"elasticloadbalancing:loadbalancer"} // two others with three tags come first
	for _, tt := range []struct {
		row  string
		in   resourcegroupstaggingapi.GetResourcesInput
		want int
		more bool
	}{
		{"100 tags", resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: filter, TagsPerPage: aws.Int32(100)}, 5,
			true},
		{"200 tags", resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: filter, TagsPerPage: aws.Int32(200)}, 8,
			true},
		{"100 tags and two resources", resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: filter,
			TagsPerPage: aws.Int32(100), ResourcesPerPage: aws.Int32(2)}, 2, true},
		{"by ARN", resourcegroupstaggingapi.GetResourcesInput{ResourceARNList: arns}, 60, false},
	} {
		out, err := s.GetResources(t.Context(), &tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.row, err)
			continue
		}
		if got, more := len(out.ResourceTagMappingList), *out.PaginationToken != ""; got != tt.want || more != tt.more {
			t.Errorf("%s: %d resources, more %v; want %d, %v", tt.row, got, more, tt.want, tt.more)
		}
	}
}
