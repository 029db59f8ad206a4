package longtest

import (
	"flag"
	"testing"
)

func TestFormsOfATest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		form         form
		seeds, every int // of seeds(2, 80) and of every(20)
	}{
		{form{}, 2, 20},
		{form{race: true}, 2, 20},
		{form{long: true}, 80, 1},
		{form{long: true, race: true}, 10, 8},
	} {
		if n := tt.form.seeds(2, 80); n != tt.seeds {
			t.Errorf("%+v: %d seeds, want %d", tt.form, n, tt.seeds)
		}
		if n := tt.form.every(20); n != tt.every {
			t.Errorf("%+v: one of %d, want one of %d", tt.form, n, tt.every)
		}
	}
	if n := (form{long: true, race: true}).seeds(4, 12); n != 4 {
		t.Errorf("the long form has %d seeds, fewer than the short form", n)
	}
	if n := (form{long: true, race: true}).every(3); n != 3 {
		t.Errorf("the long form tries one of %d, the short form one of 3", n)
	}
}

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
	}
}
