package tenants

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// opened are the ports that the controller opened in any security group for ranges of addresses, and the port of the
// kubelet for any source: "RANGE FROM-TO".
func opened(c *harness.Cluster) map[string]bool {
	out := map[string]bool{}
	for _, g := range c.Simulator.Resources().SecurityGroups {
		for _, rule := range g.Ingress {
			if strings.Contains(rule.Description, "targetGroupBinding=shared") &&
				(strings.Contains(rule.Peer, "/") || rule.From == 10250) {
				out[fmt.Sprintf("%s %d-%d", rule.Peer, rule.From, rule.To)] = true
			}
		}
	}
	return out
}

// TestBindingOpensPortsOfItsTargetsOnly shows that a tenant opens neither SSH nor the kubelet of nodes, by bindings of
// his own or edits of others.
func TestBindingOpensPortsOfItsTargetsOnly(t *testing.T) {
	c := playgroundOf(t)
	const ns = "netmal"
	mal := tenant(t, c, ns)
	out, err := c.Simulator.Balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
		Name: aws.String("netmal"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: types.TargetTypeEnumIp,
		VpcId: aws.String("vpc-0a1de000000000001")})
	if err != nil {
		t.Fatal(err)
	}
	arn := aws.ToString(out.TargetGroups[0].TargetGroupArn)
	const hostile = `{ingress: [
    {from: [{ipBlock: {cidr: 10.77.0.0/16}}], ports: [{port: 22}, {port: 10250}, {protocol: TCP}]},
    {from: [{ipBlock: {cidr: 10.78.0.0/16}}], ports: []},
    {from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: "::/0"}}], ports: [{protocol: TCP}, {port: 22}]},
    {from: [{ipBlock: {cidr: 0.0.0.0/1}}, {ipBlock: {cidr: 128.0.0.0/1}}], ports: [{protocol: TCP}]}]}`
	mal.Apply(t, scene.Backend(ns, "web", 1)+`
---
apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: open, namespace: `+ns+`, labels: {ingress.k8s.aws/stack-namespace: `+ns+
		`, ingress.k8s.aws/stack-name: other}}
spec:
  targetGroupARN: `+arn+`
  targetType: ip
  serviceRef: {name: web, port: http}
  networking: `+hostile+"\n")
	targets := scene.WaitTargets(t, c, arn, 1)
	port := fmt.Sprintf(" %d-%[1]d", targets[0].Port)
	want := map[string]bool{"10.77.0.0/16" + port: true, "10.78.0.0/16" + port: true}
	c.WaitFor(t, "the port of the target to be open", func(context.Context) error {
		if got := opened(c); len(got) < len(want) {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
	c.WaitFor(t, "an event about the rest", func(context.Context) error {
		for _, e := range c.Events(t, "TargetGroupBinding", ns, "open") {
			if strings.Contains(e.Message, "[NetworkingNotAllowed]") {
				return nil
			}
		}
		return fmt.Errorf("there is none")
	})
	closed := func() {
		t.Helper()
		if got := opened(c); !maps.Equal(got, want) {
			t.Errorf("open: %v, want %v", got, want)
		}
	}
	closed()

	mal.Apply(t, scene.Ingress(ns, "web", scene.Class, scene.Annotations{"scheme": "internal", "target-type": "ip",
		"healthcheck-port": "10250"}, scene.Path{Path: "/"}))
	c.IngressAddress(t, ns, "web")
	mal.editStacksBinding(t, ns, closed)
}

// editStacksBinding has the user open ports by the binding of his Ingress, until that puts the binding back. closed
// checks the ports.
func (u user) editStacksBinding(t *testing.T, ns string, closed func()) {
	t.Helper()
	own := ""
	u.WaitFor(t, "the binding of the Ingress", func(context.Context) error {
		for name := range strings.FieldsSeq(scene.Query(t, u.Cluster, "get", "targetgroupbinding", "-n", ns, "-o",
			"jsonpath={.items[*].metadata.name}")) {
			if strings.HasPrefix(name, "k8s-") {
				own = name
				return nil
			}
		}
		return fmt.Errorf("there is none")
	})
	for range 3 {
		u.Kubectl(t, "patch", "targetgroupbinding", own, "-n", ns, "--type=merge", "-p",
			`{"spec": {"networking": {"ingress": [{"from": [{"ipBlock": {"cidr": "10.77.0.0/16"}}], "ports": [{"port": 10250}, {"port": 22}, {"protocol": "TCP"}]}, {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"protocol": "TCP"}]}]}}}`)
		u.WaitFor(t, "the Ingress to put its binding back", func(context.Context) error {
			closed()
			if text := scene.Query(t, u.Cluster, "get", "targetgroupbinding", own, "-n", ns, "-o",
				"jsonpath={.spec.networking}"); strings.Contains(text, "10.77.0.0/16") {
				return fmt.Errorf("%s", text)
			}
			return nil
		})
		closed()
	}
}
