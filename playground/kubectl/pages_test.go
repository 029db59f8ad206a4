package kubectl

import (
	"os"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/cmd"

	"github.com/k8s-lbc/lbc/hack/pages/usage"
)

func TestCommandsOfThePagesAreThoseOfKubectl(t *testing.T) {
	t.Parallel()
	command := func() *cobra.Command {
		c := cmd.NewKubectlCommand(cmd.KubectlOptions{ConfigFlags: genericclioptions.NewConfigFlags(true),
			IOStreams: genericiooptions.NewTestIOStreamsDiscard()})
		// the plugin
		c.AddCommand(&cobra.Command{Use: "lbc", DisableFlagParsing: true, Run: func(*cobra.Command, []string) {}})
		return c
	}
	for _, err := range usage.Wrong(os.DirFS("../.."), command) {
		t.Error(err)
	}
}
