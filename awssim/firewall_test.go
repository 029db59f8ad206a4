package awssim

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/internal/lib/await"
)

func TestRulesOfTheFrontendsGroupsHoldForEveryKindOfPeer(t *testing.T) {
	t.Parallel()
	const list, members = "pl-0a1de0000000000f1", "sg-0a1de000000000001"
	for _, kind := range []elbtypes.LoadBalancerTypeEnum{"network", "application"} {
		network := vnet.New()
		f := seed.Default()
		f.PrefixLists = []seed.PrefixList{{ID: list, Name: "office", Entries: []string{"192.0.2.0/28", "192.0.2.128/28"}}}
		s := serve(t, Options{Seed: &f, DataPlane: true, Network: network, HealthInterval: 20 * time.Millisecond})
		pod(t, network, "10.0.128.77", 8080, "blue")
		ctx := t.Context()
		vpc := aws.String(s.description.VPC.ID)
		group := wanted(s.compute.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("front"),
			Description: aws.String("front"), VpcId: vpc}))(t).GroupId
		lb := wanted(s.balancing.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
			Name: aws.String("front"), Type: kind, Subnets: s.subnets(), SecurityGroups: []string{*group},
			IpAddressType: "dualstack",
		}))(t).LoadBalancers[0]
		protocol := elbtypes.ProtocolEnum("TCP")
		if kind == "application" {
			protocol = "HTTP"
		}
		tg := wanted(s.balancing.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("front"),
			Protocol: protocol, Port: aws.Int32(8080), VpcId: vpc, TargetType: "ip"}))(t).TargetGroups[0]
		wanted(s.balancing.CreateListener(ctx, &elb.CreateListenerInput{
			LoadBalancerArn: lb.LoadBalancerArn, Protocol: protocol, Port: aws.Int32(80), DefaultActions: []elbtypes.Action{
				{Type: "forward", TargetGroupArn: tg.TargetGroupArn}},
		}))(t)
		w := &web{served: s, lb: *lb.LoadBalancerArn, tg: *tg.TargetGroupArn}
		w.register(t, "10.0.128.77")
		w.healthy(t)

		member := s.member(t, members)
		at := wanted(s.admin.Resources(ctx))(t).LoadBalancers[0].Zones[0]
		permission := ec2types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80)}
		for name, tt := range map[string]struct {
			grant           func(*ec2types.IpPermission)
			inside, outside string
			to              netip.Addr
		}{
			"range": {func(p *ec2types.IpPermission) {
				p.IpRanges = []ec2types.IpRange{{CidrIp: aws.String("198.51.100.0/25")}}
			}, "198.51.100.1", "198.51.100.129", at.Public},
			"IPv6 range": {func(p *ec2types.IpPermission) {
				p.Ipv6Ranges = []ec2types.Ipv6Range{{CidrIpv6: aws.String("2001:db8:1::/48")}}
			}, "2001:db8:1::7", "2001:db8:2::7", at.IPv6},
			"prefix list": {func(p *ec2types.IpPermission) {
				p.PrefixListIds = []ec2types.PrefixListId{{PrefixListId: aws.String(list)}}
			}, "192.0.2.130", "192.0.2.64", at.Public},
			"group": {func(p *ec2types.IpPermission) {
				p.UserIdGroupPairs = []ec2types.UserIdGroupPair{{GroupId: aws.String(members)}}
			}, member, "10.0.128.200", at.Private},
		} {
			granted := permission
			tt.grant(&granted)
			for _, allowed := range []bool{false, true} {
				if allowed {
					wanted(s.compute.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
						GroupId: group, IpPermissions: []ec2types.IpPermission{granted}}))(t)
				}
				for from, want := range map[string]bool{tt.inside: allowed, tt.outside: false} {
					if err := request(network, from, netip.AddrPortFrom(tt.to, 80), want); (err == nil) != want {
						t.Errorf("%s, %s granted: %v; from %s: %v", kind, name, allowed, from, err)
					}
				}
			}
			wanted(s.compute.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
				GroupId: group, IpPermissions: []ec2types.IpPermission{granted}}))(t)
		}

		// Nothing may leave: the target is unhealthy, since checks are subject to the rules as well.
		everything := ec2types.IpPermission{IpProtocol: aws.String("-1"), IpRanges: []ec2types.IpRange{
			{CidrIp: aws.String("0.0.0.0/0")}}}
		wanted(s.compute.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{
			GroupId: group, IpPermissions: []ec2types.IpPermission{everything}}))(t)
		await.Equal(t, string(kind)+": the target without outbound rules", func() elbtypes.TargetHealthStateEnum {
			return wanted(s.balancing.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{
				TargetGroupArn: tg.TargetGroupArn}))(t).TargetHealthDescriptions[0].TargetHealth.State
		}, elbtypes.TargetHealthStateEnumUnhealthy)
	}
}

// member is the address of some interface in a security group.
func (s *served) member(t *testing.T, group string) string {
	t.Helper()
	out := wanted(s.compute.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{group}}},
	}))(t)
	if len(out.NetworkInterfaces) == 0 {
		t.Fatalf("no interface is in %s", group)
	}
	return *out.NetworkInterfaces[0].PrivateIpAddress
}

// request asks a listener for a page from an address of the virtual network. It gives up soon when that is expected to
// be dropped on the way.
func request(n *vnet.Network, from string, to netip.AddrPort, patient bool) error {
	limit := 50 * time.Millisecond
	if patient {
		limit = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := n.DialTCP(ctx, netip.MustParseAddr(from), to)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "HTTP/1.1 200") {
		err = fmt.Errorf("answered %q", line)
	}
	return err
}
