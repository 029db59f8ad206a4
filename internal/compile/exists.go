package compile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// knowsWhatExists reports whether the existing load balancer is known. If it is not, it is looked up, and the build is
// repeated.
func (b *build) knowsWhatExists() bool {
	_, known := b.existing()
	b.unsure = b.unsure || !known
	return known
}

func never() bool { return false }

// details are the listeners, rules and attributes of the existing load balancer. They take further calls, so they are
// required only where nothing else decides. Nil = they are not known; they are looked up, and the build is repeated.
func (b *build) details() *facts.LoadBalancerDetails {
	if b.f.Details == nil {
		n := facts.Need{Kind: facts.NeedStackDetails, Key: b.e.Key.String()}
		b.unsure = b.unsure || b.f.Failed(n) == nil
		b.lookUp(n)
	}
	return b.f.Details
}

// existsOnListener reports whether the listener of a port exists, and is like that.
func (b *build) existsOnListener(p *port, like func(stack.Listener) bool) bool {
	d := b.details()
	if d == nil {
		return false
	}
	l, ok := d.Listeners[p.number]
	return ok && l.Protocol == p.protocol && like(l)
}

// attached are the certificates of the listener that stays on the port of l; none if it is new or replaced. They are
// not known if unread is not empty.
func (b *build) attached(l intent.Listener) (arns []string, unread facts.Need) {
	d, known := b.staying()
	if !known && !b.f.ExistingKnown {
		return nil, needStack(&b.e)
	}
	if !known {
		return nil, facts.Need{Kind: facts.NeedStackDetails, Key: b.e.Key.String()}
	}
	if have := d.Listeners[l.Port]; have.Protocol == l.Protocol {
		arns = slices.Concat(have.Certificates, have.SNI)
	}
	return arns, unread
}

// policyOf is the setting of the TLS policy of a port.
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

// existsMutual reports whether the existing listener of a port has the desired mutual authentication.
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

// existsSubnets reports whether a selector selects the subnets of the existing load balancer.
func (b *build) existsSubnets(s intent.SubnetSelector) bool {
	q := b.subnetQuery()
	q.Scheme, q.IPAddressType = b.f.Existing.Scheme, cmp.Or(b.f.Existing.IPAddressType, stack.IPv4)
	q.IDsOrNames, q.Tags = s.IDsOrNames, s.Tags
	c := facts.ChooseSubnets(*b.f, q)
	b.require(c.Needs...)
	b.unsure = b.unsure || len(c.Needs) > 0
	var ids []string
	for _, subnet := range c.Subnets {
		ids = append(ids, subnet.ID)
	}
	return len(ids) > 0 && sameSet(ids, b.f.Existing.Subnets)
}

// existsGroups reports whether the existing load balancer has the named security groups, and no other one but the
// backend group, which no member names.
func (b *build) existsGroups(named []string) bool {
	ids := b.resolved(named)
	have := b.f.Existing.SecurityGroups
	if len(ids) == 0 || b.existsManagedGroup() ||
		slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(have, id) }) {
		return false
	}
	besides := slices.DeleteFunc(slices.Clone(have), func(id string) bool { return slices.Contains(ids, id) })
	return len(besides) == 0 || len(besides) == 1 && !slices.ContainsFunc(b.members, func(m quarantine.Member) bool {
		return m.State != quarantine.Rejected && m.Settings.SecurityGroups.Set &&
			slices.Contains(b.resolved(m.Settings.SecurityGroups.Value), besides[0])
	})
}

// resolved are the known ids of security groups.
func (b *build) resolved(named []string) []string {
	c := facts.ResolveSecurityGroups(*b.f, b.cfg.VPC, named)
	b.require(c.Needs...)
	b.unsure = b.unsure || len(c.Needs) > 0
	return c.IDs
}

// existsManagedGroup reports whether the existing load balancer has the security group whose rules the controller
// writes.
func (b *build) existsManagedGroup() bool { return b.f.Existing.ManagedGroup }

func (b *build) existsFrontendScheme(scheme string) bool {
	return b.f.ExistingFrontend != nil && b.f.ExistingFrontend.Scheme == scheme
}

// existsFrontendGroups reports whether the existing frontend has the named security groups.
func (b *build) existsFrontendGroups(named []string) bool {
	return b.f.ExistingFrontend != nil && sameSet(b.resolved(named), b.f.ExistingFrontend.SecurityGroups)
}

// sharesGroupsWithFrontend reports whether the ALB and its frontend have the same security groups, as is the default.
func (b *build) sharesGroupsWithFrontend() bool {
	front, alb := b.f.ExistingFrontend, b.f.Existing
	return front == nil || alb != nil && sameSet(front.SecurityGroups, alb.SecurityGroups)
}

// existsFrontendPort reports whether the existing frontend has a port.
func (b *build) existsFrontendPort(number int32) bool {
	f := b.f.ExistingFrontend
	return f != nil && len(f.Families[naming.FrontendTargetGroupID(number)]) > 0
}

// rangesText is a list of ranges in the form of EC2. Texts that are no range are not changed.
func rangesText(list []string) string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i], _ = stack.CanonicalRange(r)
	}
	return setText(out)
}

// everywhere are the ranges of a port without restrictions.
const everywhere = "0.0.0.0/0 ::/0"

func showRanges(list []string) string {
	if len(list) == 0 {
		return "no source"
	}
	return intent.Shown(list)
}

// rangesOf is the setting of the source ranges of a port.
func (b *build) rangesOf(p *port, on string) merge.Setting[[]string] {
	return merge.Setting[[]string]{
		Name: "inbound-cidrs", What: "inbound CIDRs" + on, Text: rangesText, Show: showRanges, Fallback: everywhere,
		Exists: func(list []string) bool {
			if len(list) == 0 {
				return b.existsClosed(p)
			}
			ranges, _, open := b.f.Existing.Sources(p.number)
			wanted := slices.DeleteFunc(strings.Fields(rangesText(list)), func(r string) bool {
				return strings.Contains(r, ":") && !facts.IPv6Capable(b.f.Existing.IPAddressType)
			})
			return open && sameRanges(ranges, wanted)
		},
		ByDefault: func() bool {
			ranges, _, open := b.f.Existing.Sources(p.number)
			return open && (len(ranges) == 0 || slices.Contains(ranges, "0.0.0.0/0"))
		},
	}
}

// sameRanges reports whether the ranges of rules that stand are those of a setting, of which some may have been joined.
// A setting that has one range within another is no other's that has the larger one alone, though both admit the same.
func sameRanges(stand, wanted []string) bool {
	if sameSet(stand, wanted) {
		return true
	}
	rules := func(list []string) []stack.Permission {
		out := make([]stack.Permission, len(list))
		for i, r := range list {
			out[i] = stack.Permission{Protocol: "tcp", CIDR: r}
		}
		return out
	}
	return !sgrules.Nested(wanted) && sgrules.Of(rules(stand)).Equal(sgrules.Of(rules(wanted)))
}

// prefixListsOf is the setting of the prefix lists of a port.
func (b *build) prefixListsOf(p *port, on string) merge.Setting[[]string] {
	exists := func(list []string) bool {
		_, lists, open := b.f.Existing.Sources(p.number)
		return open && sameSet(lists, list)
	}
	return merge.Setting[[]string]{
		Name: "prefix-lists", What: "prefix lists" + on, Text: setText, Exists: exists,
		ByDefault: func() bool { return exists(nil) },
	}
}
