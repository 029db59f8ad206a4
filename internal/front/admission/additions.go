package admission

import (
	"github.com/k8s-lbc/lbc/internal/kube/addition"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

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
