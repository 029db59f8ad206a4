package elbv2

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// named is a load balancer of that name.
func named(name string) changeLB {
	return func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String(name) }
}

func grouped(ids ...string) changeLB {
	return func(in *elb.CreateLoadBalancerInput) { in.SecurityGroups = ids }
}

func tagged(pairs ...string) changeLB {
	return func(in *elb.CreateLoadBalancerInput) {
		for i := 0; i < len(pairs); i += 2 {
			in.Tags = append(in.Tags, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
		}
	}
}

// TestALoadBalancerIsFoundAgainByItsPresentSettings makes a load balancer twice, with something in between.
func TestALoadBalancerIsFoundAgainByItsPresentSettings(t *testing.T) {
	t.Parallel()
	allocated := func(id string) changeLB {
		return mapped(types.SubnetMapping{SubnetId: aws.String(subnetA), AllocationId: aws.String(id)})
	}
	private := func(addr string) changeLB {
		return mapped(types.SubnetMapping{SubnetId: aws.String(subnetA), PrivateIPv4Address: aws.String(addr)})
	}
	type step = func(f *fixture, arn *string) error
	none := func(*fixture, *string) error { return nil }
	const duplicate = "DuplicateLoadBalancerName"
	for _, c := range []struct {
		name        string
		once, again []changeLB
		between     step
		code        string
	}{
		{"the same", nil, nil, none, ""},
		{"the same mappings", []changeLB{ofType("network"), publicly, allocated(eip1)},
			[]changeLB{ofType("network"), publicly, allocated(eip1)}, none, ""},
		{"defaults spelled out", []changeLB{publicly}, []changeLB{publicly, ofType("application"),
			func(in *elb.CreateLoadBalancerInput) { in.IpAddressType = "ipv4" }}, none, ""},
		{"another type", nil, []changeLB{ofType("network")}, none, duplicate},
		{"another scheme", nil, []changeLB{publicly}, none, duplicate},
		{"other subnets", nil, []changeLB{inSubnets(subnetA, subnetC)}, none, duplicate},
		{"more subnets", nil, []changeLB{inSubnets(subnetA, subnetB, subnetC)}, none, duplicate},
		{"another address type", nil, []changeLB{dualstack}, none, duplicate},
		{"other groups", nil, []changeLB{grouped(group1)}, none, duplicate},
		{"other tags", []changeLB{tagged("a", "1")}, []changeLB{tagged("a", "2")}, none, duplicate},
		{"another allocation", []changeLB{ofType("network"), publicly, allocated(eip1)},
			[]changeLB{ofType("network"), publicly, allocated(eip2)}, none, duplicate},
		{"another private address", []changeLB{ofType("network"), private("10.0.1.77")},
			[]changeLB{ofType("network"), private("10.0.1.78")}, none, duplicate},
		{"its groups changed", nil, nil, func(f *fixture, arn *string) error {
			_, err := f.SetSecurityGroups(f.ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: arn,
				SecurityGroups: []string{group1}})
			return err
		}, duplicate},
		{"wanted as it was changed", nil, []changeLB{inSubnets(subnetB, subnetC)}, func(f *fixture, arn *string) error {
			_, err := f.SetSubnets(f.ctx, &elb.SetSubnetsInput{LoadBalancerArn: arn, Subnets: []string{subnetB, subnetC}})
			return err
		}, ""},
		{"its tags changed", nil, nil, func(f *fixture, arn *string) error {
			return f.tagging(*arn, []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}})
		}, duplicate},
		{"deleted in between", nil, []changeLB{ofType("network")}, func(f *fixture, arn *string) error {
			_, err := f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: arn})
			return err
		}, ""},
		{"found although the quota is reached", nil, nil, func(f *fixture, _ *string) error {
			f.quota(request.QuotaALBs, 1)
			return nil
		}, ""},
		{"another name in other letters", nil, []changeLB{named("Same")}, none, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := instant(t)
			f.ok(f.create(append([]changeLB{named("same")}, c.once...)...))
			f.ok(c.between(f, &f.account.LoadBalancersInOrder()[0].ARN))
			err := f.create(append([]changeLB{named("same")}, c.again...)...)
			if c.code == "" {
				f.ok(err)
			} else {
				f.refused(err, c.code, "A load balancer with the same name 'same' exists, but with different settings")
			}
			f.whole()
		})
	}
}

