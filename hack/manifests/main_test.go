package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/controller/config"
)

const dir = "../../config"

func written(t *testing.T) map[string]string {
	t.Helper()
	out := t.TempDir()
	if err := writeManifests(dir, out, "v1.2.3", "registry.example.com/lbc:v1.2.3"); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(out, f.Name())) //nolint:gosec // a test
		if err != nil {
			t.Fatal(err)
		}
		texts[f.Name()] = string(text)
	}
	return texts
}

type object struct {
	Kind     string
	Metadata struct{ Namespace, Name string }
	Spec     struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Image string
					Args  []string
				}
			}
		}
	}
}

func objects(t *testing.T, text string) (all []object) {
	t.Helper()
	for _, d := range strings.Split(text, "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(d), &o); err != nil {
			t.Fatalf("%v\n%s", err, d)
		}
		if o.Kind == "" {
			t.Errorf("a document without an object:\n%s", d)
		}
		all = append(all, o)
	}
	return all
}

func names(all []object) (out []string) {
	for _, o := range all {
		out = append(out, o.Kind+" "+strings.TrimPrefix(o.Metadata.Namespace+"/"+o.Metadata.Name, "/"))
	}
	return out
}

func TestManifestsKeepNamesOfExistingInstallations(t *testing.T) {
	t.Parallel()
	texts := written(t)
	for file, want := range map[string][]string{
		"v1_2_3_full.yaml": {
			"CustomResourceDefinition targetgroupbindings.elbv2.k8s.aws",
			"CustomResourceDefinition loadbalancerconfigurations.gateway.k8s.aws",
			"ServiceAccount kube-system/aws-load-balancer-controller", "ClusterRole aws-load-balancer-controller-role",
			"ClusterRoleBinding aws-load-balancer-controller-rolebinding",
			"Role kube-system/aws-load-balancer-controller-leader-election-role",
			"Service kube-system/aws-load-balancer-webhook-service",
			"Deployment kube-system/aws-load-balancer-controller", "MutatingWebhookConfiguration aws-load-balancer-webhook",
			"ValidatingWebhookConfiguration aws-load-balancer-webhook",
		},
		"v1_2_3_ingclass.yaml": {"IngressClassParams alb", "IngressClass alb"},
		"crds.yaml":            {"CustomResourceDefinition ingressclassparams.elbv2.k8s.aws"},
		"gateway-crds.yaml":    {"CustomResourceDefinition targetgroupconfigurations.gateway.k8s.aws"},
		"aga-crds.yaml":        {"CustomResourceDefinition globalaccelerators.aga.k8s.aws"},
	} {
		got := names(objects(t, texts[file]))
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s has no %s, only %v", file, w, got)
			}
		}
	}
	definitions, err := filepath.Glob(filepath.Join(dir, "crd", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range []string{"crds.yaml", "gateway-crds.yaml", "aga-crds.yaml"} {
		if texts[file] != "" {
			n += len(objects(t, texts[file]))
		}
	}
	if n != len(definitions) {
		t.Errorf("%d definitions are published, there are %d", n, len(definitions))
	}
}

// TestWhatIsNotPublishedYetIsListedAsOpen holds docs/release.md to the definitions that there are.
func TestWhatIsNotPublishedYetIsListedAsOpen(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/release.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := written(t)
	for _, file := range []string{"crds.yaml", "gateway-crds.yaml", "aga-crds.yaml"} {
		i := strings.Index(string(page), "`"+file+"`")
		if i < 0 {
			t.Errorf("docs/release.md does not name %s", file)
			continue
		}
		line, _, _ := strings.Cut(string(page)[i:], "\n")
		if open := strings.Contains(line, "not published yet"); open != (texts[file] == "") {
			t.Errorf("%s is made: %v; docs/release.md: %s", file, texts[file] != "", line)
		}
	}
}

func TestBuiltInRolesOnlyReadBindings(t *testing.T) {
	t.Parallel()
	type role struct {
		Kind     string
		Metadata struct {
			Name   string
			Labels map[string]string
		}
		Rules []struct{ APIGroups, Resources, Verbs []string }
	}
	roles := map[string]role{}
	for _, d := range strings.Split(written(t)["v1_2_3_full.yaml"], "\n---\n") {
		var r role
		if err := yaml.Unmarshal([]byte(d), &r); err == nil && r.Kind == "ClusterRole" {
			roles[r.Metadata.Name] = r
		}
	}
	for name, resource := range map[string]string{"ingressclassparams": "ingressclassparams",
		"targetgroupbinding": "targetgroupbindings", "loadbalancer": "loadbalancers",
		"globalaccelerator": "globalaccelerators"} {
		for kind, verbs := range map[string][]string{"viewer": {"get", "list", "watch"}, "editor": {"create", "delete", "get",
			"list", "patch", "update", "watch"}} {
			if name == "loadbalancer" && kind == "editor" {
				continue // the controller writes them
			}
			r, ok := roles["aws-load-balancer-"+name+"-"+kind+"-role"]
			if !ok || len(r.Rules) != 2 {
				t.Errorf("%s of %s: %+v", kind, resource, r)
				continue
			}
			if !slices.Equal(r.Rules[0].Resources, []string{resource}) || !slices.Equal(r.Rules[0].Verbs, verbs) ||
				!slices.Equal(r.Rules[1].Verbs, []string{"get"}) {
				t.Errorf("%s of %s: %+v", kind, resource, r.Rules)
			}
			if aggregated := len(r.Metadata.Labels) > 0; aggregated != (kind == "viewer") {
				t.Errorf("%s of %s has labels %v", kind, resource, r.Metadata.Labels)
			}
		}
	}
}

func TestDeploymentHasValidImageAndArguments(t *testing.T) {
	t.Parallel()
	for _, o := range objects(t, written(t)["v1_2_3_full.yaml"]) {
		if o.Kind != "Deployment" {
			continue
		}
		c := o.Spec.Template.Spec.Containers
		if len(c) != 1 || c[0].Image != "registry.example.com/lbc:v1.2.3" {
			t.Fatalf("%+v", c)
		}
		if parsed, err := config.Parse(c[0].Args); err != nil || parsed.ClusterName != "your-cluster-name" ||
			len(parsed.Notices) > 0 {
			t.Errorf("%v: %+v, %v", c[0].Args, parsed, err)
		}
		return
	}
	t.Error("there is no Deployment")
}

func TestTheBaseForKustomizeListsWhatTheFullManifestHas(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var base struct{ Resources []string }
	if err := yaml.Unmarshal(text, &base); err != nil {
		t.Fatal(err)
	}
	files, err := sources(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		files[i] = strings.TrimPrefix(filepath.ToSlash(f), dir+"/")
	}
	if !slices.Equal(base.Resources, files) {
		t.Errorf("got %v\nwant %v: run make generate", base.Resources, files)
	}
}

func TestMissingArgumentsAreNamed(t *testing.T) {
	t.Parallel()
	if err := writeManifests(dir, t.TempDir(), "", "x"); err == nil || !strings.Contains(err.Error(), "-version") {
		t.Errorf("got %v", err)
	}
	if err := writeManifests(t.TempDir(), t.TempDir(), "v1", "x"); err == nil || !strings.Contains(err.Error(),
		"has no manifests") {
		t.Errorf("got %v", err)
	}
}
