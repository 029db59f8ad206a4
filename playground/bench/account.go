package bench

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/seed"
)

// podsPerNode is how many addresses AWS gives to the network interface of a node, less a few.
const podsPerNode = 900

// roomy is the simulator's own account with nodes for so many pods, in private subnets of 16,000 addresses each instead of 4,000.
func roomy(f seed.File, pods int) seed.File {
	third := 1
	for i, s := range f.VPC.Subnets {
		if s.Public || third > 3 {
			continue
		}
		was := strings.TrimSuffix(s.CIDR, ".0/20")
		now := fmt.Sprintf("10.0.%d", 64*third)
		third++
		f.VPC.Subnets[i].CIDR = now + ".0/18"
		for n, node := range f.Cluster.Nodes {
			if host := "ip-" + strings.ReplaceAll(was, ".", "-") + "-"; node.Zone == s.Zone && strings.HasPrefix(node.Name, host) {
				f.Cluster.Nodes[n].Name = "ip-" + strings.ReplaceAll(now, ".", "-") + "-" + strings.TrimPrefix(node.Name, host)
			}
		}
		for c, cidr := range f.Cluster.PodCIDRs {
			if cidr == was+".0/20" {
				f.Cluster.PodCIDRs[c] = now + ".0/18"
			}
		}
	}
	for i := 0; len(f.Cluster.Nodes) < pods/podsPerNode+1; i++ {
		like := f.Cluster.Nodes[i]
		network := like.Name[:strings.LastIndexByte(like.Name, '-')]
		like.Name, like.Instance = fmt.Sprintf("%s-%d", network, 100+i), fmt.Sprintf("i-0a1de0000000%05x", 0x1000+i)
		f.Cluster.Nodes = append(f.Cluster.Nodes, like)
	}
	return f
}
