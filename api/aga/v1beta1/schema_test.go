package v1beta1

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// definition is what the tests read of the CustomResourceDefinition.
type definition struct {
	Spec struct {
		Scope    string
		Names    struct{ Kind, ListKind, Plural, Singular string }
		Versions []struct {
			Name                     string
			Served, Storage          bool
			Subresources             map[string]any
			AdditionalPrinterColumns []struct {
				Name, Type, JSONPath string
				Priority             int
			}
			Schema struct{ OpenAPIV3Schema openAPI }
		}
	}
}

type openAPI struct {
	Type, Format, Pattern string
	Enum                  []string
	Default               any
	Minimum, Maximum      *float64
	MinLength, MaxLength  *int
	MinItems, MaxItems    *int
	Required              []string
	Properties            map[string]*openAPI
	Items                 *openAPI
	AdditionalProperties  *openAPI
	Rules                 []struct{ Rule, Message string } `json:"x-kubernetes-validations"`
}

func read(t *testing.T) definition {
	t.Helper()
	text, err := os.ReadFile("../../../config/crd/aga.k8s.aws_globalaccelerators.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d definition
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// list writes each field as one line: path, type and what the schema asks of a value; and each rule. Conditions are
// Kubernetes'.
func (s *openAPI) list(path string, into *[]string) {
	line := path + " " + s.Type
	add := func(format string, args ...any) { line += " " + fmt.Sprintf(format, args...) }
	if s.Format != "" {
		add("%s", s.Format)
	}
	if len(s.Enum) > 0 {
		add("enum=%s", strings.Join(s.Enum, ","))
	}
	if s.Default != nil {
		add("default=%v", s.Default)
	}
	if s.Pattern != "" {
		add("pattern=%s", s.Pattern)
	}
	for _, b := range []struct {
		name string
		n    *int
	}{{"minLength", s.MinLength}, {"maxLength", s.MaxLength}, {"minItems", s.MinItems}, {"maxItems", s.MaxItems}} {
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
	for _, r := range s.Rules {
		*into = append(*into, fmt.Sprintf("%s rule %q: %s", path, r.Rule, r.Message))
	}
	if strings.HasSuffix(path, "conditions") {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		s.Properties[name].list(path+"."+name, into)
	}
	if s.Items != nil {
		s.Items.list(path+"[]", into)
	}
	if s.AdditionalProperties != nil {
		s.AdditionalProperties.list(path+"{}", into)
	}
}

func TestTheDefinitionIsThatOfTheExistingController(t *testing.T) {
	t.Parallel()
	d := read(t)
	n := d.Spec.Names
	if d.Spec.Scope != "Namespaced" || n.Kind != "GlobalAccelerator" || n.ListKind != "GlobalAcceleratorList" ||
		n.Plural != "globalaccelerators" || n.Singular != "globalaccelerator" || len(d.Spec.Versions) != 1 {
		t.Fatalf("%+v", d.Spec)
	}
	v := d.Spec.Versions[0]
	if _, ok := v.Subresources["status"]; v.Name != "v1beta1" || !v.Served || !v.Storage || !ok {
		t.Errorf("version %s, served %v, stored %v, subresources %v", v.Name, v.Served, v.Storage, v.Subresources)
	}
	var columns []string
	for _, c := range v.AdditionalPrinterColumns {
		columns = append(columns, fmt.Sprintf("%s %s %s %d", c.Name, c.Type, c.JSONPath, c.Priority))
	}
	// TYPE was read of .spec.type, which does not exist.
	if diff := cmp.Diff([]string{
		"ACCELERATOR-NAME string .spec.name 0", "DNS-NAME string .status.dnsName 0", "TYPE string .spec.ipAddressType 0",
		"STATUS string .status.status 0",
		"ARN string .status.acceleratorARN 1", "AGE date .metadata.creationTimestamp 0",
	}, columns); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if len(v.Schema.OpenAPIV3Schema.Required) > 0 {
		t.Errorf("required: %v", v.Schema.OpenAPIV3Schema.Required)
	}
	var got []string
	for _, part := range []string{"spec", "status"} {
		v.Schema.OpenAPIV3Schema.Properties[part].list(part, &got)
	}
	want, err := os.ReadFile("testdata/globalaccelerators.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(string(want)), "\n"), got); diff != "" {
		t.Errorf("against testdata/globalaccelerators.txt, which is checked by hand against the contract (-want +got):\n%s",
			diff)
	}
}

func TestTheSchemeHasTheKind(t *testing.T) {
	t.Parallel()
	s := runtime.NewScheme()
	if err := AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	for _, o := range []runtime.Object{&GlobalAccelerator{}, &GlobalAcceleratorList{}} {
		if kinds, _, err := s.ObjectKinds(o); err != nil || len(kinds) != 1 || kinds[0].GroupVersion() != GroupVersion {
			t.Errorf("%T: %v, %v", o, kinds, err)
		}
	}
}