func TestLoadBalancersAreDescribedAsAWSDescribesThem(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	alb := f.balancer("application", inSubnets(subnetC, subnetA, subnetB))
	nlb := f.balancer("network", publicly, grouped(group1))
	for _, lb := range []types.LoadBalancer{alb, nlb} {
		zones := ""
		for _, z := range lb.AvailabilityZones {
			zones += *z.ZoneName + " "
			if z.LoadBalancerAddresses == nil || len(z.LoadBalancerAddresses) != 0 {
				t.Errorf("%s shows addresses that were not requested: %v", lb.Type, z.LoadBalancerAddresses)
			}
		}
		if lb.State.Code != "provisioning" || lb.State.Reason != nil || *lb.VpcId != vpc1 ||
			!lb.CreatedTime.Equal(f.clock.Now()) || lb.IpAddressType != "ipv4" ||
			zones != map[types.LoadBalancerTypeEnum]string{"application": "us-west-2a us-west-2b us-west-2c ",
				"network": "us-west-2a us-west-2b "}[lb.Type] {
			t.Errorf("%s in %s: %+v", lb.Type, zones, lb)
		}
		if lb.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic != nil || lb.CustomerOwnedIpv4Pool != nil ||
			lb.IpamPools != nil {
			t.Errorf("%s shows what was not set: %+v", lb.Type, lb)
		}
	}
	if alb.Scheme != "internal" || nlb.Scheme != "internet-facing" || len(f.nlb().SecurityGroups) != 0 {
		t.Errorf("schemes %s and %s", alb.Scheme, nlb.Scheme)
	}
	_, err := f.SetSecurityGroups(f.ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: nlb.LoadBalancerArn,
		SecurityGroups: []string{group1}, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: "on"})
	f.ok(err)
	out, err := f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{
		LoadBalancerArns: []string{*nlb.LoadBalancerArn, *nlb.LoadBalancerArn}})
	f.ok(err)
	if len(out.LoadBalancers) != 1 ||
		aws.ToString(out.LoadBalancers[0].EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic) != "on" {
		t.Errorf("described %+v", out.LoadBalancers)
	}
}

func TestLoadBalancersFurtherRowByRow(t *testing.T) {
	t.Parallel()
	hold(t, slices.Concat(taggedLoadBalancers(), addressedLoadBalancers(), describedAndDeleted(),
		securedLoadBalancers(), readdressed()))
}

// taggedLoadBalancers are rows of CreateLoadBalancer: tags.
func taggedLoadBalancers() []row {
	return []row{
		{"tag key of 128 characters", creating(tagged(strings.Repeat("é", 128), strings.Repeat("v", 256))), "", ""},
		{"tag key of 129 characters", creating(tagged(strings.Repeat("k", 129), "")), "ValidationError",
			"'tags.member.key' failed to satisfy constraint: Member must have length less than or equal to 128"},
		{"empty tag key", creating(tagged("", "")), "ValidationError", "greater than or equal to 1"},
		{"tag value of 257 characters", creating(tagged("k", strings.Repeat("v", 257))),
			"ValidationError", "'tags.member.value'"},
		{"characters of tags", creating(tagged("aZ 9_.:/=+-@", "é")), "", ""},
		{"a character that tags have not", creating(tagged("k", "a,b")), "ValidationError", "'tags.member.value'"},
		{"tag keys differ by case", creating(tagged("k", "1", "K", "2")), "", ""},
		{"fifty tags", creating(func(in *elb.CreateLoadBalancerInput) { in.Tags = manyTags(50) }), "", ""},
	}
}

