package ec2

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

func tag(key, value string) types.Tag {
	return types.Tag{Key: aws.String(key), Value: aws.String(value)}
}

func TestTagsAreCreatedOnAllResourcesOrNone(t *testing.T) {
	t.Parallel()
	fifty := make([]types.Tag, 50)
	for i := range fifty {
		fifty[i] = tag(fmt.Sprint(i), "")
	}
	tests := []struct {
		name      string
		resources []string
		tags      []types.Tag
		code      string
	}{
		{"two kinds", []string{webGroup, subnetA}, []types.Tag{tag("a", "b")}, ""},
		{"unknown group", []string{webGroup, "sg-deadbeef"}, []types.Tag{tag("a", "b")}, "InvalidGroup.NotFound"},
		{"unknown subnet", []string{webGroup, "subnet-deadbeef"}, []types.Tag{tag("a", "b")}, "InvalidSubnetID.NotFound"},
		{"no id", []string{"web"}, []types.Tag{tag("a", "b")}, "InvalidID"},
		{"no resources", nil, []types.Tag{tag("a", "b")}, "MissingParameter"},
		{"no tags", []string{webGroup}, nil, "MissingParameter"},
		{"reserved key", []string{webGroup}, []types.Tag{tag("aws:a", "b")}, "InvalidParameterValue"},
		{"key twice", []string{webGroup}, []types.Tag{tag("a", "b"), tag("a", "c")}, "InvalidParameterValue"},
		{"empty key", []string{webGroup}, []types.Tag{tag("", "b")}, "InvalidParameterValue"},
		{"too many in all", []string{webGroup}, fifty, "TagLimitExceeded"}, // it has one already
		{"dry run", []string{webGroup}, []types.Tag{tag("a", "b")}, "DryRunOperation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			_, err := s.CreateTags(context.Background(), &ec2.CreateTagsInput{Resources: tt.resources, Tags: tt.tags,
				DryRun: aws.Bool(tt.name == "dry run")})
			wantCode(t, err, tt.code)
			if got := s.account.SecurityGroups[webGroup].Tags["a"]; tt.code != "" && got != "" {
				t.Errorf("the refused call left a tag: %q", got)
			}
		})
	}
}

func TestDeleteTagsHeedsGivenValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		tags []types.Tag
		want map[string]string
	}{
		{"by key", []types.Tag{{Key: aws.String("a")}}, map[string]string{"b": "", "aws:x": "y"}},
		{"other value", []types.Tag{tag("a", "2")}, map[string]string{"a": "1", "b": "", "aws:x": "y"}},
		{"same value", []types.Tag{tag("a", "1")}, map[string]string{"b": "", "aws:x": "y"}},
		{"empty value", []types.Tag{tag("a", ""), tag("b", "")}, map[string]string{"a": "1", "aws:x": "y"}},
		{"missing key", []types.Tag{tag("c", "1")}, map[string]string{"a": "1", "b": "", "aws:x": "y"}},
		{"all", nil, map[string]string{"aws:x": "y"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			s.account.SecurityGroups[webGroup].Tags = map[string]string{"a": "1", "b": "", "aws:x": "y"}
			if _, err := s.DeleteTags(context.Background(), &ec2.DeleteTagsInput{Resources: []string{webGroup},
				Tags: tt.tags}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, s.account.SecurityGroups[webGroup].Tags); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTagsAreDescribedOneByOne(t *testing.T) {
	t.Parallel()
	s := newService(t)
	tests := []struct {
		filters []types.Filter
		want    int
	}{
		{[]types.Filter{filterOn("resource-id", webGroup)}, 1},
		{[]types.Filter{filterOn("resource-type", "subnet"), filterOn("key", "Name")}, 7},
		{[]types.Filter{filterOn("key", "kubernetes.io/role/*"), filterOn("value", "1")}, 6},
		{[]types.Filter{filterOn("tag:Name", "demo-public-a")}, 1},
	}
	for _, tt := range tests {
		out, err := s.DescribeTags(context.Background(), &ec2.DescribeTagsInput{Filters: tt.filters})
		if err != nil || len(out.Tags) != tt.want {
			t.Errorf("%s: %d, %v; want %d", *tt.filters[0].Name, len(out.Tags), err, tt.want)
		}
	}
}
