package migrate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Kind is what differs between the kinds of objects that are translated into Gateways.
type Kind struct {
	Name, Plural      string      // of the objects, as Ingress and Ingresses
	Before, After     stack.Owner // of the load balancers
	Class, Controller string      // of the Gateways
	GroupName         annotation.Key
	Carried           []Carried
	Rows              []Row
	Order             []string // of the kinds in the output
}

// Carried is an annotation that Gateways have under a key of their own.
type Carried struct{ From, To annotation.Key }

// Translation is the state of a translation.
type Translation struct {
	View           *objects.View
	Configurations Configurations
	Fates          map[annotation.Key]Row

	kind   Kind
	dryRun bool
	result Result
}

// NewTranslation begins a translation of the objects of a view. With dryRun, the Gateways are planned only.
func NewTranslation(v *objects.View, kind Kind, dryRun bool) *Translation {
	t := &Translation{View: v, Configurations: Configurations{}, Fates: map[annotation.Key]Row{}, kind: kind,
		dryRun: dryRun}
	for _, r := range kind.Rows {
		t.Fates[r.Key] = r
	}
	return t
}

// Add adds an object to the output.
func (t *Translation) Add(o metav1.Object) { t.result.Objects = append(t.result.Objects, o) }

// Find reports something about a field of an object.
func (t *Translation) Find(s Severity, object diag.Object, field, text, remedy string) {
	t.result.Findings = append(t.result.Findings, NewFinding(s, object, field, text, remedy))
}

// Skip reports an object that is not translated.
func (t *Translation) Skip(o diag.Object, why string, invalid bool) {
	t.result.Skipped = append(t.result.Skipped, Skipped{o.String(), why, invalid})
}

// Unselected reports a member of a group that the user has not selected.
func (t *Translation) Unselected(o diag.Object, group stack.ID) {
	t.Find(Warning, o, "", "it is a member of group "+group.String()+
		" and not selected, so the Gateway does not contain it", "select all "+t.kind.Plural+" of the group")
}

// Valid reports whether an object has no errors. One that has some is skipped: the controller does not serve what it
// declares either. Notes become findings.
func (t *Translation) Valid(o diag.Object, m intent.Member) bool {
	var wrong []string
	for _, d := range m.Diagnostics {
		if d.Class == diag.Note {
			t.Find(Note, d.Object, d.Path, d.Text, d.Remedy)
			continue
		}
		wrong = append(wrong, d.Path+": "+d.Text)
	}
	if len(wrong) > 0 {
		t.Skip(o, strings.Join(wrong, "; "), true)
	}
	return len(wrong) == 0
}

// Groups sorts groups: explicit ones by name, then the others. It also sorts what is skipped so far.
func (t *Translation) Groups(seen map[stack.ID]bool) []stack.ID {
	slices.SortFunc(t.result.Skipped, func(a, b Skipped) int { return strings.Compare(a.Object, b.Object) })
	return slices.SortedFunc(maps.Keys(seen), func(a, b stack.ID) int {
		alone := func(id stack.ID) int { return min(len(id.Namespace), 1) }
		return cmp.Or(cmp.Compare(alone(a), alone(b)), strings.Compare(a.Namespace, b.Namespace),
			strings.Compare(a.Name, b.Name))
	})
}

// Finish adds the GatewayClass and returns the result, sorted as it is written.
func (t *Translation) Finish() Result {
	if len(t.result.Pairs) > 0 {
		t.Add(&gatewayv1.GatewayClass{
			TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: "GatewayClass"},
			ObjectMeta: metav1.ObjectMeta{Name: t.kind.Class},
			Spec:       gatewayv1.GatewayClassSpec{ControllerName: gatewayv1.GatewayController(t.kind.Controller)},
		})
	}
	sortObjects(t.result.Objects, t.kind.Order)
	t.result.Findings = SortFindings(t.result.Findings)
	return t.result
}

// sortObjects sorts objects as they are written: cluster-wide ones, then by namespace, by kind in the order of kinds,
// and by name.
func sortObjects(all []metav1.Object, kinds []string) {
	rank := func(o metav1.Object) int { return slices.Index(kinds, kindOf(o)) }
	class := func(o metav1.Object) int { return min(len(o.GetNamespace()), 1) }
	slices.SortStableFunc(all, func(a, b metav1.Object) int {
		return cmp.Or(cmp.Compare(class(a), class(b)), strings.Compare(a.GetNamespace(), b.GetNamespace()),
			cmp.Compare(rank(a), rank(b)), strings.Compare(a.GetName(), b.GetName()))
	})
}

// kindOf is the kind of an object of the output.
func kindOf(o metav1.Object) string {
	if typed, ok := o.(runtime.Object); ok {
		return typed.GetObjectKind().GroupVersionKind().Kind
	}
	return ""
}
