package badinput

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

func binding(namespace, spec string) string {
	return "apiVersion: elbv2.k8s.aws/v1beta1\nkind: TargetGroupBinding\nmetadata: {name: bound, namespace: " + namespace +
		"}\nspec: {" + spec + "}\n---\n"
}

const absent = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/absent/0123456789abcdef"

// bindings are TargetGroupBindings of users with mistakes; TG stands for the ARN of a group that exists, with targets
// of type ip.
var bindings = []struct {
	name, bad, good string
	reason          string
	contains        []string
}{
	{
		"bindarn", "targetGroupARN: " + absent + ", serviceRef: {name: web, port: 80}",
		"targetGroupARN: TG, serviceRef: {name: web, port: 80}",
		"FailedReconcile", []string{absent, "spec.targetGroupARN", "name a target group that exists"},
	},
	{
		"bindname", "targetGroupName: no-such-group, serviceRef: {name: web, port: 80}",
		"targetGroupName: bindname, serviceRef: {name: web, port: 80}",
		"FailedReconcile", []string{"spec.targetGroupName", "name a target group that exists"},
	},
	{
		"bindtype", "targetGroupARN: TG, targetType: instance, serviceRef: {name: web, port: 80}",
		"targetGroupARN: TG, targetType: ip, serviceRef: {name: web, port: 80}",
		"FailedReconcile", []string{"targetType", "targetType is instance", "has type ip", "spec.targetType", "set it", "[InvalidBinding]"},
	},
	{
		"bindsvc", "targetGroupARN: TG, serviceRef: {name: missing, port: 80}",
		"targetGroupARN: TG, serviceRef: {name: web, port: 80}",
		"BackendNotFound", []string{"bindsvc/missing", "spec.serviceRef.name", "create the Service"},
	},
	{
		"bindport", "targetGroupARN: TG, serviceRef: {name: web, port: 81}",
		"targetGroupARN: TG, serviceRef: {name: web, port: 80}",
		"BackendNotFound", []string{"port 81", "bindport/web", "spec.serviceRef.port"},
	},
	{
		"bindnode", "targetGroupARN: TG, nodeSelector: {matchLabels: {pool: a}}, serviceRef: {name: web, port: 80}",
		"targetGroupARN: TG, nodeSelector: null, serviceRef: {name: web, port: 80}",
		"FailedReconcile", []string{"nodeSelector is set", "spec.nodeSelector", "remove nodeSelector"},
	},
}

func bindingsHeal(t *testing.T, c *harness.Cluster) {
	for _, b := range bindings {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			out, err := c.Simulator.Balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
				Name: &b.name, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: types.TargetTypeEnumIp,
				VpcId: aws.String(c.Simulator.Seed().VPC.ID),
			})
			if err != nil {
				t.Fatal(err)
			}
			arn := aws.ToString(out.TargetGroups[0].TargetGroupArn)
			t.Cleanup(func() {
				if _, err := c.Simulator.Balancing.DeleteTargetGroup(context.Background(), &elb.DeleteTargetGroupInput{
					TargetGroupArn: &arn}); err != nil {
					t.Error(err)
				}
			})
			c.Apply(t, scene.Namespace(b.name, 2)+binding(b.name, strings.ReplaceAll(b.bad, "TG", arn)))
			e := c.WaitEvent(t, "TargetGroupBinding", b.name, "bound", b.reason)
			t.Logf("%s %s: %s", e.Type, e.Reason, e.Message)
			for _, s := range b.contains {
				if !strings.Contains(e.Message, s) {
					t.Errorf("the message has no %q", s)
				}
			}
			if all := scene.Warnings(t, c, b.name); len(all) != 1 {
				t.Errorf("there are several warnings:\n%s", strings.Join(all, "\n"))
			}
			scene.Change(t, c, binding(b.name, strings.ReplaceAll(b.good, "TG", arn)))
			scene.WaitTargets(t, c, arn, 2)
			c.WaitEvent(t, "TargetGroupBinding", b.name, "bound", "SuccessfullyReconciled")
		})
	}
}
