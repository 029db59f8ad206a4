package timeline

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestRingIsBoundedPerUnitAndInAll(t *testing.T) {
	t.Parallel()
	now := start
	kept := map[string]Record{}
	r := &Ring{Now: func() time.Time { return now }, Changed: func(unit string, rec Record, _ Weight) { kept[unit] = rec }}
	r.Add(LeaderUnit, Entry{Kind: Leader, Text: "became the leader"}, Normal)
	long := strings.Repeat("é", 1000)
	for n := range 400 {
		for i := range 20 {
			now = now.Add(time.Millisecond)
			r.Add(fmt.Sprint("unit ", n), Entry{Kind: Call, Text: fmt.Sprint(i, long), Steps: []string{long}}, Normal)
		}
	}
	all := 0
	for unit, rec := range kept {
		if size := sizeOf(rec.Entries); size > unitBytes {
			t.Errorf("%s has %d bytes", unit, size)
		}
		all += sizeOf(rec.Entries)
	}
	newest, oldest := r.Of("unit 399"), r.Of("unit 0")
	if all > allBytes || all != r.size || len(newest.Entries) == 0 || len(oldest.Entries) != 0 ||
		len(kept["unit 0"].Entries) != 0 {
		t.Errorf("%d bytes in all, %d counted, the newest unit has %d entries, the oldest %d", all, r.size,
			len(newest.Entries), len(oldest.Entries))
	}
	if from := newest.From; !from.Before(newest.Entries[0].Time) || from.Before(start) {
		t.Errorf("the record of a unit without room begins at %s, its first entry is of %s", from, newest.Entries[0].Time)
	}
	if leader := r.Of(LeaderUnit); len(leader.Entries) != 1 || !leader.From.After(start) {
		t.Errorf("what was dropped of other units is not known: %+v", leader)
	}
}

// TestEntriesOfATenantLeaveThoseOfOthers has a tenant edit many objects again and again, after another one's edit.
func TestEntriesOfATenantLeaveThoseOfOthers(t *testing.T) {
	t.Parallel()
	now := start
	r := &Ring{Now: func() time.Time { return now }, Tenant: func(unit string) string {
		tenant, _, _ := strings.Cut(unit, "/")
		return tenant
	}}
	r.Add("shop/web", Entry{Kind: Edit, Text: "edited"}, Normal)
	for n := range 400 {
		for i := range 20 {
			now = now.Add(time.Second)
			r.Add(fmt.Sprint("mal/", n), Entry{Kind: Edit, Text: fmt.Sprint(i, strings.Repeat("x", 1000))}, Normal)
		}
	}
	if r.size > allBytes || len(r.Of("shop/web").Entries) != 1 || len(r.Of("mal/0").Entries) > 0 ||
		len(r.Of("mal/399").Entries) == 0 {
		t.Errorf("%d bytes, and of the other tenant %+v", r.size, r.Of("shop/web"))
	}
}

// TestEntriesOfAMemberLeaveThoseOfOthers has a member of a group edit without end, and then a new process.
func TestEntriesOfAMemberLeaveThoseOfOthers(t *testing.T) {
	t.Parallel()
	now := start
	r := &Ring{Now: func() time.Time { return now }}
	edit := Entry{Time: start.Add(time.Second), Kind: Edit, Namespace: "shop", Object: "Ingress shop/web", Text: "edited"}
	for i := range 200 {
		now = now.Add(time.Second)
		r.Add("front", Entry{Kind: Edit, Namespace: "mal", Text: fmt.Sprint(i, strings.Repeat("x", 1000))}, Normal)
		if i == 100 {
			if r.Knows("front", edit) { // it is older than what there is no room for
				t.Error("an edit of the other tenant counts as one that was recorded")
			}
			r.Add("front", edit, Normal)
			r.Add("front", Entry{Kind: Plan, Text: "1 to change"}, Normal)
		}
	}
	text, err := json.Marshal(r.Of("front"))
	if err != nil {
		t.Fatal(err)
	}
	var kept Record
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	next := &Ring{Now: r.Now}
	next.RestoreLater("front", 100, func() Record { return kept })
	next.Add("front", Entry{Kind: Edit, Namespace: "mal", Text: strings.Repeat("y", 1000)}, Normal)
	for _, r := range []*Ring{r, next} {
		rec := r.Of("front")
		if len(rec.Entries) < 10 || !rec.Entries[0].Same(edit) || rec.Entries[1].Kind != Plan ||
			sizeOf(rec.Entries) > unitBytes || !rec.From.Before(rec.Entries[2].Time) || rec.From.Before(edit.Time) {
			t.Errorf("%d entries since %s: %+v", len(rec.Entries), rec.From, rec.Entries[:2])
		}
		if !r.Knows("front", edit) || !r.Knows("front", Entry{Time: start.Add(time.Minute), Kind: Edit, Namespace: "mal"}) {
			t.Error("an edit that was recorded counts as a new one")
		}
	}
}

