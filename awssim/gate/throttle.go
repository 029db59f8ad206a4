package gate

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// rate is a token bucket's size and refill per second.
type rate struct{ capacity, refill float64 }

// budget is how a service charges its calls: all of them to one bucket, if it has one, and each to that of its
// category.
type budget struct {
	shared   rate                                                      // of all calls; the zero value: none
	category func(action string, in *parameters) (name string, r rate) // nil: none
}

// budgets are the published ones, and estimates where AWS publishes none.
var budgets = map[string]budget{
	// User guide, "Throttling for the Elastic Load Balancing API".
	"elasticloadbalancing": {shared: rate{40, 10}, category: byCategory(balancingCategories, rate{40, 10}, rate{20, 3})},
	// Developer guide, "Request throttling": each action has a bucket of its own, of its category's size.
	"ec2": {category: computeCategory},
	"acm": {category: perAction(map[string]rate{
		"RequestCertificate": {5, 5}, "ImportCertificate": {5, 5}, "DeleteCertificate": {5, 5},
	}, rate{10, 10}, rate{10, 10})},
	"wafv2":             {category: perAction(firewallRates, rate{5, 5}, rate{1, 1})},
	"globalaccelerator": {category: byCategory(nil, rate{10, 10}, rate{5, 2})}, // estimate
	"route53":           {shared: rate{5, 5}},
	"s3":                {shared: rate{3500, 3500}}, // of a prefix of a bucket
	"shield":            {shared: rate{5, 5}},       // estimate
	"tagging":           {shared: rate{15, 15}},     // estimate
	"sts":               {shared: rate{600, 600}},   // estimate
	"iam":               {shared: rate{20, 20}},     // estimate
}

// sized is a category with its size.
type sized struct {
	name string
	rate
}

var (
	balancingIntensive = sized{"intensive", rate{10, 0.2}}
	balancingTargets   = sized{"targets", rate{20, 4}}
	trustStoreCreation = sized{"trust store creation", rate{10, 0.2}}
	trustStoreWrites   = sized{"trust store writes", rate{10, 0.2}}
	trustStoreContents = sized{"trust store contents", rate{20, 4}}
	trustStoreReads    = sized{"trust store reads", rate{40, 10}}

	balancingCategories = map[string]sized{
		"CreateLoadBalancer": balancingIntensive, "SetSubnets": balancingIntensive,
		"RegisterTargets": balancingTargets, "DeregisterTargets": balancingTargets,
		"CreateTrustStore":                  trustStoreCreation,
		"AddTrustStoreRevocations":          trustStoreWrites,
		"DeleteTrustStore":                  trustStoreWrites,
		"ModifyTrustStore":                  trustStoreWrites,
		"RemoveTrustStoreRevocations":       trustStoreWrites,
		"DeleteSharedTrustStoreAssociation": trustStoreWrites,
		"GetResourcePolicy":                 trustStoreContents,
		"GetTrustStoreCaCertificatesBundle": trustStoreContents,
		"GetTrustStoreRevocationContent":    trustStoreContents,
		"DescribeTrustStoreAssociations":    trustStoreReads,
		"DescribeTrustStoreRevocations":     trustStoreReads,
		"DescribeTrustStores":               trustStoreReads,
	}
	firewallRates = map[string]rate{
		"AssociateWebACL": {1, 0.5}, "DisassociateWebACL": {1, 0.5}, "GetWebACLForResource": {1, 1},
		"ListResourcesForWebACL": {1, 1},
	}
	computeRates = map[string]rate{
		"CreateTags": {100, 10}, "DeleteTags": {100, 10}, "CreateNetworkInterface": {100, 5},
	}
	// computeUnfiltered cost more without a filter and without paging; ids alone count as unfiltered.
	computeUnfiltered = map[string]bool{
		"DescribeInstances": true, "DescribeNetworkInterfaces": true, "DescribeSecurityGroups": true,
	}
)

// byCategory shares a bucket among all reads and one among all writes, but for the special actions.
func byCategory(special map[string]sized, reads, writes rate) func(string, *parameters) (string, rate) {
	return func(action string, _ *parameters) (string, rate) {
		if c, ok := special[action]; ok {
			return c.name, c.rate
		}
		if isRead(action) {
			return "reads", reads
		}
		return "writes", writes
	}
}

// perAction gives each action a bucket of its own.
func perAction(special map[string]rate, reads, writes rate) func(string, *parameters) (string, rate) {
	return func(action string, _ *parameters) (string, rate) {
		switch r, ok := special[action]; {
		case ok:
			return action, r
		case isRead(action):
			return action, reads
		}
		return action, writes
	}
}

func computeCategory(action string, in *parameters) (string, rate) {
	if computeUnfiltered[action] && unfiltered(in) {
		return action + " unfiltered", rate{50, 10}
	}
	return perAction(computeRates, rate{100, 20}, rate{50, 5})(action, in)
}

type bucket struct {
	rate
	tokens float64
	filled time.Time
}

// buckets are an account's, made full when first used.
type buckets struct {
	start time.Time
	byKey map[string]*bucket
}

func newBuckets(now time.Time) *buckets { return &buckets{start: now, byKey: map[string]*bucket{}} }

// take takes a token from every bucket that the call is charged to, or none if one of them is empty.
func (b *buckets) take(now time.Time, service, action string, in *parameters) bool {
	charged := b.charged(service, action, in)
	for _, c := range charged {
		c.refill(now)
		if c.tokens < 1 {
			return false
		}
	}
	for _, c := range charged {
		c.tokens--
	}
	return true
}

func (b *bucket) refill(now time.Time) {
	if passed := now.Sub(b.filled).Seconds(); passed > 0 {
		b.tokens = min(b.capacity, b.tokens+passed*b.rate.refill)
		b.filled = now
	}
}

func (b *buckets) charged(service, action string, in *parameters) []*bucket {
	budget := budgets[service]
	var charged []*bucket
	if budget.shared.capacity > 0 {
		charged = append(charged, b.of(service, budget.shared))
	}
	if budget.category != nil {
		name, r := budget.category(action, in)
		charged = append(charged, b.of(service+"/"+name, r))
	}
	return charged
}

func (b *buckets) of(key string, r rate) *bucket {
	c := b.byKey[key]
	if c == nil {
		c = &bucket{rate: r, tokens: r.capacity, filled: b.start}
		b.byKey[key] = c
	}
	return c
}

func unfiltered(in *parameters) bool {
	var asked struct {
		Filters    []json.RawMessage
		MaxResults *int
		NextToken  *string
	}
	if err := json.Unmarshal(in.json(), &asked); err != nil {
		return true
	}
	return len(asked.Filters) == 0 && asked.MaxResults == nil && asked.NextToken == nil
}

func isRead(action string) bool {
	return glob("Describe*", action) || glob("Get*", action) || glob("List*", action)
}

// throttled is the service's own refusal of one call too many.
func throttled(service string) *apierr.Error {
	switch service {
	case "ec2":
		return apierr.WithStatus(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded.")
	case "s3":
		return apierr.WithStatus(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	case "tagging":
		return apierr.New("ThrottledException", "Rate exceeded")
	case "acm", "wafv2", "shield", "globalaccelerator":
		return apierr.New("ThrottlingException", "Rate exceeded")
	}
	return apierr.New("Throttling", "Rate exceeded")
}