// addressedLoadBalancers are rows of CreateLoadBalancer: address types, addresses, quotas.
func addressedLoadBalancers() []row {
	return []row{
		{"unknown address type", creating(func(in *elb.CreateLoadBalancerInput) { in.IpAddressType = "ipv6" }),
			"ValidationError", "'ipAddressType'"},
		{"unknown source NAT", creating(func(in *elb.CreateLoadBalancerInput) { in.EnablePrefixForIpv6SourceNat = "yes" }),
			"ValidationError", "'enablePrefixForIpv6SourceNat'"},
		{"no public IPv4, ALB", creating(publicly, func(in *elb.CreateLoadBalancerInput) {
			in.IpAddressType = "dualstack-without-public-ipv4"
		}), "", ""},
		{"dualstack, NLB", creating(ofType("network"), dualstack), "", ""},
		{"dualstack without IPv6, NLB", creating(ofType("network"), dualstack, inSubnets(subnetC)),
			"InvalidConfigurationRequest", "You must specify subnets with an associated IPv6 CIDR block."},
		{"small subnet, NLB with eight free", creating(ofType("network"), inSubnets(subnetSmall)), "", ""},
		{"IPv6 address of an ALB", creating(dualstack, func(in *elb.CreateLoadBalancerInput) {
			in.Subnets = nil
			in.SubnetMappings = []types.SubnetMapping{
				{SubnetId: aws.String(subnetA), IPv6Address: aws.String("2001:db8:0:1::9")}, {SubnetId: aws.String(subnetB)}}
		}), "InvalidConfigurationRequest", "'network'"},
		{"private address of an ALB", creating(func(in *elb.CreateLoadBalancerInput) {
			in.Subnets = nil
			in.SubnetMappings = []types.SubnetMapping{
				{SubnetId: aws.String(subnetA), PrivateIPv4Address: aws.String("10.0.1.9")}, {SubnetId: aws.String(subnetB)}}
		}), "InvalidConfigurationRequest", "'network'"},
		{"an EIP twice", creating(ofType("network"), publicly, func(in *elb.CreateLoadBalancerInput) {
			in.Subnets = nil
			in.SubnetMappings = []types.SubnetMapping{{SubnetId: aws.String(subnetA), AllocationId: aws.String(eip1)},
				{SubnetId: aws.String(subnetB), AllocationId: aws.String(eip1)}}
		}), "InvalidConfigurationRequest", "more than one subnet"},
		{"an EIP whose last holder was just deleted", func(f *fixture) error {
			f.account.Profile.NetworkInterfaceRelease = time.Minute
			m := mapped(types.SubnetMapping{SubnetId: aws.String(subnetA), AllocationId: aws.String(eip1)})
			_, err := f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{
				LoadBalancerArn: f.balancer("network", publicly, m).LoadBalancerArn})
			f.ok(err)
			f.clock.Advance(time.Minute - time.Second)
			f.refused(f.create(ofType("network"), publicly, m), "ResourceInUse", eip1)
			f.clock.Advance(time.Second)
			return f.create(ofType("network"), publicly, m)
		}, "", ""},
		{"too many NLBs", func(f *fixture) error {
			f.quota(request.QuotaNLBs, 0)
			return f.create(ofType("network"))
		}, "TooManyLoadBalancers", "'network'"},
		{"too many gateways", func(f *fixture) error {
			f.quota(request.QuotaGWLBs, 0)
			return f.create(asGateway)
		}, "TooManyLoadBalancers", "'gateway'"},
		{"customer-owned pool of 257 characters", creating(func(in *elb.CreateLoadBalancerInput) {
			in.CustomerOwnedIpv4Pool = aws.String("ipv4pool-coip-" + strings.Repeat("a", 243))
		}), "ValidationError", "256"},
	}
}

