package targetgroup

import (
	"cmp"
	"container/heap"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// Target states and reasons as DescribeTargetHealth spells them.
const (
	stateInitial   = "initial"
	stateHealthy   = "healthy"
	stateUnhealthy = "unhealthy"
	// stateUnhealthyDraining is only reported: its targets get nothing new, like other unhealthy ones.
	stateUnhealthyDraining = "unhealthy.draining"

	reasonChecking = "Elb.InitialHealthChecking"
	reasonMismatch = "Target.ResponseCodeMismatch"
	reasonTimeout  = "Target.Timeout"
	reasonFailed   = "Target.FailedHealthChecks"
)

// maxChecks bounds the checks that run at once.
const maxChecks = 128

// health is what the checks of a target have found; guarded by its group's lock.
type health struct {
	state     string
	announced bool // the first check was reported
	passed    int  // consecutive successes
	failed    int  // consecutive failures
	refusals  int  // consecutive flows that the target did not take
	declines  int  // how often it became unhealthy
}

// verdict is the outcome of one check; a passed one has no reason.
type verdict struct {
	reason, description string
	status              int // of the answer; 0: none
}

func (v verdict) passed() bool { return v.reason == "" }

// note takes a verdict into account and reports whether the state changed. One success makes an initial target healthy;
// otherwise the thresholds decide.
func (h *health) note(v verdict, healthyThreshold, unhealthyThreshold int) bool {
	if v.passed() {
		h.passed, h.failed = h.passed+1, 0
		if h.state == stateInitial || h.state == stateUnhealthy && h.passed >= healthyThreshold {
			h.state = stateHealthy
			return true
		}
		return false
	}
	h.passed, h.failed = 0, h.failed+1
	if h.state != stateUnhealthy && h.failed >= unhealthyThreshold {
		h.state = stateUnhealthy
		return true
	}
	return false
}

// checker runs the checks of all targets from one schedule.
type checker struct {
	*Groups
	slots chan struct{}

	mu     sync.Mutex
	due    schedule
	cancel func() bool // of the pending wake-up
	wake   time.Time
	closed bool
}

func newChecker(p *Groups) *checker {
	return &checker{Groups: p, slots: make(chan struct{}, maxChecks)}
}

// add schedules the next check of a target. The ticket is the target's at this moment.
func (c *checker) add(t *Target, ticket int, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	heap.Push(&c.due, dueCheck{at, t, ticket})
	c.arm()
}

// arm sets the alarm for the earliest check; the lock is held.
func (c *checker) arm() {
	if c.closed || len(c.due) == 0 {
		return
	}
	first := c.due[0].at
	if c.cancel != nil {
		if !first.Before(c.wake) {
			return
		}
		c.cancel()
	}
	c.wake = first
	c.cancel = c.Clock.AfterFunc(max(first.Sub(c.Clock.Now()), 0), c.run)
}

// run starts every check that is due.
func (c *checker) run() {
	c.mu.Lock()
	c.cancel = nil
	now := c.Clock.Now()
	var ready []dueCheck
	for len(c.due) > 0 && !c.due[0].at.After(now) {
		ready = append(ready, heap.Pop(&c.due).(dueCheck))
	}
	c.arm()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return
	}
	for _, due := range ready {
		c.Spawn(func() {
			select {
			case c.slots <- struct{}{}:
				defer func() { <-c.slots }()
				c.check(due.target, due.ticket)
			case <-c.Context.Done():
			}
		})
	}
}

func (c *checker) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.due = nil
	if c.cancel != nil {
		c.cancel()
	}
}

// check does one check of a target and schedules the next, unless the target is no longer to be checked or its checks
// began again under another ticket.
func (c *checker) check(t *Target, ticket int) {
	g := t.Group
	g.mu.Lock()
	if !t.continues(ticket) {
		g.mu.Unlock()
		return
	}
	user, config := g.User(), g.Config()
	first := t.health.state == stateInitial && !t.health.announced
	t.health.announced = true
	g.mu.Unlock()

	started := c.Clock.Now()
	if first {
		c.report(t, stateInitial, verdict{reason: reasonChecking, description: "Initial health checks in progress"})
	}
	hc := config.HealthCheck
	interval := positive(c.HealthInterval, time.Duration(hc.IntervalSeconds)*time.Second, 30*time.Second)
	timeout := positive(c.HealthTimeout, time.Duration(hc.TimeoutSeconds)*time.Second, 5*time.Second)
	c.control(config, user, t, timeout)
	ctx, cancel := context.WithTimeout(c.Context, timeout)
	s := subject{t, user, config}
	v := c.round(ctx, s)
	cancel()
	if c.Context.Err() != nil {
		return
	}
	if !v.passed() && user.Network { // an NLB gives no other reason
		v = verdict{reason: reasonFailed, description: "Health checks failed"}
	}

	g.mu.Lock()
	if !t.continues(ticket) {
		g.mu.Unlock()
		return
	}
	changed := t.health.note(v, threshold(hc.HealthyThreshold, 5), threshold(hc.UnhealthyThreshold, 2))
	state := t.health.state
	if changed {
		t.healthyNow.Store(state == stateHealthy)
		t.rampFrom.Store(c.Clock.Now().UnixNano())
		g.rebuild()
	}
	g.mu.Unlock()
	if changed {
		c.turned(s, ticket, state, v)
	}
	c.add(t, ticket, started.Add(interval))
}

