package compile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const guard = "arn:aws:wafv2:us-west-2:111122223333:regional/webacl/guard/1"

func addOn(change func(*intent.AddOns, *intent.Member)) func(*intent.Member) {
	return func(m *intent.Member) { change(&m.Settings.AddOns, m) }
}

func p[T any](v T) *T { return &v }

func TestAnAddOnIsManagedOnlyWhileAMemberSetsIt(t *testing.T) {
	t.Parallel()
	named := func(name string) func(*intent.AddOns, *intent.Member) {
		return func(a *intent.AddOns, m *intent.Member) { a.WebACLName = set(m, "wafv2-acl-name", name) }
	}
	arn := func(v string) func(*intent.AddOns, *intent.Member) {
		return func(a *intent.AddOns, m *intent.Member) { a.WebACL = set(m, "wafv2-acl-arn", v) }
	}
	for name, tc := range map[string]struct {
		members []func(*intent.AddOns, *intent.Member)
		want    stack.AddOns
		codes   []diag.Code
	}{
		"nothing set": {nil, stack.AddOns{}, nil},
		"an ARN":      {[]func(*intent.AddOns, *intent.Member){arn(guard)}, stack.AddOns{WebACL: p(guard)}, nil},
		"a name": {[]func(*intent.AddOns, *intent.Member){named("guard")}, stack.AddOns{WebACL: p(guard)},
			nil},
		"a name beats ARNs": {[]func(*intent.AddOns, *intent.Member){arn(intent.None), named("guard")}, stack.AddOns{
			WebACL: p(guard)}, nil},
		"a name beside an ARN": {[]func(*intent.AddOns, *intent.Member){arn("arn:other"), named("guard")}, stack.AddOns{
			WebACL: p(guard)}, []diag.Code{diag.IgnoredSetting}},
		"a name beside an ARN of one object": {[]func(*intent.AddOns, *intent.Member){func(a *intent.AddOns,
			m *intent.Member) {
			arn("arn:other")(a, m)
			named("guard")(a, m)
		}}, stack.AddOns{WebACL: p(guard)}, []diag.Code{diag.IgnoredSetting}},
		"no association by name": {[]func(*intent.AddOns, *intent.Member){named(intent.None), arn(guard)}, stack.AddOns{
			WebACL: p("")}, []diag.Code{diag.GuardNotApplied}},
		"no association by ARN": {[]func(*intent.AddOns, *intent.Member){arn(intent.None)}, stack.AddOns{WebACL: p("")},
			nil},
		"an unknown name": {[]func(*intent.AddOns, *intent.Member){named("gone")}, stack.AddOns{}, []diag.Code{
			diag.WebACLNotFound}},
		"names that differ": {[]func(*intent.AddOns, *intent.Member){named("guard"), named("gone")}, stack.AddOns{
			WebACL: p(guard)}, []diag.Code{diag.ConflictingSettings}},
		"the rest": {[]func(*intent.AddOns, *intent.Member){func(a *intent.AddOns, m *intent.Member) {
			a.Shield, a.Capacity = set(m, "shield-advanced-protection", false),
				set(m, "minimum-load-balancer-capacity", int32(0))
		}}, stack.AddOns{Shield: p(false), Capacity: p(int32(0))}, nil},
		"the class first": {[]func(*intent.AddOns, *intent.Member){
			func(a *intent.AddOns, m *intent.Member) {
				a.Capacity = set(m, "minimum-load-balancer-capacity", int32(100))
			},
			func(a *intent.AddOns, _ *intent.Member) { a.Capacity = byClass(int32(500)) },
		}, stack.AddOns{Capacity: p(int32(500))}, []diag.Code{diag.ConflictingSettings}},
		"capacity that AWS refuses": {[]func(*intent.AddOns, *intent.Member){func(a *intent.AddOns, m *intent.Member) {
			a.Shield, a.Capacity = set(m, "shield-advanced-protection", false),
				set(m, "minimum-load-balancer-capacity", int32(10))
		}}, stack.AddOns{Shield: p(false)}, []diag.Code{diag.InvalidAnnotation}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			members := []intent.Member{ingress("shop", "web-front")}
			for i, f := range tc.members {
				m := ingress("shop", string(rune('a'+i)), addOn(f))
				m.Order = int32(i)
				members = append(members, m)
			}
			f := account()
			f.WebACLs, f.Existing = map[string]string{"guard": guard}, &facts.LoadBalancer{Type: stack.Application}
			f.Associated = p("")
			r := Compile(loadBalancer(members...), f, Defaults("demo", "vpc-1"), nil)
			if r.Stack == nil {
				t.Fatal(r.Needs, r.Diagnostics)
			}
			if d := cmp.Diff(tc.want, r.Stack.LoadBalancers[0].AddOns); d != "" {
				t.Error(d)
			}
			var codes []diag.Code
			for _, d := range r.Diagnostics {
				codes = append(codes, d.Code)
			}
			if d := cmp.Diff(tc.codes, codes); d != "" {
				t.Errorf("%s\n%v", d, r.Diagnostics)
			}
		})
	}
}

