package chart

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"strconv"
	"strings"
	"time"

	releasecommon "helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/k8s-lbc/lbc/playground/manifest"
)

// revisionKey is the entry of a Secret that has a revision.
const revisionKey = "release"

// RevisionLabels are those of the Secrets in which Helm stores the revisions of a release.
func (r Release) RevisionLabels() map[string]string {
	return map[string]string{"owner": "helm", "name": r.name()}
}

// recorded returns the manifest and the hooks that Helm records of rendered templates.
func recorded(files map[string]string) (text string, hooks []*release.Hook, err error) {
	files = maps.Clone(files)
	maps.DeleteFunc(files, func(name, _ string) bool { return path.Base(name) == "NOTES.txt" })
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	for _, m := range manifests {
		fmt.Fprintf(&b, "---\n# Source: %s\n%s\n", m.Name, m.Content)
	}
	return b.String(), hooks, nil
}

// Own marks objects as those of a release, as Helm does at an installation. Helm refuses to upgrade other ones.
func (r Release) Own(objects ...*unstructured.Unstructured) {
	for _, o := range objects {
		labels, annotations := o.GetLabels(), o.GetAnnotations()
		if labels == nil {
			labels = map[string]string{}
		}
		if annotations == nil {
			annotations = map[string]string{}
		}
		labels["app.kubernetes.io/managed-by"] = "Helm"
		annotations[manifest.ReleaseAnnotation], annotations["meta.helm.sh/release-namespace"] = r.name(), r.namespace()
		o.SetLabels(labels)
		o.SetAnnotations(annotations)
	}
}

// IsHook reports whether Helm creates an object only before or after what it does with a release.
func IsHook(o *unstructured.Unstructured) bool {
	return o.GetAnnotations()[release.HookAnnotation] != ""
}

// Revision is the revision of a release whose objects are those of a rendering with values over the chart's. It follows
// another one; nil: the release is installed.
func (c *Chart) Revision(r Release, values map[string]any, of *Rendering, after *release.Release,
	at time.Time) *release.Release {
	out := &release.Release{
		Name: r.name(), Namespace: r.namespace(), Version: 1, Chart: c.chart, Config: values, Manifest: of.Manifest,
		Hooks: of.Hooks, ApplyMethod: string(release.ApplyMethodServerSideApply), Info: &release.Info{
			FirstDeployed: at, LastDeployed: at, Status: releasecommon.StatusDeployed, Description: "Install complete",
			Notes: of.Notes},
	}
	if after != nil {
		out.Version, out.Info.FirstDeployed = after.Version+1, after.Info.FirstDeployed
		out.Info.Description = "Upgrade complete"
	}
	return out
}

// Supersede marks a revision as no longer deployed, because another one is.
func Supersede(r *release.Release) { r.Info.Status = releasecommon.StatusSuperseded }

// EncodeRevision is the Secret in which Helm stores a revision that changed at a time.
func EncodeRevision(r *release.Release, at time.Time) (*corev1.Secret, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode revision %d of release %s: %w", r.Version, r.Name, err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(text)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("compress revision %d of release %s: %w", r.Version, r.Name, err)
	}
	version := strconv.Itoa(r.Version)
	labels := Release{Name: r.Name}.RevisionLabels()
	labels["status"], labels["version"] = r.Info.Status.String(), version
	labels["modifiedAt"] = strconv.FormatInt(at.Unix(), 10)
	return &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: "sh.helm.release.v1." + r.Name + ".v" + version, Namespace: r.Namespace,
			Labels: labels},
		Type: "helm.sh/release.v1",
		Data: map[string][]byte{revisionKey: []byte(base64.StdEncoding.EncodeToString(packed.Bytes()))},
	}, nil
}

// DecodeRevision reads a Secret in which Helm stored a revision.
func DecodeRevision(s *corev1.Secret) (*release.Release, error) {
	out, err := decode(s.Data[revisionKey])
	if err != nil {
		return nil, fmt.Errorf("read Secret %s: %w", s.Name, err)
	}
	return out, nil
}

func decode(text []byte) (*release.Release, error) {
	packed, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return nil, err
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	out := &release.Release{}
	if err := json.NewDecoder(unpacked).Decode(out); err != nil {
		return nil, err
	}
	if out.Info == nil {
		return nil, fmt.Errorf("it has no information about revision %d", out.Version)
	}
	return out, nil
}
