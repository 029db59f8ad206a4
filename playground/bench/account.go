package bench

import (
	"fmt"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

// podsPerNode is how many addresses AWS gives to the network interface of a node, less a few.
const podsPerNode = 900

// roomy is the simulator's own account with at least so many nodes, enough for so many pods, in private subnets of
// 16,000 addresses each instead of 4,000, or of 65,000 addresses each in further ranges of the VPC.
func roomy(f seed.File, pods, nodes int) seed.File {
	var ranges []string
	for third := 1; third <= 3; third++ {
		if few := 40_000; pods < few {
			ranges = append(ranges, fmt.Sprintf("10.0.%d.0/18", 64*third))
			continue
		}
		ranges = append(ranges, fmt.Sprintf("10.%d.0.0/16", third))
		f.VPC.ExtraCIDRs = append(f.VPC.ExtraCIDRs, ranges[third-1])
	}
	host := func(cidr string) string { // of the names of nodes
		network, _, _ := strings.Cut(cidr, "/")
		return "ip-" + strings.ReplaceAll(strings.TrimSuffix(network, ".0"), ".", "-")
	}
	for i, s := range f.VPC.Subnets {
		if s.Public || len(ranges) == 0 {
			continue
		}
		for n, node := range f.Cluster.Nodes {
			if was := host(s.CIDR) + "-"; node.Zone == s.Zone && strings.HasPrefix(node.Name, was) {
				f.Cluster.Nodes[n].Name = host(ranges[0]) + "-" + strings.TrimPrefix(node.Name, was)
			}
		}
		for c, cidr := range f.Cluster.PodCIDRs {
			if cidr == s.CIDR {
				f.Cluster.PodCIDRs[c] = ranges[0]
			}
		}
		f.VPC.Subnets[i].CIDR, ranges = ranges[0], ranges[1:]
	}
	for i := 0; len(f.Cluster.Nodes) < max(nodes, pods/podsPerNode+1); i++ {
		like := f.Cluster.Nodes[i%3]
		parts := strings.Split(like.Name, "-") // ip-10-0-64-10
		var third int
		_, _ = fmt.Sscan(parts[3], &third)
		like.Name = fmt.Sprintf("%s-%d-%d", strings.Join(parts[:3], "-"), third+i/100, 100+i%100)
		like.Instance = fmt.Sprintf("i-0a1de0000000%05x", 0x1000+i)
		f.Cluster.Nodes = append(f.Cluster.Nodes, like)
	}
	return f
}

// crowdAccount brings the account to so many load balancers of others, each with a target group, some of them in the
// VPC of the cluster.
func (e *endpoint) crowdAccount(z size) {
	a, s := e.simulator.Account, e.simulator.Seed()
	a.Lock()
	defer a.Unlock()
	for n := range z.foreign {
		name, vpc := fmt.Sprintf("foreign-%05d", n), "vpc-0a1de0000000000ff"
		if n < z.here {
			vpc = s.VPC.ID
		}
		if a.LoadBalancerNamed(name) != nil {
			continue
		}
		tags := map[string]string{"Name": name, "team": fmt.Sprintf("team-%d", n%50), "environment": "production"}
		path := "loadbalancer/net/" + name
		id := a.NewBalancingID(path)
		a.AddLoadBalancer(&account.LoadBalancer{
			ARN: a.BalancingARN(path + "/" + id), Name: name, ID: id, DNSName: name + "-" + id + ".elb." + s.Region +
				".amazonaws.com",
			Type: "network", Scheme: "internal", IPAddressType: "ipv4", VPC: vpc, Created: time.Now(), Tags: tags,
		})
		path = "targetgroup/" + name
		a.AddTargetGroup(&account.TargetGroup{
			ARN: a.BalancingARN(path + "/" + a.NewBalancingID(path)), Name: name, TargetType: "ip", Protocol: "TCP", Port: 80,
			VPC: vpc, IPAddressType: "ipv4", Tags: tags,
			HealthCheck: account.HealthCheck{Enabled: true, Protocol: "TCP", Port: "traffic-port", Interval: 30, Timeout: 10,
				HealthyThreshold: 5, UnhealthyThreshold: 2},
		})
	}
}
