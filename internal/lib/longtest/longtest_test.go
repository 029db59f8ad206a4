package longtest

import (
	"flag"
	"testing"
)

func TestSampleTakesTheFirstOfEachN(t *testing.T) {
	t.Parallel()
	s, taken := &Sample{every: 3}, ""
	for range 7 {
		taken += map[bool]string{false: "-", true: "x"}[s.Next()]
	}
	if taken != "x--x--x" {
		t.Error(taken)
	}
}

func TestSlicesTogetherTryAllCasesOfARotatingSample(t *testing.T) {
	t.Setenv(Variable, "")
	for slice, want := range map[string]string{"": "x---x---x", "0/12": "x---x---x", "1/12": "-x---x---", "6/12": "--x---x--",
		"11/12": "---x---x-", "wrong": "x---x---x"} {
		s, taken := rotated(4, slice), ""
		for range 9 {
			taken += map[bool]string{false: "-", true: "x"}[s.Next()]
		}
		if taken != want {
			t.Errorf("slice %q: %s, want %s", slice, taken, want)
		}
	}
}

func TestTheVariableSelectsTheLongForm(t *testing.T) {
	t.Setenv(SliceVariable, "") // a slice or -run may select the subtests, too
	run := flag.Lookup("test.run").Value
	named := run.String()
	t.Cleanup(func() { _ = run.Set(named) })
	_ = run.Set("") // a string: it cannot fail
	for value, long := range map[string]bool{"": false, "0": false, "1": true} {
		t.Setenv(Variable, value)
		ran := false
		t.Run("value "+value, func(t *testing.T) {
			Long(t, "an example")
			ran = true
		})
		if Enabled() != long || ran != long {
			t.Errorf("%s=%q: enabled %v, ran %v", Variable, value, Enabled(), ran)
		}
		seeds, every := 2, 20
		if long {
			seeds, every = 80, 1
		}
		if Seeds(2, 80) != seeds || Every(20) != every {
			t.Errorf("%s=%q: %d seeds, one of %d", Variable, value, Seeds(2, 80), Every(20))
		}
	}
}
