package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/utils/ptr"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// backends are the objects that the routes of the files forward to.
func (s *source) backends() map[objects.Ref]bool {
	out := map[objects.Ref]bool{}
	for _, p := range s.fromFiles {
		status, spec, ok := route.Common(p.object)
		if !ok {
			continue
		}
		refs, parents := spec.ParentRefs, status.Parents
		spec.ParentRefs, status.Parents = nil, nil
		for _, r := range objects.References(p.object) {
			out[r] = true
		}
		spec.ParentRefs, status.Parents = refs, parents
	}
	return out
}

// hasRoute reports whether the files have a route that an identifier fits.
func (s *source) hasRoute(id configv1.RouteIdentifier) bool {
	return slices.ContainsFunc(s.fromFiles, func(p placed) bool {
		kind, _ := objects.KindOf(p.object)
		return string(kind) == id.Kind && (id.Namespace == "" && id.Name == "" || id.Namespace == p.object.GetNamespace() &&
			(id.Name == "" || id.Name == p.object.GetName()))
	})
}

func routeText(id configv1.RouteIdentifier) string {
	switch {
	case id.Namespace == "" && id.Name == "":
		return "a " + id.Kind
	case id.Name == "":
		return "a " + id.Kind + " of namespace " + id.Namespace
	case id.Namespace == "":
		return id.Kind + " " + id.Name + " without a namespace"
	}
	return id.Kind + " " + id.Namespace + "/" + id.Name
}

// misplaced are findings about annotations of the controller on objects that have none, and about parameters of classes
// in a namespace.
func misplaced(src *source) (out []finding) {
	for _, p := range src.fromFiles {
		kind, _ := objects.KindOf(p.object)
		note := func(field, text, remedy string) {
			out = append(out, finding{File: p.file, Line: p.line(field), Severity: severityNote, Object: nameOf(p.object),
				Field: field, Reason: string(diag.IgnoredSetting), Message: text, Remedy: remedy})
		}
		if c, ok := p.object.(*networkingv1.IngressClass); ok && c.Spec.Controller == ingress.Controller &&
			c.Spec.Parameters != nil && (c.Spec.Parameters.Namespace != nil || ptr.Deref(c.Spec.Parameters.Scope, "") ==
			networkingv1.IngressClassParametersReferenceScopeNamespace) {
			note("spec.parameters.namespace", "scope and namespace have no effect: IngressClassParams have no namespace",
				"remove spec.parameters.scope and spec.parameters.namespace")
		}
		if !withoutAnnotations(kind) {
			continue
		}
		for _, k := range slices.Sorted(maps.Keys(p.object.GetAnnotations())) {
			e, known := annotation.Lookup(annotation.Key(k))
			if !annotation.Ours(k) || known && (string(e.Scope) == string(kind) || e.Scope == annotation.Written) {
				continue
			}
			read := "no object: it is unknown"
			if known {
				read = string(e.Scope)
			}
			note(annotation.Key(k).Path(), fmt.Sprintf("annotation %s has no effect on kind %s; it is read on: %s", k, kind,
				read), "move it there, or remove it")
		}
	}
	return out
}

// unknownAttributes are findings about attributes that no table has: AWS refuses them unless they are newer.
func unknownAttributes(src *source) (out []finding) {
	for _, p := range src.fromFiles {
		note := func(path string, keys []string) {
			for _, key := range keys {
				if constraint.Known(key) {
					continue
				}
				text := fmt.Sprintf("attribute %s is unknown to this version: unless it is newer, AWS refuses it", key)
				out = append(out, finding{File: p.file, Line: p.line(path), Severity: severityWarning, Object: nameOf(p.object),
					Field: path, Reason: string(diag.IgnoredSetting), Message: text,
					Remedy: "check its spelling, or remove it"})
			}
		}
		read := annotation.NewReader(&annotation.Findings{}, diag.Object{}, p.object.GetAnnotations())
		for _, k := range slices.Sorted(maps.Keys(p.object.GetAnnotations())) {
			if e, ok := annotation.Lookup(annotation.Key(k)); ok && e.Syntax == annotation.Map &&
				strings.Contains(k, "attributes") {
				note(annotation.Key(k).Path(), slices.Sorted(maps.Keys(read.Map(annotation.Key(k)).Value)))
			}
		}
		switch x := p.object.(type) {
		case *configv1.LoadBalancerConfiguration:
			note("spec.loadBalancerAttributes", keysOf(x.Spec.LoadBalancerAttributes))
			for i := range x.Spec.ListenerConfigurations {
				note(fmt.Sprintf("spec.listenerConfigurations[%d].listenerAttributes", i),
					keysOf(x.Spec.ListenerConfigurations[i].ListenerAttributes))
			}
		case *configv1.TargetGroupConfiguration:
			note("spec.defaultConfiguration.targetGroupAttributes", keysOf(x.Spec.DefaultConfiguration.TargetGroupAttributes))
		}
	}
	return out
}

func keysOf(all []configv1.Attribute) (out []string) {
	for _, a := range all {
		out = append(out, a.Key)
	}
	return out
}

// withoutAnnotations reports whether objects of a kind have no annotations of Ingresses, Services or Gateways.
func withoutAnnotations(k objects.Kind) bool {
	kinds := append([]objects.Kind{objects.Ingress, objects.Service, objects.Gateway}, objects.RouteKinds...)
	return !slices.Contains(kinds, k) && !strings.HasPrefix(string(k), "LoadBalancerConfig")
}
