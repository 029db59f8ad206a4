// Package admission judges objects before the API server stores them: whether to refuse, what to fill in, what to warn of. It
// says what events would say later, in the same words. It asks neither AWS nor the cluster but through a world.View, and serves
// no HTTP. It imports Kubernetes API types, api, front/ingress, annotation, diag and world.
package admission

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/diag"
)

// Verdict is the answer about one request. The zero value admits the object as it is.
type Verdict struct {
	// Denied is why the request is refused; empty if it is not.
	Denied string
	// Check names the check that refused, as the metrics of the existing controller call it.
	Check string
	// Warnings are shown to the user, also with a refusal.
	Warnings []string
	// Patch is what to fill in: only what is meant, so that fields unknown to us stay as they are.
	Patch []Operation
	// Doubtful says that the verdict rests on an object that is missing or on the labels of one: whoever asked a cache that may
	// lag behind should ask again where it cannot.
	Doubtful bool
}

// Operation is an operation of a JSON patch (RFC 6902) that adds or replaces a field.
type Operation struct {
	Path  string
	Value any
}

func denied(check, text string) Verdict { return Verdict{Check: check, Denied: text} }

// maxWarnings of one answer: API servers cut off what is more than 4 KB, and people stop reading before.
const maxWarnings = 8

// warnings tells findings as kubectl shows them: mistakes before notes. What is only missing is left out, since who applies
// several objects at once may bring it next.
func warnings(found diag.List) []string {
	var mistakes, notes []string
	for _, d := range found {
		info, _ := diag.Lookup(d.Code)
		switch {
		case d.Class == diag.NotFound || info.Class == diag.NotFound:
		case d.Class == diag.Note:
			notes = append(notes, d.Message())
		default:
			mistakes = append(mistakes, d.Message())
		}
	}
	all := slices.Concat(mistakes, notes)
	if len(all) > maxWarnings {
		all = all[:maxWarnings]
	}
	return all
}

// Service fills in the load balancer class of a Service of type LoadBalancer that names none: on creation ours, on an update (old
// is not nil) the one that it had. Annotations that ask the cloud provider for a load balancer are not looked at. An update
// never gives a class to a Service that had none: who serves it already would let it go.
func Service(class string, old, svc *corev1.Service) Verdict {
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer || svc.Spec.LoadBalancerClass != nil && *svc.Spec.LoadBalancerClass != "" {
		return Verdict{}
	}
	if old != nil {
		if old.Spec.LoadBalancerClass == nil || *old.Spec.LoadBalancerClass == "" {
			return Verdict{}
		}
		class = *old.Spec.LoadBalancerClass
	}
	return Verdict{Patch: []Operation{{"/spec/loadBalancerClass", class}}}
}
