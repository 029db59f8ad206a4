package merge

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// protection says whose value of a shared setting applies if no value is in effect. A value in effect stays in effect,
// whatever the setting.
type protection struct {
	// setting is the name without the listener's port; a final * matches any rest.
	setting string
	// defaults: if no member sets the setting, the default counts as a value of the members of the last compilation.
	defaults bool
	// restricts: of values that cannot be compared, that of the older member applies. Its group.order does not count,
	// because a new member chooses its own.
	restricts bool
	// tighter reports which values allow strictly less than b: these apply. If tighter is nil, or false both ways, two
	// values cannot be compared.
	tighter func(b string) func(a string) bool
	// aside: a member that does not decide about the setting, and declares another value than the one in effect, is
	// quarantined: its value would replace, expose or hold the whole load balancer. Without aside, only the value is
	// ignored.
	aside bool
}

// protections is the table of protected settings in docs/shared/settings.md. Settings that are not listed have no
// protection: any member may add a tag or a certificate, and a port has one holder or the protocol of its first member.
var protections = slices.Concat(protective(), []protection{
	{"scheme", true, true, ranked(stack.InternetFacing, stack.Internal), true},
	{"inbound-cidrs", true, true, fewerAddresses, false},
	{"prefix-lists", true, true, fewerOf, false},
	{"security-groups", true, true, pairs(isSet), false},
	{"no-security-groups", true, true, ranked("true", "false"), false},
	{"private-link-rules", true, true, ranked("off", "on"), false},
	{"manage-backend-security-group-rules", true, true, nil, false},
	{"ssl-policy", true, true, pairs(stricterPolicy), false},
	{"mutual-authentication", true, true, pairs(stricterVerification), false},
	{"ssl-redirect", true, true, pairs(isSet), false},
	{"wafv2-acl-name", true, true, pairs(associates), false},
	{"wafv2-acl-arn", true, true, pairs(associates), false},
	{"shield-advanced-protection", true, true, ranked("false", "true"), false},

	{"attribute/access_logs.s3.enabled", true, true, ranked("false", "true"), false},
	{"attribute/connection_logs.s3.enabled", true, true, ranked("false", "true"), false},
	{"attribute/health_check_logs.s3.enabled", true, true, ranked("false", "true"), false},
	// the owner of another bucket sees the requests of all members
	{"attribute/access_logs.s3.*", true, true, nil, false},
	{"attribute/connection_logs.s3.*", true, true, nil, false},
	{"attribute/health_check_logs.s3.*", true, true, nil, false},
	{"attribute/*", true, false, nil, false}, // they change the requests and connections of all members
	{"listener-attribute/*", true, true, nil, false},

	// These restrict nothing, but change or replace the load balancer of all members, or the answers of their clients.
	{"capacity", true, false, nil, false},
	{"ipv6-source-nat", true, false, nil, false},
	{"load-balancer-name", true, false, nil, true},
	{"ip-address-type", true, false, nil, true},
	{"subnets", true, false, nil, true},
	{"addresses", true, false, nil, true},
	{"customer-owned-ipv4-pool", true, false, nil, true},
	{"ipam-ipv4-pool-id", true, false, nil, true},
	{"default-backend", true, false, nil, false},

	// correct: the edits of all members take effect
	{"drift-policy/*", true, true, ranked("ignore", "report", "correct"), false},

	{"replacement-policy", true, true, pairs(replacement.Tighter), false},

	{"frontend/enabled", true, true, ranked("true", "false"), true},
	{"frontend/scheme", true, true, ranked(stack.InternetFacing, stack.Internal), true},
	{"frontend/security-groups", true, true, pairs(isSet), false},
	{"frontend/*", true, false, nil, false},
	{"frontend-port/*", true, true, nil, false}, // another port exposes the hosts of members to more clients
	{"frontend-health/*", true, true, nil, false},
})

// protective returns the rows of the protective attributes. Deletion protection holds the whole load balancer.
func protective() (out []protection) {
	for _, p := range constraint.ProtectiveAttributes {
		out = append(out, protection{"attribute/" + p.Key, true, true, ranked(p.Values...),
			p.Key == "deletion_protection.enabled"})
	}
	return out
}

