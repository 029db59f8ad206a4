package cloud

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
)

func balancingTags(tags map[string]string) []elbv2types.Tag {
	var out []elbv2types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, elbv2types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}

// BalancingTags turns the tags of an ELBv2 resource into a map, never nil.
func BalancingTags(tags []elbv2types.Tag) map[string]string {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		out[value(t.Key)] = value(t.Value)
	}
	return out
}

func computeTags(tags map[string]string) []ec2types.Tag {
	var out []ec2types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, ec2types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}

// ComputeTags turns the tags of an EC2 resource into a map, never nil.
func ComputeTags(tags []ec2types.Tag) map[string]string {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		out[value(t.Key)] = value(t.Value)
	}
	return out
}

func (w writer) addTags(ctx context.Context, op elb.AddTags) error {
	_, err := w.c.ELBV2.AddTags(ctx, &elbv2.AddTagsInput{ResourceArns: []string{w.resolve(op.Resource)}, Tags: balancingTags(op.Tags)})
	return err
}

func (w writer) removeTags(ctx context.Context, op elb.RemoveTags) error {
	_, err := w.c.ELBV2.RemoveTags(ctx, &elbv2.RemoveTagsInput{ResourceArns: []string{w.resolve(op.Resource)}, TagKeys: op.Keys})
	return err
}

func (w writer) createTags(ctx context.Context, op elb.CreateTags) error {
	_, err := w.c.EC2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{w.resolve(op.Group)}, Tags: computeTags(op.Tags)})
	return err
}

func (w writer) deleteTags(ctx context.Context, op elb.DeleteTags) error {
	in := &ec2.DeleteTagsInput{Resources: []string{w.resolve(op.Group)}}
	for _, k := range op.Keys {
		in.Tags = append(in.Tags, ec2types.Tag{Key: aws.String(k)})
	}
	_, err := w.c.EC2.DeleteTags(ctx, in)
	return err
}
