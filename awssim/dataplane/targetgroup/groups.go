// Package targetgroup is target groups at work: their registered targets, health checks, which targets may be chosen
// and how, connections to targets. It has no listener, no rule and no client, and of load balancers only the one that
// uses a group. It may import awssim/accesslog, awssim/clock, awssim/vnet, internal/model/stack and the data plane's
// counter, flow, handshake, topology.
package targetgroup

import (
	"context"
	"hash/maphash"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/vnet"
)

// Options are what target groups work with.
type Options struct {
	Context context.Context // ends health checks and connections
	Clock   clock.Clock     // schedules health checks
	Network *vnet.Network
	Logs    *accesslog.Writer // of health checks; nil: none
	Random  func() uint64     // safe for concurrent use
	Seed    maphash.Seed      // of flow hashes
	Spawn   func(func()) bool // runs a goroutine; false: it does not run
	// gets each change of a target's health, one call at a time per target, without any lock held
	Report func(HealthReport)
	// HealthInterval and HealthTimeout replace those of every target group when not 0.
	HealthInterval, HealthTimeout time.Duration
	// ConnectTimeout is how long a target may take to accept a connection, and then for the TLS handshake.
	ConnectTimeout time.Duration
}

// Groups is what all target groups of a data plane share: options and the schedule of health checks.
type Groups struct {
	Options
	checks *checker
}

// New starts the schedule of health checks. Stop it.
func New(o Options) *Groups {
	s := &Groups{Options: o}
	s.checks = newChecker(s)
	return s
}

// Stop ends all health checks.
func (s *Groups) Stop() { s.checks.stop() }
