package sgsync

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Chooser picks the one security group of a network interface whose rules the controller manages.
type Chooser struct {
	Cluster   string
	Group     string            // --node-security-group; empty = none is named
	ExtraTags map[string]string // --service-target-eni-security-group-tags
}

// Groups returns facts about the groups of network interfaces.
type Groups struct {
	Tags func(group string) map[string]string
	// Serves reports whether a group has rules for load balancers. It is called only if a choice depends on it.
	Serves func(group string) (bool, error)
}

// serving returns the groups that have rules for load balancers.
func (of Groups) serving(groups []string) (out []string, err error) {
	for _, g := range groups {
		serves, err := of.Serves(g)
		if err != nil {
			return nil, fmt.Errorf("whether security group %s has rules for load balancers: %w", g, err)
		}
		if serves {
			out = append(out, g)
		}
	}
	return out, nil
}

// Choice is a group. Doubt says why it may be the wrong one; "" = it is certain.
type Choice struct{ Group, Doubt string }

// Choose returns the group that is named, if the interface has it; or the only group of the interface; or the only
// one with the cluster's tag and the extra tags. If several groups or none have these tags, Choose returns one that
// already has rules for load balancers, in doubt: the only one that the cluster owns, or the first by ID. It never
// returns a group that has neither the cluster's tag nor such rules. If the rules cannot be read, Choose returns an
// error, because a guess would open another group and close the serving one.
func (c Chooser) Choose(i network.Interface, of Groups) (Choice, error) {
	switch {
	case c.Group != "" && slices.Contains(i.Groups, c.Group):
		return Choice{Group: c.Group}, nil
	case len(i.Groups) == 1:
		return Choice{Group: i.Groups[0]}, nil
	}
	tagged := filter(i.Groups, func(g string) bool { return c.tagged(of.Tags(g)) })
	if len(tagged) == 1 {
		return Choice{Group: tagged[0]}, nil
	}
	tags := c.tag()
	for _, k := range slices.Sorted(maps.Keys(c.ExtraTags)) {
		tags += " and " + k + "=" + c.ExtraTags[k]
	}
	text := fmt.Sprintf("network interface %s: %d security groups have the tag %s, and exactly one should [%s]",
		i.ID, len(tagged), tags, strings.Join(tagged, " "))
	candidates := tagged
	if len(candidates) == 0 {
		candidates = i.Groups
	}
	serving, err := of.serving(candidates)
	switch {
	case err != nil:
		return Choice{}, err
	case len(serving) > 0:
		candidates = serving
	case len(tagged) == 0:
		return Choice{}, Unresolved(text + "; " + DoubtRemedy(i.Groups))
	}
	if owned := filter(candidates, func(g string) bool { return of.Tags(g)[c.tag()] == "owned" }); len(owned) > 0 {
		candidates = owned
	}
	chosen := slices.Min(candidates)
	return Choice{chosen, text + ": the controller adds its rules to " + chosen}, nil
}

// Unresolved is the error that, according to AWS, an endpoint has no security group for the rules of load balancers.
// A failed read is another error.
type Unresolved string

// Error implements error.
func (u Unresolved) Error() string { return string(u) }

// DoubtRemedy says how users choose one of an interface's groups.
func DoubtRemedy(groups []string) string {
	return fmt.Sprintf("tag exactly one of its groups [%s], or name it by --node-security-group",
		strings.Join(groups, " "))
}

func filter(groups []string, which func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return !which(g) })
}

func (c Chooser) tag() string { return "kubernetes.io/cluster/" + c.Cluster }

func (c Chooser) tagged(tags map[string]string) bool {
	if _, ok := tags[c.tag()]; !ok {
		return false
	}
	for k, v := range c.ExtraTags {
		if have, ok := tags[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// Serves reports whether any of the rules is for load balancers.
func Serves(rules []stack.Permission) bool {
	return slices.ContainsFunc(rules, func(p stack.Permission) bool { return HasLabel(p.Description) })
}

// ForNode returns the interface at which load balancers reach instance targets of a node: the primary one.
func ForNode(of []network.Interface) (network.Interface, bool) {
	for _, i := range of {
		if i.Primary {
			return i, true
		}
	}
	return network.Interface{}, false
}

// ForPod returns the interface of a node that carries a pod's address. If all interfaces of the node have the same
// groups, ForPod returns any of them, so it does not need EC2 to know the address yet.
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
