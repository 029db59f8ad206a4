package front

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"
	"sigs.k8s.io/yaml"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/lib/leaffields"
)

// unfitKinds are the kinds whose fields testdata/unfit.yaml goes over.
var unfitKinds = map[string]reflect.Type{
	"Gateway": reflect.TypeFor[gatewayv1.Gateway](), "GatewayClass": reflect.TypeFor[gatewayv1.GatewayClass](),
	"ListenerSet": reflect.TypeFor[gatewayv1.ListenerSet](), "HTTPRoute": reflect.TypeFor[gatewayv1.HTTPRoute](),
	"GRPCRoute": reflect.TypeFor[gatewayv1.GRPCRoute](), "TCPRoute": reflect.TypeFor[gatewayv1.TCPRoute](),
	"UDPRoute": reflect.TypeFor[gatewayv1.UDPRoute](), "TLSRoute": reflect.TypeFor[gatewayv1.TLSRoute](),
	"ReferenceGrant":            reflect.TypeFor[gatewayv1beta1.ReferenceGrant](),
	"LoadBalancerConfiguration": reflect.TypeFor[configv1.LoadBalancerConfiguration](),
	"TargetGroupConfiguration":  reflect.TypeFor[configv1.TargetGroupConfiguration](),
	"ListenerRuleConfiguration": reflect.TypeFor[configv1.ListenerRuleConfiguration](),
	"IngressClassParams":        reflect.TypeFor[v1beta1.IngressClassParams](),
	// TestUnfitFieldsKeepTargets (internal/controller/lab/bindings) edits them.
	"TargetGroupBinding": reflect.TypeFor[v1beta1.TargetGroupBinding](),
}

// unfitRow is what a row of testdata/unfit.yaml says of a field.
type unfitRow struct {
	Unfit   []any    `json:"unfit"`
	Asks    bool     `json:"asks"`
	May     []string `json:"may"`
	Keeps   []any    `json:"keeps"`
	Removed []string `json:"removed"`
}

func readUnfit(t testing.TB) (out map[string]map[string]unfitRow) {
	t.Helper()
	text, err := os.ReadFile("testdata/unfit.yaml")
	if err == nil {
		err = yaml.UnmarshalStrict(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rowOf is the row of a field with the longest pattern.
func rowOf(rows map[string]unfitRow, path string) (row unfitRow) {
	longest := -1
	for pattern, one := range rows {
		if leaffields.Matches(pattern, path) && len(pattern) > longest {
			row, longest = one, len(pattern)
		}
	}
	return row
}

// TestEachFieldHasUnfitValues goes over the fields of the Go types: each has a row of testdata/unfit.yaml.
func TestEachFieldHasUnfitValues(t *testing.T) {
	t.Parallel()
	all := readUnfit(t)
	for kind, of := range unfitKinds {
		var patterns []string
		for p := range all[kind] {
			patterns = append(patterns, p)
		}
		fields, unused := leaffields.Uncovered(of, patterns)
		for _, f := range fields {
			t.Errorf("%s %s: no row of testdata/unfit.yaml", kind, f)
		}
		for _, p := range unused {
			t.Errorf("%s %s: there is no such field", kind, p)
		}
	}
}

// withField is an object with another value of a field; ok is false if the API server refuses the type of the value.
func withField(o metav1.Object, path string, at int, value any) (out metav1.Object, ok bool) {
	set, ok := leaffields.Set(o, path, at, value)
	if out, _ = set.(metav1.Object); !ok {
		return o, false
	}
	manifest.FillIn([]metav1.Object{out})
	return out, true
}

// fieldEdit sets a field of an object to a value that it cannot have, perhaps, or removes it, or removes the object.
func (t tenants) fieldEdit(s served, all map[string]map[string]unfitRow) edit {
	var names []string
	for name := range s.objects {
		if kind, _, _ := strings.Cut(name, "/"); all[kind] != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	name := t.pick("object", names...)
	kind, _, _ := strings.Cut(name, "/")
	f := rapid.SampledFrom(leaffields.Of(unfitKinds[kind])).Draw(t.T, "field")
	return t.editOf(name, f, rowOf(all[kind], f.Path))
}

// fieldEditOf sets a field to a value, in an element of the lists on the way. Without a value the first parts of the
// path are removed.
func fieldEditOf(name, path string, at int, value any, row unfitRow) edit {
	may := row.May
	if slices.ContainsFunc(row.Keeps, func(k any) bool { return fmt.Sprint(k) == fmt.Sprint(value) }) {
		may = nil
	}
	if value == nil {
		may = slices.Concat(may, row.Removed)
	}
	return edit{name: fmt.Sprintf("%s %s (%d) = %.40v", name, path, at, value), asks: row.Asks || value == nil,
		may: may, make: func(s served) {
			if o := s.objects[name]; o != nil {
				s.objects[name], _ = withField(o, path, at, value)
			}
		}}
}

// editOf sets a field to a value that it cannot have, perhaps, or removes it or what it is part of.
func (t tenants) editOf(name string, f leaffields.Field, row unfitRow) edit {
	at := rapid.IntRange(0, 2).Draw(t.T, "element")
	if rapid.IntRange(0, 9).Draw(t.T, "removed") == 0 {
		parts := strings.Split(f.Path, ".")
		n := rapid.IntRange(min(2, len(parts)), len(parts)).Draw(t.T, "how much is removed")
		return fieldEditOf(name, strings.Join(parts[:n], "."), at, nil, row)
	}
	values := slices.Concat(leaffields.Unfit(f.Type), row.Unfit)
	return fieldEditOf(name, f.Path, at, values[rapid.IntRange(0, len(values)-1).Draw(t.T, "value")], row)
}

// fieldEdits are all edits of single fields of the objects.
func fieldEdits(s served, all map[string]map[string]unfitRow) (out []edit) {
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		kind, _, _ := strings.Cut(name, "/")
		if all[kind] == nil {
			continue
		}
		for _, f := range leaffields.Of(unfitKinds[kind]) {
			row := rowOf(all[kind], f.Path)
			elements := 1
			if strings.Contains(f.Path, "[]") {
				elements = 3
			}
			for at := range elements {
				for _, v := range slices.Concat(leaffields.Unfit(f.Type), row.Unfit) {
					if _, ok := withField(s.objects[name], f.Path, at, v); ok {
						out = append(out, fieldEditOf(name, f.Path, at, v, row))
					}
				}
			}
		}
	}
	return out
}