func TestOnlyANameAsksForTheWebACLs(t *testing.T) {
	t.Parallel()
	need := facts.Need{Kind: facts.NeedWebACLs}
	for name, tc := range map[string]struct {
		set  func(*intent.AddOns, *intent.Member)
		asks bool
	}{
		"an ARN": {func(a *intent.AddOns, m *intent.Member) { a.WebACL = set(m, "wafv2-acl-arn", guard) }, false},
		"none by name": {func(a *intent.AddOns, m *intent.Member) { a.WebACLName = set(m, "wafv2-acl-name", intent.None) },
			false},
		"a name": {func(a *intent.AddOns, m *intent.Member) { a.WebACLName = set(m, "wafv2-acl-name", "guard") }, true},
	} {
		r := Compile(loadBalancer(ingress("shop", "web-front", addOn(tc.set))), account(), Defaults("demo", "vpc-1"), nil)
		if asks := len(r.Needs) == 1 && r.Needs[0] == need; asks != tc.asks {
			t.Errorf("%s: needs %v", name, r.Needs)
		}
	}
}

func TestWebACLsThatCannotBeListedCostNothingElse(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{Type: stack.Application}
	f.Errors = map[facts.Need]error{{Kind: facts.NeedWebACLs}: diag.New(diag.Object{}, "", diag.AccessDenied,
		"ListWebACLs: no", "allow it")}
	r := Compile(loadBalancer(ingress("shop", "web-front", addOn(func(a *intent.AddOns, m *intent.Member) {
		a.WebACLName = set(m, "wafv2-acl-name", "guard")
	}))), f, Defaults("demo", "vpc-1"), nil)
	if r.Stack == nil || len(r.Stack.Rules) != 1 || r.Stack.LoadBalancers[0].WebACL != nil {
		t.Fatalf("stack %+v, diagnostics %v", r.Stack, r.Diagnostics)
	}
	if len(r.Diagnostics) != 1 || r.Diagnostics[0].Code != diag.AccessDenied || r.Diagnostics[0].Path == "" {
		t.Errorf("diagnostics %v", r.Diagnostics)
	}
}

// TestMalformedGuardIsNotOpened has a mistake in an add-on that protects, of a load balancer that is new and of one
// that serves.
func TestMalformedGuardIsNotOpened(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"wafv2-acl-arn", "shield-advanced-protection"} {
		for _, exists := range []bool{false, true} {
			f := account()
			if exists {
				f.Existing = &facts.LoadBalancer{Type: stack.Application}
			}
			r := Compile(loadBalancer(ingress("shop", "web-front", broken("metadata.annotations[alb.ingress.kubernetes.io/"+key+
				"]"))), f, Defaults("demo", "vpc-1"), nil)
			if (r.Stack != nil) != exists || len(r.Needs) > 0 || len(r.Diagnostics) == 0 {
				t.Errorf("%s, exists %v: built %v, needs %v, %v", key, exists, r.Stack != nil, r.Needs, r.Diagnostics)
			}
		}
	}
}

