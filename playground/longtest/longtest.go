// Package longtest divides the tests of the playground into a core, which "make test" runs, and long tests, which
// "make test-all" runs. It imports only the standard library.
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

const (
	// AllVariable runs all tests if it is 1.
	AllVariable = "LBC_TEST_ALL"
	// SliceVariable runs one slice of the long tests beside the core: i/n is slice i of n; i counts from 0.
	SliceVariable = "LBC_TEST_SLICE"
)

// Long skips the test unless LBC_TEST_ALL is 1, LBC_TEST_SLICE selects the test, or the command line names tests with -run.
// why says what makes the test long. Call Long first, in a test or in a subtest: slices divide the callers by name.
func Long(t testing.TB, why string) {
	t.Helper()
	named := flag.Lookup("test.run")
	runs, err := selected(t.Name(), choice{
		all: os.Getenv(AllVariable) == "1", slice: os.Getenv(SliceVariable), named: named != nil && named.Value.String() != "",
	})
	if err != nil {
		t.Fatal(err)
	}
	if !runs {
		t.Skipf("long: %s; %s=1 runs the test", why, AllVariable)
	}
}

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
		return 0, 0, fmt.Errorf("%s=%q is no slice: write i/n with 0 <= i < n, such as 3/12", SliceVariable, slice)
	}
	return uint32(first), uint32(second), nil
}
