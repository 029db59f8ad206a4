package routing

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const maxRewrite = 1024 // characters of a regular expression or its replacement

// Transforms converts and checks the transforms of a rule.
func Transforms(in []types.RuleTransform) ([]stack.Transform, error) {
	var out []stack.Transform
	seen := map[types.TransformTypeEnum]bool{}
	for _, t := range in {
		if err := check.First(check.When(t.Type == "", check.Present[string]("transforms.member.type", nil)),
			check.OneOf("transforms.member.type", t.Type, t.Type.Values()),
			check.When(seen[t.Type], check.Invalid("A rule can only have one '%s' transform", t.Type))); err != nil {
			return nil, err
		}
		seen[t.Type] = true
		var rewrites []types.RewriteConfig
		if t.Type == types.TransformTypeEnumHostHeaderRewrite && t.HostHeaderRewriteConfig != nil {
			rewrites = t.HostHeaderRewriteConfig.Rewrites
		}
		if t.Type == types.TransformTypeEnumUrlRewrite && t.UrlRewriteConfig != nil {
			rewrites = t.UrlRewriteConfig.Rewrites
		}
		if len(rewrites) != 1 {
			return nil, check.Invalid("A transform of type '%s' must have exactly one rewrite", t.Type)
		}
		r := rewrites[0]
		if err := check.First(check.Present("rewrites.member.regex", r.Regex),
			check.Present("rewrites.member.replace", r.Replace),
			checkRegex("rewrites.member.regex", aws.ToString(r.Regex), maxRewrite), check.AtMost("rewrites.member.replace",
				aws.ToString(r.Replace), maxRewrite)); err != nil {
			return nil, err
		}
		out = append(out, stack.Transform{Type: string(t.Type), Rewrites: []stack.Rewrite{
			{Regex: *r.Regex, Replace: *r.Replace}}})
	}
	return out, nil
}

// DescribeTransforms converts to the SDK's form.
func DescribeTransforms(transforms []stack.Transform) []types.RuleTransform {
	out := make([]types.RuleTransform, len(transforms))
	for i, t := range transforms {
		var rewrites []types.RewriteConfig
		for _, r := range t.Rewrites {
			rewrites = append(rewrites, types.RewriteConfig{Regex: aws.String(r.Regex), Replace: aws.String(r.Replace)})
		}
		out[i].Type = types.TransformTypeEnum(t.Type)
		if out[i].Type == types.TransformTypeEnumHostHeaderRewrite {
			out[i].HostHeaderRewriteConfig = &types.HostHeaderRewriteConfig{Rewrites: rewrites}
		} else {
			out[i].UrlRewriteConfig = &types.UrlRewriteConfig{Rewrites: rewrites}
		}
	}
	return out
}
