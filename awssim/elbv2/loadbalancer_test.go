package elbv2

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

func TestCreateLoadBalancerRefusesWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	mappings := func(m ...types.SubnetMapping) func(*elb.CreateLoadBalancerInput) {
		return func(in *elb.CreateLoadBalancerInput) { in.Subnets, in.SubnetMappings = nil, m }
	}
	subnets := func(ids ...string) func(*elb.CreateLoadBalancerInput) {
		return func(in *elb.CreateLoadBalancerInput) { in.Subnets = ids }
	}
	named := func(name string) func(*elb.CreateLoadBalancerInput) {
		return func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String(name) }
	}
	network := func(in *elb.CreateLoadBalancerInput) { in.Type = "network" }
	public := func(in *elb.CreateLoadBalancerInput) { in.Scheme = "internet-facing" }
	dualstack := func(in *elb.CreateLoadBalancerInput) { in.IpAddressType = "dualstack" }
	type change = func(*elb.CreateLoadBalancerInput)
	for name, c := range map[string]struct {
		changes    []change
		code, text string
	}{
		"no name": {[]change{func(in *elb.CreateLoadBalancerInput) { in.Name = nil }}, "ValidationError",
			"Value null at 'name'"},
		"long name": {[]change{named(strings.Repeat("a", 33))}, "ValidationError",
			"cannot be longer than '32' characters"},
		"odd character": {[]change{named("a_b")}, "ValidationError",
			"can only contain characters that are alphanumeric characters and hyphens(-)"},
		"hyphen first":   {[]change{named("-a")}, "ValidationError", "cannot begin or end with '-'"},
		"internal- name": {[]change{named("internal-a")}, "ValidationError", "cannot start with 'internal-'"},
		"unknown type": {[]change{func(in *elb.CreateLoadBalancerInput) { in.Type = "classic" }},
			"ValidationError", "enum value set"},
		"unknown scheme": {[]change{func(in *elb.CreateLoadBalancerInput) { in.Scheme = "public" }},
			"ValidationError", "'scheme'"},
		"no subnets":      {[]change{subnets()}, "ValidationError", "At least two subnets"},
		"no subnets, NLB": {[]change{subnets(), network}, "ValidationError", "At least one subnet"},
		"one subnet": {[]change{subnets(subnetA)}, "ValidationError",
			"At least two subnets in two different Availability Zones"},
		"one zone": {[]change{subnets(subnetA, subnetA2)}, "InvalidConfigurationRequest",
			"multiple subnets in the same Availability Zone"},
		"both ways": {
			[]change{func(in *elb.CreateLoadBalancerInput) { in.SubnetMappings = []types.SubnetMapping{{}} }}, "ValidationError",
			"either subnets or subnet mappings"},
		"unknown subnet": {[]change{subnets(subnetA, "subnet-none")}, "SubnetNotFound",
			"The subnet ID 'subnet-none' does not exist"},
		"two VPCs": {[]change{subnets(subnetA, "subnet-foreign-b")}, "InvalidConfigurationRequest",
			"same VPC"},
		"small subnet": {[]change{subnets(subnetA, subnetSmall)}, "InvalidSubnet", "/27"},
		"no gateway": {[]change{subnets(subnetForeign, "subnet-foreign-b"), public}, "InvalidSubnet",
			"VPC vpc-2 has no internet gateway"},
		"local zone, NLB": {[]change{subnets("subnet-lax"), network}, "AvailabilityZoneNotSupported",
			"us-west-2-lax-1a"},
		"local zone mixed": {[]change{subnets("subnet-lax", subnetA)}, "InvalidConfigurationRequest",
			"Local Zones"},
		"unknown group": {
			[]change{func(in *elb.CreateLoadBalancerInput) { in.SecurityGroups = []string{"sg-none"} }},
			"InvalidConfigurationRequest", "One or more security groups are invalid"},
		"foreign group": {
			[]change{func(in *elb.CreateLoadBalancerInput) { in.SecurityGroups = []string{"sg-foreign"} }},
			"InvalidConfigurationRequest", "One or more security groups are invalid"},
		"empty groups": {[]change{func(in *elb.CreateLoadBalancerInput) { in.SecurityGroups = []string{} }},
			"ValidationError", "security group"},
		"dualstack without IPv6": {[]change{subnets(subnetA, subnetC), dualstack}, "InvalidConfigurationRequest",
			"IPv6 CIDR block"},
		"no public IPv4 but internal": {
			[]change{func(in *elb.CreateLoadBalancerInput) { in.IpAddressType = "dualstack-without-public-ipv4" }},
			"InvalidConfigurationRequest", "internet-facing"},
		"EIP on ALB": {
			[]change{public, mappings(types.SubnetMapping{SubnetId: aws.String(subnetA), AllocationId: aws.String(eip1)},
				types.SubnetMapping{SubnetId: aws.String(subnetB)})}, "InvalidConfigurationRequest", "Allocation IDs"},
		"unknown EIP": {
			[]change{
				public, network,
				mappings(types.SubnetMapping{SubnetId: aws.String(subnetA), AllocationId: aws.String("eipalloc-none")})},
			"AllocationIdNotFound", "eipalloc-none"},
		"EIP for one of two": {
			[]change{
				public, network, mappings(types.SubnetMapping{SubnetId: aws.String(subnetA), AllocationId: aws.String(eip1)},
					types.SubnetMapping{SubnetId: aws.String(subnetB)})}, "InvalidConfigurationRequest",
			"for all subnets or for none"},
		"private address of elsewhere": {
			[]change{
				network, mappings(types.SubnetMapping{SubnetId: aws.String(subnetA), PrivateIPv4Address: aws.String("10.0.2.9")})},
			"InvalidConfigurationRequest", "CIDR block of the subnet"},
		"reserved private address": {
			[]change{
				network, mappings(types.SubnetMapping{SubnetId: aws.String(subnetA), PrivateIPv4Address: aws.String("10.0.1.1")})},
			"InvalidConfigurationRequest", "10.0.1.1"},
		"private address in public": {
			[]change{network, public, mappings(types.SubnetMapping{SubnetId: aws.String(subnetA), PrivateIPv4Address: aws.String(
				privateAddressOfSubnet)})}, "InvalidConfigurationRequest", "internal"},
		"source NAT on ALB": {
			[]change{func(in *elb.CreateLoadBalancerInput) { in.EnablePrefixForIpv6SourceNat = "on" }},
			"InvalidConfigurationRequest", "EnablePrefixForIpv6SourceNat"},
		"reserved tag": {
			[]change{func(in *elb.CreateLoadBalancerInput) { in.Tags = []types.Tag{{Key: aws.String("aws:x")}} }},
			"ValidationError", "reserved"},
		"tag twice": {[]change{func(in *elb.CreateLoadBalancerInput) {
			in.Tags = []types.Tag{{Key: aws.String("x")}, {Key: aws.String("x")}}
		}}, "DuplicateTagKeys", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := instant(t)
			interfaces := len(f.account.Interfaces)
			in := &elb.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{subnetA, subnetB}, Scheme: "internal"}
			for _, change := range c.changes {
				change(in)
			}
			_, err := f.CreateLoadBalancer(f.ctx, in)
			f.refused(err, c.code, c.text)
			if len(f.account.LoadBalancers) != 0 || len(f.account.Interfaces) != interfaces {
				t.Error("a refused call left something behind")
			}
		})
	}
}

