package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/playground/controlplane/server"
	"github.com/k8s-lbc/lbc/playground/repository"
)

// controlPlane is the command by which this program runs a control plane as a child.
func controlPlane() ([]string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program, which also runs the control plane: %w", err)
	}
	return repository.ControlPlaneOf(exe), nil
}

func newControlPlane() *cobra.Command {
	return &cobra.Command{
		Use:    "controlplane",
		Short:  "Run a control plane for the process that started this one",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			out := os.Stdout
			os.Stdout = os.Stderr // what a library prints is no message
			return server.Serve(c.Context(), os.Stdin, out)
		},
	}
}
