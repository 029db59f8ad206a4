package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// commandPaths are the arguments that select each command that runs, under one name of the program.
func commandPaths(name string) (out [][]string) {
	var walk func(c *cobra.Command, path []string)
	walk = func(c *cobra.Command, path []string) {
		if c.Runnable() {
			out = append(out, path)
		}
		for _, sub := range c.Commands() {
			walk(sub, append(slices.Clone(path), sub.Name()))
		}
	}
	walk(program([]string{name}), nil)
	return out
}

// crash is what a run of the program panics with; empty if it ends otherwise.
func crash(ctx context.Context, name string, args ...string) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprintf("%v\n%s", p, debug.Stack())
		}
	}()
	cmd := program(append([]string{name}, args...))
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetIn(strings.NewReader(""))
	err := cmd.ExecuteContext(ctx)
	_ = err // most commands lack an argument or an account
	return ""
}

// TestNoCommandCrashesUnderAnyName runs each command under each name of the program beside a cluster in which the chart
// has installed the controller, beside one without it, and with a kubeconfig that does not exist.
func TestNoCommandCrashesUnderAnyName(t *testing.T) {
	t.Parallel()
	objects := ingressIn(t, "shop", "web")
	without := newAPIServer(t, objects...).kubeconfig(t)
	with := newAPIServer(t, append(objects, controllerWith("--cluster-name=demo", "--aws-region=us-west-2",
		"--aws-vpc-id=vpc-1", "--default-tags=a=b", "--feature-gates=NLBGatewayAPI=true"))...).kubeconfig(t)
	for _, name := range []string{"lbc", pluginName, migrateTool} {
		for _, path := range commandPaths(name) {
			t.Run(strings.Join(append([]string{name}, path...), " "), func(t *testing.T) {
				t.Parallel()
				for _, kubeconfig := range []string{with, without, filepath.Join(t.TempDir(), "none")} {
					forms := [][]string{nil, {"ingress/web"}, {"ingress", "web"}}
					if name == migrateTool {
						forms = [][]string{{"--from-cluster", "--output-dir", t.TempDir()}}
					}
					for _, form := range forms {
						args := slices.Concat(path, form, []string{"--kubeconfig", kubeconfig})
						ctx, cancel := context.WithTimeout(t.Context(), time.Second) // of a command that goes on until it is interrupted
						if text := crash(ctx, name, args...); text != "" {
							t.Errorf("%v: %s", args, text)
						}
						cancel()
					}
				}
			})
		}
	}
}
