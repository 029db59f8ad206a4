package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/playground/foreign"
	"github.com/k8s-lbc/lbc/playground/sandbox"
)

// How a command of exec resolves names.
const (
	namesByNamespace = "namespace"
	namesNone        = "none"
)

func newExec(s *settings) *cobra.Command {
	names := namesByNamespace
	c := &cobra.Command{
		Use:   "exec [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command that resolves the names of load balancers by itself",
		Long: `exec runs a command, such as a test suite written for EKS, with the variables of "playground env"
and in a separate network (Linux namespaces; root is not needed). In this network, the playground's
name server answers at port 53, and load balancers listen at the ports of their listeners, also
below 1024. The network contains the cluster, the AWS API and the load balancers, and no other
machine: the command can reach neither AWS nor the internet, and nobody can reach servers of the
command.

With --names none, the command has only the variables. Use this if namespaces are not permitted.
Names of load balancers then resolve only at the name server that "playground status" shows, and
ports below 1024 may have other numbers.

After Ctrl-C, exec waits until the command has cleaned up; a second Ctrl-C kills the command.

The exit status is the command's; 127 if the command is not found, 126 if it cannot run.`,
		Example: `  playground exec -- go test ./test/e2e/ingress/...
  playground exec -- sh -c 'curl -s http://$NAME/ && kubectl get ingress -A'`,
		Args: named("a command", false),
		RunE: func(c *cobra.Command, args []string) error {
			if names != namesByNamespace && names != namesNone {
				return fmt.Errorf("--names %q is not namespace or none", names)
			}
			_, e, err := s.running()
			if err != nil {
				return err
			}
			run := foreign.Run
			if names == namesNone {
				run = foreign.RunWithVariables
			}
			status, err := run(c.Context(), e, os.Environ(), args)
			var not *sandbox.NotPermittedError
			switch {
			case errors.As(err, &not):
				return fmt.Errorf("%w; permit user namespaces, run as root, or add --names none", err)
			case err == nil && status != 0:
				return silent{status} // the command has printed why
			}
			return err
		},
	}
	c.Flags().SetInterspersed(false)
	c.Flags().StringVar(&names, "names", names, "how the command resolves names of load balancers: namespace, or none")
	if err := c.RegisterFlagCompletionFunc("names", cobra.FixedCompletions([]string{namesByNamespace, namesNone},
		cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is defined above
	}
	return c
}
