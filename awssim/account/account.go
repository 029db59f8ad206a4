// Package account is the one state of a simulated AWS account in one region: every resource of every service, plain structs
// in maps, with the lookups and the dependency rules that several services share. No wire format, no validation of
// requests, no SDK types. It imports only the standard library and awssim/clock.
package account

import (
	"sync"

	"github.com/k8s-lbc/lbc/awssim/clock"
)

// Account is the state. Lock it for every read and write; handlers hold the lock for the length of one call.
type Account struct {
	sync.Mutex
	ID        string // twelve digits
	Partition string // "aws", "aws-us-gov", "aws-cn"
	Region    string
	Clock     clock.Clock
	Profile   Profile // how long asynchronous transitions take

	Compute   // VPCs, subnets, route tables, security groups, network interfaces, instances: compute.go
	Balancing // load balancers, target groups, listeners, rules: balancing.go
	Trust     // certificates: trust.go

	changed []func()
}

// OnChange registers f to run (without the lock) after each call that changed the state.
func (a *Account) OnChange(f func()) { a.changed = append(a.changed, f) }

// Changed runs the registered functions; handlers call it after they released the lock.
func (a *Account) Changed() {
	for _, f := range a.changed {
		f()
	}
}
