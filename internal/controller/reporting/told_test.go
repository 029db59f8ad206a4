package reporting

import (
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestToldAreTheSuccessesThatLast has reports of a process, and whether the next process records success again at its
// first pass.
func TestToldAreTheSuccessesThatLast(t *testing.T) {
	t.Parallel()
	web := diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web", UID: "1"}
	mine := []diag.Object{web}
	fails := diag.List{diag.New(web, "", diag.AWSRejected, "x", "y")}
	none := func(string) bool { return false }
	good, bad := Report{Objects: mine, Version: "1"}, Report{Objects: mine, Found: fails, Version: "1"}
	for name, c := range map[string]struct {
		former []Report
		end    func(*Reporter)
		waits  func(string) bool
		first  *Report // of the next process; nil = it is next
		next   Report
		again  bool
	}{
		"success":                   {former: []Report{good}, next: good},
		"no pass":                   {next: good, again: true},
		"an edit since":             {former: []Report{good}, next: Report{Objects: mine, Version: "2"}, again: true},
		"an edit that was reported": {former: []Report{{Objects: mine, Version: "0"}, good}, next: good},
		"something is changed": {former: []Report{good}, next: Report{Objects: mine,
			Version: "1", Changed: true}, again: true},
		"something was changed while it waited": {former: []Report{good}, first: &Report{Waiting: mine, Version: "1",
			Changed: true}, next: good, again: true},
		"it waits first":             {former: []Report{good}, first: &Report{Waiting: mine, Version: "1"}, next: good},
		"a failure since":            {former: []Report{good, bad}, next: good, again: true},
		"a recovery":                 {former: []Report{bad, good}, next: good},
		"a failure of an ended pass": {former: []Report{good, {Found: fails, Partial: true}}, next: good, again: true},
		"a pass that was canceled": {former: []Report{good}, end: func(r *Reporter) { r.End("u") }, next: good,
			again: true},
		"the event was not written yet": {former: []Report{good}, waits: func(n string) bool { return n == "shop" },
			next: good, again: true},
		"another object of the name": {former: []Report{good}, next: Report{Objects: []diag.Object{{Kind: "Ingress",
			Namespace: "shop", Name: "web", UID: "2"}}, Version: "1"}, again: true},
		"it waits since an edit": {former: []Report{{Objects: mine, Version: "0"}, {Waiting: mine, Version: "1"}},
			next: good, again: true},
		"it only waited": {former: []Report{{Waiting: mine, Version: "1"}}, next: good, again: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var events int
			var former, next Told
			r := former.Reporter(func(diag.Object, Event) {}, time.Now)
			for _, a := range c.former {
				r.Report("u", a)
			}
			if c.end != nil {
				c.end(r)
			}
			if c.waits == nil {
				c.waits = none
			}
			next.Restore(former.Text(c.waits))
			r = next.Reporter(func(diag.Object, Event) { events++ }, time.Now)
			if c.first != nil {
				r.Report("u", *c.first)
			}
			r.Report("u", c.next)
			if (events > 0) != c.again {
				t.Errorf("%d events, want some: %v", events, c.again)
			}
		})
	}
	var first, second, third Told
	first.Reporter(func(diag.Object, Event) {}, time.Now).Report("u", good)
	second.Restore(first.Text(none))
	second.Reporter(func(diag.Object, Event) {}, time.Now).Report("u", Report{Waiting: mine, Version: "1"})
	third.Restore(second.Text(none))
	third.Reporter(func(diag.Object, Event) { t.Error("a process whose object only waits forgets its success") },
		time.Now).Report("u", good)
	var ordered Told
	for _, name := range []string{"b", "a", "c"} {
		ordered.Reporter(func(diag.Object, Event) {}, time.Now).Report(name, good)
	}
	if text := ordered.Text(none); len(text) != 24 || !slices.Equal(text, ordered.Text(none)) {
		t.Errorf("text %x", text)
	}
}
