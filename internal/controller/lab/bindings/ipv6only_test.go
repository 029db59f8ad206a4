package bindings

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ipv6Lab is a cluster without IPv4: a node on an instance in a subnet that has no IPv4 range, and a Service whose pods
// have IPv6 addresses only. Load balancers have the other subnets of the VPC, because AWS gives each an IPv4 address.
// native is the subnet of the node.
func ipv6Lab(t *testing.T, flags ...string) (l *lab.Lab, instance, native, pod string) {
	t.Helper()
	l = lab.New(t, account.Profile{}, lab.Class())
	l.Flags(append([]string{"--default-ip-address-type=dualstack"}, flags...)...)
	subnet, err := l.Sim.Compute.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: aws.String(lab.VPC),
		AvailabilityZone: aws.String("us-west-2a"), Ipv6Native: aws.Bool(true),
		Ipv6CidrBlock: aws.String("2600:1f14:abc:de20::/64"), TagSpecifications: []ec2types.TagSpecification{{
			ResourceType: ec2types.ResourceTypeSubnet, Tags: []ec2types.Tag{
				{Key: aws.String("kubernetes.io/role/elb"), Value: aws.String("1")},
				{Key: aws.String("kubernetes.io/role/internal-elb"), Value: aws.String("1")}}}}})
	l.Must(err)
	native = aws.ToString(subnet.Subnet.SubnetId)
	started, err := l.Sim.Compute.RunInstances(t.Context(), &ec2.RunInstancesInput{MinCount: aws.Int32(1),
		MaxCount: aws.Int32(1), ImageId: aws.String("ami-0123456789abcdef0"),
		InstanceType: ec2types.InstanceTypeM5Large, SubnetId: &native,
		SecurityGroupIds: []string{lab.NodeGroup}, Ipv6AddressCount: aws.Int32(2)})
	l.Must(err)
	instance = aws.ToString(started.Instances[0].InstanceId)
	addresses := started.Instances[0].NetworkInterfaces[0].Ipv6Addresses
	node := lab.Node("six", "aws:///us-west-2a/"+instance)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP,
		Address: aws.ToString(addresses[0].Ipv6Address)}}
	pod = aws.ToString(addresses[1].Ipv6Address)
	objects := lab.Pods("six", pod)
	for _, o := range objects {
		if slice, ok := o.(*discoveryv1.EndpointSlice); ok {
			slice.AddressType = discoveryv1.AddressTypeIPv6
		}
	}
	l.Create(append([]client.Object{node}, objects...)...)
	return l, instance, native, pod
}

// sixService is Service web of that cluster.
func sixService(annotations map[string]string) *corev1.Service {
	svc := lab.Service("web", corev1.IPv6Protocol)
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	svc.Spec.ClusterIP, svc.Spec.ClusterIPs = "fd00:10::7", []string{"fd00:10::7"}
	if annotations != nil {
		class := "service.k8s.aws/nlb"
		svc.Spec.Type, svc.Spec.LoadBalancerClass = corev1.ServiceTypeLoadBalancer, &class
		svc.Annotations = map[string]string{}
		for k, v := range annotations {
			svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-"+k] = v
		}
	}
	return svc
}

// TestClusterWithoutIPv4IsServed: targets of both types behind load balancers of both types, without a warning, and
// the security group of the node admits the load balancer.
func TestClusterWithoutIPv4IsServed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ingress, service map[string]string // annotations; of one of both kinds
		instance         bool
		source           string // of the rule of the node's group: "group", or a range
	}{
		"ALB, pods":  {map[string]string{}, nil, false, "group"},
		"ALB, nodes": {map[string]string{"target-type": "instance"}, nil, true, "group"},
		"ALB without public IPv4 addresses": {map[string]string{"ip-address-type": "dualstack-without-public-ipv4"}, nil,
			false, "group"},
		"internal ALB": {map[string]string{"scheme": "internal"}, nil, false, "group"},
		"NLB, pods":    {nil, map[string]string{"nlb-target-type": "ip"}, false, "group"},
		"NLB, nodes":   {nil, map[string]string{"nlb-target-type": "instance"}, true, "group"},
		"NLB without security groups": {nil, map[string]string{"nlb-target-type": "ip", "disable-nlb-sg": "true"}, false,
			"2600:1f14:abc:de10::/64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, instance, native, pod := ipv6Lab(t)
			l.Create(sixService(tc.service))
			key := stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "shop", Name: "web"}}
			if tc.ingress != nil {
				l.Create(lab.Ingress("front", tc.ingress, "web"))
				key = lab.Key("front")
			}
			l.Settle(key)
			r := l.Sim.Resources()
			if len(r.LoadBalancers) != 1 || len(r.TargetGroups) != 1 {
				t.Fatalf("%d load balancers, %d target groups:\n%s", len(r.LoadBalancers), len(r.TargetGroups),
					strings.Join(l.Events, "\n"))
			}
			for _, s := range r.LoadBalancers[0].Zones {
				if s.Subnet == native {
					t.Error("the load balancer is in the subnet without IPv4")
				}
			}
			want := pod + ":8080"
			if tc.instance {
				want = instance + ":30080"
			}
			if got := l.Targets(r.TargetGroups[0].ARN); !slices.Equal(got, []string{want}) {
				t.Errorf("targets %v, want %s", got, want)
			}
			if rules := inboundOf(l); !slices.ContainsFunc(rules, func(rule string) bool {
				return strings.HasPrefix(rule, tc.source) || tc.source == "group" && strings.HasPrefix(rule, "sg-")
			}) {
				t.Errorf("the node's group admits %v", rules)
			}
			for about, texts := range l.Warnings(0) {
				t.Errorf("%s: %v", about, texts)
			}
		})
	}
}

// inboundOf are the rules of the nodes' group but its own: "SOURCE PORT".
func inboundOf(l *lab.Lab) (rules []string) {
	l.Helper()
	out, err := l.Sim.Compute.DescribeSecurityGroups(l.Context(), &ec2.DescribeSecurityGroupsInput{
		GroupIds: []string{lab.NodeGroup}})
	l.Must(err)
	for _, p := range out.SecurityGroups[0].IpPermissions {
		add := func(source *string) {
			if aws.ToString(source) != lab.NodeGroup {
				rules = append(rules, fmt.Sprintf("%s %d", aws.ToString(source), aws.ToInt32(p.FromPort)))
			}
		}
		for _, g := range p.UserIdGroupPairs {
			add(g.GroupId)
		}
		for _, r := range p.IpRanges {
			add(r.CidrIp)
		}
		for _, r := range p.Ipv6Ranges {
			add(r.CidrIpv6)
		}
	}
	return rules
}
