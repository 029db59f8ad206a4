package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/longtest"
)

// feed gives a record the lines of a run and returns what is printed.
func feed(r *record, lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(r.line(l+"\n", time.Unix(0, 0)))
	}
	return b.String()
}

func TestRecordPrintsOnlyFailedTests(t *testing.T) {
	t.Parallel()
	r := newRecord()
	got := feed(r,
		`{"Action":"start","Package":"p"}`,
		`{"Action":"run","Package":"p","Test":"TestGood"}`,
		`{"Action":"output","Package":"p","Test":"TestGood","Output":"    good_test.go:1: fine\n"}`,
		`{"Action":"pass","Package":"p","Test":"TestGood","Elapsed":1.5}`,
		`{"Action":"run","Package":"p","Test":"TestBad"}`,
		`{"Action":"run","Package":"p","Test":"TestBad/row"}`,
		`{"Action":"output","Package":"p","Test":"TestBad/row","Output":"    bad_test.go:2: wrong\n"}`,
		`{"Action":"fail","Package":"p","Test":"TestBad/row","Elapsed":0.1}`,
		`{"Action":"fail","Package":"p","Test":"TestBad","Elapsed":0.2}`,
		`{"Action":"skip","Package":"p","Test":"TestLong","Elapsed":0}`,
		`{"Action":"output","Package":"p","Output":"FAIL\tp\t1.8s\n"}`,
		`{"Action":"fail","Package":"p","Elapsed":1.8}`)
	if want := "    bad_test.go:2: wrong\nFAIL\tp\t1.8s\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	if r.passed != 1 || r.skipped != 1 || !slices.Equal(r.failed, []key{{"p", "TestBad/row"}}) {
		t.Errorf("%d passed, %d skipped, failed %v", r.passed, r.skipped, r.failed)
	}
}

func TestRecordShowsPanicsAndBuildErrors(t *testing.T) {
	t.Parallel()
	r := newRecord()
	got := feed(r,
		`{"ImportPath":"q","Action":"build-output","Output":"q.go:1: syntax error\n"}`,
		`{"Action":"output","Package":"p","Output":"panic: boom\n"}`,
		`{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}`,
		`{"Action":"fail","Package":"p","Elapsed":0.1}`,
		`no JSON at all`)
	for _, want := range []string{"q.go:1: syntax error", "panic: boom", "FAIL\tp", "no JSON at all"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not printed:\n%s", want, got)
		}
	}
	if !slices.Equal(r.failed, []key{{pkg: "p"}}) {
		t.Errorf("failed %v", r.failed)
	}
}

// unended are the events of a package with a test that runs, one that waits for its turn, and one that has passed.
func unended(pkg string) []string {
	lines := []string{`{"Action":"start","Package":"%s"}`}
	for _, test := range []string{"TestHangs", "TestHangs/sub", "TestWaits", "TestEnds"} {
		lines = append(lines, `{"Action":"run","Package":"%s","Test":"`+test+`"}`,
			`{"Action":"output","Package":"%s","Test":"`+test+`","Output":"=== RUN   `+test+`\n"}`)
	}
	lines = append(lines, `{"Action":"pause","Package":"%s","Test":"TestWaits"}`,
		`{"Action":"output","Package":"%s","Test":"TestHangs/sub","Output":"    a_test.go:1: no port yet\n"}`,
		`{"Action":"output","Package":"%s","Test":"TestEnds","Output":"    a_test.go:2: fine\n"}`,
		`{"Action":"pass","Package":"%s","Test":"TestEnds","Elapsed":0}`)
	for i, l := range lines {
		lines[i] = fmt.Sprintf(l, pkg)
	}
	return lines
}

const hangs = "./p TestHangs ran for 0s and has no result\n./p TestHangs/sub ran for 0s and has no result\n" +
	"    a_test.go:1: no port yet\n"

func TestRecordPrintsWhatAKilledPackageDid(t *testing.T) {
	t.Parallel()
	failed := []string{`{"Action":"run","Package":"p","Test":"TestBad"}`,
		`{"Action":"fail","Package":"p","Test":"TestBad","Elapsed":0}`}
	for name, first := range map[string][]string{"without a failed test": nil, "with one": failed} {
		r := newRecord()
		got := feed(r, slices.Concat(first, unended("p"), []string{
			`{"Action":"output","Package":"p","Test":"TestWaits","Output":"signal: killed\n"}`,
			`{"Action":"output","Package":"p","Output":"FAIL\tp\t1.8s\n"}`,
			`{"Action":"fail","Package":"p","Elapsed":1.8}`})...)
		want := hangs + "./p TestWaits waited for its turn and has no result\nsignal: killed\nFAIL\tp\t1.8s\n"
		if got != want {
			t.Errorf("%s: printed %q, want %q", name, got, want)
		}
		if text := r.stopped(time.Unix(0, 0), 1); text != "" || len(r.running) > 0 {
			t.Errorf("%s: printed %q at the end; running %v", name, text, r.running)
		}
	}
}

