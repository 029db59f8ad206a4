// Package quota is the limits of a simulated account that AWS raises on request: AWS's defaults, and what was set
// instead. The services enforce them. It imports only awssim/account/resource.
package quota

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// Quota is a limit that AWS raises on request.
type Quota struct {
	Service string `json:"service"`
	Name    string `json:"name"`
	Value   int    `json:"value"`
	Default int    `json:"default"`
}

// quotas are AWS's defaults: "Quotas for your Application Load Balancers" and its siblings in the user guides of each
// service. Names of Elastic Load Balancing are those of DescribeAccountLimits, the others follow Service Quotas.
var quotas = []struct {
	service, name string
	value         int
}{
	{"elasticloadbalancing", "target-groups", 3000},
	{"elasticloadbalancing", "targets-per-application-load-balancer", 1000},
	{"elasticloadbalancing", "listeners-per-application-load-balancer", 50},
	{"elasticloadbalancing", "rules-per-application-load-balancer", 100},
	{"elasticloadbalancing", "network-load-balancers", 50},
	{"elasticloadbalancing", "targets-per-network-load-balancer", 3000},
	{"elasticloadbalancing", "targets-per-availability-zone-per-network-load-balancer", 500},
	{"elasticloadbalancing", "listeners-per-network-load-balancer", 50},
	{"elasticloadbalancing", "condition-values-per-alb-rule", 5},
	{"elasticloadbalancing", "condition-wildcards-per-alb-rule", 6},
	{"elasticloadbalancing", "target-groups-per-application-load-balancer", 100},
	{"elasticloadbalancing", "target-groups-per-action-on-application-load-balancer", 5},
	{"elasticloadbalancing", "target-groups-per-action-on-network-load-balancer", 5},
	{"elasticloadbalancing", "certificates-per-application-load-balancer", 25},
	{"elasticloadbalancing", "certificates-per-network-load-balancer", 25},
	{"elasticloadbalancing", "targets-per-target-group", 1000},
	{"elasticloadbalancing", "target-id-registrations-per-application-load-balancer", 1000},
	{"elasticloadbalancing", "network-load-balancer-enis-per-vpc", 1200},
	{"elasticloadbalancing", "application-load-balancers", 50},
	{"elasticloadbalancing", "gateway-load-balancers", 100},
	{"elasticloadbalancing", "gateway-load-balancers-per-vpc", 100},
	{"elasticloadbalancing", "geneve-target-groups", 100},
	{"elasticloadbalancing", "targets-per-availability-zone-per-gateway-load-balancer", 300},
	{"elasticloadbalancing", "reserved-load-balancer-capacity-units", 0},

	{"ec2", "vpcs", 5},
	{"ec2", "cidr-blocks-per-vpc", 5},
	{"ec2", "subnets-per-vpc", 200},
	{"ec2", "internet-gateways", 5},
	{"ec2", "route-tables-per-vpc", 200},
	{"ec2", "routes-per-route-table", 500},
	{"ec2", "security-groups", 2500},
	{"ec2", "rules-per-security-group", 60}, // in each direction and family
	{"ec2", "security-groups-per-network-interface", 5},
	{"ec2", "network-interfaces", 5000},
	{"ec2", "elastic-ips", 5},
	{"ec2", "prefix-lists", 100},
	{"ec2", "entries-per-prefix-list", 1000},

	{"acm", "certificates", 2500},
	{"acm", "certificates-per-year", 5000},
	{"acm", "domains-per-certificate", 10},
	{"route53", "hosted-zones", 500},
	{"route53", "records-per-hosted-zone", 10000},
	{"wafv2", "web-acls", 100},
	{"shield", "protections-per-resource-type", 1000},
	{"globalaccelerator", "accelerators", 20},
	{"globalaccelerator", "listeners-per-accelerator", 10},
	{"globalaccelerator", "port-ranges-per-listener", 10},
	{"globalaccelerator", "endpoint-groups-per-listener", 42},
	{"globalaccelerator", "endpoints-per-endpoint-group", 10},
	{"globalaccelerator", "port-overrides-per-endpoint-group", 10},
}

// Limits are the quotas of an account. The zero value has AWS's defaults. Its methods need the account's lock.
type Limits struct {
	// Quotas replaces defaults of AWS by name ("rules-per-application-load-balancer").
	Quotas map[string]int
}

// Quota is the account's value of the quota of that name: the one that was set, else AWS's default, else 0.
func (l *Limits) Quota(name string) int {
	if v, ok := l.Quotas[name]; ok {
		return v
	}
	for _, q := range quotas {
		if q.name == name {
			return q.value
		}
	}
	return 0
}

// SetQuota changes a quota. It fails for names that do not exist and for negative values.
func (l *Limits) SetQuota(name string, value int) error {
	if value < 0 {
		return fmt.Errorf("quota %s: %d is negative", name, value)
	}
	var names []string
	for _, q := range quotas {
		if q.name == name {
			resource.Put(&l.Quotas, name, value)
			return nil
		}
		names = append(names, q.name)
	}
	return fmt.Errorf("quota %q does not exist: use one of %s", name, strings.Join(names, ", "))
}

// AllQuotas are the account's quotas in the order of services.
func (l *Limits) AllQuotas() []Quota {
	all := make([]Quota, len(quotas))
	for i, q := range quotas {
		all[i] = Quota{Service: q.service, Name: q.name, Value: l.Quota(q.name), Default: q.value}
	}
	return all
}
