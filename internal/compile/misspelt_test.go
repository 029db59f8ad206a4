package compile

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// misspell puts a misspelt key where a setting was.
func misspell(setting string) func(*intent.Member) {
	return func(m *intent.Member) {
		key := "alb.ingress.kubernetes.io/" + setting
		m.Misspelt = append(m.Misspelt, intent.Misspelling{Setting: setting, Key: key + "x", Meant: key,
			Source: intent.At(m.Object, "metadata.annotations["+key+"x]")})
	}
}

// dualstackAccount is an account whose subnets have IPv6 addresses.
func dualstackAccount() facts.Facts {
	f := account()
	for id, s := range f.Subnets {
		s.IPv6CIDRs = []string{"2001:db8::/64"}
		f.Subnets[id] = s
	}
	return f
}

func listening(change func(*intent.Member, *intent.Listener)) func(*intent.Member) {
	return func(m *intent.Member) { change(m, &m.Listeners[0]) }
}

// standingSettings are settings that replace or open a load balancer when they are missing.
var standingSettings = map[string]func(*intent.Member){
	"load-balancer-name": func(m *intent.Member) { m.Settings.Name = set(m, "load-balancer-name", "edge") },
	"scheme":             scheme(stack.InternetFacing),
	"ip-address-type":    func(m *intent.Member) { m.Settings.IPAddressType = set(m, "ip-address-type", stack.Dualstack) },
	"subnets": func(m *intent.Member) {
		m.Settings.Subnets = set(m, "subnets", intent.SubnetSelector{IDsOrNames: []string{"subnet-0a1", "subnet-0b1"}})
	},
	"security-groups": func(m *intent.Member) { m.Settings.SecurityGroups = set(m, "security-groups", []string{"sg-0a"}) },
	"inbound-cidrs": listening(func(m *intent.Member, l *intent.Listener) {
		l.InboundCIDRs = set(m, "inbound-cidrs", []string{"198.51.100.0/24"})
	}),
	"prefix-lists": listening(func(m *intent.Member, l *intent.Listener) {
		l.PrefixLists = set(m, "security-group-prefix-lists", []string{"pl-1"})
	}),
	"listen-ports": listening(func(_ *intent.Member, l *intent.Listener) { l.Port = 8080 }),
	"ssl-policy": func(m *intent.Member) {
		https(certificate1)(m)
		m.Listeners[1].SSLPolicy = set(m, "ssl-policy", "ELBSecurityPolicy-TLS13-1-2-2021-06")
	},
	"mutual-authentication": func(m *intent.Member) {
		https(certificate1)(m)
		m.Listeners[1].Mutual = set(m, "mutual-authentication", stack.MutualAuthentication{Mode: "passthrough"})
	},
	"certificate-arn": https(certificate1),
	"ssl-redirect": func(m *intent.Member) {
		https(certificate1)(m)
		m.Settings.SSLRedirectPort = set(m, "ssl-redirect", int32(443))
	},
	"target-type": func(m *intent.Member) {
		m.Routes[0].Actions[0].Backends[0].TargetGroup.TargetType = stack.TargetInstance
	},
}

// TestASettingWhoseKeyIsMisspeltStaysAsItWas takes each setting away, with a misspelt key in its place.
func TestASettingWhoseKeyIsMisspeltStaysAsItWas(t *testing.T) {
	t.Parallel()
	for setting, with := range standingSettings {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			f := dualstackAccount()
			before := Compile(loadBalancer(ingress("shop", "web", with)), f, config(), nil)
			standing := mustBuild(t, before)
			if reflect.DeepEqual(standing, mustBuild(t, Compile(loadBalancer(ingress("shop", "web")), f, config(), nil))) {
				t.Fatal("the setting makes no difference")
			}
			wrong := ingress("shop", "web", misspell(setting))
			for range 2 { // the memory that it leaves holds, too
				text, err := json.Marshal(before.Memory)
				if err != nil {
					t.Fatal(err)
				}
				memory := &Memory{}
				if err := json.Unmarshal(text, memory); err != nil {
					t.Fatal(err)
				}
				before = Compile(loadBalancer(wrong), f, config(), memory)
				if now := mustBuild(t, before); !reflect.DeepEqual(now, standing) {
					t.Errorf("it was\n%+v\nand is\n%+v", standing, now)
				}
				if !slices.ContainsFunc(before.Diagnostics, func(d diag.Diagnostic) bool {
					return d.Class == diag.Invalid &&
						strings.Contains(d.Text, "is missing; the last valid version of Ingress shop/web keeps serving")
				}) {
					t.Errorf("no finding tells it: %v", before.Diagnostics)
				}
			}
			without := Compile(loadBalancer(ingress("shop", "web")), f, config(), before.Memory)
			if now := mustBuild(t, without); reflect.DeepEqual(now, standing) || without.Diagnostics.HasErrors() {
				t.Errorf("without the key the setting is not at its default: %v", without.Diagnostics)
			}
		})
	}
}

