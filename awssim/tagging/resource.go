package tagging

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

// resource is one tagged thing.
type resource struct {
	service string // as in resource type filters: elasticloadbalancing
	kind    string // loadbalancer
	arn     string
	tags    tags
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

// tags are those of one resource.
type tags = map[string]string

// collect finds all resources of the account that are tagged or, by known, once were, by ARN; it adds to known.
// The account is locked by the caller.
func collect(a *account.Account, known map[string]bool) []resource {
	c := collector{account: a, known: known}
	add(&c, "elasticloadbalancing", "loadbalancer", a.LoadBalancers, func(x *account.LoadBalancer) tags { return x.Tags })
	add(&c, "elasticloadbalancing", "targetgroup", a.TargetGroups, func(x *account.TargetGroup) tags { return x.Tags })
	add(&c, "elasticloadbalancing", "listener", a.Listeners, func(x *account.Listener) tags { return x.Tags })
	add(&c, "elasticloadbalancing", "listener-rule", a.Rules, func(x *account.Rule) tags { return x.Tags })
	add(&c, "elasticloadbalancing", "truststore", a.TrustStores, func(x *account.TrustStore) tags { return x.Tags })
	add(&c, "acm", "certificate", a.Certificates, func(x *account.Certificate) tags { return x.Tags })
	add(&c, "wafv2", "webacl", a.WebACLs, func(x *account.WebACL) tags { return x.Tags })
	add(&c, "wafv2", "ipset", a.IPSets, func(x *account.IPSet) tags { return x.Tags })
	add(&c, "globalaccelerator", "accelerator", a.Accelerators, func(x *account.Accelerator) tags { return x.Tags })
	add(&c, "ec2", "vpc", a.VPCs, func(x *vpc.VPC) tags { return x.Tags })
	add(&c, "ec2", "subnet", a.Subnets, func(x *vpc.Subnet) tags { return x.Tags })
	add(&c, "ec2", "security-group", a.SecurityGroups, func(x *vpc.SecurityGroup) tags { return x.Tags })
	add(&c, "ec2", "network-interface", a.Interfaces, func(x *vpc.Interface) tags { return x.Tags })
	add(&c, "ec2", "instance", a.Instances, func(x *vpc.Instance) tags { return x.Tags })
	add(&c, "ec2", "route-table", a.RouteTables, func(x *vpc.RouteTable) tags { return x.Tags })
	add(&c, "ec2", "internet-gateway", a.InternetGateways, func(x *vpc.InternetGateway) tags { return x.Tags })
	add(&c, "ec2", "elastic-ip", a.Addresses, func(x *vpc.ElasticAddress) tags { return x.Tags })
	for _, p := range a.Protections {
		c.add("shield", "protection", p.ARN, p.Tags)
	}
	sort.Slice(c.found, func(i, j int) bool { return c.found[i].arn < c.found[j].arn })
	return c.found
}

type collector struct {
	account *account.Account
	known   map[string]bool // ARNs of what is or was tagged
	found   []resource
}

// add adds the resources of a kind, which the account has by ARN, those of EC2 by id.
func add[T any](c *collector, service, kind string, of map[string]T, tagsOf func(T) tags) {
	for key, x := range of {
		if service == "ec2" {
			key = c.account.ARN("ec2", kind+"/"+key)
		}
		c.add(service, kind, key, tagsOf(x))
	}
}

func (c *collector) add(service, kind, arn string, t tags) {
	if len(t) > 0 {
		c.known[arn] = true
	}
	if c.known[arn] {
		c.found = append(c.found, resource{service, kind, arn, maps.Clone(t)})
	}
}
