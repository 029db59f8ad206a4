package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/utils/ptr"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
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
		if ns, ok := p.object.(*corev1.Namespace); ok {
			noteInjection(ns, note)
		}
		if !withoutAnnotations(kind) {
			continue
		}
		f := annotation.Findings{}
		annotation.CheckKind(&f, owner.Object(p.object), p.object.GetAnnotations())
		for _, d := range f.List() {
			out = append(out, finding{File: p.file, Line: p.line(d.Path), Severity: string(d.Severity()),
				Object: nameOf(p.object), Field: d.Path, Reason: string(d.Code), Message: d.Text, Remedy: d.Remedy})
		}
	}
	return out
}

// injection are the labels of a Namespace that have pods of it changed at their creation.
var injection = []string{readiness.NamespaceLabel, drain.NamespaceLabel, serverid.NamespaceLabel,
	admission.AgentNamespaceLabel}

// noteInjection notes such a label that is an annotation, or that has another value than the only one with an effect.
func noteInjection(ns *corev1.Namespace, note func(field, text, remedy string)) {
	for _, k := range injection {
		if _, ok := ns.Annotations[k]; ok {
			note(annotation.Key(k).Path(), fmt.Sprintf("annotation %s has no effect: it is a label of namespaces", k),
				"write it as a label, with value enabled")
		}
		if v := ns.Labels[k]; !slices.Contains([]string{"", "enabled", "disabled", "false"}, v) {
			note("metadata.labels["+k+"]", fmt.Sprintf("label %s: %q has no effect", k, v), "write enabled, or remove it")
		}
	}
}

// unnamedAnnotations are findings about annotations for target groups on a Service that nothing in the files names, and
// about a type of load balancers that is most likely misspelt.
func unnamedAnnotations(src *source, svc *corev1.Service) diag.List {
	f := annotation.Findings{}
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer && !objects.NamedByIngress(objects.New(src.reader), svc) {
		annotation.Check(&f, owner.Object(svc), annotation.OnBoth, svc.Annotations)
		annotation.CheckUnnamed(&f, owner.Object(svc), svc.Annotations, false)
		annotation.CheckLabels(&f, owner.Object(svc), svc.Labels)
	}
	kind := svc.Annotations[string(annotation.ServiceType)]
	if meant := annotation.NearestOf(kind, servedTypes...); svc.Spec.Type == corev1.ServiceTypeLoadBalancer &&
		svc.Spec.LoadBalancerClass == nil && meant != "" && !slices.Contains(servedTypes, kind) && kind != "nlb" {
		f.Add(diag.New(owner.Object(svc), annotation.ServiceType.Path(), diag.NotServed,
			fmt.Sprintf("the controller does not serve the Service: %q is not a value of annotation %s that it reads", kind,
				annotation.ServiceType), "did you mean "+meant+"?"))
	}
	return f.List()
}

// servedTypes are the values of annotation aws-load-balancer-type by which the controller serves a Service.
var servedTypes = []string{"external", "nlb-ip"}

// unknownAttributes are findings about attributes that no table has: AWS refuses them unless they are newer. There is
// none about an attribute that found already reports, because it is most likely misspelt.
func unknownAttributes(src *source, found []finding) (out []finding) {
	for _, p := range src.fromFiles {
		name := nameOf(p.object)
		note := func(path string, keys []string) {
			for _, key := range keys {
				if constraint.Known(key) || slices.ContainsFunc(found, func(f finding) bool {
					return strings.HasPrefix(f.Message, "attribute "+key+" is unknown") &&
						(f.Object == name || strings.HasSuffix(f.Field, " of "+name))
				}) {
					continue
				}
				text := fmt.Sprintf("attribute %s is unknown to this version of lbc: AWS refuses the attribute, unless it is "+
					"newer than lbc", key)
				out = append(out, finding{File: p.file, Line: p.line(path), Severity: severityWarning, Object: name,
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
			for i := range x.Spec.RouteConfigurations {
				note(fmt.Sprintf("spec.routeConfigurations[%d].targetGroupProps.targetGroupAttributes", i),
					keysOf(x.Spec.RouteConfigurations[i].TargetGroupProps.TargetGroupAttributes))
			}
		case *v1beta1.IngressClassParams:
			note("spec.loadBalancerAttributes", keysOf(x.Spec.LoadBalancerAttributes))
			for i := range x.Spec.Listeners {
				note(fmt.Sprintf("spec.listeners[%d].listenerAttributes", i), keysOf(x.Spec.Listeners[i].ListenerAttributes))
			}
		}
	}
	return out
}

func keysOf[A configv1.Attribute | v1beta1.Attribute](all []A) (out []string) {
	for _, a := range all {
		out = append(out, configv1.Attribute(a).Key)
	}
	return out
}

// withoutAnnotations reports whether objects of a kind have no annotations of Ingresses, Services or Gateways.
func withoutAnnotations(k objects.Kind) bool {
	return !slices.Contains(owner.KubernetesKinds(nil), k) && !slices.Contains(objects.RouteKinds, k)
}
