package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	marker   = "playground-sandbox" // the name of this program where it prepares the network
	controls = 3                    // the file descriptor of the socket to Run
)

// order is what Run asks for: a socket, or the start of the command.
type order struct {
	Network string `json:"network,omitempty"`
	Address string `json:"address,omitempty"`
	Start   bool   `json:"start,omitempty"`
}

// reply is the answer, with a file descriptor if a socket was opened.
type reply struct {
	Error string `json:"error,omitempty"`
	Taken bool   `json:"taken,omitempty"` // the address is in use
}

// Inside reports whether this process was started by Run to prepare the network: its program must then call Main and
// end.
func Inside() bool { return len(os.Args) > 2 && os.Args[0] == marker }

// Main prepares the network, opens sockets as Run asks for them, runs the command, and returns its exit status.
func Main() int {
	unix.CloseOnExec(controls)
	conn, err := net.FileConn(os.NewFile(controls, "controls"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "playground exec:", err)
		return 1
	}
	control := conn.(*net.UnixConn)
	if err := prepare(os.Args[1]); err != nil {
		_ = answer(control, -1, err)
		return 1
	}
	if err := answer(control, -1, nil); err != nil {
		return 1
	}
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	started, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		obey(control, func() { close(started) })
	}()
	select {
	case <-started:
	case <-gone:
		return 1
	}
	return runCommand(os.Args[2:], terminate, gone)
}

// runCommand runs the command until it ends. It passes SIGTERM on, which Run sends; what a terminal sends reaches the
// command anyway. The command ends with Run.
func runCommand(words []string, terminate <-chan os.Signal, gone <-chan struct{}) int {
	command := exec.Command(words[0], words[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := command.Start(); err != nil {
		text, status := NotStarted(words[0], err)
		fmt.Fprintln(os.Stderr, "playground exec:", text)
		return status
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-terminate:
				if s == syscall.SIGTERM {
					_ = command.Process.Signal(s)
				}
			case <-gone:
				_ = command.Process.Kill()
				gone = nil
			case <-ended:
				return
			}
		}
	}()
	err := command.Wait()
	close(ended)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal())
		}
		return exit.ExitCode()
	}
	return 1
}

// prepare makes loopback work and puts the files of a directory in the place of those that say how names are resolved.
func prepare(dir string) error {
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("start loopback: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, name := range []string{"resolv.conf", "nsswitch.conf"} {
		at, err := filepath.EvalSymlinks(filepath.Join("/etc", name))
		if errors.Is(err, os.ErrNotExist) && name == "nsswitch.conf" {
			continue // without the file, names are resolved by hosts and DNS
		}
		if err != nil {
			return fmt.Errorf("find /etc/%s: %w", name, err)
		}
		if err := unix.Mount(filepath.Join(dir, name), at, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount /etc/%s: %w", name, err)
		}
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, lo); err != nil {
		return err
	}
	lo.SetUint16(lo.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// obey opens sockets until Run is gone.
func obey(control *net.UnixConn, start func()) {
	buf := make([]byte, 4096)
	for {
		n, err := control.Read(buf)
		if err != nil || n == 0 {
			return
		}
		var o order
		if err := json.Unmarshal(buf[:n], &o); err != nil {
			return
		}
		if o.Start {
			start()
			continue
		}
		file, err := open(o)
		if err != nil {
			err = answer(control, -1, err)
		} else {
			err = answer(control, int(file.Fd()), nil)
			_ = file.Close()
		}
		if err != nil {
			return
		}
	}
}

// open opens a socket.
func open(o order) (*os.File, error) {
	if o.Network == "udp" {
		c, err := net.ListenPacket("udp", o.Address)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		return c.(*net.UDPConn).File()
	}
	l, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.(*net.TCPListener).File()
}

func answer(control *net.UnixConn, fd int, failure error) error {
	var r reply
	if failure != nil {
		r.Error, r.Taken = failure.Error(), errors.Is(failure, syscall.EADDRINUSE)
	}
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	_, _, err = control.WriteMsgUnix(content, rights, nil)
	return err
}
