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
	largeKind    kind = "large"     // AWS calls, with the largest cluster of those rows
	sizeKind     kind = "size"      // everything, with as much as an account holds; only where rows are named
	smallKind    kind = "small"     // the same with a small cluster
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
	measure measure
}

func (r row) needsCluster() bool { return r.kind != computeKind }

// many is the number of load balancers, or of members of the group, that the budget is about.
const many = 100

// rows is the table, in an order in which each row leaves what the next one needs; what needs no cluster goes before
// one runs, and what makes the account larger comes last.
var rows = slices.Concat(usualRows, sizeRows(small, smallTenants), sizeRows(largest, largestTenants))

var usualRows = []row{
	computed("compute-1", "compile + diff of one Ingress"),
	computed("compute-1000", "compile + diff of a group of 1,000 rules"),
	computed("gateway-compute-1", "translate + compile + diff of one Gateway"),
	computed("gateway-compute-1000", "translate + compile + diff of a Gateway of 1,000 rules"),

	{"start", countKind, "start, empty cluster and account", "starts the controller and waits until it rests", nil,
		measureStart},
	{"create-1", countKind, "create 1", "creates one Ingress with a load balancer of its own", having(nil, 0),
		creating(ingresses, 1)},
	{"create-99", countKind, "create 99 more", "creates 99 more at once", having(ingresses, 1), creating(ingresses, many)},
	{"touch", countKind, "touch all 100, nothing changed", "changes an unrelated annotation of each",
		having(ingresses, many), touching(ingresses)},
	{"attribute", countKind, "change 1 load balancer attribute", "changes idle_timeout of one load balancer by annotation",
		having(ingresses, many), changingAttribute(ingresses)},
	{"path", countKind, "add 1 path in front of another",
		"adds a path to the same Service before the only one of an Ingress", having(ingresses, many), addingPath(ingresses)},
	{"scale", countKind, "scale one app 2 -> 12 pods at once",
		"adds ten endpoints to a Service, in two updates of its EndpointSlice", having(ingresses, many), measureScale},
	{"memory", memoryKind, "resident, 100 Ingresses, 200 pods",
		"reads the resident memory of the controller's process after twelve seconds of rest", having(ingresses, many),
		measureMemory},
	{"restart", countKind, "restart with 100 load balancers", "ends the controller and starts it again",
		having(ingresses, many), measureRestart},
	{"delete-100", countKind, "delete all 100", "deletes all Ingresses at once", having(ingresses, many),
		deleting(ingresses)},
	{"group", countKind, "100 Ingresses in one group, created at once",
		"creates 100 members of one group, one path and Service each", having(nil, 0), creating(members, many)},
	{"group-touch", countKind, "touch all members of the group", "changes an unrelated annotation of each member",
		having(members, many), touching(members)},
	{"group-reorder", countKind, "reorder one member", "gives a member in the middle the last place, by group.order",
		having(members, many), resting(measureReorder)},

	{"gateway-create-1", countKind, "create 1 Gateway", "creates one Gateway with an HTTPRoute",
		afterRestart(having(nil, 0)), creating(gateways, 1)},
	{"gateway-create-99", countKind, "create 99 more", "creates 99 more at once", having(gateways, 1),
		creating(gateways, many)},
	{"gateway-touch", countKind, "touch all 100, nothing changed",
		"changes an unrelated annotation of each Gateway and route", having(gateways, many), touching(gateways)},
	{"gateway-attribute", countKind, "change 1 load balancer attribute",
		"changes idle_timeout in the LoadBalancerConfiguration of one Gateway", having(gateways, many),
		changingAttribute(gateways)},
	{"gateway-path", countKind, "add 1 path in front of another",
		"adds a rule to the same Service before the only one of a route", having(gateways, many), addingPath(gateways)},
	{"gateway-scale", countKind, "scale one app by 10 pods at once",
		"adds ten endpoints to a Service, in two updates of its EndpointSlice", having(gateways, many), measureScale},
	{"gateway-memory", memoryKind, "resident, 100 Gateways, 200 pods",
		"reads the resident memory of the controller's process after twelve seconds of rest", having(gateways, many),
		measureMemory},
	{"gateway-restart", countKind, "restart with 100 Gateways", "ends the controller and starts it again",
		having(gateways, many), measureRestart},
	{"gateway-delete-100", countKind, "delete all 100 Gateways", "deletes all Gateways and routes at once",
		having(gateways, many), deleting(gateways)},
	{"gateway-group", countKind, "one Gateway with 99 routes, created at once",
		"creates a Gateway and 99 HTTPRoutes, one path and Service each", having(nil, 0), creating(routes, many-1)},
	{"gateway-group-touch", countKind, "touch the Gateway and all routes", "changes an unrelated annotation of each",
		having(routes, many-1), touching(routes)},
	{"gateway-group-more", countKind, "one route more", "creates another HTTPRoute, with a Service of its own",
		having(routes, many-1), creating(routes, many)},
	{"gateway-group-less", countKind, "one route less", "deletes an HTTPRoute, with a Service of its own",
		having(routes, many), deletingLast(routes)},

	{"service-create-1", countKind, "create 1 Service", "creates one Service with an NLB", afterRestart(having(nil, 0)),
		creating(services, 1)},
	{"service-create-99", countKind, "create 99 more", "creates 99 more at once", having(services, 1),
		creating(services, many)},
	{"service-touch", countKind, "touch all 100, nothing changed", "changes an unrelated annotation of each",
		having(services, many), touching(services)},
	{"service-attribute", countKind, "change 1 load balancer attribute",
		"changes the routing policy of one NLB by annotation", having(services, many), changingAttribute(services)},
	{"service-scale", countKind, "scale one app by 10 pods at once",
		"adds ten endpoints to a Service, in two updates of its EndpointSlice", having(services, many), measureScale},
	{"service-port", countKind, "add 1 port", "adds a port to one Service", having(services, many), addingPort(services)},
	{"service-memory", memoryKind, "resident, 100 Services, 200 pods",
		"reads the resident memory of the controller's process after twelve seconds of rest", having(services, many),
		measureMemory},
	{"service-restart", countKind, "restart with 100 Services", "ends the controller and starts it again",
		having(services, many), measureRestart},
	{"service-delete-100", countKind, "delete all 100 Services", "deletes all Services at once", having(services, many),
		deleting(services)},

	{"accelerator-create", countKind, "create 1 GlobalAccelerator",
		"creates one for a Service with an NLB, until AWS has deployed it", accelerated(false), acting(createAccelerator)},
	{"accelerator-touch", countKind, "touch it, nothing changed",
		"changes an unrelated annotation of the GlobalAccelerator", accelerated(true), acting(touchAccelerator)},
	{"accelerator-delete", countKind, "delete it", "deletes the GlobalAccelerator, whose load balancer stays",
		accelerated(true), acting(deleteAccelerator)},
	{"accelerator-restart", countKind, "restart with 1 GlobalAccelerator", "ends the controller and starts it again",
		accelerated(true), measureRestart},

	{"timed-first", timeKind, "first load balancer in status", "creates one Ingress, until its hostname is in the status",
		having(nil, 0), timedCreation(ingresses, 1)},
	{"timed-create-99", timeKind, "99 more in status", "creates 99 more at once, until the last hostname is in a status",
		having(ingresses, 1), timedCreation(ingresses, many)},
	{"timed-touch", timeKind, "touch all 100", "changes an unrelated annotation of each; from the first to the " +
		"last AWS call", having(ingresses, many), timedTouch(ingresses)},
	{"timed-attribute", timeKind, "one attribute", "changes an annotation, until ModifyLoadBalancerAttributes is answered",
		having(ingresses, many), timedAttribute(ingresses)},
	{"timed-restart", timeKind, "restart with 100 load balancers",
		"from the start of the process to the last AWS call before it rests", having(ingresses, many), timedRestart},
	{"timed-delete", timeKind, "delete 100", "deletes all Ingresses, until they and all in AWS are gone",
		having(ingresses, many), timedDelete(ingresses)},
	{"timed-ready", timeKind, "endpoint ready to RegisterTargets sent, p99",
		"adds 200 endpoints to 50 apps, one by one, while 50 more load balancers are created", having(ingresses, many/2),
		timedReady},
	{"timed-group", timeKind, "group of 100, all targets registered",
		"creates 100 members of one group, until every status and target is there", having(nil, 0),
		timedGroup(members, many)},

	{"gateway-timed-first", timeKind, "first Gateway programmed",
		"creates one Gateway with an HTTPRoute, until its status has the address and it is Programmed", having(nil, 0),
		timedCreation(gateways, 1)},
	{"gateway-timed-create-99", timeKind, "99 more programmed",
		"creates 99 more at once, until the last one is Programmed", having(gateways, 1), timedCreation(gateways, many)},
	{"gateway-timed-touch", timeKind, "touch all 100 Gateways",
		"changes an unrelated annotation of each Gateway and route; from the first to the last AWS call",
		having(gateways, many), timedTouch(gateways)},
	{"gateway-timed-attribute", timeKind, "one attribute",
		"changes a LoadBalancerConfiguration, until ModifyLoadBalancerAttributes is answered", having(gateways, many),
		timedAttribute(gateways)},
	{"gateway-timed-restart", timeKind, "restart with 100 Gateways",
		"from the start of the process to the last AWS call before it rests", having(gateways, many), timedRestart},
	{"gateway-timed-delete", timeKind, "delete 100 Gateways",
		"deletes all Gateways and routes, until they and all in AWS are gone", having(gateways, many), timedDelete(gateways)},
	{"gateway-timed-group", timeKind, "Gateway of 99 routes, all targets registered",
		"creates a Gateway and 99 HTTPRoutes, until every status and target is there", having(nil, 0),
		timedGroup(routes, many-1)},

	{"service-timed-first", timeKind, "first Service in status",
		"creates one Service, until its hostname is in the status", having(nil, 0), timedCreation(services, 1)},
	{"service-timed-create-99", timeKind, "99 more in status",
		"creates 99 more at once, until the last hostname is in a status", having(services, 1),
		timedCreation(services, many)},
	{"service-timed-touch", timeKind, "touch all 100 Services",
		"changes an unrelated annotation of each; from the first to the last AWS call", having(services, many),
		timedTouch(services)},
	{"service-timed-attribute", timeKind, "one attribute",
		"changes an annotation, until ModifyLoadBalancerAttributes is answered", having(services, many),
		timedAttribute(services)},
	{"service-timed-restart", timeKind, "restart with 100 Services",
		"from the start of the process to the last AWS call before it rests", having(services, many), timedRestart},
	{"service-timed-delete", timeKind, "delete 100 Services", "deletes all Services, until they and all in AWS are gone",
		having(services, many), timedDelete(services)},

	{"targets-calm", troubleKind, "targets come and go, p99 until sent",
		"replaces 200 endpoints of 50 apps, one by one, by pods being deleted and made; until RegisterTargets and " +
			"DeregisterTargets arrive", having(ingresses, many/2), under(trouble{})},
	{"targets-ec2-hangs", troubleKind, "… while EC2 hangs", "the same, no call to EC2 being answered",
		having(ingresses, many/2), under(ec2Hangs)},
	{"targets-ec2-throttles", troubleKind, "… while EC2 throttles", "the same, EC2 refusing every call for its rate",
		having(ingresses, many/2), under(ec2Throttles)},
	{"targets-elb-throttles", troubleKind, "… while ELBv2 throttles",
		"the same, ELBv2 taking one read and one write a second beside registrations, and 50 load balancers being edited",
		having(ingresses, many/2), under(elbThrottles)},
	{"targets-ten-writes", troubleKind, "… while ELBv2 takes 10 writes a second",
		"the same at a tenth of the pace, ELBv2 taking 10 writes and 20 reads a second beside registrations, 50 load " +
			"balancers being edited and 100 more created", having(ingresses, many/2), under(tenWrites)},
	{"targets-stack-fails", troubleKind, "… while a load balancer's edit fails",
		"the same, an edit failing in a loop with error 500", having(ingresses, many/2), under(stackFails)},
	{"targets-creating", troubleKind, "… while 100 load balancers are created",
		"the same, 100 more load balancers being created", having(ingresses, many/2), under(creatingMany)},
	{"targets-all", troubleKind, "… all of it together", "all of these at the same time", having(ingresses, many/2),
		under(together(ec2Hangs, elbThrottles, stackFails, creatingMany))},

	{"throttled-group", throttleKind, "100 Ingresses in one group, AWS throttles",
		"creates the group with AWS's published token buckets on, refused calls counted; takes a minute", having(nil, 0),
		creatingThrottled(members, many)},
	{"gateway-throttled-group", throttleKind, "one Gateway with 99 routes, AWS throttles",
		"creates them with AWS's published token buckets on, refused calls counted; takes a minute", having(nil, 0),
		creatingThrottled(routes, many-1)},

	{"throttled-restart", throttleKind, "restart with 100, AWS throttles",
		"ends the controller and starts it again, ELBv2 taking 10 writes, 20 reads, 10 registrations and 0.2 load " +
			"balancers a second", having(ingresses, many), underLimits(slowAccount, measureRestart)},
	{"throttled-rollout", throttleKind, "a new pod for each of 100 apps, AWS throttles",
		"replaces an endpoint of each app at once, under the same limits", having(ingresses, many),
		underLimits(slowAccount, replacingOfEach)},
	{"throttled-delete-100", throttleKind, "delete all 100, AWS throttles",
		"deletes all Ingresses at once, under the same limits", havingRestarted(ingresses, many),
		underLimits(slowAccount, deleting(ingresses))},
	{"throttled-small", throttleKind, "one Ingress beside a group of 100, AWS throttles",
		"creates one Ingress while a group of 100 is being created under the same limits, until its hostname is " +
			"in the status", having(nil, 0), underLimits(slowAccount, smallBesideLarge)},
	{"throttled-create-99", throttleKind, "create 99 more, AWS throttles",
		"creates 99 more at once, under the same limits: AWS takes 445 s for their load balancers; until half of the load " +
			"balancers are created, all targets must be registered", having(ingresses, 1),
		underLimits(slowAccount, creatingInOrder(ingresses))},
	{"service-throttled-restart", throttleKind, "restart with 100 Services, AWS throttles",
		"ends the controller and starts it again, under the same limits", having(services, many),
		underLimits(slowAccount, measureRestart)},
	{"service-throttled-delete-100", throttleKind, "delete all 100 Services, AWS throttles",
		"deletes all Services at once, under the same limits", havingRestarted(services, many),
		underLimits(slowAccount, deleting(services))},
	{"service-throttled-create-99", throttleKind, "create 99 more Services, AWS throttles",
		"creates 99 more at once, under the same limits; until half of the load balancers are created, all targets must " +
			"be registered", having(services, 1), underLimits(slowAccount, creatingInOrder(services))},

	{"memory-1000", memoryKind, "resident, 1,000 load balancers, 20,000 pods",
		"creates all of them, and reads the resident memory of the controller's process; takes minutes", having(nil, 0),
		measureCrowd},
	{"restart-1000", largeKind, "restart with 1,000 load balancers",
		"ends the controller and starts it again; takes minutes", havingCrowd, measureLargeRestart},
	{"sweep", largeKind, "a minute of looking for drift among 1,000",
		"counts the reads of a minute, from a minute after a start on", havingRestartedCrowd, measureSweep},
	{"targets-1000", troubleKind, "… while 1,000 bindings change at once",
		"replaces an endpoint of 1,000 apps, as fast as the API server takes it; takes minutes", havingCrowd, allAtOnce},
}

