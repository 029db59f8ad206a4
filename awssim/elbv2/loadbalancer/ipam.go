package loadbalancer

import (
	"context"
	"net/netip"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

var (
	ipamPoolID   = regexp.MustCompile(`^(ipam-pool-)[a-zA-Z0-9]+$`)
	customerPool = regexp.MustCompile(`^(ipv4pool-coip-)[a-zA-Z0-9]+$`)
)

// checkPoolID refuses what cannot be the id of a pool.
func checkPoolID(pools *types.IpamPools) error {
	if pools == nil {
		return nil
	}
	id := aws.ToString(pools.Ipv4IpamPoolId)
	return check.First(check.Present("ipamPools.ipv4IpamPoolId", pools.Ipv4IpamPoolId),
		check.AtMost("ipamPools.ipv4IpamPoolId", id, 1000),
		check.When(!ipamPoolID.MatchString(id), check.Constraint("ipamPools.ipv4IpamPoolId", id,
			"satisfy regular expression pattern: %s", ipamPoolID)))
}

// checkPool refuses a pool that does not exist or has the wrong addresses.
func (s *LoadBalancers) checkPool(id string) error {
	if id == "" || s.account.IPAMPools == nil {
		return nil
	}
	pool, ok := s.account.IPAMPools[id]
	return check.When(!ok || !pool.Public || pool.Family != "ipv4",
		check.InvalidConfiguration("The IPAM pool '%s' does not exist or is not a public IPv4 pool of the region", id))
}

// publicAddress is an address of the load balancer's pool or, when it has none or the pool is exhausted, of Amazon.
func (s *LoadBalancers) publicAddress(lb *account.LoadBalancer) netip.Addr {
	pool, ok := s.account.IPAMPools[lb.IPAMPool]
	if !ok {
		return s.account.NewPublicAddress()
	}
	taken := map[netip.Addr]bool{}
	for _, n := range s.account.Interfaces {
		for _, a := range n.Addresses {
			taken[a.Public] = true
		}
	}
	for _, block := range pool.CIDRs {
		for addr := block.Masked().Addr(); block.Contains(addr); addr = addr.Next() {
			if !taken[addr] {
				return addr
			}
		}
	}
	return s.account.NewPublicAddress()
}

// ModifyIpPools changes the pool that an application load balancer's public addresses come from.
func (s *LoadBalancers) ModifyIpPools(ctx context.Context, in *elb.ModifyIpPoolsInput, _ ...func(*elb.Options)) (
	*elb.ModifyIpPoolsOutput, error) {
	return call.Write(ctx, s.entry, "ModifyIpPools", in, func(in *elb.ModifyIpPoolsInput) (
		*elb.ModifyIpPoolsOutput, error) {
		if err := check.First(check.Present("loadBalancerArn", in.LoadBalancerArn), checkPoolID(in.IpamPools)); err != nil {
			return nil, err
		}
		for _, r := range in.RemoveIpamPools {
			if err := check.OneOf("removeIpamPools.member", r, r.Values()); err != nil {
				return nil, err
			}
		}
		if (in.IpamPools != nil) == (len(in.RemoveIpamPools) > 0) {
			return nil, check.Invalid("You must specify either IPAM pools or IPAM pools to remove")
		}
		lb, err := request.FindLoadBalancer(s.account, in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		if lb.Type != request.Application || lb.Scheme != "internet-facing" {
			return nil, check.InvalidConfiguration("IPAM pools are supported for internet-facing load balancers with type " +
				"'application' only")
		}
		pool, out := "", &elb.ModifyIpPoolsOutput{}
		if in.IpamPools != nil {
			pool = *in.IpamPools.Ipv4IpamPoolId
			out.IpamPools = &types.IpamPools{Ipv4IpamPoolId: aws.String(pool)}
		}
		if err := s.checkPool(pool); err != nil {
			return nil, err
		}
		if pool == lb.IPAMPool {
			return out, nil
		}
		s.changing(lb)
		lb.IPAMPool = pool
		for _, z := range lb.Zones {
			if n, ok := s.account.Interface(z.Interface); ok {
				s.publish(lb, z, n)
			}
		}
		return out, nil
	})
}
