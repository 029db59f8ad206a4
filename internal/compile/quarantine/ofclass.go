package quarantine

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// An administrator's restriction does not wait for the correction of an invalid member: what class parameters set now
// replaces the values of its last good version. The scheme, the name and the kind of addresses stay, because other ones
// replace the load balancer.

// boundByClass is the last good version of a member, whose listeners are not shared with other versions, with what the
// parameters of its class set now. Ranges of another class count if they admit nobody else: the edit that is not valid
// may name another class. unbound is the version without the settings that a build may refuse; nil = there are none.
func boundByClass(last, now intent.Member) (bound intent.Member, unbound *intent.Member) {
	for i := range now.OfClass {
		of := &now.OfClass[i]
		if of.Class != last.Class {
			for j := range last.Listeners {
				if l := &last.Listeners[j]; within(of.Listener.InboundCIDRs.Value, l) && of.Listener.InboundCIDRs.Set {
					l.InboundCIDRs, l.NoRanges = of.Listener.InboundCIDRs, of.Listener.NoRanges
				}
			}
			continue
		}
		last.Settings.Attributes = overlay(last.Settings.Attributes, of.Settings.Attributes)
		last.Settings.Tags = overlay(last.Settings.Tags, of.Settings.Tags)
		bindWebACL(&last.Settings.AddOns, &of.Settings.AddOns)
		bindField(&last.Settings.AddOns.Capacity, of.Settings.AddOns.Capacity)
		for j := range last.Listeners {
			bindListener(&last.Listeners[j], of)
		}
	}
	bound = last
	for i := range now.OfClass {
		if of := &now.OfClass[i]; of.Class == last.Class && (of.Settings.Subnets.Set || of.Settings.SSLRedirectPort.Set ||
			of.Settings.SecurityGroups.Set) {
			bindField(&bound.Settings.Subnets, of.Settings.Subnets)
			bindField(&bound.Settings.SSLRedirectPort, of.Settings.SSLRedirectPort)
			bindField(&bound.Settings.SecurityGroups, of.Settings.SecurityGroups)
			return bound, &last
		}
	}
	return bound, nil
}

// bindField replaces a setting that class parameters set.
func bindField[T any](to *intent.Field[T], of intent.Field[T]) {
	if of.Set {
		*to = of
	}
}

// overlay are fields with those of class parameters in the place of others of the same key.
func overlay(fields, of map[string]intent.Field[string]) map[string]intent.Field[string] {
	if len(of) == 0 {
		return fields
	}
	out := maps.Clone(fields)
	if out == nil {
		out = make(map[string]intent.Field[string], len(of))
	}
	maps.Copy(out, of)
	return out
}

// bindWebACL replaces a web ACL that class parameters name. A name comes before an ARN, so that none stays.
func bindWebACL(to, of *intent.AddOns) {
	if of.WebACL.Set || of.WebACLName.Set {
		to.WebACL, to.WebACLName = of.WebACL, of.WebACLName
	}
}

// bindListener sets what class parameters set of a listener.
func bindListener(l *intent.Listener, of *intent.ClassSettings) {
	if of.Listener.InboundCIDRs.Set {
		l.InboundCIDRs, l.NoRanges = of.Listener.InboundCIDRs, of.Listener.NoRanges
	}
	bindField(&l.PrefixLists, of.Listener.PrefixLists)
	if l.Protocol == "HTTPS" {
		bindSecure(l, &of.Listener)
	}
	for i := range of.Listeners {
		if o := &of.Listeners[i]; o.Protocol == l.Protocol && o.Port == l.Port {
			l.Attributes = overlay(l.Attributes, o.Attributes)
			bindSecure(l, o)
		}
	}
}

// bindSecure sets what class parameters set of a secure listener.
func bindSecure(l, of *intent.Listener) {
	bindField(&l.SSLPolicy, of.SSLPolicy)
	bindField(&l.Mutual, of.Mutual)
	if of.Certificates.Set {
		l.Certificates, l.Owned, l.DiscoverFirst, l.DiscoverHosts = of.Certificates, nil, nil, nil
	}
}

// within reports whether a listener admits every client of some ranges. Without ranges and prefix lists it admits all
// of the internet.
func within(ranges []string, l *intent.Listener) bool {
	if l.NoRanges {
		return false
	}
	if !l.InboundCIDRs.Set {
		return !l.PrefixLists.Set
	}
	return !slices.ContainsFunc(ranges, func(r string) bool {
		narrow, err := netip.ParsePrefix(r)
		return err != nil || !slices.ContainsFunc(l.InboundCIDRs.Value, func(r string) bool {
			wide, err := netip.ParsePrefix(r)
			return err == nil && wide.Bits() <= narrow.Bits() && wide.Contains(narrow.Addr())
		})
	})
}
