// Package kubectl runs the real kubectl inside this process. It imports k8s.io/kubectl.
package kubectl

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/kubectl/pkg/cmd"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
)

// ExitError is the end of a kubectl command that failed.
type ExitError struct {
	Code    int
	Message string // what kubectl would have printed to standard error
}

func (e *ExitError) Error() string { return strings.TrimSpace(e.Message) }

// kubectl ends the process where an error is found; the panic takes that way back to Run.
var takeExit = sync.OnceFunc(func() {
	cmdutil.BehaviorOnFatal(func(message string, code int) { panic(&ExitError{code, message}) })
})

// Run runs kubectl with the arguments against the cluster of the kubeconfig file. An error is an *ExitError where
// kubectl would have ended with a status other than 0. A --kubeconfig among the arguments wins.
func Run(ctx context.Context, kubeconfig, cacheDir string, streams genericiooptions.IOStreams, args ...string) (
	err error) {
	takeExit()
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *ExitError:
			err = e
		default:
			panic(e)
		}
	}()
	flags := genericclioptions.NewConfigFlags(true).WithDiscoveryBurst(1000).WithDiscoveryQPS(
		1000).WithWarningPrinter(streams)
	// cobra keeps the completions of flags of every command that was ever made, and these keep the configuration: its
	// caches of discovery take megabytes.
	defer func() { *flags = genericclioptions.ConfigFlags{} }()
	flags.KubeConfig = &kubeconfig
	// kubectl prints warnings through a handler of the whole process; runs side by side would get each other's.
	warnings := rest.NewWarningWriter(streams.ErrOut, rest.WarningWriterOptions{Deduplicate: true})
	flags.WrapConfigFn = func(c *rest.Config) *rest.Config {
		c.WarningHandler = warnings
		return c
	}
	flags.CacheDir = &cacheDir
	command := cmd.NewKubectlCommand(cmd.KubectlOptions{ConfigFlags: flags, IOStreams: streams,
		Arguments: append([]string{"kubectl"}, args...)})
	command.SetArgs(args)
	command.SetIn(streams.In)
	command.SetOut(streams.Out)
	command.SetErr(streams.ErrOut)
	command.SilenceErrors, command.SilenceUsage = true, true
	if err := command.ExecuteContext(ctx); err != nil {
		return &ExitError{Code: 1, Message: fmt.Sprintf("error: %v", err)}
	}
	return nil
}
