// Command progress runs commands one after the other and prints, every few seconds, how far they are: of builds, what
// part of the packages that are not in the cache is compiled, and about how long the rest takes; of other commands, for
// how long they have been at work. It imports the standard library only, since its own compilation comes before
// anything is printed.
//
//	progress go build -o bin/ ./cmd/... -- go build -C playground -o ../bin/ ./cmd/playground
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// every is the time between two lines.
const every = 10 * time.Second

func main() {
	var stages []*stage
	for _, args := range split(os.Args[1:]) {
		stages = append(stages, newStage(args))
	}
	if len(stages) == 0 {
		fmt.Fprintln(os.Stderr, "progress: name a command, and further ones after --")
		os.Exit(2)
	}
	os.Exit(run(stages, os.Stderr))
}

// split cuts commands apart at each --.
func split(args []string) (commands [][]string) {
	for len(args) > 0 {
		i := slices.Index(args, "--")
		if i < 0 {
			return append(commands, args)
		}
		if i > 0 {
			commands = append(commands, args[:i])
		}
		args = args[i+1:]
	}
	return commands
}

// run executes the stages until one fails, and gives its exit status.
func run(stages []*stage, out io.Writer) int {
	began := time.Now()
	w := newWork()
	for _, s := range stages {
		if s.build != nil {
			if err := w.add(*s.build, out); err != nil { // the build itself reports it better
				fmt.Fprintln(out, "  … the duration cannot be estimated:", err) //nolint:errcheck // a terminal
			}
		}
	}
	if text := w.announce(); text != "" {
		fmt.Fprintln(out, "  "+text) //nolint:errcheck // a terminal
	}
	w.start(time.Now())
	done := make(chan struct{})
	var reporter sync.WaitGroup
	reporter.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				fmt.Fprintln(out, "  "+w.line(now, now.Sub(began))) //nolint:errcheck // a terminal
			case <-done:
				return
			}
		}
	})
	defer reporter.Wait()
	defer close(done)
	for _, s := range stages {
		if status := s.run(w, out); status != 0 {
			return status
		}
	}
	return 0
}

// stage is one command.
type stage struct {
	args  []string
	build *build // nil: no build
}

func newStage(args []string) *stage {
	if b, ok := parse(args); ok {
		return &stage{args: b.verbose, build: &b}
	}
	return &stage{args: args}
}

func (s *stage) run(w *work, out io.Writer) int {
	cmd := exec.Command(s.args[0], s.args[1:]...) //nolint:gosec // of the Makefile
	cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
	var lines sync.WaitGroup
	if s.build == nil {
		cmd.Stderr = os.Stderr
	} else {
		pipe, err := cmd.StderrPipe()
		if err != nil {
			fmt.Fprintln(out, "progress:", err) //nolint:errcheck // a terminal
			return 1
		}
		defer pipe.Close() //nolint:errcheck // of a command that did not start
		lines.Go(func() { w.follow(pipe, out) })
	}
	// A signal of the terminal reaches the command without help; its end is awaited.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(out, "progress:", err) //nolint:errcheck // a terminal
		return 1
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				if s == syscall.SIGTERM {
					_ = cmd.Process.Signal(s)
				}
			case <-ended:
				return
			}
		}
	}()
	lines.Wait() // before Wait, which closes the pipe
	_ = cmd.Wait()
	close(ended)
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	return 1 // by a signal
}

// follow takes the names of packages out of what a build prints, and passes the rest on.
func (w *work) follow(in io.Reader, out io.Writer) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if text := lines.Text(); !w.started(strings.TrimSpace(text)) {
			fmt.Fprintln(out, text) //nolint:errcheck // a terminal
		}
	}
	_, _ = io.Copy(out, in) // a line that is too long
}
