package longtest

import (
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"strings"
	"testing"
)

// SliceVariable is the environment variable that selects one slice of the long tests: i/n is slice i of n; i counts
// from 0.
const SliceVariable = "LBC_TEST_SLICE"

// Long skips a test unless LBC_TEST_ALL is 1, LBC_TEST_SLICE selects the test, or the command line names tests with
// -run. why says what makes the test long. Call Long first, in a test or in a subtest: slices divide the callers by
// name.
func Long(t testing.TB, why string) {
	t.Helper()
	runs, err := selected(t.Name(), choice{all: Enabled(), slice: os.Getenv(SliceVariable), named: named()})
	if err != nil {
		t.Fatal(err)
	}
	if !runs {
		t.Skipf("long: %s; %s=1 runs the test", why, Variable)
	}
}

// named reports whether the command line names tests with -run.
func named() bool {
	f := flag.Lookup("test.run")
	return f != nil && f.Value.String() != ""
}

// InSlice reports whether slice i/n of the long tests, if it is not empty, has a test.
func InSlice(test, slice string) (bool, error) { return selected(test, choice{slice: slice}) }

// choice is what the environment and the command line ask for.
type choice struct {
	all   bool
	slice string // empty: none
	named bool   // -run names the tests
}

// selected reports whether a long test runs.
func selected(test string, c choice) (bool, error) {
	if c.slice == "" || c.all || c.named {
		return c.all || c.named, nil
	}
	i, n, err := parse(c.slice)
	if err != nil {
		return false, err
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(test)) // it cannot fail
	return h.Sum32()%n == i, nil
}

// parse reads i/n.
func parse(slice string) (i, n uint32, err error) {
	index, count, _ := strings.Cut(slice, "/")
	first, errFirst := strconv.ParseUint(index, 10, 32)
	second, errSecond := strconv.ParseUint(count, 10, 32)
	if errFirst != nil || errSecond != nil || first >= second {
		return 0, 0, fmt.Errorf("%s=%q is not a slice: write i/n with 0 <= i < n, such as 3/12", SliceVariable, slice)
	}
	return uint32(first), uint32(second), nil
}
