package chart

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
)

// valueCase is a case of testdata/values.in.yaml: values over clusterName: demo-cluster, whose effect is in
// testdata/values.txt.
type valueCase struct {
	Name     string         `json:"name"`     // the value that the case is about, as a dotted path
	With     map[string]any `json:"with"`     // values that come before it, so that it has an effect
	Set      map[string]any `json:"set"`      // the values of the case
	NoEffect string         `json:"noEffect"` // why nothing changes
}

func valueCases(t *testing.T) []valueCase {
	t.Helper()
	var cases []valueCase
	if err := yaml.UnmarshalStrict(must(os.ReadFile("testdata/values.in.yaml")), &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// container abbreviates the path of the container.
var container = strings.NewReplacer("Deployment aws-load-balancer-controller "+
	"spec.template.spec.containers.aws-load-balancer-controller.", "container ")

// longestEffect bounds what testdata/values.txt shows of one effect: of the dashboard, the beginning.
const longestEffect = 7000

// base are the values of all cases.
func base(more ...map[string]any) map[string]any {
	v := map[string]any{"clusterName": "demo-cluster"}
	for _, m := range more {
		maps.Copy(v, m)
	}
	return v
}

// TestEachValueHasItsEffectAndNoOther holds the effect of each value on its own to testdata/values.txt. The arguments
// of each rendering are those of a command line with which the controller starts.
func TestEachValueHasItsEffectAndNoOther(t *testing.T) {
	t.Parallel()
	c := load(t)
	var b strings.Builder
	plain := map[string]*Rendering{}
	for _, tc := range valueCases(t) {
		with := value(tc.With)
		if plain[with] == nil {
			plain[with] = render(t, c, base(tc.With), Release{})
		}
		after, err := c.Render(base(tc.With, tc.Set), Release{})
		if err != nil {
			t.Fatalf("%s: %v", tc.Name, err)
		}
		effect := differences(plain[with].Objects, after.Objects)
		if (len(effect) == 0) != (tc.NoEffect != "") {
			t.Errorf("%s: %d effects; why there is none: %q", tc.Name, len(effect), tc.NoEffect)
		}
		fmt.Fprintf(&b, "%s: %s\n", tc.Name, value(tc.Set))
		for _, line := range effect {
			if len(line) > longestEffect {
				line = line[:longestEffect] + "…"
			}
			fmt.Fprintf(&b, "  %s\n", container.Replace(line))
		}
		parse(t, tc.Name, after)
	}
	goldenfile.Compare(t, "testdata/values.txt", b.String())
}

// parse returns the configuration of a rendered Deployment.
func parse(t *testing.T, name string, r *Rendering) *config.Config {
	t.Helper()
	for _, o := range r.Objects {
		if o.GetKind() != "Deployment" {
			continue
		}
		c, err := config.Parse(Arguments(o))
		if err != nil {
			t.Errorf("%s: the controller refuses its arguments: %v", name, err)
		}
		return c
	}
	t.Errorf("%s: there is no Deployment", name)
	return nil
}

// paths are the dotted paths of a map's leaves: of what has no map below it that names declares.
func paths(names map[string]any, prefix string) []string {
	var out []string
	for k, v := range names {
		if m, ok := v.(map[string]any); ok && prefix+k != "controllerConfig.featureGates" {
			out = append(out, paths(m, prefix+k+".")...)
			continue
		}
		out = append(out, prefix+k)
	}
	slices.Sort(out)
	return out
}

func TestEachValueHasACase(t *testing.T) {
	t.Parallel()
	c := load(t)
	names := values(t, string(c.File("files/names.yaml")))
	tested := map[string]bool{}
	for _, tc := range valueCases(t) {
		tested[tc.Name] = true
	}
	all := paths(names, "")
	for _, p := range all {
		if !tested[p] {
			t.Errorf("value %s has no case in testdata/values.in.yaml", p)
		}
	}
	for p := range tested {
		if !slices.Contains(all, p) {
			t.Errorf("testdata/values.in.yaml has a case of %s, which is no value", p)
		}
	}
}

// TestValuesSchemaAndNamesAgree: values.yaml, the schema and the names that are checked are three files, since
// templates can read neither of the first two.
func TestValuesSchemaAndNamesAgree(t *testing.T) {
	t.Parallel()
	c := load(t)
	names := values(t, string(c.File("files/names.yaml")))
	schema := values(t, string(must(os.ReadFile(dir+"/values.schema.json"))))
	compareNames(t, "", names, c.Values(), schema)
	gates := names["controllerConfig"].(map[string]any)["featureGates"].(map[string]any)
	known := map[string]bool{}
	for _, g := range config.GateDocs() {
		known[string(g.Name)] = true
		if _, ok := gates[string(g.Name)]; !ok {
			t.Errorf("files/names.yaml lacks feature gate %s", g.Name)
		}
	}
	for g := range gates {
		if _, err := config.Parse([]string{"--cluster-name=c", "--feature-gates=" + g + "=true"}); err != nil {
			t.Errorf("files/names.yaml has feature gate %s: %v", g, err)
		}
	}
}

func compareNames(t *testing.T, path string, names map[string]any, defaults, schema map[string]any) {
	t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	for _, other := range []map[string]any{defaults, properties} {
		for k := range other {
			if _, ok := names[k]; !ok {
				t.Errorf("files/names.yaml lacks %s%s", path, k)
			}
		}
	}
	for k, below := range names {
		d, inDefaults := defaults[k]
		s, inSchema := properties[k].(map[string]any)
		if !inDefaults || !inSchema {
			t.Errorf("%s%s: in values.yaml %v, in the schema %v", path, k, inDefaults, inSchema)
		}
		if m, ok := below.(map[string]any); ok && path+k != "controllerConfig.featureGates" {
			dm, _ := d.(map[string]any)
			compareNames(t, path+k+".", m, dm, s)
		}
	}
}

// without lists the flags that no value sets, and why.
var without = map[string]string{
	"auto-gateway-controller-name":   "GatewayClasses name controllers; extraArgs",
	"alb-gateway-controller-name":    "GatewayClasses name controllers; extraArgs",
	"nlb-gateway-controller-name":    "GatewayClasses name controllers; extraArgs",
	"aws-vpc-tag-key":                "obsolete",
	"cluster-name":                   "clusterName, in lbc.args",
	"default-target-type":            "defaultTargetType, in lbc.args",
	"enable-leader-election":         "two replicas without election would write twice; extraArgs, for one replica",
	"leader-election-id":             "extraArgs, which the roles follow",
	"leader-election-namespace":      "extraArgs, which the roles follow",
	"health-probe-bind-addr":         "livenessProbe and readinessProbe have its port; extraArgs",
	"kube-ca-pem-filepath":           "needs a volume; extraArgs and extraVolumes",
	"kubeconfig":                     "the service account is used",
	"metrics-cert-dir":               "where the Secret of metrics.certSecret is mounted, in lbc.args",
	"pprof-bind-addr":                "for an examination; extraArgs",
	"quic-environment-variable-name": "pods read one name in a cluster; extraArgs",
	"version":                        "the process prints and ends",
	"webhook-bind-host":              "extraArgs",
	"webhook-cert-dir":               "where the Secret is mounted",
	"webhook-cert-file":              "as the Secret has it",
	"webhook-key-file":               "as the Secret has it",
	"webhook-cert-secret":            "webhookCertificate.secretName, in lbc.args",
	"webhook-configurations":         "named by the release, in lbc.args",
}

func TestEachFlagHasAValueOrAReason(t *testing.T) {
	t.Parallel()
	var rows []struct{ Flag, Value, As string }
	if err := yaml.Unmarshal(load(t).File("files/flags.yaml"), &rows); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	fs := config.FlagSet(&config.Config{})
	for _, r := range rows {
		have[r.Flag] = true
		if fs.Lookup(r.Flag) == nil {
			t.Errorf("files/flags.yaml names --%s, which the controller does not have", r.Flag)
		}
	}
	for flag := range without {
		if have[flag] || fs.Lookup(flag) == nil {
			t.Errorf("--%s has a value, or is no flag: take it from the list", flag)
		}
		have[flag] = true
	}
	for flag := range have {
		delete(have, flag)
		if f := fs.Lookup(flag); f != nil {
			f.Hidden = true
		}
	}
	for line := range strings.Lines(fs.FlagUsages()) {
		t.Errorf("a flag has neither a value nor a reason for having none: %s", strings.TrimSpace(line))
	}
}
