// Command progress runs a go build and prints every ten seconds what part of the packages that are not in the cache is
// compiled, and about how long the rest takes. It imports the standard library only, since its own compilation comes
// before anything is printed.
//
//	progress go build -C playground -o ../bin/ ./cmd/playground
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
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	// every is the time between two lines.
	every = 10 * time.Second
	// linked is the part of a compilation, by sources, that linking takes.
	linked = 25
	// perPackage are the bytes of sources that take as long to compile as a package does besides. With it, the estimates
	// for a first make playground were between three quarters and all of what the rest took.
	perPackage = 50_000
	// few is a number of packages that are compiled before a duration can be estimated.
	few = 50
)

func main() {
	list, build := commands(os.Args[1:])
	if list == nil {
		fmt.Fprintln(os.Stderr, "usage: progress go build [-C DIR] [FLAGS] -o PATH PACKAGES")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w := work{size: map[string]int64{}}
	if err := w.list(ctx, list); err != nil { // the build itself reports it better
		fmt.Fprintln(os.Stderr, "  … the duration cannot be estimated:", err)
	}
	if len(w.size) >= few {
		fmt.Fprintf(os.Stderr, "  %d packages are to be compiled; what is compiled once is kept\n", len(w.size))
	}
	os.Exit(w.build(ctx, build))
}

// commands are the command that lists what a build compiles, and the build with the flag to print it; nil if args are
// no go build.
func commands(args []string) (list, build []string) {
	verb, out := slices.Index(args, "build"), slices.Index(args, "-o")
	if verb < 1 || out < verb || len(args) < out+3 {
		return nil, nil
	}
	list = slices.Replace(slices.Clone(args), out, out+2, "-e", "-deps",
		"-json=ImportPath,Dir,GoFiles,CgoFiles,Stale,Name")
	list[verb] = "list"
	return list, slices.Insert(slices.Clone(args), out, "-v")
}

// work is what is to be compiled and what is. The measure is the size of sources, and perPackage.
type work struct {
	size  map[string]int64 // of packages that are not in the cache
	total int64
	begun []int64 // sizes of the packages that are being compiled or are compiled, in order
	sum   int64   // of begun
	began time.Time
}

// list reads what a build compiles; go downloads the modules that are not on this machine, and says so.
func (w *work) list(ctx context.Context, args []string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // of the Makefile
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	return errors.Join(w.read(stdout), cmd.Wait())
}

// read takes packages as go list prints them.
func (w *work) read(in io.Reader) error {
	var all int64
	for d := json.NewDecoder(in); ; {
		var p struct {
			ImportPath, Dir, Name string
			GoFiles, CgoFiles     []string
			Stale                 bool
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		size := int64(perPackage)
		for _, f := range slices.Concat(p.GoFiles, p.CgoFiles) {
			if info, err := os.Stat(filepath.Join(p.Dir, f)); err == nil {
				size += info.Size()
			}
		}
		all += size
		if !p.Stale || p.ImportPath == "unsafe" {
			continue
		}
		if p.Name == "main" { // it is compiled, and all that it imports is linked
			size += all / linked
		}
		w.size[p.ImportPath] = size
		w.total += size
	}
}

// build runs the build, and returns its exit status.
func (w *work) build(ctx context.Context, args []string) int {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // of the Makefile
	cmd.Stdout = os.Stdout
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "progress:", err)
		return 1
	}
	w.began = time.Now()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			lines <- s.Text()
		}
	}()
	for tick, open := time.Tick(every), true; open; {
		var text string
		select {
		case now := <-tick:
			fmt.Fprintln(os.Stderr, "  "+w.line(now))
		case text, open = <-lines:
			if open && !w.begin(text) {
				fmt.Fprintln(os.Stderr, text)
			}
		}
	}
	if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() < 0 {
		return 1 // ended by a signal
	}
	return cmd.ProcessState.ExitCode()
}

// begin notes that the build compiles a package. It reports whether the text is the name of one.
func (w *work) begin(text string) bool {
	size, ok := w.size[text]
	if ok {
		w.begun = append(w.begun, size)
		w.sum += size
	}
	return ok
}

// line is the state of the work.
func (w *work) line(now time.Time) string {
	elapsed, done := now.Sub(w.began), w.sum
	for _, size := range w.begun[max(0, len(w.begun)-2):] { // they are still being compiled
		done -= size / 2
	}
	if len(w.size) < few || done <= 0 {
		return "… at work for " + rounded(elapsed)
	}
	text := fmt.Sprintf("… %d of %d packages, %d%%", len(w.begun), len(w.size), 100*done/w.total)
	if len(w.begun) < few {
		return text
	}
	return text + ", about " + rounded(time.Duration(float64(elapsed)*float64(w.total-done)/float64(done))) + " left"
}

// rounded is a duration in tens of seconds.
func rounded(d time.Duration) string { return max(every, d.Round(10*time.Second)).String() }
