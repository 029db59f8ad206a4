package compile

import (
	"errors"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestWebACLByNameBesideARN has members name a web ACL by name and by ARN, without memory, and then with it.
func TestWebACLByNameBesideARN(t *testing.T) {
	t.Parallel()
	const byARN, byName = aclARN + "guard/1", aclARN + "other/1"
	arn := func(m *intent.Member) { m.Settings.AddOns.WebACL = set(m, "wafv2-acl-arn", byARN) }
	name := func(v string) func(*intent.Member) {
		return func(m *intent.Member) { m.Settings.AddOns.WebACLName = set(m, "wafv2-acl-name", v) }
	}
	group := func(by string) []intent.Member {
		return []intent.Member{ingress("shop", "web", born(1), arn), ingress("mal", "evil", born(9), name(by))}
	}
	older := func(by string) []intent.Member {
		return []intent.Member{ingress("shop", "web", born(9), arn), ingress("mal", "evil", born(1), name(by))}
	}
	alone := func(by string) []intent.Member {
		return []intent.Member{ingress("shop", "web", arn, name(by))}
	}
	for what, c := range map[string]struct {
		members []intent.Member
		has     string // in AWS; "-" = there is no load balancer, "?" = AWS does not tell
		want    string // "-" = it is left as it is
		tells   diag.Code
	}{
		"none of another, beside the ARN in effect":       {group("none"), byARN, byARN, diag.ConflictingSettings},
		"a name of another, beside the ARN in effect":     {group("other"), byARN, byARN, diag.ConflictingSettings},
		"a name of an older one, beside the ARN":          {older("other"), byARN, byARN, diag.ConflictingSettings},
		"the name in effect, as of the former controller": {group("other"), byName, byName, diag.IgnoredSetting},
		"none in effect, as of the former controller":     {group("none"), "", "", diag.GuardNotApplied},
		"none of another, before there is one":            {group("none"), "-", byARN, diag.ConflictingSettings},
		"none beside the ARN in effect":                   {alone("none"), byARN, byARN, diag.ConflictingSettings},
		"none beside an ARN without effect":               {alone("none"), "", "", diag.GuardNotApplied},
		"a name beside the ARN in effect":                 {alone("other"), byARN, byName, diag.IgnoredSetting},
		"AWS does not tell":                               {group("none"), "?", "-", diag.AWSUnavailable},
		"AWS does not tell, of an older one":              {older("none"), "?", "-", diag.AWSUnavailable},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			lb := loadBalancer(c.members...)
			if len(c.members) > 1 {
				lb.Key = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
			}
			f, cfg := account(), config()
			cfg.EnableWAFv2, f.WebACLs = true, map[string]string{"other": byName}
			if c.has != "-" {
				f.Existing, f.Associated = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application,
					Scheme: stack.Internal}, &c.has
			}
			if c.has == "?" {
				f.Associated, f.Errors = nil, map[facts.Need]error{{Kind: facts.NeedStackWebACL, Key: lb.Key.String()}: errors.
					New("no answer")}
			}
			var memory *Memory
			for pass := range 2 {
				r := Compile(lb, f, cfg, memory)
				got := "-"
				if acl := mustBuild(t, r).LoadBalancers[0].WebACL; acl != nil {
					got = *acl
				}
				var told diag.Code
				for _, d := range r.Diagnostics {
					told = d.Code
				}
				if got != c.want || told != c.tells {
					t.Errorf("pass %d: %q, want %q; %v", pass, got, c.want, r.Diagnostics)
				}
				if memory = r.Memory; c.has == "-" {
					memory = nil
				}
			}
		})
	}
}

// TestNewcomersARNFreezesNoName has a newcomer name, by ARN, the web ACL that the owner names by name. After a start
// without memory, the owner replaces it.
func TestNewcomersARNFreezesNoName(t *testing.T) {
	t.Parallel()
	arn := func(m *intent.Member) { m.Settings.AddOns.WebACL = set(m, "wafv2-acl-arn", "arn:other") }
	name := func(v string) func(*intent.Member) {
		return func(m *intent.Member) { m.Settings.AddOns.WebACLName = set(m, "wafv2-acl-name", v) }
	}
	f, cfg, associated := account(), config(), "arn:other"
	cfg.EnableWAFv2 = true
	f.Existing, f.Associated = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal},
		&associated
	newcomer := ingress("mal", "evil", born(9), arn)
	first := loadBalancer(ingress("shop", "web", born(1), name("other")), newcomer)
	if r := Compile(first, f, cfg, nil); !slices.Contains(r.Needs, facts.Need{Kind: facts.NeedWebACLs}) {
		t.Errorf("needs %v", r.Needs)
	}
	f.WebACLs = map[string]string{"other": "arn:other", "stricter": "arn:stricter"}
	r := Compile(first, f, cfg, nil)
	if acl := mustBuild(t, r).LoadBalancers[0].WebACL; acl == nil || *acl != "arn:other" || len(r.Diagnostics) > 0 {
		t.Error(acl, r.Diagnostics)
	}
	r = Compile(loadBalancer(ingress("shop", "web", born(1), name("stricter")), newcomer), f, cfg, r.Memory)
	if acl := mustBuild(t, r).LoadBalancers[0].WebACL; acl == nil || *acl != "arn:stricter" {
		t.Error(acl, r.Diagnostics)
	}
	// An older member with the ARN owns what is in effect.
	r = Compile(loadBalancer(ingress("shop", "web", born(1), arn), ingress("mal", "evil", born(9), name("other"))), f, cfg,
		nil)
	if _, named := r.Memory.Effect["wafv2-acl-name"]; named {
		t.Error(r.Memory.Effect)
	}
}

// TestUnreadWebACLKeepsMemoryOfTheRest has a newcomer set a tag, and come first by its order, after AWS did not tell
// which web ACL is in effect.
func TestUnreadWebACLKeepsMemoryOfTheRest(t *testing.T) {
	t.Parallel()
	owner := ingress("shop", "web", born(1), tagged("a"), func(m *intent.Member) {
		m.Settings.AddOns.WebACL = set(m, "wafv2-acl-arn", guard)
	})
	newcomer := ingress("mal", "evil", born(9), lowest, func(m *intent.Member) {
		m.Settings.AddOns.WebACLName = set(m, "wafv2-acl-name", intent.None)
	})
	lb, f, cfg := loadBalancer(owner, newcomer), account(), config()
	cfg.EnableWAFv2 = true
	f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal}
	f.Errors = map[facts.Need]error{{Kind: facts.NeedStackWebACL, Key: lb.Key.String()}: errors.New("no answer")}
	r := Compile(lb, f, cfg, nil)
	if acl := mustBuild(t, r).LoadBalancers[0].WebACL; acl != nil {
		t.Error(*acl)
	}
	tagged("z")(&newcomer)
	f.Errors, f.Associated = nil, p(guard)
	r = Compile(loadBalancer(owner, newcomer), f, cfg, r.Memory)
	if got := mustBuild(t, r).LoadBalancers[0]; got.Tags["Team"] != "a" || got.WebACL == nil || *got.WebACL != guard {
		t.Errorf("%+v", got)
	}
}
