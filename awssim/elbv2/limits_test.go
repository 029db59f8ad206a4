package elbv2

import (
	"maps"
	"testing"
)

// accountLimits are the names and defaults of DescribeAccountLimits.
var accountLimits = map[string]string{
	"application-load-balancers":                              "50",
	"network-load-balancers":                                  "50",
	"gateway-load-balancers":                                  "100",
	"target-groups":                                           "3000",
	"targets-per-application-load-balancer":                   "1000",
	"targets-per-network-load-balancer":                       "3000",
	"targets-per-availability-zone-per-network-load-balancer": "500",
	"targets-per-target-group":                                "1000",
	"target-groups-per-application-load-balancer":             "100",
	"target-groups-per-action-on-application-load-balancer":   "5",
	"target-groups-per-action-on-network-load-balancer":       "5",
	"listeners-per-application-load-balancer":                 "50",
	"listeners-per-network-load-balancer":                     "50",
	"rules-per-application-load-balancer":                     "100",
	"condition-values-per-alb-rule":                           "5",
	"condition-wildcards-per-alb-rule":                        "6",
	"certificates-per-application-load-balancer":              "25",
	"certificates-per-network-load-balancer":                  "25",
	"target-id-registrations-per-application-load-balancer":   "1000",
	"network-load-balancer-enis-per-vpc":                      "1200",
	"gateway-load-balancers-per-vpc":                          "100",
	"geneve-target-groups":                                    "100",
	"targets-per-availability-zone-per-gateway-load-balancer": "300",
}

func TestAccountLimitsHaveAWSDefaults(t *testing.T) {
	t.Parallel()
	f := instant(t)
	out, err := f.DescribeAccountLimits(f.ctx, nil)
	f.ok(err)
	got := map[string]string{}
	for _, l := range out.Limits {
		got[*l.Name] = *l.Max
	}
	if !maps.Equal(got, accountLimits) || len(out.Limits) != len(accountLimits) {
		t.Errorf("limits %v, want %v", got, accountLimits)
	}
}
