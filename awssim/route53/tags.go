package route53

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// Bounds of calls about tags.
const (
	maxTagsPerCall      = 10
	maxResourcesPerCall = 10
	maxTags             = 50
	maxTagKey           = 128
	maxTagValue         = 256
)

// tagged finds the resource of a call about tags; there are no health checks.
func (s *Service) tagged(kind types.TagResourceType, id *string) (*hostedzone.Zone, error) {
	switch kind {
	case types.TagResourceTypeHostedzone:
		return s.zone(id)
	case types.TagResourceTypeHealthcheck:
		return nil, apierr.WithStatus(http.StatusNotFound, "NoSuchHealthCheck", "No health check exists with ID: %s",
			aws.ToString(id))
	}
	return nil, invalid("1 validation error detected: Value '%s' at 'resourceType' failed to satisfy constraint: Member "+
		"must satisfy enum value set: [healthcheck, hostedzone]", kind)
}

// ChangeTagsForResource adds tags, changes their values, and removes tags.
func (s *Service) ChangeTagsForResource(ctx context.Context, in *route53.ChangeTagsForResourceInput,
	_ ...func(*route53.Options)) (*route53.ChangeTagsForResourceOutput, error) {
	return call.Write(ctx, s.entry, "ChangeTagsForResource", in, func(in *route53.ChangeTagsForResourceInput) (
		*route53.ChangeTagsForResourceOutput, error) {
		z, err := s.tagged(in.ResourceType, in.ResourceId)
		switch {
		case err != nil:
			return nil, err
		case len(in.AddTags) == 0 && len(in.RemoveTagKeys) == 0:
			return nil, invalid("AddTags or RemoveTagKeys must be given.")
		case len(in.AddTags) > maxTagsPerCall || len(in.RemoveTagKeys) > maxTagsPerCall:
			return nil, invalid("1 validation error detected: at most %d tags can be added, and as many removed, in one call",
				maxTagsPerCall)
		}
		after := maps.Clone(z.Tags)
		if after == nil {
			after = map[string]string{}
		}
		for _, t := range in.AddTags {
			key, value := aws.ToString(t.Key), aws.ToString(t.Value)
			switch {
			case key == "" || utf8.RuneCountInString(key) > maxTagKey || utf8.RuneCountInString(value) > maxTagValue:
				return nil, invalid("The tag key %q or its value is too short or too long.", key)
			case strings.HasPrefix(strings.ToLower(key), "aws:"):
				return nil, invalid("The tag key %q is reserved: it begins with aws:.", key)
			case slices.Contains(in.RemoveTagKeys, key):
				return nil, invalid("The tag key %q is both to be added and to be removed.", key)
			}
			after[key] = value
		}
		for _, key := range in.RemoveTagKeys {
			delete(after, key)
		}
		if len(after) > maxTags {
			return nil, invalid("A hosted zone can have at most %d tags.", maxTags)
		}
		z.Tags = after
		return &route53.ChangeTagsForResourceOutput{}, nil
	})
}

// ListTagsForResource lists the tags of a hosted zone.
func (s *Service) ListTagsForResource(ctx context.Context, in *route53.ListTagsForResourceInput,
	_ ...func(*route53.Options)) (*route53.ListTagsForResourceOutput, error) {
	return call.Read(ctx, s.entry, "ListTagsForResource", in, func(in *route53.ListTagsForResourceInput) (
		*route53.ListTagsForResourceOutput, error) {
		z, err := s.tagged(in.ResourceType, in.ResourceId)
		if err != nil {
			return nil, err
		}
		set := tagSet(z)
		return &route53.ListTagsForResourceOutput{ResourceTagSet: &set}, nil
	})
}

// ListTagsForResources lists the tags of up to ten hosted zones.
func (s *Service) ListTagsForResources(ctx context.Context, in *route53.ListTagsForResourcesInput,
	_ ...func(*route53.Options)) (*route53.ListTagsForResourcesOutput, error) {
	return call.Read(ctx, s.entry, "ListTagsForResources", in, func(in *route53.ListTagsForResourcesInput) (
		*route53.ListTagsForResourcesOutput, error) {
		if n := len(in.ResourceIds); n == 0 || n > maxResourcesPerCall {
			return nil, invalid("1 validation error detected: Value at 'resourceIds' failed to satisfy constraint: Member "+
				"must have length between 1 and %d", maxResourcesPerCall)
		}
		out := &route53.ListTagsForResourcesOutput{}
		for i := range in.ResourceIds {
			z, err := s.tagged(in.ResourceType, &in.ResourceIds[i])
			if err != nil {
				return nil, err
			}
			out.ResourceTagSets = append(out.ResourceTagSets, tagSet(z))
		}
		return out, nil
	})
}

func tagSet(z *hostedzone.Zone) types.ResourceTagSet {
	set := types.ResourceTagSet{ResourceId: aws.String(z.ID), ResourceType: types.TagResourceTypeHostedzone,
		Tags: []types.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(z.Tags)) {
		set.Tags = append(set.Tags, types.Tag{Key: aws.String(k), Value: aws.String(z.Tags[k])})
	}
	return set
}
