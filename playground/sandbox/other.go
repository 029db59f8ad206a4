//go:build !linux

package sandbox

import (
	"context"
	"errors"
)

// Inside reports whether this process is the one that prepares the network.
func Inside() bool { return false }

// Main prepares the network; it is for Linux.
func Main() int { return 1 }

// Run reports that there are no namespaces.
func Run(context.Context, Options) (int, error) {
	return 0, &NotPermittedError{errors.New("namespaces are of Linux")}
}
