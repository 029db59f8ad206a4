package elbv2

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// row is one row of AWS's tables of validations: what a call does to a new account, and the answer.
type row struct {
	name       string
	call       func(f *fixture) error
	code, text string // empty: accepted
}

// hold runs each row in an account of its own, which must be whole afterwards.
func hold(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			f := instant(t)
			err := r.call(f)
			if r.code == "" {
				f.ok(err)
			} else {
				f.refused(err, r.code, r.text)
			}
			f.whole()
		})
	}
}

func (f *fixture) quota(name string, value int) { f.ok(f.account.SetQuota(name, value)) }

// create makes an internal load balancer in zones a and b as changed.
func (f *fixture) create(changes ...func(*elb.CreateLoadBalancerInput)) error {
	in := &elb.CreateLoadBalancerInput{Name: aws.String(f.name()), Subnets: []string{subnetA, subnetB}, Scheme: "internal"}
	for _, change := range changes {
		change(in)
	}
	_, err := f.CreateLoadBalancer(f.ctx, in)
	return err
}

type changeLB = func(*elb.CreateLoadBalancerInput)

func ofType(typ types.LoadBalancerTypeEnum) changeLB {
	return func(in *elb.CreateLoadBalancerInput) { in.Type = typ }
}

func inSubnets(ids ...string) changeLB {
	return func(in *elb.CreateLoadBalancerInput) { in.Subnets = ids }
}

func mapped(m ...types.SubnetMapping) changeLB {
	return func(in *elb.CreateLoadBalancerInput) { in.Subnets, in.SubnetMappings = nil, m }
}

func publicly(in *elb.CreateLoadBalancerInput) { in.Scheme = "internet-facing" }

func dualstack(in *elb.CreateLoadBalancerInput) { in.IpAddressType = "dualstack" }

func withNAT(in *elb.CreateLoadBalancerInput) { in.EnablePrefixForIpv6SourceNat = "on" }

// addSubnet adds a subnet of VPC 1 in a zone of its own.
func (f *fixture) addSubnet(zone *vpc.AvailabilityZone, id, cidr, outpost string) {
	f.t.Helper()
	f.account.AddZone(zone)
	f.ok(f.account.AddSubnet(&vpc.Subnet{ID: id, VPC: vpc1, Zone: zone.Name, CIDR: netip.MustParsePrefix(cidr),
		Outpost: outpost}))
}

func TestCreateLoadBalancerRowByRow(t *testing.T) {
	t.Parallel()
	hold(t, slices.Concat(newNames(), newZones(), newGroupsAndTypes(), newSourceNAT(), newWithinQuotas()))
}

// newNames are rows of names, subnets and addresses within them.
func newNames() []row {
	private := func(addr string) types.SubnetMapping {
		return types.SubnetMapping{SubnetId: aws.String(subnetA), PrivateIPv4Address: aws.String(addr)}
	}
	return []row{
		{"name ends with a hyphen", creating(func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String("a-") }),
			"ValidationError", "cannot begin or end with '-'"},
		{"name of 32 characters", creating(func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String(strings.Repeat("a", 32)) }),
			"", ""},
		{"empty name", creating(func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String("") }), "ValidationError", "'name'"},
		{"one subnet is enough for NLB", creating(ofType("network"), inSubnets(subnetA)), "", ""},
		{"small subnet is enough for NLB", creating(ofType("network"), inSubnets(subnetSmall)), "", ""},
		{"fewer than eight free addresses", func(f *fixture) error {
			f.account.Subnets[subnetA].UseAddresses(244)
			return f.create()
		}, "InvalidSubnet", "Not enough IP space available in subnet-a. ELB requires at least 8 free IP addresses " +
			"in each subnet."},
		{"fewer than eight free addresses, NLB", func(f *fixture) error {
			f.account.Subnets[subnetA].UseAddresses(244)
			return f.create(ofType("network"))
		}, "InvalidSubnet", "Not enough IP space"},
		{"chosen address needs no other", func(f *fixture) error {
			f.account.Subnets[subnetA].UseAddresses(244)
			return f.create(ofType("network"), mapped(private("10.0.1.77")))
		}, "", ""},
		{"last address of the subnet", creating(ofType("network"), mapped(private("10.0.1.255"))), "InvalidConfigurationRequest",
			"10.0.1.255"},
		{"fourth address of the subnet", creating(ofType("network"), mapped(private("10.0.1.3"))), "InvalidConfigurationRequest",
			"10.0.1.3"},
		{"private address in use", func(f *fixture) error {
			f.ok(f.create(ofType("network"), mapped(private("10.0.1.77"))))
			return f.create(ofType("network"), mapped(private("10.0.1.77")))
		}, "InvalidConfigurationRequest", "10.0.1.77"},
		{"EIP in use", func(f *fixture) error {
			m := mapped(types.SubnetMapping{SubnetId: aws.String(subnetA), AllocationId: aws.String(eip1)})
			f.ok(f.create(ofType("network"), publicly, m))
			return f.create(ofType("network"), publicly, m)
		}, "ResourceInUse", eip1},
		{"EIP in internal",
			creating(ofType("network"), mapped(types.SubnetMapping{SubnetId: aws.String(subnetA), AllocationId: aws.String(eip1)})),
			"InvalidConfigurationRequest", "internet-facing"},
	}
}

