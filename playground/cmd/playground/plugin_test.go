package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/state"
)

// TestKubectlRunsLbcAsItsPlugin has a program of that name in PATH, which prints its arguments, and ends with status 3
// where it is to plan.
func TestKubectlRunsLbcAsItsPlugin(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"lbc: $*\"\ncase \"$*\" in *__complete*) echo :4 ;; *plan*) exit 3 ;; esac\n"
	if err := os.WriteFile(filepath.Join(dir, pluginName), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for _, c := range []struct {
		args   []string
		want   string
		status int
	}{
		{[]string{"kubectl", "lbc", "--help"}, "lbc: --help\n", 0},
		{[]string{"kubectl", "lbc", "plan", "-f", "x.yaml", "--help"}, "lbc: plan -f x.yaml --help\n", 3},
		{[]string{"__complete", "kubectl", "lbc", "pl"},
			"lbc: __complete pl\n:4\nCompletion ended with directive: ShellCompDirectiveNoFileComp\n", 0},
	} {
		out, err := execute(t, c.args...)
		if out != c.want || exitStatus(err) != c.status {
			t.Errorf("%v: status %d, %q", c.args, exitStatus(err), out)
		}
	}
	_, err := execute(t, "kubectl", "lbc", "plan")
	if not := new(state.NotRunningError); !errors.As(err, &not) {
		t.Errorf("without a playground: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := execute(t, "kubectl", "lbc", "version"); err == nil || !strings.Contains(err.Error(),
		`run "make build"`) {
		t.Errorf("without lbc: %v", err)
	}
}
