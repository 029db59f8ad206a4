package timeline

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

// LastEdits returns the last write of an object's metadata and spec by its managed fields, and its deletion, without
// fields.
func LastEdits(object string, o metav1.Object) (out []Entry) {
	if m := LastWrite(o, ""); m != nil {
		out = append(out, Entry{Time: m.Time.Time, Kind: Edit, Object: object, By: m.Manager, Text: Edited})
	}
	if at := o.GetDeletionTimestamp(); at != nil {
		out = append(out, Entry{Time: at.Time, Kind: Edit, Object: object, Text: Deleted})
	}
	return out
}

// LastWrite returns the last write of an object's metadata and spec by its managed fields, but for those of one
// manager; nil = there is none.
func LastWrite(o metav1.Object, not string) (last *metav1.ManagedFieldsEntry) {
	all := o.GetManagedFields()
	for i := range all {
		if m := &all[i]; m.Time != nil && m.Subresource == "" && m.Manager != not &&
			(last == nil || last.Time.Before(m.Time)) {
			last = m
		}
	}
	return last
}

// Held returns a hold of an administrator.
func Held(h hold.Hold) Entry {
	return Entry{Time: h.Since.UTC(), Kind: Hold, Object: h.Scope.String(), By: h.By, Text: "held " + h.Text()}
}
