// Package request is what the actions of Elastic Load Balancing do alike with their requests: find resources by ARN,
// cut lists into pages, check tags, name types and quotas. It answers no action; it imports awssim/account and
// elbv2/check.
package request

import (
	"slices"
)

// ServiceName is the name of the service at the gate and in ARNs.
const ServiceName = "elasticloadbalancing"

// Types of load balancers.
const (
	Application = "application"
	Network     = "network"
	Gateway     = "gateway"
)

// MaxNamed is how many ARNs or names one Describe call takes.
const MaxNamed = 20

// TypePath is what stands for a type in ARNs.
var TypePath = map[string]string{Application: "app", Network: "net", Gateway: "gwy"}

// Names of the quotas that are enforced.
const (
	QuotaALBs               = "application-load-balancers"
	QuotaNLBs               = "network-load-balancers"
	QuotaGWLBs              = "gateway-load-balancers"
	QuotaTargetGroups       = "target-groups"
	QuotaTargetsPerALB      = "targets-per-application-load-balancer"
	QuotaTargetsPerNLB      = "targets-per-network-load-balancer"
	QuotaTargetsPerGroup    = "targets-per-target-group"
	QuotaGroupsPerALB       = "target-groups-per-application-load-balancer"
	QuotaGroupsPerALBAction = "target-groups-per-action-on-application-load-balancer"
	QuotaGroupsPerNLBAction = "target-groups-per-action-on-network-load-balancer"
	QuotaListenersPerALB    = "listeners-per-application-load-balancer"
	QuotaListenersPerNLB    = "listeners-per-network-load-balancer"
	QuotaRules              = "rules-per-application-load-balancer"
	QuotaConditionValues    = "condition-values-per-alb-rule"
	QuotaConditionWildcards = "condition-wildcards-per-alb-rule"
	QuotaCertificatesPerALB = "certificates-per-application-load-balancer"
	QuotaCertificatesPerNLB = "certificates-per-network-load-balancer"
	QuotaTargetsPerZone     = "targets-per-availability-zone-per-network-load-balancer"
	QuotaTargetsPerGWZone   = "targets-per-availability-zone-per-gateway-load-balancer"
	QuotaInterfaces         = "network-load-balancer-enis-per-vpc"
	QuotaGWLBsPerVPC        = "gateway-load-balancers-per-vpc"
	QuotaGeneveGroups       = "geneve-target-groups"
	QuotaRegistrations      = "target-id-registrations-per-application-load-balancer"
)

// Optional is nil for an empty string.
func Optional(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}

// Distinct is the list with each value once, in order.
func Distinct(list []string) []string {
	var out []string
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