func TestNamesOfLoadBalancersHaveAWSForms(t *testing.T) {
	t.Parallel()
	f := instant(t)
	for _, c := range []struct {
		typ      types.LoadBalancerTypeEnum
		scheme   types.LoadBalancerSchemeEnum
		dns, arn string
		zone     string
	}{
		{"application", "internet-facing", `^n+x+-\d{10}\.us-west-2\.elb\.amazonaws\.com$`,
			`:loadbalancer/app/nx+/[0-9a-f]{16}$`, "Z1H1FL5HABSF5"},
		{"application", "internal", `^internal-nx+-\d{10}\.us-west-2\.elb\.amazonaws\.com$`,
			`:loadbalancer/app/nx+/[0-9a-f]{16}$`, "Z1H1FL5HABSF5"},
		{"network", "internal", `^nx+-[0-9a-f]{16}\.elb\.us-west-2\.amazonaws\.com$`, `:loadbalancer/net/nx+/[0-9a-f]{16}$`,
			"Z18D5FSROUN65G"},
	} {
		lb := f.balancer(c.typ, func(in *elb.CreateLoadBalancerInput) { in.Scheme = c.scheme })
		if !regexp.MustCompile(c.dns).MatchString(*lb.DNSName) || !regexp.MustCompile(c.arn).MatchString(
			*lb.LoadBalancerArn) || *lb.CanonicalHostedZoneId != c.zone {
			t.Errorf("%s %s: %s, %s, %s", c.scheme, c.typ, *lb.DNSName, *lb.LoadBalancerArn, *lb.CanonicalHostedZoneId)
		}
	}
}

