package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

const (
	// refreshPause is the pause between two looks at Forwards.
	refreshPause = 200 * time.Millisecond
	// patience is how long a command gets to end by itself after SIGTERM.
	patience = 10 * time.Second
	// failures is how many looks at Forwards fail in a row before the user is told.
	failures = 5
)

// nameServer is where the name server answers in the command's network.
var nameServer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 53)

// Run runs the command and returns its exit status. The end of ctx sends SIGTERM to it, and SIGKILL later, unless
// Options.Heard. The error is a *NotPermittedError where the machine permits no network namespace. The calling program
// must call Main early if Inside.
func Run(ctx context.Context, o Options) (int, error) {
	dir, err := os.MkdirTemp("", "playground-exec-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	for name, content := range map[string]string{"resolv.conf": "nameserver 127.0.0.1\noptions timeout:20 attempts:2\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return 0, err
		}
	}
	child, control, err := start(o, dir)
	if err != nil {
		return 0, err
	}
	r := &relay{options: o, control: control, open: map[Forward]io.Closer{}, told: map[any]bool{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	defer r.stop()
	ended := make(chan struct{})
	var failure error
	go func() {
		defer close(ended)
		failure = child.Wait()
	}()
	if err := r.begin(); err != nil {
		_ = child.Process.Kill()
		<-ended
		return 0, err
	}
	select {
	case <-ended:
	case <-ctx.Done():
		if o.Heard != nil && o.Heard() {
			<-ended
			break
		}
		_ = child.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(patience, func() { _ = control.Close() }) // then the command is killed
		<-ended
		late.Stop()
	}
	var exit *exec.ExitError
	if failure != nil && !errors.As(failure, &exit) {
		return 0, failure
	}
	if code := child.ProcessState.ExitCode(); code >= 0 {
		return code, nil
	}
	return 128 + int(syscall.SIGKILL), nil
}

// start starts this program again, in namespaces of its own. Root needs no user namespace, in which other users would
// not exist; where root is not permitted to do without, it gets one as everybody else.
func start(o Options, dir string) (*exec.Cmd, *net.UnixConn, error) {
	const needed = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS
	attempts := []uintptr{needed | syscall.CLONE_NEWUSER}
	if os.Geteuid() == 0 {
		attempts = []uintptr{needed, needed | syscall.CLONE_NEWUSER}
	}
	var last error // of root's two attempts, that of the kind that everybody has
	for _, flags := range attempts {
		child, control, err := startIn(o, dir, flags)
		if err == nil {
			return child, control, nil
		}
		last = err
	}
	return nil, nil, &NotPermittedError{last}
}

// startIn is start with these namespaces; it returns when the network is prepared.
func startIn(o Options, dir string, flags uintptr) (*exec.Cmd, *net.UnixConn, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "controls"), os.NewFile(uintptr(pair[1]), "controls")
	defer ours.Close()
	defer theirs.Close()
	child := exec.Command(self, append([]string{dir}, o.Command...)...)
	child.Args[0], child.Env = marker, o.Environ
	child.Stdin, child.Stdout, child.Stderr = o.Stdin, o.Stdout, o.Err
	child.ExtraFiles = []*os.File{theirs}
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	if flags&syscall.CLONE_NEWUSER != 0 {
		child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	if err := child.Start(); err != nil {
		return nil, nil, err
	}
	_ = theirs.Close() // so that the end of the child shows
	conn, err := net.FileConn(ours)
	if err == nil {
		control := conn.(*net.UnixConn)
		if _, err = receive(control); err == nil {
			return child, control, nil
		}
		_ = conn.Close()
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	return nil, nil, err
}

// receive reads a reply and its socket, if it has one.
func receive(control *net.UnixConn) (*os.File, error) {
	buf, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	n, rn, _, _, err := control.ReadMsgUnix(buf, rights)
	if err == nil && n == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("prepare the network: %w", err)
	}
	var r reply
	if err := json.Unmarshal(buf[:n], &r); err != nil {
		return nil, err
	}
	if r.Error != "" {
		return nil, &refusal{r}
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rn])
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return nil, err
	}
	unix.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "socket"), nil
}

// refusal is an error of the process in the command's network.
type refusal struct{ reply }

func (e *refusal) Error() string { return e.reply.Error }

// relay carries what arrives in the command's network to this machine.
type relay struct {
	options Options
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup

	mu      sync.Mutex // guards what follows, and one exchange on control at a time
	control *net.UnixConn
	open    map[Forward]io.Closer

	telling sync.Mutex   // guards what follows
	told    map[any]bool // problems of which the user knows
	failed  int          // looks at Forwards in a row
}

// begin opens what the command needs from its start, and starts it.
func (r *relay) begin() error {
	for _, f := range r.fixed() {
		if err := r.add(f); err != nil {
			return err
		}
	}
	r.refresh()
	r.work.Go(func() {
		for sleep.For(r.ctx, refreshPause) == nil {
			r.refresh()
		}
	})
	content, err := json.Marshal(order{Start: true})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err = r.control.Write(content)
	return err
}

// fixed are the forwards that the command has from its start to its end: the name server first.
func (r *relay) fixed() []Forward {
	return append([]Forward{{"tcp", nameServer, r.options.NameServer}, {"udp", nameServer, r.options.NameServer}},
		r.options.Fixed...)
}

// refresh opens what is new. A failure, as while the playground ends, shows in connections that are refused.
func (r *relay) refresh() {
	if r.options.Forwards == nil {
		return
	}
	all, err := r.options.Forwards(r.ctx)
	r.tellForwards(err)
	if err != nil {
		return
	}
	wanted := map[Forward]bool{}
	for _, f := range append(r.fixed(), all...) {
		wanted[f] = true
	}
	r.closeOthers(wanted)
	for _, f := range all {
		r.tellSocket(f, r.add(f))
	}
}

// closeOthers closes what leads nowhere any more: listeners that are gone.
func (r *relay) closeOthers(wanted map[Forward]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for f, socket := range r.open {
		if !wanted[f] {
			_ = socket.Close()
			delete(r.open, f)
		}
	}
}

// add opens a socket in the command's network, unless it is open.
func (r *relay) add(f Forward) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[f] != nil || r.ctx.Err() != nil {
		return nil
	}
	content, err := json.Marshal(order{Network: f.Network, Address: f.At.String()})
	if err != nil {
		return err
	}
	if _, err := r.control.Write(content); err != nil {
		return err
	}
	file, err := receive(r.control)
	if err != nil {
		return fmt.Errorf("open %s %s: %w", f.Network, f.At, err)
	}
	defer file.Close()
	if f.Network == "udp" {
		c, err := net.FilePacketConn(file)
		if err != nil {
			return err
		}
		r.open[f] = c
		if f.At == nameServer {
			r.work.Go(func() { r.queries(c) })
		} else {
			r.work.Go(func() { r.datagrams(c, f) })
		}
		return nil
	}
	l, err := net.FileListener(file)
	if err != nil {
		return err
	}
	r.open[f] = l
	r.work.Go(func() { r.connections(l, f) })
	return nil
}

// stop closes everything and waits.
func (r *relay) stop() {
	r.cancel()
	_ = r.control.Close()
	r.mu.Lock()
	for _, socket := range r.open {
		_ = socket.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}
