package chart

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k8s-lbc/lbc/playground/manifest"
)

// TestRevisionIsStoredAsHelmDoes encodes two revisions and reads them back. The command line of Helm reads them in
// e2e/companions/helm.
func TestRevisionIsStoredAsHelmDoes(t *testing.T) {
	t.Parallel()
	c, r := load(t), Release{Name: "lb", Namespace: "networking"}
	v := values(t, `{clusterName: demo-cluster, replicaCount: 3}`)
	began := time.Unix(1000, 0).UTC()
	first := c.Revision(r, v, render(t, c, v, r), nil, began)
	s := must(EncodeRevision(first, began))
	if s.Name != "sh.helm.release.v1.lb.v1" || s.Namespace != "networking" || s.Type != "helm.sh/release.v1" {
		t.Errorf("the Secret is %s/%s of type %s", s.Namespace, s.Name, s.Type)
	}
	for label, want := range map[string]string{"name": "lb", "owner": "helm", "status": "deployed", "version": "1",
		"modifiedAt": "1000"} {
		if s.Labels[label] != want {
			t.Errorf("label %s is %q, want %q", label, s.Labels[label], want)
		}
	}
	if n := len(s.Data["release"]); n > 900_000 {
		t.Errorf("the Secret has %d bytes; Kubernetes stores 1 MiB", n)
	}
	read := must(DecodeRevision(s))
	if read.Config["clusterName"] != "demo-cluster" || read.Config["image"] != nil {
		t.Errorf("the values are %v, want those that were given, without the chart's", read.Config)
	}
	if read.Chart.Metadata.Name != "aws-load-balancer-controller" || read.Chart.Values["image"] == nil {
		t.Error("the revision has no chart with its values")
	}
	if read.ApplyMethod != "ssa" {
		t.Errorf("apply method %q, so that Helm upgrades by patches of the client", read.ApplyMethod)
	}

	Supersede(first)
	if l := must(EncodeRevision(first, began)).Labels; l["status"] != "superseded" {
		t.Errorf("status %s after another revision", l["status"])
	}
	next := c.Revision(r, v, render(t, c, v, r), read, began.Add(time.Hour))
	s = must(EncodeRevision(next, began))
	read = must(DecodeRevision(s))
	if s.Name != "sh.helm.release.v1.lb.v2" || !read.Info.FirstDeployed.Equal(began) ||
		!read.Info.LastDeployed.Equal(began.Add(time.Hour)) {
		t.Errorf("revision %s, of a release from %v, deployed at %v", s.Name, read.Info.FirstDeployed, read.Info.LastDeployed)
	}
}

// TestManifestHasObjectsInHelmsOrder compares the manifest with the objects: it has all but hooks, and accounts come
// before roles, then the Deployment, then webhooks.
func TestManifestHasObjectsInHelmsOrder(t *testing.T) {
	t.Parallel()
	c := load(t)
	r := render(t, c, values(t, `{clusterName: demo-cluster}`), Release{})
	want, hooks := map[string]bool{}, 0
	for _, o := range r.Objects {
		if IsHook(o) {
			hooks++
			continue
		}
		want[o.GetKind()+" "+o.GetName()] = true
	}
	if len(r.Hooks) != hooks {
		t.Errorf("%d hooks, want %d", len(r.Hooks), hooks)
	}
	var kinds []string
	for _, o := range must(manifest.Parse("manifest", []byte(r.Manifest))) {
		name := o.GetKind() + " " + o.GetName()
		if !want[name] {
			t.Errorf("the manifest has %s, which is a hook, or twice", name)
		}
		delete(want, name)
		kinds = append(kinds, o.GetKind())
	}
	if len(want) > 0 {
		t.Errorf("the manifest lacks %v", want)
	}
	last := -1
	for _, kind := range []string{"ServiceAccount", "ClusterRole", "Service", "Deployment",
		"MutatingWebhookConfiguration"} {
		at := slices.Index(kinds, kind)
		if at <= last {
			t.Errorf("%s is at %d of %v", kind, at, kinds)
		}
		last = at
	}
	if source := "---\n# Source: aws-load-balancer-controller/templates/deployment.yaml\n"; !strings.Contains(r.Manifest,
		source) {
		t.Errorf("no %q in the manifest", source)
	}
}

func TestObjectsOfAReleaseAreHelms(t *testing.T) {
	t.Parallel()
	o := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{
		"labels":      map[string]any{"app.kubernetes.io/managed-by": "somebody", "a": "b"},
		"annotations": map[string]any{"c": "d"}}}}
	bare := &unstructured.Unstructured{Object: map[string]any{}}
	Release{Name: "lb", Namespace: "networking"}.Own(o, bare)
	if l, a := o.GetLabels(), o.GetAnnotations(); l["a"] != "b" || a["c"] != "d" || len(l) != 2 || len(a) != 3 {
		t.Errorf("labels %v, annotations %v", l, a)
	}
	for _, o := range []*unstructured.Unstructured{o, bare} {
		if l, a := o.GetLabels(), o.GetAnnotations(); l["app.kubernetes.io/managed-by"] != "Helm" ||
			a["meta.helm.sh/release-name"] != "lb" || a["meta.helm.sh/release-namespace"] != "networking" {
			t.Errorf("labels %v, annotations %v", l, a)
		}
	}
}

func TestWhatIsNoRevisionIsRefused(t *testing.T) {
	t.Parallel()
	c := load(t)
	v := values(t, `{clusterName: demo-cluster}`)
	s := must(EncodeRevision(c.Revision(Release{}, v, render(t, c, v, Release{}), nil, time.Unix(1, 0)), time.Unix(1, 0)))
	for name, data := range map[string][]byte{"nothing": nil, "no base64": []byte("%"), "not compressed": []byte("AAAA"),
		"cut": s.Data["release"][:len(s.Data["release"])/8*4]} {
		s := s.DeepCopy()
		s.Data["release"] = data
		if _, err := DecodeRevision(s); err == nil || !strings.Contains(err.Error(), s.Name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