func TestAReservedIDBecomesPartOfTheARN(t *testing.T) {
	t.Parallel()
	f := instant(t)
	f.account.ReserveID("loadbalancer/app/nx", "0123456789abcdef")
	if lb := f.alb(); *lb.LoadBalancerArn !=
		"arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/nx/0123456789abcdef" {
		t.Error(*lb.LoadBalancerArn)
	}
}

func TestCreatingALoadBalancerAgainAnswersTheSameUnlessItDiffers(t *testing.T) {
	t.Parallel()
	f := instant(t)
	in := func(change func(*elb.CreateLoadBalancerInput)) *elb.CreateLoadBalancerInput {
		in := &elb.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{subnetB, subnetA}, Tags: []types.Tag{
			{Key: aws.String("a"), Value: aws.String("1")}}}
		change(in)
		return in
	}
	made, err := f.CreateLoadBalancer(f.ctx, in(func(*elb.CreateLoadBalancerInput) {}))
	f.ok(err)
	again, err := f.CreateLoadBalancer(f.ctx, in(func(in *elb.CreateLoadBalancerInput) { slices.Reverse(in.Subnets) }))
	f.ok(err)
	if *made.LoadBalancers[0].LoadBalancerArn != *again.LoadBalancers[0].LoadBalancerArn ||
		len(f.account.LoadBalancers) != 1 {
		t.Error("the second call made another load balancer")
	}
	for name, change := range map[string]func(*elb.CreateLoadBalancerInput){
		"type":    func(in *elb.CreateLoadBalancerInput) { in.Type = "network" },
		"scheme":  func(in *elb.CreateLoadBalancerInput) { in.Scheme = "internal" },
		"subnets": func(in *elb.CreateLoadBalancerInput) { in.Subnets = []string{subnetA, subnetC} },
		"groups":  func(in *elb.CreateLoadBalancerInput) { in.SecurityGroups = []string{group1} },
		"tags":    func(in *elb.CreateLoadBalancerInput) { in.Tags = nil },
	} {
		_, err := f.CreateLoadBalancer(f.ctx, in(change))
		t.Log(name)
		f.refused(err, "DuplicateLoadBalancerName", "with the same name 'web' exists, but with different settings")
	}
	f.whole()
}

func TestALoadBalancerBecomesActiveInItsTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	changes := 0
	f.account.OnChange(func() { changes++ })
	lb := f.alb()
	state := func() types.LoadBalancerStateEnum {
		out, err := f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{
			LoadBalancerArns: []string{*lb.LoadBalancerArn}})
		f.ok(err)
		return out.LoadBalancers[0].State.Code
	}
	if lb.State.Code != "provisioning" || state() != "provisioning" || changes != 1 {
		t.Errorf("state %s, %d changes", state(), changes)
	}
	f.clock.Advance(account.Real().LoadBalancerActive)
	if state() != "active" || changes != 2 {
		t.Errorf("state %s, %d changes", state(), changes)
	}
}

func TestInterfacesOutliveLoadBalancer(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	lb := f.balancer("application", func(in *elb.CreateLoadBalancerInput) { in.SecurityGroups = []string{group1} })
	interfaces := func() (subnets []string) {
		for _, n := range f.account.Interfaces {
			if strings.HasPrefix(n.Description, "ELB app/"+*lb.LoadBalancerName+"/") &&
				slices.Equal(n.Groups, []string{group1}) && n.RequesterManaged {
				subnets = append(subnets, n.Subnet)
			}
		}
		slices.Sort(subnets)
		return subnets
	}
	if got := interfaces(); !slices.Equal(got, []string{subnetA, subnetB}) {
		t.Errorf("interfaces in %v", got)
	}
	_, err := f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
	f.ok(err)
	_, err = f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{Names: []string{*lb.LoadBalancerName}})
	f.refused(err, "LoadBalancerNotFound", *lb.LoadBalancerName)
	if f.account.DeleteSecurityGroup(group1) == nil {
		t.Error("the security group could be deleted while the interfaces linger")
	}
	f.clock.Advance(account.Real().InterfaceRelease - time.Second)
	if len(interfaces()) != 2 {
		t.Error("the interfaces went too early")
	}
	f.clock.Advance(time.Second)
	if len(interfaces()) != 0 {
		t.Error("the interfaces stayed")
	}
	f.ok(f.account.DeleteSecurityGroup(group1))
	_, err = f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
	f.ok(err)
	_, err = f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: aws.String("nonsense")})
	f.refused(err, "ValidationError", "'nonsense' is not a valid load balancer ARN")
}

