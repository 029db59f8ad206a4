package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayapiv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayapiv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"
	"sigs.k8s.io/yaml"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/lib/leaffields"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// fieldKinds are the kinds whose fields the files of testdata/fields go over.
var fieldKinds = map[string]reflect.Type{
	"Ingress": reflect.TypeFor[networkingv1.Ingress](), "IngressClass": reflect.TypeFor[networkingv1.IngressClass](),
	"Service": reflect.TypeFor[corev1.Service](), "EndpointSlice": reflect.TypeFor[discoveryv1.EndpointSlice](),
	"GatewayClass": reflect.TypeFor[gatewayapiv1.GatewayClass](), "Gateway": reflect.TypeFor[gatewayapiv1.Gateway](),
	"HTTPRoute": reflect.TypeFor[gatewayapiv1.HTTPRoute](), "GRPCRoute": reflect.TypeFor[gatewayapiv1.GRPCRoute](),
	"TCPRoute": reflect.TypeFor[gatewayapiv1.TCPRoute](), "UDPRoute": reflect.TypeFor[gatewayapiv1.UDPRoute](),
	"TLSRoute": reflect.TypeFor[gatewayapiv1.TLSRoute](), "ListenerSet": reflect.TypeFor[gatewayapiv1.ListenerSet](),
	"BackendTLSPolicy":          reflect.TypeFor[gatewayapiv1.BackendTLSPolicy](),
	"ReferenceGrant":            reflect.TypeFor[gatewayapiv1beta1.ReferenceGrant](),
	"IngressClassParams":        reflect.TypeFor[v1beta1.IngressClassParams](),
	"TargetGroupBinding":        reflect.TypeFor[v1beta1.TargetGroupBinding](),
	"ALBTargetControlConfig":    reflect.TypeFor[v1beta1.ALBTargetControlConfig](),
	"GlobalAccelerator":         reflect.TypeFor[agav1beta1.GlobalAccelerator](),
	"LoadBalancerConfiguration": reflect.TypeFor[configv1.LoadBalancerConfiguration](),
	"TargetGroupConfiguration":  reflect.TypeFor[configv1.TargetGroupConfiguration](),
	"ListenerRuleConfiguration": reflect.TypeFor[configv1.ListenerRuleConfiguration](),
}

// fieldRows are the rows of a kind in a world, whose first object is of the kind.
type fieldRows struct {
	Kind    string                    `json:"kind"`
	Account string                    `json:"account"` // a file
	World   string                    `json:"world"`
	Fields  map[string]map[string]any `json:"fields"`  // what is set, or "set" beside "with"; a path that ends in * is of all below it
	Without map[string]string         `json:"without"` // why a field needs no row
}

func readFieldRows(t *testing.T) (out []fieldRows) {
	t.Helper()
	files, err := filepath.Glob("testdata/fields/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rows []fieldRows
		if err := yaml.UnmarshalStrict(text, &rows); err != nil {
			t.Fatal(file, err)
		}
		out = append(out, rows...)
	}
	return out
}

// TestEachFieldOfEachKindHasARow goes over the fields of the Go types: each has a row, or a reason why it has none.
func TestEachFieldOfEachKindHasARow(t *testing.T) {
	t.Parallel()
	patterns := map[string][]string{}
	for _, rows := range readFieldRows(t) {
		for field := range rows.Fields {
			patterns[rows.Kind] = append(patterns[rows.Kind], field)
		}
		for field, why := range rows.Without {
			patterns[rows.Kind] = append(patterns[rows.Kind], field)
			if why == "" {
				t.Errorf("%s %s has no reason", rows.Kind, field)
			}
		}
	}
	for kind, of := range fieldKinds {
		fields, unused := leaffields.Uncovered(of, patterns[kind])
		for _, field := range fields {
			t.Errorf("%s %s: no row of testdata/fields sets it", kind, field)
		}
		for _, p := range unused {
			t.Errorf("%s %s: there is no such field", kind, p)
		}
	}
}

// TestEachFieldHasAnEffectOrAFinding sets each field in a small world: the plan differs, or lint has a finding.
func TestEachFieldHasAnEffectOrAFinding(t *testing.T) {
	t.Parallel()
	for _, rows := range readFieldRows(t) {
		t.Run(rows.Kind, func(t *testing.T) {
			t.Parallel()
			bases, chosen := map[string]outcome{}, sample.OneOf(12)
			for _, field := range slices.Sorted(maps.Keys(rows.Fields)) {
				if !chosen.Next() {
					continue
				}
				row := rows.Fields[field]
				set, with := row, map[string]any(nil)
				if s, two := row["set"]; two {
					set, _ = s.(map[string]any)
					with, _ = row["with"].(map[string]any)
				}
				key := fmt.Sprint(with)
				if _, known := bases[key]; !known {
					bases[key] = rows.try(t, with)
				}
				now := rows.try(t, with, set)
				if now.plan == bases[key].plan && !now.tells(bases[key], field) {
					t.Errorf("%s has no effect and no finding", field)
				}
			}
		})
	}
}

// outcome is what plan and lint print of a world.
type outcome struct {
	plan     string
	findings []string
}

// tells reports whether there are findings that the base has not, or that name the field.
func (o outcome) tells(base outcome, field string) bool {
	return slices.ContainsFunc(o.findings, func(f string) bool {
		return !slices.Contains(base.findings, f) || strings.Contains(f, strings.TrimSuffix(field, "[]")+")")
	})
}

var position = regexp.MustCompile(`^-:[0-9]+: `)

// try prints what is made of the world with changes of its first object.
func (r fieldRows) try(t *testing.T, changes ...map[string]any) (out outcome) {
	t.Helper()
	first, rest, _ := strings.Cut(r.World, "\n---\n")
	var object map[string]any
	if err := yaml.Unmarshal([]byte(first), &object); err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		merged(object, c)
	}
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"--feature-gates=GlobalAcceleratorController=true"}
	if r.Account != "" {
		flags = append(flags, "--account", filepath.Join("testdata", r.Account))
	}
	world := string(text) + "\n---\n" + rest
	lint, errOut, err := lbc(t, world, append([]string{"lint", "-"}, flags...)...)
	if code := exitCode(0); err != nil && !errors.As(err, &code) {
		t.Fatalf("%v\n%s\n%s", err, errOut, world)
	}
	for line := range strings.Lines(lint) {
		if strings.Contains(line, ": ") {
			out.findings = append(out.findings, position.ReplaceAllString(line, ""))
		}
	}
	plan, errOut, err := lbc(t, world, append([]string{"plan", "-f", "-", "-o", "json"}, flags...)...)
	if out.plan = plan; err != nil {
		out.plan += errOut + err.Error()
	}
	return out
}

// merged merges a patch into an object, as a JSON merge patch.
func merged(object, patch map[string]any) {
	for k, v := range patch {
		below, isMap := v.(map[string]any)
		switch {
		case v == nil:
			delete(object, k)
		case isMap:
			of, ok := object[k].(map[string]any)
			if !ok {
				of = map[string]any{}
				object[k] = of
			}
			merged(of, below)
		default:
			object[k] = v
		}
	}
}