// newZones are rows of zones and Outposts, with the pools of addresses there.
func newZones() []row {
	pool := func(id string) changeLB {
		return func(in *elb.CreateLoadBalancerInput) { in.IpamPools = &types.IpamPools{Ipv4IpamPoolId: aws.String(id)} }
	}
	coip := func(id string) changeLB {
		return func(in *elb.CreateLoadBalancerInput) { in.CustomerOwnedIpv4Pool = aws.String(id) }
	}
	outpost := func(f *fixture) {
		f.addSubnet(&vpc.AvailabilityZone{Name: "us-west-2d", Type: "availability-zone"}, "subnet-outpost", "10.0.7.0/24",
			"arn:aws:outposts:us-west-2:123456789012:outpost/op-1")
	}
	return []row{
		{"constrained zone, NLB", func(f *fixture) error {
			f.addSubnet(&vpc.AvailabilityZone{Name: "us-west-2d", ID: "use1-az3", Type: "availability-zone"}, "subnet-d",
				"10.0.7.0/24", "")
			return f.create(ofType("network"), inSubnets("subnet-d"))
		}, "AvailabilityZoneNotSupported", "us-west-2d"},
		{"wavelength zone", func(f *fixture) error {
			f.addSubnet(&vpc.AvailabilityZone{Name: "us-west-2-wl1-las-wlz-1", Type: "wavelength-zone"}, "subnet-wl",
				"10.0.7.0/24", "")
			return f.create(inSubnets("subnet-wl"))
		}, "AvailabilityZoneNotSupported", "wlz-1"},
		{"one local zone, ALB", creating(inSubnets("subnet-lax")), "", ""},
		{"one Outpost, ALB", func(f *fixture) error { outpost(f); return f.create(inSubnets("subnet-outpost")) }, "", ""},
		{"Outpost mixed", func(f *fixture) error {
			outpost(f)
			return f.create(inSubnets("subnet-outpost", subnetA))
		}, "InvalidConfigurationRequest", "Outposts"},
		{"Outpost, NLB", func(f *fixture) error {
			outpost(f)
			return f.create(ofType("network"), inSubnets("subnet-outpost"))
		}, "InvalidConfigurationRequest", "Outposts"},
		{"customer-owned pool", func(f *fixture) error {
			outpost(f)
			return f.create(inSubnets("subnet-outpost"), coip("ipv4pool-coip-1"))
		}, "", ""},
		{"customer-owned pool of odd form", creating(coip("pool-1")), "ValidationError", "customerOwnedIpv4Pool"},
		{"customer-owned pool of a region", creating(coip("ipv4pool-coip-1")), "InvalidConfigurationRequest", "Outposts"},
		{"customer-owned pool, NLB", creating(ofType("network"), coip("ipv4pool-coip-1")), "InvalidConfigurationRequest",
			"'application'"},
		{"IPAM pool", creating(publicly, pool("ipam-pool-1")), "", ""},
		{"IPAM pool of odd form", creating(publicly, pool("pool-1")), "ValidationError", "ipv4IpamPoolId"},
		{"IPAM pool, internal", creating(pool("ipam-pool-1")), "InvalidConfigurationRequest", "internet-facing"},
		{"unknown IPAM pool", func(f *fixture) error {
			f.account.IPAMPools = map[string]*vpc.IPAMPool{"ipam-pool-1": {Family: "ipv4", Public: true, CIDRs: []netip.Prefix{
				netip.MustParsePrefix("203.0.113.0/28")}}}
			return f.create(publicly, pool("ipam-pool-2"))
		}, "InvalidConfigurationRequest", "ipam-pool-2"},
	}
}

