package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lbc runs the program and returns what it prints.
func lbc(t *testing.T, stdin string, args ...string) (out, errOut string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	cmd := rootCommand()
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	err = cmd.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

func TestEveryCommandHelpsWithExamples(t *testing.T) {
	t.Parallel()
	for _, c := range rootCommand().Commands() {
		if c.Name() == "completion" || c.Name() == "help" {
			continue
		}
		out, _, err := lbc(t, "", c.Name(), "--help")
		if err != nil || !strings.Contains(out, "Examples:\n  ") || !strings.Contains(out, "lbc "+c.Name()) {
			t.Errorf("%s: %v\n%s", c.Name(), err, out)
		}
	}
}

// TestADirectoryWithoutManifestsIsAnError names a directory whose manifests lie deeper, so that nothing would be looked
// at.
func TestADirectoryWithoutManifestsIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "base", "shop.yaml"), []byte(misspelt), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"lint", "plan"} {
		_, _, err := lbc(t, "", command, dir)
		if code := exitCode(0); err == nil || errors.As(err, &code) || !strings.Contains(err.Error(),
			dir+" has no manifests") {
			t.Errorf("%s: %v", command, err)
		}
	}
}
