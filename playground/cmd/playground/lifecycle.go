package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/playground/process"
	"github.com/k8s-lbc/lbc/playground/state"
)

func newDown(s *settings) *cobra.Command {
	timeout := time.Minute
	c := &cobra.Command{
		Use:   "down",
		Short: "Stop the running playground",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := s.dir()
			if err != nil {
				return err
			}
			e, err := dir.Running()
			if err != nil {
				return err
			}
			if e.PID == 0 {
				return &startingError{}
			}
			if err := syscall.Kill(e.PID, syscall.SIGTERM); err != nil {
				return fmt.Errorf("end process %d: %w", e.PID, err)
			}
			if err := gone(c.Context(), dir, timeout); err != nil {
				return fmt.Errorf("process %d: %w", e.PID, err)
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), "The playground has stopped.")
			return err
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", timeout, "maximum time to wait until it has stopped")
	return c
}

// gone waits until no playground holds the directory.
func gone(ctx context.Context, dir state.Dir, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		_, err := dir.Running()
		var not *state.NotRunningError
		if errors.As(err, &not) {
			return nil
		}
		if sleep.For(ctx, 50*time.Millisecond) != nil {
			return fmt.Errorf("the playground has not ended after %v (--timeout)", timeout)
		}
	}
}

func newStatus(s *settings) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what is running, and where",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := s.dir()
			if err != nil {
				return err
			}
			e, err := dir.Running()
			if err != nil {
				return err
			}
			if e.Control != "" {
				// A replica may have been started again since.
				if now, err := send(c.Context(), e, order{Part: "controller", Action: "look"}); err == nil {
					e.Controller, e.Metrics, e.Replicas = now.PID, now.Metrics, now.Replicas
				}
			}
			if output == "json" {
				return writeJSON(c.OutOrStdout(), e)
			}
			return printStatus(c.Context(), c.OutOrStdout(), dir, e)
		},
	}
	addOutput(c, &output, "json")
	return c
}

func printStatus(ctx context.Context, out io.Writer, dir state.Dir, e state.Endpoints) error {
	var b strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", name, value)
		}
	}
	condition := "starting"
	if e.Ready {
		condition = "ready"
	} else if e.Simulator != "" {
		condition = "running, the example does not answer yet"
	}
	row("playground", fmt.Sprintf("%s, process %d, since %s", condition, e.PID, e.Started.Local().Format(time.DateTime)))
	row("kubeconfig", e.Kubeconfig)
	row("API server", e.APIServer)
	row("AWS API", e.Simulator)
	if e.Simulator != "" {
		row("AWS page", e.Simulator+"/")
	}
	row("DNS", e.DNS)
	row("account", strings.Trim(e.Region+" "+e.VPC+" cluster "+e.Cluster, " "))
	row("controller", controllerStatus(e))
	row("logs", filepath.Join(string(dir), "logs"))
	if e.Simulator != "" {
		r, err := simclient.New(e.Simulator, nil).Resources(ctx)
		if err != nil {
			return err
		}
		targets, healthy := 0, 0
		for _, tg := range r.TargetGroups {
			for _, t := range tg.Targets {
				targets++
				if t.State == "healthy" {
					healthy++
				}
			}
		}
		row("in AWS", fmt.Sprintf("load balancers: %d, target groups: %d, targets healthy: %d of %d", len(r.LoadBalancers),
			len(r.TargetGroups), healthy, targets))
		for _, lb := range r.LoadBalancers {
			row("", lb.DNSName+" "+lb.State)
		}
	}
	for i, text := range balancerRows(ctx, e.Kubeconfig) {
		name := ""
		if i == 0 {
			name = "status"
		}
		row(name, text)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// controllerStatus says whether the controller runs; empty = the playground has none.
func controllerStatus(e state.Endpoints) string {
	switch {
	case e.Controller <= 0 && e.Control == "":
		return ""
	case e.Controller <= 0:
		return "not running; start it with \"playground controller start\""
	}
	health := "running"
	if !process.Alive(e.Controller) {
		health = "exited; see its log"
	}
	if e.Replicas > 1 {
		health = fmt.Sprintf("%d replicas, the first %s", e.Replicas, health)
	}
	return fmt.Sprintf("%s, process %d, metrics at %s", health, e.Controller, e.Metrics)
}

func newLogs(s *settings) *cobra.Command {
	var follow bool
	tail := 200
	c := &cobra.Command{
		Use:   "logs [controller|simulator|nodes|apiserver|controller-manager|scheduler|etcd]",
		Short: "Print the log of a component (default: controller; with several replicas, also controller-2 and so on)",
		Args:  cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			dir, err := s.dir()
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			names, _ := dir.Logs() // no completion without logs
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := s.dir()
			if err != nil {
				return err
			}
			component := "controller"
			if len(args) == 1 {
				component = args[0]
			}
			names, err := dir.Logs()
			if errors.Is(err, fs.ErrNotExist) {
				return &state.NotRunningError{Dir: dir}
			}
			if err != nil {
				return err
			}
			if !slices.Contains(names, component) {
				return fmt.Errorf("no log of %q; there are: %s", component, strings.Join(names, ", "))
			}
			return printLog(c.Context(), c.OutOrStdout(), dir.LogPath(component), tail, follow)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "follow the log")
	c.Flags().IntVar(&tail, "tail", tail, "number of lines to print first")
	return c
}

func printLog(ctx context.Context, out io.Writer, path string, tail int, follow bool) error {
	if _, err := fmt.Fprintln(out, process.Tail(path, tail)); err != nil || !follow {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	for {
		if _, err := io.Copy(out, f); err != nil {
			return err
		}
		if sleep.For(ctx, 200*time.Millisecond) != nil {
			return nil
		}
	}
}
