// Package account is the one state of a simulated AWS account in one region: every resource of every service, plain
// structs in maps, with the lookups and the dependency rules that several services share. No wire format, no validation
// of requests, no SDK types. It imports only the standard library, the packages below it, awssim/clock and the pure
// awssim/iam/policy, awssim/webacl and internal/model/stack.
package account

import (
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
	"github.com/k8s-lbc/lbc/awssim/account/quota"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

// Account is the state. Lock it for every read and write; handlers hold the lock for the length of one call.
type Account struct {
	sync.Mutex
	ID        string // twelve digits
	Partition string // such as "aws" and "aws-us-gov"
	Region    string
	Clock     clock.Clock
	Profile   Profile // how long asynchronous transitions take
	Trouble   Trouble // what goes wrong
	// Random draws from [0, 1) for Profile.LagChance; Seed sets it.
	Random func() float64

	quota.Limits       // what AWS raises on request
	vpc.Network        // VPCs, subnets, route tables, security groups, network interfaces, instances
	Balancing          // load balancers, target groups, listeners, rules: balancing.go
	Trust              // certificates: certificate.go
	Identity           // users, roles, policies, sessions: identity.go
	hostedzone.Domains // hosted zones: package hostedzone, domains.go

	UserPools map[string]*UserPool // by ARN; nil: load balancers take any

	Defence      // web ACLs, protections of Shield: defence.go
	Acceleration // accelerators: accelerator.go

	changed    []func()
	visibility visibility

	users    map[string]map[string]int // by ARN of certificate and load balancer: how many listeners
	released []func(certificate, loadBalancer string)
}

// lagStream separates the random numbers of lags from those that others draw from the same seed.
const lagStream = 0x6c6167

// Seed makes the lags that are drawn from now on those of a seed. The caller holds the lock if others use the account
// already.
func (a *Account) Seed(seed uint64) { a.Random = rand.New(rand.NewPCG(seed, lagStream)).Float64 }

// New is an empty account in one region, such as New("123456789012", "us-west-2", clock.Real{}, Instant()). The
// partition follows from the region.
func New(id, region string, c clock.Clock, p Profile) *Account {
	a := &Account{ID: id, Partition: PartitionOf(region), Region: region, Clock: c, Profile: p}
	a.Seed(0)
	return a
}

// partitions are those of regions by prefix; all others are of "aws".
var partitions = []struct{ prefix, partition string }{
	{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"}, {"eusc-", "aws-eusc"},
	{"us-iso-", "aws-iso"}, {"us-isob-", "aws-iso-b"}, {"eu-isoe-", "aws-iso-e"}, {"us-isof-", "aws-iso-f"},
	{"eu-isof-", "aws-iso-f"},
}

// PartitionOf is the partition that a region belongs to.
func PartitionOf(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

// ARN of a resource of this account and region, such as a.ARN("ec2", "subnet/subnet-1").
func (a *Account) ARN(service, resource string) string {
	return strings.Join([]string{"arn", a.Partition, service, a.Region, a.ID, resource}, ":")
}

// OnChange registers f to run (without the lock) after each call that changed the state.
func (a *Account) OnChange(f func()) { a.changed = append(a.changed, f) }

// Changed runs the registered functions; handlers call it after they released the lock.
func (a *Account) Changed() {
	for _, f := range a.changed {
		f()
	}
}
