package merge

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/lib/cputime"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// many is a group of so many members of one tenant beside one of another, each with a value.
func many(n int, value func(i int) string) (*Group, []Owned[string]) {
	g := &Group{Joinable: true, NewEffect: map[string]Effect{}, Exists: func() bool { return true },
		Note: func(int, diag.Diagnostic) {}}
	var values []Owned[string]
	for i := range n + 1 {
		o := diag.Object{Kind: "Ingress", Namespace: "mal", Name: fmt.Sprintf("m%05d", i)}
		if i == 0 {
			o.Namespace = "shop"
		}
		g.Members = append(g.Members, Member{Object: o, Created: int64(i)})
		values = append(values, Of(i, intent.Of(value(i), intent.At(o, "metadata.annotations[it]"))))
	}
	return g, values
}

func joined(n int, at func(i int) string) string {
	out := make([]string, n)
	for i := range out {
		out[i] = at(i)
	}
	return strings.Join(out, " ")
}

// TestDifferentValuesCostInProportion has each of many members set a value of its own, for one setting or for one each.
// It is resolved without memory, with what is then in effect, and after all values have changed.
func TestDifferentValuesCostInProportion(t *testing.T) {
	t.Parallel()
	address := func(i int) string { return fmt.Sprintf("10.%d.%d.%d/32", i>>16, i>>8&255, i&255) }
	for name, c := range map[string]struct {
		setting string
		value   func(i int) string
	}{
		"ranges that cannot be compared": {"inbound-cidrs@80", address},
		"ranges within those of older members": {"inbound-cidrs@80",
			func(i int) string { return address(i) + " 10.0.0.0/8" }},
		"many ranges": {"inbound-cidrs@80", func(i int) string {
			return joined(40, func(at int) string { return address(40*i + at) })
		}},
		"prefix lists":   {"prefix-lists@80", func(i int) string { return fmt.Sprintf("pl-0 pl-%d", i) }},
		"attributes":     {"", func(i int) string { return fmt.Sprint(i) }},
		"TLS policies":   {"ssl-policy@443", func(i int) string { return fmt.Sprintf("ELBSecurityPolicy-TLS13-1-2-%d", i) }},
		"not comparable": {"load-balancer-name", func(i int) string { return fmt.Sprint(i) }},
	} {
		growth.AtMost(t, 1.3, "microseconds to resolve "+name, func(n int) float64 {
			return float64(cputime.PerCall(func() {
				g, values := many(4*n, c.value)
				for round := range 3 {
					g = &Group{Joinable: true, InEffect: g.NewEffect, Members: g.Members, NewEffect: map[string]Effect{},
						Exists: g.Exists, Note: g.Note}
					if round == 0 {
						g.InEffect = nil
					} else {
						g.Joined = (&Group{Joinable: true, Members: g.Members}).Seniority()
					}
					resolve := func(of []Owned[string], setting string) {
						Resolve(g, of, &Setting[string]{Name: setting, What: setting, Among: g.All(),
							Exists: func(v string) bool { return v == values[0].Value }, ByDefault: func() bool { return false }})
					}
					if c.setting != "" {
						resolve(values, c.setting)
						continue
					}
					for i := range values {
						resolve(values[i:i+1], fmt.Sprintf("attribute/%d", i))
					}
				}
			}).Microseconds())
		})
	}
}

// TestNarrowedValueOfTheOldestApplies has a tenant set a narrower range than the owner, and another one that is no part
// of it, before anything is in effect.
func TestNarrowedValueOfTheOldestApplies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ values, want string }{
		{"10.0.0.0/8|192.168.0.0/16|10.1.0.0/16", "10.1.0.0/16"},
		{"10.0.0.0/8|192.168.0.0/16|10.1.0.0/16|10.1.1.0/24|10.2.0.0/16", "10.1.1.0/24"},
		{"10.0.0.0/8|10.1.0.0/16 192.168.0.0/16|10.0.0.0/9 10.128.0.0/9", "10.0.0.0/9 10.128.0.0/9"},
		{"10.0.0.0/8|0.0.0.0/0", "10.0.0.0/8"},
	} {
		all := strings.Split(c.values, "|")
		g, values := many(len(all)-1, func(i int) string { return all[i] })
		for round := range 2 { // the second time in the reverse of their ages' order
			got, _ := Resolve(g, values, &Setting[string]{Name: "inbound-cidrs@80", What: "inbound CIDRs"})
			if got.Value != c.want {
				t.Errorf("%s, round %d: %s, want %s", c.values, round, got.Value, c.want)
			}
			if g.Note = func(_ int, d diag.Diagnostic) {
				if strings.Contains(d.Text, "192.168.0.0/16 of") && !strings.Contains(d.Text,
					"it is stricter than the value of an older member") {
					t.Error(d.Text)
				}
			}; round == 0 {
				for i := range g.Members {
					g.Members[i].Order = int32(-i) //nolint:gosec // few
				}
			}
		}
	}
}
