// Package former translates objects of earlier controllers into objects of this controller: Services of the cloud
// provider's controller, Services with older annotations, and Ingresses of the ALB ingress controller v1. Each
// annotation has a row in a table that says how it is translated. It is pure.
package former

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
)

// Options are the inputs of a translation other than its objects.
type Options struct {
	Service service.Config
	Ingress ingress.Config
	// SelectService and SelectIngress say which objects are translated; nil = all.
	SelectService func(*corev1.Service) bool
	SelectIngress func(*networkingv1.Ingress) bool
}

// Fate says how an annotation migrates.
type Fate string

// The fates.
const (
	Same       Fate = "same"       // this controller reads it alike
	Translated Fate = "translated" // Treatment.Text says into what
	Equivalent Fate = "equivalent" // it is not needed; Treatment.Text says why
	// the former controller ignored it, and this one would obey it: it is left out, and reported
	Unread Fate = "unread"
	Cannot Fate = "cannot" // Treatment.Text and Treatment.Remedy say why not, and what to do instead
)

// Treatment is the fate of an annotation in one case.
type Treatment struct {
	Fate   Fate
	Text   string
	Remedy string
}

// same, unread and the others are treatments.
var (
	same   = Treatment{Fate: Same}
	unread = Treatment{Fate: Unread}
)

func into(text string) Treatment       { return Treatment{Fate: Translated, Text: text} }
func equivalent(text string) Treatment { return Treatment{Fate: Equivalent, Text: text} }
func cannot(text, remedy string) Treatment {
	return Treatment{Fate: Cannot, Text: text, Remedy: remedy}
}

// key is the key of the row of an annotation: its own, or that of its family.
func key(of string) annotation.Key {
	if e, ok := annotation.Lookup(annotation.Key(of)); ok {
		return e.Key
	}
	return annotation.Key(of)
}

// lastApplied is what kubectl notes of an object; it is not the object's.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// finish sorts a result.
func finish(r *migrate.Result) migrate.Result {
	slices.SortFunc(r.Objects, func(a, b metav1.Object) int {
		return cmp.Or(strings.Compare(a.GetNamespace(), b.GetNamespace()), strings.Compare(a.GetName(), b.GetName()))
	})
	slices.SortFunc(r.Skipped, func(a, b migrate.Skipped) int { return strings.Compare(a.Object, b.Object) })
	slices.SortFunc(r.Pairs, func(a, b migrate.Pair) int { return strings.Compare(a.From, b.From) })
	r.Findings = migrate.SortFindings(r.Findings)
	return *r
}
