package tagging

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// resource is one tagged thing.
type resource struct {
	service string // as in resource type filters: elasticloadbalancing
	kind    string // loadbalancer
	arn     string
	tags    map[string]string
}

// isOf reports whether the resource is of one of the types; no type stands for all.
func (r resource) isOf(filters []string) bool {
	return len(filters) == 0 || slices.Contains(filters, r.service) || slices.Contains(filters, r.service+":"+r.kind)
}

// passes reports whether the resource has all keys, each with one of the wanted values.
func (r resource) passes(filters []types.TagFilter) bool {
	for _, f := range filters {
		value, ok := r.tags[aws.ToString(f.Key)]
		if !ok || len(f.Values) > 0 && !slices.Contains(f.Values, value) {
			return false
		}
	}
	return true
}

// homes are the regions from whose endpoints resources are found that belong to no region.
var homes = map[string]string{"globalaccelerator": "us-west-2", "shield": "us-east-1"}

// isIn reports whether the resource is found from a region's endpoint.
func (r resource) isIn(region string) bool {
	of := homes[r.service]
	if of == "" {
		of = strings.SplitN(r.arn, ":", 6)[3]
	}
	return of == region
}

// collect finds all resources of the account that are tagged or, by known, once were, by ARN; it adds to known.
// The account is locked by the caller.
func collect(a *account.Account, known map[string]bool) []resource {
	all := []resource{}
	add := func(service, kind, arn string, tags map[string]string) {
		if len(tags) > 0 {
			known[arn] = true
		}
		if known[arn] {
			all = append(all, resource{service, kind, arn, maps.Clone(tags)})
		}
	}
	for arn, lb := range a.LoadBalancers {
		add("elasticloadbalancing", "loadbalancer", arn, lb.Tags)
	}
	for arn, tg := range a.TargetGroups {
		add("elasticloadbalancing", "targetgroup", arn, tg.Tags)
	}
	for arn, l := range a.Listeners {
		add("elasticloadbalancing", "listener", arn, l.Tags)
	}
	for arn, r := range a.Rules {
		add("elasticloadbalancing", "listener-rule", arn, r.Tags)
	}
	for arn, s := range a.TrustStores {
		add("elasticloadbalancing", "truststore", arn, s.Tags)
	}
	for arn, c := range a.Certificates {
		add("acm", "certificate", arn, c.Tags)
	}
	for arn, w := range a.WebACLs {
		add("wafv2", "webacl", arn, w.Tags)
	}
	for arn, s := range a.IPSets {
		add("wafv2", "ipset", arn, s.Tags)
	}
	for _, p := range a.Protections {
		add("shield", "protection", p.ARN, p.Tags)
	}
	for arn, x := range a.Accelerators {
		add("globalaccelerator", "accelerator", arn, x.Tags)
	}
	ec2 := func(kind, id string, tags map[string]string) { add("ec2", kind, a.ARN("ec2", kind+"/"+id), tags) }
	for id, v := range a.VPCs {
		ec2("vpc", id, v.Tags)
	}
	for id, s := range a.Subnets {
		ec2("subnet", id, s.Tags)
	}
	for id, g := range a.SecurityGroups {
		ec2("security-group", id, g.Tags)
	}
	for id, n := range a.Interfaces {
		ec2("network-interface", id, n.Tags)
	}
	for id, i := range a.Instances {
		ec2("instance", id, i.Tags)
	}
	for id, t := range a.RouteTables {
		ec2("route-table", id, t.Tags)
	}
	for id, g := range a.InternetGateways {
		ec2("internet-gateway", id, g.Tags)
	}
	for id, e := range a.Addresses {
		ec2("elastic-ip", id, e.Tags)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].arn < all[j].arn })
	return all
}
