package shield

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/shield/types"

	"github.com/k8s-lbc/lbc/awssim/account"
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

func (s *Service) byARN(arn *string) (*account.Protection, error) {
	for _, p := range s.account.Protections {
		if p.ARN == aws.ToString(arn) {
			return p, nil
		}
	}
	return nil, notProtected()
}

// TagResource adds tags to a protection, or changes their values.
func (s *Service) TagResource(ctx context.Context, in *shield.TagResourceInput, _ ...func(*shield.Options)) (
	*shield.TagResourceOutput, error) {
	return call.Write(ctx, s.entry, "TagResource", in, func(in *shield.TagResourceInput) (
		*shield.TagResourceOutput, error) {
		p, err := s.byARN(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		merged, err := merge(p.Tags, in.Tags)
		if err != nil {
			return nil, err
		}
		p.Tags = merged
		return &shield.TagResourceOutput{}, nil
	})
}

// UntagResource removes tags by key.
func (s *Service) UntagResource(ctx context.Context, in *shield.UntagResourceInput, _ ...func(*shield.Options)) (
	*shield.UntagResourceOutput, error) {
	return call.Write(ctx, s.entry, "UntagResource", in, func(in *shield.UntagResourceInput) (*shield.UntagResourceOutput,
		error) {
		p, err := s.byARN(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		for _, k := range in.TagKeys {
			delete(p.Tags, k)
		}
		return &shield.UntagResourceOutput{}, nil
	})
}

// ListTagsForResource lists the tags of a protection.
func (s *Service) ListTagsForResource(ctx context.Context, in *shield.ListTagsForResourceInput,
	_ ...func(*shield.Options)) (*shield.ListTagsForResourceOutput, error) {
	return call.Read(ctx, s.entry, "ListTagsForResource", in, func(in *shield.ListTagsForResourceInput) (
		*shield.ListTagsForResourceOutput, error) {
		p, err := s.byARN(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		return &shield.ListTagsForResourceOutput{Tags: resource.ListTags(p.Tags, func(key, value string) types.Tag {
			return types.Tag{Key: aws.String(key), Value: aws.String(value)}
		})}, nil
	})
}
