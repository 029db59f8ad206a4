package admission

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

func TestBindingsOfOneTargetGroupHaveAReferenceInCommon(t *testing.T) {
	t.Parallel()
	arns := []string{
		"", "x", "web", "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/web/0123456789abcdef",
		"arn:aws:elasticloadbalancing:us-west-2:210987654321:targetgroup/web/0123456789abcdef",
		"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/web",
		"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/",
	}
	var specs []v1beta1.TargetGroupBindingSpec
	for _, arn := range arns {
		for _, name := range []string{"", "web", "other", "x"} {
			for _, role := range []string{"", "arn:aws:iam::210987654321:role/targets"} {
				specs = append(specs, v1beta1.TargetGroupBindingSpec{TargetGroupARN: arn, TargetGroupName: name,
					IamRoleArnToAssume: role})
			}
		}
	}
	same := 0
	for i := range specs {
		refs := objects.TargetGroupRefs(&specs[i])
		for j := range specs {
			if !sameGroup(&specs[i], &specs[j]) {
				continue
			}
			same++
			common := slices.ContainsFunc(objects.TargetGroupRefs(&specs[j]), func(r objects.Ref) bool {
				return slices.Contains(refs, r)
			})
			if !common {
				t.Errorf("%+v and %+v have no reference in common", specs[i], specs[j])
			}
		}
	}
	if same < 100 {
		t.Errorf("only %d pairs have one target group", same)
	}
}
