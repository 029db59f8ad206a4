// Package sandbox runs a command in a separate network. In this network, chosen addresses lead to sockets of this
// machine, and a name server answers at port 53. It uses Linux namespaces and imports the standard library and
// golang.org/x/sys only.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
)

// Forward is an address of the command's network and where connections to it, or datagrams, go on this machine.
type Forward struct {
	Network string // tcp or udp
	At, To  netip.AddrPort
}

// Options describe a command and its network. All of At are addresses of loopback, for the network has nothing else.
type Options struct {
	Command            []string
	Environ            []string
	Stdin, Stdout, Err *os.File
	Fixed              []Forward      // open before the command starts
	NameServer         netip.AddrPort // what answers at port 53
	// Forwards are further ones at the moment. They are asked for again and again, and before each answer of the name
	// server. Run reports on Err if one cannot be opened, if Forwards fails, and if the name server does not answer.
	Forwards func(ctx context.Context) ([]Forward, error)
	// Heard reports whether what has ended the context reaches the command by itself, as Ctrl-C at a terminal does. Then
	// the command gets no other signal, and as much time as it takes. nil = it does not.
	Heard func() bool
}

// NotPermittedError is returned where the machine permits no network namespace.
type NotPermittedError struct{ Cause error }

func (e *NotPermittedError) Error() string {
	cause, text := e.Cause, ""
	if path := new(fs.PathError); errors.As(cause, &path) {
		cause = path.Err // the path is this program's
	}
	if errors.Is(cause, syscall.ENOSPC) { // of namespaces
		text = " (the sysctls user.max_user_namespaces and user.max_net_namespaces limit their number)"
	}
	return fmt.Sprintf("this machine permits no separate network for the command: %v%s", cause, text)
}

// NotStarted is what people see of a command that could not be started, and the exit status that shells give.
func NotStarted(command string, err error) (text string, status int) {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return command + " is not in PATH", 127
	case errors.Is(err, fs.ErrNotExist):
		return command + " does not exist, or its interpreter does not", 127
	case errors.Is(err, fs.ErrPermission):
		return command + " is not an executable file", 126
	}
	return err.Error(), 126
}

func (e *NotPermittedError) Unwrap() error { return e.Cause }
