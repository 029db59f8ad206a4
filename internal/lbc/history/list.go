package history

import (
	"cmp"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

// Since returns the entries from a time on, oldest first, without those that another source has as well.
func Since(all []timeline.Entry, from time.Time) []timeline.Entry {
	out := []timeline.Entry{}
	for _, e := range all {
		if !e.Last().Before(from) && !recordedToo(e, all) {
			e.Time = e.Time.UTC()
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b timeline.Entry) int {
		return cmp.Or(order(a).Compare(order(b)), slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind),
			cmp.Compare(a.Object, b.Object))
	})
	return slices.CompactFunc(out, func(a, b timeline.Entry) bool {
		return a.Same(b) && a.Time.Equal(b.Time) && a.RequestID == b.RequestID
	})
}

// kinds are in the order of what has one time: cause before effect.
var kinds = []timeline.Kind{timeline.Leader, timeline.Hold, timeline.Edit, timeline.Drift, timeline.Plan,
	timeline.Call, timeline.Cert, timeline.Targets, timeline.Condition, timeline.Event}

// order is when an entry happened for the order of the list. The API server rounds its times down to seconds: an edit
// comes before what followed in its second, and what reports an effect comes after it.
func order(e timeline.Entry) time.Time {
	if (e.Kind == timeline.Event || e.Kind == timeline.Condition) && e.Time.Nanosecond() == 0 {
		return e.Time.Add(time.Second - time.Nanosecond)
	}
	return e.Time
}

// recordedToo reports whether the edit that an entry of the record names is in the list with its fields.
func recordedToo(e timeline.Entry, all []timeline.Entry) bool {
	if e.Kind != timeline.Edit || e.Text != timeline.Edited && e.Text != timeline.Deleted {
		return false
	}
	return slices.ContainsFunc(all, func(o timeline.Entry) bool {
		return o.Kind == timeline.Edit && len(o.Text) > len(e.Text) && o.Object == e.Object && o.By == e.By &&
			o.Time.Equal(e.Time)
	})
}
