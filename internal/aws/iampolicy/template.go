package iampolicy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// resourceName is the name of the policy in templates; installations of the existing controller have it.
const resourceName = "AWSLoadBalancerControllerIAMPolicy"

// CloudFormation returns a template with the document as a managed policy, and its ARN as an output.
func (d Document) CloudFormation() (string, error) {
	type object = map[string]any
	text, err := yaml.Marshal(object{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Description":              "What the AWS Load Balancer Controller may do",
		"Resources": object{
			resourceName: object{
				"Type": "AWS::IAM::ManagedPolicy",
				"Properties": object{
					"Description":    "What the AWS Load Balancer Controller may do",
					"PolicyDocument": d,
				},
			},
		},
		"Outputs": object{"PolicyArn": object{"Value": object{"Ref": resourceName}}},
	})
	return string(text), err
}

// Terraform returns the document as a data source, and a managed policy of it.
func (d Document) Terraform() string {
	var b strings.Builder
	b.WriteString("data \"aws_iam_policy_document\" \"aws_load_balancer_controller\" {\n")
	for i, s := range d.Statement {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString("  statement {\n")
		if s.Sid != "" {
			fmt.Fprintf(&b, "    sid       = %s\n", quoted(s.Sid))
		}
		fmt.Fprintf(&b, "    effect    = %s\n    actions   = %s\n    resources = %s\n", quoted(s.Effect),
			quotedList(s.Action), quotedList(s.Resource))
		for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
			for _, key := range slices.Sorted(maps.Keys(s.Condition[operator])) {
				fmt.Fprintf(&b, "\n    condition {\n      test     = %s\n      variable = %s\n      values   = %s\n    }\n",
					quoted(operator), quoted(key), quotedList(s.Condition[operator][key]))
			}
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n\nresource \"aws_iam_policy\" \"aws_load_balancer_controller\" {\n")
	fmt.Fprintf(&b, "  name        = %s\n", quoted(resourceName))
	b.WriteString("  description = \"What the AWS Load Balancer Controller may do\"\n")
	b.WriteString("  policy      = data.aws_iam_policy_document.aws_load_balancer_controller.json\n}\n")
	return b.String()
}

// quoted is a string of Terraform, in which variables of IAM are no templates.
func quoted(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(s))
}

func quotedList(list []string) string {
	if len(list) == 1 {
		return "[" + quoted(list[0]) + "]"
	}
	var b strings.Builder
	b.WriteString("[\n")
	for _, s := range list {
		fmt.Fprintf(&b, "      %s,\n", quoted(s))
	}
	b.WriteString("    ]")
	return b.String()
}
