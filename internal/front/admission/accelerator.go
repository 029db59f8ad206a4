package admission

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/check"
)

// GlobalAccelerator validates the creation of a GlobalAccelerator, or, if old is not nil, its update. A refusal
// lists everything that AWS is certain to refuse. What AWS refuses only without a raised quota gets a warning. An
// update that leaves the spec unchanged is admitted, so that finalizers can be removed. region is the region of the
// cluster.
func GlobalAccelerator(region string, old, ga *agav1beta1.GlobalAccelerator) Response {
	if ga.DeletionTimestamp != nil || old != nil && equality.Semantic.DeepEqual(old.Spec, ga.Spec) {
		return Response{}
	}
	found := check.Spec(&ga.Spec, ga.Namespace, region)
	if old != nil && old.Status.AcceleratorARN != nil {
		found = append(found, check.Update(&old.Spec, &ga.Spec)...)
	}
	var out Response
	var refused []string
	var uncertain diag.List
	for _, f := range found {
		d := f.Diagnostic(ga)
		if f.Uncertain {
			uncertain = append(uncertain, d)
			continue
		}
		if out.Check == "" {
			out.Check, out.Finding = string(f.Check), &d
		}
		refused = append(refused, fmt.Sprintf("%s (%s); %s", d.Text, d.Path, d.Remedy))
	}
	if len(refused) > 1 {
		out.Finding = nil
	}
	out.Denied, out.Warnings = diag.First(refused, maxRefusals, ". "), warnings(uncertain)
	return out
}

// maxRefusals bounds the findings of one refusal.
const maxRefusals = 8
