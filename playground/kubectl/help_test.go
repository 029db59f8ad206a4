package kubectl

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// TestHelpCallsMethodsInTemplates runs kubectl's help with the flags of make, with which templates find listed methods
// only.
func TestHelpCallsMethodsInTemplates(t *testing.T) {
	t.Parallel()
	for args, want := range map[string][]string{
		"create --help": {"Examples:", "Available Commands:", "Options:", "Usage:",
			`Use "kubectl create <command> --help"`},
		"get --help":      {"Examples:", "Options:", "Usage:\n  kubectl get", `Use "kubectl options"`},
		"options":         {"The following options can be passed to any command", "--kubeconfig"},
		"rollout undo -h": {"Usage:\n  kubectl rollout undo"},
	} {
		var out bytes.Buffer
		streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out}
		dir := t.TempDir()
		if err := Run(t.Context(), filepath.Join(dir, "config"), dir, streams, strings.Fields(args)...); err != nil {
			t.Errorf("kubectl %s: %v", args, err)
		}
		for _, part := range want {
			if !strings.Contains(out.String(), part) {
				t.Errorf("kubectl %s prints no %q: %s", args, part, out.String())
			}
		}
	}
}
