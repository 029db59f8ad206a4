package shield

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/shield/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/call"
)

const maxTags = 50

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

func (s *Service) byARN(arn *string) (*account.Protection, error) {
	for _, p := range s.account.Protections {
		if p.ARN == aws.ToString(arn) {
			return p, nil
		}
	}
	return nil, notProtected()
}

// TagResource adds tags to a protection, or changes their values.
func (s *Service) TagResource(ctx context.Context, in *shield.TagResourceInput, _ ...func(*shield.Options)) (*shield.TagResourceOutput, error) {
	return call.Write(ctx, s.entry, "TagResource", in, func(in *shield.TagResourceInput) (*shield.TagResourceOutput, error) {
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
func (s *Service) UntagResource(ctx context.Context, in *shield.UntagResourceInput, _ ...func(*shield.Options)) (*shield.UntagResourceOutput, error) {
	return call.Write(ctx, s.entry, "UntagResource", in, func(in *shield.UntagResourceInput) (*shield.UntagResourceOutput, error) {
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
func (s *Service) ListTagsForResource(ctx context.Context, in *shield.ListTagsForResourceInput, _ ...func(*shield.Options)) (*shield.ListTagsForResourceOutput, error) {
	return call.Read(ctx, s.entry, "ListTagsForResource", in, func(in *shield.ListTagsForResourceInput) (*shield.ListTagsForResourceOutput, error) {
		p, err := s.byARN(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		out := &shield.ListTagsForResourceOutput{Tags: []types.Tag{}}
		for _, k := range slices.Sorted(maps.Keys(p.Tags)) {
			out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(p.Tags[k])})
		}
		return out, nil
	})
}
