package globalaccelerator

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/awssim/call"
)

// merge is the tags with more added.
func merge(tags map[string]string, more []types.Tag) (map[string]string, error) {
	merged := make(map[string]string, len(tags)+len(more))
	maps.Copy(merged, tags)
	for _, t := range more {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		if key == "" || utf8.RuneCountInString(key) > 128 || utf8.RuneCountInString(value) > 256 || strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, invalid("The tag key %q or its value is too short, too long or reserved.", key)
		}
		merged[key] = value
	}
	if len(merged) > maxTags {
		return nil, invalid("A resource can have at most %d tags.", maxTags)
	}
	return merged, nil
}

// TagResource adds tags to an accelerator, or changes their values. Nothing else can be tagged.
func (s *Service) TagResource(ctx context.Context, in *globalaccelerator.TagResourceInput, _ ...func(*globalaccelerator.Options)) (*globalaccelerator.TagResourceOutput, error) {
	return call.Write(ctx, s.entry, "TagResource", in, func(in *globalaccelerator.TagResourceInput) (*globalaccelerator.TagResourceOutput, error) {
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
func (s *Service) UntagResource(ctx context.Context, in *globalaccelerator.UntagResourceInput, _ ...func(*globalaccelerator.Options)) (*globalaccelerator.UntagResourceOutput, error) {
	return call.Write(ctx, s.entry, "UntagResource", in, func(in *globalaccelerator.UntagResourceInput) (*globalaccelerator.UntagResourceOutput, error) {
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
func (s *Service) ListTagsForResource(ctx context.Context, in *globalaccelerator.ListTagsForResourceInput, _ ...func(*globalaccelerator.Options)) (*globalaccelerator.ListTagsForResourceOutput, error) {
	return call.Read(ctx, s.entry, "ListTagsForResource", in, func(in *globalaccelerator.ListTagsForResourceInput) (*globalaccelerator.ListTagsForResourceOutput, error) {
		x, err := s.accelerator(in.ResourceArn)
		if err != nil {
			return nil, err
		}
		out := &globalaccelerator.ListTagsForResourceOutput{Tags: []types.Tag{}}
		for _, k := range slices.Sorted(maps.Keys(x.Tags)) {
			out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(x.Tags[k])})
		}
		return out, nil
	})
}