// TestAMisspeltKeyThatIsThereFromTheBeginningHoldsNothingUp edits an Ingress that was made with a misspelt key.
func TestAMisspeltKeyThatIsThereFromTheBeginningHoldsNothingUp(t *testing.T) {
	t.Parallel()
	for setting := range standingSettings {
		first := Compile(loadBalancer(ingress("shop", "web", misspell(setting))), account(), config(), nil)
		if lb := mustBuild(t, first).LoadBalancers[0]; lb.Scheme != stack.Internal {
			t.Errorf("%s: made as %s", setting, lb.Scheme)
		}
		edited := ingress("shop", "web", misspell(setting), scheme(stack.InternetFacing))
		r := Compile(loadBalancer(edited), account(), config(), first.Memory)
		if lb := mustBuild(t, r).LoadBalancers[0]; lb.Scheme != stack.InternetFacing || r.Diagnostics.HasErrors() {
			t.Errorf("%s: the edit is not followed: %v", setting, r.Diagnostics)
		}
	}
}

// TestWithoutMemoryMisspeltCheckStays starts without memory beside a target group whose health check has a setting that
// is misspelt now. An edit of another setting takes effect.
func TestWithoutMemoryMisspeltCheckStays(t *testing.T) {
	t.Parallel()
	had := stack.HealthCheck{Protocol: "HTTPS", Port: "9090", Path: "/ready", Matcher: "204", IntervalSeconds: 7,
		TimeoutSeconds: 3, HealthyThreshold: 4, UnhealthyThreshold: 6}
	declared := stack.HealthCheck{Protocol: "HTTP", Port: stack.TrafficPort, Path: "/", Matcher: "200", IntervalSeconds: 15,
		TimeoutSeconds: 5, HealthyThreshold: 2, UnhealthyThreshold: 2}
	checked := func(interval int32) func(*intent.Member) {
		return func(m *intent.Member) {
			for _, g := range targetGroupsOf(m) {
				g.HealthCheck = declared
				g.HealthCheck.HealthyThreshold = interval
			}
		}
	}
	for setting, field := range map[string]func(*stack.HealthCheck){
		"healthcheck-path":             func(h *stack.HealthCheck) { h.Path = had.Path },
		"healthcheck-port":             func(h *stack.HealthCheck) { h.Port = had.Port },
		"success-codes":                func(h *stack.HealthCheck) { h.Matcher = had.Matcher },
		"healthcheck-interval-seconds": func(h *stack.HealthCheck) { h.IntervalSeconds = had.IntervalSeconds },
		"healthcheck-timeout-seconds":  func(h *stack.HealthCheck) { h.TimeoutSeconds = had.TimeoutSeconds },
		"unhealthy-threshold-count":    func(h *stack.HealthCheck) { h.UnhealthyThreshold = had.UnhealthyThreshold },
		"healthcheck-protocol": func(h *stack.HealthCheck) {
			h.Protocol, h.Path, h.Matcher = had.Protocol, had.Path, had.Matcher
		},
	} {
		f := account()
		f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal,
			IPAddressType: stack.IPv4, Subnets: []string{"subnet-0a2", "subnet-0b2"}, ManagedGroup: true}
		member := func(n int32) intent.Member { return ingress("shop", "web", misspell(setting), checked(n)) }
		fresh := member(2)
		group := targetGroupsOf(&fresh)[0]
		f.Details = &facts.LoadBalancerDetails{Groups: map[string]facts.TargetGroupDetails{group.ID: {Protocol: group.Protocol,
			TargetType: group.TargetType, ProtocolVersion: group.ProtocolVersion, HealthCheck: had}}}
		var memory *Memory
		for n, threshold := range []int32{2, 3} {
			want := declared
			want.HealthyThreshold = threshold
			field(&want)
			r := Compile(loadBalancer(member(threshold)), f, config(), memory)
			if h := mustBuild(t, r).TargetGroups[0].HealthCheck; h != want {
				t.Errorf("%s, pass %d: %+v, want %+v", setting, n, h, want)
			}
			if opened := fmt.Sprintf("%+v", r.Stack.Bindings[0].Networking); strings.Contains(opened, "9090") != (setting ==
				"healthcheck-port") {
				t.Errorf("%s: the targets admit %s", setting, opened)
			}
			if !slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
				return strings.Contains(d.Text, "existing target groups keep the value that they have")
			}) {
				t.Errorf("%s: told %v", setting, r.Diagnostics)
			}
			memory = r.Memory
		}
		f.Details.Groups[group.ID] = facts.TargetGroupDetails{Protocol: group.Protocol, TargetType: "lambda",
			ProtocolVersion: group.ProtocolVersion, HealthCheck: had}
		r := Compile(loadBalancer(member(2)), f, config(), nil)
		if h := mustBuild(t, r).TargetGroups[0].HealthCheck; h != declared {
			t.Errorf("%s, another target type: %+v", setting, h)
		}
		f.Details.Groups = nil
		for what, f := range map[string]facts.Facts{"a new target group": f, "a new load balancer": account()} {
			r := Compile(loadBalancer(member(2)), f, config(), nil)
			if h := mustBuild(t, r).TargetGroups[0].HealthCheck; h != declared {
				t.Errorf("%s, %s: %+v", setting, what, h)
			}
			if f.Existing == nil && slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
				return strings.Contains(d.Text, "existing target groups")
			}) {
				t.Errorf("%s, %s: told %v", setting, what, r.Diagnostics)
			}
		}
	}
}

