package facts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

const (
	needsTarget     = "target"      // not a fixture: the run has a target that this program serves
	needsOwnNetwork = "own-network" // not a fixture: the run is not in a given VPC
)

// Options are the settings of a run.
type Options struct {
	Clients  Clients
	Run      string  // id of the run, see NewRun
	Region   string  // for the report
	Endpoint string  // for the report
	VPC      string  // a VPC to use; "" creates one
	Target   *Target // nil: facts that need a target cannot be checked
	// Dial connects to load balancers by name; nil is the machine's network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Progress gets a line for each thing that takes time; nil drops it.
	Progress func(format string, args ...any)
	// Patience bounds every wait of a step and of the deletion; 0: as long as the steps say, and 15 minutes.
	Patience time.Duration
}

// runner runs facts one after the other.
type runner struct {
	Options
	book     *Book
	vars     vars
	fixtures map[string]string // name → why it could not be created, "" if it was
	kept     []Resource        // what fixtures created, and what could not be deleted yet
	created  map[string]int    // how many of each kind
	traffic  *traffic
}

// Run runs the facts of a book, deletes what it created, and reports. It returns an error with the report if ctx
// ends before all facts ran.
func Run(ctx context.Context, book *Book, o Options) (*Report, error) {
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	r := &runner{Options: o, book: book, fixtures: map[string]string{}, created: map[string]int{}}
	r.vars = vars{"run": o.Run, "region": o.Region, "p": "facts-" + o.Run, "scheme": "internet-facing", "given": o.VPC}
	if o.VPC != "" {
		r.vars["scheme"] = "internal"
	}
	r.fixtures[needsOwnNetwork] = map[bool]string{true: "the run is in a given VPC"}[o.VPC != ""]
	r.fixtures[needsTarget] = map[bool]string{true: "no target: set --target"}[o.Target == nil]
	if o.Target != nil {
		r.vars["target"], r.vars["port"], r.vars["port2"], r.vars["stream"] = o.Target.Address, o.Target.Port(0),
			o.Target.Port(1), o.Target.Port(2)
	}
	if err := r.addCertificate(); err != nil {
		return nil, err
	}
	r.traffic = newTraffic(o.Dial)
	defer r.traffic.close()
	report := &Report{Run: o.Run, Endpoint: o.Endpoint, Region: o.Region, Created: r.created, Facts: []Result{}}
	for i, f := range book.Facts {
		if ctx.Err() != nil {
			break
		}
		result := r.fact(ctx, f)
		if ctx.Err() != nil {
			break // the fact was interrupted
		}
		report.Facts = append(report.Facts, result)
		o.Progress("%d/%d %s: %s", i+1, len(book.Facts), result.Result, result.Fact)
	}
	if ctx.Err() != nil {
		o.Progress("interrupted: deleting what the run created, which takes minutes at AWS. Press Ctrl-C again to stop at " +
			"once, and delete the rest with --clean")
	}
	report.Left = Clean(ctx, o, r.kept)
	report.count()
	if ctx.Err() != nil {
		return report, fmt.Errorf("interrupted after %d of %d facts", len(report.Facts), len(book.Facts))
	}
	return report, nil
}

// fact runs one fact and deletes what it created.
func (r *runner) fact(ctx context.Context, f Fact) Result {
	result := Result{Fact: f.Title(), Result: Equal}
	if result.Reason = r.prepare(ctx, f); result.Reason != "" {
		result.Result = Unchecked
		return result
	}
	scope, err := r.vars.with(f.Vars)
	if err != nil {
		result.Result, result.Reason = Unchecked, err.Error()
		return result
	}
	var made []Resource
	start := time.Now()
	for _, s := range r.book.steps(f) {
		o := r.step(ctx, s, scope, &made)
		result.Calls++
		result.Waited += o.waited.Seconds()
		if o.unchecked != "" {
			result.Result, result.Reason = Unchecked, o.unchecked
			break
		}
		if len(o.differences) > 0 {
			result.Result, result.Differences = Different, o.differences
			break
		}
	}
	r.discard(ctx, made)
	result.Seconds = time.Since(start).Seconds()
	return result
}

// prepare creates what a fact needs, and returns why it could not. It creates nothing if something is known to be
// missing.
func (r *runner) prepare(ctx context.Context, f Fact) string {
	for _, name := range r.book.fixtures([]Fact{f}) {
		if reason := r.fixtures[name]; reason != "" {
			return reason
		}
	}
	for _, name := range f.Needs {
		if reason := r.fixture(ctx, name); reason != "" {
			return reason
		}
	}
	return ""
}

// discard deletes what a fact created. What is still in use is deleted at the end of the run.
func (r *runner) discard(ctx context.Context, made []Resource) {
	slices.SortStableFunc(made, func(a, b Resource) int { return kindIndex(a.Kind) - kindIndex(b.Kind) })
	for _, x := range made {
		if err := r.Clients.remove(ctx, x); err != nil {
			r.kept = append(r.kept, x)
		}
	}
}

// fixture creates a fixture if that was not done yet, and returns why it could not be created.
func (r *runner) fixture(ctx context.Context, name string) string {
	if reason, done := r.fixtures[name]; done {
		return reason
	}
	fixture := r.book.Fixtures[r.resolve(name)]
	for _, needed := range fixture.Needs {
		if reason := r.fixture(ctx, needed); reason != "" {
			r.fixtures[name] = reason
			return reason
		}
	}
	r.Progress("creating %s", name)
	for _, s := range fixture.Steps {
		o := r.step(ctx, s, r.vars, &r.kept)
		reason := o.unchecked
		if len(o.differences) > 0 {
			reason = o.differences[0].String()
		}
		if reason != "" {
			r.fixtures[name] = fmt.Sprintf("%s could not be created: %s", name, reason)
			return r.fixtures[name]
		}
	}
	r.fixtures[name] = ""
	return ""
}

