package ec2

import (
	"context"
	"maps"
	"slices"
	"sort"
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

// CreateTags adds tags to resources, or changes their values.
func (s *Service) CreateTags(ctx context.Context, in *ec2.CreateTagsInput, _ ...func(*ec2.Options)) (
	*ec2.CreateTagsOutput, error) {
	return call.Write(ctx, s.entry, "CreateTags", in, s.createTags)
}

func (s *Service) createTags(in *ec2.CreateTagsInput) (*ec2.CreateTagsOutput, error) {
	targets, err := s.tagTargets(in.Resources)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, request.Missing("tagSet")
	}
	tags, err := request.ParseTags(in.Tags)
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		count := 0
		for k := range t {
			if _, replaced := tags[k]; !replaced && !strings.HasPrefix(k, "aws:") {
				count++
			}
		}
		if count+len(tags) > request.MaxTags {
			return nil, request.TagLimit()
		}
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	for i, t := range targets {
		s.account.RetagCompute(in.Resources[i], t)
		maps.Copy(t, tags)
	}
	return &ec2.CreateTagsOutput{}, nil
}

// DeleteTags removes tags from resources; a tag given with a value goes only if its value is that one, and without any
// tag given all go.
func (s *Service) DeleteTags(ctx context.Context, in *ec2.DeleteTagsInput, _ ...func(*ec2.Options)) (
	*ec2.DeleteTagsOutput, error) {
	return call.Write(ctx, s.entry, "DeleteTags", in, s.deleteTags)
}

func (s *Service) deleteTags(in *ec2.DeleteTagsInput) (*ec2.DeleteTagsOutput, error) {
	targets, err := s.tagTargets(in.Resources)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		if strings.HasPrefix(strings.ToLower(aws.ToString(t.Key)), "aws:") {
			return nil, request.InvalidValue("Tag keys starting with 'aws:' are reserved for internal use")
		}
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	for i, target := range targets {
		s.account.RetagCompute(in.Resources[i], target)
		if len(in.Tags) == 0 {
			maps.DeleteFunc(target, func(k, _ string) bool { return !strings.HasPrefix(k, "aws:") })
		}
		for _, t := range in.Tags {
			key := aws.ToString(t.Key)
			if t.Value == nil || target[key] == *t.Value {
				delete(target, key)
			}
		}
	}
	return &ec2.DeleteTagsOutput{}, nil
}

// maxTaggedResources is how many resources one call tags.
const maxTaggedResources = 1000

// tagTargets finds the tags of all resources or fails.
func (s *Service) tagTargets(ids []string) ([]map[string]string, error) {
	if len(ids) == 0 {
		return nil, request.Missing("resourceIdSet")
	}
	if len(ids) > maxTaggedResources {
		return nil, request.InvalidValue("The maximum number of resources per request is %d", maxTaggedResources)
	}
	var targets []map[string]string
	for _, id := range ids {
		tags, ok := s.account.TagsOf(id)
		if !ok || !s.account.Usable(id) {
			k, known := kind.Of(id)
			if !known || !k.WellFormed(id) {
				return nil, apierr.New("InvalidID", "The ID '%s' is not valid", id)
			}
			return nil, k.NotFound([]string{id})
		}
		targets = append(targets, tags)
	}
	return targets, nil
}

// taggedResource is one line of DescribeTags.
type taggedResource struct {
	id, kind, key, value string
}

var tagFilters = map[string]filter.Accessor[taggedResource]{
	"key":           filter.One(func(t taggedResource) string { return t.key }),
	"resource-id":   filter.One(func(t taggedResource) string { return t.id }),
	"resource-type": filter.One(func(t taggedResource) string { return t.kind }),
	"value":         filter.One(func(t taggedResource) string { return t.value }),
	"tag-value":     filter.One(func(t taggedResource) string { return t.value }),
}

// DescribeTags lists tags, one by one, with the resources that have them.
func (s *Service) DescribeTags(ctx context.Context, in *ec2.DescribeTagsInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeTagsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeTags", in, s.describeTags)
}

func (s *Service) describeTags(in *ec2.DescribeTagsInput) (*ec2.DescribeTagsOutput, error) {
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	lines := map[string]taggedResource{}
	for _, id := range s.taggableIDs() {
		if !s.account.Described(id) {
			continue
		}
		tags, _ := s.account.TagsOf(id)
		k, _ := kind.Of(id)
		for key, value := range tags {
			lines[id+"/"+key] = taggedResource{id, k.TagType, key, value}
		}
	}
	c := filter.Collection[taggedResource]{
		Kind: kind.Kind{Name: "tag"},
		All:  func(*account.Account) map[string]taggedResource { return lines },
		Tags: func(t taggedResource) map[string]string { return map[string]string{t.key: t.value} },
		// The generic filters tag:KEY work through tags, the others here.
		Filters: tagFilters,
	}
	found, next, err := c.Describe(s.account, filter.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeTagsOutput{NextToken: next}
	for _, t := range found {
		out.Tags = append(out.Tags, types.TagDescription{
			Key: aws.String(t.key), Value: aws.String(t.value), ResourceId: aws.String(t.id),
			ResourceType: types.ResourceType(t.kind),
		})
	}
	return out, nil
}

func (s *Service) taggableIDs() []string {
	c := &s.account.Network
	var ids []string
	for _, keys := range [][]string{
		slices.Sorted(maps.Keys(c.VPCs)), slices.Sorted(maps.Keys(c.Subnets)), slices.Sorted(maps.Keys(c.RouteTables)),
		slices.Sorted(maps.Keys(c.InternetGateways)), slices.Sorted(maps.Keys(c.SecurityGroups)),
		slices.Sorted(maps.Keys(c.Interfaces)),
		slices.Sorted(maps.Keys(c.Instances)), slices.Sorted(maps.Keys(c.PrefixLists)), slices.Sorted(maps.Keys(c.Addresses)),
		slices.Sorted(maps.Keys(c.NATGateways)), slices.Sorted(maps.Keys(c.Peerings)),
		slices.Sorted(maps.Keys(c.CustomerPools)), slices.Sorted(maps.Keys(c.IPAMPools)),
	} {
		ids = append(ids, keys...)
	}
	for _, g := range c.SecurityGroups {
		for _, list := range [][]vpc.Permission{g.Ingress, g.Egress} {
			for _, p := range list {
				if len(p.Tags) > 0 {
					ids = append(ids, p.ID)
				}
			}
		}
	}
	sort.Strings(ids)
	return ids
}
