package ingress

import (
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// ClassOwnership returns the ownerships that the class parameters of Ingresses of a group declare, by namespace/name of
// the Ingress; also of those that are being deleted.
func ClassOwnership(v *objects.View, g Group) map[string]string {
	out := map[string]string{}
	note := func(ing *networkingv1.Ingress, p *v1beta1.IngressClassParams) {
		if f := annotation.NewReader(&annotation.Findings{}, diag.Object{}, p.Annotations).ClassOwnership(); f.Set {
			out[ing.Namespace+"/"+ing.Name] = f.Value
		}
	}
	for i := range g.members {
		if m := &g.members[i]; m.class.Params != nil {
			note(m.ingress, m.class.Params)
		}
	}
	for _, ing := range g.Inactive {
		if c, ok := classOf(v, ing); ing.DeletionTimestamp != nil && ok && c.Spec.Controller == Controller &&
			c.Spec.Parameters != nil {
			if p, ok := v.IngressClassParams(c.Spec.Parameters.Name); ok {
				note(ing, p)
			}
		}
	}
	return out
}

// Authorities returns what class parameters of an explicit group say of the namespaces of its objects; nil if they say
// nothing.
func Authorities(v *objects.View, g Group) map[string]intent.Authority {
	group, _ := naming.ShardOf(g.ID)
	out := map[string]intent.Authority{}
	note := func(ing *networkingv1.Ingress) {
		if _, known := out[ing.Namespace]; !known {
			out[ing.Namespace] = authorityOf(v, ing, group)
		}
	}
	for i := range g.members {
		note(g.members[i].ingress)
	}
	for _, ing := range g.Inactive {
		note(ing)
	}
	return out
}

// ClassOfGroup has the Ingresses of an explicit group whose class parameters name the group, by namespace/name.
func ClassOfGroup(g Group) map[string]bool {
	out := map[string]bool{}
	for i := range g.members {
		if m := &g.members[i]; namesGroup(m.class) {
			out[m.ingress.Namespace+"/"+m.ingress.Name] = true
		}
	}
	return out
}

// ClassApprovals returns the digests by which the class parameters of the Ingresses of a group approve of takeovers.
func ClassApprovals(g Group) (out []string) {
	for i := range g.members {
		if p := g.members[i].class.Params; p != nil {
			out = append(out, annotation.Approvals(p.Annotations)...)
		}
	}
	return out
}

// namesGroup reports whether the parameters of a class put its Ingresses into a group.
func namesGroup(c Class) bool { return c.Params != nil && c.Params.Spec.Group != nil }