// The largest cluster that a row asks for: load balancers with an app each, and the pods of each.
const (
	crowd       = 1000
	podsOfCrowd = 20
)

// addresses is how many pods the chosen rows need.
func addresses(chosen []row) int {
	n := many*podsPerApp + 3*10 + samples + 10
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
	for _, z := range []size{small, largest} {
		if slices.ContainsFunc(chosen, func(r row) bool { return r.kind == z.kind }) {
			n += z.addresses()
		}
	}
	return n
}

// RowHelp lists the rows and what each does.
func RowHelp() string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-23s %-9s %s\n", r.name, r.kind, r.help)
	}
	return b.String()
}

// nodes is how many nodes the chosen rows need at least.
func nodes(chosen []row) (n int) {
	for _, z := range []size{small, largest} {
		if slices.ContainsFunc(chosen, func(r row) bool { return r.kind == z.kind }) {
			n = max(n, z.nodes)
		}
	}
	return n
}

// choose finds rows by name, kind or pattern, in the table's order; no names mean all but those of the largest size.
func choose(names []string) ([]row, error) {
	if len(names) == 0 {
		return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.kind == sizeKind }), nil
	}
	wanted := make([]bool, len(rows))
	for _, name := range names {
		found := false
		// which counts over a kind of that name
		isRow := slices.ContainsFunc(rows, func(r row) bool { return r.name == name })
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

// having prepares so many of a population, and none of the others.
func having(p *population, n int) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error { return s.have(ctx, p, n) }
}

// afterRestart has the controller start again once the cluster is prepared, since memory that it needed for former rows
// stays with its process.
func afterRestart(prepare func(context.Context, *session) error) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		ran := s.running
		if err := prepare(ctx, s); err != nil || !ran {
			return err
		}
		return measureRestart(ctx, s, nil)
	}
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
	mark, requested, before, used := s.endpoint.Recorder.Mark(), s.requests.mark(), s.passes(), s.control.processor()
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
	var err error
	result.Kubernetes, result.KubernetesReads, _, err = s.requests.since(requested)
	return result, err
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
	return slices.DeleteFunc(slices.Clone(calls), func(c Call) bool {
		return c.Read() || action != "" && c.Action != action
	})
}
