package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/tagkey"
)

// tags are the tags of a resource, by precedence: tracking tags, default tags, the user's tags. With the gate
// EnableDefaultTagsLowPriority the user's come before the defaults.
func (b *build) tags(user map[string]string, resource string) map[string]string {
	out := make(map[string]string, len(user)+len(b.cfg.DefaultTags)+3)
	if b.cfg.Gates.EnableDefaultTagsLowPriority {
		maps.Copy(out, b.cfg.DefaultTags)
		maps.Copy(out, user)
	} else {
		maps.Copy(out, user)
		maps.Copy(out, b.cfg.DefaultTags)
	}
	return b.tracked(out, resource)
}

// tracked are tags without reserved keys, from objects and flags, and with the tracking tags of a resource. It changes
// its argument.
func (b *build) tracked(tags map[string]string, resource string) map[string]string {
	maps.DeleteFunc(tags, func(k, _ string) bool { return tagkey.Reserved(k) })
	naming.Track(tags, b.e.Key.Owner, b.cfg.Cluster, b.e.Key.ID.String(), resource)
	return tags
}

// refuseTags notes the refused keys of tags that member i declares at a place. The controller does not write them, and
// leaves in AWS what an earlier controller wrote; keys that steer the controller go. Nothing else of the member waits.
func refuseTags[V any](b *build, i int, tags map[string]V, administered func(V) bool, place func(V) string) {
	for _, key := range tagkey.Refused(tags, administered) {
		text, remedy := tagkey.Refusal(key)
		b.note(i, diag.New(b.members[i].Object, place(tags[key]), diag.ReservedTag, text, remedy))
		if !slices.Contains(naming.OwnTags(b.e.Key.Owner), key) && !b.keptTags[key] {
			b.keep.Tags = append(b.keep.Tags, key)
			b.keptTags[key] = true
		}
	}
}

// administered reports whether the parameters of the class of member i set a tag.
func (b *build) administered(i int) func(intent.Field[string]) bool {
	return func(f intent.Field[string]) bool {
		class := b.members[i].ClassConfiguration
		return f.Source.OfClass() || class != (intent.Source{}) && f.Source.Object() == class.Object()
	}
}

// partTags are the tags of a rule or target group of member i without refused ones. Those that the member has from the
// parameters of its class are not refused.
func (b *build) partTags(i int, tags map[string]string) map[string]string {
	out := tagkey.Without(tags, nil)
	if len(out) == len(tags) {
		return tags
	}
	for key, f := range b.userTags(i) {
		if value, has := tags[key]; has && f.Set && f.Value == value {
			out[key] = value
		}
	}
	return out
}

// userTags are the tags of a member without refused ones and those that are managed externally.
func (b *build) userTags(i int) map[string]intent.Field[string] {
	tags := tagkey.Without(b.members[i].Settings.Tags, b.administered(i))
	for _, key := range b.cfg.ExternalManagedTags {
		if _, ok := tags[key]; ok {
			out := maps.Clone(tags)
			maps.DeleteFunc(out, func(k string, _ intent.Field[string]) bool {
				return slices.Contains(b.cfg.ExternalManagedTags, k)
			})
			return out
		}
	}
	return tags
}

// plainTags are the values of userTags.
func (b *build) plainTags(i int) map[string]string {
	tags := b.userTags(i)
	out := make(map[string]string, len(tags))
	for k, f := range tags {
		if f.Set {
			out[k] = f.Value
		}
	}
	return out
}

// externalTag is a key of tags that is managed externally; empty = none is.
func (b *build) externalTag(tags map[string]string) string {
	for _, key := range b.cfg.ExternalManagedTags {
		if _, ok := tags[key]; ok {
			return key
		}
	}
	return ""
}

// mostTags is how many tags AWS allows of a resource.
const mostTags = 50

// sharedTags merges the tags of members for a resource that they share. AWS refuses the whole resource if it would have
// more than mostTags. What exceeds them is left out: tags that AWS does not have yet before others, and of the members
// that joined last first. With tell, these members get a finding.
func (b *build) sharedTags(setting string, among []int, tell bool) (map[string]string, map[string]intent.Source) {
	user, sources := keyed(b, merge.Setting[string]{Name: setting, What: "tag", Among: among}, b.existsTag, b.userTags)
	n, others := len(b.tags(user, "")), b.tags(nil, "")
	if n <= mostTags {
		return user, sources
	}
	joined := b.seniority()
	rank := func(key string) (standing, seniority int) {
		if b.f.Existing == nil || !b.existsTag(key, user[key]) {
			standing = 1
		}
		if i, ok := b.memberOf(sources[key].Object()); ok {
			seniority = joined[i] + 1 // tags of class parameters come before
		}
		return standing, seniority
	}
	keys := slices.Sorted(maps.Keys(user))
	slices.SortStableFunc(keys, func(x, y string) int {
		standsX, joinedX := rank(x)
		standsY, joinedY := rank(y)
		return cmp.Or(standsX-standsY, joinedX-joinedY)
	})
	left := map[int][]string{}
	for len(keys) > 0 && n > mostTags { // of a group thousands
		key := keys[len(keys)-1]
		if _, has := others[key]; !has && !tagkey.Reserved(key) {
			n--
		}
		if i, ok := b.memberOf(sources[key].Object()); ok {
			left[i] = append(left[i], key)
		}
		delete(user, key)
		delete(sources, key)
		keys = keys[:len(keys)-1]
	}
	for i, of := range left {
		if tell {
			slices.Sort(of)
			b.note(i, excess(b.members[i].Object, "",
				fmt.Sprintf("with the tags of all members, what they share would have more than the %d tags that AWS allows: "+
					"%d tags of this object are left out: %s", mostTags, len(of), diag.Some(of)),
				"remove tags, or use another load balancer"))
		}
	}
	return user, sources
}

// checkTags reports keys that are managed externally, and tags that AWS takes of no resource, before it has refused
// some of several.
func (b *build) checkTags() {
	for i := range b.members {
		tags := b.members[i].Settings.Tags
		if b.members[i].State != quarantine.Rejected {
			refuseTags(b, i, tags, b.administered(i), func(f intent.Field[string]) string { return f.Source.Place() })
		}
		bad := func(f intent.Field[string], text, remedy string) {
			b.fail(i, diag.New(b.members[i].Object, f.Source.Place(), diag.InvalidAnnotation, text, remedy).In(diag.Route))
		}
		var one intent.Field[string]
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			one = tags[key]
			if text := constraint.OfTag(constraint.Tag{Key: key, Value: one.Value}); text != "" {
				remedy := "remove or correct the tag"
				if strings.HasPrefix(strings.ToLower(key), "aws:") {
					remedy = "remove it, or choose another key"
				}
				bad(one, text, remedy)
			}
		}
		if n := len(b.tags(b.plainTags(i), "")); len(tags) > 0 && n > mostTags {
			bad(one, fmt.Sprintf("with the tags of the controller, each resource would have %d tags, and AWS allows %d",
				n, mostTags), "remove some")
		}
	}
	for _, key := range b.cfg.ExternalManagedTags {
		for i := range b.members {
			if f, ok := b.members[i].Settings.Tags[key]; ok {
				b.fail(i, diag.New(b.members[i].Object, f.Source.Place(), diag.InvalidAnnotation,
					fmt.Sprintf("tag %s is reserved for other tools by --external-managed-tags", key),
					"remove the tag").In(diag.Route))
			}
		}
	}
}
