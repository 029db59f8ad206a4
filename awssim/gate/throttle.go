package gate

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// rate is a token bucket's size and refill per second.
type rate struct{ capacity, refill float64 }

// The categories of the Elastic Load Balancing API (user guide, "Throttling for the Elastic Load Balancing API"). All actions
// also share the account's bucket.
var (
	balancingAccount   = rate{40, 10}
	balancingIntensive = rate{10, 0.2}
	balancingTargets   = rate{20, 4}
	balancingReads     = rate{40, 10}
	balancingWrites    = rate{20, 3}
)

// The categories of the EC2 API (developer guide, "Request throttling"); each action has its own bucket of its category's size.
var (
	computeReads      = rate{100, 20}
	computeUnfiltered = rate{50, 10}
	computeWrites     = rate{50, 5}
	computeTags       = rate{100, 10}
	computeInterfaces = rate{100, 5}
)

// Actions that are not in the general category of reads ("Describe…", "Get…", "List…") or writes (all else).
var (
	balancingSpecial = map[string]string{
		"CreateLoadBalancer": "intensive", "SetSubnets": "intensive",
		"RegisterTargets": "targets", "DeregisterTargets": "targets",
	}
	balancingRates = map[string]rate{
		"intensive": balancingIntensive, "targets": balancingTargets, "reads": balancingReads, "writes": balancingWrites,
	}
	computeSpecial = map[string]rate{
		"CreateTags": computeTags, "DeleteTags": computeTags, "CreateNetworkInterface": computeInterfaces,
	}
	// Without a filter and without paging these cost more; ids alone count as unfiltered.
	computeUnfilteredReads = map[string]bool{
		"DescribeInstances": true, "DescribeNetworkInterfaces": true, "DescribeSecurityGroups": true,
	}
	otherRates = map[string]rate{"sts": {600, 600}, "tagging": {15, 15}}
	trustRates = map[string]rate{
		"RequestCertificate": {5, 5}, "ImportCertificate": {5, 5}, "DeleteCertificate": {5, 5},
	}
	trustDefault = rate{10, 10}
)

// The quotas of AWS WAF, both generations (developer guides, "AWS WAF quotas"): per action, as those of ACM.
var (
	firewallRates = map[string]rate{
		"AssociateWebACL": {1, 0.5}, "DisassociateWebACL": {1, 0.5}, "GetWebACLForResource": {1, 1}, "ListResourcesForWebACL": {1, 1},
	}
	firewallReads  = rate{5, 5}
	firewallWrites = rate{1, 1}
)

// AWS publishes no rates for Shield and Global Accelerator; these are estimates, per action.
var (
	shieldRate       = rate{5, 5}
	acceleratorReads = rate{20, 20}
	acceleratorWrite = rate{5, 2}
)

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
	switch service {
	case "elasticloadbalancing":
		category := balancingSpecial[action]
		if category == "" {
			category = "writes"
			if isRead(action) {
				category = "reads"
			}
		}
		return []*bucket{b.of(service, balancingAccount), b.of(service+"/"+category, balancingRates[category])}
	case "ec2":
		r, unfiltered := computeRate(action, in)
		if unfiltered {
			action += " unfiltered"
		}
		return []*bucket{b.of(service+"/"+action, r)}
	case "acm":
		r, ok := trustRates[action]
		if !ok {
			r = trustDefault
		}
		return []*bucket{b.of(service+"/"+action, r)}
	case "wafv2", "waf-regional":
		r, ok := firewallRates[action]
		switch {
		case ok:
		case isRead(action):
			r = firewallReads
		default:
			r = firewallWrites
		}
		return []*bucket{b.of(service+"/"+action, r)}
	case "shield":
		return []*bucket{b.of(service+"/"+action, shieldRate)}
	case "globalaccelerator":
		r := acceleratorWrite
		if isRead(action) {
			r = acceleratorReads
		}
		return []*bucket{b.of(service+"/"+action, r)}
	}
	if r, ok := otherRates[service]; ok {
		return []*bucket{b.of(service, r)}
	}
	return nil
}

func (b *buckets) of(key string, r rate) *bucket {
	c := b.byKey[key]
	if c == nil {
		c = &bucket{rate: r, tokens: r.capacity, filled: b.start}
		b.byKey[key] = c
	}
	return c
}

func computeRate(action string, in *parameters) (r rate, withoutFilter bool) {
	if r, ok := computeSpecial[action]; ok {
		return r, false
	}
	if !isRead(action) {
		return computeWrites, false
	}
	if computeUnfilteredReads[action] && unfiltered(in) {
		return computeUnfiltered, true
	}
	return computeReads, false
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
func throttled(service string) error {
	switch service {
	case "ec2":
		return apierr.WithStatus(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded.")
	case "tagging":
		return apierr.New("ThrottledException", "Rate exceeded")
	case "acm", "wafv2", "waf-regional", "shield", "globalaccelerator":
		return apierr.New("ThrottlingException", "Rate exceeded")
	}
	return apierr.New("Throttling", "Rate exceeded")
}
