package inventory_test

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestWAFClassicIsAskedOnlyForAWebACLOfItsOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	none := ""
	want := guarded(f, "web", stack.AddOns{WebACL: &none})
	f.observed(want)
	if got := f.reads()["GetWebACLForResource"]; got != 1 {
		t.Errorf("%d reads for a web ACL of WAFv2", got)
	}
	want.LoadBalancers[0].AddOns = stack.AddOns{ClassicWebACL: &none}
	if _, err := f.sim.Gate.AddFault(gate.Fault{Action: "GetWebACLForResource", Code: "AccessDeniedException", Status: 400, Message: "no"}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		o := f.observed(want)
		if g := o.LoadBalancers[0].Unread[elb.AddOnClassicWebACL]; g.Remedy != "allow the controller's role the action waf-regional:GetWebACLForResource (statement AddOns of lbc iam-policy)" {
			t.Fatalf("unread: %+v", g)
		}
	}
	if got := f.reads()["GetWebACLForResource"]; got != 1 {
		t.Errorf("%d reads within fifteen seconds of a failed one", got)
	}
	f.sim.Gate.ClearFaults()
	f.clock.Advance(16 * time.Second)
	if o := f.observed(want); o.LoadBalancers[0].Unread != nil || o.LoadBalancers[0].ClassicWebACL == nil || *o.LoadBalancers[0].ClassicWebACL != "" {
		t.Errorf("%+v", o.LoadBalancers[0])
	}
}

func TestARegionWithoutWAFClassicIsReportedAndNotCalled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.inv = inventory.New(cloud.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: f.sim.Trust, STS: f.sim.Identity, WAFv2: f.sim.Firewall},
		inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now})
	none := ""
	o := f.observed(guarded(f, "web", stack.AddOns{ClassicWebACL: &none, WebACL: &none}))
	if g := o.Unavailable[elb.AddOnClassicWebACL]; g.Text != cloud.ErrNoClassic.Error() || g.Remedy == "" {
		t.Errorf("unavailable: %+v", o.Unavailable)
	}
	if lb := o.LoadBalancers[0]; lb.ClassicWebACL != nil || lb.WebACL == nil || lb.Unread != nil {
		t.Errorf("%+v", lb)
	}
}
