package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/playground/state"
)

func newEnv(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print shell variables that point other programs at the cluster and the account",
		Long: `env prints assignments for a POSIX shell. With them, kubectl and other programs that read KUBECONFIG use the
playground's cluster; the AWS CLI and SDKs use the simulated account. The AWS CLI before 2.13 also needs
--endpoint-url $AWS_ENDPOINT_URL.`,
		Example: `  eval "$(playground env)"
  lbc plan --kubeconfig $KUBECONFIG --cluster-name $CLUSTER_NAME --aws-vpc-id $VPC_ID`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, e, err := s.running()
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.OutOrStdout(), assignments(e))
			return err
		},
	}
}

// assignments replace all that could lead to an account of the user's own.
func assignments(e state.Endpoints) string {
	return fmt.Sprintf(`export KUBECONFIG='%s'
export CLUSTER_NAME=%s VPC_ID=%s
export AWS_ENDPOINT_URL=%s AWS_REGION=%[5]s AWS_DEFAULT_REGION=%[5]s
export AWS_ACCESS_KEY_ID=AKIAPLAYGROUNDUSER01 AWS_SECRET_ACCESS_KEY=playground AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_SESSION_TOKEN
`, e.Kubeconfig, e.Cluster, e.VPC, e.Simulator, e.Region)
}
