package doctor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var storedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestStoredReportIsReadAgain(t *testing.T) {
	t.Parallel()
	found := func(*Facts) []Finding {
		return []Finding{{Object: "Node a", Text: "has < or >", Evidence: []string{"one", "two"}}}
	}
	facts := &Facts{}
	s := Store(Examine(facts, facts, []Check{
		{Name: "failing", Severity: Error, Remedy: "repair it", Find: found},
		{Name: "passing", Find: func(*Facts) []Finding { return nil }},
		{Name: "skipped", Skip: func(*Facts) string { return "it does not apply" }},
	}), storedAt)
	if s.Errors == 0 || s.Omitted > 0 {
		t.Errorf("%d errors, %d omitted", s.Errors, s.Omitted)
	}
	got, err := Load(s.Data())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, got); d != "" {
		t.Errorf("-stored +read\n%s", d)
	}
	if got.Age(storedAt.Add(3*time.Minute)) != "3 minutes" || !strings.Contains(s.Data()["report.txt"], "→ ") {
		t.Errorf("%s\n%s", got.Age(storedAt), s.Data()["report.txt"])
	}
	for _, key := range []string{"report.json", "changed", "omitted"} {
		broken := s.Data()
		broken[key] = "{"
		if _, err := Load(broken); err == nil || !s.Replaces(broken) {
			t.Errorf("a broken %s is read", key)
		}
	}
}

func TestStoredReportIsBounded(t *testing.T) {
	t.Parallel()
	for name, long := range map[string]string{"letters": strings.Repeat("ä", 10000), "escapes": strings.Repeat(`\"`,
		10000), "control": strings.Repeat("\x01\xff\n", 10000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Report{Errors: 5000}
			for i := range 5000 {
				f := Finding{Check: "object-failing", Severity: Error, Object: fmt.Sprint("Ingress shop/", i), Text: long,
					Remedy: long}
				for range 50 {
					f.Evidence = append(f.Evidence, long)
				}
				r.Findings = append(r.Findings, f)
			}
			s, size := Store(r, storedAt), 0
			for _, value := range s.Data() {
				size += len(value)
			}
			if n := len(s.Findings); size > largest || n < 10 || s.Omitted != 5000-n || s.Errors != 5000 {
				t.Errorf("%d bytes, %d findings, %d omitted, %d errors", size, n, s.Omitted, s.Errors)
			}
			if last := s.Findings[0].Evidence; len(last) != mostEvidence || last[mostEvidence-1] != "and 46 more" {
				t.Errorf("%d lines, the last is %q", len(last), last[len(last)-1])
			}
			if got, err := Load(s.Data()); err != nil || !got.Same(s.Report) || got.Omitted != s.Omitted {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestFindingsOfATenantLeaveThoseOfOthers has a tenant make many mistakes, which sort before those of others.
func TestFindingsOfATenantLeaveThoseOfOthers(t *testing.T) {
	t.Parallel()
	for _, long := range []string{"short", strings.Repeat("long", 1000)} {
		var r Report
		for i := range 5000 {
			r.Findings = append(r.Findings, Finding{Check: "object-failing", Severity: Error, Text: long,
				Object: fmt.Sprint("Ingress mal/", i), Remedy: long, Evidence: []string{long, long, long, long, long}})
		}
		r.Findings = append(r.Findings, Finding{Check: "object-failing", Severity: Error, Object: "Ingress shop/web"},
			Finding{Check: "node-provider-id", Severity: Warning, Object: "Node a"})
		var got []string
		for _, f := range Store(r, storedAt).Findings {
			if !strings.HasPrefix(f.Object, "Ingress mal/") {
				got = append(got, f.Object)
			}
		}
		if strings.Join(got, ", ") != "Ingress shop/web, Node a" {
			t.Errorf("of others the report has %v", got)
		}
	}
}

func TestStoredReportIsReplacedOnlyByNews(t *testing.T) {
	t.Parallel()
	report := func(text, evidence string) Report {
		return Report{Errors: 1, Findings: []Finding{{Check: "deletion-stuck", Severity: Error, Object: "Ingress shop/web",
			Text: text, Evidence: []string{evidence}}}}
	}
	was := Store(report("was deleted 6 minutes ago", "a"), storedAt).Data()
	for _, tt := range []struct {
		name     string
		now      Report
		after    time.Duration
		replaces bool
	}{
		{"the same", report("was deleted 6 minutes ago", "a"), time.Minute, false},
		{"an age", report("was deleted 7 minutes ago", "a"), time.Minute, false},
		{"an age after an hour", report("was deleted 66 minutes ago", "a"), time.Hour, true},
		{"the same after a day", report("was deleted 6 minutes ago", "a"), 24 * time.Hour, false},
		{"other evidence", report("was deleted 6 minutes ago", "b"), time.Minute, true},
		{"no finding", Report{Findings: []Finding{}}, time.Minute, true},
	} {
		if got := Store(tt.now, storedAt.Add(tt.after)).Replaces(was); got != tt.replaces {
			t.Errorf("%s: replaces is %v", tt.name, got)
		}
	}
}

func TestReportsAreJoined(t *testing.T) {
	t.Parallel()
	a := Report{Warnings: 3, Findings: []Finding{{Check: "b", Severity: Warning}}, Checks: []Outcome{{Check: "b"}}}
	got := a.With(Report{Errors: 1, Healthy: false, Findings: []Finding{{Check: "c", Severity: Error}}, Checks: []Outcome{
		{Check: "c"}}})
	if got.Errors != 1 || got.Warnings != 3 || got.Healthy || got.Findings[0].Check != "c" || len(got.Checks) != 2 ||
		len(a.Findings) != 1 {
		t.Errorf("%+v", got)
	}
}
