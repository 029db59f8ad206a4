// Package quota has AWS's limits of load balancers: their names, their defaults, and what of a load balancer counts against which. It holds
// nothing that AWS was read for, and refuses nothing.
// It may import stack.
package quota

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// Limit is a limit by its name in DescribeAccountLimits and Service Quotas.
type Limit string

// Limits of an account in a region, and of a target group. The others are those of the table, which LoadBalancer.Uses names.
const (
	ApplicationLoadBalancers Limit = "application-load-balancers"
	NetworkLoadBalancers     Limit = "network-load-balancers"
	TargetGroups             Limit = "target-groups"
	TargetsOfGroup           Limit = "targets-per-target-group"
)

// RulesOfApplicationLoadBalancer counts the rules of all listeners besides the default ones.
const RulesOfApplicationLoadBalancer = rules + application

// Limits of a load balancer are named by what they limit and its type.
const (
	application = Limit(stack.Application) + "-load-balancer"
	network     = Limit(stack.Network) + "-load-balancer"

	listeners    Limit = "listeners-per-"
	rules        Limit = "rules-per-"
	certificates Limit = "certificates-per-"
	groups       Limit = "target-groups-per-"
	targets      Limit = "targets-per-"
)

// defaults are AWS's. An account may have higher ones, and none has lower ones.
var defaults = map[Limit]int{
	ApplicationLoadBalancers: 50,
	NetworkLoadBalancers:     50,
	TargetGroups:             3000,
	TargetsOfGroup:           1000,

	listeners + application:        50,
	RulesOfApplicationLoadBalancer: 100,
	certificates + application:     25,
	groups + application:           100,
	targets + application:          1000,

	listeners + network:    50,
	certificates + network: 25,
	targets + network:      3000,
}

// Default is AWS's default of a limit; 0 if the table does not have it.
func (l Limit) Default() int { return defaults[l] }

// Limits are those of the table, by name.
func Limits() []Limit { return slices.Sorted(maps.Keys(defaults)) }

// OfType is the limit of load balancers of a type that an account has in a region.
func OfType(t stack.LoadBalancerType) Limit { return Limit(t) + "-load-balancers" }

// TargetsOf is the limit of targets of a load balancer of a type.
func TargetsOf(t stack.LoadBalancerType) Limit { return targets + of(t) }

// of is how names of limits of a load balancer of a type end.
func of(t stack.LoadBalancerType) Limit { return Limit(t) + "-load-balancer" }

// LoadBalancer is how much a load balancer has of what AWS limits.
type LoadBalancer struct {
	Type         stack.LoadBalancerType
	Listeners    int
	Rules        int // besides default ones
	Certificates int // besides those that a listener was made with
	TargetGroups int
}

// Use is how much of a limit is used.
type Use struct {
	Limit Limit
	Used  int
}

// Uses are what a load balancer uses of each limit that holds for its type.
func (lb LoadBalancer) Uses() (uses []Use) {
	kind := of(lb.Type)
	for _, u := range []Use{{listeners + kind, lb.Listeners}, {rules + kind, lb.Rules}, {certificates + kind, lb.Certificates}, {groups + kind, lb.TargetGroups}} {
		if u.Limit.Default() > 0 {
			uses = append(uses, u)
		}
	}
	return uses
}
