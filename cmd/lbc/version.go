package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/internal/lib/buildinfo"
)

func versionCommand() *cobra.Command {
	var o outputs
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of lbc, its commit and its Go",
		Example: "  lbc version\n  lbc version -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			b := buildinfo.Read(version)
			if o.format == "text" {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "lbc", b)
				return err
			}
			return o.encode(cmd.OutOrStdout(), versionKind, b)
		},
	}
	o.flags(cmd, "text", "json")
	_ = cmd.Flags().MarkHidden("color")
	return cmd
}
