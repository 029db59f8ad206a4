package awsclient

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// pairs makes a list of a map, sorted by key.
func pairs[T any](m map[string]string, pair func(key, value *string) T) []T {
	var out []T
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, pair(aws.String(k), aws.String(m[k])))
	}
	return out
}

// unpaired makes a map of a list, never nil.
func unpaired[T any](list []T, pair func(T) (key, value *string)) map[string]string {
	out := make(map[string]string, len(list))
	for _, x := range list {
		k, v := pair(x)
		out[value(k)] = value(v)
	}
	return out
}

// balancingPair is a tag or an attribute of an ELBv2 resource.
type balancingPair interface {
	elbv2types.Tag | elbv2types.LoadBalancerAttribute | elbv2types.TargetGroupAttribute | elbv2types.ListenerAttribute
}

func balancingPairs[P balancingPair](m map[string]string) []P {
	return pairs(m, func(k, v *string) P { return P(elbv2types.Tag{Key: k, Value: v}) })
}

// BalancingPairs turns the tags or attributes of an ELBv2 resource into a map, never nil.
func BalancingPairs[P balancingPair](list []P) map[string]string {
	return unpaired(list, func(p P) (k, v *string) { t := elbv2types.Tag(p); return t.Key, t.Value })
}

func computeTags(tags map[string]string) []ec2types.Tag {
	return pairs(tags, func(k, v *string) ec2types.Tag { return ec2types.Tag{Key: k, Value: v} })
}

// ComputeTags turns the tags of an EC2 resource into a map, never nil.
func ComputeTags(tags []ec2types.Tag) map[string]string {
	return unpaired(tags, func(t ec2types.Tag) (k, v *string) { return t.Key, t.Value })
}

// ResourceTags turns the tags that the Resource Groups Tagging API returns into a map, never nil.
func ResourceTags(tags []taggingtypes.Tag) map[string]string {
	return unpaired(tags, func(t taggingtypes.Tag) (k, v *string) { return t.Key, t.Value })
}

func (s *requestBuilder) AddTags(op awsop.AddTags) {
	setCall(s, s.c.ELBV2.AddTags, &elbv2.AddTagsInput{ResourceArns: []string{s.resolve(op.Resource)},
		Tags: balancingPairs[elbv2types.Tag](op.Tags)})
}

func (s *requestBuilder) RemoveTags(op awsop.RemoveTags) {
	setCall(s, s.c.ELBV2.RemoveTags, &elbv2.RemoveTagsInput{ResourceArns: []string{s.resolve(op.Resource)},
		TagKeys: op.Keys})
}

func (s *requestBuilder) CreateTags(op awsop.CreateTags) {
	setCall(s, s.c.EC2.CreateTags, &ec2.CreateTagsInput{Resources: []string{s.resolve(op.Group)},
		Tags: computeTags(op.Tags)})
}

func (s *requestBuilder) DeleteTags(op awsop.DeleteTags) {
	in := &ec2.DeleteTagsInput{Resources: []string{s.resolve(op.Group)}}
	for _, k := range op.Keys {
		in.Tags = append(in.Tags, ec2types.Tag{Key: aws.String(k)})
	}
	setCall(s, s.c.EC2.DeleteTags, in)
}
