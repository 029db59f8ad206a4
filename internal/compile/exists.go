package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// knowsWhatExists reports whether it is known what AWS holds for the group. If it is not, the build is made again when it is.
func (b *build) knowsWhatExists() bool {
	_, known := b.existing()
	b.unsure = b.unsure || !known
	return known
}

func never() bool { return false }

func always(stack.Listener) bool { return true }

// details are the listeners and attributes of the load balancer that exists. They cost calls of their own, so only a question that
// nothing else decides asks for them; while they are not known, nil is returned and the build is made again when they are.
func (b *build) details() *facts.LoadBalancerDetails {
	if b.f.Details == nil {
		n := facts.Need{Kind: facts.NeedStackDetails, Key: b.e.Key.String()}
		if p := b.f.Failed(n); p != nil {
			b.problem(-1, intent.Source{}, p)
		} else {
			b.unsure = true
			b.want(n)
		}
	}
	return b.f.Details
}

// existsOnListener reports what holds of the listener of a port that exists.
func (b *build) existsOnListener(p *port, holds func(stack.Listener) bool) bool {
	d := b.details()
	if d == nil {
		return false
	}
	l, ok := d.Listeners[p.number]
	return ok && l.Protocol == p.protocol && holds(l)
}

// policyOf settles the TLS policy of a port.
func (b *build) policyOf(p *port, on string) merge.Setting[string] {
	s := merge.Setting[string]{
		Name: "ssl-policy", What: "ssl policy" + on, Fallback: cmp.Or(b.cfg.DefaultSSLPolicy, defaultSSLPolicy),
		Exists: func(policy string) bool {
			return b.existsOnListener(p, func(l stack.Listener) bool { return l.SSLPolicy == policy })
		},
	}
	s.ByDefault = func() bool { return s.Exists(s.Fallback) }
	return s
}

// existsMutual reports whether the listener of a port does with client certificates what a member wants.
func (b *build) existsMutual(p *port, want stack.MutualAuthentication) bool {
	return b.existsOnListener(p, func(l stack.Listener) bool {
		have := stack.MutualAuthentication{Mode: stack.MutualOff}
		if l.Mutual != nil {
			have = *l.Mutual
		}
		return have.Mode == want.Mode && (want.Mode != stack.MutualVerify || have.TrustStore == b.trustStore(want.TrustStore))
	})
}

func (b *build) existsAttribute(key, value string) bool {
	d := b.details()
	return d != nil && d.Attributes[key] == value
}

func (b *build) existsTag(key, value string) bool {
	have, ok := b.f.Existing.Tags[key]
	return ok && have == value
}

func (b *build) existsScheme(scheme string) bool { return b.f.Existing.Scheme == scheme }

func (b *build) existsAddressType(t string) bool { return b.f.Existing.IPAddressType == t }

// existsSubnets reports whether a selector chooses the subnets that the load balancer has.
func (b *build) existsSubnets(s intent.SubnetSelector) bool {
	q := b.subnetQuery()
	q.Scheme, q.IPAddressType = b.f.Existing.Scheme, cmp.Or(b.f.Existing.IPAddressType, stack.IPv4)
	q.IDsOrNames, q.Tags = s.IDsOrNames, s.Tags
	c := facts.ChooseSubnets(b.f, q)
	b.want(c.Needs...)
	b.unsure = b.unsure || len(c.Needs) > 0
	var ids []string
	for _, subnet := range c.Subnets {
		ids = append(ids, subnet.ID)
	}
	return len(ids) > 0 && sameSet(ids, b.f.Existing.Subnets)
}

// existsGroups reports whether the load balancer has the groups that are named, and none besides but the backend group: one that no member
// names.
func (b *build) existsGroups(named []string) bool {
	ids := b.resolved(named)
	have := b.f.Existing.SecurityGroups
	if len(ids) == 0 || b.existsManagedGroup() || slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(have, id) }) {
		return false
	}
	besides := slices.DeleteFunc(slices.Clone(have), func(id string) bool { return slices.Contains(ids, id) })
	return len(besides) == 0 || len(besides) == 1 && !slices.ContainsFunc(b.members, func(m quarantine.Member) bool {
		return m.State != quarantine.Rejected && m.Settings.SecurityGroups.Set && slices.Contains(b.resolved(m.Settings.SecurityGroups.Value), besides[0])
	})
}

// resolved are the ids of security groups, as far as they are known.
func (b *build) resolved(named []string) []string {
	c := facts.ResolveSecurityGroups(b.f, b.cfg.VPC, named)
	b.want(c.Needs...)
	b.unsure = b.unsure || len(c.Needs) > 0
	return c.IDs
}

// existsManagedGroup reports whether the load balancer has the security group whose rules the controller writes.
func (b *build) existsManagedGroup() bool { return b.f.Existing.ManagedGroup }

func (b *build) existsFrontendScheme(scheme string) bool {
	return b.f.ExistingFrontend != nil && b.f.ExistingFrontend.Scheme == scheme
}

// admitted are the ranges and prefix lists that the managed group admits to a port; open is false if it admits nothing.
func (b *build) admitted(port int32) (ranges, lists []string, open bool) {
	return b.f.Existing.Sources(port)
}

// rangesText is a list of ranges as EC2 sees them. What is no range stays as it is.
func rangesText(list []string) string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i], _ = stack.CanonicalRange(r)
	}
	return setText(out)
}

// everywhere are the ranges of a port that nobody restricts.
const everywhere = "0.0.0.0/0 ::/0"

func showRanges(list []string) string {
	if len(list) == 0 {
		return "no source"
	}
	return fmt.Sprint(list)
}

// rangesOf settles the source ranges of a port.
func (b *build) rangesOf(p *port, on string) merge.Setting[[]string] {
	return merge.Setting[[]string]{
		Name: "inbound-cidrs", What: "inbound CIDRs" + on, Text: rangesText, Show: showRanges, Fallback: everywhere,
		Exists: func(list []string) bool {
			if len(list) == 0 {
				return b.existsClosed(p)
			}
			ranges, _, open := b.admitted(p.number)
			wanted := slices.DeleteFunc(strings.Fields(rangesText(list)), func(r string) bool {
				return strings.Contains(r, ":") && !facts.IPv6Capable(b.f.Existing.IPAddressType)
			})
			return open && sameSet(ranges, wanted)
		},
		ByDefault: func() bool {
			ranges, _, open := b.admitted(p.number)
			return open && (len(ranges) == 0 || slices.Contains(ranges, "0.0.0.0/0"))
		},
	}
}

// prefixListsOf settles the prefix lists of a port.
func (b *build) prefixListsOf(p *port, on string) merge.Setting[[]string] {
	return merge.Setting[[]string]{
		Name: "prefix-lists", What: "prefix lists" + on, Text: setText, Show: printed[[]string],
		Exists: func(list []string) bool {
			_, lists, open := b.admitted(p.number)
			return open && sameSet(lists, list)
		},
		ByDefault: func() bool {
			_, lists, open := b.admitted(p.number)
			return open && len(lists) == 0
		},
	}
}
