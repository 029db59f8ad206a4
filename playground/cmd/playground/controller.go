package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/playground/repository"
)

// startPatience is how long a controller may take until it is healthy.
const startPatience = time.Minute

func newController(s *settings) *cobra.Command {
	c := &cobra.Command{
		Use:   "controller",
		Short: "Stop, start or restart the controller of the running playground",
		Long: `controller stops, starts or restarts the load balancer controller of the running playground. Cluster, simulated
account and load balancers keep running, so that the effect of a restart, a new binary or other flags can be observed.`,
		Example: `  playground controller restart                                          after a crash or with a new image
  playground controller restart --controller bin/other                   use another binary from now on
  playground controller start --controller-arg=--sync-period=10m         use other flags for this start
  playground controller stop && playground apply -f examples/shop.yaml   leave work for the next start`,
		Args: onlyCommands, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }, // so that a misspelt command is an error
	}
	c.AddCommand(newControllerStop(s), newControllerStart(s, "start", "Start the controller after a stop, or after it ended by itself"),
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
			if _, err := send(c.Context(), e, order{Action: "stop"}); err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), "The controller has stopped; the cluster and the account keep running.")
			return err
		},
	}
}

func newControllerStart(s *settings, action, short string) *cobra.Command {
	o := order{Action: action}
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
				if o.Controller, err = filepath.Abs(o.Controller); err != nil {
					return err
				}
				if err := repository.CheckBinary(o.Controller); err != nil {
					return err
				}
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			result, err := send(ctx, e, o)
			if errors.Is(err, context.DeadlineExceeded) && c.Context().Err() == nil {
				return fmt.Errorf("the controller is not healthy after %v (--timeout); \"playground logs controller\" shows its log: %w", timeout, err)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "The controller is running: process %d, metrics at %s\n", result.PID, result.Metrics)
			return err
		},
	}
	c.Flags().StringVar(&o.Controller, "controller", "", "binary to run, for this and later starts")
	c.Flags().StringArrayVar(&o.Args, "controller-arg", nil, "additional argument for this start, such as --log-level=debug; may be repeated")
	c.Flags().DurationVar(&timeout, "timeout", timeout, "maximum time until the controller is healthy")
	return c
}
