package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// sharedSetting is a setting that guards, with what members may want of it.
type sharedSetting struct {
	name     string // as in the table of protections, if it has a comparison there
	fallback string
	values   []string
	declare  func(m *intent.Member, v string)
	read     func(s *stack.Stack) string
	observed bool // facts tell what is in effect, so that it outlives the loss of the memory
}

// unread is what a stack tells of a setting that another one hides, as named security groups hide source ranges.
const unread = "not to be read"

// unmanaged is what a stack tells of a setting that it leaves as AWS has it.
const unmanaged = "as it is"

func guardingSettings() []sharedSetting {
	out := []sharedSetting{
		{"scheme", stack.Internal, []string{stack.Internal, stack.InternetFacing},
			func(m *intent.Member, v string) { m.Settings.Scheme = set(m, "scheme", v) },
			func(s *stack.Stack) string { return s.LoadBalancers[0].Scheme }, true},
		{"inbound-cidrs", "0.0.0.0/0", []string{"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24"},
			func(m *intent.Member, v string) { m.Listeners[0].InboundCIDRs = set(m, "inbound-cidrs", []string{v}) },
			func(s *stack.Stack) string {
				ranges, lists, managed := sourcesOf(s)
				if !managed || len(ranges) == 0 && len(lists) > 0 {
					return unread
				}
				return setText(ranges)
			}, true},
		{"prefix-lists", "", []string{"pl-1", "pl-2", "pl-1 pl-2"},
			func(m *intent.Member, v string) {
				m.Listeners[0].PrefixLists = set(m, "prefix-lists", strings.Fields(v))
			},
			func(s *stack.Stack) string {
				_, lists, managed := sourcesOf(s)
				if !managed {
					return unread
				}
				return setText(lists)
			}, true},
		{"security-groups", "", []string{"sg-0a", "sg-0b", "sg-0a sg-0b"},
			func(m *intent.Member, v string) {
				m.Settings.SecurityGroups = set(m, "security-groups", strings.Fields(v))
			},
			func(s *stack.Stack) string {
				var out []string
				for _, g := range s.LoadBalancers[0].SecurityGroups {
					if g.Literal != "" {
						out = append(out, g.Literal)
					}
				}
				return setText(out)
			}, true},
		{"manage-backend-security-group-rules", "false", []string{"false", "true"},
			func(m *intent.Member, v string) {
				m.Settings.ManageBackend = set(m, "manage-backend-security-group-rules", v == "true")
			},
			func(s *stack.Stack) string {
				if _, _, managed := sourcesOf(s); managed {
					return unread
				}
				return fmt.Sprint(slices.ContainsFunc(s.LoadBalancers[0].SecurityGroups,
					func(g stack.Ref) bool { return g.ID == stack.BackendSecurityGroup }))
			}, false},
		{"ssl-policy", defaultSSLPolicy, []string{"ELBSecurityPolicy-TLS13-1-2-2021-06",
			"ELBSecurityPolicy-TLS13-1-0-2021-06", "ELBSecurityPolicy-TLS-1-1-2017-01"},
			func(m *intent.Member, v string) { m.Listeners[1].SSLPolicy = set(m, "ssl-policy", v) },
			func(s *stack.Stack) string { return s.Listeners[1].SSLPolicy }, false},
		{"mutual-authentication", stack.MutualOff, []string{"off", "passthrough", "verify " + storeARN + "ts1/1",
			"verify " + storeARN + "ts2/1"},
			func(m *intent.Member, v string) {
				mode, store, _ := strings.Cut(v, " ")
				m.Listeners[1].Mutual = set(m, "mutual-authentication", stack.MutualAuthentication{Mode: mode, TrustStore: store})
			},
			func(s *stack.Stack) string {
				if m := s.Listeners[1].Mutual; m != nil {
					return strings.TrimSpace(m.Mode + " " + m.TrustStore)
				}
				return stack.MutualOff
			}, false},
		{"ssl-redirect", "", []string{"443"},
			func(m *intent.Member, _ string) { m.Settings.SSLRedirectPort = set(m, "ssl-redirect", int32(443)) },
			func(s *stack.Stack) string {
				if r := s.Listeners[0].DefaultActions[0].Redirect; r != nil {
					return r.Port
				}
				return ""
			}, false},
		// one setting with two annotations: who gives up an ARN may leave the load balancer to a name of another's
		{"web ACL", unmanaged, []string{"edge", "strict", aclARN + "acl-1/1", aclARN + "acl-2/1", intent.None},
			func(m *intent.Member, v string) {
				if strings.HasPrefix(v, "arn:") || v == intent.None {
					m.Settings.AddOns.WebACL = set(m, "wafv2-acl-arn", v)
					return
				}
				m.Settings.AddOns.WebACLName = set(m, "wafv2-acl-name", v)
			},
			func(s *stack.Stack) string {
				return strings.TrimPrefix(webACLOf(s.LoadBalancers[0].WebACL), "arn:named-")
			}, false},
		{"shield-advanced-protection", unmanaged, []string{"false", "true"},
			func(m *intent.Member, v string) {
				m.Settings.AddOns.Shield = set(m, "shield-advanced-protection", v == "true")
			},
			func(s *stack.Stack) string {
				if on := s.LoadBalancers[0].Shield; on != nil {
					return fmt.Sprint(*on)
				}
				return unmanaged
			}, false},
	}
	out = append(out, sharedSetting{"capacity", unmanaged, []string{"100", "200"}, func(m *intent.Member, v string) {
		units := map[string]int32{"100": 100, "200": 200}
		m.Settings.AddOns.Capacity = set(m, "minimum-load-balancer-capacity", units[v])
	}, func(s *stack.Stack) string {
		if c := s.LoadBalancers[0].Capacity; c != nil {
			return fmt.Sprint(*c)
		}
		return unmanaged
	}, false})
	for _, a := range []struct {
		key, fallback string
		values        []string
	}{
		{"deletion_protection.enabled", "false", []string{"true", "false"}},
		{"access_logs.s3.enabled", "false", []string{"true", "false"}},
		{"access_logs.s3.bucket", "", []string{"ours", "theirs"}},
		{"access_logs.s3.prefix", "", []string{"ours", "theirs"}},
		{"connection_logs.s3.enabled", "false", []string{"true", "false"}},
		{"connection_logs.s3.bucket", "", []string{"ours", "theirs"}},
		{"health_check_logs.s3.enabled", "false", []string{"true", "false"}},
		{"routing.http.drop_invalid_header_fields.enabled", "false", []string{"true", "false"}},
		{"routing.http.desync_mitigation_mode", "defensive", []string{"monitor", "defensive", "strictest"}},
		{"routing.http.xff_header_processing.mode", "append", []string{"preserve", "append", "remove"}},
		{"routing.http.preserve_host_header.enabled", "false", []string{"true", "false"}},
		{"waf.fail_open.enabled", "false", []string{"true", "false"}},
		{"ipv6.deny_all_igw_traffic", "false", []string{"true", "false"}},
		{"idle_timeout.timeout_seconds", "60", []string{"1", "99"}},
	} {
		out = append(out, sharedSetting{"attribute/" + a.key, a.fallback, a.values,
			func(m *intent.Member, v string) {
				put(&m.Settings.Attributes, a.key, set(m, "load-balancer-attributes", v))
			},
			func(s *stack.Stack) string { return cmp.Or(s.LoadBalancers[0].Attributes[a.key], a.fallback) }, false})
	}
	for at, port := range []string{"80", "443"} {
		key := "routing.http.response.server.enabled"
		out = append(out, sharedSetting{"listener-attribute/" + key + "@" + port, "true", []string{"true", "false"},
			func(m *intent.Member, v string) {
				put(&m.Listeners[at].Attributes, key, set(m, "listener-attributes", v))
			},
			func(s *stack.Stack) string { return cmp.Or(s.Listeners[at].Attributes[key], "true") }, false})
	}
	return out
}

func put(in *map[string]intent.Field[string], key string, f intent.Field[string]) {
	if *in == nil {
		*in = map[string]intent.Field[string]{}
	}
	(*in)[key] = f
}

// webACLOf is the web ACL that a stack wants, "none" for none.
func webACLOf(acl *string) string {
	if acl == nil {
		return unmanaged
	}
	return cmp.Or(*acl, intent.None)
}

// sourcesOf are the ranges and prefix lists that the managed group admits to port 80; managed is false if the load
// balancer has other groups.
func sourcesOf(s *stack.Stack) (ranges, lists []string, managed bool) {
	i := slices.IndexFunc(s.SecurityGroups, func(g stack.SecurityGroup) bool { return !g.Shared })
	if i < 0 {
		return nil, nil, false
	}
	for _, p := range s.SecurityGroups[i].Ingress {
		switch {
		case p.FromPort != 80:
		case p.PrefixList != "":
			lists = append(lists, p.PrefixList)
		default:
			ranges = append(ranges, p.CIDR)
		}
	}
	return ranges, lists, true
}
