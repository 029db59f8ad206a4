package main

import (
	"bytes"
	"strings"
	"testing"
)

// run runs a command line with the name of the program.
func run(t *testing.T, line ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := program(line)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestThePluginShowsItsNameAsItIsTyped(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"/bin/lbc": "  lbc plan [", "/bin/kubectl-lbc": "  kubectl lbc plan [",
		`kubectl-lbc.exe`: "  kubectl lbc plan ["} {
		if out, err := run(t, name, "plan", "--help"); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestKubectlCompletesTheArgumentsOfThePlugin(t *testing.T) {
	s := newAPIServer(t, append(ingressIn(t, "shop", "front"), ingressIn(t, "web", "other")...)...)
	t.Setenv("KUBECONFIG", s.kubeconfig(t))
	for want, line := range map[string][]string{
		"orphans\t":             {"orp"},
		"front\n":               {"explain", "ingress", ""},
		"gone\n":                {"plan", "--context", ""},
		"--default-target-type": {"plan", "--default-tar"},
		"json\n":                {"plan", "-o", ""},
		"other\n":               {"explain", "ingress", "-n", "web", ""},
		"httproute\n":           {"explain", ""},
	} {
		if out, err := run(t, append([]string{"kubectl_complete-lbc"}, line...)...); err != nil ||
			!strings.Contains(out, want) {
			t.Errorf("%v: %v\n%s", line, err, out)
		}
	}
}

func TestAFlagOrCommandThatWasProbablyMeantIsNamed(t *testing.T) {
	t.Parallel()
	for want, line := range map[string][]string{
		"unknown flag: --detail; did you mean --details?":                          {"doctor", "--detail"},
		"unknown flag: --default-traget-type; did you mean --default-target-type?": {"plan", "--default-traget-type=ip"},
		"unknown flag: --zzzzzzzzzz; lbc plan --help lists the existing ones":      {"plan", "--zzzzzzzzzz"},
		"Did you mean this?\n\tplan":                                               {"plam"},
	} {
		if _, err := run(t, append([]string{"lbc"}, line...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", line, err)
		}
	}
}
