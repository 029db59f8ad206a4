package account

import (
	"fmt"
	"strings"
	"time"
)

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
var staleTimings = []string{"compute-described", "compute-changed", "compute-usable", "compute-tagged", "balancing-listed", "balancing-changed", "target-group-release", "tag-index"}

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
