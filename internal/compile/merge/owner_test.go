package merge

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// life resolves a setting again and again, each time with what the oldest member, of namespace shop, and a stranger
// declare, and returns the values in effect. Each time remembers the last one.
func life(setting, fallback, inAWS string, declared ...string) (out []string) {
	g, values := many(1, func(int) string { return "" })
	var before map[string]Effect
	for round, both := range declared {
		set := values[:0:0]
		for i, v := range strings.Split(both, "|") {
			if v != "" {
				set = append(set, Of(i, intent.Of(v, values[i].Source)))
			}
		}
		next := &Group{Joinable: true, Members: g.Members, Exists: g.Exists, Note: g.Note, InEffect: before,
			NewEffect: map[string]Effect{}}
		if round > 0 {
			next.Joined = (&Group{Members: g.Members}).Seniority()
		}
		got, ok := Resolve(next, set, &Setting[string]{Name: setting, What: setting, Among: next.All(), Fallback: fallback,
			Exists: func(v string) bool { return v == inAWS }, ByDefault: func() bool { return inAWS == fallback }})
		if !ok {
			got.Value = fallback
		}
		out, before = append(out, got.Value), next.NewEffect
	}
	return out
}

// TestStrangerWithAWSsValueDoesNotOwnIt has the owner of a setting edit it while no controller runs, and a process
// without memory. A member of another namespace that declares what AWS has keeps it, and cannot change it.
func TestStrangerWithAWSsValueDoesNotOwnIt(t *testing.T) {
	t.Parallel()
	const all, former, edited = "0.0.0.0/0 ::/0", "10.0.0.0/8", "10.1.0.0/16"
	start := edited + "|" + former
	for name, c := range map[string]struct{ declared, want []string }{
		"it stays":                      {[]string{start, start}, []string{former, former}},
		"the stranger loosens it":       {[]string{start, edited + "|0.0.0.0/0"}, []string{former, edited}},
		"the stranger declares another": {[]string{start, edited + "|192.168.0.0/16"}, []string{former, edited}},
		"the stranger removes it":       {[]string{start, edited + "|"}, []string{former, edited}},
		"the owner declares AWS's again": {[]string{start, former + "|" + former, former + "|0.0.0.0/0"},
			[]string{former, former, former}},
		"the owner removes it": {[]string{start, "|" + former, "|0.0.0.0/0"},
			[]string{former, former, "0.0.0.0/0"}},
		"the stranger makes it stricter": {[]string{start, edited + "|10.1.1.0/24"}, []string{former, "10.1.1.0/24"}},
		"the owner declares what AWS has": {[]string{former + "|" + former, former + "|0.0.0.0/0"},
			[]string{former, former}},
		"the stranger makes it stricter, and loosens it": {[]string{start, edited + "|10.1.1.0/24", edited + "|0.0.0.0/0"},
			[]string{former, "10.1.1.0/24", edited}},
	} {
		if got := life("inbound-cidrs", all, former, c.declared...); strings.Join(got, ", ") != strings.Join(c.want, ", ") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestStrangerLoosensNoMoreThanTheDefault has a stranger who may make a default stricter do so, and then set a looser
// value than the default.
func TestStrangerLoosensNoMoreThanTheDefault(t *testing.T) {
	t.Parallel()
	const fallback, strict, loose = "ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS13-1-2-2021-06",
		"ELBSecurityPolicy-TLS-1-0-2015-04"
	g, values := many(1, func(int) string { return strict })
	values = values[1:]
	// the namespace that set a value before has left
	gone := Effect{Value: "ELBSecurityPolicy-TLS13-1-3-2021-06", Owners: []Owner{{}}}
	gone.Owners[0].Member.Namespace = "gone"
	before := map[string]Effect{"ssl-policy": gone}
	for _, c := range []struct{ declared, want string }{{strict, strict}, {strict, strict}, {loose, fallback}} {
		values[0].Value = c.declared
		next := &Group{Joinable: true, Members: g.Members, Exists: g.Exists, Note: g.Note, InEffect: before,
			NewEffect: map[string]Effect{}}
		next.Joined = (&Group{Members: g.Members}).Seniority()
		got, ok := Resolve(next, values, &Setting[string]{Name: "ssl-policy", What: "TLS policy", Among: next.All(),
			Fallback: fallback})
		if !ok {
			got.Value = fallback
		}
		if got.Value != c.want {
			t.Errorf("%s is in effect, want %s", got.Value, c.want)
		}
		before = next.NewEffect
	}
}

// TestIgnoredValueStaysIgnoredWhenAgreeingMemberLeaves has a stranger declare a value that was ignored so far, while the
// last namespace that set another value leaves. If that namespace only agreed with an owner who has since removed the
// value, the owner wants the default.
func TestIgnoredValueStaysIgnoredWhenAgreeingMemberLeaves(t *testing.T) {
	t.Parallel()
	const fallback, ignored = "ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS13-1-2-2021-06"
	for agrees, want := range map[bool]string{false: ignored, true: fallback} {
		g, values := many(1, func(int) string { return ignored })
		last := Effect{Value: "ELBSecurityPolicy-TLS-1-1-2017-01", Owners: []Owner{{Agrees: agrees}}}
		last.Owners[0].Member.Namespace = "gone"
		next := &Group{Joinable: true, Members: g.Members, Exists: g.Exists, Note: g.Note,
			InEffect: map[string]Effect{"ssl-policy": last}, NewEffect: map[string]Effect{}}
		next.Joined = (&Group{Members: g.Members}).Seniority()
		got, ok := Resolve(next, values[1:], &Setting[string]{Name: "ssl-policy", What: "TLS policy", Among: next.All(),
			Fallback: fallback})
		if !ok {
			got.Value = fallback
		}
		if got.Value != want {
			t.Errorf("agrees %t: %s is in effect, want %s", agrees, got.Value, want)
		}
	}
}
