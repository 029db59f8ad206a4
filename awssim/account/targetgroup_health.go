package account

import (
	"net/netip"
	"time"
)

// States and reasons of targets.
const (
	Initial   = "initial"
	Healthy   = "healthy"
	Unhealthy = "unhealthy"
	Unused    = "unused"
	Draining  = "draining"
)

// What DescribeTargetHealth answers for states that do not come from a health check.
var (
	NotRegistered = Health{Unused, "Target.NotRegistered", "Target is not registered to the target group"}
	notInUse      = Health{Unused, "Target.NotInUse",
		"Target group is not configured to receive traffic from the load balancer"}
	zoneNotEnabled = Health{Unused, "Target.NotInUse",
		"Target is in an Availability Zone that is not enabled for the load balancer"}
	addressUnusable = Health{Unused, "Target.IpUnusable",
		"The IP address cannot be used as a target, because it is in use by a load balancer"}
	deregistering    = Health{Draining, "Target.DeregistrationInProgress", "Target deregistration is in progress"}
	registering      = Health{Initial, "Elb.RegistrationInProgress", "Target registration is in progress"}
	initialChecks    = Health{Initial, "Elb.InitialHealthChecking", "Initial health checks in progress"}
	healthCheckIsOff = Health{"unavailable", "Target.HealthCheckDisabled", "Health checks are not enabled for this target"}
)

// TargetDescription names a target of a target group, as AWS's type of that name does. An empty zone is any.
type TargetDescription struct {
	ID   string
	Port int32
	Zone string
}

// SetTargetHealth sets the health of a target from a health check. It takes the account's lock and announces no change.
// It ignores a target that is not registered, drains, or is no longer in use: a check that was under way then does not
// count.
func (a *Account) SetTargetHealth(tgARN string, target TargetDescription, health Health) {
	a.Lock()
	defer a.Unlock()
	tg := a.TargetGroups[tgARN]
	if tg == nil || !tg.Used() {
		return
	}
	t := tg.Target(target.ID, target.Port)
	if t == nil || !t.GoneAt.IsZero() || target.Zone != "" && t.Zone != "" && target.Zone != t.Zone {
		return
	}
	t.report(a.Clock.Now(), health)
}

// TargetHealth is the state of a registered target now. It needs the account's lock.
func (a *Account) TargetHealth(tg *TargetGroup, t *Target) Health {
	now, lb := a.Clock.Now(), tg.LoadBalancer
	switch {
	case !t.GoneAt.IsZero():
		return deregistering
	case lb == nil:
		return notInUse
	case t.Zone != "" && t.Zone != "all" && !lb.HasZone(t.Zone):
		return zoneNotEnabled
	case tg.TargetType == "ip" && a.ofLoadBalancer(tg.VPC, t.ID):
		return addressUnusable
	case tg.TargetType == "instance" && !a.runs(t.ID):
		return Health{Unused, "Target.InvalidState", "Target is in the " + a.instanceState(t.ID) + " state"}
	case !tg.HealthCheck.Enabled:
		return healthCheckIsOff
	case a.Trouble.Ill(tg, t, now):
		return unhealthyInTrouble
	case t.Reported != nil:
		return *t.Reported
	}
	end := a.RegistrationEnd(tg, t)
	switch {
	case a.HealthReported && now.Before(end), now.Before(end.Add(later(t.Registered, tg.UsedSince).Sub(end) / 2)):
		return registering
	case a.HealthReported || now.Before(end):
		return initialChecks
	}
	return Health{State: Healthy}
}

// RegistrationEnd is when a target of a group in use is known to its load balancer. Where health is checked, the first
// check comes then; else the target is healthy then.
func (a *Account) RegistrationEnd(tg *TargetGroup, t *Target) time.Time {
	wait := a.Profile.TargetInitial
	if tg.LoadBalancer != nil && tg.LoadBalancer.Type == "network" {
		wait = a.Profile.NetworkTargetInitial
	}
	return later(t.Registered, tg.UsedSince).Add(wait)
}

// Registering reports whether the load balancer of a target group does not know a target yet.
func (a *Account) Registering(tg *TargetGroup, t *Target) bool {
	return tg.LoadBalancer != nil && t.GoneAt.IsZero() && a.Clock.Now().Before(a.RegistrationEnd(tg, t))
}

// PurgeTargets forgets the targets that finished draining and, some time after, instances that were terminated. It
// needs the account's lock.
func (a *Account) PurgeTargets(tg *TargetGroup) {
	now := a.Clock.Now()
	tg.Purge(now, func(t *Target) bool {
		if tg.TargetType != "instance" {
			return false
		}
		i, ok := a.Instance(t.ID)
		return !ok || i.State == "terminated" && !now.Before(i.Terminated.Add(a.Profile.TargetTerminated))
	})
}

// Settling is when a target changes without a call: none if it does not. Its load balancer knows it some time after it
// was registered. It is out of the flow of a network load balancer some time after it was deregistered, and gone some
// time after its instance is.
func (a *Account) Settling(tg *TargetGroup, t *Target) []time.Time {
	var at []time.Time
	switch {
	case !t.GoneAt.IsZero():
		at = append(at, t.GoneAt, t.LeftAt.Add(a.Profile.NetworkDeregister))
	case a.Registering(tg, t):
		at = append(at, a.RegistrationEnd(tg, t))
	}
	if i, ok := a.Instance(t.ID); ok && tg.TargetType == "instance" && i.State == "terminated" {
		at = append(at, i.Terminated.Add(a.Profile.TargetTerminated))
	}
	return at
}

// DrainFor is how long a target drains whose group has that deregistration delay: no shorter than it is in the flow of
// a network load balancer.
func (a *Account) DrainFor(tg *TargetGroup, delay time.Duration) time.Duration {
	delay = a.Profile.DrainFor(delay)
	if tg.LoadBalancer != nil && tg.LoadBalancer.Type == "network" {
		return max(delay, a.Profile.NetworkDeregister)
	}
	return delay
}

// Left reports whether a draining target gets no new connections. A network load balancer still sends new
// connections for a while.
func (a *Account) Left(tg *TargetGroup, t *Target) bool {
	if t.GoneAt.IsZero() {
		return false
	}
	if tg.LoadBalancer == nil || tg.LoadBalancer.Type != "network" {
		return true
	}
	return !a.Clock.Now().Before(t.LeftAt.Add(a.Profile.NetworkDeregister))
}

func (a *Account) ofLoadBalancer(vpc, address string) bool {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	n, ok := a.InterfaceAt(vpc, addr)
	return ok && n.RequesterID == "amazon-elb"
}

func (a *Account) runs(instance string) bool {
	i, ok := a.Instance(instance)
	return ok && i.State == "running"
}

// instanceState is the state of an instance; one that is forgotten was terminated.
func (a *Account) instanceState(instance string) string {
	if i, ok := a.Instance(instance); ok {
		return i.State
	}
	return "terminated"
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// TargetsHealthy is what Route 53 makes of the load balancer where it evaluates the health of an alias's target: every
// target group that has targets has a healthy one, and at least one group has targets (Route 53 developer guide,
// "Evaluate target health").
func (a *Account) TargetsHealthy(lb *LoadBalancer) bool {
	some := false
	for arn := range lb.TargetGroups() {
		tg := a.TargetGroups[arn]
		if tg == nil || len(tg.Targets) == 0 {
			continue
		}
		some = true
		healthy := false
		for _, t := range tg.Targets {
			state := a.TargetHealth(tg, t).State
			healthy = healthy || state == Healthy || state == "unavailable"
		}
		if !healthy {
			return false
		}
	}
	return some
}
