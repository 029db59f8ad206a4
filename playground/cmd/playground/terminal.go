package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/k8s-lbc/lbc/playground/state"
)

// keepTerminal sends what libraries write to file descriptor 2 behind our back to a log: the API server's etcd client opened
// its logger on it before main began. Our own errors, and the trace of a crash, still go to the terminal.
func keepTerminal(dir state.Dir) error {
	path := dir.LogPath("stderr")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("create the directory of the logs: %w", err)
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	terminal, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return fmt.Errorf("keep the terminal: %w", err)
	}
	if err := unix.Dup2(int(log.Fd()), 2); err != nil {
		return fmt.Errorf("redirect file descriptor 2: %w", err)
	}
	os.Stderr = os.NewFile(uintptr(terminal), "stderr")
	return debug.SetCrashOutput(os.Stderr, debug.CrashOptions{})
}
