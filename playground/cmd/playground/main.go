// Command playground runs a Kubernetes cluster, a simulated AWS account and the load balancer controller on one
// machine, and offers the tools to use them: kubectl, curl and a look into the account.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/kubectl"
	"github.com/k8s-lbc/lbc/playground/sandbox"
)

// version is set by the linker.
var version = "v0.0.0-dev"

func main() {
	if sandbox.Inside() {
		os.Exit(sandbox.Main())
	}
	dropForeignFlags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once; the controller goes with it
	root := newRoot()
	root.SetArgs(spelledOut(os.Args[1:]))
	err := root.ExecuteContext(ctx)
	stop()
	os.Exit(exitStatus(err))
}

// spelledOut lets "playground --once FILE..." stand for "playground run --once FILE...".
func spelledOut(args []string) []string {
	if len(args) > 0 && args[0] == "--once" {
		return append([]string{"run"}, args...)
	}
	return args
}

// dropForeignFlags removes the flags that the API server's packages registered for all programs that link them: a
// --version that would print theirs, on every command.
func dropForeignFlags() { pflag.CommandLine = pflag.NewFlagSet("playground", pflag.ContinueOnError) }

// silent is an error that was already printed; it only sets the exit status.
type silent struct{ status int }

func (s silent) Error() string { return fmt.Sprintf("exit status %d", s.status) }

// exitStatus prints err as its kind deserves and gives the status for it.
func exitStatus(err error) int {
	var quiet silent
	var kube *kubectl.ExitError
	var transfer *curl.ExitError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled): // by a signal: nothing else ends the context
		fmt.Fprintln(os.Stderr, "playground: interrupted")
		return 130
	case errors.As(err, &quiet):
		return quiet.status
	case errors.As(err, &kube):
		if text := kube.Error(); text != "" {
			fmt.Fprintln(os.Stderr, text)
		}
		return kube.Code
	case errors.As(err, &transfer):
		fmt.Fprintln(os.Stderr, transfer.Error())
		return transfer.Code
	}
	fmt.Fprintln(os.Stderr, "playground:", err)
	return 1
}
