// Command lbc shows what the controller would do, and why. Under the name kubectl-lbc it is a kubectl plugin, and under
// the name lbc-migrate it has the flags of the tool of that name.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "v0.0.0-dev"

const rootHelp = `Show what the AWS Load Balancer Controller would do with your manifests, and why.

lbc reads manifests, a cluster, or both, and the state of AWS. Only lbc cleanup and lbc hold write
to the cluster, and only lbc cleanup writes to AWS. Without a cluster and an account, lbc uses a
simulated account and needs only the manifests.`

func main() {
	ctx, stop := untilSignal()
	defer stop()
	cmd := program(os.Args)
	cmd.SetOut(onScreen(os.Stdout))
	cmd.SetErr(onScreen(os.Stderr))
	if err := execute(func() (*cobra.Command, error) { return cmd.ExecuteContextC(ctx) }, cmd); err != nil {
		var code exitCode
		if errors.As(err, &code) {
			stop()
			os.Exit(int(code))
		}
		complain(onScreen(os.Stderr), cmd, err)
		stop()
		os.Exit(1)
	}
}

// untilSignal is a context that a signal ends, and soon after it the program.
func untilSignal() (ctx context.Context, stop context.CancelFunc) {
	ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, endSoon)
	return ctx, stop
}

// grace is how long a command may go on after a signal: commands that call AWS stop between two calls, and plans are
// computed without looking up.
const grace = time.Second

// exitSignal is the exit code of a program that SIGTERM ended.
const exitSignal = 128 + int(syscall.SIGTERM)

// endSoon ends the program if its command has not ended by itself.
func endSoon() {
	time.Sleep(grace)
	os.Exit(exitSignal)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "lbc",
		Short: "Show what the AWS Load Balancer Controller would do",
		Long:  rootHelp,
		Example: "  lbc lint shop.yaml\n  lbc plan -f shop.yaml\n  lbc explain ingress shop --request 'GET " +
			"https://shop.example.com/cart' -f shop.yaml",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(planCommand(), explainCommand(), lintCommand(), doctorCommand(), orphansCommand(), cleanupCommand(),
		holdCommand(), waitCommand(), timelineCommand(), rollbackCommand(), recordCommand(), migrateCommand(),
		consoleCommand(), iamPolicyCommand(), schemaCommand(), versionCommand())
	return root
}

// exitCode ends the program without a further message.
type exitCode int

// The exit codes besides 0 and 1, which stands for any other failure.
const (
	exitInvalid exitCode = 2 // an object is invalid
	exitChanges exitCode = 3 // plan --exit-code: there are changes
	// doctor: there are warnings and no errors; orphans: there are some; rollback-check: objects need attention
	exitWarnings exitCode = 4
	exitTimeout  exitCode = 5 // wait: the timeout is over
	exitFailOn   exitCode = 6 // plan --fail-on: the plan does what it names
)

func (exitCode) Error() string { return "" }
