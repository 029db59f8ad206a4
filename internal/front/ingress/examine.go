package ingress

import (
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/objects"
)

// Examine tells what a pass would find about one Ingress, whoever else is in its group: its class, and every finding about the
// class, the group's name and order, and the Ingress itself. Nothing is found about an Ingress that is not ours.
func Examine(v *objects.View, cfg Config, ing *networkingv1.Ingress) (Class, diag.List) {
	class, d := Classify(v, cfg, ing)
	if d != nil {
		return class, diag.List{*d}
	}
	if !class.Managed {
		return class, nil
	}
	m := member{ingress: ing, class: class}
	id, d := groupOf(class, ing)
	if d == nil {
		d = NotAdmitted(v, ing, id)
	}
	if d != nil {
		m.found = append(m.found, *d)
	}
	order, d := orderOf(ing)
	if d != nil {
		m.found = append(m.found, *d)
	}
	m.order = order
	return class, translate(v, cfg, m).Diagnostics
}
