package crdrules

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/playground/repository"
)

const accelerator = "GlobalAccelerator v1beta1"

// acceleratorRows are those of the rules of GlobalAccelerators.
func acceleratorRows() []row {
	endpoint := func(text string) string { return "{listeners: [{endpointGroups: [{endpoints: [{" + text + "}]}]}]}" }
	ports := func(text string) string { return "{listeners: [{portRanges: [{" + text + "}]}]}" }
	const id = "endpointID is required and name must not be set when type is EndpointID"
	const name = "name is required and endpointID must not be set when type is Service/Ingress/Gateway"
	return []row{
		{"an accelerator without a word", accelerator, "", "{}", ""},
		{"a range", accelerator, "", ports("fromPort: 80, toPort: 90"), ""},
		{"a port", accelerator, "", ports("fromPort: 80, toPort: 80"), ""},
		{"a range backwards", accelerator, "", ports("fromPort: 90, toPort: 80"),
			"FromPort must be less than or equal to ToPort"},
		{"an id", accelerator, "", endpoint("type: EndpointID, endpointID: eipalloc-1"), ""},
		{"an id with a namespace", accelerator, "", endpoint("type: EndpointID, endpointID: eipalloc-1, namespace: shop"),
			""},
		{"no id", accelerator, "", endpoint("type: EndpointID"), id},
		{"an id and a name", accelerator, "", endpoint("type: EndpointID, endpointID: eipalloc-1, name: web"), id},
		{"a Service", accelerator, "", endpoint("type: Service, name: web"), ""},
		{"an Ingress of another namespace", accelerator, "", endpoint("type: Ingress, name: web, namespace: shop"), ""},
		{"a Gateway without a name", accelerator, "", endpoint("type: Gateway"), name},
		{"a Service with an id", accelerator, "", endpoint("type: Service, name: web, endpointID: eipalloc-1"), name},
	}
}

func TestTheAPIServerTakesTheDefinitions(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	install.Install(scheme)
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root.CRDs(), "*.yaml"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d definitions: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v1 apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &v1); err != nil {
			t.Fatal(err)
		}
		scheme.Default(&v1)
		var crd apiextensions.CustomResourceDefinition
		if err := scheme.Convert(&v1, &crd, nil); err != nil {
			t.Fatal(err)
		}
		crd.Status.StoredVersions = []string{crd.Spec.Version}
		for _, v := range crd.Spec.Versions {
			if v.Storage {
				crd.Status.StoredVersions = []string{v.Name}
			}
		}
		// The rules of a schema must be cheap enough for the longest lists that it admits.
		for _, problem := range crdvalidation.ValidateCustomResourceDefinition(t.Context(), &crd) {
			t.Errorf("%s: %v", filepath.Base(file), problem)
		}
	}
}

func TestTheAPIServerFillsInTheDefaultsOfGlobalAccelerators(t *testing.T) {
	t.Parallel()
	o := object(t, []byte(`
spec:
  listeners:
  - endpointGroups:
    - endpoints:
      - {type: Service, name: web}
      - {type: EndpointID, endpointID: eipalloc-1, weight: 0, clientIPPreservationEnabled: false}
    - {trafficDialPercentage: 0}
  - {clientAffinity: SOURCE_IP}
`))
	want := object(t, []byte(`
spec:
  ipAddressType: IPV4
  listeners:
  - clientAffinity: NONE
    endpointGroups:
    - trafficDialPercentage: 100
      endpoints:
      - {type: Service, name: web, weight: 128, clientIPPreservationEnabled: true}
      - {type: EndpointID, endpointID: eipalloc-1, weight: 0, clientIPPreservationEnabled: false}
    - {trafficDialPercentage: 0}
  - {clientAffinity: SOURCE_IP}
`))
	defaulting.Default(o, load(t)[accelerator].structural)
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatTheSchemaOfGlobalAcceleratorsRefuses reads testdata/accelerator-refused.yaml, which the check without an API
// server has to refuse, too (internal/kube/manifest/schema).
func TestWhatTheSchemaOfGlobalAcceleratorsRefuses(t *testing.T) {
	t.Parallel()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	c := definition(t, root, "aga.k8s.aws_globalaccelerators")
	spec, known, refused := c.structural.Properties["spec"], map[string]bool{}, map[string]bool{}
	fields(&spec, "spec", known)
	testRefusals(t, "accelerator-refused.yaml", map[string]*configuration{"GlobalAccelerator": c},
		map[string]map[string]bool{"GlobalAccelerator": known}, func(_, path string) { refused[path] = true })
	for path, inner := range known {
		if !inner && !refused[path] {
			t.Errorf("no case has an invalid %s", path)
		}
	}
}
