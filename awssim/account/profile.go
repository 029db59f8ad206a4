package account

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// Profile is how long the asynchronous transitions of the account take. The zero value makes every transition
// immediate.
type Profile struct {
	Name string

	LoadBalancerActive        time.Duration // application load balancer: provisioning → active
	NetworkLoadBalancerActive time.Duration // network load balancer: provisioning → active
	TargetInitial             time.Duration // registered → first verdict, application load balancer
	NetworkTargetInitial      time.Duration // registered → first verdict, network load balancer
	Draining                  time.Duration // upper bound of a target's deregistration delay, see DrainFor
	InterfaceRelease          time.Duration // application load balancer deleted → its interfaces gone
	NetworkInterfaceRelease   time.Duration // network load balancer deleted → its interfaces gone
	TargetGroupRelease        time.Duration // listener or rule deleted → its target groups deletable
	CertificateRecord         time.Duration // certificate requested → its validation record is described
	CertificateIssue          time.Duration // validation records in public DNS → certificate issued
	PrivateCertificateIssue   time.Duration // certificate of a private authority requested → issued
	CertificateRelease        time.Duration // listener deleted → certificate no longer in use
	RecordSync                time.Duration // record sets changed → name servers have them
	RecordBatch               time.Duration // record sets changed → the zone takes the next batch
	InstanceTransition        time.Duration // pending → running, stopping → stopped, shutting-down → terminated
	TrustStoreActive          time.Duration // trust store: CREATING → ACTIVE
	CapacityReservation       time.Duration // capacity reservation: pending → provisioned
	TagIndex                  time.Duration // tags changed → seen by the resource groups tagging index
	ComputeDescribed          time.Duration // EC2 resource created → found by Describe calls
	// security group or network interface changed or deleted → Describe calls show it so
	ComputeChanged  time.Duration
	ComputeUsable   time.Duration // security group created → found by calls that change it
	ComputeTagged   time.Duration // tags of an EC2 resource changed → seen by filters
	BalancingListed time.Duration // ELB resource created → in lists that are not asked for by ARN or name
	// ELB resource changed or deleted → lists that are not asked for by ARN or name show it so
	BalancingChanged       time.Duration
	TargetTerminated       time.Duration // instance terminated → its targets gone
	NetworkDeregister      time.Duration // target of a network load balancer deregistered → no new flows
	WebACLKnown            time.Duration // web ACL or load balancer created → AWS WAF can associate it
	WebACLEffective        time.Duration // web ACL associated → in effect
	AcceleratorDeploy      time.Duration // accelerator created → deployed
	AcceleratorChange      time.Duration // accelerator or what is below it changed → deployed
	AcceleratorTransaction time.Duration // accelerator or what is below it changed → it takes the next change
	EndpointInitial        time.Duration // endpoint added to an accelerator → first verdict on its health

	// LagChance is the chance from 0 to 1 that reads miss a write at all, and then for a random part of the time that is
	// given above. 0: they miss every write for the whole time, which tests with a stepped clock can reckon with. AWS's
	// reads seldom lag; DefaultLagChance is an estimate.
	LagChance float64
}

// DefaultLagChance is how often reads lag in a simulator that is started as a program.
const DefaultLagChance = 0.05

// DrainFor is how long a target drains whose group has that delay, unless it is in the flow for longer: see
// Account.DrainFor.
func (p Profile) DrainFor(delay time.Duration) time.Duration { return min(delay, p.Draining) }

// Instant makes every transition happen at once.
func Instant() Profile { return Profile{Name: "instant"} }

