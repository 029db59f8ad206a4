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
	NotRegistered     = Health{Unused, "Target.NotRegistered", "Target is not registered to the target group"}
	notInUse          = Health{Unused, "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"}
	zoneNotEnabled    = Health{Unused, "Target.NotInUse", "Target is in an Availability Zone that is not enabled for the load balancer"}
	addressUnusable   = Health{Unused, "Target.IpUnusable", "The IP address cannot be used as a target, because it is in use by a load balancer"}
	deregistering     = Health{Draining, "Target.DeregistrationInProgress", "Target deregistration is in progress"}
	registering       = Health{Initial, "Elb.RegistrationInProgress", "Target registration is in progress"}
	initialChecks     = Health{Initial, "Elb.InitialHealthChecking", "Initial health checks in progress"}
	healthCheckIsOff  = Health{"unavailable", "Target.HealthCheckDisabled", "Health checks are not enabled for this target"}
	stoppedInstanceIs = Health{Unused, "Target.InvalidState", "Target is in the stopped state"}
)

// SetTargetHealth takes the result of a health check: state, reason and description as DescribeTargetHealth spells them. It
// takes the account's lock itself, announces no change, and ignores what is not registered, drains, or is not used any
// more: a check that was under way when that happened says nothing. An empty zone is any.
func (a *Account) SetTargetHealth(tgARN, targetID string, port int32, zone, state, reason, description string) {
	a.Lock()
	defer a.Unlock()
	tg := a.TargetGroups[tgARN]
	if tg == nil || !tg.Used() {
		return
	}
	t := tg.Target(targetID, port)
	if t == nil || !t.GoneAt.IsZero() || zone != "" && t.Zone != "" && zone != t.Zone {
		return
	}
	t.Reported = &Health{state, reason, description}
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
		return stoppedInstanceIs
	case !tg.HealthCheck.Enabled:
		return healthCheckIsOff
	case t.Reported != nil:
		return *t.Reported
	}
	wait := a.Profile.TargetInitial
	if lb.Type == "network" {
		wait = a.Profile.NetworkTargetInitial
	}
	since := later(t.Registered, tg.UsedSince)
	switch {
	case now.Before(since.Add(wait / 2)):
		return registering
	case a.HealthReported || now.Before(since.Add(wait)):
		return initialChecks
	}
	return Health{State: Healthy}
}

// PurgeTargets forgets the targets that finished draining and instances that were terminated. It needs the account's lock.
func (a *Account) PurgeTargets(tg *TargetGroup) {
	tg.Purge(a.Clock.Now(), func(t *Target) bool {
		if tg.TargetType != "instance" {
			return false
		}
		i, ok := a.Instance(t.ID)
		return !ok || i.State == "terminated"
	})
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

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
