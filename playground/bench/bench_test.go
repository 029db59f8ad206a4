package bench

import (
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/repository"
)

func TestTheRecorderNamesCallsOfEveryProtocol(t *testing.T) {
	t.Parallel()
	const signed = "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-west-2/%s/aws4_request, SignedHeaders=host, Signature=0"
	for _, c := range []struct {
		name, service, method, target, header, body string
		action                                      string
		read                                        bool
		targets                                     []string
	}{
		{"query", "elasticloadbalancing", "POST", "/", "", "Action=CreateRule&Version=2015-12-01", "CreateRule", false, nil},
		{"query with targets", "elasticloadbalancing", "POST", "/", "",
			"Action=RegisterTargets&Targets.member.1.Id=10.0.0.1&Targets.member.1.Port=80", "RegisterTargets", false,
			[]string{"10.0.0.1"}},
		{"query in the URL", "ec2", "GET", "/?Action=DescribeSubnets&Version=2016-11-15", "", "",
			"DescribeSubnets", true, nil},
		{"JSON", "acm", "POST", "/", "CertificateManager.ListCertificates", "{}", "ListCertificates", true, nil},
		{"CBOR", "tagging", "POST", "/service/ResourceGroupsTaggingAPI_20170126/operation/GetResources", "", "\xa0",
			"GetResources", true, nil},
		{"REST read", "route53", "GET", "/2013-04-01/hostedzone", "", "", "Get /2013-04-01/hostedzone", true, nil},
		{"REST write", "route53", "POST", "/2013-04-01/hostedzone", "", "<x/>", "POST /2013-04-01/hostedzone", false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got string
			r := NewRecorder(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				b, err := io.ReadAll(q.Body)
				if err != nil {
					t.Error(err)
				}
				got = string(b)
				w.WriteHeader(http.StatusAccepted)
			}))
			q := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			q.Header.Set("Authorization", strings.ReplaceAll(signed, "%s", c.service))
			if c.header != "" {
				q.Header.Set("X-Amz-Target", c.header)
			}
			r.ServeHTTP(httptest.NewRecorder(), q)
			calls := r.Since(0)
			if len(calls) != 1 {
				t.Fatalf("%d calls", len(calls))
			}
			call := calls[0]
			if call.Service != c.service || call.Action != c.action || call.Read() != c.read ||
				call.Status != http.StatusAccepted ||
				!slices.Equal(call.Targets, c.targets) || call.End.Before(call.Begin) {
				t.Errorf("recorded %+v", call)
			}
			if got != c.body {
				t.Errorf("passed on %q", got)
			}
		})
	}
}

func TestTheRecorderDelaysCallsAndReportsWhenItIsQuiet(t *testing.T) {
	t.Parallel()
	var during time.Duration
	var r *Recorder
	r = NewRecorder(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { during = r.QuietFor() }))
	r.SetDelay(20 * time.Millisecond)
	mark := r.Mark()
	r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	call := r.Since(mark)[0]
	if took := call.End.Sub(call.Begin); took < 20*time.Millisecond {
		t.Errorf("the call took %v", took)
	}
	if during != 0 {
		t.Errorf("quiet for %v during a call", during)
	}
	if r.QuietFor() <= 0 {
		t.Error("not quiet after the call")
	}
}

func TestLateHealthLookCountsAsSuch(t *testing.T) {
	t.Parallel()
	r := NewRecorder(nil)
	begun := time.Now().Add(-time.Hour)
	call := func(after time.Duration, action, group string) Call {
		n, _ := r.begin(Call{Action: action, Group: group, Begin: begun.Add(after)})
		r.end(n, http.StatusOK)
		return r.Since(n)[0]
	}
	call(0, "RegisterTargets", "old")
	for what, c := range map[string]struct {
		after         time.Duration
		action, group string
		look          bool
	}{
		"soon":                 {lookAfter - time.Second, "DescribeTargetHealth", "old", false},
		"late":                 {lookAfter, "DescribeTargetHealth", "old", true},
		"of another group":     {lookAfter, "DescribeTargetHealth", "other", false},
		"another read":         {lookAfter, "DescribeTags", "old", false},
		"a read without group": {lookAfter, "DescribeTargetHealth", "", false},
	} {
		if got := call(c.after, c.action, c.group); got.Look != c.look {
			t.Errorf("%s: a look: %t", what, got.Look)
		}
	}
	quiet := r.last
	n, _ := r.begin(Call{Action: "DescribeTargetHealth", Group: "old", Begin: begun.Add(lookAfter)})
	if r.QuietFor() == 0 {
		t.Error("a look under way disturbs the rest")
	}
	r.end(n, http.StatusOK)
	if r.last != quiet {
		t.Error("a look that ended disturbs the rest")
	}
	var result Result
	result.tally(r.Since(n))
	if result.Looks != 1 || result.Reads != 0 || len(result.Actions) != 0 || result.Failed != 0 {
		t.Errorf("counted as %+v", result)
	}
	r.Restarted()
	if got := call(lookAfter, "DescribeTargetHealth", "old"); got.Look {
		t.Error("what another controller registered is looked at")
	}
}

