package account

import (
	"fmt"
	"path"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// Trouble is what goes wrong in the account until it is set otherwise, besides the fault rules, which break single
// calls. The zero value is none. The account's lock guards it.
type Trouble struct {
	// PageSize is the largest page of any list; 0: as AWS has it.
	PageSize int
	// Shuffle answers each page of a list in another order each time.
	Shuffle bool
	// ZonesOut are the names of zones that are down: their targets fail, load balancers do not answer there.
	ZonesOut []string
	// Shifts are zonal shifts: traffic of a load balancer that allows them is kept away from a zone.
	Shifts []Shift
	// Provisioning is how the provisioning of matching load balancers ends, instead of with active.
	Provisioning []Outcome
	// Flapping are targets that fall ill and recover in turn.
	Flapping []Flap
	// CertificatesStuck keeps certificates from being issued, AcceleratorsStuck accelerators from being deployed, and
	// ChangesStuck changes of DNS from being in sync. They hold what was requested while they are set, and let it go
	// after.
	CertificatesStuck, AcceleratorsStuck, ChangesStuck bool
	// FirewallOut keeps AWS WAF from answering load balancers that consult it about a request.
	FirewallOut bool
	// ClockSkew is how far AWS's clock is ahead of the caller's. It counts for the age of signatures.
	ClockSkew time.Duration

	turn uint64 // of Shuffle
}

// Outcome is how the provisioning of a load balancer ends.
type Outcome struct {
	Name   string // of the load balancer; * and ? as in file names
	State  string // failed or active_impaired
	Reason string
}

// Shift keeps the traffic of a load balancer away from one of its zones.
type Shift struct {
	LoadBalancer string // name; * and ? as in file names
	Zone         string // name
}

// Flap is a target that is unhealthy in every other half of a period.
type Flap struct {
	TargetGroup string // name or ARN
	Target      string // id; empty: all
	Period      time.Duration
}

// unhealthyInTrouble is the verdict on targets that trouble strikes.
var unhealthyInTrouble = Health{Unhealthy, "Target.Timeout", "Request timed out"}

// Validate returns what is wrong, or nil.
func (t Trouble) Validate() error {
	if t.PageSize < 0 {
		return fmt.Errorf("page size %d is negative", t.PageSize)
	}
	for _, o := range t.Provisioning {
		if o.State != "failed" && o.State != "active_impaired" {
			return fmt.Errorf("provisioning of %q: state %q is neither failed nor active_impaired", o.Name, o.State)
		}
		if _, err := path.Match(o.Name, ""); err != nil {
			return fmt.Errorf("provisioning: name %q: %w", o.Name, err)
		}
	}
	for _, s := range t.Shifts {
		if _, err := path.Match(s.LoadBalancer, ""); err != nil || s.LoadBalancer == "" || s.Zone == "" {
			return fmt.Errorf("shift of %q away from %q: give the name of a load balancer and a zone", s.LoadBalancer, s.Zone)
		}
	}
	for _, f := range t.Flapping {
		if f.Period <= 0 || f.TargetGroup == "" {
			return fmt.Errorf("flapping target %q of %q: give the target group and a period, such as 10s", f.Target,
				f.TargetGroup)
		}
	}
	return nil
}

// ZoneOut reports whether the zone of that name is down.
func (t *Trouble) ZoneOut(name string) bool {
	for _, z := range t.ZonesOut {
		if z == name {
			return true
		}
	}
	return false
}

// Shifted reports whether a zonal shift keeps the load balancer's traffic away from a zone, which its attribute must
// allow.
func (t *Trouble) Shifted(lb *LoadBalancer, zone string) bool {
	if lb.Attributes["zonal_shift.config.enabled"] != "true" {
		return false
	}
	for _, s := range t.Shifts {
		if ok, _ := path.Match(s.LoadBalancer, lb.Name); ok && s.Zone == zone { // validated
			return true
		}
	}
	return false
}

// TargetShifted reports whether a zonal shift keeps the traffic of a load balancer that uses the target group away from
// the target.
func (a *Account) TargetShifted(tg *TargetGroup, target *Target) bool {
	for _, r := range tg.UsedBy() {
		if lb := r.Listener.LoadBalancer; a.Trouble.Shifted(lb, target.Zone) {
			return true
		}
	}
	return false
}

// Order puts n things into another order each time, if lists are shuffled.
func (t *Trouble) Order(n int, swap func(i, j int)) {
	if !t.Shuffle {
		return
	}
	for i := n - 1; i > 0; i-- {
		t.turn++
		swap(i, int(resource.Hash(fmt.Sprint(t.turn))%uint64(i+1)))
	}
}

// outcome is the state that provisioning a load balancer of that name ends in, if not active.
func (t *Trouble) outcome(name string) Outcome {
	for _, o := range t.Provisioning {
		if ok, _ := path.Match(o.Name, name); ok { // validated
			return o
		}
	}
	return Outcome{}
}

// Ill reports whether trouble makes a target unhealthy at that time.
func (t *Trouble) Ill(tg *TargetGroup, target *Target, now time.Time) bool {
	if target.Zone != "" && t.ZoneOut(target.Zone) {
		return true
	}
	for _, f := range t.Flapping {
		if f.of(tg, target) && now.UnixNano()%int64(f.Period) >= int64(f.Period)/2 {
			return true
		}
	}
	return false
}

func (f Flap) of(tg *TargetGroup, t *Target) bool {
	return (f.TargetGroup == tg.Name || f.TargetGroup == tg.ARN) && (f.Target == "" || f.Target == t.ID)
}

// NextFlap is when the next of the targets changes its health, zero if none ever does.
func (t *Trouble) NextFlap(now time.Time) time.Time {
	var next time.Time
	for _, f := range t.Flapping {
		half := max(int64(f.Period)/2, 1)
		at := now.Add(time.Duration(half - now.UnixNano()%int64(f.Period)%half))
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}
