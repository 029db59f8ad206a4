package wafv2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// merge is the tags with more added.
func merge(tags map[string]string, more []types.Tag) (map[string]string, error) {
	return resource.MergeTags(tags, more, func(t types.Tag) (string, string) {
		return aws.ToString(t.Key), aws.ToString(t.Value)
	},
		func(key string) error {
			return invalid("TAGS", key, "The key or the value of the tag is too short, too long or reserved.")
		},
		func() error {
			return apierr.New("WAFTagOperationException", "An error occurred during the tagging operation: a resource can "+
				"have at most %d tags.", resource.MaxTags)
		})
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
func (s *Service) TagResource(ctx context.Context, in *wafv2.TagResourceInput, _ ...func(*wafv2.Options)) (
	*wafv2.TagResourceOutput, error) {
	return call.Write(ctx, s.entry, "TagResource", in, func(in *wafv2.TagResourceInput) (*wafv2.TagResourceOutput, error) {
		tags, err := s.tags(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		merged, err := merge(*tags, in.Tags)
		if err != nil {
			return nil, err
		}
		*tags = merged
		return &wafv2.TagResourceOutput{}, nil
	})
}

// UntagResource removes tags by key.
func (s *Service) UntagResource(ctx context.Context, in *wafv2.UntagResourceInput, _ ...func(*wafv2.Options)) (
	*wafv2.UntagResourceOutput, error) {
	return call.Write(ctx, s.entry, "UntagResource", in, func(in *wafv2.UntagResourceInput) (
		*wafv2.UntagResourceOutput, error) {
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
func (s *Service) ListTagsForResource(ctx context.Context, in *wafv2.ListTagsForResourceInput,
	_ ...func(*wafv2.Options)) (*wafv2.ListTagsForResourceOutput, error) {
	return call.Read(ctx, s.entry, "ListTagsForResource", in, func(in *wafv2.ListTagsForResourceInput) (
		*wafv2.ListTagsForResourceOutput, error) {
		tags, err := s.tags(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		info := &types.TagInfoForResource{ResourceARN: in.ResourceARN, TagList: resource.ListTags(*tags,
			func(key, value string) types.Tag {
				return types.Tag{Key: aws.String(key), Value: aws.String(value)}
			})}
		return &wafv2.ListTagsForResourceOutput{TagInfoForResource: info}, nil
	})
}
