package merge

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/replacement"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// protection is how a shared setting is protected against members that did not set it. A value in effect stays for every setting;
// protection applies where no value is in effect.
type protection struct {
	// setting is the name without the listener's port; a final * matches any rest.
	setting string
	// defaults: if no member sets the setting, the default counts as set by the members of the last compilation.
	defaults bool
	// restricts: values are out if there is a tighter one, and seniority decides before group.order, which a new member chooses.
	restricts bool
	// tighter reports whether a allows strictly less than b. Nil, or false both ways: they cannot be compared.
	tighter func(a, b string) bool
	// harm is what another value than the one in effect would do to others.
	harm harm
}

// harm decides what becomes of a member that does not decide in the group, and whose value is not the one in effect.
type harm int

const (
	none     harm = iota // its value is ignored
	exposes              // the member is set aside, unless its value is the tighter one
	replaces             // the member is set aside: the value would replace, hold or delete what others have, or move it elsewhere
)

// protections is the table of decision 2. Settings that are not listed have no protection: tags, capacity, and attributes that tune the
// load balancer.
var protections = []protection{
	{"scheme", true, true, ranked(stack.InternetFacing, stack.Internal), replaces},
	{"inbound-cidrs", true, true, fewerAddresses, exposes},
	{"prefix-lists", true, true, fewerOf, exposes},
	{"security-groups", true, true, isSet, exposes},
	{"no-security-groups", true, true, ranked("true", "false"), exposes},
	{"manage-backend-security-group-rules", true, true, nil, exposes},
	{"ssl-policy", true, true, stricterPolicy, exposes},
	{"mutual-authentication", true, true, func(a, b string) bool { return ranked("off", "passthrough", "verify")(word(a), word(b)) }, exposes},
	{"ssl-redirect", true, true, isSet, exposes},
	{"wafv2-acl-name", true, true, associates, exposes},
	{"wafv2-acl-arn", true, true, associates, exposes},
	{"waf-acl-id", true, true, associates, exposes}, // decision 16: WAF Classic
	{"shield-advanced-protection", true, true, ranked("false", "true"), exposes},

	{"attribute/deletion_protection.enabled", true, true, ranked("false", "true"), replaces},
	{"attribute/access_logs.s3.enabled", true, true, ranked("false", "true"), exposes},
	{"attribute/connection_logs.s3.enabled", true, true, ranked("false", "true"), exposes},
	{"attribute/health_check_logs.s3.enabled", true, true, ranked("false", "true"), exposes},
	{"attribute/access_logs.s3.*", true, true, nil, exposes}, // another bucket shows the requests of all members to its owner
	{"attribute/connection_logs.s3.*", true, true, nil, exposes},
	{"attribute/health_check_logs.s3.*", true, true, nil, exposes},
	{"attribute/routing.http.drop_invalid_header_fields.enabled", true, true, ranked("false", "true"), exposes},
	{"attribute/routing.http.desync_mitigation_mode", true, true, ranked("monitor", "defensive", "strictest"), exposes},
	{"attribute/routing.http.xff_header_processing.mode", true, true, ranked("preserve", "append", "remove"), exposes}, // preserve accepts forged addresses
	{"attribute/waf.fail_open.enabled", true, true, ranked("true", "false"), exposes},
	{"attribute/ipv6.deny_all_igw_traffic", true, true, ranked("false", "true"), exposes},
	{"attribute/routing.*", true, false, nil, none}, // they change the requests that all members' backends see
	{"listener-attribute/routing.*", true, true, nil, exposes},

	// These restrict nothing, but change or replace the load balancer of all members, or the answers of their clients.
	{"load-balancer-name", true, false, nil, replaces},
	{"ip-address-type", true, false, nil, replaces},
	{"subnets", true, false, nil, replaces},
	{"addresses", true, false, nil, replaces},
	{"customer-owned-ipv4-pool", true, false, nil, replaces},
	{"ipam-ipv4-pool-id", true, false, nil, replaces},
	{"default-backend", true, false, nil, none},

	{"drift-policy/*", true, true, ranked("ignore", "report", "correct"), none}, // the edits of all members take effect under correct

	{"replacement-policy", true, true, replacement.Tighter, none},

	{"frontend/enabled", true, true, ranked("true", "false"), replaces},
	{"frontend/scheme", true, true, ranked(stack.InternetFacing, stack.Internal), replaces},
	{"frontend/security-groups", true, true, isSet, exposes},
	{"frontend/*", true, false, nil, none},
}