func TestDefaultSecurityGroupIsForALBOnly(t *testing.T) {
	t.Parallel()
	f := instant(t)
	fallback, _ := f.account.DefaultGroup(vpc1)
	if got := f.alb().SecurityGroups; !slices.Equal(got, []string{fallback.ID}) {
		t.Errorf("ALB has groups %v", got)
	}
	nlb := f.nlb()
	if nlb.SecurityGroups != nil {
		t.Errorf("NLB has groups %v", nlb.SecurityGroups)
	}
	_, err := f.SetSecurityGroups(f.ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: nlb.LoadBalancerArn,
		SecurityGroups: []string{group1}})
	f.refused(err, "InvalidConfigurationRequest", "without security groups")
}

func TestSetSecurityGroupsReachesTheInterfaces(t *testing.T) {
	t.Parallel()
	f := instant(t)
	lb := f.balancer("network", func(in *elb.CreateLoadBalancerInput) { in.SecurityGroups = []string{group1} })
	for _, c := range []struct {
		groups     []string
		code, text string
	}{
		{nil, "ValidationError", "At least one security group"},
		{[]string{"sg-none"}, "InvalidSecurityGroup", "sg-none"},
		{[]string{"sg-foreign"}, "InvalidConfigurationRequest", "sg-foreign"},
	} {
		_, err := f.SetSecurityGroups(f.ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: lb.LoadBalancerArn,
			SecurityGroups: c.groups})
		f.refused(err, c.code, c.text)
	}
	out, err := f.SetSecurityGroups(f.ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: lb.LoadBalancerArn,
		SecurityGroups: []string{group2},
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: "off"})
	f.ok(err)
	if !slices.Equal(out.SecurityGroupIds, []string{group2}) || out.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic !=
		"off" {
		t.Errorf("answer %v", out)
	}
	for _, z := range f.account.LoadBalancers[*lb.LoadBalancerArn].Zones {
		if n, _ := f.account.Interface(z.Interface); !slices.Equal(n.Groups, []string{group2}) {
			t.Errorf("interface has groups %v", n.Groups)
		}
	}
}

func TestSetSubnetsFollowsTheRulesOfTheType(t *testing.T) {
	t.Parallel()
	f := instant(t)
	set := func(lb types.LoadBalancer, subnets ...string) ([]string, error) {
		out, err := f.SetSubnets(f.ctx, &elb.SetSubnetsInput{LoadBalancerArn: lb.LoadBalancerArn, Subnets: subnets})
		if err != nil {
			return nil, err
		}
		var zones []string
		for _, z := range out.AvailabilityZones {
			zones = append(zones, *z.ZoneName+"="+*z.SubnetId)
		}
		f.whole()
		return zones, nil
	}
	alb, nlb := f.alb(), f.nlb()
	before := len(f.account.Interfaces)
	got, err := set(alb, subnetC, subnetA2)
	f.ok(err)
	if want := []string{"us-west-2a=" + subnetA2, "us-west-2c=" + subnetC}; !slices.Equal(got, want) ||
		len(f.account.Interfaces) != before {
		t.Errorf("ALB in %v with %d interfaces, want %v with %d", got, len(f.account.Interfaces), want, before)
	}
	_, err = set(alb, subnetA)
	f.refused(err, "ValidationError", "At least two subnets")
	_, err = set(nlb, subnetA2, subnetB)
	f.refused(err, "ValidationError", "The Availability Zone 'us-west-2a' corresponding to the new subnet 'subnet-a2' "+
		"is already associated")
	_, err = set(nlb, subnetA, subnetB, subnetC)
	f.ok(err)
	got, err = set(nlb, subnetC)
	f.ok(err)
	if !slices.Equal(got, []string{"us-west-2c=" + subnetC}) {
		t.Errorf("NLB in %v", got)
	}
}

