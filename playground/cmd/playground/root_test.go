package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/kubectl"
	"github.com/k8s-lbc/lbc/playground/sandbox"
	"github.com/k8s-lbc/lbc/playground/state"
)

func TestMain(m *testing.M) {
	if sandbox.Inside() {
		os.Exit(sandbox.Main())
	}
	dropForeignFlags()
	os.Exit(m.Run())
}

// execute runs the command line with a state directory of its own and returns what it printed.
func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(append([]string{"--state-dir", filepath.Join(t.TempDir(), "state")}, args...))
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" {
			t.Errorf("%s has no description", c.CommandPath())
		}
		if !c.DisableFlagParsing {
			path := strings.Fields(c.CommandPath())[1:]
			if out, err := execute(t, append(path, "--help")...); err != nil || !strings.Contains(out, "Usage:") {
				t.Errorf("%s --help: %v\n%s", c.CommandPath(), err, out)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
}

func TestErrorsWithoutAPlaygroundNameTheCommandThatStartsOne(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"status"}, {"down"}, {"kubectl", "get", "pods"}, {"curl", "http://example.com"}, {"aws", "resources"},
		{"aws", "calls"}, {"exec", "--", "true"}, {"apply", "-f", "x.yaml"}, {"logs"},
		{"controller", "stop"}, {"controller", "start"}, {"controller", "restart", "--controller-arg=--log-level=debug"},
		{"controller", "kill"}, {"controller", "upgrade", "x"}, {"apiserver", "restart"}, {"apiserver", "pause"},
		{"apiserver", "resume"},
		{"apiserver", "cut"}, {"apiserver", "snapshot"}, {"apiserver", "restore"},
		{"node", "kill", "x"}, {"node", "revive", "x"}, {"fault", "add", "CreateRule", "--kind", "throttled"},
		{"fault", "list"}, {"fault", "clear"},
		{"clock"}, {"clock", "advance", "5m"}, {"clock", "scale", "10"},
	} {
		_, err := execute(t, args...)
		var not *state.NotRunningError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), "playground up") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestMistakesAreReportedWithTheirRemedy(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	binary := filepath.Join(directory, "controller")
	if err := os.WriteFile(binary, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	missing, broken := filepath.Join(directory, "missing.yaml"), filepath.Join(directory, "broken.yaml")
	if err := os.WriteFile(broken, []byte("metadata: {name: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		`run "make build"`:                      {"up", "--controller", filepath.Join(directory, "missing")},
		"is not an executable file":             {"up", "--controller", directory},
		`--profile "slow" is not instant, fast`: {"up", "--profile", "slow", "--controller", binary},
		"--account": {"up", "--account", filepath.Join(directory, "missing"),
			"--controller", binary},
		"run needs --once":              {"run", "x.yaml"},
		"no such file":                  {"run", "--once", filepath.Join(directory, "missing.yaml")},
		`-o "yaml" is not wide or json`: {"aws", "calls", "-o", "yaml"},
		"name the checkout with --repo": {"up", "--repo", "/"},
		`unknown command "upp" for "playground", did you mean up?`: {"upp"},
		`"playground aws", did you mean calls?`:                    {"aws", "call"},
		`unknown command "foo"`:                                    {"aws", "foo"},
		"open " + missing:                                          {"up", "-f", missing, "--controller", binary},
		"document 1: error converting YAML":                        {"up", "-f", broken, "--controller", binary},
		"is not json":                                              {"aws", "resources", "-o", "wide"},
		"needs a command":                                          {"exec"},
		"needs one URL":                                            {"curl"},
		`not also ["b"]`:                                           {"curl", "a", "b"},
		"needs a file with manifests":                              {"run", "--once"},
		"playground apply -f a -f b":                               {"apply", "a", "b"},
		"name a file with -f":                                      {"apply"},
		`"playground controller", did you mean restart?`:           {"controller", "restrat"},
		"--replicas 0 is not a positive number":                    {"up", "--replicas", "0", "--no-controller"},
		"--replicas and --no-controller":                           {"up", "--replicas", "2", "--no-controller"},
		"--images: ":                                               {"up", "--images", missing, "--controller", binary},
		"--images: " + broken + ": line 1: ":                       {"up", "--images", broken, "--controller", binary},
		"--install: ":                                              {"up", "--install", missing, "--controller", binary},
		"--install: " + broken:                                     {"up", "--install", broken, "--controller", binary},
	} {
		if _, err := execute(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
}

func TestCompletionHasKubectlsWordsAndOurValues(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"describe":  {"kubectl", "desc"},
		"--show-ev": {"kubectl", "describe", "--show-e"},
		"instant":   {"up", "--profile", ""},
		"wide":      {"aws", "calls", "-o", ""},
		"--names":   {"exec", "--na"},
		"none":      {"exec", "--names", ""},
		"restart":   {"controller", "re"},
		"upgrade":   {"controller", "up"},
		"throttled": {"fault", "add", "CreateRule", "--kind", ""},
		"CreateRul": {"fault", "add", "CreateR"},
		"resume":    {"apiserver", "res"},
		"--control": {"controller", "start", "--control"},
	} {
		if out, err := execute(t, append([]string{cobra.ShellCompRequestCmd}, args...)...); err != nil ||
			!strings.Contains(out, want) {
			t.Errorf("%v: no %q, %v\n%s", args, want, err, out)
		}
	}
}

func TestTheProgramPrintsItsVersion(t *testing.T) {
	t.Parallel()
	if out, err := execute(t, "--version"); err != nil || out != "playground version "+version+"\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestASecondPlaygroundIsRefusedWithWaysOut(t *testing.T) {
	t.Parallel()
	dir := state.Dir(filepath.Join(t.TempDir(), "state"))
	lock, err := dir.Take()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	root := newRoot()
	root.SetArgs([]string{"up", "--no-controller", "--state-dir", string(dir)})
	err = root.ExecuteContext(t.Context())
	if err == nil || !strings.Contains(err.Error(), "playground down") {
		t.Errorf("got %v", err)
	}
}

func TestOurFlagsAreTakenFromTheFrontOfKubectlsOnly(t *testing.T) {
	t.Parallel()
	s := &settings{}
	rest := s.takeOwn([]string{"--repo=/r", "--state-dir", "/s", "get", "--state-dir", "x"})
	if s.repo != "/r" || s.stateDir != "/s" || strings.Join(rest, " ") != "get --state-dir x" {
		t.Errorf("%+v, rest %v", s, rest)
	}
}

func TestExitStatusesAreThoseOfTheToolThatFailed(t *testing.T) {
	for want, err := range map[int]error{
		130: fmt.Errorf("start: %w", context.Canceled),
		0:   nil, 1: errors.New("ours"), 3: silent{3}, 6: &curl.ExitError{Code: 6, Err: errors.New("no host")},
		7: &kubectl.ExitError{Code: 7},
	} {
		if got := exitStatus(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

func TestOnceAloneStandsForRunOnce(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, want []string }{
		{[]string{"--once", "a.yaml"}, []string{"run", "--once", "a.yaml"}},
		{[]string{"run", "--once", "a.yaml"}, []string{"run", "--once", "a.yaml"}},
		{[]string{"kubectl", "run", "--once"}, []string{"kubectl", "run", "--once"}},
		{nil, nil},
	} {
		if got := spelledOut(tc.in); !slices.Equal(got, tc.want) {
			t.Errorf("%q became %q, want %q", tc.in, got, tc.want)
		}
	}
}
