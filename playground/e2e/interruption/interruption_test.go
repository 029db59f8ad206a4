package interruption

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/load"
)

const (
	// rate is how many requests a second each load balancer gets, partRate in the part of every run of the tests.
	rate, partRate = 200, 60
)

// inPart are the cells that every run of the tests measures: load balancers by change.
var inPart = map[string][]string{
	"rolling update": {"NLB ip", "NLB Local", "NLB TLS", "NLB UDP", "ALB gRPC",
		"ALB WebSocket"},
	"scale-in, 10 to 4 and back":                {"NLB ip"},
	"node drain":                                {"NLB ip", "ALB ip"},
	"node death":                                {"NLB ip", "NLB instance", "ALB ip"},
	"rolling update, controller restarted":      {"ALB ip"},
	"rolling update, controller killed":         {"NLB instance"},
	"rolling update, leader gives up its lease": {"NLB ip"},
	"target port":                               {"ALB ip"},
}

// losing is the cell that every run measures without what the controller gives pods for their end, too: if nothing were
// lost there, the table would show nothing.
var losing = cell{Change: "rolling update", Balancer: "NLB ip"}

// run is a run of the tests: what it measures, and what came of it.
type run struct {
	cluster *harness.Cluster
	whole   bool           // not only the part of every run of the tests
	chosen  *regexp.Regexp // of the whole table, the cells as "change/load balancer/with" or "…/without"
	scenes  []*scene       // those with what the controller gives pods for their end first
	results *results
}

// takes reports whether a cell is measured.
func (r *run) takes(change string, s *scene) bool {
	at := cell{Change: change, Balancer: s.name}
	if r.whole {
		end := "with"
		if !s.with {
			end = "without"
		}
		return r.chosen.MatchString(strings.Join([]string{change, s.name, end}, "/"))
	}
	return s.with && slices.Contains(inPart[change], s.name) || !s.with && at == losing
}

func (r *run) measures(x change, s *scene) bool {
	return r.takes(x.name, s) && (x.of == nil || x.of(s))
}

// of are the load balancers with which a change is measured.
func (r *run) of(x change) (out []*scene) {
	for _, s := range r.scenes {
		if r.measures(x, s) {
			out = append(out, s)
		}
	}
	return out
}

// TestNoRequestIsLostWhileAnythingChanges shows how many requests fail, under AWS's times, while
// pods, nodes, settings or the controller change. The table of docs/benchmarks.md is what it prints.
func TestNoRequestIsLostWhileAnythingChanges(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own, with AWS's times")
	}
	rounds := 1
	r := &run{chosen: regexp.MustCompile(os.Getenv("LBC_INTERRUPTION_CELLS"))}
	if n, err := strconv.Atoi(os.Getenv("LBC_INTERRUPTION_RUNS")); err == nil {
		rounds, r.whole = n, true
	}
	r.results = &results{entries: map[cell]*entry{}}
	r.cluster = harness.Start(t, harness.Options{Profile: times, Speed: speed})
	began := time.Now()
	r.cluster.RestartController(t)
	drain := drainFor(time.Since(began))
	t.Logf("pods go on for %d seconds", drain)
	for _, with := range []bool{true, false} {
		for _, b := range balancers {
			s := &scene{balancer: b, Cluster: r.cluster, with: with, drain: drain}
			if slices.ContainsFunc(changes(), func(x change) bool { return r.measures(x, s) }) {
				r.scenes = append(r.scenes, s)
			}
		}
	}
	for _, s := range r.scenes {
		s.set(t)
	}
	t.Run("scenes", func(t *testing.T) { r.fill(t) })
	if t.Failed() {
		return
	}
	all := slices.DeleteFunc(changes(), func(x change) bool { return len(r.of(x)) == 0 })
	progress := pace{began: time.Now(), of: rounds * len(all)}
	for n := range rounds {
		t.Run(fmt.Sprintf("run=%d", n+1), func(t *testing.T) {
			for _, x := range all {
				t.Run(x.name, func(t *testing.T) { r.row(t, x, r.of(x)) })
				if progress.done++; r.whole {
					fmt.Printf("%s: run %d of %d, %s; %s\n", x.name, n+1, rounds, progress, r.results.failures())
				}
			}
		})
	}
	if r.whole {
		fmt.Print(r.results.Markdown())
	}
	end := []string{"delete", "namespace", "--wait=false"} // all at once, before each scene is deleted
	for _, s := range r.scenes {
		end = append(end, s.namespace)
	}
	r.cluster.Kubectl(t, end...)
}

// fill has all scenes serve, side by side.
func (r *run) fill(t *testing.T) {
	for _, s := range r.scenes {
		t.Run(s.namespace, func(t *testing.T) {
			t.Parallel()
			s.fill(t)
		})
	}
}

// row measures a change with load balancers that change side by side.
func (r *run) row(t *testing.T, x change, scenes []*scene) {
	ready := t.Run("ready", func(t *testing.T) {
		for _, s := range scenes {
			t.Run(s.namespace, func(t *testing.T) { t.Parallel(); s.complete(t) })
		}
	})
	if !ready {
		return
	}
	var m moment
	if x.begin != nil {
		m = x.begin(t, r.cluster, scenes)
	}
	t.Run("requests", func(t *testing.T) {
		for _, s := range scenes {
			t.Run(s.namespace, func(t *testing.T) { t.Parallel(); r.measure(t, x, s, m) })
		}
	})
	if m.over != nil {
		m.over(t)
	}
}

// measure makes requests while something changes.
func (r *run) measure(t *testing.T, x change, s *scene, m moment) {
	per := partRate
	if r.whole {
		per = rate
	}
	clients := s.send(t, per)
	x.make(t, s, m)
	from := clients.Requests()
	s.WaitFor(t, "further requests", func(context.Context) error { // what a change has broken in the end shows in them
		if n := clients.Requests() - from; n < per/2 {
			return fmt.Errorf("%d have ended", n)
		}
		return nil
	})
	got := clients.Stop()
	if x.within && s.with && s.endsBefore(m) {
		t.Logf("not counted: what happened took %v of the machine's time, and pods went on for %v only: %v",
			m.took.Round(time.Millisecond), s.goOn(), got)
		return
	}
	r.record(t, cell{Change: x.name, Balancer: s.name}, s.with, got)
}

func (r *run) record(t *testing.T, at cell, with bool, got load.Result) {
	t.Helper()
	r.results.add(at, with, got)
	if with && got.Failed > 0 || !with && at == losing && got.Failed == 0 || got.Requests == 0 {
		t.Errorf("%s: %v", t.Name(), got)
	} else {
		t.Log(got)
	}
}

// pace tells how long the rest takes.
type pace struct {
	began    time.Time
	done, of int
}

// String says how much is done, and how long the rest takes if it goes on as before.
func (p pace) String() string {
	took := time.Since(p.began)
	left := time.Duration(float64(took) / float64(p.done) * float64(p.of-p.done))
	return fmt.Sprintf("%d of %d changes measured in %v, about %v left", p.done, p.of, took.Round(time.Second),
		left.Round(time.Second))
}
