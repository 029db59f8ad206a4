package crdrules

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/playground/repository"
)

// configuration is the definition of a kind.
type configuration struct {
	structural *schema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

// check is what the API server says of an object; empty = it stores it.
func (c *configuration) check(t *testing.T, o map[string]any) string {
	t.Helper()
	found := validation.ValidateCustomResource(nil, o, c.validator)
	if len(found) == 0 && c.rules != nil {
		found, _ = c.rules.Validate(t.Context(), field.NewPath(""), c.structural, o, nil, celconfig.RuntimeCELCostBudget)
	}
	if len(found) == 0 {
		return ""
	}
	return found.ToAggregate().Error()
}

func configurations(t *testing.T, root repository.Root) map[string]*configuration {
	t.Helper()
	out := map[string]*configuration{}
	for kind, plural := range map[string]string{
		"LoadBalancerConfiguration": "loadbalancerconfigurations", "TargetGroupConfiguration": "targetgroupconfigurations",
		"ListenerRuleConfiguration": "listenerruleconfigurations",
	} {
		out[kind] = definition(t, root, "gateway.k8s.aws_"+plural)
	}
	return out
}

// definition is the first version of a definition in a file of config/crd.
func definition(t *testing.T, root repository.Root, file string) *configuration {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root.CRDs(), file+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil); err != nil {
		t.Fatal(err)
	}
	s, err := schema.NewStructural(&props)
	if err != nil {
		t.Fatal(err)
	}
	v, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		t.Fatal(err)
	}
	return &configuration{s, v, cel.NewValidator(s, true, celconfig.PerCallLimit)}
}

// fields are the paths of a schema, with whether each has fields of its own. A selector of labels is Kubernetes'.
func fields(s *schema.Structural, path string, into map[string]bool) {
	inner := s.Items != nil || len(s.Properties) > 0 || s.AdditionalProperties != nil &&
		s.AdditionalProperties.Structural != nil
	if strings.HasSuffix(path, ".nodeSelector") {
		inner = false
	}
	into[path] = inner
	if !inner {
		return
	}
	for name, p := range s.Properties {
		fields(&p, path+"."+name, into)
	}
	if s.Items != nil {
		fields(s.Items, path+"[]", into)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		fields(s.AdditionalProperties.Structural, path+"{}", into)
	}
}

// set records the fields that a value has, by their paths in the schema.
func set(v any, path string, known, into map[string]bool) {
	into[path] = true
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			if _, ok := known[path+"{}"]; ok {
				set(e, path+"{}", known, into)
			} else {
				set(e, path+"."+name, known, into)
			}
		}
	case []any:
		for _, e := range v {
			set(e, path+"[]", known, into)
		}
	}
}

// TestEveryGatewayFieldHasValidAndInvalidCase walks the schemas, and finds each field in the
// golden cases of internal/controller. The API server stores the objects of those. testdata/gateway-refused.yaml has
// values that it refuses by the schema, for fields without any other invalid value.
func TestEveryGatewayFieldHasValidAndInvalidCase(t *testing.T) {
	t.Parallel()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	all := configurations(t, root)
	valid, invalid, known := map[string]map[string]bool{}, map[string]map[string]bool{}, map[string]map[string]bool{}
	for kind, c := range all {
		valid[kind], invalid[kind], known[kind] = map[string]bool{}, map[string]bool{}, map[string]bool{}
		spec := c.structural.Properties["spec"]
		fields(&spec, "spec", known[kind])
	}
	files, err := filepath.Glob(filepath.Join(string(root), "internal", "controller", "lab", "gateways", "testdata",
		"gateway", "*.in.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
			o := object(t, document)
			kind, _ := o["kind"].(string)
			c := all[kind]
			if c == nil {
				continue
			}
			if says := c.check(t, o); says != "" {
				t.Errorf("%s: the API server does not store %v: %s", filepath.Base(file), o["metadata"], says)
			}
			metadata, _ := o["metadata"].(map[string]any)
			annotations, _ := metadata["annotations"].(map[string]any)
			if path, ok := annotations["lbc.test/invalid"].(string); ok {
				if _, ok := known[kind][path]; !ok {
					t.Errorf("%s: %s has no field %s", filepath.Base(file), kind, path)
				}
				invalid[kind][path] = true
				continue
			}
			set(o["spec"], "spec", known[kind], valid[kind])
		}
	}
	testRefusals(t, "gateway-refused.yaml", all, known, func(kind, path string) { invalid[kind][path] = true })
	for kind, of := range known {
		for _, path := range slices.Sorted(maps.Keys(of)) {
			// Properties of routes are those of the default configuration, field by field.
			same := strings.Replace(path, "spec.routeConfigurations[].targetGroupProps.", "spec.defaultConfiguration.", 1)
			if !valid[kind][path] {
				t.Errorf("%s: no golden case has a valid %s", kind, path)
			}
			if !of[path] && !invalid[kind][same] {
				t.Errorf("%s: no case has an invalid %s", kind, path)
			}
		}
	}
}

// refusal is a spec with a value that the schema does not admit.
type refusal struct {
	Kind  string         `json:"kind"`
	Field string         `json:"field"`
	Spec  map[string]any `json:"spec"`
	Says  string         `json:"says"`
}

// testRefusals has the schemas refuse the specs of a file, and tells of the fields of each.
func testRefusals(t *testing.T, file string, all map[string]*configuration, known map[string]map[string]bool,
	refused func(kind, path string)) {
	t.Helper()
	for _, r := range refusals(t, file) {
		if _, ok := known[r.Kind][r.Field]; !ok {
			t.Errorf("%s has no field %s", r.Kind, r.Field)
			continue
		}
		if says := all[r.Kind].check(t, map[string]any{"spec": r.Spec}); !strings.Contains(says, r.Says) || r.Says == "" {
			t.Errorf("%s %s: refused with %q, want %q", r.Kind, r.Field, says, r.Says)
		}
		refused(r.Kind, r.Field)
	}
}

func refusals(t *testing.T, file string) (out []refusal) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(asJSON, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func object(t *testing.T, document []byte) (o map[string]any) {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(asJSON, &o); err != nil { // whole numbers as int64, as rules expect them
		t.Fatal(err)
	}
	return o
}
