package account

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestProfilesAreFoundByName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"instant", "fast", "real"} {
		if p, err := ProfileByName(name); err != nil || p.Name != name {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if _, err := ProfileByName("slow"); err == nil ||
		err.Error() != `profile "slow" does not exist: use one of fast, instant, real` {
		t.Errorf("got %v", err)
	}
	if got := Fast().DrainFor(300 * time.Second); got != 100*time.Millisecond {
		t.Errorf("fast drains %s", got)
	}
	if got := Real().DrainFor(300 * time.Second); got != 300*time.Second {
		t.Errorf("real drains %s", got)
	}
}

func TestEveryDurationOfAProfileCanBeSetByName(t *testing.T) {
	t.Parallel()
	durations := 0
	for f := range reflect.TypeFor[Profile]().Fields() {
		if f.Type == reflect.TypeFor[time.Duration]() {
			durations++
		}
	}
	if durations != len(timings) {
		t.Errorf("a profile has %d durations, %d have names: add the missing ones to timings", durations, len(timings))
	}
	var p Profile
	for i, timing := range timings {
		d := time.Duration(i+1) * time.Second
		if err := p.SetTiming(timing.name, d); err != nil {
			t.Fatal(err)
		}
	}
	for i, timing := range timings { // after all were set: no two names may mean the same duration
		if got, err := p.Timing(timing.name); err != nil || got != time.Duration(i+1)*time.Second {
			t.Errorf("%s is %s, %v; want %ds", timing.name, got, err, i+1)
		}
	}
	if err := p.SetTiming("lunch", time.Second); err == nil || !strings.Contains(err.Error(), "draining") {
		t.Errorf("an unknown name: %v, want an error that lists the known ones", err)
	}
	if err := p.SetTiming("draining", -1); err == nil {
		t.Error("a negative duration was taken")
	}
}

func TestOnlyTheInstantProfileShowsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"compute-described", "compute-changed", "compute-tagged", "balancing-listed"} {
		instant, _ := Instant().Timing(name)
		fast, _ := Fast().Timing(name)
		slow, _ := Real().Timing(name)
		if instant != 0 || fast <= 0 || fast > 100*time.Millisecond || slow < time.Second {
			t.Errorf("%s: instant %s, fast %s, real %s", name, instant, fast, slow)
		}
	}
}

func TestAnAcceleratorIsDeployedAfterItsEndpoints(t *testing.T) {
	t.Parallel()
	for _, p := range []Profile{Fast(), Real()} {
		if slowest := max(p.LoadBalancerActive, p.NetworkLoadBalancerActive); p.AcceleratorDeploy < slowest {
			t.Errorf("%s: an accelerator is deployed after %s, before a new load balancer is active (%s)", p.Name,
				p.AcceleratorDeploy, slowest)
		}
		if p.AcceleratorChange < p.EndpointInitial {
			t.Errorf("%s: a new endpoint is deployed after %s, before the first verdict on its health (%s)", p.Name,
				p.AcceleratorChange, p.EndpointInitial)
		}
		if p.AcceleratorDeploy < time.Second || p.AcceleratorChange < time.Second {
			t.Errorf("%s: a change is deployed after %s, sooner than a slow client makes the next one", p.Name,
				min(p.AcceleratorDeploy, p.AcceleratorChange))
		}
	}
}
