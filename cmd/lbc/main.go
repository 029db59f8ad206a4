// Command lbc shows what the controller would do, before it does it. It is also a kubectl plugin under the name kubectl-lbc.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "v0.0.0-dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "lbc",
		Short:         "See what the AWS Load Balancer Controller would do",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(planCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		var code exitCode
		if errors.As(err, &code) {
			stop()
			os.Exit(int(code)) //nolint:gocritic // stop was called
		}
		fmt.Fprintln(os.Stderr, "lbc:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// exitCode ends the program without a further message.
type exitCode int

func (exitCode) Error() string { return "" }
