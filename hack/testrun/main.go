// Command testrun runs the project's test suites. It prints how far each suite is, shows the output of failed tests
// only, and ends each failure with the command that repeats that test alone. The Makefile's test targets call it, with
// GOFLAGS set.
//
//	testrun test              all suites, short form: what a change needs
//	testrun all               all suites, long form (LBC_TEST_ALL=1)
//	testrun long              the packages that have long forms, in these, without the race detector
//	testrun check             unit and golden tests without the race detector, with Go's cache of results
//	testrun area ./internal/compile/...   some packages, those that import them, and golden files of the whole pipeline
//	testrun times             the dearest tests of the last runs
//	testrun list              each end-to-end test, and what only it shows
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if len(os.Args) > 1 && os.Args[1] == "-measured" {
		os.Exit(measured(os.Args[2:]))
	}
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

const usage = `usage: testrun [flags] test | all | long | check | area PATTERN... | times | list

flags:
`

// options are the flags of the command line.
type options struct {
	run      string // -run of go test
	cover    string // directory for coverage counters, absolute; empty: none
	measure  bool   // record the processor time of each test binary
	times    string // directory in which the times of each suite are kept
	count    int    // rows that times prints
	testArgs string // further flags of go test
}

// run executes one command and returns the exit status: 1 for failed tests, 2 for wrong usage.
func run(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("testrun", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), usage); flags.PrintDefaults() } //nolint:errcheck // a terminal
	var o options
	flags.StringVar(&o.run, "run", "", "run only tests that match this regular expression; results are not taken "+
		"from the cache")
	flags.StringVar(&o.cover, "cover", "", "write coverage counters of our packages into this directory; the race "+
		"detector is off, for it covers nothing more")
	flags.BoolVar(&o.measure, "measure", false, "record the processor time of each package too; nothing is taken "+
		"from the cache")
	flags.StringVar(&o.times, "times", "bin/testtimes", "directory with the times of the last run of each suite")
	flags.IntVar(&o.count, "rows", 100, "number of tests that \"times\" prints")
	flags.StringVar(&o.testArgs, "flags", "", "further flags of go test, such as '-v -failfast'")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	err := command(ctx, flags.Args(), o)
	switch {
	case errors.Is(err, errFailed):
		return 1
	case err != nil:
		fmt.Fprintln(os.Stderr, "testrun:", err)
		return 2
	}
	return 0
}

// errFailed says that tests failed, which has been printed.
var errFailed = errors.New("tests failed")

func command(ctx context.Context, args []string, o options) error {
	if len(args) == 0 {
		return errors.New("name what to run: test, all, long, check, area, times or list; -h explains them")
	}
	name, rest := args[0], args[1:]
	if name == "times" {
		return printTimes(os.Stdout, o.times, o.count)
	}
	if name != "area" && len(rest) > 0 {
		return fmt.Errorf("%s takes no arguments, got %q", name, rest)
	}
	if name == "list" {
		return printTests(os.Stdout, ".")
	}
	suites, err := plan(ctx, name, rest)
	if err != nil {
		return err
	}
	if o.run != "" {
		suites = slices.DeleteFunc(suites, func(s suite) bool { return s.importers })
	}
	if o.cover != "" {
		if o.cover, err = filepath.Abs(o.cover); err != nil {
			return err
		}
		if err := os.MkdirAll(o.cover, 0o750); err != nil {
			return err
		}
		for i := range suites {
			suites[i].race = false
		}
	}
	return runSuites(ctx, suites, o)
}
