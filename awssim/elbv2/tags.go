package elbv2

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// maxTaggedPerReq is how many ARNs one call names.
const maxTaggedPerReq = 20

// tagged is the tags of a resource that can have them.
func (s *Service) tagged(arn string) (*map[string]string, error) {
	_, path, _ := strings.Cut(arn, ":"+s.account.ID+":")
	if path == "" {
		path = arn[strings.LastIndex(arn, ":")+1:]
	}
	switch resource, _, _ := strings.Cut(path, "/"); resource {
	case "loadbalancer":
		lb, err := request.FindLoadBalancer(s.account, &arn)
		if err != nil {
			return nil, err
		}
		return &lb.Tags, nil
	case "targetgroup":
		tg, err := request.FindTargetGroup(s.account, &arn)
		if err != nil {
			return nil, err
		}
		return &tg.Tags, nil
	case "listener":
		l, err := request.FindListener(s.account, &arn)
		if err != nil {
			return nil, err
		}
		return &l.Tags, nil
	case "listener-rule":
		r, err := request.FindRule(s.account, &arn)
		if err != nil {
			return nil, err
		}
		return &r.Tags, nil
	case "truststore":
		t, err := request.FindTrustStore(s.account, &arn)
		if err != nil {
			return nil, err
		}
		return &t.Tags, nil
	}
	return nil, check.Invalid("'%s' is not a valid ARN of a taggable resource", arn)
}

// allTagged is tagged for each ARN of a request: any that is wrong fails the whole.
func (s *Service) allTagged(arns []string) ([]*map[string]string, error) {
	if err := check.Some("resourceArns", arns); err != nil {
		return nil, err
	}
	if len(arns) > maxTaggedPerReq {
		return nil, check.Invalid("You cannot specify more than '%d' resource ARNs", maxTaggedPerReq)
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
func (s *Service) AddTags(ctx context.Context, in *elb.AddTagsInput, _ ...func(*elb.Options)) (
	*elb.AddTagsOutput, error) {
	return call.Write(ctx, s.entry, "AddTags", in, func(in *elb.AddTagsInput) (*elb.AddTagsOutput, error) {
		if err := check.Some("tags", in.Tags); err != nil {
			return nil, err
		}
		if _, err := request.NewTags(in.Tags); err != nil {
			return nil, err
		}
		resources, err := s.allTagged(in.ResourceArns)
		if err != nil {
			return nil, err
		}
		merged := make([]map[string]string, len(resources))
		for i, tags := range resources {
			if merged[i], err = request.MergeTags(*tags, in.Tags); err != nil {
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
func (s *Service) RemoveTags(ctx context.Context, in *elb.RemoveTagsInput, _ ...func(*elb.Options)) (
	*elb.RemoveTagsOutput, error) {
	return call.Write(ctx, s.entry, "RemoveTags", in, func(in *elb.RemoveTagsInput) (*elb.RemoveTagsOutput, error) {
		if err := check.Some("tagKeys", in.TagKeys); err != nil {
			return nil, err
		}
		for _, key := range in.TagKeys {
			if strings.HasPrefix(strings.ToLower(key), request.SystemTags) {
				return nil, check.Invalid("The tag key '%s' is reserved: keys cannot begin with '%s'", key, request.SystemTags)
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
func (s *Service) DescribeTags(ctx context.Context, in *elb.DescribeTagsInput, _ ...func(*elb.Options)) (
	*elb.DescribeTagsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeTags", in, func(in *elb.DescribeTagsInput) (*elb.DescribeTagsOutput, error) {
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
