package diff

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func guarded() *stack.Stack {
	s := testStack("/a")
	acl, shield, units := "arn:acl", true, int32(1000)
	s.LoadBalancers[0].AddOns = stack.AddOns{WebACL: &acl, Shield: &shield, Capacity: &units}
	s.LoadBalancers[0].IPAMPool = "ipam-pool-1"
	return s
}

func operationsOf(p plan.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		out = append(out, plan.NameOf(s.Op))
	}
	return out
}

func TestNewLoadBalancerIsOpenedWithItsProtection(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	p := Stack(guarded(), stack.Keep{}, f.obs, Options{})
	addOns := map[plan.StepID]bool{}
	for _, s := range p.Steps {
		if c, ok := s.Op.(awsop.CreateLoadBalancer); ok && (c.LoadBalancer.IPAMPool == "" || c.LoadBalancer.WebACL != nil) {
			t.Errorf("created with %+v; want the pool, and no more", c.LoadBalancer)
		}
		if s.Op.About().AddOn == "" {
			continue
		}
		addOns[s.ID] = true
		lane := plan.Cosmetic
		if awsop.Protects(s.Op) { // a listener waits for it
			lane = plan.Vital
		}
		if s.Lane != lane || !slices.Contains(s.Needs, "CreateLoadBalancer LoadBalancer") {
			t.Errorf("%s: lane %s, needs %v", s.ID, s.Lane, s.Needs)
		}
	}
	if len(addOns) != 3 {
		t.Errorf("add-ons %v of %v", addOns, operationsOf(p))
	}
	waits := map[plan.StepID]bool{}
	for _, s := range p.Steps {
		for _, n := range slices.Concat(s.Needs, s.After) {
			_, opens := s.Op.(awsop.CreateListener)
			if by, _ := p.Step(n); opens && awsop.Protects(by.Op) {
				waits[n] = true
			} else if addOns[n] {
				t.Errorf("%s waits for %s", s.ID, n)
			}
		}
	}
	if len(waits) != 2 {
		t.Errorf("listeners wait for %v", waits)
	}
	f.run(t, p)
	if again := Stack(guarded(), stack.Keep{}, f.obs, Options{}); !again.Empty() {
		t.Error(again.Text(plan.TextOptions{}))
	}
}

// TestServingLoadBalancerDoesNotWaitForProtection has one that has a listener get a web ACL and another listener.
func TestServingLoadBalancerDoesNotWaitForProtection(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.run(t, Stack(testStack("/a"), stack.Keep{}, f.obs, Options{}))
	want := guarded()
	more := want.Listeners[0]
	more.ID, more.Port = "8443", 8443
	want.Listeners = append(want.Listeners, more)
	for _, s := range Stack(want, stack.Keep{}, f.obs, Options{}).Steps {
		if _, opens := s.Op.(awsop.CreateListener); opens &&
			slices.ContainsFunc(s.Needs, func(n plan.StepID) bool { return n != "" }) {
			t.Errorf("%s needs %v", s.ID, s.Needs)
		}
	}
}

func TestWhatNoMemberManagesStays(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.run(t, Stack(guarded(), stack.Keep{}, f.obs, Options{}))
	want := guarded()
	want.LoadBalancers[0].AddOns = stack.AddOns{}
	if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Error(p.Text(plan.TextOptions{}))
	}
	want.LoadBalancers[0].IPAMPool = "" // but the pool is taken away
	if got := operationsOf(Stack(want, stack.Keep{}, f.obs, Options{})); !slices.Equal(got, []string{"ModifyIpPools"}) {
		t.Error(got)
	}
}

func TestAnAddOnThatIsStillBeingReadIsLeftForTheNextLook(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.run(t, Stack(guarded(), stack.Keep{}, f.obs, Options{}))
	f.obs.LoadBalancers[0].AddOns, f.obs.Pending = stack.AddOns{}, true
	if p := Stack(guarded(), stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Error(p.Text(plan.TextOptions{}))
	}
}

func TestOnlyAProtectionThatAControllerMadeIsTakenAway(t *testing.T) {
	t.Parallel()
	for name, ours := range map[string]bool{naming.ProtectionName: true, "managed by aws-alb-ingress-controller": true,
		"made by hand": false} {
		f := newFake(testKey())
		f.run(t, Stack(guarded(), stack.Keep{}, f.obs, Options{}))
		f.obs.LoadBalancers[0].Protection = &awsop.ShieldProtection{ID: "p", Name: name}
		want := guarded()
		want.LoadBalancers[0].Shield = new(false)
		if got := operationsOf(Stack(want, stack.Keep{}, f.obs, Options{})); slices.Contains(got, "DeleteProtection") !=
			ours {
			t.Errorf("%s: removal plans %v", name, got)
		}
		p := Stack(removed(), stack.Keep{}, f.obs, Options{})
		if got := operationsOf(p); slices.Contains(got, "DeleteProtection") != ours {
			t.Errorf("%s: deletion of the load balancer plans %v", name, got)
		}
		f.run(t, p)
	}
}
