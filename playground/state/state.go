// Package state is what a running playground leaves on disk for its own other commands: one directory with a lock, a
// description of what listens where, and logs. It imports only the standard library.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Dir is a state directory.
type Dir string

// Default is $XDG_STATE_HOME/lbc-playground, or below ~/.local/state.
func Default() (Dir, error) {
	if base := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(base) { // relative ones are ignored, by the specification
		return Dir(filepath.Join(base, "lbc-playground")), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("cannot find a directory for the playground's state: %w; name one with --state-dir", err)
	}
	return Dir(filepath.Join(home, ".local", "state", "lbc-playground")), nil
}

// Endpoints describes a running playground.
type Endpoints struct {
	PID        int       `json:"pid"`
	Started    time.Time `json:"started"`
	Ready      bool      `json:"ready"` // examples are applied and answer
	APIServer  string    `json:"apiServer"`
	Kubeconfig string    `json:"kubeconfig"`
	Simulator  string    `json:"simulator"` // URL
	DNS        string    `json:"dns,omitempty"`
	Controller int       `json:"controllerPID,omitempty"`
	Metrics    string    `json:"controllerMetrics,omitempty"`
	Control    string    `json:"control,omitempty"` // URL that takes commands to parts of the playground
	Region     string    `json:"region"`
	VPC        string    `json:"vpc"`
	Cluster    string    `json:"cluster"`
	Nodes      []string  `json:"nodes,omitempty"`
	Replicas   int       `json:"controllerReplicas,omitempty"` // 0 or 1: there is one at most
	Summary    string    `json:"summary,omitempty"`            // what "up" printed at the end

	ControlToken string `json:"controlToken,omitempty"` // what such a command shows
}

// NotRunningError is returned if no playground runs with a state directory.
type NotRunningError struct{ Dir Dir }

func (e *NotRunningError) Error() string {
	return fmt.Sprintf("no playground is running (state directory %s): start one with \"playground up\"", e.Dir)
}

// RunningError is returned if a playground runs already.
type RunningError struct {
	Dir Dir
	PID int
}

func (e *RunningError) Error() string {
	return fmt.Sprintf("another playground is running (process %d, state directory %s): use it (\"playground status\"), "+
		"stop it (\"playground down\"), or name another directory with --state-dir", e.PID, e.Dir)
}

// Lock is held by a playground as long as it runs; the kernel releases it with the process, however that ends.
type Lock struct {
	file *os.File
	dir  Dir
}

// Take locks the directory for this process and empties it of what an earlier playground left. It fails with
// *RunningError.
func (d Dir) Take() (*Lock, error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, fmt.Errorf("cannot create the state directory: %w; name another one with --state-dir", err)
	}
	f, err := os.OpenFile(d.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := lock(f); err != nil {
		_ = f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", d.path("lock"), err)
		}
		running := &RunningError{Dir: d}
		if e, err := d.read(); err == nil {
			running.PID = e.PID
		}
		return nil, running
	}
	if err := errors.Join(os.RemoveAll(d.path("logs")), d.sweep()); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cannot remove the files of an earlier playground: %w", err)
	}
	return &Lock{f, d}, nil
}

// lock takes the lock. A running playground holds it exclusively, which is an error at once; a check for one shares it
// briefly, which is waited for.
func lock(f *os.File) error {
	const attempts, pause = 1000, 10 * time.Millisecond
	for n := 1; ; n++ {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || n == attempts {
			return err
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil {
			return err
		}
		time.Sleep(pause)
	}
}

// Release removes everything but the logs and gives the directory free.
func (l *Lock) Release() {
	_ = l.dir.sweep() // the next playground tries again
	// A child that another goroutine forks has the file until it executes its program; closing this one alone would leave
	// the lock to it.
	_ = syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
	_ = l.file.Close()
}

// sweep removes what is of use only to a running playground.
func (d Dir) sweep() error {
	names := []string{d.path("endpoints.json"), d.path("data"), d.path("pki"), d.path("cache"), d.path("webhook"),
		d.path("buckets")}
	kubeconfigs, err := filepath.Glob(d.path("*.kubeconfig"))
	for _, name := range append(names, kubeconfigs...) {
		err = errors.Join(err, os.RemoveAll(name))
	}
	return err
}

// Running reads the description of the playground that runs; the error is a *NotRunningError if none does. A playground
// that is just starting may have no description yet: Endpoints is then zero but for what is known.
func (d Dir) Running() (Endpoints, error) {
	f, err := os.Open(d.path("lock"))
	if errors.Is(err, os.ErrNotExist) {
		return Endpoints{}, &NotRunningError{d}
	}
	if err != nil {
		return Endpoints{}, fmt.Errorf("open the lock: %w", err)
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if err == nil {
		return Endpoints{}, &NotRunningError{d}
	}
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return Endpoints{}, fmt.Errorf("look at the lock %s: %w", d.path("lock"), err)
	}
	e, err := d.read()
	if errors.Is(err, os.ErrNotExist) {
		return Endpoints{}, nil
	}
	return e, err
}

// Write replaces the description.
func (d Dir) Write(e Endpoints) error {
	content, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the description: %w", err)
	}
	temporary := d.path("endpoints.json.new")
	if err := os.WriteFile(temporary, append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the description: %w", err)
	}
	if err := os.Rename(temporary, d.path("endpoints.json")); err != nil {
		return fmt.Errorf("write the description: %w", err)
	}
	return nil
}

func (d Dir) read() (Endpoints, error) {
	content, err := os.ReadFile(d.path("endpoints.json"))
	if err != nil {
		return Endpoints{}, err
	}
	var e Endpoints
	if err := json.Unmarshal(content, &e); err != nil {
		return Endpoints{}, fmt.Errorf("read %s: %w", d.path("endpoints.json"), err)
	}
	return e, nil
}

// Logs lists the components that have a log.
func (d Dir) Logs() ([]string, error) {
	entries, err := os.ReadDir(d.path("logs"))
	if err != nil {
		return nil, fmt.Errorf("list the logs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".log"); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// LogPath is the log file of a component.
func (d Dir) LogPath(component string) string {
	return filepath.Join(string(d), "logs", component+".log")
}

// CacheDir is where kubectl caches the API server's discovery.
func (d Dir) CacheDir() string { return d.path("cache") }

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }
