// Package migrate translates Ingresses into a Gateway with its routes and configurations that answers requests alike,
// and reports what it cannot. It translates what package ingress has read of the Ingresses. It is pure: its input is a
// view, and it reads neither files nor AWS.
package migrate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/tagkey"
)

// The GatewayClass of translated Gateways.
const (
	ClassName  = "aws-alb"
	Controller = "gateway.k8s.aws/alb"
)

// OriginTag names the Ingress or the group that an AWS resource has been translated from.
const OriginTag = tagkey.Migrated

// Options are what a translation depends on beside its objects.
type Options struct {
	Ingress ingress.Config
	// DryRun marks the Gateways, so that they are planned only.
	DryRun bool
	// Select says which Ingresses are translated; nil = all.
	Select func(*networkingv1.Ingress) bool
}

// Severity is what a finding means.
type Severity string

// The severities.
const (
	Failed  Severity = "error"   // something that the Ingress declares has no equal in the output
	Warning Severity = "warning" // the output is complete, and something is to be looked at
	Note    Severity = "note"
)

// reasons are the words for programs.
var reasons = map[Severity]string{Failed: "NoEqual", Warning: "ToBeChecked", Note: "Translated"}

// Finding is what is to be known of one object.
type Finding struct {
	Severity Severity `json:"severity"`
	Object   string   `json:"object"`
	Field    string   `json:"field,omitempty"`
	Reason   string   `json:"reason"` // one word for each severity
	Text     string   `json:"message"`
	Remedy   string   `json:"remedy,omitempty"`
}

// Skipped is an Ingress that is not translated.
type Skipped struct {
	Object string `json:"object"`
	Why    string `json:"why"`
	// Invalid reports that the Ingress is invalid, not another controller's.
	Invalid bool `json:"invalid"`
}

// Pair is a translated group of Ingresses, and the Gateway that takes its place; or another translated object, and what
// it is translated to.
type Pair struct {
	Before  stack.Key `json:"-"`
	After   stack.Key `json:"-"`
	From    string    `json:"from"` // the group, or the Ingress
	To      string    `json:"to"`   // the Gateway
	Members []string  `json:"members"`
	// Alone is why this controller makes no load balancer of what is translated, so that there is nothing to compare with;
	// empty = it does.
	Alone string `json:"-"`
}

// Result is a translation.
type Result struct {
	Objects  []metav1.Object // sorted as they are written
	Pairs    []Pair
	Skipped  []Skipped
	Findings []Finding
}

// Failed reports whether something has no equal in the output.
func (r *Result) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Failed }) ||
		slices.ContainsFunc(r.Skipped, func(s Skipped) bool { return s.Invalid })
}

// Translate translates the Ingresses of a view.
func Translate(v *objects.View, o Options) Result {
	t := &translator{view: v, options: o, configurations: Configurations{}, fates: fates()}
	ids := t.groups()
	for _, id := range ids {
		t.group(id)
	}
	t.result.Objects = append(t.result.Objects, t.configurations.Objects()...)
	if len(t.result.Pairs) > 0 {
		t.add(&gatewayv1.GatewayClass{
			TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: "GatewayClass"},
			ObjectMeta: metav1.ObjectMeta{Name: ClassName},
			Spec:       gatewayv1.GatewayClassSpec{ControllerName: Controller},
		})
	}
	SortObjects(t.result.Objects, order)
	t.result.Findings = SortFindings(t.result.Findings)
	return t.result
}

// translator is the state of a translation.
type translator struct {
	view           *objects.View
	options        Options
	configurations Configurations
	fates          map[annotation.Key]Row
	result         Result
}

func (t *translator) add(o metav1.Object) { t.result.Objects = append(t.result.Objects, o) }

func (t *translator) find(s Severity, object diag.Object, field, text, remedy string) {
	t.result.Findings = append(t.result.Findings, NewFinding(s, object, field, text, remedy))
}

// NewFinding is a finding about a field of an object.
func NewFinding(s Severity, object diag.Object, field, text, remedy string) Finding {
	return Finding{s, object.String(), field, reasons[s], text, remedy}
}

