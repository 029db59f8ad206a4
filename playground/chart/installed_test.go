package chart

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/k8s-lbc/lbc/playground/cluster"
	"github.com/k8s-lbc/lbc/playground/manifest"
	"github.com/k8s-lbc/lbc/playground/repository"
)

// helm installs releases as Helm's client does it. Helm 3, and Helm 4 for releases that Helm 3 made, patch each object
// by three ways: what the former rendering had, what the new one has, and what is in the cluster. Else Helm 4 applies
// on the server's side. Its command line brings modules for registries and plugins, which are not linked here.
type helm struct {
	client     *manifest.Client
	serverSide bool
	force      bool // --force-conflicts, on the server's side
}

// upgrade brings the cluster from one rendering to another.
func (h helm) upgrade(t *testing.T, from, to []*unstructured.Unstructured) {
	t.Helper()
	wanted := map[string]bool{}
	for _, o := range to {
		wanted[id(o)] = true
		h.apply(t, find(from, id(o)), o)
	}
	for _, o := range from {
		if wanted[id(o)] {
			continue
		}
		resource, err := h.client.Resource(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := resource.Delete(t.Context(), o.GetName(), metav1.DeleteOptions{}); err != nil &&
			!apierrors.IsNotFound(err) {
			t.Errorf("delete %s: %v", id(o), err)
		}
	}
}

// apply writes one object; former is nil if the former rendering has none.
func (h helm) apply(t *testing.T, former, o *unstructured.Unstructured) {
	t.Helper()
	resource, err := h.client.Resource(o)
	if err != nil {
		t.Fatal(err)
	}
	if h.serverSide {
		if _, err := resource.Apply(t.Context(), o.GetName(), o, metav1.ApplyOptions{FieldManager: "helm",
			Force: h.force}); err != nil {
			t.Errorf("apply %s: %v", id(o), err)
		}
		return
	}
	current, err := resource.Get(t.Context(), o.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = resource.Create(t.Context(), o, metav1.CreateOptions{FieldManager: "helm"})
	} else if err == nil {
		patch, kind := threeWays(t, former, o, current)
		_, err = resource.Patch(t.Context(), o.GetName(), kind, patch, metav1.PatchOptions{FieldManager: "helm"})
	}
	if err != nil {
		t.Errorf("write %s: %v", id(o), err)
	}
}

func threeWays(t *testing.T, former, o, current *unstructured.Unstructured) ([]byte, types.PatchType) {
	t.Helper()
	encode := func(o *unstructured.Unstructured) []byte {
		if o == nil {
			return []byte("{}")
		}
		return must(json.Marshal(o.Object))
	}
	versioned, err := scheme.Scheme.New(o.GroupVersionKind())
	if err != nil { // of a definition
		return must(jsonmergepatch.CreateThreeWayJSONMergePatch(encode(former), encode(o), encode(current))),
			types.MergePatchType
	}
	meta := must(strategicpatch.NewPatchMetaFromStruct(versioned))
	return must(strategicpatch.CreateThreeWayMergePatch(encode(former), encode(o), encode(current), meta, true)),
		types.StrategicMergePatchType
}

func id(o *unstructured.Unstructured) string {
	return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
}

func find(all []*unstructured.Unstructured, wanted string) *unstructured.Unstructured {
	for _, o := range all {
		if id(o) == wanted {
			return o
		}
	}
	return nil
}

// live are the objects of a rendering as they are in the cluster, without what API servers write.
func (h helm) live(t *testing.T, rendering []*unstructured.Unstructured) (objects []*unstructured.Unstructured,
	uids map[string]types.UID) {
	t.Helper()
	uids = map[string]types.UID{}
	for _, o := range rendering {
		got, err := h.client.Get(t.Context(), o)
		if err != nil {
			t.Errorf("%s: %v", id(o), err)
			continue
		}
		uids[id(o)] = got.GetUID()
		for _, field := range []string{"uid", "resourceVersion", "generation", "managedFields", "creationTimestamp"} {
			unstructured.RemoveNestedField(got.Object, "metadata", field)
		}
		unstructured.RemoveNestedField(got.Object, "status")
		unstructured.RemoveNestedField(got.Object, "spec", "template", "metadata", "creationTimestamp")
		objects = append(objects, got)
	}
	return objects, uids
}

// TestHelmUpgradeAndRollbackKeepEachObject installs the objects of the existing chart in an API server, upgrades them
// to this chart's, upgrades once more, and rolls back, as Helm 3 and as Helm 4 do it.
func TestHelmUpgradeAndRollbackKeepEachObject(t *testing.T) {
	existing := must(manifest.Parse("existing.yaml", must(os.ReadFile("testdata/existing.yaml"))))
	ours := render(t, load(t), base(), Release{Upgrade: true}).Objects
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // on a machine with much else to do
	defer cancel()
	root := must(repository.FindFromProcess())
	c, err := cluster.Start(ctx, cluster.Options{Dir: t.TempDir(), ControlPlane: must(root.ControlPlane()), OnlyAPI: true,
		CRDs: "../../config/crd", Installation: []*unstructured.Unstructured{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	for name, h := range map[string]helm{
		"patches by three ways":      {client: must(manifest.NewClient(c.Plane.AdminConfig()))},
		"applies on the server side": {client: must(manifest.NewClient(c.Plane.AdminConfig())), serverSide: true},
	} {
		t.Run(name, func(t *testing.T) {
			h.upgrade(t, nil, existing)
			before, made := h.live(t, existing)
			h.upgrade(t, existing, ours)
			after, kept := h.live(t, ours)
			for name, uid := range kept {
				if made[name] != uid && find(existing, name) != nil {
					t.Errorf("the upgrade makes %s anew", name)
				}
			}
			for _, line := range differences(before, after) {
				if !slices.ContainsFunc(changes, func(c change) bool { return regexp.MustCompile(c.line).MatchString(line) }) {
					t.Errorf("the upgrade changes %s", line)
				}
			}

			// The controller publishes its authority, which a later upgrade leaves in place.
			h.publish(t, ours)
			published, _ := h.live(t, ours)
			h.upgrade(t, ours, ours)
			now, _ := h.live(t, ours)
			for _, line := range differences(published, now) {
				t.Errorf("another upgrade changes %s", line)
			}

			h.force = true
			h.upgrade(t, ours, existing)
			back, _ := h.live(t, existing)
			for _, line := range differences(before, back) {
				t.Errorf("the rollback leaves %s", line)
			}
			h.upgrade(t, existing, nil)
		})
	}
}

// TestAnUpgradeKeepsRightsThatABindingNeeds installs the chart where a TargetGroupBinding shares its target group, and
// where none does.
func TestAnUpgradeKeepsRightsThatABindingNeeds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	root := must(repository.FindFromProcess())
	c, err := cluster.Start(ctx, cluster.Options{Dir: t.TempDir(), ControlPlane: must(root.ControlPlane()), OnlyAPI: true,
		CRDs: "../../config/crd", Installation: []*unstructured.Unstructured{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	client := must(manifest.NewClient(c.Plane.AdminConfig()))
	release := Release{Upgrade: true, Cluster: c.Plane.AdminConfig(), APIs: []string{
		"elbv2.k8s.aws/v1beta1/TargetGroupBinding"}}
	writes := func() bool {
		return granted(t, render(t, load(t), base(), release).Object("ClusterRole",
			"aws-load-balancer-controller-role"))["update /configmaps"]
	}
	binding := "apiVersion: elbv2.k8s.aws/v1beta1\nkind: TargetGroupBinding\nmetadata: {name: %[1]s, " +
		"namespace: default}\n" +
		"spec: {targetGroupARN: 'arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/%[1]s/0123456789abcdef', " +
		"targetType: ip, serviceRef: {name: web, port: 80}, multiClusterTargetGroup: %[2]t}\n"
	for _, shared := range []bool{false, true} {
		objects := must(manifest.Parse("binding.yaml", fmt.Appendf(nil, binding, fmt.Sprintf("shared-%t", shared), shared)))
		if err := client.Apply(ctx, objects...); err != nil {
			t.Fatal(err)
		}
		if got := writes(); got != shared {
			t.Errorf("with a shared target group (%t) the controller may write ConfigMaps: %t", shared, got)
		}
	}
}

// publish writes an authority into the webhook configurations, as the controller does it.
func (h helm) publish(t *testing.T, rendering []*unstructured.Unstructured) {
	t.Helper()
	for _, o := range rendering {
		if !strings.HasSuffix(o.GetKind(), "WebhookConfiguration") {
			continue
		}
		webhooks, _, _ := unstructured.NestedSlice(o.Object, "webhooks")
		var patch []map[string]any
		for i := range webhooks {
			patch = append(patch, map[string]any{"op": "add", "path": fmt.Sprintf("/webhooks/%d/clientConfig/caBundle", i),
				"value": []byte(certificate)})
		}
		resource, err := h.client.Resource(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resource.Patch(t.Context(), o.GetName(), types.JSONPatchType, must(json.Marshal(patch)),
			metav1.PatchOptions{FieldManager: "controller"}); err != nil {
			t.Fatal(err)
		}
	}
}