func TestRecordPrintsWhatRanWhenTheRunWasStopped(t *testing.T) {
	t.Parallel()
	r := newRecord()
	feed(r, unended("p")...)
	feed(r, `{"Action":"start","Package":"q"}`, `{"Action":"pass","Package":"q","Elapsed":1}`,
		`{"Action":"output","Package":"p","Output":"listens\n"}`)
	want := "./p ran for 2m40s and has no result\n" + strings.ReplaceAll(hangs, "0s", "2m40s") +
		"listens\n3 packages did not begin\n"
	if got := r.stopped(time.Unix(160, 0), 5); got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

func TestTailKeepsTheBeginningOfADump(t *testing.T) {
	t.Parallel()
	lines := slices.Repeat([]string{"line\n"}, 2*maxTail)
	if got := tail(lines); len(got) != maxTail {
		t.Errorf("%d lines", len(got))
	}
	lines = slices.Concat(lines, []string{"panic: test timed out\n"}, slices.Repeat([]string{"main.go\n"}, 2*maxDump))
	if got := tail(lines); len(got) != maxTail+maxDump || !strings.HasPrefix(got[maxTail], "panic: ") {
		t.Errorf("%d lines, %q", len(got), got[maxTail])
	}
}

func TestRepeatsNameOneTest(t *testing.T) {
	t.Parallel()
	r := &record{failed: []key{
		{module + "/internal/plan", "TestX/row_(a)"},
		{module + "/playground/e2e/auth", "TestY"},
		{module + "/internal/model/stack", ""},
	}}
	got := repeats(suite{env: []string{"LBC_TEST_ALL=1"}}, r)
	want := []string{
		"LBC_TEST_ALL=1 make test PKG=./internal/plan RUN='^TestX$$/^row_.a.$$'",
		"LBC_TEST_ALL=1 make test PKG=./playground/e2e/auth RUN='^TestY$$'",
		"LBC_TEST_ALL=1 make test PKG=./internal/model/stack",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestProgressEstimatesTimeLeft(t *testing.T) {
	t.Parallel()
	began := time.Unix(0, 0)
	former := []timing{{Package: "p", Seconds: 40}, {Package: "p", Test: "TestA", Seconds: 30},
		{Package: "p", Test: "TestB", Seconds: 10}}
	r := newRecord()
	feed(r, `{"Action":"run","Package":"p","Test":"TestA"}`)
	if got := r.progress(began.Add(5*time.Second), 5*time.Second, 1, former); !strings.Contains(got,
		"0%; running: ./p TestA (5s)") {
		t.Error(got)
	}
	feed(r, `{"Action":"pass","Package":"p","Test":"TestA","Elapsed":30}`)
	if got := r.progress(began.Add(time.Minute), time.Minute, 1, former); !strings.Contains(got, "75%, about 20s left") {
		t.Error(got)
	}
	if got := newRecord().progress(began, 0, 4, nil); !strings.Contains(got, "0 tests, 0 packages done, 0%") {
		t.Error(got)
	}
}

func TestProgressOfTheFirstRunCountsTests(t *testing.T) {
	t.Chdir("../..")
	tests := unmeasured(suite{dir: ".", packages: []string{module + "/hack/testrun", "./hack/progress"}})
	packages := map[string]int{}
	for _, x := range tests {
		packages[x.Package]++
	}
	if packages[module+"/hack/testrun"] < 10 || packages["./hack/progress"] == 0 {
		t.Fatal(packages)
	}
	r := newRecord()
	for _, x := range tests[:len(tests)/2] {
		feed(r, fmt.Sprintf(`{"Action":"pass","Package":%q,"Test":%q,"Elapsed":1}`, x.Package, x.Test))
	}
	got := r.progress(time.Unix(60, 0), time.Minute, 2, tests)
	if !strings.Contains(got, " tests, 0 packages done, ") || strings.Contains(got, "done, 0%") ||
		!strings.Contains(got, "left") {
		t.Error(got)
	}
}

func TestTimesOfARunArePrinted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out strings.Builder
	if err := printTimes(&out, dir, 1); err == nil || !strings.Contains(err.Error(), "make test") {
		t.Errorf("without a run: %v", err)
	}
	tests := []timing{{Package: module + "/a", Seconds: 5, Processor: 4}, {Package: module + "/a", Test: "TestFast",
		Seconds: 1}, {Package: module + "/a", Test: "TestSlow", Seconds: 3}}
	if err := store(dir, "end to end", tests); err != nil {
		t.Fatal(err)
	}
	if got, err := load(dir, "end to end"); err != nil || len(got) != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	if err := printTimes(&out, dir, 1); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "end-to-end\n") || !strings.Contains(got, "./a TestSlow") ||
		!strings.Contains(got, "4.0 s") || strings.Contains(got, "TestFast") {
		t.Error(got)
	}
}

func TestConcurrentPackagesAreFound(t *testing.T) {
	t.Parallel()
	const lock, start, plain = "package p\nvar mu sync.Mutex\n", "package p\nfunc f() { go func() {}() }\n",
		"package p\n// go!\n"
	for _, c := range []struct {
		dir, code, test string
		short, long     bool
	}{
		{"p", start, plain, true, true},
		{"p", lock, start, true, true},
		{"p", lock, plain, false, false},
		{"p", plain, start, false, false},
		{"p", plain, plain, false, false},
		{"internal/controller/lab/p", plain, plain, true, true},
		{"internal/controller/lab/chaos", plain, plain, false, true},
		{"cmd/lbc", start, start, false, false},
	} {
		dir := filepath.Join(t.TempDir(), filepath.FromSlash(c.dir))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"p.go": c.code, "p_test.go": c.test} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if short, long := isConcurrent(dir, false), isConcurrent(dir, true); short != c.short || long != c.long {
			t.Errorf("%+v: %v, %v", c, short, long)
		}
	}
}

