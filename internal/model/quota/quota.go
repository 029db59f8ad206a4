// Package quota has AWS's limits of load balancers, security groups and their parts: the names, the defaults, and
// which parts of a load balancer count against which limit. It reads nothing from AWS, and refuses nothing.
package quota

import (
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Limit is a limit by its name in DescribeAccountLimits and Service Quotas.
type Limit string

// Limits of an account in a region, of a target group, and of a zone of a Network Load Balancer. The others are those
// of the table, which LoadBalancer.Uses names.
const (
	ApplicationLoadBalancers Limit = "application-load-balancers"
	NetworkLoadBalancers     Limit = "network-load-balancers"
	TargetGroups             Limit = "target-groups"
	TargetsOfGroup           Limit = "targets-per-target-group"
	TargetsOfNetworkZone     Limit = "targets-per-availability-zone-per-network-load-balancer"
)

// Limits of EC2 and ACM, which DescribeAccountLimits does not have.
const (
	// which those of a load balancer count against, too
	GroupsOfInterface    Limit = "security-groups-per-network-interface"
	RulesOfSecurityGroup Limit = "rules-per-security-group" // of one direction and family
	Certificates         Limit = "certificates"
	CertificatesInAYear  Limit = "certificates-per-year" // imports of the last 365 days
)

// RulesOfApplicationLoadBalancer counts the rules of all listeners besides the default ones.
const RulesOfApplicationLoadBalancer = rules + application

// ListenersOfNetworkLoadBalancer is one of the limits that AWS does not raise.
const ListenersOfNetworkLoadBalancer = listeners + network

// TargetGroupsOfApplicationLoadBalancer counts those that rules and default actions forward to, each once.
const TargetGroupsOfApplicationLoadBalancer = groups + application

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
	TargetsOfNetworkZone:     500,

	GroupsOfInterface:    5,
	RulesOfSecurityGroup: 60,
	Certificates:         2500,
	CertificatesInAYear:  5000,

	listeners + application:        50,
	RulesOfApplicationLoadBalancer: 100,
	certificates + application:     25,
	groups + application:           100,
	targets + application:          1000,

	ListenersOfNetworkLoadBalancer: 50,
	certificates + network:         25,
	targets + network:              3000,
}

// Fixed reports whether AWS does not raise a limit.
func (l Limit) Fixed() bool { return l == ListenersOfNetworkLoadBalancer }

// Default is AWS's default of a limit; 0 if the table does not have it.
func (l Limit) Default() int { return defaults[l] }

// OfType returns the limit of load balancers of a type that an account has in a region.
func OfType(t stack.LoadBalancerType) Limit { return Limit(t) + "-load-balancers" }

// TargetsOf returns the limit of targets of a load balancer of a type.
func TargetsOf(t stack.LoadBalancerType) Limit { return targets + of(t) }

// ListenersOf returns the limit of listeners of a load balancer of a type.
func ListenersOf(t stack.LoadBalancerType) Limit { return listeners + of(t) }

// CertificatesOf returns the limit of certificates of a load balancer of a type, besides those that its listeners were
// made with.
func CertificatesOf(t stack.LoadBalancerType) Limit { return certificates + of(t) }

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

// Uses returns what a load balancer uses of each limit that holds for its type.
func (lb LoadBalancer) Uses() (uses []Use) {
	kind := of(lb.Type)
	for _, u := range []Use{{listeners + kind, lb.Listeners}, {rules + kind, lb.Rules},
		{certificates + kind, lb.Certificates}, {groups + kind, lb.TargetGroups}} {
		if u.Limit.Default() > 0 {
			uses = append(uses, u)
		}
	}
	return uses
}

// Limits of security groups. Service Quotas has them under VPC; EC2 has no operation that returns the first.
const (
	RulesPerSecurityGroup      = 60 // inbound ones; those of IPv4 and of IPv6 count by themselves
	RulesPerSecurityGroupName  = "Inbound or outbound rules per security group"
	SecurityGroupsPerInterface = 5
	RulesPerInterface          = 1000 // of all groups of a network interface
)

// GroupsPerInterface returns how many security groups a network interface may have if each may have so many rules.
func GroupsPerInterface(rules int) int {
	return max(1, min(SecurityGroupsPerInterface, RulesPerInterface/max(rules, 1)))
}
