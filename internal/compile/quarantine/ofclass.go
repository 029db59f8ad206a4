package quarantine

import (
	"maps"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// An administrator's restriction does not wait for the correction of an invalid member: what class parameters set now
// replaces the values of its last valid version. The scheme, the name and the kind of addresses stay, because other
// ones replace the load balancer.

// boundByClass are versions of a member to try in turn, whose listeners are not shared with other versions: its last
// valid version with what the parameters of its class set now, then without some of the settings that a build may
// refuse. Ranges of another class count if they admit nobody else: the edit that is not valid may name another class.
// scheme is the default one.
func boundByClass(last, now intent.Member, scheme string) []intent.Member {
	var refusable []func(*intent.Settings)
	var classes []intent.ClassSettings
	if now.OfClass != nil {
		classes = now.OfClass()
	}
	for i := range classes {
		of := &classes[i]
		if !isOf(&last, of) {
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
		bindField(&last.Settings.AddOns.Shield, of.Settings.AddOns.Shield)
		bindField(&last.Settings.PrivateLinkRules, of.Settings.PrivateLinkRules)
		for j := range last.Listeners {
			bindListener(&last.Listeners[j], of)
		}
		refusable = append(refusable, bindRefusable(&of.Settings, last.Settings.Scheme.Or(scheme))...)
	}
	return inTurn(last, refusable)
}

// isOf reports whether class parameters are those of the class of a version. Checkpoints of earlier releases have no
// class: there, the parameters are those of the class if they set one of the values.
func isOf(last *intent.Member, of *intent.ClassSettings) bool {
	if last.Class != "" {
		return of.Class == last.Class
	}
	now := of.Settings.Sources()
	for _, l := range append(slices.Clip(of.Listeners), of.Listener) {
		now = append(now, l.Sources()...)
	}
	was := last.Settings.Sources()
	for i := range last.Listeners {
		was = append(was, last.Listeners[i].Sources()...)
	}
	return slices.ContainsFunc(was, func(s intent.Source) bool {
		return s.Object() != last.Object && slices.ContainsFunc(now, func(o intent.Source) bool {
			return o.Object() == s.Object()
		})
	})
}

// bindRefusable are the settings of class parameters that a build may refuse, for a version with a scheme. The subnets
// of another scheme would give a load balancer of this scheme to other clients, or to none.
func bindRefusable(of *intent.Settings, scheme string) (out []func(*intent.Settings)) {
	if of.SSLRedirectPort.Set {
		out = append(out, func(to *intent.Settings) { to.SSLRedirectPort = of.SSLRedirectPort })
	}
	if of.Subnets.Set && of.Scheme.Or(scheme) == scheme {
		out = append(out, func(to *intent.Settings) { to.Subnets = of.Subnets })
	}
	if of.SecurityGroups.Set || of.ManageBackend.Set {
		out = append(out, func(to *intent.Settings) {
			bindField(&to.SecurityGroups, of.SecurityGroups)
			bindField(&to.ManageBackend, of.ManageBackend)
		})
	}
	return out
}

// inTurn are the versions with all of some settings, then without one of them, without two, and so on.
func inTurn(version intent.Member, settings []func(*intent.Settings)) (out []intent.Member) {
	for size := range len(settings) + 1 {
		for without := range uint(1) << len(settings) {
			if bits.OnesCount(without) != size {
				continue
			}
			one := version
			for i, set := range settings {
				if without&(1<<i) == 0 {
					set(&one.Settings)
				}
			}
			out = append(out, one)
		}
	}
	return out
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
	bindField(&l.ALPN, of.ALPN)
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
