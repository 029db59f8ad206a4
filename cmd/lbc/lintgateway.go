package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Codes of findings that are no reasons of conditions.
const (
	codeNothingNamed = "NothingNamed" // nothing that is checked names the object, or it names nothing that is checked
	codeIgnoredKind  = "IgnoredKind"
)

// elsewhereReasons are those about objects that may be in other files, or in the cluster, with what their messages say
// then.
var elsewhereReasons = map[string]string{
	string(gatewayv1.RouteReasonBackendNotFound): "", string(gatewayv1.RouteReasonRefNotPermitted): "",
	string(gatewayv1.GatewayReasonInvalidParameters):        "does not exist",
	string(gatewayv1.ListenerReasonInvalidCertificateRef):   "does not exist",
	string(gatewayv1.ListenerReasonInvalidCACertificateRef): "does not exist",
	string(gatewayv1.RouteReasonIncompatibleFilters):        "does not exist", "NotAccepted": "not found",
}

// unmet returns findings about the conditions that objects of files do not meet.
func (o *lintOptions) unmet(src *source, results []offline.Result) (out []finding) {
	var all []offline.Unmet
	for i := range results {
		all = append(all, results[i].Unmet...)
	}
	flags, v := settings.GatewayConfig(&o.config), objects.New(src.reader)
	for _, p := range src.fromFiles {
		if c, ok := p.object.(*gatewayv1.GatewayClass); ok {
			if meant := flags.Meant(c); meant != "" {
				out = append(out, finding{File: p.file, Line: p.line("spec.controllerName"), Severity: severityWarning,
					Object: nameOf(c), Field: "spec.controllerName", Reason: codeNothingNamed, Message: fmt.Sprintf("no controller "+
						"of load balancers has the name %s, so Gateways of this class have none", c.Spec.ControllerName),
					Remedy: fmt.Sprintf("did you mean %s?", meant)})
			}
			if problem := gateway.ClassProblem(v, flags, c); problem != nil {
				all = append(all, offline.Unmet{Object: owner.Object(c), Path: "spec.parametersRef", Reason: problem.Reason,
					Message: problem.Message})
			}
		}
	}
	for _, u := range all {
		if p, ok := find(src.fromFiles, u.Object); ok { // else it is about an object of the cluster
			f := o.findingOfUnmet(u)
			f.File, f.Line = p.file, p.line(f.Field)
			out = append(out, f)
		}
	}
	return out
}

// findingOfUnmet is the finding about a condition that is not met, without its place in a file.
func (o *lintOptions) findingOfUnmet(u offline.Unmet) finding {
	field := u.Path
	if in := named.FindString(u.Message); in != "" && strings.HasSuffix(u.Object.Kind, "Route") {
		field = in
	}
	severity, remedy := severityError, ""
	if words, elsewhere := elsewhereReasons[u.Reason]; elsewhere && !o.fromCluster() &&
		strings.Contains(u.Message, words) {
		severity, remedy = severityWarning, ifElsewhere
	}
	if strings.Contains(u.Message, "is not usable yet, LB ARN is not provisioned") { // that of a Gateway of the files
		severity, remedy = severityNote, "nothing to do: the controller uses the load balancer of the Gateway "+
			"as soon as it exists"
	}
	u.Object.UID = ""
	return finding{Severity: severity, Object: u.Object.String(), Field: field, Reason: u.Reason, Message: u.Message,
		Remedy: remedy}
}

// unconnected are findings about class parameters that no class names, and about objects of the Gateway API that name
// nothing of what is checked, or that nothing names. With a cluster there are none: what names an object may come
// later.
func unconnected(src *source) (out []finding) {
	if src.kube != nil {
		return nil
	}
	v, namedRefs, backendRefs := objects.New(src.reader), src.namedRefs(), src.backends()
	for _, p := range src.fromFiles {
		note := func(field, text, remedy string) {
			out = append(out, finding{File: p.file, Line: p.line(field), Severity: severityNote, Object: nameOf(p.object),
				Field: field, Reason: codeNothingNamed, Message: text, Remedy: remedy})
		}
		kind, _ := objects.KindOf(p.object)
		at := objects.Ref{Kind: kind, Namespace: p.object.GetNamespace(), Name: p.object.GetName()}
		switch x := p.object.(type) {
		case *configv1.LoadBalancerConfiguration, *configv1.ListenerRuleConfiguration:
			if !namedRefs[at] {
				note("", "nothing in the files names this object, so it has no effect", map[objects.Kind]string{
					objects.LoadBalancerConfiguration: "name it in parametersRef of a GatewayClass or Gateway",
					objects.ListenerRuleConfiguration: "name it in a filter of type ExtensionRef of a route"}[kind])
				if gateway.Guards(p.object) {
					out[len(out)-1].Severity = severityWarning
					out[len(out)-1].Message += " and protects no load balancer"
				}
			}
		case *v1beta1.IngressClassParams:
			if d := ingress.Idle(x); d != nil && !namedByClass(v, x) {
				note("", d.Text, ifElsewhere+"; otherwise "+d.Remedy)
				out[len(out)-1].Severity = string(d.Severity())
			}
		case *configv1.TargetGroupConfiguration:
			src.unconnectedTargets(x, namedRefs[at], backendRefs, note)
		case *corev1.Service:
			if backendRefs[at] {
				continue
			}
			for _, d := range unnamedAnnotations(src, x) {
				out = append(out, finding{File: p.file, Line: p.line(d.Path), Severity: string(d.Severity()), Object: nameOf(x),
					Field: d.Path, Reason: string(d.Code), Message: d.Text, Remedy: d.Remedy})
			}
		case *gatewayv1.ListenerSet:
			if g := missingGateways(v, x); len(g) > 0 {
				note("spec.parentRef", g[0]+" is in none of the files, so lbc does not check this object",
					"check the file of the Gateway along with this one")
			}
		default:
			if slices.Contains(objects.RouteKinds, kind) {
				unconnectedRoute(v, x, note)
			}
		}
	}
	return out
}

