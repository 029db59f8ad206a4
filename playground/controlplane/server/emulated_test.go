package server

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/internal/model/support"
	"github.com/k8s-lbc/lbc/playground/chart"
	"github.com/k8s-lbc/lbc/playground/controlplane"
	"github.com/k8s-lbc/lbc/playground/manifest"
	"github.com/k8s-lbc/lbc/playground/repository"
)

// TestEmulatedKubernetesTakesTheChart shows that API servers that emulate each version of which
// docs/support.md says so take the definitions and all objects of the chart.
func TestEmulatedKubernetesTakesTheChart(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts an API server for each version; a test of crdrules compiles the expressions " + "for all of them")
	}
	for _, r := range support.Kubernetes {
		if r.Test == support.Emulated {
			t.Run(r.String(), func(t *testing.T) { installOn(t, r.String()) })
		}
	}
}

// installOn applies the definitions and the chart to an API server that emulates a version.
func installOn(t *testing.T, version string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cp, err := controlplane.Start(ctx, controlplane.Options{Program: thisProgram, Dir: t.TempDir(), OnlyAPI: true,
		Emulated: version})
	if err != nil {
		t.Fatal(err)
	}
	defer cp.Stop()
	v, err := kubernetes.NewForConfigOrDie(cp.AdminConfig()).Discovery().ServerVersion()
	if err != nil || v.EmulationMajor+"."+v.EmulationMinor != version {
		t.Fatalf("%+v, %v", v, err)
	}
	definitions, objects := installation(t, version)
	for _, all := range [][]*unstructured.Unstructured{definitions, objects} {
		for _, o := range all {
			if err := applied(ctx, cp.AdminConfig(), o); err != nil {
				t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
			}
		}
	}
	t.Logf("the API server emulates %s and has taken %d definitions and %d objects", version, len(definitions),
		len(objects))
}

// applied applies an object, and tries for a while what needs a namespace or a definition that has just been created.
func applied(ctx context.Context, config *rest.Config, o *unstructured.Unstructured) error {
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		client, err := manifest.NewClient(config) // a new one, which knows new definitions
		if err != nil {
			return err
		}
		if err := client.Apply(ctx, o); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// installation are the definitions of config/crd, and the objects of the chart with all feature gates.
func installation(t *testing.T, version string) (definitions, objects []*unstructured.Unstructured) {
	t.Helper()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root.CRDs(), "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d definitions, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all, err := manifest.Parse(file, text)
		if err != nil {
			t.Fatal(err)
		}
		definitions = append(definitions, all...)
	}
	c, err := chart.Load(filepath.Join(string(root), "charts/aws-load-balancer-controller"))
	if err != nil {
		t.Fatal(err)
	}
	gates := map[string]any{"ALBTargetControlAgent": true, "GlobalAcceleratorController": true}
	rendered, err := c.Render(map[string]any{"clusterName": "demo-cluster", "controllerConfig": map[string]any{
		"featureGates": gates}}, chart.Release{Kubernetes: "v" + version + ".0"})
	if err != nil {
		t.Fatal(err)
	}
	return definitions, rendered.Objects
}
