package diff

import (
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

var replacementTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func underPolicy(p replacement.Policy) Options {
	return Options{Replacement: Replacement{Policy: p, By: "Ingress shop/web-front " +
		"(metadata.annotations[replacement-policy])", Now: replacementTime}}
}

// refusedIn is the one step of a plan that is refused.
func refusedIn(t *testing.T, p plan.Plan) plan.Step {
	t.Helper()
	i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Guard != nil })
	if i < 0 || p.Summary().Refused != 1 {
		t.Fatalf("%d steps are refused\n%s", p.Summary().Refused, p.Text(plan.TextOptions{}))
	}
	return p.Steps[i]
}

func TestRefusedReplacementAppliesRestOfEdit(t *testing.T) {
	t.Parallel()
	f, _ := replacing(t)
	old := f.obs.LoadBalancers[0]
	want := internally(testStack("/a", "/b"))
	want.LoadBalancers[0].Subnets = []stack.SubnetMapping{{Subnet: "subnet-private"}} // those of the other scheme
	want.LoadBalancers[0].Attributes = map[string]string{"idle_timeout.timeout_seconds": "75"}
	opt := underPolicy(replacement.Policy{Refuse: true, Except: []string{"another"}})
	p := Stack(want, stack.Keep{}, f.obs, opt)
	s := refusedIn(t, p)
	wantGuard := plan.Guard{
		Code: diag.ReplacementRefused,
		Text: `load balancer "k8s-shop-webfront-internet" stays as it is: the edit (scheme internet-facing → internal) would ` +
			"replace it by a load balancer with another DNS name, and the replacement policy of Ingress shop/web-front " +
			"(metadata.annotations[replacement-policy]) refuses this replacement",
		Remedy: "undo the edit, or, to consent to the replacement, set this policy to " +
			`"refuse,except=k8s-shop-webfront-internet"`,
	}
	if *s.Guard != wantGuard || s.Action != plan.Replace {
		t.Errorf("%s %s: %+v", s.Action, s.ID, s.Guard)
	}
	f.run(t, p)
	lb := f.obs.LoadBalancers[0]
	if f.count() != [3]int{1, 2, 2} || lb.ARN != old.ARN || len(f.obs.Rules) != 2 ||
		lb.Attributes["idle_timeout.timeout_seconds"] != "75" || len(lb.Subnets) != 2 {
		t.Errorf("load balancers, target groups, bindings %v, %d rules, %+v", f.count(), len(f.obs.Rules), lb)
	}
	if p = Stack(want, stack.Keep{}, f.obs, opt); len(p.Steps) != 1 || refusedIn(t, p).Guard == nil {
		t.Errorf("the next plan is not at rest\n%s", p.Text(plan.TextOptions{}))
	}
}

func TestAConsentToAReplacementIsForTheNamedLoadBalancer(t *testing.T) {
	t.Parallel()
	f, want := replacing(t)
	p := Stack(want, stack.Keep{}, f.obs,
		underPolicy(replacement.Policy{Refuse: true, Except: []string{"k8s-shop-webfront-internet"}}))
	if s, ok := p.Step("CreateLoadBalancer LoadBalancer"); !ok || s.Guard != nil || p.Summary().Replace == 0 {
		t.Errorf("it is not replaced\n%s", p.Text(plan.TextOptions{}))
	}
}

func TestRefusedReplacementCreatesNoOtherType(t *testing.T) {
	t.Parallel()
	f, want := replacing(t)
	want.LoadBalancers[0].Type = stack.Network
	p := Stack(want, stack.Keep{}, f.obs, underPolicy(replacement.Policy{Refuse: true}))
	s, ok := p.Step("CreateLoadBalancer LoadBalancer")
	if !ok || s.Guard == nil || s.Guard.Code != diag.ReplacementRefused {
		t.Fatalf("nothing refuses it\n%s", p.Text(plan.TextOptions{}))
	}
	f.run(t, p)
	if len(f.obs.LoadBalancers) != 1 || f.obs.LoadBalancers[0].Type != stack.Application {
		t.Errorf("%+v", f.obs.LoadBalancers)
	}
}

func TestReplacedLoadBalancerStaysForPolicyTime(t *testing.T) {
	t.Parallel()
	f, want := replacing(t)
	old := f.obs.LoadBalancers[0].ARN
	opt := underPolicy(replacement.Policy{Keep: time.Hour})
	f.run(t, Stack(want, stack.Keep{}, f.obs, opt))
	for i := range f.obs.LoadBalancers {
		if lb := &f.obs.LoadBalancers[i]; lb.ARN != old {
			lb.DNSName = "New.test"
		}
	}
	f.obs.Hostnames = []string{"new.test"}
	for _, c := range []struct {
		name    string
		created time.Time
		now     time.Time
		until   time.Time // zero = it goes
	}{
		{"the successor was not read yet", time.Time{}, replacementTime, replacementTime.Add(time.Hour)},
		{"half an hour later", replacementTime, replacementTime.Add(30 * time.Minute), replacementTime.Add(time.Hour)},
		{"an hour later", replacementTime, replacementTime.Add(time.Hour), time.Time{}},
	} {
		for i := range f.obs.LoadBalancers {
			if lb := &f.obs.LoadBalancers[i]; lb.ARN != old {
				lb.Created = c.created
			}
		}
		opt.Replacement.Now = c.now
		p := Stack(want, stack.Keep{}, f.obs, opt)
		i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { _, ok := s.Op.(awsop.DeleteLoadBalancer); return ok })
		if i < 0 || p.Steps[i].NotBefore != c.until || !c.until.IsZero() && len(p.Steps) != 1 {
			t.Fatalf("%s: want it to stay until %v\n%s", c.name, c.until, p.Text(plan.TextOptions{}))
		}
		if c.until.IsZero() {
			f.run(t, p)
		}
	}
	if f.count() != [3]int{1, 1, 1} || f.obs.LoadBalancers[0].ARN == old {
		t.Errorf("load balancers, target groups, bindings %v in the end", f.count())
	}
}
