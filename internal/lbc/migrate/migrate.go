// Package migrate translates Ingresses into a Gateway with its routes and configurations that answers requests alike,
// and reports what it cannot. It translates what package ingress has read of the Ingresses. The translation of Services
// in package network uses its Translation and Group. It is pure: its input is a view, and it reads neither files nor
// AWS.
package migrate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// Options are the inputs of a translation other than its objects.
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

// Finding is a message about one object.
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

// kind is what is particular to Ingresses.
func kind() Kind {
	return Kind{
		Name: "Ingress", Plural: "Ingresses", Before: stack.Ingress, After: stack.GatewayALB,
		Class: ClassName, Controller: Controller, GroupName: annotation.GroupName, Carried: carried, Rows: Rows(),
		Order: []string{"GatewayClass", "LoadBalancerConfiguration", "Gateway", "HTTPRoute", "TargetGroupConfiguration",
			"ListenerRuleConfiguration"},
	}
}

// Translate translates the Ingresses of a view.
func Translate(v *objects.View, o Options) Result {
	t := &translator{NewTranslation(v, kind(), o.DryRun), o}
	for _, id := range t.groups() {
		t.group(id)
	}
	for _, c := range t.Configurations.Objects() {
		t.Add(c)
	}
	return t.Finish()
}

// translator is the translation of Ingresses.
type translator struct {
	*Translation
	options Options
}

func (t *translator) selected(ing *networkingv1.Ingress) bool {
	return t.options.Select == nil || t.options.Select(ing)
}

// NewFinding returns a finding about a field of an object.
func NewFinding(s Severity, object diag.Object, field, text, remedy string) Finding {
	return Finding{s, object.String(), field, reasons[s], text, remedy}
}

// groups are the groups of the selected Ingresses: explicit ones by name, then the others.
func (t *translator) groups() []stack.ID {
	seen := map[stack.ID]bool{}
	for _, ing := range t.View.Ingresses() {
		if !t.selected(ing) {
			continue
		}
		id, ok, d := ingress.GroupOf(t.View, t.options.Ingress, ing)
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
	return t.Groups(seen)
}

func (t *translator) skip(ing *networkingv1.Ingress, why string, invalid bool) {
	t.Skip(ingress.Object(ing), why, invalid)
}

// member is a translated Ingress of a group.
type member struct {
	*Member
	ingress *networkingv1.Ingress
	tags    map[string]string
}

// group translates one group.
func (t *translator) group(id stack.ID) {
	config := t.options.Ingress
	config.IncludeDryRun = true
	g := ingress.Load(t.View, config, id)
	desired := ingress.Translate(t.View, config, g)
	var members []member
	var shared []*Member
	for _, m := range desired.Members {
		ing, ok := t.View.Ingress(m.Object.Namespace, m.Object.Name)
		if !ok {
			continue
		}
		if !t.selected(ing) {
			t.Unselected(m.Object, id)
			continue
		}
		if !t.examine(ing, m) {
			continue
		}
		one := member{Member: t.NewMember(m, ing), ingress: ing, tags: map[string]string{}}
		for k, f := range m.Settings.Tags {
			one.tags[k] = f.Value
		}
		members, shared = append(members, one), append(shared, one.Member)
	}
	if len(members) == 0 {
		return
	}
	b := &balancer{Group: t.NewGroup(id, shared), members: members}
	b.translate()
}

// examine reports what is known of an Ingress. valid is false if it has errors, and is skipped: the controller serves
// none of its routes either.
func (t *translator) examine(ing *networkingv1.Ingress, m intent.Member) (valid bool) {
	if !t.Valid(ingress.Object(ing), m) {
		return false
	}
	t.annotations(ingress.Object(ing), ing.Annotations)
	for _, svc := range t.servicesOf(m) {
		t.annotations(owner.Object(svc), svc.Annotations)
	}
	if t.missesClass(ing) {
		t.Find(Note, m.Object, "spec.ingressClassName", "the IngressClass is in none of the files; it is assumed to be one "+
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
	c, ok := t.View.IngressClass(*ing.Spec.IngressClassName)
	return ok && c.Annotations[AssumedAnnotation] != ""
}

// frontendSettings begin the annotations that have an effect only together with enable-frontend-nlb, about which there
// is one finding.
const frontendSettings = annotation.IngressPrefix + "frontend-nlb-"

// annotations reports the annotations of an object that have no equal.
func (t *translator) annotations(o diag.Object, all map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(all)) {
		e, ok := annotation.Lookup(annotation.Key(k))
		if !ok || strings.HasPrefix(k, frontendSettings) {
			continue
		}
		if r := t.Fates[e.Key]; r.Fate == Cannot && !idle(all[k]) {
			t.Find(Failed, o, annotation.Key(k).Path(), r.Why, r.Remedy)
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
				if svc, ok := t.View.Service(b.TargetGroup.ServiceNamespace, b.TargetGroup.ServiceName); ok &&
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