// describedAndDeleted are rows of DescribeLoadBalancers and DeleteLoadBalancer.
func describedAndDeleted() []row {
	describe := func(in *elb.DescribeLoadBalancersInput) func(*fixture) error {
		return func(f *fixture) error { _, err := f.DescribeLoadBalancers(f.ctx, in); return err }
	}
	return []row{
		{"ARNs and names", describe(&elb.DescribeLoadBalancersInput{Names: []string{"a"}, LoadBalancerArns: []string{
			unknownLoadBalancer}}), "ValidationError", "Load balancer names and load balancer ARNs cannot be specified at " +
			"the same time"},
		{"21 names", describe(&elb.DescribeLoadBalancersInput{Names: make([]string, 21)}), "ValidationError", "'20'"},
		{"21 ARNs", describe(&elb.DescribeLoadBalancersInput{LoadBalancerArns: make([]string, 21)}),
			"ValidationError", "'20'"},
		{"one of two names is unknown", func(f *fixture) error {
			return describe(&elb.DescribeLoadBalancersInput{Names: []string{*f.alb().LoadBalancerName, "none"}})(f)
		}, "LoadBalancerNotFound", "Load balancers '[none]' not found"},
		{"a name with an underscore", describe(&elb.DescribeLoadBalancersInput{Names: []string{"none", "a_b"}}),
			"ValidationError", "The load balancer name 'a_b' can only contain characters that are alphanumeric"},
		{"deletion of what is provisioning", func(f *fixture) error {
			f.account.Profile.LoadBalancerActive = time.Hour
			_, err := f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: f.alb().LoadBalancerArn})
			return err
		}, "", ""},
		{"changes of what is provisioning", func(f *fixture) error {
			f.account.Profile.LoadBalancerActive = time.Hour
			lb := f.alb()
			f.listen(lb, "HTTP", 80, respond("200"))
			return setGroups(f, lb, "", group1)
		}, "", ""},
		{"deletion of an NLB with endpoint services", func(f *fixture) error {
			lb := f.nlb()
			f.account.LoadBalancers[*lb.LoadBalancerArn].Associated = []string{"vpce-svc-1"}
			_, err := f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
			return err
		}, "ResourceInUse", "cannot be deleted because it is currently associated with another service"},
		{"deletion with a reservation", func(f *fixture) error {
			f.quota(quotaCapacity, 1000)
			lb := f.alb()
			_, err := f.ModifyCapacityReservation(f.ctx, &elb.ModifyCapacityReservationInput{LoadBalancerArn: lb.LoadBalancerArn,
				MinimumLoadBalancerCapacity: &types.MinimumLoadBalancerCapacity{CapacityUnits: aws.Int32(100)}})
			f.ok(err)
			_, err = f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
			return err
		}, "", ""},
	}
}

// securedLoadBalancers are rows of SetSecurityGroups.
func securedLoadBalancers() []row {
	return []row{
		{"six groups set", func(f *fixture) error {
			in := &elb.CreateLoadBalancerInput{}
			f.groupsOf(6)(in)
			return setGroups(f, f.alb(), "", in.SecurityGroups...)
		}, "InvalidConfigurationRequest", "'5'"},
		{"groups set on a gateway", func(f *fixture) error {
			return setGroups(f, f.balancer("gateway", asGateway), "", group1)
		}, "InvalidConfigurationRequest", "'gateway'"},
		{"groups of an NLB cannot be taken away", func(f *fixture) error {
			return setGroups(f, f.balancer("network", grouped(group1)), "")
		}, "ValidationError", "At least one security group"},
		{"PrivateLink rules on an ALB", func(f *fixture) error { return setGroups(f, f.alb(), "on", group1) },
			"InvalidConfigurationRequest", "PrivateLink"},
		{"unknown PrivateLink rules", func(f *fixture) error { return setGroups(f, f.alb(), "maybe", group1) },
			"ValidationError", "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic"},
	}
}

