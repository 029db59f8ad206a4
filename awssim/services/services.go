// Package services is a simulated AWS account without a face: the services over one state, called as Go methods. It has
// no HTTP, no data plane, no DNS server and no sign-in; package awssim adds these.
//
// lbc links this package to answer from account files, and needs nothing that awssim adds.
package services

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/acm"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/ec2"
	"github.com/k8s-lbc/lbc/awssim/elbv2"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/globalaccelerator"
	"github.com/k8s-lbc/lbc/awssim/iam"
	"github.com/k8s-lbc/lbc/awssim/route53"
	"github.com/k8s-lbc/lbc/awssim/s3"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/awssim/shield"
	"github.com/k8s-lbc/lbc/awssim/sts"
	"github.com/k8s-lbc/lbc/awssim/tagging"
	"github.com/k8s-lbc/lbc/awssim/wafv2"
)

// Options are the settings of an account. The zero value is the built-in account, the machine's clock and immediate
// transitions.
type Options struct {
	Seed    *seed.File      // what the account holds at first; nil: seed.Default()
	Clock   clock.Clock     // nil: the machine's
	Profile account.Profile // how long transitions take; the zero value: none takes time

	Latency   time.Duration   // added to every call
	Throttle  bool            // AWS's token buckets
	Authorize gate.Authorizer // of the first account; nil: by its policies, see Enforce
	Enforce   bool            // refuse callers that are not in the account, and those without policies
	Random    uint64          // seed of the chances of faults and lags, and of request ids
	KeepCalls int             // recorded calls; 0: 10,000
	Buckets   string          // a directory with a folder for each S3 bucket; "" has no objects

	firstID uint64 // below the ids of the account
}

// Set is one simulated account and its services. The fields may be used directly, the account under its lock. The
// services have the methods of the SDK's clients, which take the lock themselves.
type Set struct {
	Account *account.Account // what the account holds
	Gate    *gate.Gate       // records calls, and applies faults, throttling, permissions and latency

	Balancing *elbv2.Service             // Elastic Load Balancing
	Compute   *ec2.Service               // EC2
	Trust     *acm.Service               // ACM
	Identity  *sts.Service               // STS
	Policies  *iam.Simulation            // IAM's simulation of policies
	Tagging   *tagging.Service           // the resource groups tagging API
	Firewall  *wafv2.Service             // WAFv2
	Shield    *shield.Service            // Shield Advanced
	Names     *route53.Service           // Route 53
	Edge      *globalaccelerator.Service // Global Accelerator
	Storage   *s3.Service                // S3

	// Elsewhere are the other accounts of the seed, by id.
	Elsewhere map[string]*Set
	// Perform makes a call by the names of its service and action, for faults that change the account; nil fails the calls
	// that such a fault strikes. Set it before the first call.
	Perform func(ctx context.Context, service, action string, input []byte) error

	seed seed.File
}

// New makes the account of a seed, and the seed's other accounts.
func New(o Options) (*Set, error) {
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Profile.Name == "" {
		o.Profile.Name = "instant"
	}
	if o.Seed == nil {
		f := seed.Default()
		o.Seed = &f
	}
	s := &Set{seed: *o.Seed, Elsewhere: map[string]*Set{}}
	s.Account = account.New(o.Seed.Account, o.Seed.Region, o.Clock, o.Profile)
	s.Account.Seed(o.Random)
	s.Account.StartAt(o.firstID)
	s.Account.Buckets.Directory = o.Buckets
	authorize := o.Authorize
	if authorize == nil {
		authorize = iam.Authorizer(s.Account)
	}
	s.Gate = gate.New(gate.Options{
		Clock: o.Clock, Seed: o.Random, Keep: o.KeepCalls, Latency: o.Latency, Throttle: o.Throttle, Authorize: authorize,
		Foreign: s.foreign,
	})
	s.serve()
	if err := s.plant(*o.Seed); err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	s.Account.Enforced = s.Account.Enforced || o.Enforce
	return s, s.addOthers(o)
}

// serve makes the services over the account.
func (s *Set) serve() {
	s.Balancing = elbv2.New(s.Account, s.Gate)
	s.Compute = ec2.New(s.Account, s.Gate)
	s.Trust = acm.New(s.Account, s.Gate)
	s.Identity = sts.New(s.Account, s.Gate)
	s.Policies = iam.NewSimulation(s.Account, s.Gate)
	s.Tagging = tagging.New(s.Account, s.Gate)
	s.Firewall = wafv2.New(s.Account, s.Gate)
	s.Shield = shield.New(s.Account, s.Gate)
	s.Names = route53.New(s.Account, s.Gate)
	s.Edge = globalaccelerator.New(s.Account, s.Gate)
	s.Storage = s3.New(s.Account, s.Gate)
}

// addOthers makes the other accounts of the seed. Each numbers its ids in a range of its own, so that no key or name is
// in two accounts.
func (s *Set) addOthers(o Options) error {
	for n := range o.Seed.Accounts {
		single := o
		single.Seed, single.Authorize, single.firstID = &o.Seed.Accounts[n], nil, uint64(n+1)<<32
		other, err := New(single)
		if err != nil {
			return fmt.Errorf("account %s: %w", single.Seed.Account, err)
		}
		s.Elsewhere[single.Seed.Account] = other
	}
	all := s.All()
	find := func(id string) *account.Account {
		for _, x := range all {
			if x.Account.ID == id {
				return x.Account
			}
		}
		return nil
	}
	for _, x := range all {
		x.Identity.Elsewhere = find
	}
	return nil
}

// All are the accounts of the seed, the first one first, the others by id.
func (s *Set) All() []*Set {
	all := []*Set{s}
	for _, id := range slices.Sorted(maps.Keys(s.Elsewhere)) {
		all = append(all, s.Elsewhere[id])
	}
	return all
}

// Seed is the description that the account began as.
func (s *Set) Seed() seed.File { return s.seed }

// foreign makes the call of a fault that changes the account.
func (s *Set) foreign(ctx context.Context, d gate.Drift) error {
	if s.Perform == nil {
		return errors.New("this account is not served by names of actions")
	}
	return s.Perform(ctx, d.Service, d.Action, d.Input)
}
