package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// leftAlone is the name in Memory.Effect of an attribute whose value in AWS was not changed at a takeover. The effect's
// value are the values of members that are ignored.
func leftAlone(setting string) string { return "left-alone/" + setting }

// inherited are the values of an attribute of the load balancer that count after a takeover: the existing controller
// reads the class parameters of the first member only, so that those of the others were never in effect. They count
// from the start if AWS has such a value, and else as soon as they change.
func (b *build) inherited(setting, key string, candidates []merge.Owned[string]) []merge.Owned[string] {
	if b.group.Strict || !b.group.Joinable {
		return candidates
	}
	var counted, unread []merge.Owned[string]
	var values []string
	for _, c := range candidates {
		if c.Source.OfClass() && c.Member != b.group.FirstMember() {
			unread, values = append(unread, c), append(values, c.Value)
		} else {
			counted = append(counted, c)
		}
	}
	if len(unread) == 0 || !b.leaves(setting, key, candidates, setText(values), len(counted) == 0) {
		return candidates
	}
	if len(counted) == 0 {
		b.group.NewEffect[leftAlone(setting)] = merge.Effect{Value: setText(values)}
	}
	first := b.members[b.group.FirstMember()].Object
	for _, c := range unread {
		if slices.ContainsFunc(counted, func(o merge.Owned[string]) bool { return o.Value == c.Value }) {
			continue
		}
		o := b.members[c.Member].Object
		b.note(c.Member, diag.New(o, c.Source.Place(), diag.IgnoredSetting,
			fmt.Sprintf("load balancer attribute %s: the controller does not write %q of %s. AWS has another value, because "+
				"the former controller read only the class parameters of the first member, %s", key, c.Value, o, first),
			fmt.Sprintf("to have it written, set annotation load-balancer-attributes or the class parameters of %s, or "+
				"change the value", first)))
	}
	return counted
}

// leaves reports whether class parameters that the existing controller did not read are ignored: without memory, if AWS
// has none of the members' values; with it, if they were ignored before and have not changed.
func (b *build) leaves(setting, key string, candidates []merge.Owned[string], unread string, alone bool) bool {
	if b.group.InEffect != nil {
		left, was := b.group.InEffect[leftAlone(setting)]
		return alone && was && left.Value == unread
	}
	if !b.knowsWhatExists() || b.f.Existing == nil || b.details() == nil {
		return false
	}
	return !slices.ContainsFunc(candidates, func(c merge.Owned[string]) bool { return b.existsAttribute(key, c.Value) })
}