// newGroupsAndTypes are rows of security groups, schemes and address types.
func newGroupsAndTypes() []row {
	v6 := func(addr string) types.SubnetMapping {
		return types.SubnetMapping{SubnetId: aws.String(subnetA), IPv6Address: aws.String(addr)}
	}
	return []row{
		{"five groups", func(f *fixture) error { return f.create(f.groupsOf(5)) }, "", ""},
		{"six groups", func(f *fixture) error { return f.create(f.groupsOf(6)) }, "InvalidConfigurationRequest", "'5'"},
		{"six groups with a quota", func(f *fixture) error {
			f.quota("security-groups-per-network-interface", 16)
			return f.create(f.groupsOf(6))
		}, "", ""},
		{"groups of a gateway", creating(ofType("gateway"), func(in *elb.CreateLoadBalancerInput) {
			in.Scheme, in.SecurityGroups = "", []string{group1}
		}), "InvalidConfigurationRequest", "gateway"},
		{"scheme of a gateway", creating(ofType("gateway")), "ValidationError", "scheme"},
		{"internal dualstack", creating(dualstack), "", ""},
		{"no public IPv4, NLB", creating(ofType("network"), publicly, func(in *elb.CreateLoadBalancerInput) {
			in.IpAddressType = "dualstack-without-public-ipv4"
		}), "InvalidConfigurationRequest", "'application'"},
		{"IPv6 address on ipv4", creating(ofType("network"), mapped(v6("2001:db8:0:1::9"))), "InvalidConfigurationRequest",
			"dualstack"},
		{"IPv6 address of elsewhere", creating(ofType("network"), dualstack, mapped(v6("2001:db8:0:2::9"))),
			"InvalidConfigurationRequest", "IPv6 CIDR"},
		{"IPv6 address in use", func(f *fixture) error {
			f.ok(f.create(ofType("network"), dualstack, mapped(v6("2001:db8:0:1::9"))))
			return f.create(ofType("network"), dualstack, mapped(v6("2001:db8:0:1::9")))
		}, "InvalidConfigurationRequest", "2001:db8:0:1::9"},
	}
}

// newSourceNAT are rows of the prefixes of source NAT.
func newSourceNAT() []row {
	nat := func(prefix string) types.SubnetMapping {
		return types.SubnetMapping{SubnetId: aws.String(subnetA), SourceNatIpv6Prefix: aws.String(prefix)}
	}
	return []row{
		{"source NAT on ipv4", creating(ofType("network"), withNAT), "InvalidConfigurationRequest", "dualstack"},
		{"source NAT prefix without it", creating(ofType("network"), dualstack, mapped(nat("auto_assigned"))),
			"InvalidConfigurationRequest", "EnablePrefixForIpv6SourceNat"},
		{"source NAT prefix", creating(ofType("network"), dualstack, withNAT, mapped(nat("2001:db8:0:1:5::/80"))), "", ""},
		{"source NAT prefix of odd length", creating(ofType("network"), dualstack, withNAT, mapped(nat("2001:db8:0:1:5::/96"))),
			"InvalidConfigurationRequest", "/80"},
		{"source NAT prefix with host bits", creating(ofType("network"), dualstack, withNAT, mapped(nat("2001:db8:0:1:5::1/80"))),
			"InvalidConfigurationRequest", "/80"},
		{"source NAT prefix of elsewhere", creating(ofType("network"), dualstack, withNAT, mapped(nat("2001:db8:0:2:5::/80"))),
			"InvalidConfigurationRequest", "/80"},
		{"source NAT prefix in use", func(f *fixture) error {
			f.ok(f.create(ofType("network"), dualstack, withNAT, mapped(nat("2001:db8:0:1:5::/80"))))
			return f.create(ofType("network"), dualstack, withNAT, mapped(nat("2001:db8:0:1:5::/80")))
		}, "InvalidConfigurationRequest", "in use"},
	}
}

