package soak

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// TestWhatIsLeftOfASoakIsReported shows that the soak finds AWS resources, objects, goroutines and
// memory that are left at its end.
func TestWhatIsLeftOfASoakIsReported(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the soak itself")
	}
	t.Parallel()
	before := state{
		account: simclient.Resources{LoadBalancers: []simclient.LoadBalancer{{ARN: "arn:lb/theirs", Name: "theirs"}}},
		objects: []string{"Secret kube-system/tls", "Node node-a"},
		leader:  process{goroutines: 100, resident: 50},
	}
	for name, tc := range map[string]struct {
		change func(*state)
		want   []string
	}{
		"nothing": {func(*state) {}, nil},
		"a load balancer": {func(s *state) {
			s.account.LoadBalancers = append(s.account.LoadBalancers, simclient.LoadBalancer{ARN: "arn:lb/ours", Name: "ours"})
		}, []string{"ours"}},
		"no load balancer": {func(s *state) { s.account.LoadBalancers = nil }, []string{"theirs"}},
		"a Secret": {func(s *state) {
			s.objects = append(slices.Clone(s.objects), "Secret soak/left")
		}, []string{"left in the cluster: Secret soak/left"}},
		"no Node": {func(s *state) { s.objects = s.objects[:1] },
			[]string{"gone from the cluster: Node node-a"}},
		"watches of pods": {func(s *state) { s.leader.goroutines += 220 }, nil},
		"goroutines": {func(s *state) { s.leader.goroutines += 221 },
			[]string{"goroutines: 321, and 100 before"}},
		"memory": {func(s *state) { s.leader.resident += moreMemory + 1 },
			[]string{"resident memory: 99 MiB, and 50 MiB before"}},
		"a process that has shrunk": {func(s *state) { s.leader = process{goroutines: 10, resident: 10} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after := before
			tc.change(&after)
			got := before.difference(after)
			if len(got) != len(tc.want) {
				t.Fatalf("left: %q, want %q", got, tc.want)
			}
			for i := range got {
				if !strings.Contains(got[i], tc.want[i]) {
					t.Errorf("left: %q, want %q", got, tc.want)
				}
			}
		})
	}
}

// TestMetricsShowWhoLeadsAndWhatAProcessHolds shows that the soak reads leader, goroutines and
// memory from the metrics of a process.
func TestMetricsShowWhoLeadsAndWhatAProcessHolds(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the soak itself")
	}
	t.Parallel()
	const text = "# HELP go_goroutines Number.\ngo_goroutines 123\nleader_election_master_status{name=\"a b\"} " +
		"1\nprocess_resident_memory_bytes 5.24288e+07\n"
	got, err := processOf(text)
	if want := (process{leads: true, goroutines: 123, resident: 50}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if _, err := processOf("go_goroutines 123\n"); err == nil {
		t.Error("metrics without the resident memory are taken")
	}
}
