package main

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestLintTellsFileLineFieldAndRemedy(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json", "github"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			out, _, err := lbc(t, "", "lint", "-o", format, "testdata/lint.yaml", "testdata/settings.yaml")
			var code exitCode
			if !errors.As(err, &code) || code != exitInvalid {
				t.Errorf("error = %v, want exit status 2", err)
			}
			compare(t, "lint."+map[string]string{"text": "txt", "json": "json", "github": "github"}[format], out)
		})
	}
}

func TestTheExamplesAreWithoutFindings(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/guides/[0-9]*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	out, _, err := lbc(t, "", append([]string{"lint", "../../examples"}, files...)...)
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

const misspelt = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations: {alb.ingress.kubernetes.io/traget-type: ip}
spec: {ingressClassName: alb, rules: [{host: a.example.com}]}
`

func TestWarningsFailOnlyWhenStrict(t *testing.T) {
	t.Parallel()
	if out, _, err := lbc(t, misspelt, "lint", "-"); err != nil || !strings.Contains(out, "-:6: warning: Ingress default/shop") {
		t.Errorf("%v\n%s", err, out)
	}
	var code exitCode
	if _, _, err := lbc(t, misspelt, "lint", "--strict", "-"); !errors.As(err, &code) || code != exitInvalid {
		t.Errorf("error = %v, want exit status 2", err)
	}
}

func TestWhatCannotBeReadIsAFinding(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, "kind: [", "lint", "-o", "json", "-")
	var code exitCode
	if !errors.As(err, &code) || code != exitInvalid {
		t.Errorf("error = %v, want exit status 2", err)
	}
	var got struct {
		Errors   int
		Findings []struct {
			File, Code string
			Line       int
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Errors != 1 || got.Findings[0].Code != "InvalidManifest" || got.Findings[0].Line != 1 || got.Findings[0].File != "-" {
		t.Errorf("%+v", got)
	}
	if _, _, err := lbc(t, "", "lint", "/nonexistent.yaml"); err == nil || errors.As(err, &code) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, _, err := lbc(t, "", "lint"); err == nil || !strings.Contains(err.Error(), "name the files") {
		t.Errorf("no files: %v", err)
	}
}

func TestWhatOnlyAnAccountCanTellIsCheckedWithAnAccountOnly(t *testing.T) {
	t.Parallel()
	const manifest = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations: {alb.ingress.kubernetes.io/subnets: "subnet-1, subnet-2"}
spec: {ingressClassName: alb, rules: [{host: a.example.com}]}
`
	if out, _, err := lbc(t, manifest, "lint", "-"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	out, _, err := lbc(t, manifest, "lint", "--account", "../../awssim/seed/default.yaml", "-")
	var code exitCode
	if !errors.As(err, &code) || !strings.Contains(out, "[InvalidSubnets]") {
		t.Errorf("%v\n%s", err, out)
	}
}
