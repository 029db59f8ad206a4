package chart

import (
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

// TestTheChartOfAReleaseIsWhatHelmReadsOfTheDirectory has hack/release pack the chart, and Helm read it: an archive has
// no rules of .helmignore.
func TestTheChartOfAReleaseIsWhatHelmReadsOfTheDirectory(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	//nolint:gosec // a test
	cmd := exec.Command("go", "run", "./hack/release", "-version", "v9.9.9", "-image", "registry.example.com/lbc", "-out",
		out, "chart")
	cmd.Dir = "../.."
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	packed, err := loader.Load(filepath.Join(out, "aws-load-balancer-controller-9.9.9.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := loader.Load("../../charts/aws-load-balancer-controller")
	if err != nil {
		t.Fatal(err)
	}
	if packed.Metadata.Version != "9.9.9" || packed.Metadata.AppVersion != "v9.9.9" {
		t.Errorf("%+v", packed.Metadata)
	}
	if image, _ := packed.Values["image"].(map[string]any); image["repository"] != "registry.example.com/lbc" ||
		image["tag"] != "" {
		t.Errorf("image %v", image)
	}
	contents := func(c *chartv2.Chart) map[string][]string {
		out := map[string][]string{}
		for _, f := range c.Templates {
			out["templates"] = append(out["templates"], f.Name)
		}
		for _, d := range c.CRDObjects() {
			out["definitions"] = append(out["definitions"], d.Name)
		}
		for _, names := range out {
			slices.Sort(names)
		}
		return out
	}
	if got, want := contents(packed), contents(dir); !reflect.DeepEqual(got, want) || len(got["definitions"]) != 2 {
		t.Errorf("got %v, in the directory %v", got, want)
	}
}
