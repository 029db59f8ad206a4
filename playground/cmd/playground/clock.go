package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

func newClock(s *settings) *cobra.Command {
	c := &cobra.Command{
		Use:   "clock",
		Short: "Show, advance or pace the clock of the simulated AWS",
		Long: `clock shows the clock of the simulated AWS, by which load balancers become active, targets drain,
health checks come and certificates expire. It moves forward by advance, and faster or slower by
scale. Cluster and controller keep the machine's time.`,
		Example: `  playground clock advance 5m      targets have drained, certificates are issued
  playground clock scale 10        AWS is ten times as fast
  playground clock scale 0         the clock stops: nothing becomes active`,
		Args: onlyCommands,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := s.simulator()
			if err != nil {
				return err
			}
			return printClock(c.Context(), c.OutOrStdout(), client)
		},
	}
	c.AddCommand(&cobra.Command{
		Use: "advance DURATION", Short: "Move AWS's clock forward", Args: named("a duration, such as 5m", true),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := s.simulator()
			if err != nil {
				return err
			}
			d, err := time.ParseDuration(args[0])
			if err != nil || d <= 0 {
				return fmt.Errorf("%q is not a duration such as 5m or 36h", args[0])
			}
			if err := client.Advance(c.Context(), d); err != nil {
				return err
			}
			return printClock(c.Context(), c.OutOrStdout(), client)
		},
	}, &cobra.Command{
		Use: "scale N", Short: "Make AWS's clock N times as fast as the machine's", Args: named("a number, such as 10", true),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := s.simulator()
			if err != nil {
				return err
			}
			scale, err := strconv.ParseFloat(args[0], 64)
			if err != nil || !(scale >= 0) {
				return fmt.Errorf("%q is not a number such as 10 or 0.5", args[0])
			}
			if err := client.SetScale(c.Context(), scale); err != nil {
				return err
			}
			return printClock(c.Context(), c.OutOrStdout(), client)
		},
	})
	return c
}

func printClock(ctx context.Context, out io.Writer, client *simclient.Client) error {
	now, err := client.Settings(ctx)
	if err != nil {
		return err
	}
	pace := fmt.Sprintf("runs %v times as fast as the machine's", now.Scale)
	switch now.Scale {
	case 0:
		pace = "stands"
	case 1:
		pace = "runs as the machine's"
	}
	_, err = fmt.Fprintf(out, "AWS's clock shows %s and %s.\n", now.Now.UTC().Format(time.DateTime+" MST"), pace)
	return err
}
