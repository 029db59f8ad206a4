package targetgroup

import (
	"hash/maphash"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

func TestAnomalyMitigationTakesTrafficFromTheTargetThatFails(t *testing.T) {
	t.Parallel()
	for _, mitigate := range []bool{false, true} {
		c := clock.NewStepped(time.Unix(1_700_000_000, 0))
		n := uint64(0)
		p := testShared(c, func() uint64 { n += 7919; return n })
		g := p.NewGroup("arn")
		g.current.Store(&Config{Settings: topology.TargetGroupSettings{Algorithm: "weighted_random", Mitigate: mitigate}})
		var targets []*Target
		for _, id := range []string{"a", "b", "bad"} {
			targets = append(targets, newTarget(g, Key{id, 1}))
		}
		g.targetsNow.Store(&Pool{Registered: targets})
		round := func(status int) (bad int) {
			for range 300 {
				chosen := g.Choose("", targets, nil)
				if chosen == targets[2] {
					bad++
					chosen.Performance.Observed(status)
				} else {
					chosen.Performance.Observed(200)
				}
			}
			c.Advance(weighInterval)
			return bad
		}
		round(500)
		for range 4 {
			round(500)
		}
		share := round(200)
		anomalous, mitigated := g.AnomalousHosts()
		if anomalous != 1 || mitigate != (mitigated == 1) || mitigate != (share < 40) {
			t.Errorf("mitigation %v: %d anomalous, %d mitigated, the failing target got %d of 300", mitigate, anomalous,
				mitigated, share)
		}
		for range 8 {
			round(200)
		}
		if share := round(200); share < 80 {
			t.Errorf("mitigation %v: after it recovered the target got %d of 300", mitigate, share)
		}
	}
}

func TestTwoTargetsShowNoAnomaly(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	p := testShared(c, rand.Uint64)
	g := p.NewGroup("arn")
	g.current.Store(&Config{Settings: topology.TargetGroupSettings{Algorithm: "weighted_random", Mitigate: true}})
	targets := []*Target{newTarget(g, Key{"a", 1}), newTarget(g, Key{"b", 1})}
	for range 100 {
		targets[0].Performance.Observed(500)
		targets[1].Performance.Observed(200)
	}
	c.Advance(weighInterval)
	g.Choose("", targets, nil)
	if targets[0].Performance.anomalous.Load() || targets[0].Performance.weight() != fullWeight {
		t.Error("one of two targets was found anomalous")
	}
}

// testShared is what target groups need for a choice of targets.
func testShared(c clock.Clock, random func() uint64) *Groups {
	return New(Options{Clock: c, Random: random, Seed: maphash.MakeSeed()})
}
