// Package longtest gives tests a short form, which "make test" runs, and a long form, which "make test-all" runs. Tests
// that have no short form run under "make test-all" only; .ci/run adds a slice of them. Only tests import the package.
package longtest

import (
	"flag"
	"os"
	"strconv"
)

// Variable is the environment variable that selects the long forms and the long tests: they run if its value is 1.
const Variable = "LBC_TEST_ALL"

// Enabled reports whether tests run in their long form.
func Enabled() bool { return os.Getenv(Variable) == "1" }

// Seeds returns how many seeds, steps or random cases a test tries.
func Seeds(short, long int) int {
	if Enabled() {
		return long
	}
	return short
}

// RapidChecks sets how many cases each check of pgregory.net/rapid tries. The tests of a package call it in an init
// function; the flag -rapid.checks overrides it.
func RapidChecks(short, long int) {
	if err := flag.Set("rapid.checks", strconv.Itoa(Seeds(short, long))); err != nil {
		panic(err) // the package has no such checks
	}
}

// Every returns the distance between the cases that a test tries: n in the short form, 1 in the long form.
func Every(n int) int { return Seeds(n, 1) }

// Sample chooses cases of a list that is too long for the short form.
type Sample struct{ every, seen int }

// OneOf returns a Sample of one case of n, the first of each n. The long form tries all cases.
func OneOf(n int) *Sample { return &Sample{every: Every(n)} }

// Rotating is OneOf, but begins with the case that LBC_TEST_SLICE names: slice i begins with case i. So all slices
// together try all cases, if n divides their number. If the command line names tests with -run, all cases are tried.
func Rotating(n int) *Sample {
	if named() {
		return OneOf(1)
	}
	return Shifted(n)
}

// Shifted is Rotating, but also chooses among the cases of a test that the command line names.
func Shifted(n int) *Sample { return rotated(n, os.Getenv(SliceVariable)) }

func rotated(n int, slice string) *Sample {
	s := OneOf(n)
	if i, _, err := parse(slice); err == nil { // Long reports a mistake
		s.seen = n - int(i)%n
	}
	return s
}

// Next reports whether the test tries the next case.
func (s *Sample) Next() bool {
	s.seen++
	return (s.seen-1)%s.every == 0
}
