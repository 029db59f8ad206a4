package cluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/playground/cluster/gatewayapi"
	"github.com/k8s-lbc/lbc/playground/manifest"
)

//go:embed ingressclass.yaml
var class []byte

// kindDelay is how long after a CRD is established the API server may answer that it does not exist.
const kindDelay = 10 * time.Second

// creationDelay is how long after a CRD is established the API server holds up each creation of an object of its kind,
// and by how long: another API server might not serve the CRD yet.
const creationDelay = 2 * time.Second

// install applies the CRDs and, while the API server takes them up, the controller's rights; then GatewayClasses and
// what the user adds.
func install(ctx context.Context, c *Cluster, o Options) error {
	client, err := manifest.NewClient(c.Plane.AdminConfig())
	if err != nil {
		return err
	}
	objects, classes, err := definitions(o)
	if err != nil {
		return err
	}
	added, err := ReadManifests(o.Manifests...)
	if err != nil {
		return err
	}
	rights := o.Installation
	if rights == nil {
		if rights, err = usual(o); err != nil {
			return err
		}
	}
	var custom []*unstructured.Unstructured // of kinds that the definitions define
	rights = slices.DeleteFunc(slices.Clone(rights), func(r *unstructured.Unstructured) bool {
		if !definedBy(objects, r) {
			return false
		}
		custom = append(custom, r)
		return true
	})
	// The namespace kube-system and the default roles appear a moment after the API server is ready.
	for {
		err = client.Apply(ctx, append(slices.Clone(objects), rights...)...)
		if err == nil {
			break
		}
		if waitErr := pause(ctx); waitErr != nil {
			return errors.Join(err, waitErr)
		}
	}
	kinds := 0 // how many of what the user adds define kinds
	for kinds < len(added) && isDefinition(added[kinds]) {
		kinds++
	}
	if err := client.Apply(ctx, added[:kinds]...); err != nil {
		return err
	}
	for _, crd := range append(objects, added[:kinds]...) {
		if err := established(ctx, client, crd); err != nil {
			return err
		}
	}
	return applyKnown(ctx, c.Plane.AdminConfig(), slices.Concat(custom, classes, added[kinds:]))
}

// definedBy reports whether an object is of a group that one of the definitions is of.
func definedBy(definitions []*unstructured.Unstructured, o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(definitions, func(d *unstructured.Unstructured) bool {
		group, _, _ := unstructured.NestedString(d.Object, "spec", "group")
		return group == o.GroupVersionKind().Group
	})
}

// usual is what an installation consists of besides definitions, unless it is given.
func usual(o Options) ([]*unstructured.Unstructured, error) {
	objects, err := manifest.Parse("ingressclass.yaml", class)
	if err != nil || o.Rights == "" {
		return objects, err
	}
	rights, err := ReadManifests(o.Rights)
	return append(rights, objects...), err
}

// applyKnown applies objects, of which the API server may not serve some kinds yet.
func applyKnown(ctx context.Context, config *rest.Config, objects []*unstructured.Unstructured) error {
	end := time.Now().Add(kindDelay)
	for {
		client, err := manifest.NewClient(config) // each client discovers the kinds again
		if err != nil {
			return err
		}
		err = client.Apply(ctx, objects...)
		if err == nil || !meta.IsNoMatchError(errors.Unwrap(err)) || time.Now().After(end) {
			return err
		}
		if waitErr := pause(ctx); waitErr != nil {
			return errors.Join(err, waitErr)
		}
	}
}

// definitions are all CRDs of an installation and the GatewayClasses.
func definitions(o Options) (crds, classes []*unstructured.Unstructured, err error) {
	if crds, err = definitionsIn(o.CRDs); err != nil {
		return nil, nil, err
	}
	if !o.GlobalAccelerator {
		crds = slices.DeleteFunc(crds, isAccelerator)
	}
	if !o.GatewayAPI {
		return slices.DeleteFunc(crds, gatewayapi.IsOwn), nil, nil
	}
	upstream, err := gatewayapi.Definitions()
	if err != nil {
		return nil, nil, err
	}
	classes, err = gatewayapi.Classes()
	return append(crds, upstream...), classes, err
}