// groups are the groups of the selected Ingresses: explicit ones by name, then the others.
func (t *translator) groups() []stack.ID {
	seen := map[stack.ID]bool{}
	for _, ing := range t.view.Ingresses() {
		if t.options.Select != nil && !t.options.Select(ing) {
			continue
		}
		id, ok, d := ingress.GroupOf(t.view, t.options.Ingress, ing)
		switch {
		case ok:
			seen[id] = true
		case d != nil:
			t.skip(ing, d.Message(), true)
		case ing.DeletionTimestamp != nil:
			t.skip(ing, "it is being deleted", false)
		default:
			t.skip(ing, "its class is not one of this controller", false)
		}
	}
	ids := slices.Collect(maps.Keys(seen))
	slices.SortFunc(ids, func(a, b stack.ID) int {
		explicit := func(id stack.ID) int { return len(id.Namespace) }
		return cmp.Or(cmp.Compare(min(explicit(a), 1), min(explicit(b), 1)), strings.Compare(a.Namespace, b.Namespace),
			strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(t.result.Skipped, func(a, b Skipped) int { return strings.Compare(a.Object, b.Object) })
	return ids
}

func (t *translator) skip(ing *networkingv1.Ingress, why string, invalid bool) {
	t.result.Skipped = append(t.result.Skipped, Skipped{ingress.Object(ing).String(), why, invalid})
}

// member is a translated Ingress of a group.
type member struct {
	intent.Member
	ingress *networkingv1.Ingress
	origin  string // value of OriginTag
	tags    map[string]string
}

// group translates one group.
func (t *translator) group(id stack.ID) {
	config := t.options.Ingress
	config.IncludeDryRun = true
	g := ingress.Load(t.view, config, id)
	desired := ingress.Translate(t.view, config, g)
	var members []member
	for _, m := range desired.Members {
		ing, ok := t.view.Ingress(m.Object.Namespace, m.Object.Name)
		if !ok {
			continue
		}
		if t.options.Select != nil && !t.options.Select(ing) {
			t.find(Warning, m.Object, "", "it is a member of group "+id.String()+
				" and not selected, so the Gateway does not contain it", "select all Ingresses of the group")
			continue
		}
		if !t.examine(ing, m) {
			continue
		}
		one := member{Member: m, ingress: ing, origin: "ingress/" + ing.Namespace + "/" + ing.Name, tags: map[string]string{}}
		for k, f := range m.Settings.Tags {
			one.tags[k] = f.Value
		}
		members = append(members, one)
	}
	if len(members) == 0 {
		return
	}
	b := &balancer{translator: t, id: id, members: members}
	b.translate()
}

// examine reports what is known of an Ingress. valid is false if it has errors, and is skipped: the controller serves
// none of its routes either.
func (t *translator) examine(ing *networkingv1.Ingress, m intent.Member) (valid bool) {
	var wrong []string
	for _, d := range m.Diagnostics {
		if d.Class == diag.Note {
			t.find(Note, d.Object, d.Path, d.Text, d.Remedy)
			continue
		}
		wrong = append(wrong, d.Path+": "+d.Text)
	}
	if len(wrong) > 0 {
		t.skip(ing, strings.Join(wrong, "; "), true)
		return false
	}
	t.annotations(ingress.Object(ing), ing.Annotations)
	for _, svc := range t.servicesOf(m) {
		t.annotations(owner.Object(svc), svc.Annotations)
	}
	if t.missesClass(ing) {
		t.find(Note, m.Object, "spec.ingressClassName", "the IngressClass is in none of the files; it is assumed to be one "+
			"of this controller, without parameters", "also pass the file of the IngressClass, or read from the cluster")
	}
	return true
}

// AssumedAnnotation marks objects that stand in for those that are in none of the files.
const AssumedAnnotation = "lbc/assumed"

func (t *translator) missesClass(ing *networkingv1.Ingress) bool {
	if ing.Spec.IngressClassName == nil {
		return false
	}
	c, ok := t.view.IngressClass(*ing.Spec.IngressClassName)
	return ok && c.Annotations[AssumedAnnotation] != ""
}

// frontendSettings begin the annotations that have an effect only beside enable-frontend-nlb, about which there is one
// finding.
const frontendSettings = annotation.IngressPrefix + "frontend-nlb-"

// annotations reports the annotations of an object that have no equal.
func (t *translator) annotations(o diag.Object, all map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(all)) {
		e, ok := annotation.Lookup(annotation.Key(k))
		if !ok || strings.HasPrefix(k, frontendSettings) {
			continue
		}
		if r := t.fates[e.Key]; r.Fate == Cannot && !idle(all[k]) {
			t.find(Failed, o, annotation.Key(k).Path(), r.Why, r.Remedy)
		}
	}
}

// idle reports whether a value asks for nothing.
func idle(value string) bool { return value == "" || value == "false" || value == intent.None }

// servicesOf are the Services of a member, each once.
func (t *translator) servicesOf(m intent.Member) (out []*corev1.Service) {
	add := func(actions []intent.Action) {
		for _, a := range actions {
			for _, b := range a.Backends {
				if b.TargetGroup == nil {
					continue
				}
				if svc, ok := t.view.Service(b.TargetGroup.ServiceNamespace, b.TargetGroup.ServiceName); ok &&
					!slices.Contains(out, svc) {
					out = append(out, svc)
				}
			}
		}
	}
	for _, r := range m.Routes {
		add(r.Actions)
	}
	for _, l := range m.Listeners {
		add(l.Default)
	}
	return out
}

// order of the kinds in the output.
var order = []string{"GatewayClass", "LoadBalancerConfiguration", "Gateway", "HTTPRoute", "TargetGroupConfiguration",
	"ListenerRuleConfiguration"}

// KindOf is the kind of an object of the output.
func KindOf(o metav1.Object) string {
	if typed, ok := o.(runtime.Object); ok {
		return typed.GetObjectKind().GroupVersionKind().Kind
	}
	return ""
}

// SortObjects sorts objects as they are written: cluster-wide ones, then by namespace, by kind in the order of kinds,
// and by name.
func SortObjects(all []metav1.Object, kinds []string) {
	rank := func(o metav1.Object) int { return slices.Index(kinds, KindOf(o)) }
	class := func(o metav1.Object) int { return min(len(o.GetNamespace()), 1) }
	slices.SortStableFunc(all, func(a, b metav1.Object) int {
		return cmp.Or(cmp.Compare(class(a), class(b)), strings.Compare(a.GetNamespace(), b.GetNamespace()),
			cmp.Compare(rank(a), rank(b)), strings.Compare(a.GetName(), b.GetName()))
	})
}

// SortFindings sorts findings by their severity and objects, and leaves each out but once.
func SortFindings(all []Finding) []Finding {
	rank := map[Severity]int{Failed: 0, Warning: 1, Note: 2}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank[a.Severity], rank[b.Severity]), strings.Compare(a.Object, b.Object),
			strings.Compare(a.Field, b.Field),
			strings.Compare(a.Text, b.Text), strings.Compare(a.Remedy, b.Remedy))
	})
	return slices.Compact(all)
}