// newWithinQuotas are rows of quotas and names in use.
func newWithinQuotas() []row {
	return []row{
		{"too many interfaces of NLBs", func(f *fixture) error {
			f.quota(request.QuotaInterfaces, 3)
			f.ok(f.create(ofType("network")))
			f.ok(f.create())
			return f.create(ofType("network"))
		}, "TooManyLoadBalancers", "'3'"},
		{"too many gateways of a VPC", func(f *fixture) error {
			f.quota(request.QuotaGWLBsPerVPC, 1)
			gateway := func(in *elb.CreateLoadBalancerInput) { in.Type, in.Scheme = "gateway", "" }
			f.ok(f.create(gateway))
			return f.create(gateway)
		}, "TooManyLoadBalancers", "'1'"},
		{"too many ALBs", func(f *fixture) error {
			f.quota(request.QuotaALBs, 1)
			f.ok(f.create())
			f.ok(f.create(ofType("network")))
			return f.create()
		}, "TooManyLoadBalancers", "'application'"},
		{"name of another type", func(f *fixture) error {
			f.ok(f.create(func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String("same") }))
			return f.create(ofType("network"), func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String("same") })
		}, "DuplicateLoadBalancerName", "'same'"},
		{"too many tags", creating(func(in *elb.CreateLoadBalancerInput) { in.Tags = manyTags(51) }), "TooManyTags", "'50'"},
	}
}

// creating is create as the call of a row.
func creating(changes ...changeLB) func(*fixture) error {
	return func(f *fixture) error { return f.create(changes...) }
}

// groupsOf makes that many security groups.
func (f *fixture) groupsOf(n int) changeLB {
	f.t.Helper()
	var ids []string
	for i := range n {
		g, err := f.account.NewSecurityGroup(vpc1, "", fmt.Sprint("g", i), "for tests")
		f.ok(err)
		ids = append(ids, g.ID)
	}
	return func(in *elb.CreateLoadBalancerInput) { in.SecurityGroups = ids }
}

func manyTags(n int) []types.Tag {
	var out []types.Tag
	for i := range n {
		out = append(out, types.Tag{Key: aws.String(fmt.Sprint("k", i))})
	}
	return out
}

func TestChangingLoadBalancersRowByRow(t *testing.T) {
	t.Parallel()
	hold(t, slices.Concat(changedSubnets(), reservedCapacity(), changedPools(), changedSecondaries(), changedGroups()))
}

