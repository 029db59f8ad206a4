package soak

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var testNodes = []string{"node-a", "node-b", "node-c"}

func generated(seed uint64, n int) (steps []step) {
	g := newGenerator(seed, everything(testNodes))
	for range n {
		steps = append(steps, g.next())
	}
	return steps
}

// TestASeedGivesTheSameStepsAgainAndAnotherSeedOthers shows that a seed of the soak repeats its
// steps.
func TestASeedGivesTheSameStepsAgainAndAnotherSeedOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the soak itself")
	}
	t.Parallel()
	for seed := range uint64(20) {
		if a, b := generated(seed, 300), generated(seed, 300); !slices.Equal(a, b) {
			t.Errorf("seed %d gives other steps the second time", seed)
		}
		if a, b := generated(seed, 10), generated(seed+1, 10); slices.Equal(a, b) {
			t.Errorf("seeds %d and %d give the same steps", seed, seed+1)
		}
	}
}

// TestALongerSoakBeginsLikeAShorterOne shows that the steps of a soak do not depend on its length.
func TestALongerSoakBeginsLikeAShorterOne(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the soak itself")
	}
	t.Parallel()
	if long, short := generated(7, 300), generated(7, 30); !slices.Equal(long[:30], short) {
		t.Error("the first steps depend on how many follow")
	}
}

// TestEachRowOfTheTableHappensToEachOfItsObjects shows that the generated steps of a soak cover
// each row of its table. It generates half an hour for each of ten seeds.
func TestEachRowOfTheTableHappensToEachOfItsObjects(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the soak itself")
	}
	t.Parallel()
	seen := map[string]bool{}
	for seed := range uint64(10) {
		for _, s := range generated(seed+1, 600) {
			seen[strings.TrimSpace(s.place+" "+s.object)+": "+s.do] = true
		}
	}
	for _, a := range everything(testNodes) {
		for _, o := range a.objects {
			if !seen[o+": "+a.name] {
				t.Errorf("never: %s %s", a.name, o)
			}
		}
	}
}

// TestEveryEditChangesSomethingAndStepsFollowEachOther shows that no generated edit of the soak is
// empty and that steps are in order.
func TestEveryEditChangesSomethingAndStepsFollowEachOther(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the soak itself")
	}
	t.Parallel()
	for seed := range uint64(10) {
		values, before := map[string]string{}, time.Duration(0)
		for _, a := range everything(testNodes) {
			for _, o := range a.objects {
				if len(a.values) > 0 {
					values[a.name+" "+o] = a.values[0]
				}
			}
		}
		for _, s := range generated(seed, 600) {
			if d := s.at - before; d < pause[0] || d > pause[1] {
				t.Errorf("seed %d: %v after the step before: %v", seed, d, s)
			}
			before = s.at
			if s.lasts > 0 {
				continue
			}
			key := s.do + " " + strings.TrimSpace(s.place+" "+s.object)
			if values[key] == s.value {
				t.Errorf("seed %d: %v changes nothing", seed, s)
			}
			values[key] = s.value
		}
	}
}

// TestFaultsThatHappenAloneLeaveTimeBetweenThem shows that the soak leaves time between faults that
// must not coincide.
func TestFaultsThatHappenAloneLeaveTimeBetweenThem(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the soak itself")
	}
	t.Parallel()
	alone := map[string]bool{}
	for _, a := range everything(testNodes) {
		alone[a.name] = a.alone
	}
	for seed := range uint64(10) {
		var over time.Duration
		for _, s := range generated(seed, 600) {
			if !alone[s.do] {
				continue
			}
			if s.at < over {
				t.Errorf("seed %d: %v begins at %v, the one before is over at %v", seed, s, s.at, over)
			}
			over = s.at + s.lasts + recovery
		}
	}
}

// TestAStepNamesWhatHappensToWhat shows that the text of a step of the soak names its object.
func TestAStepNamesWhatHappensToWhat(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the soak itself")
	}
	t.Parallel()
	for want, s := range map[string]step{
		"step 3 scales soak-tls web 4": {number: 3, do: scale, place: secure, object: "web", value: "4"},
		"step 9 kills node node-a for 12s": {
			number: 9, do: nodeDeath, object: "node-a", lasts: 12 * time.Second,
		},
	} {
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestTheUsualSeedMeetsMuchInItsMinute shows that the minute of the usual run contains each
// important kind of step.
func TestTheUsualSeedMeetsMuchInItsMinute(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the soak itself")
	}
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range generated(usual, 100) {
		if s.at < 50*time.Second {
			seen[s.do] = true
		}
	}
	for _, want := range []string{nodeDeath, controllerKill, refusals, port, rollout, certificate, mistake, ingressHealth,
		serviceHealth} {
		if !seen[want] {
			t.Errorf("it never %s; choose another seed", want)
		}
	}
}
