package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/kube/addition"
)

// additionExamples are values of the fields of the table's rows, as JSON, unless the row names its values.
var additionExamples = map[string]string{
	"spec.group.shards":                                           "2",
	"spec.group.namespaceSelector":                                `{"matchLabels": {"a": "b"}}`,
	"spec.group.settingsNamespaces":                               `["shop"]`,
	"spec.importTLSSecrets":                                       "true",
	"spec.defaultConfiguration.healthCheckConfig.healthCheckFrom": `"ReadinessProbe"`,
	"spec.routeConfigurations[].targetGroupProps.healthCheckConfig.healthCheckFrom": `"ReadinessProbe"`,
	"spec.tls.frontend": `{"default": {"validation": {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", ` +
		`"name": "ca"}]}}}`,
	"spec.addresses[].value": `"198.51.100.11"`,
}

// additionSpecs are the specs that objects of some kinds need at least.
var additionSpecs = map[string]string{
	"Gateway": `{"gatewayClassName": "alb", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}`,
	"Ingress": `{"ingressClassName": "alb", "defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}`,
}

// apiVersions are those of the kinds that rows are about.
var apiVersions = map[string]string{
	"Ingress": "networking.k8s.io/v1", "Service": "v1", "Namespace": "v1", "Pod": "v1",
	"Gateway": "gateway.networking.k8s.io/v1", "GatewayClass": "gateway.networking.k8s.io/v1",
	"IngressClassParams": "elbv2.k8s.aws/v1beta1", "TargetGroupBinding": "elbv2.k8s.aws/v1beta1",
	"GlobalAccelerator": "aga.k8s.aws/v1beta1", "TargetGroupConfiguration": "gateway.k8s.aws/v1",
}

// additionKind is a kind of objects that a row is about.
func additionKind(r addition.Row) string {
	switch {
	case r.On != "":
		return r.On
	case strings.HasPrefix(r.Name, "service.beta.kubernetes.io/"):
		return "Service"
	case strings.HasPrefix(r.Name, "gateway.k8s.aws/"):
		return "Gateway"
	}
	return "Ingress"
}

// additionObject is an object with one value at the place of a row.
func additionObject(t *testing.T, r addition.Row, name string, value any) addition.Object {
	t.Helper()
	kind := additionKind(r)
	meta, spec := map[string]any{"name": name}, map[string]any{}
	if apiVersions[kind] == "" {
		t.Fatalf("row %s %s: apiVersions lacks the kind", r.On, r.Name)
	}
	if text := additionSpecs[kind]; text != "" {
		if err := json.Unmarshal([]byte(text), &spec); err != nil {
			t.Fatal(err)
		}
	}
	o := addition.Object{"apiVersion": apiVersions[kind], "kind": kind, "metadata": meta, "spec": spec}
	if !slices.Contains([]string{"GatewayClass", "IngressClassParams", "Namespace"}, kind) {
		meta["namespace"] = "shop"
	}
	switch r.Sort {
	case addition.Annotation, addition.Label:
		meta[string(r.Sort)+"s"] = map[string]any{r.Name: value}
	case addition.Finalizer:
		meta["finalizers"] = []any{r.Name + "x"}
	case addition.Field:
		put(o, strings.Split(r.Name, "."), value)
	case addition.Kind, addition.Flag, addition.Gate, addition.Tag, addition.Condition: // no object has them
	}
	return o
}

// put writes a value at a path, whose names end in [] where they are lists.
func put(at map[string]any, path []string, value any) {
	name, isList := strings.CutSuffix(path[0], "[]")
	if len(path) > 1 {
		below, ok := at[name].(map[string]any)
		if !ok {
			below = map[string]any{}
		}
		put(below, path[1:], value)
		value = below
	}
	if isList {
		value = []any{value}
	}
	at[name] = value
}

// additionCase is an object that uses, or does not use, the addition of a row.
type additionCase struct {
	row    addition.Row
	object addition.Object
	value  any
	uses   bool
}

// additionCases are the objects of all rows that objects declare: one for each value that is an addition, one for each
// that means the same as no value, and one with a value that the existing controller has.
func additionCases(t *testing.T) (out []additionCase) {
	t.Helper()
	add := func(r addition.Row, value any, uses bool) {
		name := fmt.Sprintf("row-%d", len(out))
		out = append(out, additionCase{r, additionObject(t, r, name, value), value, uses})
	}
	for _, r := range addition.Table() {
		switch {
		case r.Judged, !slices.Contains([]addition.Sort{addition.Annotation, addition.Label, addition.Field,
			addition.Finalizer}, r.Sort):
			continue
		case len(r.Only) > 0:
			for _, v := range r.Only {
				add(r, v, true)
			}
			add(r, "gateway.k8s.aws/alb", false)
		case r.Sort == addition.Field:
			var value any
			if err := json.Unmarshal([]byte(additionExamples[r.Name]), &value); err != nil {
				t.Fatalf("row %s %s: additionExamples lacks a value: %v", r.On, r.Name, err)
			}
			add(r, value, true)
		default:
			add(r, "x", true)
		}
		for _, v := range r.Harmless {
			var value any = v
			if r.Sort == addition.Field {
				if err := json.Unmarshal([]byte(v), &value); err != nil {
					t.Fatal(err)
				}
			}
			add(r, value, false)
		}
	}
	return out
}

// TestEachAdditionIsFoundBeforeTheWayBack: lbc rollback-check lists each addition of the table, and the flag
// --existing-features-only refuses those that leave something behind, at admission and in lbc lint.
func TestEachAdditionIsFoundBeforeTheWayBack(t *testing.T) {
	t.Parallel()
	cases := additionCases(t)
	manifest := "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: alb}\nspec: " +
		"{controllerName: gateway.k8s.aws/alb}\n"
	for _, c := range cases {
		text, err := yaml.Marshal(c.object)
		if err != nil {
			t.Fatal(err)
		}
		manifest += "---\n" + string(text)
	}
	out, errOut, _ := lbc(t, manifest, "rollback-check", "-f", "-", "-o", "json")
	var listed rollbackDocument
	if err := json.Unmarshal([]byte(out), &listed); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errOut)
	}
	out, errOut, _ = lbc(t, manifest, "lint", "--existing-features-only", "-o", "json", "-")
	var linted lintDocument
	if err := json.Unmarshal([]byte(out), &linted); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errOut)
	}
	for i, c := range cases {
		name := fmt.Sprintf("row-%d", i)
		what := fmt.Sprintf("%s %s = %v on %s", c.row.Sort, c.row.Name, c.value, c.object["kind"])
		if got := slices.ContainsFunc(listed.Uses, func(u additionUse) bool { return u.Name == name }); got != c.uses {
			t.Errorf("%s: lbc rollback-check lists it: %t", what, got)
		}
		refused := c.uses && !c.row.Written && c.row.Effect != addition.Ignored
		got := slices.ContainsFunc(linted.Findings, func(f finding) bool {
			return f.Reason == "AdditionInUse" && strings.HasSuffix(f.Object, name)
		})
		if got != refused {
			t.Errorf("%s: lbc lint refuses it: %t", what, got)
		}
		ours := func(class string) bool { return class == "alb" }
		if got := admission.ExistingFeatures(nil, c.object, ours).Denied != ""; got != refused {
			t.Errorf("%s: admission refuses it: %t", what, got)
		}
	}
}