// readdressed are rows of SetIpAddressType, SetSubnets and ModifyIpPools.
func readdressed() []row {
	addressType := func(f *fixture, lb types.LoadBalancer, typ string) error {
		_, err := f.SetIpAddressType(f.ctx, &elb.SetIpAddressTypeInput{LoadBalancerArn: lb.LoadBalancerArn,
			IpAddressType: types.IpAddressType(typ)})
		return err
	}
	ipv6 := func(in *elb.CreateTargetGroupInput) { in.IpAddressType = "ipv6" }
	return []row{
		{"NLB to dualstack and back", func(f *fixture) error {
			lb := f.nlb()
			f.ok(addressType(f, lb, "dualstack"))
			return addressType(f, lb, "ipv4")
		}, "", ""},
		{"NLB without public IPv4", func(f *fixture) error {
			return addressType(f, f.balancer("network", publicly), "dualstack-without-public-ipv4")
		}, "InvalidConfigurationRequest", "'application'"},
		{"ALB without public IPv4", func(f *fixture) error {
			return addressType(f, f.balancer("application", publicly), "dualstack-without-public-ipv4")
		}, "", ""},
		{"to ipv4 with an IPv6 target group", func(f *fixture) error {
			lb := f.balancer("network", dualstack)
			f.listen(lb, "TCP", 80, forwardTo(f.group("TCP", ipv6)))
			return addressType(f, lb, "ipv4")
		}, "InvalidConfigurationRequest", "'ipv6'"},
		{"to dualstack with a QUIC listener", func(f *fixture) error {
			lb := f.nlb()
			f.listen(lb, "QUIC", 443, forwardTo(f.group("QUIC")))
			return addressType(f, lb, "dualstack")
		}, "InvalidConfigurationRequest", "The QUIC listener on port '443' requires EnablePrefixForIpv6SourceNat"},
		{"to dualstack with a TCP_UDP listener", func(f *fixture) error {
			lb := f.nlb()
			f.listen(lb, "TCP_UDP", 53, forwardTo(f.group("TCP_UDP")))
			return addressType(f, lb, "dualstack")
		}, "InvalidConfigurationRequest", "The TCP_UDP listener"},
		{"no address type", func(f *fixture) error { return addressType(f, f.alb(), "") }, "ValidationError",
			"'ipAddressType'"},
		{"source NAT off under a UDP listener", func(f *fixture) error {
			lb := f.balancer("network", dualstack, withNAT)
			f.listen(lb, "UDP", 53, forwardTo(f.group("UDP", ipv6)))
			_, err := f.SetSubnets(f.ctx, &elb.SetSubnetsInput{LoadBalancerArn: lb.LoadBalancerArn, Subnets: []string{
				subnetA, subnetB}, EnablePrefixForIpv6SourceNat: "off"})
			return err
		}, "InvalidConfigurationRequest", "The UDP listener on port '53' requires EnablePrefixForIpv6SourceNat"},
		{"subnets and address type in one call", func(f *fixture) error {
			lb := f.alb()
			out, err := f.SetSubnets(f.ctx, &elb.SetSubnetsInput{LoadBalancerArn: lb.LoadBalancerArn, Subnets: []string{
				subnetA, subnetB}, IpAddressType: "dualstack"})
			if err == nil && out.IpAddressType != "dualstack" {
				return fmt.Errorf("address type %s", out.IpAddressType)
			}
			return err
		}, "", ""},
		{"subnets both ways", func(f *fixture) error {
			_, err := f.SetSubnets(f.ctx, &elb.SetSubnetsInput{LoadBalancerArn: f.nlb().LoadBalancerArn, Subnets: []string{
				subnetA}, SubnetMappings: []types.SubnetMapping{{SubnetId: aws.String(subnetA)}}})
			return err
		}, "ValidationError", "not both"},
		{"a kept private address must be repeated", func(f *fixture) error {
			lb := f.balancer("network", mapped(types.SubnetMapping{SubnetId: aws.String(subnetA), PrivateIPv4Address: aws.String(
				"10.0.1.77")}))
			_, err := f.SetSubnets(f.ctx, &elb.SetSubnetsInput{LoadBalancerArn: lb.LoadBalancerArn, Subnets: []string{subnetA}})
			return err
		}, "InvalidConfigurationRequest", "us-west-2a"},
		{"repeated mappings stay", func(f *fixture) error {
			m := types.SubnetMapping{SubnetId: aws.String(subnetA), AllocationId: aws.String(eip1)}
			lb := f.balancer("network", publicly, mapped(m))
			_, err := f.SetSubnets(f.ctx, &elb.SetSubnetsInput{LoadBalancerArn: lb.LoadBalancerArn,
				SubnetMappings: []types.SubnetMapping{m, {SubnetId: aws.String(subnetB), AllocationId: aws.String(eip2)}}})
			return err
		}, "", ""},
		{"an unknown pool set", func(f *fixture) error {
			f.account.IPAMPools = map[string]*vpc.IPAMPool{}
			_, err := f.ModifyIpPools(f.ctx, &elb.ModifyIpPoolsInput{
				LoadBalancerArn: f.balancer("application", publicly).LoadBalancerArn, IpamPools: &types.IpamPools{
					Ipv4IpamPoolId: aws.String("ipam-pool-1")}})
			return err
		}, "InvalidConfigurationRequest", "ipam-pool-1"},
	}
}

