package ingress

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// guard is a class parameter that restricts who is served, or protects load balancers.
type guard struct {
	path string
	key  annotation.Key // sets the same on an Ingress; empty = no annotation does
}

// guardsOf are the guards among class parameters. Those of spec.group are not among them: they need no class.
func guardsOf(p *v1beta1.IngressClassParams) (out []guard) {
	spec, lists := p.Spec, slices.Concat(p.Spec.PrefixListsIDs, legacy(p.Spec))
	names := func(acl string) bool { return acl != "" && acl != intent.None }
	open := overlap.AdmitsAll(spec.InboundCIDRs)
	ownership := p.Annotations[string(annotation.ClassOwnership)]
	for _, g := range []struct {
		guards bool
		guard
	}{
		{ptr.Deref(spec.Scheme, "") == stack.Internal, guard{"spec.scheme", annotation.Scheme}},
		{len(spec.InboundCIDRs) > 0 && !open, guard{"spec.inboundCIDRs", annotation.InboundCIDRs}},
		{len(lists) > 0 && !open, guard{"spec.prefixListsIDs", annotation.PrefixLists}},
		{names(spec.WAFv2ACLArn), guard{"spec.wafv2AclArn", annotation.WebACLARN}},
		{names(spec.WAFv2ACLName), guard{"spec.wafv2AclName", annotation.WebACLName}},
		{slices.ContainsFunc(spec.LoadBalancerAttributes, func(a v1beta1.Attribute) bool {
			return constraint.Protects(a.Key, a.Value)
		}), guard{"spec.loadBalancerAttributes", annotation.LoadBalancerAttributes}},
		{spec.NamespaceSelector != nil, guard{path: "spec.namespaceSelector"}},
		{ownership != "" && ownership != annotation.ManagedIt, guard{annotation.ClassOwnership.Path(), annotation.Ownership}},
		{p.Annotations[string(annotation.ClassFrontendScheme)] == stack.Internal, guard{annotation.ClassFrontendScheme.Path(),
			annotation.FrontendScheme}},
	} {
		if g.guards {
			out = append(out, g.guard)
		}
	}
	return out
}

// pathsOfGuards are the fields of guards, as text.
func pathsOfGuards(all []guard) string {
	var paths []string
	for _, g := range all {
		paths = append(paths, g.path)
	}
	return diag.First(paths, 3, ", ")
}

// noteLegacyClass notes that the legacy annotation makes the class of an Ingress meaningless. It is a warning if a
// guard of the class is lost that the Ingress does not declare itself.
func (t *translation) noteLegacyClass() {
	ing := t.ingress
	if _, legacy := ing.Annotations[LegacyClassAnnotation]; !legacy || ing.Spec.IngressClassName == nil {
		return
	}
	code, text := diag.IgnoredSetting, "spec.ingressClassName and the parameters of its class have no effect: annotation "+
		LegacyClassAnnotation+" has precedence"
	if c, ok := t.view.IngressClass(*ing.Spec.IngressClassName); ok {
		if p, _ := paramsOf(t.view, c); p != nil {
			lost := slices.DeleteFunc(guardsOf(p), func(g guard) bool {
				_, own := ing.Annotations[string(g.key)]
				return own
			})
			if len(lost) > 0 {
				code = diag.GuardNotApplied
				text += "; IngressClassParams " + p.Name + " do not protect the load balancer (" + pathsOfGuards(lost) + ")"
			}
		}
	}
	t.findings.Add(diag.New(Object(ing), "spec.ingressClassName", code, text, "remove the annotation"))
}

// NamedByClass returns a class of this controller that names class parameters; ok is false if none does.
func NamedByClass(v *objects.View, p *v1beta1.IngressClassParams) (class string, ok bool) {
	for _, c := range objects.Naming[*networkingv1.IngressClass](v, objects.IngressClass, objects.Ref{
		Kind: objects.IngressClassParams, Name: p.Name}) {
		if _, named := paramsOf(v, c); named {
			return c.Name, true
		}
	}
	return "", false
}

// Idle returns the finding about class parameters that no class of this controller names. It is a warning if a guard
// among them protects nothing. It is nil if they declare nothing, or only who may join their group, which needs no
// class.
func Idle(p *v1beta1.IngressClassParams) *diag.Diagnostic {
	if equality.Semantic.DeepEqual(p.Spec, v1beta1.IngressClassParamsSpec{}) && len(annotation.Ours(p.Annotations)) == 0 {
		return nil
	}
	code, text := diag.IgnoredSetting, "no IngressClass of this controller names this object, so it has no effect"
	if g := p.Spec.Group; g != nil && (g.NamespaceSelector != nil || len(g.SettingsNamespaces) > 0 || g.Shards != nil) {
		text += " except spec.group"
	}
	if guards := guardsOf(p); len(guards) > 0 {
		code = diag.GuardNotApplied
		text += " and protects no load balancer (" + pathsOfGuards(guards) + ")"
	} else if strings.HasSuffix(text, "spec.group") {
		return nil
	}
	d := diag.New(owner.Object(p), "", code, text, "name it in spec.parameters of an IngressClass, or delete it")
	return &d
}