// protectionOf is the first entry of the table for a setting.
func protectionOf(setting string) protection {
	setting, _, _ = strings.Cut(setting, "@")
	for _, p := range protections {
		if prefix, wild := strings.CutSuffix(p.setting, "*"); p.setting == setting || wild && strings.HasPrefix(setting, prefix) {
			return p
		}
	}
	return protection{setting: setting}
}

// harms reports whether a value of a setting sets a member aside that does not decide, where another one is in effect.
func harms(setting, value, effective string) bool {
	p := protectionOf(setting)
	return p.harm == replaces || p.harm == exposes && (p.tighter == nil || !p.tighter(value, effective))
}

// Tighter compares values of a setting: whether a allows strictly less than b. Nil = they cannot be compared.
func Tighter(setting string) func(a, b string) bool { return protectionOf(setting).tighter }

// ranked compares by place in a list, the loosest first. Values that are not in the list cannot be compared.
func ranked(values ...string) func(a, b string) bool {
	return func(a, b string) bool {
		x, y := slices.Index(values, a), slices.Index(values, b)
		return x >= 0 && y >= 0 && x > y
	}
}

// isSet compares values of which any is tighter than none.
func isSet(a, b string) bool { return a != "" && b == "" }

// associates compares web ACLs: one is tighter than none, and two cannot be compared.
func associates(a, b string) bool {
	no := func(s string) bool { return s == "" || s == intent.None }
	return !no(a) && no(b)
}

// word is the text up to the first space.
func word(s string) string {
	s, _, _ = strings.Cut(s, " ")
	return s
}

// fewerOf reports whether a is a proper part of b, as sets.
func fewerOf(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	return len(x) < len(y) && !slices.ContainsFunc(x, func(s string) bool { return !slices.Contains(y, s) })
}

// fewerAddresses reports whether each range of a is within one of b, and not the other way round.
func fewerAddresses(a, b string) bool { return insideOf(a, b) && !insideOf(b, a) }

// insideOf reports whether each range of a is within one of b.
func insideOf(a, b string) bool {
	parse := func(s string) (out []netip.Prefix, ok bool) {
		for _, f := range strings.Fields(s) {
			p, err := netip.ParsePrefix(f)
			if err != nil {
				return nil, false
			}
			out = append(out, p)
		}
		return out, true
	}
	x, understood := parse(a)
	y, also := parse(b)
	if !understood || !also {
		return false
	}
	for _, inner := range x {
		if !slices.ContainsFunc(y, func(outer netip.Prefix) bool {
			return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
		}) {
			return false
		}
	}
	return true
}

// minimumTLS is the lowest protocol version that a security policy of ELB allows, and the number of its groups of ciphers (AWS: Security
// policies for your Application Load Balancer). ok is false for names of another form.
func minimumTLS(policy string) (version string, ciphers int, ok bool) {
	for _, v := range []struct{ part, version string }{
		{"TLS13-1-3-", "1.3"}, {"TLS13-1-2-", "1.2"}, {"TLS13-1-1-", "1.1"}, {"TLS13-1-0-", "1.0"},
		{"-FS-1-2-", "1.2"}, {"-FS-1-1-", "1.1"}, {"-FS-2018-", "1.0"}, {"-TLS-1-2-", "1.2"}, {"-TLS-1-1-", "1.1"},
		{"Policy-2016-08", "1.0"}, {"Policy-TLS-1-0-", "1.0"}, {"Policy-2015-05", "1.0"},
	} {
		if !strings.Contains(policy, v.part) {
			continue
		}
		ciphers = 1
		for n, kind := range []string{"-Res-", "", "-Ext1-", "-Ext", "-Ext2-"} {
			if kind != "" && strings.Contains(policy, kind) {
				ciphers = n
			}
		}
		return v.version, ciphers, true
	}
	return "", 0, false
}

// stricterPolicy compares security policies by their lowest protocol version, then by their ciphers.
func stricterPolicy(a, b string) bool {
	v, ciphers, ok := minimumTLS(a)
	w, others, also := minimumTLS(b)
	return ok && also && (v > w || v == w && ciphers < others)
}