func TestPackagesWithoutCoreTestsAreLeftOut(t *testing.T) {
	t.Parallel()
	const long, short = "func TestA(t *testing.T) {\n\tlongtest.Long(t, \"an hour\")\n}\n",
		"func TestB(t *testing.T) {\n\tt.Parallel()\n}\n"
	for _, c := range []struct {
		text, slice string
		want        bool
	}{
		{long, "", false},
		{long, "0/1", true},
		{short, "", true},
		{long + short, "", true},
		{"func TestMain(m *testing.M) { harness.Main(m) }\n", "", false},
	} {
		if got, err := hasCore([]string{c.text}, c.slice); err != nil || got != c.want {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
	if _, err := hasCore([]string{long}, "3/2"); err == nil {
		t.Error("slice 3/2 is no error")
	}
}

func TestLongFormsAreOfTheirPackagesOnly(t *testing.T) {
	t.Chdir("../..")
	suites, err := plan(t.Context(), "long", nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range suites {
		if s.race || len(s.env) != 1 {
			t.Errorf("%s: race detector %v, environment %v", s.name, s.race, s.env)
		}
		all = append(all, s.packages...)
	}
	for p, want := range map[string]bool{"/internal/compile": true, "/internal/lib/backoff": false,
		"/playground/e2e/degraded": true, "/playground/curl": false} {
		if slices.Contains(all, module+p) != want {
			t.Errorf("%s is there: %v", p, !want)
		}
	}
}

func TestPackagesWithTheLargestTestsBeginFirst(t *testing.T) {
	t.Chdir("../..")
	for _, command := range []string{"test", "all"} {
		suites, err := plan(t.Context(), command, nil)
		if err != nil {
			t.Fatal(err)
		}
		last := suites[len(suites)-1].packages
		first := slices.Index(last, module+"/playground/e2e/behaviour")
		if light := slices.Index(last, module+"/playground/curl"); first < 0 || first >= light || light < len(last)/2 {
			t.Errorf("%s: e2e/behaviour is package %d and curl %d of %d", command, first, light, len(last))
		}
	}
}

func TestEverySeedRunsOnceAndWithoutTheRaceDetector(t *testing.T) {
	t.Chdir("../..")
	suites, err := plan(t.Context(), "all", nil)
	if err != nil {
		t.Fatal(err)
	}
	long := map[string]int{}
	for _, s := range suites {
		if s.race != (len(s.env) == 0) {
			t.Errorf("%s: race detector %v, environment %v", s.name, s.race, s.env)
		}
		for _, p := range s.packages {
			if !s.race {
				long[p]++
			}
		}
	}
	for _, p := range []string{"/internal/compile", "/internal/controller/lab/chaos"} {
		if long[module+p] != 1 {
			t.Errorf("the long form of %s runs %d times", p, long[module+p])
		}
	}
}

func TestLongTestsOfSliceRunWithoutTheRaceDetector(t *testing.T) {
	t.Chdir("../..")
	packages, err := list(t.Context(), ".", module+"/...")
	if err != nil {
		t.Fatal(err)
	}
	concurrent, _ := divide(packages, false)
	var found []string
	for i := range 12 {
		slice := fmt.Sprintf("%d/12", i)
		s, err := longOf(packages, concurrent, slice)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(s.packages, module+"/internal/controller") &&
			strings.Contains(s.args[1], "TestTwentyThousandPodsAreInMemoryOnlyWhereTheyAreNeeded") {
			found = append(found, slice)
		}
	}
	if len(found) != 1 {
		t.Fatalf("slices %v run the test, want one", found)
	}
	t.Setenv(longtest.SliceVariable, found[0])
	suites, err := plan(t.Context(), "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	if race := suites[0]; !race.race || !slices.Equal(race.env, []string{longtest.SliceVariable + "="}) {
		t.Errorf("race detector %v, environment %v", race.race, race.env)
	}
	if s := suites[1]; s.race || s.name != "long tests of the slice" {
		t.Errorf("the second suite is %q, race detector %v", s.name, s.race)
	}
}

func TestUsageOfATestBinaryIsRecorded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "usage")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TESTRUN_USAGE", file)
	if code := measured([]string{"false"}); code != 1 {
		t.Errorf("exit status %d", code)
	}
	r := newRecord()
	r.tests = []timing{{Package: module + "/hack/testrun", Seconds: 1}}
	if err := addUsage(r, file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file) //nolint:gosec // its own
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(text)), "/hack/testrun") {
		t.Errorf("%s, %v", text, err)
	}
}