// protectionOf returns the first row of the table that matches a setting.
func protectionOf(setting string) protection {
	setting, _, _ = strings.Cut(setting, "@")
	for _, p := range protections {
		if prefix, wild := strings.CutSuffix(p.setting, "*"); p.setting == setting || wild &&
			strings.HasPrefix(setting, prefix) {
			return p
		}
	}
	return protection{setting: setting}
}

// setsAside reports whether a member that does not decide is quarantined for a value that is not in effect.
func setsAside(setting string) bool { return protectionOf(setting).aside }

// Tighter compares values of a setting: whether a allows strictly less than b. Nil = they cannot be compared.
func Tighter(setting string) func(a, b string) bool {
	if p := protectionOf(setting); p.tighter != nil {
		return p.stricter
	}
	return nil
}

// stricter reports whether a allows strictly less than b.
func (p protection) stricter(a, b string) bool { return p.tighter != nil && p.tighter(b)(a) }

// pairs is an order of which the parts cost little for each pair.
func pairs(stricter func(a, b string) bool) func(b string) func(a string) bool {
	return func(b string) func(string) bool { return func(a string) bool { return stricter(a, b) } }
}

// ranked compares by place in a list, the loosest first. Values that are not in the list cannot be compared.
func ranked(values ...string) func(b string) func(a string) bool {
	return pairs(func(a, b string) bool {
		x, y := slices.Index(values, a), slices.Index(values, b)
		return x >= 0 && y >= 0 && x > y
	})
}

// stricterVerification compares how clients' certificates are verified, by the first word.
func stricterVerification(a, b string) bool {
	return ranked("off", "passthrough", "verify")(word(b))(word(a))
}

// isSet compares values of a setting where any value is tighter than none.
func isSet(a, b string) bool { return a != "" && b == "" }

// associates compares web ACLs: one is tighter than none, and two cannot be compared.
func associates(a, b string) bool {
	none := func(s string) bool { return s == "" || s == intent.None }
	return !none(a) && none(b)
}

// word is the text up to the first space.
func word(s string) string {
	s, _, _ = strings.Cut(s, " ")
	return s
}

// mostCompared is how many ranges or prefix lists of a value are compared with others, at most. AWS allows fewer.
const mostCompared = 2000

// elements are the words of a value; few is false if they are too many to be compared.
func elements(value string) (words []string, few bool) {
	if strings.Count(value, " ") >= mostCompared {
		return nil, false
	}
	return strings.Fields(value), true
}

// fewerOf reports which sets are a proper part of b.
func fewerOf(b string) func(a string) bool {
	words, few := elements(b)
	all := make(map[string]bool, len(words))
	for _, s := range words {
		all[s] = true
	}
	return func(a string) bool {
		part, alsoFew := elements(a)
		return few && alsoFew && len(part) < len(words) &&
			!slices.ContainsFunc(part, func(s string) bool { return !all[s] })
	}
}

// fewerAddresses reports for which values each range is within one of b, and not the other way round.
func fewerAddresses(b string) func(a string) bool {
	words, few := elements(b)
	outer, understood := rangesOf(words)
	return func(a string) bool {
		part, alsoFew := elements(a)
		if !few || !alsoFew || !understood || !outer.contain(part) {
			return false
		}
		inner, alsoUnderstood := rangesOf(part)
		return alsoUnderstood && !inner.contain(words)
	}
}

// ranges are addresses that can be compared with others.
type ranges struct {
	all  map[netip.Prefix]bool
	bits []int // the lengths of all, each once
}

func rangesOf(words []string) (out ranges, understood bool) {
	out.all = make(map[netip.Prefix]bool, len(words))
	for _, s := range words {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return out, false
		}
		out.all[p.Masked()] = true
		if !slices.Contains(out.bits, p.Bits()) {
			out.bits = append(out.bits, p.Bits())
		}
	}
	return out, true
}

// contain reports whether each of some ranges is within one of these.
func (r ranges) contain(inner []string) bool {
	return !slices.ContainsFunc(inner, func(s string) bool {
		p, err := netip.ParsePrefix(s)
		return err != nil || !slices.ContainsFunc(r.bits, func(bits int) bool {
			if bits > p.Bits() {
				return false
			}
			outer, err := p.Addr().Prefix(bits)
			return err == nil && r.all[outer]
		})
	})
}

// minimumTLS is the lowest protocol version that a security policy of ELB allows, and the number of its groups of
// ciphers (AWS: Security policies for your Application Load Balancer). ok is false for names of another form.
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