// Fast keeps every transition visible and below a tenth of a second, for demonstrations. Only accelerators take
// seconds: in AWS, an accelerator is DEPLOYED long after the calls that create its listeners and endpoints, however
// slowly a client makes these calls.
func Fast() Profile {
	const ms = time.Millisecond
	return Profile{
		Name:                      "fast",
		LoadBalancerActive:        100 * ms,
		NetworkLoadBalancerActive: 100 * ms,
		TargetInitial:             50 * ms,
		NetworkTargetInitial:      80 * ms,
		Draining:                  100 * ms,
		InterfaceRelease:          100 * ms,
		NetworkInterfaceRelease:   100 * ms,
		TargetGroupRelease:        20 * ms,
		CertificateRecord:         20 * ms,
		CertificateIssue:          100 * ms,
		PrivateCertificateIssue:   20 * ms,
		CertificateRelease:        100 * ms,
		RecordSync:                30 * ms,
		InstanceTransition:        50 * ms,
		TrustStoreActive:          50 * ms,
		CapacityReservation:       100 * ms,
		TagIndex:                  50 * ms,
		ComputeDescribed:          5 * ms,
		ComputeChanged:            5 * ms,
		ComputeTagged:             5 * ms,
		BalancingListed:           5 * ms,
		BalancingChanged:          5 * ms,
		TargetTerminated:          50 * ms,
		NetworkDeregister:         20 * ms,
		WebACLKnown:               20 * ms,
		WebACLEffective:           50 * ms,
		AcceleratorDeploy:         2 * time.Second,
		AcceleratorChange:         time.Second,
		EndpointInitial:           50 * ms,
	}
}

// Real takes the typical times that are observed in AWS; they are estimates, AWS publishes none.
func Real() Profile {
	return Profile{
		Name:                      "real",
		LoadBalancerActive:        2 * time.Minute,
		NetworkLoadBalancerActive: 2 * time.Minute,
		TargetInitial:             10 * time.Second,
		NetworkTargetInitial:      90 * time.Second,
		Draining:                  time.Hour, // the longest delay that ELB accepts
		InterfaceRelease:          45 * time.Second,
		NetworkInterfaceRelease:   2 * time.Minute,
		TargetGroupRelease:        3 * time.Second,
		CertificateRecord:         5 * time.Second,
		CertificateIssue:          2 * time.Minute,
		PrivateCertificateIssue:   5 * time.Second,
		CertificateRelease:        2 * time.Minute,
		RecordSync:                30 * time.Second,
		RecordBatch:               200 * time.Millisecond,
		InstanceTransition:        20 * time.Second,
		TrustStoreActive:          20 * time.Second,
		CapacityReservation:       10 * time.Minute,
		TagIndex:                  10 * time.Second,
		ComputeDescribed:          time.Second,
		ComputeUsable:             500 * time.Millisecond,
		ComputeChanged:            time.Second,
		ComputeTagged:             3 * time.Second,
		BalancingListed:           2 * time.Second,
		BalancingChanged:          2 * time.Second,
		TargetTerminated:          2 * time.Minute,
		NetworkDeregister:         time.Minute,
		WebACLKnown:               15 * time.Second,
		WebACLEffective:           30 * time.Second,
		AcceleratorDeploy:         2 * time.Minute,
		AcceleratorChange:         30 * time.Second,
		AcceleratorTransaction:    200 * time.Millisecond,
		EndpointInitial:           30 * time.Second,
	}
}

var profiles = map[string]func() Profile{"instant": Instant, "fast": Fast, "real": Real}

// ProfileByName finds one of the built-in profiles: instant, fast or real.
func ProfileByName(name string) (Profile, error) {
	f, ok := profiles[name]
	if !ok {
		names := make([]string, 0, len(profiles))
		for n := range profiles {
			names = append(names, n)
		}
		sort.Strings(names)
		return Profile{}, fmt.Errorf("profile %q does not exist: use one of %s", name, strings.Join(names, ", "))
	}
	return f(), nil
}

