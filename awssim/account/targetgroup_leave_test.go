package account

import (
	"net/netip"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

func TestATargetOfANetworkLoadBalancerLeavesTheFlowLater(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	a := New("123456789012", "us-west-2", c, Profile{NetworkDeregister: time.Minute})
	for kind, late := range map[string]bool{"network": true, "application": false, "": false} {
		tg := &TargetGroup{}
		if kind != "" {
			tg.LoadBalancer = &LoadBalancer{Type: kind}
		}
		staying := &Target{}
		leaving := &Target{LeftAt: c.Now(), GoneAt: c.Now().Add(5 * time.Minute)}
		if a.Left(tg, staying) || len(a.Settling(tg, staying)) != 0 {
			t.Errorf("%q: a registered target left", kind)
		}
		if a.Left(tg, leaving) == late {
			t.Errorf("%q: at once, left is %v", kind, !late)
		}
		c.Advance(time.Minute)
		if !a.Left(tg, leaving) {
			t.Errorf("%q: it has not left in time", kind)
		}
	}
}

func TestTerminatedInstancesStayTargetsForAWhile(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	a := New("123456789012", "us-west-2", c, Profile{TargetTerminated: time.Minute})
	a.AddZone(&vpc.AvailabilityZone{Name: "us-west-2a"})
	if err := a.AddVPC(&vpc.VPC{ID: "vpc-1", CIDRs: []vpc.CIDR{{Prefix: netip.MustParsePrefix("10.0.0.0/16")}}}); err !=
		nil {
		t.Fatal(err)
	}
	if err := a.AddSubnet(&vpc.Subnet{ID: "subnet-1", VPC: "vpc-1", Zone: "us-west-2a", CIDR: netip.MustParsePrefix(
		"10.0.0.0/24")}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.AddInstance(&vpc.Instance{ID: "i-1"}, "subnet-1", nil, netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	lb := &LoadBalancer{ARN: "lb", Type: "application", Zones: []Zone{{Name: "us-west-2a"}}}
	tg := &TargetGroup{ARN: "tg", TargetType: "instance", LoadBalancer: lb, HealthCheck: HealthCheck{Enabled: true}}
	target := &Target{ID: "i-1", Port: 80, Zone: "us-west-2a"}
	tg.AddTarget(target)
	for _, state := range []string{"stopped", "terminated"} {
		if err := a.SetInstanceState("i-1", state); err != nil {
			t.Fatal(err)
		}
		if h := a.TargetHealth(tg, target); h.State != Unused || h.Reason != "Target.InvalidState" ||
			h.Description != "Target is in the "+state+" state" {
			t.Errorf("%s: %+v", state, h)
		}
	}
	a.PurgeTargets(tg)
	if len(tg.Targets) != 1 {
		t.Error("the target is gone at once")
	}
	if at := a.Settling(tg, target); len(at) != 1 || !at[0].Equal(c.Now().Add(time.Minute)) {
		t.Errorf("it changes at %v", at)
	}
	c.Advance(time.Minute)
	if a.PurgeTargets(tg); len(tg.Targets) != 0 {
		t.Error("the target is not gone in time")
	}
}
