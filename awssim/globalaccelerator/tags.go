package globalaccelerator

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// merge is the tags with more added.
func merge(tags map[string]string, more []types.Tag) (map[string]string, error) {
	return resource.MergeTags(tags, more, func(t types.Tag) (string, string) {
		return aws.ToString(t.Key), aws.ToString(t.Value)
	},
		func(key string) error {
			return invalid("The tag key %q or its value is too short, too long or reserved.", key)
		},
		func() error { return invalid("A resource can have at most %d tags.", resource.MaxTags) })
}

// TagResource adds tags to an accelerator, or changes their values. Nothing else can be tagged.
func (s *Service) TagResource(ctx context.Context, in *globalaccelerator.TagResourceInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.TagResourceOutput, error) {
	return call.Write(ctx, s.entry, "TagResource", in, func(in *globalaccelerator.TagResourceInput) (
		*globalaccelerator.TagResourceOutput, error) {
		x, err := s.accelerator(in.ResourceArn)
		if err != nil {
			return nil, err
		}
		merged, err := merge(x.Tags, in.Tags)
		if err != nil {
			return nil, err
		}
		x.Tags = merged
		return &globalaccelerator.TagResourceOutput{}, nil
	})
}

// UntagResource removes tags by key.
func (s *Service) UntagResource(ctx context.Context, in *globalaccelerator.UntagResourceInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.UntagResourceOutput, error) {
	return call.Write(ctx, s.entry, "UntagResource", in, func(in *globalaccelerator.UntagResourceInput) (
		*globalaccelerator.UntagResourceOutput, error) {
		x, err := s.accelerator(in.ResourceArn)
		if err != nil {
			return nil, err
		}
		for _, k := range in.TagKeys {
			delete(x.Tags, k)
		}
		return &globalaccelerator.UntagResourceOutput{}, nil
	})
}

// ListTagsForResource lists the tags of an accelerator.
func (s *Service) ListTagsForResource(ctx context.Context, in *globalaccelerator.ListTagsForResourceInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.ListTagsForResourceOutput, error) {
	return call.Read(ctx, s.entry, "ListTagsForResource", in, func(in *globalaccelerator.ListTagsForResourceInput) (
		*globalaccelerator.ListTagsForResourceOutput, error) {
		x, err := s.accelerator(in.ResourceArn)
		if err != nil {
			return nil, err
		}
		return &globalaccelerator.ListTagsForResourceOutput{
			Tags: resource.ListTags(x.Tags, func(key, value string) types.Tag {
				return types.Tag{Key: aws.String(key), Value: aws.String(value)}
			})}, nil
	})
}