func TestElasticAddressesBelongToOneLoadBalancerAndAreShown(t *testing.T) {
	t.Parallel()
	f := instant(t)
	mapped := func(in *elb.CreateLoadBalancerInput) {
		in.Scheme, in.Subnets = "internet-facing", nil
		in.SubnetMappings = []types.SubnetMapping{{SubnetId: aws.String(subnetA), AllocationId: aws.String(eip1)}}
	}
	lb := f.balancer("network", mapped)
	shown := lb.AvailabilityZones[0].LoadBalancerAddresses
	if len(shown) != 1 || *shown[0].AllocationId != eip1 ||
		*shown[0].IpAddress != f.account.Addresses[eip1].Public.String() {
		t.Errorf("addresses %v", shown)
	}
	in := &elb.CreateLoadBalancerInput{Name: aws.String("other"), Type: "network"}
	mapped(in)
	_, err := f.CreateLoadBalancer(f.ctx, in)
	f.refused(err, "ResourceInUse", eip1)
	_, err = f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
	f.ok(err)
	_, err = f.CreateLoadBalancer(f.ctx, in)
	f.ok(err)
}

func TestSetIpAddressTypeNeedsSubnetsAndListenersThatFollow(t *testing.T) {
	t.Parallel()
	f := instant(t)
	set := func(lb types.LoadBalancer, typ types.IpAddressType) error {
		_, err := f.SetIpAddressType(f.ctx, &elb.SetIpAddressTypeInput{LoadBalancerArn: lb.LoadBalancerArn,
			IpAddressType: typ})
		return err
	}
	f.ok(set(f.alb(), "dualstack"))
	bare := f.balancer("application", func(in *elb.CreateLoadBalancerInput) { in.Subnets = []string{subnetA, subnetC} })
	f.refused(set(bare, "dualstack"), "InvalidConfigurationRequest", "IPv6 CIDR block")
	f.refused(set(bare, "dualstack-without-public-ipv4"), "InvalidConfigurationRequest", "internet-facing")
	nlb := f.nlb()
	f.listen(nlb, "UDP", 53, forwardTo(f.group("UDP")))
	f.refused(set(nlb, "dualstack"), "InvalidConfigurationRequest", "UDP listener")
}

func TestNLBGetsAndLosesIPv6AddressesWithItsType(t *testing.T) {
	t.Parallel()
	f := instant(t)
	lb := f.balancer("network", func(in *elb.CreateLoadBalancerInput) { in.Subnets = []string{subnetA} })
	set := func(typ types.IpAddressType, address string) (string, error) {
		m := types.SubnetMapping{SubnetId: aws.String(subnetA)}
		if address != "" {
			m.IPv6Address = aws.String(address)
		}
		out, err := f.SetSubnets(f.ctx, &elb.SetSubnetsInput{LoadBalancerArn: lb.LoadBalancerArn, IpAddressType: typ,
			SubnetMappings: []types.SubnetMapping{m}})
		if err != nil || len(out.AvailabilityZones[0].LoadBalancerAddresses) == 0 {
			return "", err
		}
		return aws.ToString(out.AvailabilityZones[0].LoadBalancerAddresses[0].IPv6Address), nil
	}
	const first, second = "2001:db8:0:1::77", "2001:db8:0:1::78"
	_, err := set("", first)
	f.refused(err, "InvalidConfigurationRequest", "dualstack")
	for _, address := range []string{first, second} {
		shown, err := set("dualstack", address)
		f.ok(err)
		n, _ := f.account.Interface(f.account.LoadBalancers[*lb.LoadBalancerArn].Zones[0].Interface)
		if shown != address || len(n.IPv6Addresses) != 1 || n.IPv6Addresses[0].String() != address {
			t.Errorf("%s: shown %s, the interface has %v", address, shown, n.IPv6Addresses)
		}
		_, err = set("", "2001:db8:0:1::99")
		f.refused(err, "InvalidConfigurationRequest", "cannot change the addresses")
		if address == first { // by either call
			_, err = f.SetIpAddressType(f.ctx, &elb.SetIpAddressTypeInput{LoadBalancerArn: lb.LoadBalancerArn,
				IpAddressType: "ipv4"})
			f.ok(err)
		}
		if shown, err = set("ipv4", ""); err != nil || shown != "" || len(n.IPv6Addresses) != 0 {
			t.Errorf("of type ipv4: shown %q, the interface has %v, %v", shown, n.IPv6Addresses, err)
		}
	}
	f.whole()
}

