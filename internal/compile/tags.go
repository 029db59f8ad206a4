package compile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/naming"
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
	maps.Copy(out, naming.Tracking(b.e.Key.Owner, b.cfg.Cluster, b.e.Key.ID.String(), resource))
	return out
}

// userTags are the tags of a member without those that are managed externally.
func (b *build) userTags(i int) map[string]intent.Field[string] {
	tags := b.members[i].Settings.Tags
	for _, key := range b.cfg.ExternalManagedTags {
		if _, ok := tags[key]; ok {
			out := maps.Clone(tags)
			maps.DeleteFunc(out, func(k string, _ intent.Field[string]) bool { return slices.Contains(b.cfg.ExternalManagedTags, k) })
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

// checkTags reports keys that are managed externally.
func (b *build) checkTags() {
	for _, key := range b.cfg.ExternalManagedTags {
		for i := range b.members {
			if f, ok := b.members[i].Settings.Tags[key]; ok {
				b.fail(i, diag.New(b.members[i].Object, f.Source.Place(), diag.InvalidAnnotation,
					fmt.Sprintf("external managed tag key %s cannot be specified", key),
					"remove the key: the controller's --external-managed-tags leaves it to others").In(diag.Route))
			}
		}
	}
}
