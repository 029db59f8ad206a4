package secgroup

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/inventory/network"
)

// Chooser picks the one group of a network interface whose rules are ours to extend.
type Chooser struct {
	Cluster   string
	ExtraTags map[string]string // --service-target-eni-security-group-tags
}

// Choose returns the only group of the interface, or the only one among several that carries the cluster's tag and the extra
// tags. tags returns the tags of a group.
func (c Chooser) Choose(i network.Interface, tags func(group string) map[string]string) (string, error) {
	if len(i.Groups) == 1 {
		return i.Groups[0], nil
	}
	candidates := slices.DeleteFunc(slices.Clone(i.Groups), func(g string) bool { return !c.tagged(tags(g)) })
	if len(candidates) == 1 {
		return candidates[0], nil
	}
	extra := ""
	if len(c.ExtraTags) > 0 {
		extra = fmt.Sprintf(" and %v", c.ExtraTags)
	}
	return "", fmt.Errorf("expected exactly one securityGroup tagged with kubernetes.io/cluster/%s%s for eni %s, got: [%s] (clusterName: %s); tag exactly one of its groups [%s]",
		c.Cluster, extra, i.ID, strings.Join(candidates, " "), c.Cluster, strings.Join(i.Groups, " "))
}

func (c Chooser) tagged(tags map[string]string) bool {
	if _, ok := tags["kubernetes.io/cluster/"+c.Cluster]; !ok {
		return false
	}
	for k, v := range c.ExtraTags {
		if have, ok := tags[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// ForNode is the interface that instance targets of a node are reached through: the primary one.
func ForNode(of []network.Interface) (network.Interface, bool) {
	for _, i := range of {
		if i.Primary {
			return i, true
		}
	}
	return network.Interface{}, false
}

// ForPod is the interface of a node that carries a pod's address. If all interfaces of the node have the same groups it does
// not matter which one it is, and then an address that is not (yet) known to EC2's answer does no harm.
func ForPod(of []network.Interface, address netip.Addr) (network.Interface, bool) {
	for _, i := range of {
		if i.Carries(address) {
			return i, true
		}
	}
	if len(of) == 0 {
		return network.Interface{}, false
	}
	for _, i := range of[1:] {
		if !slices.Equal(i.Groups, of[0].Groups) {
			return network.Interface{}, false
		}
	}
	return of[0], true
}
