package dataplane

import (
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
		p := New(Options{Clock: c, Random: func() uint64 { n += 7919; return n }})
		g := newGroup(p, "arn")
		g.config.Store(&groupConfig{settings: topology.TargetGroupSettings{Algorithm: "weighted_random", Mitigate: mitigate}})
		var targets []*target
		for _, id := range []string{"a", "b", "bad"} {
			targets = append(targets, newTarget(g, targetKey{id, 1}))
		}
		g.pool.Store(&pool{registered: targets})
		round := func(status int) (bad int) {
			for range 300 {
				chosen := g.choose("", targets, nil)
				if chosen == targets[2] {
					bad++
					chosen.performance.observed(status)
				} else {
					chosen.performance.observed(200)
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
		anomalous, mitigated := g.oddHosts()
		if anomalous != 1 || mitigate != (mitigated == 1) || mitigate != (share < 40) {
			t.Errorf("mitigation %v: %d anomalous, %d mitigated, the failing target got %d of 300", mitigate, anomalous, mitigated, share)
		}
		for range 8 {
			round(200)
		}
		if share := round(200); share < 80 {
			t.Errorf("mitigation %v: after it recovered the target got %d of 300", mitigate, share)
		}
		p.Close()
	}
}

func TestTwoTargetsShowNoAnomaly(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	p := New(Options{Clock: c})
	defer p.Close()
	g := newGroup(p, "arn")
	g.config.Store(&groupConfig{settings: topology.TargetGroupSettings{Algorithm: "weighted_random", Mitigate: true}})
	targets := []*target{newTarget(g, targetKey{"a", 1}), newTarget(g, targetKey{"b", 1})}
	for range 100 {
		targets[0].performance.observed(500)
		targets[1].performance.observed(200)
	}
	c.Advance(weighInterval)
	g.choose("", targets, nil)
	if targets[0].performance.anomalous.Load() || targets[0].performance.weight() != fullWeight {
		t.Error("one of two targets was found anomalous")
	}
}
