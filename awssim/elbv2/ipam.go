package elbv2

import (
	"context"
	"net/netip"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
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
	return first(present("ipamPools.ipv4IpamPoolId", pools.Ipv4IpamPoolId), atMost("ipamPools.ipv4IpamPoolId", id, 1000),
		when(!ipamPoolID.MatchString(id), shape("ipamPools.ipv4IpamPoolId", id, "satisfy regular expression pattern: %s", ipamPoolID)))
}

// checkPool refuses a pool that does not exist or has the wrong addresses.
func (s *Service) checkPool(id string) error {
	if id == "" || s.account.IPAMPools == nil {
		return nil
	}
	pool, ok := s.account.IPAMPools[id]
	return when(!ok || !pool.Public || pool.Family != "ipv4", contradiction("The IPAM pool '%s' does not exist or is not a public IPv4 pool of the region", id))
}

// publicAddress is an address of the load balancer's pool or, when it has none or the pool is exhausted, of Amazon.
func (s *Service) publicAddress(lb *account.LoadBalancer) netip.Addr {
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
func (s *Service) ModifyIpPools(ctx context.Context, in *elb.ModifyIpPoolsInput, _ ...func(*elb.Options)) (*elb.ModifyIpPoolsOutput, error) {
	return write(ctx, s, "ModifyIpPools", in, func(in *elb.ModifyIpPoolsInput) (*elb.ModifyIpPoolsOutput, error) {
		if err := first(present("loadBalancerArn", in.LoadBalancerArn), checkPoolID(in.IpamPools)); err != nil {
			return nil, err
		}
		for _, r := range in.RemoveIpamPools {
			if err := oneOf("removeIpamPools.member", r, r.Values()); err != nil {
				return nil, err
			}
		}
		if (in.IpamPools != nil) == (len(in.RemoveIpamPools) > 0) {
			return nil, invalid("You must specify either IPAM pools or IPAM pools to remove")
		}
		lb, err := s.loadBalancer(in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		if lb.Type != application || lb.Scheme != "internet-facing" {
			return nil, contradiction("IPAM pools are supported for internet-facing load balancers with type 'application' only")
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