// TestRefusedAttributeThatGuardsIsNotOpened has attributes with values that AWS is certain to refuse, of which some are
// to protect, on a load balancer that is new and on one that serves.
func TestRefusedAttributeThatGuardsIsNotOpened(t *testing.T) {
	t.Parallel()
	for key, guards := range map[string]bool{"routing.http.desync_mitigation_mode": true,
		"deletion_protection.enabled": true, "routing.http.drop_invalid_header_fields.enabled": true,
		"routing.http.xff_header_processing.mode": true, "waf.fail_open.enabled": true,
		"idle_timeout.timeout_seconds": false} {
		for _, exists := range []bool{false, true} {
			f := account()
			if exists {
				f.Existing = &facts.LoadBalancer{Type: stack.Application}
			}
			r := Compile(loadBalancer(ingress("shop", "web-front", func(m *intent.Member) {
				m.Settings.Attributes = map[string]intent.Field[string]{key: set(m, "load-balancer-attributes", "odd")}
			})), f, Defaults("demo", "vpc-1"), nil)
			if (r.Stack != nil) != (exists || !guards) || len(r.Needs) > 0 {
				t.Errorf("%s, exists %v: built %v, needs %v", key, exists, r.Stack != nil, r.Needs)
			}
			text := "the controller does not set it, all other settings take effect"
			if guards {
				text = map[bool]string{false: "reachable without this protection",
					true: "without it the load balancer serves unprotected"}[exists]
			}
			if len(r.Diagnostics) != 1 || !strings.Contains(r.Diagnostics[0].Text, text) {
				t.Errorf("%s, exists %v: %v", key, exists, r.Diagnostics)
			}
		}
	}
}

// TestNewLoadBalancerWaitsForItsWebACL has a web ACL that does not exist, and one that cannot be looked up.
func TestNewLoadBalancerWaitsForItsWebACL(t *testing.T) {
	t.Parallel()
	denied := diag.New(diag.Object{}, "", diag.AccessDenied, "ListWebACLs: no", "allow it")
	for name, change := range map[string]func(*facts.Facts){
		"absent": func(f *facts.Facts) { f.WebACLs = map[string]string{"other": guard} },
		"denied": func(f *facts.Facts) { f.Errors = map[facts.Need]error{{Kind: facts.NeedWebACLs}: denied} },
	} {
		for _, exists := range []bool{false, true} {
			f := account()
			if change(&f); exists {
				f.Existing = &facts.LoadBalancer{Type: stack.Application}
			}
			r := Compile(loadBalancer(ingress("shop", "web-front", addOn(func(a *intent.AddOns, m *intent.Member) {
				a.WebACLName = set(m, "wafv2-acl-name", "guard")
			}))), f, Defaults("demo", "vpc-1"), nil)
			if (r.Stack != nil) != exists || len(r.Needs) > 0 {
				t.Errorf("%s, exists %v: built %v, needs %v", name, exists, r.Stack != nil, r.Needs)
			}
			if len(r.Diagnostics) != 1 || !strings.Contains(r.Diagnostics[0].Text, map[bool]string{
				false: "reachable without this protection", true: "without one it serves unprotected"}[exists]) {
				t.Errorf("%s, exists %v: %v", name, exists, r.Diagnostics)
			}
		}
	}
}

func TestAMistakeInAnAddOnKeepsItsMemberInService(t *testing.T) {
	t.Parallel()
	wrong := broken("metadata.annotations[alb.ingress.kubernetes.io/minimum-load-balancer-capacity]")
	r := Compile(loadBalancer(ingress("shop", "web-front", wrong)), account(), Defaults("demo", "vpc-1"), nil)
	if r.Stack == nil || len(r.Stack.TargetGroups) != 1 || len(r.Diagnostics) != 1 {
		t.Fatalf("stack %+v, diagnostics %v", r.Stack, r.Diagnostics)
	}
	again := Compile(loadBalancer(ingress("shop", "web-front", wrong)), account(), Defaults("demo", "vpc-1"), r.Memory)
	if d := cmp.Diff(r.Stack, again.Stack); d != "" {
		t.Error(d)
	}
}

func TestAnAddressPoolStaysWhileItsMemberCannotBeRead(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal, Subnets: []string{
		"subnet-0a2", "subnet-0b2"}, IPAMPool: "ipam-pool-1"}
	unreadable := ingress("shop", "a", broken("spec.rules[0].http.paths[0]"))
	r := Compile(loadBalancer(unreadable, ingress("shop", "b")), f, Defaults("demo", "vpc-1"), nil)
	if r.Stack == nil || r.Stack.LoadBalancers[0].IPAMPool != "ipam-pool-1" {
		t.Errorf("stack %+v, diagnostics %v", r.Stack, r.Diagnostics)
	}
	r = Compile(loadBalancer(ingress("shop", "a"), ingress("shop", "b")), f, Defaults("demo", "vpc-1"), nil)
	if r.Stack == nil || r.Stack.LoadBalancers[0].IPAMPool != "" {
		t.Errorf("stack %+v, diagnostics %v", r.Stack, r.Diagnostics)
	}
}

