package main

import (
	"bufio"
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
	"time"
)

// build is a go build.
type build struct {
	list    []string // command that lists what it compiles
	verbose []string // the build, which prints the packages that it compiles
}

// valued are the flags of go build in the Makefile whose value is the next argument.
var valued = []string{"-C", "-o", "-ldflags", "-gcflags", "-tags", "-mod"}

// parse reports whether args are a go build, which it takes apart.
func parse(args []string) (build, bool) {
	i := slices.Index(args, "build")
	if i < 1 || !strings.HasSuffix(filepath.Base(args[i-1]), "go") {
		return build{}, false
	}
	b := build{list: append(slices.Clone(args[:i]), "list")}
	rest := args[i+1:]
	at := 0 // -C has to be the first flag
	if len(rest) > 1 && rest[0] == "-C" {
		at = 2
	}
	b.verbose = slices.Concat(args[:i+1], rest[:at], []string{"-v"}, rest[at:])
	b.list = append(b.list, rest[:at]...)
	b.list = append(b.list, "-e", "-deps", "-json=ImportPath,Dir,GoFiles,CgoFiles,Stale,Name,DepOnly")
	for j := at; j < len(rest); j++ {
		switch {
		case slices.Contains(valued, rest[j]):
			j++
		case !strings.HasPrefix(rest[j], "-"):
			b.list = append(b.list, rest[j])
		}
	}
	return b, true
}

// pack is a package as go list prints it.
type pack struct {
	ImportPath, Dir, Name string
	GoFiles, CgoFiles     []string
	Stale, DepOnly        bool
}

const (
	// linked is the part of a compilation, by sources, that linking takes.
	linked = 25
	// perPackage are the bytes of sources that take as long to compile as a package does besides. With it, the estimates
	// for a first make playground were between three quarters and all of what the rest took (decision 6).
	perPackage = 50_000
)

// work is what is to be compiled and what is. The measure is the size of sources, and perPackage.
type work struct {
	mu       sync.Mutex
	size     map[string]int64 // of packages that are not in the cache
	count    int
	total    int64
	begun    []string // packages that are being compiled or are compiled, in order
	sum      int64    // of begun
	began    time.Time
	programs int
}

func newWork() *work { return &work{size: map[string]int64{}} }

// add lists what a build compiles; modules that are not on this machine are downloaded.
func (w *work) add(b build, out io.Writer) error {
	cmd := exec.Command(b.list[0], b.list[1:]...) //nolint:gosec // of the Makefile
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var notes sync.WaitGroup
	notes.Go(func() { downloads(stderr, out) })
	err = w.read(stdout)
	notes.Wait()
	return errors.Join(err, cmd.Wait())
}

// downloads prints how many modules have been asked for, at the most every few seconds.
func downloads(in io.Reader, out io.Writer) {
	n, last := 0, time.Now()
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "go: downloading ") {
			continue
		}
		n++
		if time.Since(last) > every/2 {
			last = time.Now()
			fmt.Fprintf(out, "  … downloading modules: %d so far\n", n) //nolint:errcheck // a terminal
		}
	}
	if n > 0 {
		fmt.Fprintf(out, "  downloaded %d modules\n", n) //nolint:errcheck // a terminal
	}
}

// read takes packages as go list prints them.
func (w *work) read(in io.Reader) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all int64
	for d := json.NewDecoder(in); ; {
		var p pack
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		size := p.bytes() + perPackage
		all += size
		if !p.Stale || p.ImportPath == "unsafe" {
			continue
		}
		if p.Name == "main" { // it is compiled, and all that it imports is linked
			size += all / linked
			w.programs++
		}
		if _, twice := w.size[p.ImportPath]; twice {
			continue
		}
		w.size[p.ImportPath] = size
		w.total += size
		w.count++
	}
}

func (p pack) bytes() (sum int64) {
	for _, f := range slices.Concat(p.GoFiles, p.CgoFiles) {
		if !filepath.IsAbs(f) {
			f = filepath.Join(p.Dir, f)
		}
		if info, err := os.Stat(f); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

func (w *work) start(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began = now
}

// started notes that a build compiles a package. It reports whether the text is a package's name.
func (w *work) started(path string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	size, ok := w.size[path]
	if ok && !slices.Contains(w.begun, path) {
		w.begun = append(w.begun, path)
		w.sum += size
	}
	return ok
}

// few is a number of packages that are compiled before a duration can be estimated.
const few = 50

// announce is the extent of the work, if it takes long.
func (w *work) announce() string {
	if w.count < few {
		return ""
	}
	return fmt.Sprintf("%d packages are to be compiled; what is compiled once is kept", w.count)
}

// line is the state of the work.
func (w *work) line(now time.Time, sinceStart time.Duration) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	elapsed := now.Sub(w.began)
	done := w.sum
	for _, p := range w.begun[max(0, len(w.begun)-2):] { // they are still being compiled
		done -= w.size[p] / 2
	}
	if w.count < few || done <= 0 {
		return fmt.Sprintf("… at work for %s", rounded(sinceStart))
	}
	text := fmt.Sprintf("… %d of %d packages, %d%%", len(w.begun), w.count, 100*done/max(w.total, 1))
	if len(w.begun) < few {
		return text
	}
	return text + fmt.Sprintf(", about %s left",
		rounded(time.Duration(float64(elapsed)*float64(w.total-done)/float64(done))))
}

// rounded is a duration in rounded units.
func rounded(d time.Duration) string {
	switch s := int(d.Seconds()); {
	case s < 10:
		return fmt.Sprintf("%d s", max(s, 1))
	case s < 55:
		return fmt.Sprintf("%d s", (s+5)/10*10)
	case s < 600:
		s = (s + 5) / 10 * 10
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	default:
		return fmt.Sprintf("%d min", (s+30)/60)
	}
}
