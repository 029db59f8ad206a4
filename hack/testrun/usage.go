package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// measured runs a test binary and adds a line with its directory and processor time to the file that TESTRUN_USAGE
// names. go test calls it, by its flag -exec, in the directory of the package. It returns the exit status of the
// binary.
func measured(args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "testrun -measured: name a command")
		return 2
	}
	cmd := exec.Command(args[0], args[1:]...) //nolint:gosec // go test's own
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "testrun:", err)
		return 2
	}
	state := cmd.ProcessState
	if file := os.Getenv("TESTRUN_USAGE"); file != "" {
		if err := appendUsage(file, state.UserTime().Seconds()+state.SystemTime().Seconds()); err != nil {
			fmt.Fprintln(os.Stderr, "testrun:", err)
			return 2
		}
	}
	return state.ExitCode()
}

func appendUsage(file string, seconds float64) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0) //nolint:gosec // of the caller
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%.2f %s\n", seconds, dir)
	return errors.Join(err, f.Close())
}

// addUsage adds the processor times in the file to the packages of a record.
func addUsage(r *record, file string) error {
	f, err := os.Open(file) //nolint:gosec // our own
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, dir, _ := strings.Cut(lines.Text(), " ")
		var seconds float64
		if _, err := fmt.Sscan(text, &seconds); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for i, t := range r.tests {
			if t.Test == "" && strings.HasSuffix(dir, strings.TrimPrefix(short(t.Package), ".")) {
				r.tests[i].Processor = max(t.Processor, seconds)
			}
		}
	}
	return nil
}