// TestUnreadCheckConcernsItsMemberOnly has AWS not tell which health check a target group has, of which a setting is
// misspelt: the members beside it are built.
func TestUnreadCheckConcernsItsMemberOnly(t *testing.T) {
	t.Parallel()
	lb := loadBalancer(ingress("shop", "web", misspell("healthcheck-path")), ingress("team", "api"))
	f := account()
	f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal,
		IPAddressType: stack.IPv4, Subnets: []string{"subnet-0a2", "subnet-0b2"}, ManagedGroup: true}
	need := facts.Need{Kind: facts.NeedStackDetails, Key: lb.Key.String()}
	r := Compile(lb, f, config(), nil)
	if !slices.Equal(r.Needs, []facts.Need{need}) {
		t.Errorf("needs %v", r.Needs)
	}
	f.Errors = map[facts.Need]error{need: errors.New("no answer")}
	r = Compile(lb, f, config(), nil)
	for _, d := range r.Diagnostics {
		if d.Severity() == diag.Error && d.Object.Name != "web" {
			t.Error(d)
		}
	}
	if s := mustBuild(t, r); len(s.TargetGroups) != 1 || s.TargetGroups[0].HealthCheck.Path == "" {
		t.Errorf("%+v", s.TargetGroups)
	}
}

// TestWithoutMemoryAMisspeltKeyLeavesWhatTheLoadBalancerHas starts without memory beside a load balancer that has the
// settings.
func TestWithoutMemoryAMisspeltKeyLeavesWhatTheLoadBalancerHas(t *testing.T) {
	t.Parallel()
	for setting, differs := range map[string]func(*stack.Stack) bool{
		"scheme":          func(s *stack.Stack) bool { return s.LoadBalancers[0].Scheme != stack.InternetFacing },
		"ip-address-type": func(s *stack.Stack) bool { return s.LoadBalancers[0].IPAddressType != stack.Dualstack },
		"subnets": func(s *stack.Stack) bool {
			return len(s.LoadBalancers[0].Subnets) != 2 || s.LoadBalancers[0].Subnets[0].Subnet != "subnet-0a2"
		},
		"security-groups": func(s *stack.Stack) bool {
			return len(s.LoadBalancers[0].SecurityGroups) != 1 || s.LoadBalancers[0].SecurityGroups[0].Literal != "sg-0a"
		},
		"inbound-cidrs": func(s *stack.Stack) bool { return !slices.Equal(admittedRanges(s), []string{"198.51.100.0/24"}) },
		"prefix-lists":  func(s *stack.Stack) bool { return !slices.Equal(admittedRanges(s), []string{"pl-1"}) },
	} {
		f := account()
		f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal,
			IPAddressType: stack.IPv4, Subnets: []string{"subnet-0a2", "subnet-0b2"}, ManagedGroup: true}
		switch setting {
		case "scheme":
			f.Existing.Scheme = stack.InternetFacing
		case "ip-address-type":
			f.Existing.IPAddressType = stack.Dualstack
		case "security-groups":
			f.Existing.ManagedGroup, f.Existing.SecurityGroups = false, []string{"sg-0a"}
		case "inbound-cidrs":
			f.Existing.Ingress = []stack.Permission{{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "198.51.100.0/24"}}
		case "prefix-lists":
			f.Existing.Ingress = []stack.Permission{{Protocol: "tcp", FromPort: 80, ToPort: 80, PrefixList: "pl-1"}}
		}
		unread := f
		unread.ExistingKnown, unread.Existing = false, nil
		e := loadBalancer(ingress("shop", "web", misspell(setting)))
		if r := Compile(e, unread, config(), nil); r.Stack != nil || len(r.Needs) == 0 {
			t.Errorf("%s: built before it is known what exists", setting)
		}
		r := Compile(e, f, config(), nil)
		if s := mustBuild(t, r); differs(s) {
			t.Errorf("%s: %+v %+v", setting, s.LoadBalancers[0], s.SecurityGroups)
		}
		if s := mustBuild(t, Compile(e, f, config(), r.Memory)); differs(s) {
			t.Errorf("%s, from memory: %+v %+v", setting, s.LoadBalancers[0], s.SecurityGroups)
		}
		if told := slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
			return strings.Contains(d.Text, "the load balancer keeps the value")
		}); told != (setting != "subnets") {
			t.Errorf("%s: found %v", setting, r.Diagnostics)
		}
	}
}

