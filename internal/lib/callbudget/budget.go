// Package callbudget has the maximum number of calls of each background loop. Tests enforce these numbers, and pages
// show them. The controller does not link the package.
package callbudget

import (
	"fmt"
	"time"
)

// Period is the time in which a loop makes at most the calls of its budget.
const Period = 10 * time.Minute

// Budget is the maximum number of calls of a loop in Period, in the steady state and while a dependency fails.
// Tests of the controller run each loop with a fake clock and compare the number of calls.
type Budget struct {
	Loop  string // as the tests name it
	Reads string // what it reads or writes
	Per   string // the unit that has one such loop
	// Steady and Trouble are the maximum numbers of calls in Period. Trouble counts from the first failure, when
	// pauses are shortest.
	Steady, Trouble int
	Pauses          string // between attempts while the failure lasts
}

// Check returns an error if a loop made more calls in Period than its budget allows, or so few that the budget is too
// high. trouble is true if a dependency failed meanwhile.
func (b Budget) Check(trouble bool, calls int) error {
	budget, state := b.Steady, "in the steady state"
	if trouble {
		budget, state = b.Trouble, "while a dependency fails"
	}
	switch {
	case calls > budget:
		return fmt.Errorf("%d calls in ten minutes %s, more than the budget of %d", calls, state, budget)
	case trouble && calls == 0, budget > 20 && calls < budget/4:
		return fmt.Errorf("%d calls in ten minutes %s: the budget of %d is too high", calls, state, budget)
	}
	return nil
}

// Budgets has a row for each loop that calls AWS or reads Kubernetes without an event.
var Budgets = []Budget{
	{"account listing", "load balancers, target groups, security groups and tags of the VPC", "cluster", 0, 30,
		"0.5 s doubling to 5 min, for each stack that waits for the list"},
	{"second look", "load balancers, target groups, security groups and tags of the VPC, once, six seconds after a start",
		"leader", 5, 25, "10 s doubling to 5 min"},
	{"stack reconcile", "reads of AWS, and the write that fails", "stack", 0, 60,
		"0.5 s doubling to 5 min; 1 to 5 min for a missing permission, a limit that the load balancer would " +
			"exceed, or a missing resource in AWS"},
	{"refused write", "the same write, which AWS refuses because of its content",
		"write of a stack, TargetGroupBinding or GlobalAccelerator", 0, 3,
		"2 min, 8 min, 30 min, then an hour; a restart does not shorten the pauses"},
	{"drift sweep", "the resources of each stack, and the targets of each target group", "cluster", 600, 600,
		"no pause; at most one read per second in total"},
	{"foreign tags", "tags, of twenty resources in each call", "cluster", 60, 60,
		"ten seconds between two calls; no calls while the process has read all tags within the last hour"},
	{"binding reconcile", "target registration", "TargetGroupBinding", 0, 15,
		"0.2 s doubling to 30 s for transient errors, 15 s doubling to 5 min for others; if AWS throttles, until " +
			"its rate limit permits the call"},
	{"target rules", "security groups, instances, network interfaces, and the rule that AWS refuses",
		"TargetGroupBinding", 0, 40,
		"15 s doubling to 5 min; 10 s doubling to 5 min for addresses and instances that AWS does not find"},
	{"backend group", "the deletion of the backend security group, and the rules that refer to this group",
		"cluster", 0, 15, "2 s doubling to 10 min"},
	{"Secret poll", "Secrets without a watch, from the API server", "Secret", 11, 11,
		"a minute; at most one read per second for all Secrets together"},
	{"certificate watch", "list of certificates", "cluster", 1, 20,
		"10 s while a host has no certificate (60 calls in ten minutes); after a failure, 5 s doubling to a minute"},
	{"certificate expiry", "list of certificates, if listeners have certificates and the controller finds no " +
		"certificate by host", "cluster", 1, 1,
		"six hours; ten minutes after a failure"},
	{"certificate validation", "the certificate and the hosted zones", "certificate", 0, 60,
		"a quarter of the certificate's age, 1 s to 15 s; after five minutes, a minute"},
	{"tags of certificates", "tags of certificates that stacks may own", "certificate", 0, 15,
		"2 s doubling to a minute, shared by all stacks; a minute for a missing permission"},
	{"add-ons", "the web ACL (AWS WAF) and the protection (AWS Shield) of a load balancer", "stack", 0, 20,
		"1 s doubling to 1 min"},
	{"load balancers in the making", "state of load balancers, twenty in each call", "cluster", 0, 50,
		"the age of the newest one, 1 s to 15 s; after ten minutes, a minute"},
	{"health of new targets", "target health", "target group", 0, 5, "40 s doubling to 10 min"},
	{"readiness gates", "target health", "target group with pods that wait for their gates", 0, 60, "a second to 15 s"},
	{"targets of a former port", "target health", "target group whose targets of the new port are unhealthy", 0, 12,
		"10 s doubling to a minute; after five minutes, ten minutes"},
	{"draining targets", "target health", "target group of a deleted TargetGroupBinding, or of one whose last target in " +
		"a security group left", 0, 10, "5 s doubling to 5 min"},
	{"LoadBalancer objects", "LoadBalancer objects, from the API server", "cluster", 3, 15,
		"five minutes for the list, 15 s doubling to 5 min for a write that the API server refuses"},
	{"start of a leader", "the calls of all loops above, after one start", "cluster with one load balancer", 30, 60,
		"the pauses of the loops above"},
}
