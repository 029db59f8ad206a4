package sgsync

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func ranged(port int32, cidr, description string) stack.Permission {
	return stack.Permission{Protocol: "tcp", FromPort: port, ToPort: port, CIDR: cidr, Description: description}
}

func TestRulesWithRangesAreOwnedByCluster(t *testing.T) {
	t.Parallel()
	const cidr = "192.0.2.0/24"
	ours, theirs := ClusterLabel+"ours", ClusterLabel+"theirs"
	for name, c := range map[string]struct {
		group         string
		current, need []stack.Permission
		want          []stack.Permission
	}{
		"in a group of this cluster alone a rule has the label": {"sg-node", nil, []stack.Permission{
			ranged(80, cidr, Label)}, []stack.Permission{ranged(80, cidr, Label)}},
		"in a group of several it names the cluster": {"sg-shared", nil, []stack.Permission{
			ranged(80, cidr, Label)}, []stack.Permission{ranged(80, cidr, ours)}},
		"a source that is a group tells by its tags whose it is": {"sg-shared", nil, []stack.Permission{
			tcp(80, 80, "sg-b")}, []stack.Permission{tcp(80, 80, "sg-b")}},
		"what names this cluster goes when nothing needs it": {"sg-shared", []stack.Permission{
			ranged(80, cidr, ours)}, nil, nil},
		"also when the group is no longer of several": {
			"sg-node", []stack.Permission{ranged(80, cidr, ours)}, nil, nil},
		"what names another cluster stays": {"sg-shared", []stack.Permission{
			ranged(80, cidr, theirs)}, nil, []stack.Permission{ranged(80, cidr, theirs)}},
		"what names none may be another cluster's, in a group of several": {"sg-shared", []stack.Permission{
			ranged(80, cidr, Label)}, nil, []stack.Permission{ranged(80, cidr, Label)}},
		"in a group of this cluster alone it goes": {
			"sg-node", []stack.Permission{ranged(80, cidr, Label)}, nil, nil},
		"a rule of the existing controller is neither granted again nor rewritten": {"sg-shared", []stack.Permission{
			ranged(80, cidr, Label)}, []stack.Permission{ranged(80, cidr, Label)}, []stack.Permission{ranged(80, cidr, Label)}},
	} {
		d := newDesk(&account{rules: on(c.group, c.current...)})
		before := slices.Clone(c.current)
		d.Set("a", on(c.group, c.need...))
		for range 2 {
			if err := d.bring(t, c.group, "a", never); err != nil {
				t.Fatal(err)
			}
		}
		d.expect(t, name, c.group, c.want...)
		if slices.Equal(before, c.want) && len(d.writes) > 0 {
			t.Errorf("%s: writes %v", name, d.writes)
		}
	}
}

// TestTwoClustersOnTheNodesOfOneGroupKeepTheirRules has the controllers of two clusters bring one group in turn to what
// each needs. They need different sources: a rule that both need is one rule for EC2.
func TestTwoClustersOnTheNodesOfOneGroupKeepTheirRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		a := &account{rules: map[string][]stack.Permission{}}
		sources := map[string]string{"blue": "192.0.2.0/24", "green": "198.51.100.0/24"}
		desks := map[string]*desk{}
		for cluster := range sources {
			table := NewTable()
			desks[cluster] = &desk{table, a, &Reconciler{Cluster: cluster, Table: table, Rules: a, Write: a.write}}
		}
		needed := map[string][]stack.Permission{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			cluster := rapid.SampledFrom([]string{"blue", "green"}).Draw(rt, "cluster")
			needed[cluster] = nil
			for _, port := range rapid.SliceOfNDistinct(rapid.Int32Range(1, 9), 0, 4, rapid.ID).Draw(rt, "ports") {
				needed[cluster] = append(needed[cluster], ranged(port*100, sources[cluster], Label))
			}
			desks[cluster].Set("b", on("sg-shared", needed[cluster]...))
			if err := desks[cluster].bring(t, "sg-shared", "b", never); err != nil {
				rt.Fatal(err)
			}
		}
		var want, got []string
		for cluster, perms := range needed {
			for _, p := range perms {
				want = append(want, fmt.Sprint(p.CIDR, p.FromPort, ClusterLabel+cluster))
			}
		}
		for _, p := range a.rules["sg-shared"] {
			got = append(got, fmt.Sprint(p.CIDR, p.FromPort, p.Description))
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			rt.Errorf("rules %v, want %v", got, want)
		}
		a.writes = nil
		for _, d := range desks {
			if err := d.bring(t, "sg-shared", "b", never); err != nil || len(a.writes) > 0 {
				rt.Errorf("at rest it writes %v, %v", a.writes, err)
			}
		}
	})
}
