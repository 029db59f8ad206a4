// Package chart renders the Helm chart of this repository by Helm's own library, as "helm template" or, with a
// connection to a cluster, "helm install" does, and makes the record by which Helm's command line finds a release. It
// stores nothing, and Helm's command line is not in it. It imports Helm's engine and manifest.
package chart

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/playground/manifest"
)

// Release is what a rendering is for.
type Release struct {
	Name       string // empty: aws-load-balancer-controller
	Namespace  string // empty: kube-system
	Kubernetes string // version of the cluster; empty: v1.37.0
	Upgrade    bool
	// versions and kinds that the cluster serves beside Kubernetes' own, such as eks.amazonaws.com/v1/IngressClassParams
	APIs []string
	// Cluster answers lookups of templates; nil: they find nothing.
	Cluster *rest.Config
}

func (r Release) name() string { return cmp.Or(r.Name, "aws-load-balancer-controller") }

func (r Release) namespace() string { return cmp.Or(r.Namespace, "kube-system") }

// Rendering is what Helm would install.
type Rendering struct {
	Objects  []*unstructured.Unstructured // of the templates, in the order of their files; members of lists singly
	Notes    string
	Manifest string          // the objects as Helm records them, without hooks
	Hooks    []*release.Hook // objects that Helm creates before or after what it does with a release
}

// Chart is a chart that was read from a directory.
type Chart struct{ chart *chartv2.Chart }

// Load reads a chart.
func Load(dir string) (*Chart, error) {
	c, err := loader.LoadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the chart %s: %w", dir, err)
	}
	return &Chart{c}, nil
}

// Merge returns values over others, as Helm merges files of values.
func Merge(values, over map[string]any) map[string]any { return loader.MergeMaps(values, over) }

// Values are the chart's own values.
func (c *Chart) Values() map[string]any { return c.chart.Values }

// KubeVersion is the constraint on the version of Kubernetes.
func (c *Chart) KubeVersion() string { return c.chart.Metadata.KubeVersion }

// File is a file of the chart that templates can read; nil if there is none.
func (c *Chart) File(name string) []byte {
	for _, f := range c.chart.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// Definitions are those of crds/, which Helm installs before everything else.
func (c *Chart) Definitions() ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, d := range c.chart.CRDObjects() {
		objects, err := manifest.Parse(d.Name, d.File.Data)
		if err != nil {
			return nil, err
		}
		out = append(out, objects...)
	}
	return out, nil
}

// Render renders the chart with values over its own.
func (c *Chart) Render(values map[string]any, r Release) (*Rendering, error) {
	capabilities := common.DefaultCapabilities.Copy()
	version, err := common.ParseKubeVersion(cmp.Or(r.Kubernetes, "v1.37.0"))
	if err != nil {
		return nil, fmt.Errorf("version of Kubernetes: %w", err)
	}
	if required := c.chart.Metadata.KubeVersion; required != "" && !chartutil.IsCompatibleRange(required,
		version.String()) {
		// as Helm phrases it
		return nil, fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s", required, version)
	}
	capabilities.KubeVersion = *version
	capabilities.APIVersions = append(slices.Clip(capabilities.APIVersions), r.APIs...)
	given, err := util.ToRenderValues(c.chart, values, common.ReleaseOptions{
		Name: r.name(), Namespace: r.namespace(),
		Revision: 1, IsInstall: !r.Upgrade, IsUpgrade: r.Upgrade,
	}, capabilities)
	if err != nil {
		return nil, err
	}
	var from engine.Engine
	if r.Cluster != nil {
		from = engine.New(r.Cluster)
	}
	files, err := from.RenderWithContext(context.Background(), c.chart, given)
	if err != nil {
		return nil, err
	}
	out := &Rendering{}
	if out.Manifest, out.Hooks, err = recorded(files); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Base(name) == "NOTES.txt" {
			out.Notes = files[name]
			continue
		}
		if strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		objects, err := manifest.Parse(name, []byte(files[name]))
		if err != nil {
			return nil, err
		}
		out.Objects = append(out.Objects, objects...)
	}
	return out, nil
}

// Arguments are those of the first container of a Deployment.
func Arguments(deployment *unstructured.Unstructured) []string {
	containers, _, _ := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if len(containers) == 0 {
		return nil
	}
	first, _ := containers[0].(map[string]any)
	args, _, _ := unstructured.NestedStringSlice(first, "args")
	return args
}

// Object is the only object of a kind with a name; nil if there is none.
func (r *Rendering) Object(kind, name string) *unstructured.Unstructured {
	for _, o := range r.Objects {
		if o.GetKind() == kind && o.GetName() == name {
			return o
		}
	}
	return nil
}
