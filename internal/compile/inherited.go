package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/diag"
)

// first is the first member in group order; -1 = none counts.
func (b *build) first() int {
	return slices.IndexFunc(b.members, func(m member) bool { return m.standing != shunned })
}

// leftAlone is the name in Memory.Effect of an attribute whose value in AWS was left at a takeover. Its value there are the claims that
// are not followed.
func leftAlone(setting string) string { return "left-alone/" + setting }

// inherited are the claims for an attribute of the load balancer that count at a takeover: the existing controller reads the class
// parameters of the first member only, so that those of the others were never in effect. They count from the start where AWS has
// such a value, and else as soon as they change.
func (b *build) inherited(setting, key string, claims []claim[string]) []claim[string] {
	if b.cfg.StrictGroups || !b.shares() {
		return claims
	}
	var counted, unread []claim[string]
	var values []string
	for _, c := range claims {
		if ofClass(c.field.Source) && c.member != b.first() {
			unread, values = append(unread, c), append(values, c.field.Value)
		} else {
			counted = append(counted, c)
		}
	}
	if len(unread) == 0 || !b.leaves(setting, key, claims, setText(values), len(counted) == 0) {
		return claims
	}
	if len(counted) == 0 {
		b.settled[leftAlone(setting)] = Effect{Value: setText(values)}
	}
	for _, c := range unread {
		if slices.ContainsFunc(counted, func(o claim[string]) bool { return o.field.Value == c.field.Value }) {
			continue
		}
		o := b.members[c.member].Object
		b.note(c.member, diag.New(o, at(c.field.Source), diag.IgnoredSetting,
			fmt.Sprintf("load balancer attribute %s: %q of %s is not written, because AWS had another value when this controller took the load balancer over, and the one before read the class parameters of the first member of the group only, which is %s",
				key, c.field.Value, o, b.members[b.first()].Object),
			"set it by annotation load-balancer-attributes or in the class parameters of the first member, or change it, and it is written"))
	}
	return counted
}

// leaves reports whether class parameters that the existing controller did not read are not followed: without memory, if AWS has
// none of the values that members want; with it, if that was so and they are the same yet.
func (b *build) leaves(setting, key string, claims []claim[string], unread string, alone bool) bool {
	if b.effect != nil {
		left, was := b.effect[leftAlone(setting)]
		return alone && was && left.Value == unread
	}
	if !b.knowsWhatExists() || b.f.Existing == nil || b.details() == nil {
		return false
	}
	return !slices.ContainsFunc(claims, func(c claim[string]) bool { return b.existsAttribute(key, c.field.Value) })
}
