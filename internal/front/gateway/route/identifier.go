package route

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// A routeIdentifier that is edited so that it names no route is a mistake: the target groups that it configured keep
// the settings, by the last valid version of the route. An identifier that is removed, or that names another route,
// resets the settings.

// configured is the route as the configurations identify it.
func (t *translation) configured() configuration.Route {
	r := &t.route.Route
	return configuration.Route{Kind: string(r.Kind), Namespace: r.Namespace, Name: r.Name}
}

// last is the first target group of a backend in the last valid version of the route; nil = no such version is known.
func (t *translation) last(backend objects.Ref) *intent.TargetGroup {
	if t.in.Configured == nil {
		return nil
	}
	return t.in.Configured(t.object, backend)
}

// configure records what configures the target group; ok is false if that is invalid, which is recorded.
func (g *group) configure(own *lbcgatewayv1.TargetGroupConfiguration, defaults configuration.Defaults) (ok bool) {
	if own != nil {
		g.Configuration = own.Name
	}
	return g.identify(own, defaults)
}

// fits reports whether the configuration of the backend is small enough to be read for each target group. If it is not,
// that is recorded.
func (g *group) fits(own *lbcgatewayv1.TargetGroupConfiguration, namespace string) bool {
	if own == nil {
		return true
	}
	text := ""
	if n := len(own.Spec.RouteConfigurations); n > mostParts {
		text = fmt.Sprintf("%d routeConfigurations, and at most %d are read", n, mostParts)
	}
	for _, l := range g.layers {
		n := len(l.Spec.Tags) + len(l.Spec.TargetGroupAttributes) + objects.SelectorParts(l.Spec.NodeSelector)
		if n > mostParts {
			text = fmt.Sprintf("%d tags, targetGroupAttributes and parts of nodeSelector, and at most %d are read", n, mostParts)
		}
	}
	if text == "" {
		return true
	}
	g.TargetGroup = &intent.TargetGroup{ServiceNamespace: namespace}
	g.fail(intent.At(owner.Object(own), "spec"), diag.InvalidRule, text, "remove what no target group needs")
	return false
}

// identify records which routeIdentifiers configure the target group. ok is false if an edit of one took its settings
// away from the route without naming another route, which is recorded.
func (g *group) identify(own *lbcgatewayv1.TargetGroupConfiguration, defaults configuration.Defaults) (ok bool) {
	of := g.t.configured()
	for _, c := range configuration.Identifying(own, defaults) {
		name := c.Namespace + "/" + c.Name
		best := intent.Identifier{}
		rank := 0
		var wrong *problem
		for i := range c.Spec.RouteConfigurations {
			id := c.Spec.RouteConfigurations[i].RouteIdentifier
			one := intent.Identifier{Configuration: name, Kind: id.Kind, Namespace: id.Namespace, Name: id.Name}
			if n := configuration.Fit(id, of); n > 0 {
				if n > rank {
					best, rank = one, n
				}
				continue
			}
			text := StrayIdentifier(g.t.in.View, c, id, of.Namespace)
			if text == "" {
				continue
			}
			g.Strays = append(g.Strays, one)
			if wrong == nil && g.last != nil && !slices.Contains(g.last.Strays, one) {
				wrong = &problem{at: fmt.Sprintf("spec.routeConfigurations[%d].routeIdentifier", i), text: text}
			}
		}
		if rank > 0 {
			g.Identified = append(g.Identified, best)
		}
		if wrong != nil && slices.ContainsFunc(g.last.Identified, func(was intent.Identifier) bool {
			return was.Configuration == name && configuration.Fit(lbcgatewayv1.RouteIdentifier{Kind: was.Kind,
				Namespace: was.Namespace, Name: was.Name}, of) > rank
		}) {
			g.fail(intent.At(owner.Object(c), wrong.at), diag.InvalidRule, wrong.text+", and the settings applied to "+
				g.t.object.String(), "correct the routeIdentifier; to reset the settings, remove the entry")
			return false
		}
	}
	return true
}

// StrayIdentifier says why a routeIdentifier names no route that exists; empty = it names one, perhaps. Routes are
// looked up in the namespace of the configuration and in that of a route: nobody learns which routes others have.
// Without the namespace of a route, other namespaces are not looked up either.
func StrayIdentifier(v *objects.View, c *lbcgatewayv1.TargetGroupConfiguration, id lbcgatewayv1.RouteIdentifier,
	namespace string) string {
	kind := objects.Kind(id.Kind)
	switch {
	case !slices.Contains(objects.RouteKinds, kind):
		return fmt.Sprintf("%q is not a kind of routes", id.Kind)
	case id.Name != "" && id.Namespace == "":
		return fmt.Sprintf("the identifier has name %s without a namespace", id.Name)
	case id.Namespace == "" || !v.Serves(kind):
		return ""
	case id.Namespace != c.Namespace && id.Namespace != namespace:
		if namespace == "" {
			return ""
		}
		if _, ok := v.NamespaceLabels(id.Namespace); ok || v.Why(objects.Namespace, "", id.Namespace) != nil {
			return ""
		}
		return fmt.Sprintf("namespace %s does not exist", id.Namespace)
	case id.Name == "":
		return ""
	}
	if _, ok := objects.Lookup[metav1.Object](v, kind, id.Namespace, id.Name); ok ||
		v.Why(kind, id.Namespace, id.Name) != nil {
		return ""
	}
	return fmt.Sprintf("%s %s/%s does not exist", kind, id.Namespace, id.Name)
}
