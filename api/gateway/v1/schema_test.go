package v1

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// definition is what the tests read of a CustomResourceDefinition.
type definition struct {
	Spec struct {
		Scope    string
		Names    struct{ Kind, Plural, Singular string }
		Versions []struct {
			Name                     string
			Served, Storage          bool
			Deprecated               bool
			DeprecationWarning       string
			Subresources             map[string]any
			AdditionalPrinterColumns []struct{ Name, Type, JSONPath, Description string }
			Schema                   struct{ OpenAPIV3Schema openAPI }
		}
	}
}

type openAPI struct {
	Type                 string
	Format               string
	Enum                 []string
	Default              any
	Pattern              string
	Minimum, Maximum     *float64
	MinLength, MaxLength *int
	MinItems, MaxItems   *int
	MaxProperties        *int
	Required             []string
	Properties           map[string]*openAPI
	Items                *openAPI
	AdditionalProperties *openAPI
}

func read(t *testing.T, plural string) definition {
	t.Helper()
	text, err := os.ReadFile("../../../config/crd/gateway.k8s.aws_" + plural + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d definition
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// list writes each field below spec as one line: path, type and what the schema asks of a value. Labels of a selector
// are Kubernetes'.
func (s *openAPI) list(path string, into *[]string) {
	if path != "" {
		line := path + " " + s.Type
		add := func(format string, args ...any) { line += " " + fmt.Sprintf(format, args...) }
		if s.Format != "" {
			add("%s", s.Format)
		}
		if len(s.Enum) > 0 {
			add("enum=%s", strings.Join(s.Enum, ","))
		}
		if s.Default != nil {
			add("default=%q", fmt.Sprint(s.Default))
		}
		if s.Pattern != "" {
			add("pattern=%s", s.Pattern)
		}
		for _, b := range []struct {
			name string
			n    *int
		}{{"minLength", s.MinLength}, {"maxLength", s.MaxLength}, {"minItems", s.MinItems}, {"maxItems", s.MaxItems},
			{"maxProperties", s.MaxProperties}} {
			if b.n != nil {
				add("%s=%d", b.name, *b.n)
			}
		}
		if s.Minimum != nil {
			add("from=%.0f", *s.Minimum)
		}
		if s.Maximum != nil {
			add("to=%.0f", *s.Maximum)
		}
		if len(s.Required) > 0 {
			add("required=%s", strings.Join(slices.Sorted(slices.Values(s.Required)), ","))
		}
		*into = append(*into, line)
	}
	if strings.HasSuffix(path, "nodeSelector") {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		s.Properties[name].list(strings.TrimPrefix(path+"."+name, "."), into)
	}
	if s.Items != nil {
		s.Items.list(path+"[]", into)
	}
	if s.AdditionalProperties != nil {
		s.AdditionalProperties.list(path+"{}", into)
	}
}

// additions are the fields that the existing controller does not have, by kind, as the lists have them.
var additions = map[string][]string{
	"TargetGroupConfiguration": {
		"defaultConfiguration.healthCheckConfig.healthCheckFrom string enum=ReadinessProbe",
		"routeConfigurations[].targetGroupProps.healthCheckConfig.healthCheckFrom string enum=ReadinessProbe",
	},
}

func TestSchemasDifferOnlyByAdditions(t *testing.T) {
	t.Parallel()
	for kind, plural := range map[string]string{
		"LoadBalancerConfiguration": "loadbalancerconfigurations", "TargetGroupConfiguration": "targetgroupconfigurations",
		"ListenerRuleConfiguration": "listenerruleconfigurations",
	} {
		d := read(t, plural)
		if d.Spec.Scope != "Namespaced" || d.Spec.Names.Kind != kind || d.Spec.Names.Plural != plural ||
			d.Spec.Names.Singular != strings.ToLower(kind) {
			t.Errorf("%s: scope %s, names %+v", kind, d.Spec.Scope, d.Spec.Names)
		}
		var got []string
		d.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].list("", &got)
		for _, field := range additions[kind] {
			n := slices.Index(got, field)
			if n < 0 {
				t.Errorf("%s lacks the addition %q", kind, field)
				continue
			}
			got = slices.Delete(got, n, n+1)
		}
		golden := "testdata/" + plural + ".txt"
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(strings.TrimSpace(string(want)), "\n"), got); diff != "" {
			t.Errorf("%s against %s, which is checked by hand against the contract (-want +got):\n%s", kind, golden, diff)
		}
	}
}

func TestBothVersionsAreServedWithOneSchemaAndV1IsStored(t *testing.T) {
	t.Parallel()
	for _, plural := range []string{"loadbalancerconfigurations", "targetgroupconfigurations",
		"listenerruleconfigurations"} {
		d := read(t, plural)
		if len(d.Spec.Versions) != 2 {
			t.Fatalf("%s has %d versions, want 2", plural, len(d.Spec.Versions))
		}
		v1, old := d.Spec.Versions[0], d.Spec.Versions[1]
		if v1.Name != "v1" || !v1.Served || !v1.Storage || v1.Deprecated {
			t.Errorf("%s: v1 is %+v", plural, v1)
		}
		warning := "gateway.k8s.aws/v1beta1 " + d.Spec.Names.Kind + " is deprecated; use gateway.k8s.aws/v1 instead"
		if old.Name != "v1beta1" || !old.Served || old.Storage || !old.Deprecated || old.DeprecationWarning != warning {
			t.Errorf("%s: v1beta1 is served %v, stored %v, deprecated %v: %s", plural, old.Served, old.Storage, old.Deprecated,
				old.DeprecationWarning)
		}
		if diff := cmp.Diff(v1.Schema.OpenAPIV3Schema.Properties, old.Schema.OpenAPIV3Schema.Properties); diff != "" {
			t.Errorf("%s: the versions differ:\n%s", plural, diff)
		}
		for _, v := range d.Spec.Versions {
			if _, ok := v.Subresources["status"]; !ok {
				t.Errorf("%s %s has no status subresource", plural, v.Name)
			}
			columns := ""
			for _, c := range v.AdditionalPrinterColumns {
				columns += fmt.Sprintf("%s %s %s %s;", c.Name, c.Type, c.JSONPath, c.Description)
			}
			want := "AGE date .metadata.creationTimestamp ;"
			if plural == "targetgroupconfigurations" {
				want = "SERVICE-NAME string .spec.targetReference.name The Kubernetes Service's name;" + want
			}
			if columns != want {
				t.Errorf("%s %s: columns %q, want %q", plural, v.Name, columns, want)
			}
		}
	}
}
