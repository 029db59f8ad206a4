package elbv2

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

const (
	maxTags         = 50
	maxTaggedPerReq = 20 // ARNs of one call
	systemTags      = "aws:"
)

var tagCharacters = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// newTags is the tags of a create call, checked.
func newTags(in []types.Tag) (map[string]string, error) { return mergeTags(nil, in) }

// mergeTags is have with the tags of a request, checked; have itself is left alone.
func mergeTags(have map[string]string, in []types.Tag) (map[string]string, error) {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]string{}
	}
	seen := map[string]bool{}
	for _, t := range in {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		switch n := utf8.RuneCountInString(key); {
		case t.Key == nil:
			return nil, present("tags.member.key", t.Key)
		case n < 1:
			return nil, shape("tags.member.key", key, "have length greater than or equal to 1")
		case n > 128:
			return nil, shape("tags.member.key", key, "have length less than or equal to 128")
		case utf8.RuneCountInString(value) > 256:
			return nil, shape("tags.member.value", value, "have length less than or equal to 256")
		case !tagCharacters.MatchString(key):
			return nil, shape("tags.member.key", key, `satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$`)
		case !tagCharacters.MatchString(value):
			return nil, shape("tags.member.value", value, `satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$`)
		case strings.HasPrefix(strings.ToLower(key), systemTags):
			return nil, invalid("The tag key '%s' is reserved: keys cannot begin with '%s'", key, systemTags)
		case seen[key]:
			return nil, apierr.New("DuplicateTagKeys", "The tag key '%s' was specified more than once", key)
		}
		seen[key] = true
		out[key] = value
	}
	user := 0
	for key := range out {
		if !strings.HasPrefix(key, systemTags) {
			user++
		}
	}
	if user > maxTags {
		return nil, apierr.New("TooManyTags", "The maximum number of tags, '%d', would be exceeded", maxTags)
	}
	return out, nil
}

// tagged is the tags of a resource that can have them.
func (s *Service) tagged(arn string) (*map[string]string, error) {
	_, path, _ := strings.Cut(arn, ":"+s.account.ID+":")
	if path == "" {
		path = arn[strings.LastIndex(arn, ":")+1:]
	}
	switch resource, _, _ := strings.Cut(path, "/"); resource {
	case "loadbalancer":
		lb, err := s.loadBalancer(&arn)
		if err != nil {
			return nil, err
		}
		return &lb.Tags, nil
	case "targetgroup":
		tg, err := s.targetGroup(&arn)
		if err != nil {
			return nil, err
		}
		return &tg.Tags, nil
	case "listener":
		l, err := s.listener(&arn)
		if err != nil {
			return nil, err
		}
		return &l.Tags, nil
	case "listener-rule":
		r, err := s.rule(&arn)
		if err != nil {
			return nil, err
		}
		return &r.Tags, nil
	case "truststore":
		t, err := find(s, kindTrustStore, s.account.TrustStores, &arn)
		if err != nil {
			return nil, err
		}
		return &t.Tags, nil
	}
	return nil, invalid("'%s' is not a valid ARN of a taggable resource", arn)
}

// allTagged is tagged for each ARN of a request: any that is wrong fails the whole.
func (s *Service) allTagged(arns []string) ([]*map[string]string, error) {
	if err := some("resourceArns", arns); err != nil {
		return nil, err
	}
	if len(arns) > maxTaggedPerReq {
		return nil, invalid("You cannot specify more than '%d' resource ARNs", maxTaggedPerReq)
	}
	out := make([]*map[string]string, len(arns))
	for i, arn := range arns {
		tags, err := s.tagged(arn)
		if err != nil {
			return nil, err
		}
		out[i] = tags
	}
	return out, nil
}

// AddTags adds tags to resources, or replaces their values.
func (s *Service) AddTags(ctx context.Context, in *elb.AddTagsInput, _ ...func(*elb.Options)) (*elb.AddTagsOutput, error) {
	return write(ctx, s, "AddTags", in, func(in *elb.AddTagsInput) (*elb.AddTagsOutput, error) {
		if err := some("tags", in.Tags); err != nil {
			return nil, err
		}
		if _, err := newTags(in.Tags); err != nil {
			return nil, err
		}
		resources, err := s.allTagged(in.ResourceArns)
		if err != nil {
			return nil, err
		}
		merged := make([]map[string]string, len(resources))
		for i, tags := range resources {
			if merged[i], err = mergeTags(*tags, in.Tags); err != nil {
				return nil, err
			}
		}
		for i, tags := range resources {
			*tags = merged[i]
		}
		return &elb.AddTagsOutput{}, nil
	})
}

// RemoveTags removes tags by key; keys that are not there are no error.
func (s *Service) RemoveTags(ctx context.Context, in *elb.RemoveTagsInput, _ ...func(*elb.Options)) (*elb.RemoveTagsOutput, error) {
	return write(ctx, s, "RemoveTags", in, func(in *elb.RemoveTagsInput) (*elb.RemoveTagsOutput, error) {
		if err := some("tagKeys", in.TagKeys); err != nil {
			return nil, err
		}
		for _, key := range in.TagKeys {
			if strings.HasPrefix(strings.ToLower(key), systemTags) {
				return nil, invalid("The tag key '%s' is reserved: keys cannot begin with '%s'", key, systemTags)
			}
		}
		resources, err := s.allTagged(in.ResourceArns)
		if err != nil {
			return nil, err
		}
		for _, tags := range resources {
			for _, key := range in.TagKeys {
				delete(*tags, key)
			}
		}
		return &elb.RemoveTagsOutput{}, nil
	})
}

// DescribeTags answers the tags of at most twenty resources of any kind.
func (s *Service) DescribeTags(ctx context.Context, in *elb.DescribeTagsInput, _ ...func(*elb.Options)) (*elb.DescribeTagsOutput, error) {
	return read(ctx, s, "DescribeTags", in, func(in *elb.DescribeTagsInput) (*elb.DescribeTagsOutput, error) {
		resources, err := s.allTagged(in.ResourceArns)
		if err != nil {
			return nil, err
		}
		out := &elb.DescribeTagsOutput{}
		for i, tags := range resources {
			d := types.TagDescription{ResourceArn: aws.String(in.ResourceArns[i]), Tags: []types.Tag{}}
			for _, key := range slices.Sorted(maps.Keys(*tags)) {
				d.Tags = append(d.Tags, types.Tag{Key: aws.String(key), Value: aws.String((*tags)[key])})
			}
			out.TagDescriptions = append(out.TagDescriptions, d)
		}
		return out, nil
	})
}