func TestIPAMPoolOfInternalLoadBalancerIsLeftOut(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{stack.Internal: "", stack.InternetFacing: "ipam-pool-1"} {
		r := Compile(loadBalancer(ingress("shop", "a", scheme(kind), func(m *intent.Member) {
			m.Settings.AddOns.IPAMPool = set(m, "ipam-ipv4-pool-id", "ipam-pool-1")
		})), account(), config(), nil)
		if got := mustBuild(t, r).LoadBalancers[0].IPAMPool; got != want || (len(r.Diagnostics) == 1) != (want == "") {
			t.Errorf("%s: pool %q, %v", kind, got, told(r.Diagnostics))
		}
	}
}

func TestRefusedIPAMPoolChangesNoAddresses(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.InternetFacing, Subnets: []string{
		"subnet-0a1", "subnet-0b1"}, IPAMPool: "ipam-pool-1"}
	of := func(kind, pool string) intent.LoadBalancer {
		return loadBalancer(ingress("shop", "a", scheme(kind), func(m *intent.Member) {
			m.Settings.AddOns.IPAMPool = set(m, "ipam-ipv4-pool-id", pool)
		}))
	}
	good := Compile(of(stack.InternetFacing, "ipam-pool-1"), f, config(), nil)
	for kind, want := range map[string]string{stack.InternetFacing: "ipam-pool-1", stack.Internal: ""} {
		for _, before := range []*Memory{nil, good.Memory} {
			r := Compile(of(kind, "pool-2"), f, config(), before)
			if got := mustBuild(t, r).LoadBalancers[0].IPAMPool; got != want || len(r.Diagnostics) != 1 {
				t.Errorf("%s: pool %q, %v", kind, got, told(r.Diagnostics))
			}
		}
	}
}

func TestRefusedCustomerOwnedPoolCreatesNothing(t *testing.T) {
	t.Parallel()
	of := func(pool string) intent.LoadBalancer {
		return loadBalancer(ingress("shop", "a", func(m *intent.Member) {
			m.Settings.AddOns.CustomerOwnedPool = set(m, "customer-owned-ipv4-pool", pool)
		}))
	}
	if r := Compile(of("coip-1"), account(), config(), nil); r.Stack != nil || len(r.Diagnostics) != 1 ||
		r.Diagnostics[0].Code != diag.InvalidAnnotation {
		t.Errorf("new: stack %v, %v", r.Stack, told(r.Diagnostics))
	}
	f := account()
	f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal, Subnets: []string{
		"subnet-0a2", "subnet-0b2"}, CustomerOwnedPool: "ipv4pool-coip-1"}
	good := Compile(of("ipv4pool-coip-1"), f, config(), nil)
	for _, before := range []*Memory{nil, good.Memory} {
		if r := Compile(of("coip-1"), f, config(), before); len(mustBuild(t, r).Rules) != 1 || len(r.Diagnostics) != 1 {
			t.Errorf("existing: %v", told(r.Diagnostics))
		}
	}
}

func TestGateReleasesUndeclaredReservedCapacity(t *testing.T) {
	t.Parallel()
	cfg := Defaults("demo", "vpc-1")
	cfg.Gates.EnhancedDefaultBehavior = true
	r := Compile(loadBalancer(ingress("shop", "web-front")), account(), cfg, nil)
	if d := cmp.Diff(stack.AddOns{Capacity: p(int32(0))}, r.Stack.LoadBalancers[0].AddOns); d != "" {
		t.Error(d)
	}
	cfg.Gates.LBCapacityReservation = false
	r = Compile(loadBalancer(ingress("shop", "web-front")), account(), cfg, nil)
	if d := cmp.Diff(stack.AddOns{}, r.Stack.LoadBalancers[0].AddOns); d != "" {
		t.Error(d)
	}
}
