package bench

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// kind is what a row measures.
type kind string

const (
	countKind    kind = "counts"    // AWS calls
	timeKind     kind = "timed"     // seconds, with latency added to each AWS call
	memoryKind   kind = "memory"    // bytes
	troubleKind  kind = "troubled"  // seconds, with latency added to each AWS call, while something is wrong
	throttleKind kind = "throttled" // AWS calls, those that AWS refuses included, under AWS's own limits
	largeKind    kind = "large"     // AWS calls, with the largest cluster
	computeKind  kind = "compute"   // seconds of processor time, without any cluster
)

// row is one line of the table.
type row struct {
	name  string
	kind  kind
	title string
	help  string // what it does
	// prepare brings the cluster to where the row begins; measure does what is measured.
	prepare func(ctx context.Context, s *session) error
	measure func(ctx context.Context, s *session, r *Result) error
}

func (r row) needsCluster() bool { return r.kind != computeKind }

// many is the number of load balancers, or of members of the group, that the budget is about.
const many = 100

// rows is the table, in an order in which each row leaves what the next one needs; what needs no cluster goes before one runs.
var rows = []row{
	{"compute-1", computeKind, "compile + diff of one Ingress", "of the code linked into this program, not of --controller; mean of processor time", nil, measuring(oneIngress)},
	{"compute-1000", computeKind, "compile + diff of a group of 1,000 rules", "of the code linked into this program, not of --controller; mean of processor time", nil, measuring(thousandRules)},

	{"start", countKind, "start, empty cluster and account", "starts the controller and waits until it rests", nil, measureStart},
	{"create-1", countKind, "create 1", "creates one Ingress with a load balancer of its own", having(0, 0), creating(1)},
	{"create-99", countKind, "create 99 more", "creates 99 more at once", having(1, 0), creating(many)},
	{"touch", countKind, "touch all 100, nothing changed", "changes an unrelated annotation of each", having(many, 0), measureTouch},
	{"attribute", countKind, "change 1 load balancer attribute", "changes idle_timeout of one load balancer by annotation", having(many, 0), measureAttribute},
	{"path", countKind, "add 1 path in front of another", "adds a path to the same Service before the only one of an Ingress", having(many, 0), measurePath},
	{"scale", countKind, "scale one app 2 -> 12 pods at once", "adds ten endpoints to a Service, in two updates of its EndpointSlice", having(many, 0), measureScale},
	{"memory", memoryKind, "resident, 100 Ingresses, 200 pods", "reads the resident memory of the controller's process", having(many, 0), measureMemory},
	{"restart", countKind, "restart with 100 load balancers", "ends the controller and starts it again", having(many, 0), measureRestart},
	{"delete-100", countKind, "delete all 100", "deletes all Ingresses at once", having(many, 0), measureDelete},
	{"group", countKind, "100 Ingresses in one group, created at once", "creates 100 members of one group, one path and Service each", having(0, 0), measureGroup},
	{"group-touch", countKind, "touch all members of the group", "changes an unrelated annotation of each member", having(0, many), measureTouchGroup},
	{"group-reorder", countKind, "reorder one member", "gives a member in the middle the last place, by group.order", having(0, many), measureReorder},

	{"timed-first", timeKind, "first load balancer in status", "creates one Ingress, until its hostname is in the status", having(0, 0), timedFirst},
	{"timed-create-99", timeKind, "99 more in status", "creates 99 more at once, until the last hostname is in a status", having(1, 0), timedCreate},
	{"timed-touch", timeKind, "touch all 100", "changes an unrelated annotation of each; from the first to the last AWS call", having(many, 0), timedTouch},
	{"timed-attribute", timeKind, "one attribute", "changes an annotation, until ModifyLoadBalancerAttributes is answered", having(many, 0), timedAttribute},
	{"timed-restart", timeKind, "restart with 100 load balancers", "from the start of the process to the last AWS call before it rests", having(many, 0), timedRestart},
	{"timed-delete", timeKind, "delete 100", "deletes all Ingresses, until they and all in AWS are gone", having(many, 0), timedDelete},
	{"timed-ready", timeKind, "endpoint ready to RegisterTargets sent, p99", "adds 200 endpoints to 50 apps, one by one, while 50 more load balancers are created", having(many/2, 0), timedReady},
	{"timed-group", timeKind, "group of 100, all targets registered", "creates 100 members of one group, until every status and target is there", having(0, 0), timedGroup},

	{"targets-calm", troubleKind, "targets come and go, p99 until sent", "replaces 200 endpoints of 50 apps, one by one, by pods being deleted and made; until RegisterTargets and DeregisterTargets arrive", having(many/2, 0), under(trouble{})},
	{"targets-ec2-hangs", troubleKind, "… while EC2 hangs", "the same, no call to EC2 being answered", having(many/2, 0), under(ec2Hangs)},
	{"targets-ec2-throttles", troubleKind, "… while EC2 throttles", "the same, EC2 refusing every call for its rate", having(many/2, 0), under(ec2Throttles)},
	{"targets-elb-throttles", troubleKind, "… while ELBv2 throttles", "the same, ELBv2 taking one call a second beside registrations, and 50 load balancers being edited", having(many/2, 0), under(elbThrottles)},
	{"targets-stack-fails", troubleKind, "… while a load balancer's edit fails", "the same, an edit failing in a loop with error 500", having(many/2, 0), under(stackFails)},
	{"targets-creating", troubleKind, "… while 100 load balancers are created", "the same, 100 more load balancers being created", having(many/2, 0), under(creatingMany)},
	{"targets-all", troubleKind, "… all of it together", "all of these at the same time", having(many/2, 0), under(together(ec2Hangs, elbThrottles, stackFails, creatingMany))},

	{"throttled-group", throttleKind, "100 Ingresses in one group, AWS throttles", "creates the group with AWS's published token buckets on, refused calls counted; takes a minute", having(0, 0), throttledGroup},

	{"memory-1000", memoryKind, "resident, 1,000 load balancers, 20,000 pods", "creates all of them, and reads the resident memory of the controller's process; takes minutes", having(0, 0), measureCrowd},
	{"restart-1000", largeKind, "restart with 1,000 load balancers", "ends the controller and starts it again; takes minutes", havingCrowd, measureLargeRestart},
	{"sweep", largeKind, "a minute of looking for drift among 1,000", "counts the reads of a minute, from a minute after a start on", havingRestartedCrowd, measureSweep},
	{"targets-1000", troubleKind, "… while 1,000 bindings change at once", "replaces an endpoint of 1,000 apps, as fast as the API server takes it; takes minutes", havingCrowd, allAtOnce},
}