// unconnectedRoute notes that a route names no Gateway of the files.
func unconnectedRoute(v *objects.View, route metav1.Object, note func(field, text, remedy string)) {
	if len(offline.GatewaysOf(v, route)) == 0 {
		note("spec.parentRefs", "the route names no Gateway, or a ListenerSet that is in none of the files, so lbc does "+
			"not check it", "name a Gateway in spec.parentRefs")
	}
	for _, g := range missingGateways(v, route) {
		note("spec.parentRefs", g+" is in none of the files, so lbc does not check this route",
			"check the file of the Gateway along with this one")
	}
}

// namedRefs are the objects that objects of the files name, but for the backends of TargetGroupConfigurations.
func (s *source) namedRefs() map[objects.Ref]bool {
	out := map[objects.Ref]bool{}
	for _, p := range s.fromFiles {
		if _, own := p.object.(*configv1.TargetGroupConfiguration); own {
			continue
		}
		for _, r := range objects.References(p.object) {
			out[r] = true
		}
	}
	return out
}

func namedByClass(v *objects.View, p *v1beta1.IngressClassParams) bool {
	_, named := ingress.NamedByClass(v, p)
	return named
}

// unconnectedTargets are the findings about a TargetGroupConfiguration. isDefault reports that something names it;
// backendRefs are the backends of routes.
func (s *source) unconnectedTargets(x *configv1.TargetGroupConfiguration, isDefault bool,
	backendRefs map[objects.Ref]bool, note func(field, text, remedy string)) {
	refs := objects.References(x)
	switch {
	case len(refs) == 0 && !isDefault:
		note("", "this TargetGroupConfiguration has no targetReference, and no LoadBalancerConfiguration in the files names "+
			"it as default, so it has no effect", "add spec.targetReference, or name it in defaultTargetGroupConfiguration")
	case len(refs) > 0 && !backendRefs[refs[0]]:
		note("spec.targetReference", fmt.Sprintf("no route in the files has %s %s/%s as backend, so this object has "+
			"no effect", refs[0].Kind, refs[0].Namespace, refs[0].Name),
			"correct the name, or check the file of the route along with this one")
	}
	for i, r := range x.Spec.RouteConfigurations {
		if !s.hasRoute(r.RouteIdentifier) {
			note(fmt.Sprintf("spec.routeConfigurations[%d].routeIdentifier", i), "no route in the files is "+
				routeText(r.RouteIdentifier)+", so this setting has no effect", "correct it, or check the file of the route along "+
				"with this one")
		}
	}
}

func missingGateways(v *objects.View, o metav1.Object) (out []string) {
	for _, r := range offline.GatewaysOf(v, o) {
		if _, ok := objects.Lookup[metav1.Object](v, r.Kind, r.Namespace, r.Name); !ok {
			out = append(out, fmt.Sprintf("%s %s/%s", r.Kind, r.Namespace, r.Name))
		}
	}
	return out
}

func nameOf(o metav1.Object) string {
	kind, _ := objects.KindOf(o)
	return diag.Object{Kind: string(kind), Namespace: o.GetNamespace(), Name: o.GetName()}.String()
}

// unread is an object of a kind that is not read.
type unread struct {
	what string // apiVersion, kind and name
	file string
	line int
}

// kindAndName are the API group of an object, its kind, and its name with its namespace.
func (u unread) kindAndName() (group, kind, name string) {
	apiVersion, rest, _ := strings.Cut(u.what, " ")
	kind, name, _ = strings.Cut(rest, " ")
	if group, _, ok := strings.Cut(apiVersion, "/"); ok {
		return group, kind, name
	}
	return "", kind, name
}

// sayUnread counts the objects of kinds that are not read, in one line.
func sayUnread(errOut io.Writer, all []unread) {
	if len(all) == 0 {
		return
	}
	counted := map[string]int{}
	for _, u := range all {
		group, kind, _ := u.kindAndName()
		if strings.Contains(group, ".") {
			kind += "." + group
		}
		counted[kind]++
	}
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(counted)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", counted[kind], kind))
	}
	fmt.Fprintf(errOut, "lbc: objects on which no load balancer depends are not read: %s\n", strings.Join(kinds, ", "))
}

// ignoredKinds are findings about objects that are meant for this controller and have no effect, as it does not read
// their kind.
func ignoredKinds(all []unread) (out []finding) {
	for _, u := range all {
		group, kind, name := u.kindAndName()
		if group != "gateway.networking.k8s.io" && group != "gateway.networking.x-k8s.io" {
			continue
		}
		f := finding{File: u.file, Line: u.line, Severity: severityWarning, Object: kind + " " + name,
			Reason:  codeIgnoredKind,
			Message: "load balancers have nothing for objects of kind " + kind + ", so this object has no effect",
			Remedy:  "remove it"}
		if kind == "BackendTLSPolicy" {
			f.Message = gateway.UnverifiedTargets + ", so this policy has no effect"
			f.Remedy = gateway.UnverifiedTargetsRemedy
		}
		out = append(out, f)
	}
	return out
}
