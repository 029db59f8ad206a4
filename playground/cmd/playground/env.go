package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newEnv(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print shell variables that point other programs at the cluster and the account",
		Long: `env prints assignments for a POSIX shell. With them, kubectl and other programs that read KUBECONFIG use the
playground's cluster; the AWS CLI and SDKs use the simulated account; lbc knows the controller's flags. The AWS CLI
before 2.13 also needs --endpoint-url $AWS_ENDPOINT_URL.`,
		Example: `  eval "$(playground env)"
  lbc plan -A`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, e, err := s.running()
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.OutOrStdout(), e.Assignments())
			return err
		},
	}
}