// subject is a target under check, with the load balancer that uses its group and the group's configuration at that
// time.
type subject struct {
	target *Target
	user   *User
	config *Config
}

// round is one check by the node of every zone at once. A target passes when it passes the checks of more than half of
// the nodes.
func (c *checker) round(ctx context.Context, s subject) verdict {
	at := s.config.checkPort(s.target)
	nodes := topology.OwnAddresses(s.user.zones, at.Addr().Is6())
	verdicts := make([]verdict, len(nodes))
	var all sync.WaitGroup
	look := func(i int) {
		p, begun := probe{s, c.Network, nodes[i], at}, time.Now()
		verdicts[i] = p.send(ctx)
		c.log(p, verdicts[i], begun)
	}
	for i := range nodes[1:] {
		all.Go(func() { look(i + 1) })
	}
	look(0)
	all.Wait()
	return consensus(verdicts)
}

// consensus is the verdict of most nodes: the first failed one unless more than half passed.
func consensus(verdicts []verdict) verdict {
	var pass, objection verdict
	passed := 0
	for _, v := range verdicts {
		switch {
		case v.passed():
			pass = v
			passed++
		case objection.passed():
			objection = v
		}
	}
	if 2*passed > len(verdicts) {
		return pass
	}
	return objection
}

func (c *checker) report(t *Target, state string, v verdict) {
	c.Report(HealthReport{
		TargetGroup: t.Group.ARN, Target: t.Key.ID, Port: t.Key.Port, Zone: t.Spec().Zone,
		State: state, Reason: v.reason, Description: v.description,
	})
}

// log writes the entry of a node's check to the health check log.
func (c *checker) log(p probe, v verdict, begun time.Time) {
	user, config := p.user, p.config
	if c.Logs == nil || user.checkLog.Bucket == "" {
		return
	}
	now := time.Now()
	kind := strings.ToLower(cmp.Or(config.HealthCheck.Protocol, config.Protocol))
	switch {
	case config.ProtocolVersion == "HTTP2":
		kind = "h2"
	case config.ProtocolVersion == "GRPC" && kind == "https":
		kind = "grpcs"
	case config.ProtocolVersion == "GRPC":
		kind = "grpc"
	}
	entry := accesslog.Check{
		Type: kind, Time: now, Latency: now.Sub(begun), Target: p.at, TargetGroup: config.Name,
		Passed: v.passed(), Status: v.status, Reason: strings.TrimPrefix(v.reason, "Target."),
	}
	c.Logs.Add(user.checkLog.Stream(accesslog.Checks, user.ARN, p.node), entry.Line())
}

// positive is the first of its arguments above 0.
func positive(ds ...time.Duration) time.Duration {
	for _, d := range ds {
		if d > 0 {
			return d
		}
	}
	return 0
}

func threshold(n int32, byDefault int) int {
	if n > 0 {
		return int(n)
	}
	return byDefault
}

// schedule is a heap of checks by time.
type schedule []dueCheck

type dueCheck struct {
	at     time.Time
	target *Target
	ticket int
}

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s schedule) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

// Push implements heap.Interface.
func (s *schedule) Push(x any) { *s = append(*s, x.(dueCheck)) }

// Pop implements heap.Interface.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	*s = (*s)[:last]
	return x
}

// HealthReport is a change of a target's health as DescribeTargetHealth shows it.
type HealthReport struct {
	TargetGroup string // ARN
	Target      string // Target.ID
	Port        int32
	Zone        string
	State       string // initial, healthy, unhealthy, unhealthy.draining
	Reason      string // empty when healthy
	Description string
}
