package chart

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/support"
)

const dir = "../../charts/aws-load-balancer-controller"

func load(t *testing.T) *Chart {
	t.Helper()
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// values reads a YAML document.
func values(t *testing.T, text string) map[string]any {
	t.Helper()
	v := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func render(t *testing.T, c *Chart, v map[string]any, r Release) *Rendering {
	t.Helper()
	out, err := c.Render(v, r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// text is a rendering as YAML, with NOTES.txt as a comment.
func text(t *testing.T, r *Rendering) string {
	t.Helper()
	var b bytes.Buffer
	for _, o := range r.Objects {
		y, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("---\n")
		b.Write(y)
	}
	b.WriteString("--- # NOTES.txt\n")
	for line := range strings.Lines(strings.TrimSpace(r.Notes)) {
		b.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	return b.String()
}

const (
	certificate = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
	privateKey  = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"
)

// guide are the values of an example of the guides.
func guide(file string) string {
	return string(must(os.ReadFile(filepath.Join("../../examples/guides/install", file))))
}

// TestRenderings holds whole renderings to files of testdata. guide-23 and guide-39 are the values of published guides.
func TestRenderings(t *testing.T) {
	t.Parallel()
	c := load(t)
	for name, tc := range map[string]struct {
		values  string
		release Release
	}{
		"defaults": {values: `{clusterName: demo-cluster}`},
		"guide-23": {values: guide("23-helm-values-basic.yaml")},
		"guide-39": {values: guide("39-helm-values-full.yaml")},
		"issuer": {
			values: `{clusterName: demo-cluster, enableCertManager: true, certManager: {issuerRef: {kind: ClusterIssuer, name: company}}}`, release: Release{Name: "lb", Namespace: "networking", Upgrade: true}},
		"certificate": {
			values: string(
				must(yaml.Marshal(map[string]any{"clusterName": "demo-cluster", "webhookTLS": map[string]any{"caCert": certificate,
					"cert": certificate, "key": privateKey}})))},
		"old-cluster": {values: `{clusterName: demo-cluster}`, release: Release{
			Kubernetes: "v" + support.Oldest().String() + ".3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			goldenfile.Compare(t, "testdata/"+name+".yaml", text(t, render(t, c, values(t, tc.values), tc.release)))
		})
	}
}

// TestKubeVersionIsThatOfSupport renders the chart for each supported version, and for older and newer ones.
func TestKubeVersionIsThatOfSupport(t *testing.T) {
	t.Parallel()
	c := load(t)
	oldest, newest := support.Oldest(), support.Newest()
	if want := ">=" + oldest.String() + ".0-0"; c.KubeVersion() != want {
		t.Errorf("kubeVersion of Chart.yaml is %q, want %q: the oldest version of package support", c.KubeVersion(), want)
	}
	renders := func(version string) error {
		_, err := c.Render(values(t, `{clusterName: demo-cluster}`), Release{Kubernetes: version})
		return err
	}
	for _, r := range support.Kubernetes {
		for _, version := range []string{"v" + r.String() + ".0", "v" + r.String() + ".3-eks-113cf36", "v" + r.String() +
			".0-alpha.1"} {
			if err := renders(version); err != nil {
				t.Errorf("%s: %v", version, err)
			}
		}
	}
	if err := renders(fmt.Sprintf("v%d.%d.15-eks-1", oldest.Major, oldest.Minor-1)); err == nil ||
		!strings.Contains(err.Error(), c.KubeVersion()) {
		t.Errorf("a cluster that is too old: %v", err)
	}
	// An update of the cluster must not keep operators from changing a value.
	if err := renders(fmt.Sprintf("v%d.%d.0", newest.Major, newest.Minor+1)); err != nil {
		t.Errorf("a cluster that is newer than the release: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestEveryTemplateIsRenderedTheSameAgain: a template that makes a certificate, or a random name, would differ, and
// every upgrade would change it.
func TestEveryTemplateIsRenderedTheSameAgain(t *testing.T) {
	t.Parallel()
	c := load(t)
	v := values(t, `{clusterName: demo-cluster}`)
	if a, b := text(t, render(t, c, v, Release{})), text(t, render(t, c, v, Release{})); a != b {
		t.Error("two renderings of the same values differ")
	}
}

func TestTheChartHasTheDefinitionsOfTheController(t *testing.T) {
	t.Parallel()
	for file, pattern := range map[string]string{"crds.yaml": "elbv2.k8s.aws_*.yaml",
		"gateway-crds.yaml": "gateway.k8s.aws_*.yaml"} {
		sources, err := filepath.Glob(filepath.Join("../../config/crd", pattern))
		if err != nil || len(sources) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(sources), err)
		}
		var want []byte
		for _, s := range sources {
			want = append(want, must(os.ReadFile(s))...)
		}
		if got := must(os.ReadFile(filepath.Join(dir, "crds", file))); !bytes.Equal(got, want) {
			t.Errorf("%s is not what config/crd has: run make generate", file)
		}
	}
	if n := len(must(load(t).Definitions())); n != 7 {
		t.Errorf("Helm finds %d definitions", n)
	}
}
