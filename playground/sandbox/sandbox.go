// Package sandbox runs a command in a separate network. In this network, chosen addresses lead to sockets of this
// machine, and a name server answers at port 53. It uses Linux namespaces and imports the standard library and
// golang.org/x/sys only.
package sandbox

import (
	"context"
	"fmt"
	"net/netip"
	"os"
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
	// server. What is open stays open.
	Forwards func(ctx context.Context) ([]Forward, error)
	// Heard reports whether what has ended the context reaches the command by itself, as Ctrl-C at a terminal does. Then
	// the command gets no other signal, and as much time as it takes. nil = it does not.
	Heard func() bool
}

// NotPermittedError is returned where the machine permits no network namespace.
type NotPermittedError struct{ Cause error }

func (e *NotPermittedError) Error() string {
	return fmt.Sprintf("this machine permits no network of its own for a command: %v", e.Cause)
}

func (e *NotPermittedError) Unwrap() error { return e.Cause }
