package diff

import (
	"cmp"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// tags plans the tag changes of one resource. exempt keys do not change. Tags are removed before others are added,
// because a resource has at most 50. It returns the step that adds tags; nil if there is none.
func (d *differ) tags(r stack.Ref, have, want map[string]string, exempt ...string) *plan.Step {
	set, drop, why := d.tagChanges(have, want, exempt)
	var add, remove awsop.Operation = awsop.AddTags{Resource: r, Tags: set}, awsop.RemoveTags{Resource: r, Keys: drop}
	if r.Kind == stack.KindSecurityGroup { // EC2 has other calls for tags
		add, remove = awsop.CreateTags{Group: r, Tags: set}, awsop.DeleteTags{Group: r, Keys: drop}
	}
	var dropped plan.StepID
	if len(drop) > 0 {
		dropped = d.step(plan.Update, r, plan.Cosmetic, remove, droppedTags(drop)...).ID
	}
	if len(set) == 0 {
		return nil
	}
	s := d.step(plan.Update, r, plan.Cosmetic, add, why...)
	s.Follow(dropped)
	return s
}

// tagChanges compares tags. nil on either side means not managed, or not known: no change. If settings are kept, tags
// are too.
func (d *differ) tagChanges(have, want map[string]string, exempt []string) (set map[string]string, drop, why []string) {
	if have == nil || want == nil || d.keep.Settings {
		return nil, nil, nil
	}
	external := func(k string) bool {
		return slices.Contains(d.opt.ExternalTags, k) || slices.Contains(exempt, k) || len(k) >= 4 && k[:4] == "aws:"
	}
	for k, v := range want {
		if old, ok := have[k]; external(k) || ok && old == v {
			continue
		}
		if set == nil {
			set = map[string]string{}
		}
		set[k] = v
	}
	why = changeTexts("tag ", set, func(k string) (v string, known bool) { v, known = have[k]; return v, known })
	for k := range have {
		if _, ok := want[k]; !ok && !external(k) && !slices.Contains(d.keep.Tags, k) {
			drop = append(drop, k)
		}
	}
	slices.Sort(drop)
	return set, drop, why
}

func droppedTags(keys []string) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = "tag " + k + " is not wanted"
	}
	return out
}

func (d *differ) legacyTags() []string { return naming.LegacyTags(d.want.Cluster) }

// ours reports whether tags, if known, carry the stack's tag.
func (d *differ) ours(tags map[string]string) bool {
	return tags == nil || tags[naming.StackTag(d.plan.Key.Owner)] == d.plan.Key.ID.String()
}

// attributeDiff compares wanted attributes with observed ones. def returns AWS's default of an attribute.
type attributeDiff struct {
	want, have map[string]string
	def        func(key string) (string, bool)
}

// attributes plans the attributes that differ, in as few operations as AWS allows.
func (d *differ) attributes(action plan.Action, r stack.Ref, a attributeDiff,
	op func(map[string]string) awsop.Operation) {
	const most = 20
	set, _ := a.changes()
	for keys := range slices.Chunk(sortedKeys(set), most) {
		part := map[string]string{}
		for _, k := range keys {
			part[k] = set[k]
		}
		_, why := attributeDiff{part, a.have, a.def}.changes()
		d.step(action, r, plan.Cosmetic, op(part), why...)
	}
}

// sortedKeys are the keys of a map in order. Most maps here are empty, for which slices.Sorted would allocate.
func sortedKeys(m map[string]string) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

// changes are the wanted attributes that differ from those in effect, with a reason for each, sorted by key.
func (a attributeDiff) changes() (set map[string]string, why []string) {
	before := func(k string) (v string, known bool) {
		if v, known = a.have[k]; !known {
			v, known = a.def(k)
		}
		return v, known
	}
	for k, v := range a.want {
		if old, known := before(k); known && old == v {
			continue
		}
		if set == nil {
			set = map[string]string{}
		}
		set[k] = v
	}
	return set, changeTexts("", set, before)
}

// changeTexts are reasons for changes, in the order of their keys.
func changeTexts(what string, set map[string]string, before func(string) (string, bool)) (why []string) {
	for _, k := range sortedKeys(set) {
		if old, known := before(k); known {
			why = append(why, change(what+k, quoteEmpty(old), quoteEmpty(set[k])))
		} else {
			why = append(why, what+k+" = "+quoteEmpty(set[k]))
		}
	}
	return why
}

func quoteEmpty(s string) string { return cmp.Or(s, `""`) }

// reasons are why an operation is planned.
type reasons []string

// value adds the change of a value, if it changes.
func (r *reasons) value(what, have, want string) {
	if have != want {
		*r = append(*r, change(what, quoteEmpty(have), quoteEmpty(want)))
	}
}

// managed is value, except that an empty wanted value means no change.
func (r *reasons) managed(what, have, want string) { r.value(what, have, cmp.Or(want, have)) }

func change(what, from, to string) string { return what + " " + from + " → " + to }