// changedSubnets are rows of SetSubnets.
func changedSubnets() []row {
	return []row{
		{"ALB swaps a subnet within a zone", func(f *fixture) error { return setSubnets(f, f.alb(), subnetA2, subnetB) }, "",
			""},
		{"ALB keeps two zones", func(f *fixture) error { return setSubnets(f, f.alb(), subnetA) }, "ValidationError",
			"two different Availability Zones"},
		{"NLB adds and removes zones", func(f *fixture) error { return setSubnets(f, f.nlb(), subnetB, subnetC) }, "", ""},
		{"NLB does not swap a subnet within a zone", func(f *fixture) error { return setSubnets(f, f.nlb(), subnetA2, subnetB) },
			"ValidationError", "The Availability Zone 'us-west-2a' corresponding to the new subnet 'subnet-a2' is already " +
				"associated with the load balancer."},
		{"NLB of old partitions keeps its subnets", func(f *fixture) error {
			f.account.FixedSubnets = true
			return setSubnets(f, f.nlb(), subnetA)
		}, "ValidationError", "Subnet removal is not supported for Network Load Balancers. You must specify all existing " +
			"subnets along with any new ones"},
		{"NLB with endpoint services keeps its zones", func(f *fixture) error {
			lb := f.nlb()
			f.account.LoadBalancers[*lb.LoadBalancerArn].Associated = []string{"vpce-svc-1"}
			return setSubnets(f, lb, subnetA)
		}, "InvalidConfigurationRequest", "us-west-2b"},
		{"GWLB only adds", func(f *fixture) error {
			lb := f.balancer("gateway", func(in *elb.CreateLoadBalancerInput) { in.Scheme = "" })
			f.ok(setSubnets(f, lb, subnetA, subnetB, subnetC))
			return setSubnets(f, lb, subnetA)
		}, "InvalidConfigurationRequest", "remove"},
		{"no subnets", func(f *fixture) error { return setSubnets(f, f.nlb()) }, "ValidationError", "At least one subnet"},
		{"subnets of another VPC", func(f *fixture) error { return setSubnets(f, f.alb(), subnetForeign, "subnet-foreign-b") },
			"InvalidConfigurationRequest", vpc1},
		{"a kept EIP must be repeated", func(f *fixture) error {
			lb := f.balancer("network", publicly,
				mapped(types.SubnetMapping{SubnetId: aws.String(subnetA), AllocationId: aws.String(eip1)}))
			_, err := f.SetSubnets(f.ctx, &elb.SetSubnetsInput{LoadBalancerArn: lb.LoadBalancerArn,
				SubnetMappings: []types.SubnetMapping{
					{SubnetId: aws.String(subnetA), AllocationId: aws.String(eip2)}}})
			return err
		}, "InvalidConfigurationRequest", "us-west-2a"},
		{"too many interfaces of NLBs", func(f *fixture) error {
			lb := f.nlb()
			f.quota(request.QuotaInterfaces, 2)
			return setSubnets(f, lb, subnetA, subnetB, subnetC)
		}, "TooManyLoadBalancers", "'2'"},
	}
}

// reservedCapacity are rows of capacity, and of an address type that does not exist.
func reservedCapacity() []row {
	reserve := func(f *fixture, lb types.LoadBalancer, units int32) error {
		_, err := f.ModifyCapacityReservation(f.ctx, &elb.ModifyCapacityReservationInput{LoadBalancerArn: lb.LoadBalancerArn,
			MinimumLoadBalancerCapacity: &types.MinimumLoadBalancerCapacity{CapacityUnits: &units}})
		return err
	}
	return []row{
		{"subnets while capacity is pending", func(f *fixture) error {
			f.quota(quotaCapacity, 1000)
			f.account.Profile.CapacityReservation = time.Minute
			lb := f.alb()
			f.ok(reserve(f, lb, 100))
			f.refused(reserve(f, lb, 200), "PriorRequestNotComplete", "")
			return setSubnets(f, lb, subnetA, subnetB, subnetC)
		}, "CapacityReservationPending", "pending"},
		{"subnets when capacity is there", func(f *fixture) error {
			f.quota(quotaCapacity, 1000)
			f.account.Profile.CapacityReservation = time.Minute
			lb := f.alb()
			f.ok(reserve(f, lb, 100))
			f.clock.Advance(time.Minute)
			return setSubnets(f, lb, subnetA, subnetB, subnetC)
		}, "", ""},
		{"unknown shape before unknown load balancer", func(f *fixture) error {
			_, err := f.SetIpAddressType(f.ctx, &elb.SetIpAddressTypeInput{LoadBalancerArn: aws.String(unknownLoadBalancer),
				IpAddressType: "ipv5"})
			return err
		}, "ValidationError", "'ipAddressType'"},
		{"capacity of an NLB by zone", func(f *fixture) error {
			f.quota(quotaCapacity, 10000)
			return reserve(f, f.nlb(), 2*2750-1)
		}, "ValidationError", "'2750'"},
		{"capacity of an ALB", func(f *fixture) error { f.quota(quotaCapacity, 20000); return reserve(f, f.alb(), 15001) },
			"ValidationError", "'15000'"},
		{"capacity of an Outpost", func(f *fixture) error {
			f.addSubnet(&vpc.AvailabilityZone{Name: "us-west-2d", Type: "availability-zone"}, "subnet-outpost", "10.0.7.0/24",
				"arn:aws:outposts:us-west-2:123456789012:outpost/op-1")
			return reserve(f, f.balancer("application", inSubnets("subnet-outpost")), 100)
		}, "InvalidConfigurationRequest", "Outposts"},
		{"capacity of a gateway", func(f *fixture) error {
			return reserve(f, f.balancer("gateway", func(in *elb.CreateLoadBalancerInput) { in.Scheme = "" }), 100)
		}, "InvalidConfigurationRequest", "gateway"},
		{"decreases begin again each day", func(f *fixture) error {
			f.quota(quotaCapacity, 1000)
			lb := f.alb()
			for units := range int32(3) {
				f.ok(reserve(f, lb, 1000-units))
			}
			f.refused(reserve(f, lb, 500), "CapacityDecreaseRequestLimitExceeded", "'2'")
			f.clock.Advance(24 * time.Hour)
			return reserve(f, lb, 500)
		}, "", ""},
	}
}

