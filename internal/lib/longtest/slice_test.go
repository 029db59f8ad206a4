package longtest

import (
	"fmt"
	"testing"
)

func TestEachLongTestRunsInOneSlice(t *testing.T) {
	t.Parallel()
	const slices, tests = 12, 600
	sizes := make([]int, slices)
	for test := range tests {
		runs := 0
		for slice := range slices {
			ok, err := selected(fmt.Sprintf("TestNumber%d/part", test), choice{slice: fmt.Sprintf("%d/%d", slice, slices)})
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				runs++
				sizes[slice]++
			}
		}
		if runs != 1 {
			t.Errorf("test %d runs in %d slices, want 1", test, runs)
		}
	}
	for slice, n := range sizes {
		if n < tests/slices/2 || n > tests/slices*2 {
			t.Errorf("slice %d has %d of %d tests", slice, n, tests)
		}
	}
}

func TestLongTestsRunIfAsked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		choice
		want, fail bool
	}{
		{},
		{choice: choice{all: true}, want: true},
		{choice: choice{all: true, slice: "0/2"}, want: true},
		{choice: choice{named: true}, want: true},
		{choice: choice{slice: "0/1"}, want: true},
		{choice: choice{slice: "1/1"}, fail: true},
		{choice: choice{slice: "-1/2"}, fail: true},
		{choice: choice{slice: "1"}, fail: true},
		{choice: choice{slice: "0/0"}, fail: true},
		{choice: choice{slice: "a/b"}, fail: true},
	} {
		got, err := selected("TestIt", tt.choice)
		if got != tt.want || (err != nil) != tt.fail {
			t.Errorf("%+v: %v, %v", tt, got, err)
		}
	}
}
