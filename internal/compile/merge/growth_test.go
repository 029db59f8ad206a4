package merge

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
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

// TestNotesOfAHugeValueTakeLittle has a member set as many ranges as an object takes, which the notes of all others
// name.
func TestNotesOfAHugeValueTakeLittle(t *testing.T) { // it counts what others would allocate, so it is not parallel
	huge := joined(15_000, func(i int) string { return fmt.Sprintf("10.%d.%d.1/32", i>>8, i&255) })
	g, values := many(400, func(i int) string {
		if i == 0 {
			return huge
		}
		return fmt.Sprintf("192.168.%d.0/24", i)
	})
	var notes []diag.Diagnostic
	g.Note = func(_ int, d diag.Diagnostic) { notes = append(notes, d) }
	if got := growth.Bytes(func() {
		notes = nil
		Resolve(g, values, &Setting[string]{Name: "inbound-cidrs@80", What: "inbound CIDRs", Show: func(s string) string {
			return s
		}})
	}) / (1 << 20); got > 16 || len(notes) != 400 {
		t.Errorf("%d notes take %.0f MiB", len(notes), got)
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
					g.Members[i].Order = int32(-i)
				}
			}
		}
	}
}
