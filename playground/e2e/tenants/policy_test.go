package tenants

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// attachSmallest has the controller run with the smallest policy, without features for what belongs to others, until
// the test ends.
func attachSmallest(t *testing.T, c *harness.Cluster) {
	t.Helper()
	var features []iampolicy.Feature
	for _, i := range iampolicy.Features {
		if !slices.Contains([]iampolicy.Feature{iampolicy.ExistingBalancers, iampolicy.ForeignSecurityGroups,
			iampolicy.ForeignTargetGroups, iampolicy.UntaggedListeners, iampolicy.GlobalAccelerator}, i.Name) {
			features = append(features, i.Name)
		}
	}
	document, err := iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{Cluster: "demo-cluster",
		VPC: "vpc-0a1de000000000001", Bucket: "trust-stores", Prefix: "trust-stores", Features: features})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Simulator.PutPolicy("smallest", text); err != nil {
		t.Fatal(err)
	}
	attached := []simclient.Attachment{{Policy: "smallest", AccessKey: harness.ControllerKey}}
	if err := c.Simulator.ChangeIAM(simclient.IAMChange{Attach: attached}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Simulator.ChangeIAM(simclient.IAMChange{Detach: attached}); err != nil {
			t.Error(err)
		}
	})
}

// TestSmallestPolicyStopsWhatFlagsAllow shows that IAM stops a tenant whom flags allow too much. He shares a load
// balancer of others, and binds a target group of others.
func TestSmallestPolicyStopsWhatFlagsAllow(t *testing.T) {
	c := playgroundOf(t)
	arn, address := payroll(t, c, "payroll-policy")
	out, err := c.Simulator.Balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
		Name: aws.String("theirs-policy"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80),
		TargetType: types.TargetTypeEnumIp, VpcId: aws.String("vpc-0a1de000000000001")})
	if err != nil {
		t.Fatal(err)
	}
	group := aws.ToString(out.TargetGroups[0].TargetGroupArn)
	t.Cleanup(func() {
		_, _ = c.Simulator.Balancing.DeleteTargetGroup(context.Background(), &elb.DeleteTargetGroupInput{
			TargetGroupArn: &group})
	})
	before := touched(t, c, arn)
	c.RestartController(t, "--existing-load-balancers=*")
	t.Cleanup(func() { c.RestartController(t) })
	attachSmallest(t, c)

	mal := tenant(t, c, "policymal")
	mal.Apply(t, scene.Backend("policymal", "web", 1)+scene.Ingress("policymal", "web", scene.Class, scene.Annotations{
		"target-type": "ip", "ownership": "shared", "existing-load-balancer": "payroll-policy"}, scene.Path{Path: "/login"})+
		fmt.Sprintf(`
---
apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: theirs, namespace: policymal}
spec: {targetGroupARN: %s, targetType: ip, serviceRef: {name: web, port: http}}
`, group))
	for kind, object := range map[string]string{"Ingress": "policymal/web", "TargetGroupBinding": "policymal/theirs"} {
		waitTold(t, c, kind, object, "[AccessDenied]")
	}
	if got := touched(t, c, arn); got != before {
		t.Errorf("the load balancer is %s, was %s", got, before)
	}
	c.WaitGet(t, "http://"+address+"/login", "", 200, "")
	if targets := scene.Targets(c, group); len(targets) > 0 {
		t.Errorf("targets %v", targets)
	}

	// what is his own works
	mal.Apply(t, strings.Replace(scene.Ingress("policymal", "own", scene.Class, scene.Annotations{
		"scheme": "internet-facing", "target-type": "ip"}), "---", "", 1))
	c.WaitGet(t, "http://"+c.IngressAddress(t, "policymal", "own")+"/", "", 200, "web")
	for _, o := range []string{"ingress/web", "ingress/own", "targetgroupbinding/theirs"} {
		mal.Kubectl(t, "delete", o, "-n", "policymal", "--timeout=2m")
	}
}
