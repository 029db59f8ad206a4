package account

import (
	"fmt"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
)

func TestTroubleThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		trouble Trouble
		ok      bool
	}{
		"none": {Trouble{}, true},
		"all": {Trouble{PageSize: 1, Provisioning: []Outcome{{"k8s-*", "failed", "x"}}, Flapping: []Flap{
			{"web", "", time.Second}}}, true},
		"negative page":    {Trouble{PageSize: -1}, false},
		"state":            {Trouble{Provisioning: []Outcome{{"x", "active", ""}}}, false},
		"pattern":          {Trouble{Provisioning: []Outcome{{"[", "failed", ""}}}, false},
		"no period":        {Trouble{Flapping: []Flap{{"web", "", 0}}}, false},
		"no target group":  {Trouble{Flapping: []Flap{{"", "i-1", time.Second}}}, false},
		"impaired is fine": {Trouble{Provisioning: []Outcome{{"x", "active_impaired", ""}}}, true},
	} {
		if err := tt.trouble.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFlappingTargetIsIllInEveryOtherHalfOfItsPeriod(t *testing.T) {
	t.Parallel()
	trouble := Trouble{Flapping: []Flap{{TargetGroup: "web", Target: "10.0.0.1", Period: 10 * time.Second}}}
	web, other := &TargetGroup{Name: "web", ARN: "arn:web"}, &TargetGroup{Name: "other"}
	start := time.Unix(1_700_000_000, 0) // a multiple of the period
	target := &Target{ID: "10.0.0.1"}
	for second := range 20 {
		now := start.Add(time.Duration(second) * time.Second)
		if got, want := trouble.Ill(web, target, now), second%10 >= 5; got != want {
			t.Errorf("after %ds ill is %v", second, got)
		}
		if trouble.Ill(other, target, now) || trouble.Ill(web, &Target{ID: "10.0.0.2"}, now) {
			t.Error("a target is ill that was not named")
		}
		if got, want := trouble.NextFlap(now), now.Add(time.Duration(5-second%5)*time.Second); !got.Equal(want) {
			t.Errorf("after %ds it changes at %s, want %s", second, got, want)
		}
	}
}

func TestTargetsOfAZoneThatIsOutAreIll(t *testing.T) {
	t.Parallel()
	trouble := Trouble{ZonesOut: []string{"us-west-2a"}}
	for zone, want := range map[string]bool{"us-west-2a": true, "us-west-2b": false, "": false} {
		if got := trouble.Ill(&TargetGroup{}, &Target{Zone: zone}, time.Time{}); got != want {
			t.Errorf("a target in %q: ill is %v", zone, got)
		}
	}
}

func TestProvisioningEndsAsTroubleSets(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	a := New("123456789012", "us-west-2", c, Real())
	a.Trouble.Provisioning = []Outcome{{"bad-*", "failed", "out of racks"}, {"half", "active_impaired", ""}}
	for name, want := range map[string]string{"bad-1": "failed", "half": "active_impaired", "good": "active"} {
		lb := &LoadBalancer{Name: name, ARN: "arn:" + name, ActiveAt: c.Now().Add(time.Minute)}
		a.AddLoadBalancer(lb)
		if got, _ := lb.StateAt(c.Now()); got != "provisioning" {
			t.Errorf("%s is %s at first", name, got)
		}
		if got, reason := lb.StateAt(c.Now().Add(time.Minute)); got != want ||
			(want == "failed") != (reason == "out of racks") {
			t.Errorf("%s is %s (%s) in the end, want %s", name, got, reason, want)
		}
	}
}

func TestShuffledListsHoldTheSameInAnotherOrder(t *testing.T) {
	t.Parallel()
	trouble := Trouble{Shuffle: true}
	orders := map[string]bool{}
	for range 20 {
		list := []int{0, 1, 2, 3, 4, 5}
		trouble.Order(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		sum := 0
		for _, v := range list {
			sum |= 1 << v
		}
		if sum != 63 {
			t.Fatalf("%v is no permutation", list)
		}
		orders[fmt.Sprint(list)] = true
	}
	if len(orders) < 10 {
		t.Errorf("20 answers came in %d orders", len(orders))
	}
}
