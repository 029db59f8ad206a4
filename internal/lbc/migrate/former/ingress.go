package former

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// albClass is the class of the ALB ingress controller v1, and the name of the IngressClass that the chart installs.
const albClass = "alb"

// Ingresses translates the Ingresses of the ALB ingress controller v1 in a view: those of its class, and those without
// a class, which it serves unless its flag says otherwise. Each stays the same object, and keeps its load balancer.
func Ingresses(v *objects.View, o Options) migrate.Result {
	var out migrate.Result
	rows := map[annotation.Key]IngressRow{}
	for _, r := range IngressRows() {
		rows[r.Key] = r
	}
	for _, ing := range v.Ingresses() {
		if o.SelectIngress != nil && !o.SelectIngress(ing) {
			continue
		}
		skip := func(why string) {
			out.Skipped = append(out.Skipped, migrate.Skipped{Object: ingress.Object(ing).String(), Why: why})
		}
		class, classed := ing.Annotations[ingress.LegacyClassAnnotation]
		switch {
		case ing.DeletionTimestamp != nil:
			skip("it is being deleted")
		case classed && class != "" && class != cmp.Or(o.Ingress.IngressClass, albClass):
			skip("its class is " + class + ", which is another controller's")
		case !classed && ing.Spec.IngressClassName != nil:
			skip("it names its class in spec.ingressClassName, which the ALB ingress controller v1 does not read")
		default:
			r := &revision{result: &out, rows: rows, from: ing}
			r.revise(v, classed, o)
		}
	}
	return finish(&out)
}

// revision is the translation of one Ingress.
type revision struct {
	result *migrate.Result
	rows   map[annotation.Key]IngressRow
	from   *networkingv1.Ingress
	to     *networkingv1.Ingress
}

func (r *revision) find(s migrate.Severity, field, text, remedy string) {
	r.result.Findings = append(r.result.Findings, migrate.NewFinding(s, ingress.Object(r.from), field, text, remedy))
}

func (r *revision) revise(v *objects.View, classed bool, o Options) {
	r.to = &networkingv1.Ingress{
		TypeMeta: metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "Ingress"},
		ObjectMeta: metav1.ObjectMeta{Namespace: r.from.Namespace, Name: r.from.Name, Labels: maps.Clone(r.from.Labels),
			Annotations: map[string]string{}},
		Spec: *r.from.Spec.DeepCopy(),
	}
	r.to.Spec.IngressClassName = ptr.To(cmp.Or(o.Ingress.IngressClass, albClass))
	if !classed {
		r.find(migrate.Warning, "spec.ingressClassName",
			"the Ingress names no class; the ALB ingress controller v1 serves it unless it runs with --ingress-class",
			"leave it out if another controller serves it")
	}
	for _, k := range slices.Sorted(maps.Keys(r.from.Annotations)) {
		r.annotation(k, r.from.Annotations[k])
	}
	if _, ok := r.to.Annotations[string(annotation.TargetType)]; !ok && o.Ingress.DefaultTargetType == "ip" {
		r.to.Annotations[string(annotation.TargetType)] = "instance"
	}
	for i := range r.to.Spec.Rules {
		if r.to.Spec.Rules[i].HTTP != nil {
			r.paths(i, r.to.Spec.Rules[i].HTTP.Paths)
		}
	}
	id := stack.ID{Namespace: r.from.Namespace, Name: r.from.Name}
	r.result.Objects = append(r.result.Objects, r.to)
	p := migrate.Pair{
		After: stack.Key{Owner: stack.Ingress, ID: id}, From: "Ingress " + id.String() + " as it is",
		To: "the translated one", Members: []string{ingress.Object(r.from).String()},
		Alone: "this controller does not serve the Ingress without changes",
	}
	if now, ok, _ := ingress.GroupOf(v, o.Ingress, r.from); ok {
		p.Before, p.Alone = stack.Key{Owner: stack.Ingress, ID: now}, ""
	}
	r.result.Pairs = append(r.result.Pairs, p)
}

// annotation keeps an annotation, or leaves it out by its row.
func (r *revision) annotation(k, value string) {
	switch {
	case k == lastApplied || k == ingress.LegacyClassAnnotation: // spec.ingressClassName takes its place
		return
	case !strings.HasPrefix(k, annotation.IngressPrefix):
		r.to.Annotations[k] = value
		return
	}
	row, ok := r.rows[key(k)]
	switch {
	case !ok:
		r.find(migrate.Warning, annotation.Key(k).Path(),
			"this controller does not read annotation "+k+"; the output lacks it",
			"look in docs/annotations.md for an annotation with the same effect")
	case row.Fate == Unread:
		r.find(migrate.Warning, annotation.Key(k).Path(),
			"the ALB ingress controller v1 does not read annotation "+k+", and this controller would; the output lacks it",
			"add the annotation again once the Ingress is served as before")
	default:
		r.to.Annotations[k] = value
	}
}

// paths have the type that takes them as the ALB ingress controller v1 does: as patterns of an ALB, whatever their
// type.
func (r *revision) paths(rule int, paths []networkingv1.HTTPIngressPath) {
	for i := range paths {
		p := &paths[i]
		if t := p.PathType; t != nil && *t != networkingv1.PathTypeImplementationSpecific {
			r.find(migrate.Note, fmt.Sprintf("spec.rules[%d].http.paths[%d].pathType", rule, i),
				fmt.Sprintf("the ALB ingress controller v1 ignores path types and treats %q as a pattern; type %s would "+
					"match other paths", p.Path, *t),
				"write "+string(*t)+" again if that is meant")
		}
		p.PathType = ptr.To(networkingv1.PathTypeImplementationSpecific)
	}
}
