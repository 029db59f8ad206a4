package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// every is the time between two lines of progress.
const every = 10 * time.Second

// runSuites runs the suites one after the other, all of them whatever fails, and prints what failed at the end.
func runSuites(ctx context.Context, suites []suite, o options) error {
	began := time.Now()
	var failures []string
	passed, failed, skipped := 0, 0, 0
	for i, s := range suites {
		fmt.Printf("%s (%d of %d suites)\n", s.name, i+1, len(suites))
		r, err := runSuite(ctx, s, o)
		if err != nil {
			return err
		}
		passed, failed, skipped = passed+r.passed, failed+len(r.failed), skipped+r.skipped
		failures = append(failures, repeats(s, r)...)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	fmt.Printf("took %s\n", time.Since(began).Round(time.Second))
	if o.run == "" {
		fmt.Print(leftOut(suites))
	}
	if len(failures) == 0 {
		return nil
	}
	fmt.Printf("\nfailed; to repeat one alone:\n")
	for _, f := range failures {
		fmt.Println("  " + f)
	}
	return errFailed
}

// runSuite runs one suite.
func runSuite(ctx context.Context, s suite, o options) (*record, error) {
	former, err := load(o.times, s.name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if len(former) == 0 {
		former = unmeasured(s)
	}
	usage, err := os.CreateTemp("", "testrun-usage-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(usage.Name()) //nolint:errcheck // temporary
	defer usage.Close()           //nolint:errcheck // temporary

	cmd := exec.CommandContext(ctx, "go", arguments(s, o)...) //nolint:gosec // our own arguments
	// The test binaries, too, are to end: they are of the command's process group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Env = append(cmd.Env, "TESTRUN_USAGE="+usage.Name())
	cmd.Env = append(cmd.Env, garbage()...)
	if s.race {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := follow(out, len(s.packages), former)
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	if err != nil && len(r.failed) == 0 && ctx.Err() == nil {
		r.failed = append(r.failed, key{}) // a build, or a flag that go test refuses: its words were printed
	}
	if o.measure {
		if err := addUsage(r, usage.Name()); err != nil {
			return nil, err
		}
	}
	if o.run == "" && ctx.Err() == nil {
		return r, store(o.times, s.name, r.tests)
	}
	return r, nil
}

// arguments are those of the go command for a suite.
func arguments(s suite, o options) []string {
	args := []string{"test", "-C", s.dir, "-json"}
	if s.race {
		args = append(args, "-race")
	}
	args = append(args, s.args...)
	args = append(args, strings.Fields(o.testArgs)...)
	if o.run != "" {
		args = append(args, "-run="+o.run, "-count=1")
	}
	if o.measure {
		args = append(args, "-count=1", "-exec="+measuring())
	}
	if o.cover != "" {
		args = append(args, "-cover", "-coverpkg="+module+"/...")
	}
	args = append(args, s.packages...)
	if o.cover != "" {
		args = append(args, "-args", "-test.gocoverdir="+o.cover)
	}
	return args
}

// follow reads what go test prints until it ends.
func follow(in io.Reader, packages int, former []timing) *record {
	r := newRecord()
	var mu sync.Mutex // of r and the terminal
	began := time.Now()
	done := make(chan struct{})
	var reporter sync.WaitGroup
	reporter.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				mu.Lock()
				fmt.Println("  " + r.progress(now, now.Sub(began), packages, former))
				mu.Unlock()
			case <-done:
				return
			}
		}
	})
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			mu.Lock()
			fmt.Print(r.line(line, time.Now()))
			mu.Unlock()
		}
		if err != nil {
			break
		}
	}
	close(done)
	reporter.Wait()
	fmt.Print(r.stopped(time.Now(), packages))
	return r
}

// line notes a line of go test's output and returns what to print of it.
func (r *record) line(text string, now time.Time) string {
	var e event
	if err := json.Unmarshal([]byte(text), &e); err != nil || e.Action == "" {
		return text
	}
	return r.add(e, now)
}

// progress is the state of a suite: the share that is done, by the times of the former run where there was one, and the
// time left.
func (r *record) progress(now time.Time, elapsed time.Duration, packages int, former []timing) string {
	done, total := float64(len(r.ended)), float64(max(packages, len(r.ended)))
	text := fmt.Sprintf("… %d tests, %d packages done", len(r.tests)-len(r.ended), len(r.ended))
	if doneSeconds, seconds := r.share(former); seconds > 0 {
		done, total = doneSeconds, seconds
	} else if packages <= 1 {
		total = 0 // a pattern: how many there are is not known
	}
	if total > 0 {
		text += fmt.Sprintf(", %.0f%%", 100*done/total)
	}
	if total > 0 && done > total/20 {
		text += fmt.Sprintf(", about %s left", (time.Duration(float64(elapsed) * (total - done) / done)).Round(
			10*time.Second))
	}
	if name, d := r.longest(now); name != "" {
		text += fmt.Sprintf("; running: %s (%s)", name, d.Round(time.Second))
	}
	return text
}

// share is how many seconds of the former run are done, of how many.
func (r *record) share(former []timing) (done, total float64) {
	ended := map[key]bool{}
	for _, t := range r.tests {
		ended[key{t.Package, t.Test}] = true
	}
	for _, t := range former {
		if t.Test == "" {
			continue // its tests count
		}
		total += t.Seconds
		if _, over := r.ended[t.Package]; over || ended[key{t.Package, t.Test}] {
			done += t.Seconds
		}
	}
	return done, total
}

// unmeasured are the tests of a suite that was never run here, as if each took one second, so that the share done grows
// with each test: the first packages are the largest, and end after minutes.
func unmeasured(s suite) (tests []timing) {
	for _, p := range s.packages {
		dir, ours := strings.CutPrefix(p, module+"/")
		if !ours {
			dir = filepath.Join(s.dir, p)
		}
		_, text := sources(dir)
		core, long := testsIn(text...)
		for _, name := range slices.Concat(core, long) {
			tests = append(tests, timing{Package: p, Test: name, Seconds: 1})
		}
	}
	return tests
}

// repeats are the commands that repeat each failed test of a suite alone.
func repeats(s suite, r *record) []string {
	var out []string
	for _, k := range r.failed {
		command := "make test PKG=" + short(k.pkg)
		if k.pkg == "" {
			out = append(out, s.name+": go "+strings.Join(arguments(s, options{}), " "))
			continue
		}
		if k.test != "" {
			parts := strings.Split(k.test, "/")
			for i, p := range parts {
				parts[i] = "^" + quoteMeta(p) + "$"
			}
			command += " RUN='" + strings.ReplaceAll(strings.Join(parts, "/"), "$", "$$") + "'"
		}
		out = append(out, strings.Join(append(slices.Clone(s.env), command), " "))
	}
	return out
}

// quoteMeta escapes what a regular expression reads otherwise, and the quote of the shell.
func quoteMeta(name string) string {
	var b strings.Builder
	for _, c := range name {
		if strings.ContainsRune(`\.+*?()|[]{}^$'`, c) {
			b.WriteRune('.')
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// measuring is the command under which test binaries run so that their processor time is recorded: this program, by
// another name.
func measuring() string {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return filepath.Clean(self) + " -measured"
}
