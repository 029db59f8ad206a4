package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
)

func TestWhatWasWrittenForOtherControllersIsTranslatedWithAReport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, name, output string
		want               exitCode
	}{{fromService, "services", "translated", exitInvalid}, {fromV1, "v1", "translated", 0}} {
		out, errOut, err := lbc(t, "", "migrate", "--from", c.from, "-f", migrateFile(c.name))
		if code := exitCode(0); !errors.As(err, &code) && err != nil || code != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		goldenfile.Compare(t, filepath.Join("testdata", "migrate", c.name+"."+c.output+".yaml"), out)
		goldenfile.Compare(t, filepath.Join("testdata", "migrate", c.name+".report.txt"), errOut)
		// What was written is translated already.
		again, errOut, err := lbc(t, out, "migrate", "--from", c.from, "-f", "-")
		if err != nil || strings.TrimSpace(again) != "" || !strings.Contains(errOut, "skipped") {
			t.Errorf("%s, once more: %v\n%s\n%s", c.name, err, again, errOut)
		}
	}
}

// TestMigratedServiceKeepsLoadBalancerUnderClass compares what this controller makes of both.
func TestMigratedServiceKeepsLoadBalancerUnderClass(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "report.json")
	var code exitCode
	if _, errOut, err := lbc(t, "", "migrate", "--from", fromService, "-f", migrateFile("services"), "-o", "json",
		"--report", report); !errors.As(err, &code) {
		t.Fatalf("%v\n%s", err, errOut)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var d struct{ Comparisons []proof }
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	equal := map[string]bool{}
	for _, p := range d.Comparisons {
		equal[p.From] = p.Unproven == "" && p.Requests > 0 && len(p.Differences) == 0
	}
	for _, name := range []string{"pods", "nodes"} {
		if !equal["Service shop/"+name] {
			t.Errorf("%s: %s", name, text)
		}
	}
	for _, name := range []string{"classic", "network", "local"} {
		if is, compared := equal["Service shop/"+name]; is || !compared {
			t.Errorf("%s is called equal to a load balancer that is not known", name)
		}
	}
}

func TestServiceMigratedToGatewayServesAlike(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]exitCode{"networks": 0, "networksleft": exitInvalid} {
		out, errOut, err := lbc(t, "", "migrate", "--from", fromNLB, "-f", migrateFile(name))
		if code := exitCode(0); !errors.As(err, &code) && err != nil || code != want {
			t.Errorf("%s: %v", name, err)
		}
		goldenfile.Compare(t, filepath.Join("testdata", "migrate", name+".gateway.yaml"), out)
		goldenfile.Compare(t, filepath.Join("testdata", "migrate", name+".report.txt"), errOut)
		text, err := os.ReadFile(migrateFile(name))
		if err != nil {
			t.Fatal(err)
		}
		documents := strings.Split(string(text), "\n---\n")
		slices.Reverse(documents)
		if other, _, _ := lbc(t, strings.Join(documents, "\n---\n"), "migrate", "--from", fromNLB, "-f", "-"); other != out {
			t.Errorf("%s: the output depends on the order of the input:\n%s", name, other)
		}
	}
}

func TestTheServicesOfTheGuidesAreServedAlikeByTheirGateways(t *testing.T) {
	t.Parallel()
	expectGuidesAlike(t, "type: LoadBalancer", 3, "--from", fromNLB)
}

func TestFormerVersionsOfIngressesAreReadOnlyToBeTranslated(t *testing.T) {
	t.Parallel()
	if _, _, err := lbc(t, "", "plan", "-f", migrateFile("v1")); err == nil || !strings.Contains(err.Error(),
		"no cluster serves this version") {
		t.Errorf("plan: %v", err)
	}
	if out, errOut, err := lbc(t, "", "migrate", "--from", fromService, "-f", migrateFile("rules")); out != "" ||
		err != nil || !strings.Contains(errOut, "No Service of type LoadBalancer") {
		t.Errorf("no Services: %v\n%s\n%s", err, out, errOut)
	}
	for _, args := range [][]string{{"--from", "classic"}, {"--from", fromService, "--ingress-name", "x", "--namespaces",
		"y"}, {"--from", fromNLB, "--ingress-name", "x", "--namespaces", "y"}} {
		if _, _, err := lbc(t, "", append([]string{"migrate", "-f", migrateFile("v1")}, args...)...); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