// definitionsIn are the CRDs in a directory's *.yaml files.
func definitionsIn(dir string) ([]*unstructured.Unstructured, error) {
	if dir == "" {
		return nil, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("list the CRDs: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no CRDs in %s: run \"make generate\"", dir)
	}
	all, err := ReadManifests(files...)
	return slices.DeleteFunc(all, func(o *unstructured.Unstructured) bool { return !isDefinition(o) }), err
}

// isAccelerator reports whether a CustomResourceDefinition defines GlobalAccelerators.
func isAccelerator(crd *unstructured.Unstructured) bool {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	return group == "aga.k8s.aws"
}

func isDefinition(o *unstructured.Unstructured) bool {
	return o.GetKind() == "CustomResourceDefinition"
}

// ReadManifests reads the objects of files, and of the *.yaml, *.yml and *.json files of directories: CRDs first,
// namespaces next, then the others in their order.
func ReadManifests(paths ...string) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for _, path := range paths {
		files, err := manifestsAt(path)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			content, err := os.ReadFile(f)
			if err != nil {
				return nil, fmt.Errorf("read a manifest: %w", err)
			}
			objects, err := manifest.Parse(f, content)
			if err != nil {
				return nil, err
			}
			all = append(all, objects...)
		}
	}
	place := func(o *unstructured.Unstructured) int {
		switch {
		case isDefinition(o):
			return 0
		case o.GetKind() == "Namespace":
			return 1
		}
		return 2
	}
	slices.SortStableFunc(all, func(a, b *unstructured.Unstructured) int { return place(a) - place(b) })
	return all, nil
}

// manifestsAt are the files of a directory that may hold manifests, or the file itself.
func manifestsAt(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("find a manifest: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("list manifests: %w", err)
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(e.Name())) {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no *.yaml, *.yml or *.json file in %s", path)
	}
	return files, nil
}

// established waits until the API server serves the kinds of a CRD, and has it hold up no creation. As the API server
// is the only one, nothing is lost; a first TargetGroupBinding, and with it the first answer of a load balancer, would
// come two seconds late.
func established(ctx context.Context, client *manifest.Client, crd *unstructured.Unstructured) error {
	for {
		got, err := client.Get(ctx, crd)
		if err == nil {
			conditions, _, _ := unstructured.NestedSlice(got.Object, "status", "conditions")
			for _, c := range conditions {
				m, _ := c.(map[string]any)
				if m["type"] == "Established" && m["status"] == "True" {
					m["lastTransitionTime"] = got.GetCreationTimestamp().Add(-creationDelay).UTC().Format(time.RFC3339)
					if err = setConditions(ctx, client, got, conditions); err == nil {
						return nil
					}
				}
				if m["type"] == "NonStructuralSchema" && m["status"] == "True" {
					return fmt.Errorf("CRD %s: %v", crd.GetName(), m["message"])
				}
			}
		}
		if waitErr := pause(ctx); waitErr != nil {
			return errors.Join(fmt.Errorf("CRD %s is not established", crd.GetName()), err, waitErr)
		}
	}
}

func setConditions(ctx context.Context, client *manifest.Client, crd *unstructured.Unstructured,
	conditions []any) error {
	if err := unstructured.SetNestedSlice(crd.Object, conditions, "status", "conditions"); err != nil {
		return err
	}
	resource, err := client.Resource(crd)
	if err != nil {
		return err
	}
	_, err = resource.UpdateStatus(ctx, crd, metav1.UpdateOptions{})
	return err
}

func pause(ctx context.Context) error { return sleep.For(ctx, 50*time.Millisecond) }
