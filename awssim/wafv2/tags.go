package wafv2

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// parseTags is the tags with more added.
func parseTags(tags map[string]string, more []types.Tag) (map[string]string, error) {
	merged := make(map[string]string, len(tags)+len(more))
	maps.Copy(merged, tags)
	for _, t := range more {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		if key == "" || utf8.RuneCountInString(key) > 128 || utf8.RuneCountInString(value) > 256 || strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, invalid("TAGS", key, "The key or the value of the tag is too short, too long or reserved.")
		}
		merged[key] = value
	}
	if len(merged) > maxTags {
		return nil, apierr.New("WAFTagOperationException", "An error occurred during the tagging operation: a resource can have at most %d tags.", maxTags)
	}
	return merged, nil
}

// tags finds the tags of a web ACL or an IP set.
func (s *Service) tags(arn *string) (*map[string]string, error) {
	if w := s.account.WebACLs[aws.ToString(arn)]; w != nil {
		return &w.Tags, nil
	}
	if set := s.account.IPSets[aws.ToString(arn)]; set != nil {
		return &set.Tags, nil
	}
	return nil, nonexistent()
}

// TagResource adds tags, or changes their values.
func (s *Service) TagResource(ctx context.Context, in *wafv2.TagResourceInput, _ ...func(*wafv2.Options)) (*wafv2.TagResourceOutput, error) {
	return call.Write(ctx, s.entry, "TagResource", in, func(in *wafv2.TagResourceInput) (*wafv2.TagResourceOutput, error) {
		tags, err := s.tags(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		merged, err := parseTags(*tags, in.Tags)
		if err != nil {
			return nil, err
		}
		*tags = merged
		return &wafv2.TagResourceOutput{}, nil
	})
}

// UntagResource removes tags by key.
func (s *Service) UntagResource(ctx context.Context, in *wafv2.UntagResourceInput, _ ...func(*wafv2.Options)) (*wafv2.UntagResourceOutput, error) {
	return call.Write(ctx, s.entry, "UntagResource", in, func(in *wafv2.UntagResourceInput) (*wafv2.UntagResourceOutput, error) {
		tags, err := s.tags(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		for _, k := range in.TagKeys {
			delete(*tags, k)
		}
		return &wafv2.UntagResourceOutput{}, nil
	})
}

// ListTagsForResource lists the tags of a web ACL or an IP set.
func (s *Service) ListTagsForResource(ctx context.Context, in *wafv2.ListTagsForResourceInput, _ ...func(*wafv2.Options)) (*wafv2.ListTagsForResourceOutput, error) {
	return call.Read(ctx, s.entry, "ListTagsForResource", in, func(in *wafv2.ListTagsForResourceInput) (*wafv2.ListTagsForResourceOutput, error) {
		tags, err := s.tags(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		info := &types.TagInfoForResource{ResourceARN: in.ResourceARN, TagList: []types.Tag{}}
		for _, k := range slices.Sorted(maps.Keys(*tags)) {
			info.TagList = append(info.TagList, types.Tag{Key: aws.String(k), Value: aws.String((*tags)[k])})
		}
		return &wafv2.ListTagsForResourceOutput{TagInfoForResource: info}, nil
	})
}
