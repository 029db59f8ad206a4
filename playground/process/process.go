// Package process runs a program, such as the load balancer controller, as a child that never outlives this process. It
// imports only the standard library.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options configure Start.
type Options struct {
	Path string
	Args []string
	Env  []string // the whole environment, as of os/exec
	Log  string   // file that receives standard output and standard error, appended to
	// Stdin and Stdout, if not nil, are the child's in place of nothing and Log.
	Stdin, Stdout *os.File
}

// Process is a running child.
type Process struct {
	command *exec.Cmd
	log     string
	begins  int64 // where its own lines begin in the log, which a former process may have written
	ends    int64 // where they end; valid after done
	done    chan struct{}

	mu       sync.Mutex
	stopping bool
	err      error // how it ended; valid after done
}

// OpenLog opens a log to append to it, in a directory that it makes. Only its owner can read a new one.
func OpenLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("create the directory of the log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return f, nil
}

// Start starts the child in a separate process group. Ctrl-C at the terminal then reaches only the parent, which
// decides in which order processes end.
func Start(o Options) (*Process, error) {
	log, err := OpenLog(o.Log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Path, err)
	}
	command := exec.Command(o.Path, o.Args...)
	command.Env = o.Env
	command.Stdout, command.Stderr = log, log
	if o.Stdin != nil {
		command.Stdin = o.Stdin
	}
	if o.Stdout != nil {
		command.Stdout = o.Stdout
	}
	command.SysProcAttr = attributes()
	p := &Process{command: command, log: o.Log, done: make(chan struct{})}
	if info, err := log.Stat(); err == nil {
		p.begins = info.Size()
	}
	started := make(chan error, 1)
	go func() {
		// The kernel's "signal when the parent dies" means the thread that forked: it must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		defer log.Close()
		err := command.Start()
		started <- err
		if err == nil {
			err = command.Wait()
		}
		if info, err := log.Stat(); err == nil {
			p.ends = info.Size()
		}
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, fmt.Errorf("start %s: %w", o.Path, err)
	}
	return p, nil
}

// helpTime bounds how long a program may take to print its help, on a machine that has much else to do, too: a flag
// that is not found is not given.
const helpTime = time.Minute

// HasFlag reports whether the help of a program lists a flag, given without hyphens. A program without help has none.
func HasFlag(path, flag string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), helpTime)
	defer cancel()
	help, _ := exec.CommandContext(ctx, path, "--help").CombinedOutput() // many programs exit with 2 behind their help
	for word := range strings.FieldsSeq(string(help)) {
		if word == "--"+flag {
			return true
		}
	}
	return false
}

// PID is the child's process id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Done is closed when the child ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the child ended, with the last lines of its log; nil while it runs or if it was stopped.
func (p *Process) Err() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return nil
	}
	how := "without an error"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s ended: %s; the end of its log (%s):\n%s", p.command.Path, how, p.log, tail(p.log, p.begins, 20))
}

// Stop sends the child SIGTERM, kills it when ctx ends, and waits for it.
func (p *Process) Stop(ctx context.Context) {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill()
	}
}

// Kill ends the child at once, as a crash would, and waits for it.
func (p *Process) Kill() {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	_ = p.command.Process.Kill()
	<-p.done
}

// Tail reads the last n lines of a file, at most 64 KiB; a file that cannot be read gives the reason instead.
func Tail(path string, n int) string { return tail(path, 0, n) }

// tail is the same of what follows an offset.
func tail(path string, begins int64, n int) string {
	const limit = 64 << 10
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		begins = max(begins, info.Size()-limit)
	}
	if _, err := f.Seek(begins, io.SeekStart); err != nil {
		return err.Error()
	}
	content, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Alive reports whether a process with the id exists.
func Alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// Grace is how long the controller gets to end by itself: what its manifests give it, 10 s, less a margin.
const Grace = 8 * time.Second

// The ports that FreeAddresses gives are below the range for outgoing connections, because such a connection could take
// a port before the child listens at it.
const firstPort, ports = 10240, 32768 - 10240

// FreeAddresses finds free addresses of this machine for a child that starts a moment later. The addresses differ
// from each other, and from those that other processes of this user got lately.
func FreeAddresses(n int) ([]string, error) {
	const attempts = 100
	var all []string
	var last error
	for range attempts {
		port, err := nextPort(filepath.Join(os.TempDir(), fmt.Sprintf("lbc-ports-%d", os.Getuid())))
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		defer l.Close()
		if all = append(all, l.Addr().String()); len(all) == n {
			return all, nil
		}
	}
	return nil, fmt.Errorf("find a free port: %w", last)
}

// nextPort returns the port after the one that the file holds, and writes it there. Processes that share the file thus
// get a port again only after all others. A new file begins anywhere.
func nextPort(path string) (int, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return 0, err
	}
	content := make([]byte, len("32767"))
	n, err := f.ReadAt(content, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	last, err := strconv.Atoi(string(content[:n]))
	if err != nil || last < firstPort {
		last = firstPort + rand.IntN(ports)
	}
	port := firstPort + (last+1-firstPort)%ports
	_, err = f.WriteAt([]byte(strconv.Itoa(port)), 0)
	return port, err
}