// timings are the durations of a profile under the names by which flags and the administration set them.
var timings = []struct {
	name string
	of   func(*Profile) *time.Duration
}{
	{"load-balancer-active", func(p *Profile) *time.Duration { return &p.LoadBalancerActive }},
	{"network-load-balancer-active", func(p *Profile) *time.Duration { return &p.NetworkLoadBalancerActive }},
	{"target-initial", func(p *Profile) *time.Duration { return &p.TargetInitial }},
	{"network-target-initial", func(p *Profile) *time.Duration { return &p.NetworkTargetInitial }},
	{"draining", func(p *Profile) *time.Duration { return &p.Draining }},
	{"interface-release", func(p *Profile) *time.Duration { return &p.InterfaceRelease }},
	{"network-interface-release", func(p *Profile) *time.Duration { return &p.NetworkInterfaceRelease }},
	{"target-group-release", func(p *Profile) *time.Duration { return &p.TargetGroupRelease }},
	{"certificate-record", func(p *Profile) *time.Duration { return &p.CertificateRecord }},
	{"certificate-issue", func(p *Profile) *time.Duration { return &p.CertificateIssue }},
	{"private-certificate-issue", func(p *Profile) *time.Duration { return &p.PrivateCertificateIssue }},
	{"record-sync", func(p *Profile) *time.Duration { return &p.RecordSync }},
	{"record-batch", func(p *Profile) *time.Duration { return &p.RecordBatch }},
	{"certificate-release", func(p *Profile) *time.Duration { return &p.CertificateRelease }},
	{"instance-transition", func(p *Profile) *time.Duration { return &p.InstanceTransition }},
	{"trust-store-active", func(p *Profile) *time.Duration { return &p.TrustStoreActive }},
	{"capacity-reservation", func(p *Profile) *time.Duration { return &p.CapacityReservation }},
	{"web-acl-known", func(p *Profile) *time.Duration { return &p.WebACLKnown }},
	{"web-acl-effective", func(p *Profile) *time.Duration { return &p.WebACLEffective }},
	{"accelerator-deploy", func(p *Profile) *time.Duration { return &p.AcceleratorDeploy }},
	{"accelerator-change", func(p *Profile) *time.Duration { return &p.AcceleratorChange }},
	{"accelerator-transaction", func(p *Profile) *time.Duration { return &p.AcceleratorTransaction }},
	{"endpoint-initial", func(p *Profile) *time.Duration { return &p.EndpointInitial }},
	{"tag-index", func(p *Profile) *time.Duration { return &p.TagIndex }},
	{"compute-described", func(p *Profile) *time.Duration { return &p.ComputeDescribed }},
	{"compute-changed", func(p *Profile) *time.Duration { return &p.ComputeChanged }},
	{"compute-usable", func(p *Profile) *time.Duration { return &p.ComputeUsable }},
	{"compute-tagged", func(p *Profile) *time.Duration { return &p.ComputeTagged }},
	{"balancing-listed", func(p *Profile) *time.Duration { return &p.BalancingListed }},
	{"balancing-changed", func(p *Profile) *time.Duration { return &p.BalancingChanged }},
	{"target-terminated", func(p *Profile) *time.Duration { return &p.TargetTerminated }},
	{"network-deregister", func(p *Profile) *time.Duration { return &p.NetworkDeregister }},
}

// staleTimings are those that make reads miss what was just written.
var staleTimings = []string{"compute-described", "compute-changed", "compute-usable", "compute-tagged",
	"balancing-listed", "balancing-changed", "target-group-release", "tag-index"}

// Timing is the duration of that name, such as "load-balancer-active".
func (p Profile) Timing(name string) (time.Duration, error) {
	for _, t := range timings {
		if t.name == name {
			return *t.of(&p), nil
		}
	}
	return 0, unknownTiming(name)
}

// SetTiming changes the duration of that name. It fails for unknown names and negative durations.
func (p *Profile) SetTiming(name string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("timing %s: %s is negative", name, d)
	}
	for _, t := range timings {
		if t.name == name {
			*t.of(p) = d
			return nil
		}
	}
	return unknownTiming(name)
}

// SetStale makes every kind of read miss what was written less than d ago.
func (p *Profile) SetStale(d time.Duration) error {
	for _, name := range staleTimings {
		if err := p.SetTiming(name, d); err != nil {
			return err
		}
	}
	return nil
}

// Timings are all durations by name.
func (p Profile) Timings() map[string]time.Duration {
	all := make(map[string]time.Duration, len(timings))
	for _, t := range timings {
		all[t.name] = *t.of(&p)
	}
	return all
}

func unknownTiming(name string) error {
	names := make([]string, len(timings))
	for i, t := range timings {
		names[i] = t.name
	}
	return fmt.Errorf("timing %q does not exist: use one of %s", name, strings.Join(names, ", "))
}
