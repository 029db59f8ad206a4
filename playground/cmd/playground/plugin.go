package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/playground/state"
)

// pluginCommand is the subcommand of kubectl that is lbc, and the name under which kubectl runs it.
const (
	pluginCommand = "lbc"
	pluginName    = "kubectl-lbc"
)

// pluginPath is where lbc is: beside this program, or as a plugin of the user's kubectl.
func pluginPath() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot find lbc: %w", err)
	}
	beside := filepath.Join(filepath.Dir(self), pluginCommand)
	if info, err := os.Stat(beside); err == nil && !info.IsDir() {
		return beside, nil
	}
	path, err := exec.LookPath(pluginName)
	if err != nil {
		return "", fmt.Errorf("the program of kubectl lbc is neither %s nor %s in PATH: run \"make build\"",
			beside, pluginName)
	}
	return path, nil
}

// streams are the input and the outputs of a program.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// runPlugin runs lbc as kubectl does, for the cluster and the account of the playground. Without a playground it can
// print help, and plan files.
func runPlugin(ctx context.Context, s *settings, io streams, args ...string) error {
	path, err := pluginPath()
	if err != nil {
		return err
	}
	env := os.Environ()
	var not *state.NotRunningError
	switch _, e, err := s.running(); {
	case err == nil:
		env = e.Environ(env)
	case !errors.As(err, &not) || !runsAlone(args):
		return err
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Args[0], c.Env = pluginName, env
	c.Stdin, c.Stdout, c.Stderr = io.in, io.out, io.err
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	err = c.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		return silent{exit.ExitCode()} // lbc has printed why
	case err != nil:
		return fmt.Errorf("cannot run lbc: %w", err)
	}
	return nil
}

// runsAlone reports whether arguments of lbc need no cluster.
func runsAlone(args []string) bool {
	for _, a := range args {
		switch a {
		case "help", "version", "completion", "--help", "-h", cobra.ShellCompRequestCmd:
			return true
		}
	}
	return len(args) == 0
}

// completePlugin completes the last of the arguments of lbc as lbc does.
func completePlugin(ctx context.Context, s *settings, args []string) ([]string, cobra.ShellCompDirective) {
	var out bytes.Buffer
	if err := runPlugin(ctx, s, streams{strings.NewReader(""), &out, io.Discard},
		append([]string{cobra.ShellCompRequestCmd}, args...)...); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return completions(out.String())
}
