package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lbc/impact"
)

func TestPlanFailsOnWhatItIsTold(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]error{
		"":                               nil,
		"--fail-on exposure":             exitFailOn,
		"--fail-on exposure --exit-code": exitFailOn,
		"--fail-on replacement,deletion": nil,
		"--fail-on replacement --fail-on deletion,exposure": exitFailOn,
		"--exit-code": exitChanges,
	} {
		_, errOut, err := lbc(t, "", strings.Fields("plan -f testdata/settings.yaml "+args)...)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", args, err, want)
		}
		const line = "lbc: --fail-on exposure: ingress.k8s.aws:web/settings: tcp 80 opens to 198.51.100.0/24"
		if fails := errors.Is(want, exitFailOn); strings.Contains(errOut, line) != fails {
			t.Errorf("%s: %s", args, errOut)
		}
	}
	if _, _, err := lbc(t, "", "plan", "-f", "testdata/settings.yaml", "--fail-on", "exposures"); err == nil ||
		!strings.Contains(err.Error(), "exposure, replacement, deletion") {
		t.Errorf("a wrong value: %v", err)
	}
}

func TestFailOnComesBeforeInvalidObjects(t *testing.T) {
	t.Parallel()
	if _, _, err := lbc(t, "", "plan", "-f", "testdata/gateway.yaml", "--fail-on", "exposure"); !errors.Is(err,
		exitFailOn) {
		t.Errorf("%v", err)
	}
}

func TestPlanAsJSONHasItsImpact(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, "", strings.Fields("plan -f testdata/settings.yaml -o json --fail-on exposure")...)
	if !errors.Is(err, exitFailOn) {
		t.Fatal(err)
	}
	var got struct {
		Impact impact.Report
		FailOn []impact.Trigger
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Impact.Bill) != len(impact.Units) || len(got.Impact.Exposure) == 0 || len(got.FailOn) == 0 ||
		len(got.FailOn[0].Steps) == 0 {
		t.Errorf("%s", out)
	}
}