// changedPools are rows of ModifyIpPools.
func changedPools() []row {
	pools := func(f *fixture, lb types.LoadBalancer, change func(*elb.ModifyIpPoolsInput)) error {
		in := &elb.ModifyIpPoolsInput{LoadBalancerArn: lb.LoadBalancerArn}
		change(in)
		_, err := f.ModifyIpPools(f.ctx, in)
		return err
	}
	setPool := func(in *elb.ModifyIpPoolsInput) {
		in.IpamPools = &types.IpamPools{Ipv4IpamPoolId: aws.String("ipam-pool-1")}
	}
	return []row{
		{"pool of an internal load balancer", func(f *fixture) error { return pools(f, f.alb(), setPool) },
			"InvalidConfigurationRequest", "internet-facing"},
		{"neither pool nor removal", func(f *fixture) error {
			return pools(f, f.balancer("application", publicly), func(*elb.ModifyIpPoolsInput) {})
		}, "ValidationError", "either"},
		{"pool and removal", func(f *fixture) error {
			return pools(f, f.balancer("application", publicly), func(in *elb.ModifyIpPoolsInput) {
				setPool(in)
				in.RemoveIpamPools = []types.RemoveIpamPoolEnum{"ipv4"}
			})
		}, "ValidationError", "either"},
		{"removal of odd pools", func(f *fixture) error {
			return pools(f, f.balancer("application", publicly), func(in *elb.ModifyIpPoolsInput) {
				in.RemoveIpamPools = []types.RemoveIpamPoolEnum{"ipv6"}
			})
		}, "ValidationError", "enum value set"},
	}
}

// changedSecondaries are rows of the attribute for secondary addresses.
func changedSecondaries() []row {
	secondary := func(f *fixture, lb types.LoadBalancer, n string) error {
		_, err := f.ModifyLoadBalancerAttributes(f.ctx, &elb.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: lb.LoadBalancerArn,
			Attributes:      []types.LoadBalancerAttribute{{Key: aws.String(secondaryAddresses), Value: &n}}})
		return err
	}
	return []row{
		{"secondary addresses grow", func(f *fixture) error {
			lb := f.nlb()
			f.ok(secondary(f, lb, "2"))
			return secondary(f, lb, "7")
		}, "", ""},
		{"secondary addresses do not shrink", func(f *fixture) error {
			lb := f.nlb()
			f.ok(secondary(f, lb, "2"))
			return secondary(f, lb, "1")
		}, "InvalidConfigurationRequest", "decreased"},
		{"eight secondary addresses", func(f *fixture) error { return secondary(f, f.nlb(), "8") },
			"ValidationError", "'0-7'"},
		{"secondary addresses of a full subnet", func(f *fixture) error {
			lb := f.nlb()
			s := f.account.Subnets[subnetA]
			s.UseAddresses(int(s.AvailableIPs()) - 1)
			return secondary(f, lb, "2")
		}, "InvalidSubnet", subnetA},
	}
}