// admittedRanges are the ranges and prefix lists that the managed security group admits.
func admittedRanges(s *stack.Stack) (out []string) {
	for _, g := range s.SecurityGroups {
		for _, p := range g.Ingress {
			out = append(out, p.CIDR+p.IPv6CIDR+p.PrefixList)
		}
	}
	return out
}

// TestMisspeltInternalSchemeOpensNothingNew has a new load balancer that its misspelt key was to make internal.
func TestMisspeltInternalSchemeOpensNothingNew(t *testing.T) {
	t.Parallel()
	internal := func(m *intent.Member) {
		misspell("scheme")(m)
		m.Misspelt[0].Guards = true
	}
	cfg := config()
	if r := Compile(loadBalancer(ingress("shop", "web", internal)), account(), cfg, nil); r.Stack == nil {
		t.Errorf("not built, although load balancers are internal by default: %v", r.Diagnostics)
	}
	cfg.DefaultScheme = stack.InternetFacing
	if r := Compile(loadBalancer(ingress("shop", "web", internal)), account(), cfg, nil); r.Stack != nil {
		t.Errorf("opened as %s", r.Stack.LoadBalancers[0].Scheme)
	}
	if r := Compile(loadBalancer(ingress("shop", "web", misspell("scheme"))), account(), cfg, nil); r.Stack == nil {
		t.Errorf("a key that was not to restrict holds it up: %v", r.Diagnostics)
	}
}

// TestUnknownAttributeIsLeftOutIfItIsMisspelt has attributes for which AWS would refuse all of them.
func TestUnknownAttributeIsLeftOutIfItIsMisspelt(t *testing.T) {
	t.Parallel()
	for key, meant := range map[string]string{"idle_timout.timeout_seconds": "idle_timeout.timeout_seconds",
		"Idle-Timeout.timeout_seconds": "idle_timeout.timeout_seconds", "routing.http3.enabled": "", "no.such.key": ""} {
		r := Compile(loadBalancer(ingress("shop", "web", func(m *intent.Member) {
			m.Settings.Attributes = map[string]intent.Field[string]{key: set(m, "load-balancer-attributes", "60")}
		})), account(), config(), nil)
		_, sent := mustBuild(t, r).LoadBalancers[0].Attributes[key]
		misspelt := slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
			return d.Remedy == "did you mean "+meant+"?"
		})
		unknown := strings.Contains(strings.Join(told(r.Diagnostics), "\n"), UnknownAttribute+": "+key)
		if sent != (meant == "") || misspelt == sent || unknown != sent {
			t.Errorf("%s: sent %v, found %v", key, sent, r.Diagnostics)
		}
	}
}
