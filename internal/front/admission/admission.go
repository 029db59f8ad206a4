// Package admission validates and completes objects before the API server stores them: refusals, patches and
// warnings, with the texts of the events that would follow. It reads objects only through an objects.View, calls
// neither AWS nor the API server, and serves no HTTP.
package admission

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/addition"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Response is the response to one request. The zero value admits the object as it is.
type Response struct {
	// Denied is why the request is refused; empty if it is not.
	Denied string
	// Finding is the refusal by its parts; nil if the request is not refused, or not for one field.
	Finding *diag.Diagnostic
	// Check is the name of the check that refused, as in the metrics of the existing controller.
	Check string
	// Warnings are shown to the user, also with a refusal.
	Warnings []string
	// Patch is the fields to fill in. It leaves all other fields, unknown ones too, as they are.
	Patch []Operation
	// Recheck reports that the response depends on a missing object or on labels. A caller that read a cache, which may
	// lag, should evaluate the request again with objects read from the API server.
	Recheck bool
}

// Operation is an operation of a JSON patch (RFC 6902).
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// set is the operation that adds or replaces a field.
func set(path string, value any) Operation { return Operation{"add", path, value} }

func denied(check, text string) Response { return Response{Check: check, Denied: text} }

// maxWarnings bounds the warnings of one response: API servers truncate them at 4 KB.
const maxWarnings = 8

// warnings are findings for kubectl to show, errors before notes. What AWS has ended, and guards of other controllers,
// come between them, so that many notes do not hide that nothing guards. Missing objects are left out: they may be
// applied next.
func warnings(found diag.List) []string {
	var errs, ended, notes []string
	for _, d := range found {
		info, _ := diag.Lookup(d.Code)
		switch {
		case d.Class == diag.NotFound || info.Class == diag.NotFound:
		case d.Code == diag.EndedSupport, d.Code == diag.GuardNotApplied:
			ended = append(ended, d.Message())
		case d.Class == diag.Note:
			notes = append(notes, d.Message())
		default:
			errs = append(errs, d.Message())
		}
	}
	all := slices.Concat(errs, ended, notes)
	if len(all) > maxWarnings {
		all = all[:maxWarnings]
	}
	return all
}

// Service fills in the load balancer class of a Service of type LoadBalancer that names none: on creation class, on an
// update (old is not nil) the one that it had. Annotations for the cloud provider's controller are not considered. An
// update never gives a class to a Service that had none: the controller that reconciles it would release it.
func Service(class string, old, svc *corev1.Service) Response {
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer || svc.Spec.LoadBalancerClass != nil &&
		*svc.Spec.LoadBalancerClass != "" {
		return Response{}
	}
	if old != nil {
		if old.Spec.LoadBalancerClass == nil || *old.Spec.LoadBalancerClass == "" {
			return Response{}
		}
		class = *old.Spec.LoadBalancerClass
	}
	return Response{Patch: []Operation{set("/spec/loadBalancerClass", class)}}
}

// checkAdditions is the check of --existing-features-only.
const checkAdditions = "checkExistingFeatures"

// ExistingFeatures refuses what an object has beyond the existing controller, or, if old is not nil, what its update
// adds of it: an object that has additions already can be edited otherwise. ours reports whether a GatewayClass is one
// of this controller; the fields of other Gateways are not ours.
func ExistingFeatures(old, object addition.Object, ours func(class string) bool) Response {
	if addition.Deleted(object) {
		return Response{}
	}
	var refused []string
	for _, u := range Additions(old, object, ours) {
		refused = append(refused, u.Text())
	}
	if len(refused) == 0 {
		return Response{}
	}
	return Response{Check: checkAdditions, Denied: diag.First(refused, maxRefusals, ". ") + "; " + addition.Remedy}
}

// Additions returns the additions that an edit adds to an object, without the fields of Gateways that other controllers
// serve.
func Additions(old, object addition.Object, ours func(class string) bool) []addition.Use {
	used := addition.Added(old, object)
	if class, ok := addition.ClassOfGateway(object); ok && !ours(class) {
		return addition.WithoutFields(used)
	}
	return used
}