// The largest cluster that a row asks for: load balancers with an app each, and the pods of each.
const (
	crowd       = 1000
	podsOfCrowd = 20
)

// addresses is how many pods the chosen rows need.
func addresses(chosen []row) int {
	n := many*podsPerApp + 10 + samples + 10
	for _, r := range chosen {
		if r.kind == troubleKind {
			n += samples + many/2*podsPerApp
		}
	}
	if slices.ContainsFunc(chosen, func(r row) bool { return r.name == "memory-1000" }) {
		n += crowd * podsOfCrowd
	}
	if slices.ContainsFunc(chosen, func(r row) bool { return r.kind == largeKind || r.name == "targets-1000" }) {
		n += crowd * (podsPerApp + 1)
	}
	return n
}

// RowHelp lists the rows and what each does.
func RowHelp() string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-16s %-7s %s\n", r.name, r.kind, r.help)
	}
	return b.String()
}

// choose finds rows by name, kind or pattern, in the table's order; no names mean all.
func choose(names []string) ([]row, error) {
	if len(names) == 0 {
		return rows, nil
	}
	wanted := make([]bool, len(rows))
	for _, name := range names {
		found := false
		isRow := slices.ContainsFunc(rows, func(r row) bool { return r.name == name }) // which counts over a kind of that name
		for i, r := range rows {
			matches, err := path.Match(name, r.name)
			if err != nil {
				return nil, fmt.Errorf("--rows %q: %w", name, err)
			}
			if matches || string(r.kind) == name && !isRow {
				wanted[i], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("--rows %q is no row; there are:\n%s", name, RowHelp())
		}
	}
	var chosen []row
	for i, r := range rows {
		if wanted[i] {
			chosen = append(chosen, r)
		}
	}
	return chosen, nil
}

// having prepares so many Ingresses alone and in the group.
func having(alone, members int) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error { return s.have(ctx, alone, members) }
}

// run prepares and measures one row.
func (s *session) run(ctx context.Context, r row) (Result, error) {
	result := Result{Row: r.name, Kind: string(r.kind), Title: r.title}
	if r.kind == computeKind {
		return result, r.measure(ctx, s, &result)
	}
	s.endpoint.Recorder.SetDelay(0)
	if r.prepare != nil {
		if err := r.prepare(ctx, s); err != nil {
			return result, fmt.Errorf("prepare: %w", err)
		}
	}
	if r.kind == timeKind || r.kind == troubleKind {
		s.endpoint.Recorder.SetDelay(s.o.Latency)
		defer s.endpoint.Recorder.SetDelay(0)
	}
	mark, before, used := s.endpoint.Recorder.Mark(), s.passes(), s.control.processor()
	began := time.Now()
	if err := r.measure(ctx, s, &result); err != nil {
		return result, err
	}
	result.Took = time.Since(began).Seconds()
	if after := s.passes(); after >= before {
		result.Passes = int(after - before)
	}
	if after := s.control.processor(); after >= used {
		result.Processor = (after - used).Seconds()
	}
	result.tally(s.endpoint.Recorder.Since(mark))
	return result, nil
}

// passes is the controller's own count of reconciliations since its start; 0 if it does not run or does not say.
func (s *session) passes() float64 {
	if !s.running {
		return 0
	}
	w, err := s.control.work()
	if err != nil {
		return 0
	}
	return w.passes
}

// writesOf are the calls of an action, or all writes if it is empty.
func writesOf(calls []Call, action string) []Call {
	return slices.DeleteFunc(slices.Clone(calls), func(c Call) bool { return c.Read() || action != "" && c.Action != action })
}