func TestRowsAreChosenByNameKindAndPatternInTheTablesOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		names []string
		want  string
	}{
		{[]string{"touch", "start"}, "start touch"},
		{[]string{"memory"}, "memory"},
		{[]string{"group*"}, "group group-touch group-reorder"},
		{[]string{"compute", "compute-1"}, "compute-1 compute-1000 gateway-compute-1 gateway-compute-1000"},
	} {
		chosen, err := choose(c.names)
		var got []string
		for _, r := range chosen {
			got = append(got, r.name)
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%v: %v, %v", c.names, got, err)
		}
	}
	if _, err := choose([]string{"nothing"}); err == nil || !strings.Contains(err.Error(), "create-99") {
		t.Errorf("an unknown row: %v", err)
	}
	if all, err := choose(nil); err != nil || len(all) != len(rows)-len(sizeRows(largest, largestTenants)) {
		t.Errorf("no names: %d rows, %v", len(all), err)
	}
}

func TestEveryRowHasABudgetThatIsChecked(t *testing.T) {
	t.Parallel()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	b, err := LoadBudget(root.Budget())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		l := b[r.name]
		complete := map[kind]bool{
			countKind: l.Reads != nil && l.Writes != nil, timeKind: l.Seconds != nil, troubleKind: l.Seconds != nil,
			memoryKind: l.MiB != nil, throttleKind: l.Writes != nil, largeKind: l.Reads != nil && l.Writes != nil,
			sizeKind: l.Reads != nil && l.Writes != nil, smallKind: l.Reads != nil && l.Writes != nil,
			computeKind: l.Seconds != nil,
		}[r.kind]
		if !complete {
			t.Errorf("%s has no budget for what it measures", r.name)
		}
		over := Result{Row: r.name, Kind: string(r.kind), Reads: 1 << 20, Writes: 1 << 20, Seconds: 1 << 20, Bytes: 1 << 40}
		if over.judge(b); over.OK {
			t.Errorf("%s: everything is within the budget", r.name)
		}
		if (l.Until != nil) != (l.Why != "") {
			t.Errorf("%s: a bound above the budget, and only it, needs a reason", r.name)
		}
	}
	path := filepath.Join(t.TempDir(), "budget.yaml")
	if err := os.WriteFile(path, []byte("begin: {reads: 8}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadBudget(path); err == nil {
		t.Error("a budget for a row that does not exist is taken")
	}
}