func TestQuotasAreEnforcedAndSettable(t *testing.T) {
	t.Parallel()
	f := instant(t)
	f.account.Quotas = map[string]int{request.QuotaALBs: 1, request.QuotaTargetGroups: 1, request.QuotaRules: 1,
		request.QuotaListenersPerALB: 1, request.QuotaTargetsPerGroup: 1}
	lb := f.alb()
	_, err := f.CreateLoadBalancer(f.ctx, &elb.CreateLoadBalancerInput{Name: aws.String("second"), Subnets: []string{
		subnetA, subnetB}})
	f.refused(err, "TooManyLoadBalancers", "'1'")
	tg := f.group("HTTP")
	_, err = f.CreateTargetGroup(f.ctx, &elb.CreateTargetGroupInput{Name: aws.String("second"), Protocol: "HTTP",
		Port: aws.Int32(80), VpcId: aws.String(vpc1)})
	f.refused(err, "TooManyTargetGroups", "'1'")
	l := f.listen(lb, "HTTP", 80, forwardTo(tg))
	_, err = f.CreateListener(f.ctx, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: "HTTP",
		Port: aws.Int32(81), DefaultActions: respond("404")})
	f.refused(err, "TooManyListeners", "'1'")
	_, err = f.addRule(l, 1, respond("200"))
	f.ok(err)
	_, err = f.addRule(l, 2, respond("200"))
	f.refused(err, "TooManyRules", "'1'")
	_, err = f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(tg),
		Targets: []types.TargetDescription{{Id: aws.String("10.0.1.9")}, {Id: aws.String("10.0.1.8")}}})
	f.refused(err, "TooManyTargets", "'1'")
	out, err := f.DescribeAccountLimits(f.ctx, nil)
	f.ok(err)
	for _, l := range out.Limits {
		if *l.Name == request.QuotaRules && *l.Max != "1" || *l.Name == request.QuotaNLBs && *l.Max != "50" {
			t.Errorf("limit %s is %s", *l.Name, *l.Max)
		}
	}
}

func TestPagesCoverEverythingOnceWhileThingsComeAndGo(t *testing.T) {
	t.Parallel()
	f := instant(t)
	f.account.Quotas = map[string]int{request.QuotaNLBs: 100}
	var arns []string
	for i := range 10 {
		out, err := f.CreateLoadBalancer(f.ctx, &elb.CreateLoadBalancerInput{Name: aws.String(fmt.Sprint("lb", i)),
			Type: "network", Subnets: []string{subnetA}})
		f.ok(err)
		arns = append(arns, *out.LoadBalancers[0].LoadBalancerArn)
	}
	var got []string
	in := &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(3)}
	for {
		out, err := f.DescribeLoadBalancers(f.ctx, in)
		f.ok(err)
		for _, lb := range out.LoadBalancers {
			got = append(got, *lb.LoadBalancerArn)
		}
		if len(got) == 3 {
			_, err := f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &arns[2]})
			f.ok(err)
		}
		if in.Marker = out.NextMarker; in.Marker == nil {
			break
		}
	}
	if !slices.Equal(got, arns) {
		t.Errorf("got %v, want %v", got, arns)
	}
	_, err := f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{Marker: aws.String("?")})
	f.refused(err, "ValidationError", "Invalid marker")
	_, err = f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(401)})
	f.refused(err, "ValidationError", "pageSize")
	_, err = f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: arns[:1],
		Names: []string{"lb1"}})
	f.refused(err, "ValidationError", "cannot be specified at the same time")
}

func TestDeletionProtectionHolds(t *testing.T) {
	t.Parallel()
	f := instant(t)
	lb := f.alb()
	protect := func(v string) {
		_, err := f.ModifyLoadBalancerAttributes(f.ctx, &elb.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: lb.LoadBalancerArn,
			Attributes: []types.LoadBalancerAttribute{
				{Key: aws.String("deletion_protection.enabled"), Value: aws.String(v)}}})
		f.ok(err)
	}
	protect("true")
	_, err := f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
	f.refused(err, "OperationNotPermitted", "cannot be deleted because deletion protection is enabled")
	protect("false")
	_, err = f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
	f.ok(err)
}

func BenchmarkDescribingAThousandLoadBalancers(b *testing.B) {
	f := newFixture(&testing.T{}, account.Instant())
	for i := range 1000 {
		lb := &account.LoadBalancer{ARN: fmt.Sprint("arn", i), Name: fmt.Sprint("lb", i), Zones: make([]account.Zone, 3)}
		f.account.AddLoadBalancer(lb)
	}
	for b.Loop() {
		in := &elb.DescribeLoadBalancersInput{}
		for {
			out, err := f.DescribeLoadBalancers(f.ctx, in)
			if err != nil {
				b.Fatal(err)
			}
			if in.Marker = out.NextMarker; in.Marker == nil {
				break
			}
		}
	}
}
