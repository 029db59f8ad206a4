package tenants

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// storefront is a Gateway of a namespace, with a route to Service web whose target group has the declared name
// storefront.
func storefront(namespace string) string {
	return scene.TargetGroups(namespace, "web", "targetReference: {name: web}, defaultConfiguration: {targetType: ip, "+
		"targetGroupName: storefront, healthCheckConfig: {healthCheckPath: /health}}") +
		scene.Gateway(namespace, "shop", "alb", "scheme: internet-facing", "name: http, protocol: HTTP, port: 80") +
		scene.Route("HTTPRoute", namespace, "shop", "parentRefs: [{name: shop}], rules: [{backendRefs: [{name: "+
			"web, port: 80}]}]")
}

// waitTold waits for an event of an object with a text.
func waitTold(t *testing.T, c *harness.Cluster, kind, object, text string) {
	t.Helper()
	namespace, name, _ := strings.Cut(object, "/")
	c.WaitFor(t, "an event with "+text, func(context.Context) error {
		var messages []string
		for _, e := range c.Events(t, kind, namespace, name) {
			if messages = append(messages, e.Message); strings.Contains(e.Message, text) {
				return nil
			}
		}
		return fmt.Errorf("%s %s: %q", kind, object, messages)
	})
}

// names are what a victim has, and who names it.
type names struct {
	*harness.Cluster
	mal  user
	shop simclient.LoadBalancer // of Gateway namevic/shop
	// generated names of the load balancer and the target group that Ingress namevic/web had
	ingress, group string
}

// accelerator names the ARN of the victim's load balancer.
func (n names) accelerator(t *testing.T) {
	n.mal.Apply(t, fmt.Sprintf(`apiVersion: aga.k8s.aws/v1beta1
kind: GlobalAccelerator
metadata: {name: edge, namespace: namemal}
spec: {listeners: [{protocol: TCP, portRanges: [{fromPort: 80, toPort: 80}], endpointGroups: [{endpoints: [{type: EndpointID, endpointID: %q}]}]}]}
`, n.shop.ARN))
	waitTold(t, n.Cluster, "GlobalAccelerator", "namemal/edge", "GlobalAccelerators of namespace namemal may not name")
	for _, a := range n.Simulator.Resources().Accelerators {
		if strings.Contains(fmt.Sprintf("%+v", a), n.shop.ARN) {
			t.Errorf("the victim's load balancer is an endpoint of %s", a.Name)
		}
	}
}

// targetGroup declares the name and the settings of the victim's target group. AWS answers such a call with the
// victim's.
func (n names) targetGroup(t *testing.T) {
	before := n.TargetGroups(n.shop)[0]
	n.mal.Apply(t, storefront("namemal"))
	waitTold(t, n.Cluster, "HTTPRoute", "namemal/shop", "[NameTaken]")
	n.mal.Kubectl(t, "delete", "gateway", "shop", "-n", "namemal", "--timeout=2m")
	if after := n.TargetGroups(n.shop)[0]; fmt.Sprint(after.ARN, after.Tags, scene.Targets(n.Cluster, after.ARN)) !=
		fmt.Sprint(before.ARN, before.Tags, scene.Targets(n.Cluster, before.ARN)) {
		t.Errorf("the target group is %+v, was %+v", after, before)
	}
}

// generated declares the names that the victim's next Ingress gets, and has a pod name a network interface of others.
func (n names) generated(t *testing.T) {
	group := n.database(t)
	n.mal.Apply(t, scene.Ingress("namemal", "web", scene.Class, scene.Annotations{"scheme": "internet-facing",
		"target-type": "ip", "load-balancer-name": n.ingress}))
	waitTold(t, n.Cluster, "Ingress", "namemal/web", "[IgnoredSetting]")
	address := n.IngressAddress(t, "namemal", "web")
	n.WaitGet(t, "http://"+address+"/", "", 200, "web")
	if name := n.LoadBalancer(t, address).Name; name == n.ingress {
		t.Errorf("the attacker's load balancer has the victim's name %s", name)
	}
	for _, g := range n.Simulator.Resources().SecurityGroups {
		if g.ID == group && len(g.Ingress) > 0 {
			t.Errorf("the interface that the pod names admits %+v", g.Ingress)
		}
	}
}

// database is the security group of a network interface that the attacker's pod says to be its own.
func (n names) database(t *testing.T) (group string) {
	t.Helper()
	compute := n.Simulator.Compute
	made, err := compute.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("database"),
		Description: aws.String("database"), VpcId: aws.String("vpc-0a1de000000000001")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := compute.CreateNetworkInterface(t.Context(), &ec2.CreateNetworkInterfaceInput{
		SubnetId: aws.String("subnet-0a1de0000000000a2"), Groups: []string{*made.GroupId}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = compute.DeleteNetworkInterface(context.Background(), &ec2.DeleteNetworkInterfaceInput{
			NetworkInterfaceId: out.NetworkInterface.NetworkInterfaceId})
		_, _ = compute.DeleteSecurityGroup(context.Background(), &ec2.DeleteSecurityGroupInput{GroupId: made.GroupId})
	})
	pod, address := podOf(t, n.Cluster, "namemal")
	n.mal.Kubectl(t, "annotate", "pod", pod, "-n", "namemal",
		fmt.Sprintf(`vpc.amazonaws.com/pod-eni=[{"eniId": %q, "privateIp": %q}]`, *out.NetworkInterface.NetworkInterfaceId,
			address))
	return *made.GroupId
}

// TestNamesOfOthersTakeNothing shows that a tenant gets nothing of others by the names that he writes. They are an ARN
// in a GlobalAccelerator, the name of a target group, generated names that he declares in advance, an annotation of his
// pod.
func TestNamesOfOthersTakeNothing(t *testing.T) {
	c := playgroundOf(t)
	vic := tenant(t, c, "namevic")
	n := names{Cluster: c, mal: tenant(t, c, "namemal")}
	web := scene.Ingress("namevic", "web", scene.Class, scene.Annotations{"scheme": "internet-facing",
		"target-type": "ip"})
	vic.Apply(t, scene.Backend("namevic", "web", 1)+storefront("namevic")+web)
	n.mal.Apply(t, scene.Backend("namemal", "web", 1))
	n.shop = c.LoadBalancer(t, scene.GatewayAddress(t, c, "namevic", "shop"))
	c.WaitHealthy(t, n.shop)
	lb := c.LoadBalancer(t, c.IngressAddress(t, "namevic", "web"))
	n.ingress, n.group = lb.Name, c.TargetGroups(lb)[0].Name
	vic.Kubectl(t, "delete", "ingress", "web", "-n", "namevic", "--timeout=2m")

	before := touched(t, c, n.shop.ARN)
	t.Run("accelerator", n.accelerator)
	t.Run("target group", n.targetGroup)
	t.Run("generated names", n.generated)
	if after := touched(t, c, n.shop.ARN); after != before {
		t.Errorf("the victim's load balancer is %s, was %s", after, before)
	}
	vic.Apply(t, web)
	lb = c.LoadBalancer(t, c.IngressAddress(t, "namevic", "web"))
	c.WaitGet(t, "http://"+lb.DNSName+"/", "", 200, "web")
	if got := []string{lb.Name, c.TargetGroups(lb)[0].Name}; !slices.Equal(got, []string{n.ingress, n.group}) {
		t.Errorf("the victim's names are %v, were %s and %s", got, n.ingress, n.group)
	}
	if w := scene.Warnings(t, c, "namevic"); len(w) > 0 {
		t.Errorf("warnings of the victim: %v", w)
	}
}
