package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/playground/repository"
	"github.com/k8s-lbc/lbc/playground/state"
)

// startPatience is how long a controller may take until it is healthy.
const startPatience = time.Minute

func newController(s *settings) *cobra.Command {
	c := &cobra.Command{
		Use:   "controller",
		Short: "Stop, start, restart, kill or upgrade the controller of the running playground",
		Long: `controller stops, starts, restarts, kills or upgrades the load balancer controller of the running playground. Cluster,
simulated account and load balancers keep running, so you can see the effect of a crash, a new binary or other flags.`,
		Example: `  playground controller restart                                          after a crash or with a new image
  playground controller restart --controller bin/other                   use another binary from now on
  playground controller start --controller-arg=--sync-period=10m         use other flags for this start
  playground controller kill                                             like a crash; with several replicas, the leader
  playground controller upgrade bin/other                                replace the binary, replicas one after another
  playground controller stop && playground apply -f examples/shop.yaml   leave work for the next start`,
		// so that a misspelt command is an error
		Args: onlyCommands, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newControllerStop(s), newControllerKill(s), newControllerUpgrade(s), newControllerStart(s, "start",
		"Start the controller after a stop, or after it ended by itself"),
		newControllerStart(s, "restart", "Stop the controller, if it runs, and start it"))
	return c
}

func newControllerStop(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "Stop the controller; everything else keeps running",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, e, err := s.running()
			if err != nil {
				return err
			}
			if _, err := send(c.Context(), e, order{Part: "controller", Action: "stop"}); err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), "The controller has stopped; the cluster and the account keep running.")
			return err
		},
	}
}

func newControllerStart(s *settings, action, short string) *cobra.Command {
	o := order{Part: "controller", Action: action}
	timeout := startPatience
	c := &cobra.Command{
		Use:   action,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, e, err := s.running()
			if err != nil {
				return err
			}
			if o.Controller != "" {
				if o.Controller, err = binary(o.Controller); err != nil {
					return err
				}
			}
			return begin(c, e, o, timeout)
		},
	}
	c.Flags().StringVar(&o.Controller, "controller", "", "binary to run, for this and later starts")
	c.Flags().StringArrayVar(&o.Args, "controller-arg", nil,
		"additional argument for this start, such as --log-level=debug; may be repeated")
	c.Flags().DurationVar(&timeout, "timeout", timeout, "maximum time until the controller is healthy")
	return c
}

// binary is the absolute path of an executable file.
func binary(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return abs, repository.CheckBinary(abs)
}

// begin has a controller started, and prints what runs then.
func begin(c *cobra.Command, e state.Endpoints, o order, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(c.Context(), timeout)
	defer cancel()
	result, err := send(ctx, e, o)
	if errors.Is(err, context.DeadlineExceeded) && c.Context().Err() == nil {
		return fmt.Errorf("the controller is not healthy after %v (--timeout); \"playground logs controller\" "+
			"shows its log: %w", timeout, err)
	}
	if err != nil {
		return err
	}
	what := "The controller is running"
	if result.Replicas > 1 {
		what = fmt.Sprintf("%d replicas of the controller are running; the first", result.Replicas)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: process %d, metrics at %s\n", what, result.PID, result.Metrics)
	return err
}

func newControllerKill(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "kill",
		Short: "Kill the controller like a crash; with several replicas, kill the leader",
		Long: `kill ends the process of the controller at once (SIGKILL); everything else keeps running. A single
controller does not run again until "playground controller start". With several replicas (up
--replicas), kill ends the leader: another replica leads when the lease has expired, and the
container of the killed replica starts again.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, e, err := s.running()
			if err != nil {
				return err
			}
			result, err := send(c.Context(), e, order{Part: "controller", Action: "kill"})
			if err != nil {
				return err
			}
			text := fmt.Sprintf("Process %d of the controller was killed. The cluster and the account keep running; start it "+
				"again with \"playground controller start\".", result.Killed)
			if result.Replicas > 0 {
				text = fmt.Sprintf("Process %d, which led, was killed. Another replica takes over when the lease has run out, "+
					"after 15 s; its own container is started again.", result.Killed)
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), text)
			return err
		},
	}
}

func newControllerUpgrade(s *settings) *cobra.Command {
	timeout := startPatience
	c := &cobra.Command{
		Use:     "upgrade PATH",
		Short:   "Replace the controller's binary, replicas one after another",
		Example: "  playground controller upgrade bin/controller",
		Args:    named("the path of a binary", true),
		RunE: func(c *cobra.Command, args []string) error {
			_, e, err := s.running()
			if err != nil {
				return err
			}
			path, err := binary(args[0])
			if err != nil {
				return err
			}
			return begin(c, e, order{Part: "controller", Action: "upgrade", Controller: path}, timeout)
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", timeout, "maximum time until the controller is healthy")
	return c
}