func TestTheTableShowsWhatIsOverBudget(t *testing.T) {
	t.Parallel()
	two, half := 2, 0.5
	results := []Result{
		{Row: "a", Kind: "counts", Title: "first", Reads: 1, Writes: 2, Budget: Limit{Reads: &two, Writes: &two}},
		{Row: "b", Kind: "counts", Title: "second", Reads: 3, Actions: map[string]int{"DescribeTags": 3}, Budget: Limit{
			Reads: &two}},
		{Row: "c", Kind: "timed", Title: "third", Seconds: 0.25, Reads: 1, Budget: Limit{Seconds: &half}},
		{Row: "d", Kind: "memory", Title: "fourth", Bytes: 64 << 20},
	}
	for i := range results {
		results[i].OK = len(results[i].Exceeds(results[i].Budget)) == 0
	}
	var b strings.Builder
	if err := Table(&b, results); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(b.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"AWS CALLS passes reads writes at most r. at most w. ok?",
		"first 0 1 2 2 2 yes",
		"second 0 3 0 2 - NO",
		"",
		"TIME, MEMORY calls measured at most ok?",
		"third 1 250 ms 500 ms yes",
		"fourth 64 MiB - yes",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if over := results[1].Exceeds(results[1].Budget); len(over) != 1 || !strings.Contains(over[0], "3 DescribeTags") {
		t.Errorf("over: %v", over)
	}
}

func TestTheRecorderRefusesWhatComesTooOftenByFamilyOfCalls(t *testing.T) {
	t.Parallel()
	r := NewRecorder(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	call := func(service, action string) int {
		q := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("Action="+action))
		q.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-west-2/"+service+
			"/aws4_request, SignedHeaders=host, Signature=0")
		w := httptest.NewRecorder()
		r.ServeHTTP(w, q)
		if w.Code != http.StatusOK && !strings.Contains(w.Body.String(), "<Code>Throttling</Code>") {
			t.Errorf("%s is refused with %s", action, w.Body)
		}
		return w.Code
	}
	r.SetLimits(limits{reads: 2, writes: 1, registrations: 1})
	for n, c := range []struct {
		service, action string
		want            int
	}{
		{"elasticloadbalancing", "DescribeTags", http.StatusOK}, {"elasticloadbalancing", "DescribeTags", http.StatusOK},
		{"elasticloadbalancing", "DescribeTags", http.StatusBadRequest},
		{"elasticloadbalancing", "CreateRule", http.StatusOK}, {"elasticloadbalancing", "CreateRule", http.StatusBadRequest},
		{"elasticloadbalancing", "RegisterTargets", http.StatusOK}, {"elasticloadbalancing", "DeregisterTargets",
			http.StatusBadRequest}, {"ec2", "DescribeSubnets", http.StatusOK},
	} {
		if got := call(c.service, c.action); got != c.want {
			t.Errorf("call %d, %s: %d, want %d", n, c.action, got, c.want)
		}
	}
	r.mu.Lock()
	for i := range r.spent { // a second later
		r.spent[i] = r.spent[i].Add(-time.Second)
	}
	r.mu.Unlock()
	if got := call("elasticloadbalancing", "DescribeTags"); got != http.StatusOK {
		t.Errorf("a second later: %d", got)
	}
	r.SetLimits(limits{})
	if got := call("elasticloadbalancing", "CreateRule"); got != http.StatusOK {
		t.Errorf("without a limit: %d", got)
	}
}

func TestTheSlopeOfACurveIsTheGrowthOfTheCostOfAnObject(t *testing.T) {
	t.Parallel()
	curve := func(what string, cost func(n float64) float64) (out []Point) {
		for _, n := range []int{100, 500, 1000, 5000} {
			out = append(out, Point{What: what, Objects: n, Of: n / 2, Processor: cost(float64(n)) * float64(n) / 2})
		}
		return out
	}
	points := slices.Concat(curve("flat", func(float64) float64 { return 0.003 }),
		curve("steep", func(n float64) float64 { return n / 1e6 }),
		curve("root", func(n float64) float64 { return math.Sqrt(n) / 1e6 }),
		curve("nothing", func(float64) float64 { return 0 }))
	got := slopes(points)
	for what, want := range map[string]float64{"flat processor": 0, "steep processor": 1, "root processor": 0.5,
		"nothing processor": 0, "flat calls": 0} {
		if math.Abs(got[what]-want) > 1e-6 {
			t.Errorf("%s: %f, want %f", what, got[what], want)
		}
	}
	flat := 0.1
	r := Result{Curve: points}
	if over := r.Exceeds(Limit{Slopes: map[string]float64{"flat processor": flat, "steep processor": flat}}); len(over) !=
		1 || !strings.Contains(over[0], "steep processor") {
		t.Errorf("over: %v", over)
	}
	peak, r := 1.5, Result{Bytes: 100, Peak: 151}
	if over := r.Exceeds(Limit{Peak: &peak}); len(over) != 1 {
		t.Errorf("a peak over the limit: %v", over)
	}
}

func TestLoadBalancersAreRefusedAtTheirOwnRate(t *testing.T) {
	t.Parallel()
	r := NewRecorder(nil)
	r.SetLimits(limits{writes: 1000, balancers: 0.2})
	begun := time.Now()
	taken := func(after time.Duration, action string) (n int) {
		for range 50 {
			if !r.refuses(Call{Service: "elasticloadbalancing", Action: action, Begin: begun.Add(after)}) {
				n++
			}
		}
		return n
	}
	if n := taken(0, "CreateLoadBalancer"); n != balancersAtOnce {
		t.Errorf("%d are taken at once", n)
	}
	if n := taken(10*time.Second, "CreateLoadBalancer"); n != 2 {
		t.Errorf("%d are taken ten seconds later", n)
	}
	if n := taken(0, "CreateRule"); n != 50 {
		t.Errorf("%d other writes are taken", n)
	}
}