// setGroups sets the security groups, and whether their rules count for PrivateLink.
func setGroups(f *fixture, lb types.LoadBalancer, flag string, ids ...string) error {
	_, err := f.SetSecurityGroups(f.ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: lb.LoadBalancerArn,
		SecurityGroups: ids,
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum(
			flag)})
	return err
}

// asGateway makes the load balancer one of type gateway.
func asGateway(in *elb.CreateLoadBalancerInput) { in.Type, in.Scheme = "gateway", "" }

func TestACapacityReservationIsDescribedFromNothingToReset(t *testing.T) {
	t.Parallel()
	f := instant(t)
	f.quota(quotaCapacity, 1000)
	f.account.Profile.CapacityReservation = time.Minute
	lb := f.alb()
	describe := func() string {
		t.Helper()
		out, err := f.DescribeCapacityReservation(f.ctx, &elb.DescribeCapacityReservationInput{
			LoadBalancerArn: lb.LoadBalancerArn})
		f.ok(err)
		if out.CapacityReservationState == nil {
			t.Error("the states are no list")
		}
		text := fmt.Sprint(out.LastModifiedTime != nil, " ", *out.DecreaseRequestsRemaining)
		if out.MinimumLoadBalancerCapacity != nil {
			text += fmt.Sprint(" ", *out.MinimumLoadBalancerCapacity.CapacityUnits)
		}
		for _, s := range out.CapacityReservationState {
			text += fmt.Sprint(" ", *s.AvailabilityZone, " ", s.State.Code, " ", *s.EffectiveCapacityUnits)
		}
		return text
	}
	expect := func(want string) {
		t.Helper()
		if got := describe(); got != want {
			t.Errorf("reservation %q, want %q", got, want)
		}
	}
	modify := func(in elb.ModifyCapacityReservationInput) error {
		in.LoadBalancerArn = lb.LoadBalancerArn
		_, err := f.ModifyCapacityReservation(f.ctx, &in)
		return err
	}
	units := &types.MinimumLoadBalancerCapacity{CapacityUnits: aws.Int32(101)}
	expect("false 2")
	f.ok(modify(elb.ModifyCapacityReservationInput{MinimumLoadBalancerCapacity: units}))
	expect("true 2 101 us-west-2a pending 50.5 us-west-2b pending 50.5")
	f.refused(modify(elb.ModifyCapacityReservationInput{ResetCapacityReservation: aws.Bool(true)}),
		"PriorRequestNotComplete", "")
	f.clock.Advance(time.Minute)
	expect("true 2 101 us-west-2a provisioned 50.5 us-west-2b provisioned 50.5")
	f.refused(modify(elb.ModifyCapacityReservationInput{MinimumLoadBalancerCapacity: units,
		ResetCapacityReservation: aws.Bool(true)}), "ValidationError", "either")
	f.ok(modify(elb.ModifyCapacityReservationInput{ResetCapacityReservation: aws.Bool(true)}))
	expect("true 1")
}