// changedGroups are rows of SetSecurityGroups.
func changedGroups() []row {
	return []row{
		{"NLB without groups stays without", func(f *fixture) error {
			_, err := f.SetSecurityGroups(f.ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: f.nlb().LoadBalancerArn,
				SecurityGroups: []string{group1}})
			return err
		}, "InvalidConfigurationRequest", "without security groups"},
		{"unknown group", func(f *fixture) error {
			_, err := f.SetSecurityGroups(f.ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: f.alb().LoadBalancerArn,
				SecurityGroups: []string{"sg-none"}})
			return err
		}, "InvalidSecurityGroup", "sg-none"},
		{"no groups", func(f *fixture) error {
			_, err := f.SetSecurityGroups(f.ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: f.alb().LoadBalancerArn,
				SecurityGroups: []string{}})
			return err
		}, "ValidationError", "security group"},
	}
}

// setSubnets sets the subnets of a load balancer.
func setSubnets(f *fixture, lb types.LoadBalancer, ids ...string) error {
	_, err := f.SetSubnets(f.ctx, &elb.SetSubnetsInput{LoadBalancerArn: lb.LoadBalancerArn, Subnets: ids})
	return err
}

func TestAddressesOfLoadBalancersAreThoseOfTheRequest(t *testing.T) {
	t.Parallel()
	f := instant(t)
	f.account.IPAMPools = map[string]*vpc.IPAMPool{"ipam-pool-1": {Family: "ipv4", Public: true, CIDRs: []netip.Prefix{
		netip.MustParsePrefix("203.0.113.0/31")}}}
	publics := func(lb types.LoadBalancer) (in int) {
		for _, z := range f.account.LoadBalancers[*lb.LoadBalancerArn].Zones {
			if n := f.account.Interfaces[z.Interface]; f.account.IPAMPools["ipam-pool-1"].CIDRs[0].Contains(
				n.Addresses[0].Public) {
				in++
			} else if !n.Addresses[0].Public.IsValid() {
				t.Errorf("%s has no public address", n.ID)
			}
		}
		return in
	}
	pooled := f.balancer("application", publicly, func(in *elb.CreateLoadBalancerInput) {
		in.IpamPools = &types.IpamPools{Ipv4IpamPoolId: aws.String("ipam-pool-1")}
	})
	late := f.balancer("application", publicly)
	move := func(lb types.LoadBalancer, in elb.ModifyIpPoolsInput) {
		in.LoadBalancerArn = lb.LoadBalancerArn
		_, err := f.ModifyIpPools(f.ctx, &in)
		f.ok(err)
	}
	move(late, elb.ModifyIpPoolsInput{IpamPools: &types.IpamPools{Ipv4IpamPoolId: aws.String("ipam-pool-1")}})
	if a, b := publics(pooled), publics(late); a != 2 || b != 0 {
		t.Errorf("%d and %d addresses of a pool of 2", a, b)
	}
	move(pooled, elb.ModifyIpPoolsInput{RemoveIpamPools: []types.RemoveIpamPoolEnum{"ipv4"}})
	if n := publics(pooled); n != 0 {
		t.Errorf("%d addresses of a pool that was removed", n)
	}
	nlb := f.balancer("network", dualstack, withNAT)
	prefixes := map[string]bool{}
	for _, z := range nlb.AvailabilityZones {
		p, err := netip.ParsePrefix(z.SourceNatIpv6Prefixes[0])
		f.ok(err)
		prefixes[p.String()] = p.Bits() == 80
	}
	kept, err := f.SetSubnets(f.ctx, &elb.SetSubnetsInput{LoadBalancerArn: nlb.LoadBalancerArn, Subnets: []string{
		subnetA, subnetB}})
	f.ok(err)
	for _, z := range kept.AvailabilityZones {
		if !prefixes[z.SourceNatIpv6Prefixes[0]] {
			t.Errorf("prefix %s was not kept: %v", z.SourceNatIpv6Prefixes[0], prefixes)
		}
	}
	off, err := f.SetSubnets(f.ctx, &elb.SetSubnetsInput{LoadBalancerArn: nlb.LoadBalancerArn, Subnets: []string{
		subnetA, subnetB}, EnablePrefixForIpv6SourceNat: "off"})
	f.ok(err)
	if len(off.AvailabilityZones[0].SourceNatIpv6Prefixes) != 0 || off.EnablePrefixForIpv6SourceNat != "off" {
		t.Errorf("after switching off %v", off)
	}
	f.whole()
}