// TestStepsOfAMemberLeaveThoseOfOthers has a plan of more steps than a record shows.
func TestStepsOfAMemberLeaveThoseOfOthers(t *testing.T) {
	t.Parallel()
	var all []Step
	for i := range 40 {
		all = append(all, Step{"mal", fmt.Sprint("create rule ", i)})
	}
	got := Steps(append(all, Step{"shop", "update rule 1"}))
	if len(got) != mostSteps+1 || got[mostSteps-1] != "update rule 1" || got[mostSteps] != "and 21 more" {
		t.Errorf("%q", got)
	}
	if got := Steps(all[:2]); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

func TestRingCountsWhatChangesNothing(t *testing.T) {
	t.Parallel()
	now := start
	r := &Ring{Now: func() time.Time { return now }}
	for n := range 3 {
		now = now.Add(time.Minute)
		r.Add("a", Entry{Kind: Call, Text: "CreateRule: failed: TooManyRules", RequestID: fmt.Sprint("id-", n)}, Repeated)
		r.Add("a", Entry{Kind: Plan, Text: "1 to change", Steps: []string{"update: failed"}}, Repeated)
	}
	got := r.Of("a").Entries
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	for _, e := range got {
		if e.Times != 3 || !e.Time.Equal(start.Add(time.Minute)) || e.Until == nil || !e.Until.Equal(now) {
			t.Errorf("%+v", e)
		}
	}
	if got[0].RequestID != "id-2" {
		t.Errorf("the request of the last failure is %s", got[0].RequestID)
	}
	for range 2 {
		r.Add("b", Entry{Kind: Call, Text: "ModifyRule"}, Normal)
	}
	if got := r.Of("b").Entries; len(got) != 2 {
		t.Errorf("two changes are %+v", got)
	}
}

func TestRingKnowsRecentEntries(t *testing.T) {
	t.Parallel()
	now := start
	r := &Ring{Now: func() time.Time { return now }}
	e := Entry{Time: start, Kind: Drift, Text: "idle timeout"}
	r.Add("a", e, Normal)
	now = now.Add(time.Hour)
	if !r.Has("a", e, time.Hour) || r.Has("a", e, time.Minute) || !r.Knows("a", e) ||
		r.Knows("a", Entry{Time: now, Kind: Drift, Text: "idle timeout"}) {
		t.Error("what the ring has is not known")
	}
	r.units["a"] = Record{From: now}
	if !r.Knows("a", e) {
		t.Error("what had no room is to be added again")
	}
}

func TestRingGoesOnAfterAChangeOfLeaders(t *testing.T) {
	t.Parallel()
	r := &Ring{Now: func() time.Time { return start }}
	var put Record
	r.Changed = func(_ string, rec Record, _ Weight) { put = rec }
	r.Add("a", Entry{Kind: Call, Text: "third"}, Normal)
	r.RestoreLater("a", 100, func() Record {
		return Record{From: start.Add(-2 * time.Hour), Entries: []Entry{
			{Time: start.Add(-longest - time.Hour), Text: "first"}, {Time: start.Add(-time.Hour), Text: "second"}}}
	})
	if len(put.Entries) != 2 {
		t.Errorf("kept: %+v", put)
	}
	if got := r.Of("a"); len(got.Entries) != 2 || got.Entries[0].Text != "second" || got.Entries[1].Text != "third" ||
		!got.From.Equal(start.Add(-2*time.Hour)) {
		t.Errorf("%+v", got)
	}
	var none *Ring
	none.Add("a", Entry{}, Urgent)
	none.RestoreLater("a", 1, func() Record { return Record{Entries: []Entry{{}}} })
	if none.Of("a").Entries != nil || none.Has("a", Entry{}, time.Hour) {
		t.Error("a nil ring keeps something")
	}
}

// TestRecordsAreReadWhenTheyAreNeeded has records of an earlier process: nothing reads them before an entry is added,
// or asked for, or there is no room for all.
func TestRecordsAreReadWhenTheyAreNeeded(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	read := 0
	record := func() Record {
		read++
		return Record{Entries: []Entry{{Time: start, Kind: Call, Text: "before"}}}
	}
	r := &Ring{Now: func() time.Time { return start.Add(time.Minute) }}
	r.RestoreLater("a", 100, record)
	r.RestoreLater("b", 100, record)
	r.RestoreLater("c", 100, record)
	if read != 0 || r.size != 300 {
		t.Errorf("%d records read, size %d", read, r.size)
	}
	if got := r.Of("a").Entries; read != 1 || len(got) != 1 || len(r.Of("a").Entries) != 1 || read != 1 {
		t.Errorf("%v, %d records read", got, read)
	}
	r.Add("b", Entry{Kind: Call, Text: "now"}, Normal)
	if got := r.Of("b").Entries; read != 2 || len(got) != 2 || got[0].Text != "before" {
		t.Errorf("%v, %d records read", got, read)
	}
	r.RestoreLater("d", allBytes, record)
	if want := sizeOf(r.Of("a").Entries) + sizeOf(r.Of("b").Entries) + sizeOf(r.Of("c").Entries) +
		sizeOf(r.Of("d").Entries); read != 4 || r.size != want || len(r.Of("d").Entries) != 1 {
		t.Errorf("%d records read, size %d, want %d", read, r.size, want)
	}
}