// resolve is the fixture behind a name: a given VPC stands in for the run's own.
func (r *runner) resolve(name string) string {
	if name == "network" && r.VPC != "" {
		return "given-network"
	}
	return name
}

// outcome is what became of a step.
type outcome struct {
	differences []Difference
	unchecked   string // why the step says nothing
	waited      time.Duration
}

// step makes a step, again and again if it may take time, and compares the answer.
func (r *runner) step(ctx context.Context, s Step, scope vars, made *[]Resource) outcome {
	patience, err := s.patience()
	if err != nil {
		return outcome{unchecked: err.Error()}
	}
	if r.Patience > 0 {
		patience = min(patience, r.Patience)
	}
	start, said := time.Now(), time.Now()
	pause := 20 * time.Millisecond
	for {
		o := r.try(ctx, s, scope, made)
		o.waited = time.Since(start)
		done := len(o.differences) == 0 && (o.unchecked == "" || s.Call != "") // a refused call is refused again
		if done || o.waited >= patience {
			if patience == 0 {
				o.waited = 0
			}
			return o
		}
		if time.Since(said) > 30*time.Second {
			said = time.Now()
			r.Progress("waiting for %s since %.0f s, for at most %s", s.title(), o.waited.Seconds(), patience)
		}
		if sleep.For(ctx, pause) != nil {
			return outcome{unchecked: "interrupted"}
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// try makes a step once.
func (r *runner) try(ctx context.Context, s Step, scope vars, made *[]Resource) outcome {
	expected, err := expandStep(s, scope)
	if err != nil {
		return outcome{unchecked: err.Error()}
	}
	answer, err := r.perform(ctx, expected, made)
	if err != nil {
		return failed(expected, err)
	}
	if s.Error != "" {
		return outcome{differences: []Difference{{Step: s.title(), What: "error code", Want: expected.Error,
			Got: "success"}}}
	}
	if found := differences(expected, answer); len(found) > 0 {
		return outcome{differences: found}
	}
	for name, path := range expected.Save {
		value, err := save(answer, path)
		if err != nil {
			return outcome{differences: []Difference{{Step: s.title(), What: "answer", Want: path, Got: err.Error()}}}
		}
		scope[name] = value
	}
	return outcome{}
}

// failed judges an error: the expected code is equal, another code is different, and an obstacle says nothing.
func failed(s Step, err error) outcome {
	code := apierr.CodeOf(err)
	if expectedCode(s.Error, code) {
		return outcome{}
	}
	if s.Call == "" {
		return outcome{unchecked: fmt.Sprintf("%s: %v", s.title(), err)}
	}
	if reason := obstacle(err); reason != "" {
		return outcome{unchecked: s.title() + ": " + reason}
	}
	want := s.Error
	if want == "" {
		want = "success"
	}
	return outcome{differences: []Difference{{Step: s.title(), What: "error code", Want: want,
		Got: describeError(err)}}}
}

// expandStep replaces references in all parts of a step.
func expandStep(s Step, scope vars) (Step, error) {
	with, err := scope.expand(anyMap(s.With))
	if err != nil {
		return s, err
	}
	s.With, _ = with.(map[string]any)
	expanded := map[string]any{}
	for path, want := range s.Expect {
		key, err := scope.text(path)
		if err != nil {
			return s, err
		}
		if expanded[key], err = scope.expand(want); err != nil {
			return s, err
		}
	}
	s.Expect = expanded
	saved := map[string]string{}
	for name, path := range s.Save {
		if saved[name], err = scope.text(path); err != nil {
			return s, err
		}
	}
	s.Save = saved
	if s.Error, err = scope.text(s.Error); err != nil {
		return s, err
	}
	return expandTraffic(s, scope)
}

func anyMap(m map[string]any) any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// perform makes a step's call, request or exchange.
func (r *runner) perform(ctx context.Context, s Step, made *[]Resource) (any, error) {
	switch {
	case s.HTTP != nil:
		return r.traffic.request(ctx, s.HTTP)
	case s.Raw != nil:
		return r.traffic.exchange(ctx, s.Raw)
	}
	// A creating call is not interrupted, or its resource would be known by its tag only.
	k := kindByCreate(s.Call)
	calling := ctx
	if k != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		calling = limited
	}
	answer, err := r.Clients.Call(calling, s.Call, tagged(s.Call, r.Run, s.With))
	if err != nil || k == nil {
		return answer, err
	}
	id := text(lookup(answer, k.id))
	if id == "" {
		return answer, errors.New("the answer of " + s.Call + " has no " + k.id)
	}
	if x := (Resource{Kind: k.name, ID: id}); !slices.Contains(*made, x) {
		*made = append(*made, x)
		r.created[countedAs(k, s.With)]++
	}
	return answer, nil
}

// countedAs names what a call creates in a report: load balancers by type.
func countedAs(k *kind, with map[string]any) string {
	if k.name != "load balancer" {
		return k.name
	}
	kindOf := text(with["Type"])
	if kindOf == "" {
		kindOf = "application"
	}
	return strings.Join([]string{kindOf, k.name}, " ")
}
