package targetgroup

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

func TestMatchers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		matcher string
		code    int
		want    bool
	}{
		{"200", 200, true}, {"200", 201, false}, {"200,202", 202, true}, {"200-299", 250, true}, {"200-299", 300, false},
		{"200-299,404", 404, true}, {"12", 12, true}, {"x", 0, false}, {"200-y", 200, false},
	} {
		if got := matches(tc.matcher, tc.code); got != tc.want {
			t.Errorf("%q on %d: %v", tc.matcher, tc.code, got)
		}
	}
}

func TestThresholdsDecideAboutHealth(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ checks, want string }{ // + passed, - failed; i, h, u the state after each
		{"+", "h"},
		{"--", "iu"},
		{"-+--", "ihhu"},
		{"+-+--", "hhhhu"},
		{"--++-+++", "iuuuuuuh"},
	} {
		h := health{state: stateInitial}
		var got strings.Builder
		for _, c := range tc.checks {
			v := verdict{}
			if c == '-' {
				v.reason = reasonFailed
			}
			before := h.state
			if changed := h.note(v, 3, 2); changed != (h.state != before) {
				t.Errorf("%s: change reported as %v", tc.checks, changed)
			}
			got.WriteByte(h.state[0])
		}
		if got.String() != tc.want {
			t.Errorf("%s: %s, want %s", tc.checks, got.String(), tc.want)
		}
	}
}

func TestSlowStartRampsATargetUp(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	c := clock.NewStepped(now)
	p := testShared(c, rand.Uint64)
	g := p.NewGroup("arn")
	g.current.Store(&Config{Settings: topology.TargetGroupSettings{SlowStart: 100 * time.Second}})
	old, fresh := newTarget(g, Key{"old", 1}), newTarget(g, Key{"new", 1})
	old.rampFrom.Store(now.Add(-time.Hour).UnixNano())
	fresh.rampFrom.Store(now.UnixNano())
	share := func() int {
		n := 0
		for range 1000 {
			if g.Choose("", []*Target{old, fresh}, nil) == fresh {
				n++
			}
		}
		return n
	}
	for _, want := range []int{0, 125, 250, 375, 500} { // half of the turns are the fresh target's
		if got := share(); got < want-60 || got > want+60 {
			t.Errorf("after %v: %d of 1000, want about %d", c.Now().Sub(now), got, want)
		}
		c.Advance(25 * time.Second)
	}
}

func TestFewHealthyTargetsOpenTheGroupByCountOrShare(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		attributes map[string]string
		healthy    int // of four
		want       int // eligible
	}{
		"one is enough": {nil, 1, 1},
		"none":          {nil, 0, 4},
		"three are asked for": {
			map[string]string{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "3"}, 2, 4},
		"three are there": {
			map[string]string{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "3"}, 3, 3},
		"half of them is asked for": {
			map[string]string{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "50"}, 1, 4},
		"half of them is there": {
			map[string]string{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "50"}, 2, 2},
	} {
		s := (&topology.TargetGroup{Attributes: tc.attributes}).Settings()
		var targets []*Target
		for i := range 4 {
			state := stateUnhealthy
			if i < tc.healthy {
				state = stateHealthy
			}
			targets = append(targets, &Target{health: health{state: state}})
		}
		if got := len(eligible(&s, targets)); got != tc.want {
			t.Errorf("%s: %d eligible, want %d", name, got, tc.want)
		}
	}
}

func TestTheMajorityOfNodesDecides(t *testing.T) {
	t.Parallel()
	good, bad, worse := verdict{status: 200}, verdict{reason: reasonMismatch, status: 500}, verdict{reason: reasonTimeout}
	for _, tc := range []struct {
		of   []verdict
		want verdict
	}{
		{[]verdict{good}, good}, {[]verdict{bad}, bad}, {[]verdict{good, bad}, bad}, {[]verdict{bad, good, good}, good},
		{[]verdict{good, worse, bad}, worse}, {[]verdict{good, good, bad, worse}, bad},
	} {
		if got := consensus(tc.of); got != tc.want {
			t.Errorf("%+v: %+v, want %+v", tc.of, got, tc.want)
		}
	}
}
