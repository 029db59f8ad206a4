package gateway

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Overview is the decision about a Gateway, its listeners and its routes, for the command line.
type Overview struct {
	Gateway      diag.Object
	Class        string
	Controller   string // empty = the class does not exist
	Construction rule.Construction
	Refused      *attachment.Problem
	Listeners    []ListenerOverview // as attachment.Listeners.All
	Rejected     []diag.Object      // ListenerSets that the Gateway does not admit
	Routes       []RouteOverview    // by age and name
}

// ListenerOverview is a listener of the Gateway or of a ListenerSet.
type ListenerOverview struct {
	attachment.Listener
	Object  diag.Object // that has the listener
	Refs    *attachment.Problem
	Serving bool
}

// RouteOverview is a route that names the Gateway or a ListenerSet of it.
type RouteOverview struct {
	Object         diag.Object
	Parents        []ParentOverview
	Configurations []route.Configuration
}

// ParentOverview is one parentRef of a route, and the conditions of it that are not met.
type ParentOverview struct {
	Field    string // the parentRef
	Attached []attachment.Attached
	Problems []attachment.Problem
}

// Overview returns the overview with the findings of compile.
func (d *Decisions) Overview(found diag.List) Overview {
	out := Overview{Gateway: Object(d.gateway), Class: string(d.gateway.Spec.GatewayClassName),
		Controller: string(d.controller), Construction: d.construction, Refused: d.refused}
	for i := range d.listeners.All {
		l := d.listeners.All[i]
		o := ListenerOverview{Listener: l, Object: diag.Object{Kind: string(l.Parent.Kind), Namespace: l.Parent.Namespace,
			Name: l.Parent.Name}}
		if d.refs != nil {
			o.Refs = d.refs[i]
		}
		o.Serving = l.Problem == nil && !d.unserved[i]
		out.Listeners = append(out.Listeners, o)
	}
	for _, s := range d.listeners.Rejected {
		out.Rejected = append(out.Rejected, diag.Object{Kind: kindListenerSet, Namespace: s.Namespace, Name: s.Name})
	}
	for i := range d.routes {
		if r := &d.routes[i]; len(r.decisions) > 0 {
			out.Routes = append(out.Routes, d.routeOverview(r, found))
		}
	}
	return out
}

func (d *Decisions) routeOverview(r *decidedRoute, found diag.List) RouteOverview {
	out := RouteOverview{Object: diag.Object{Kind: string(r.route.Kind), Namespace: r.route.Namespace, Name: r.route.Name}}
	if r.decided != nil {
		out.Configurations = r.decided.Configurations
	}
	for i, e := range d.entries(r, Outcome{Found: found}) {
		p := ParentOverview{Field: fmt.Sprintf("spec.parentRefs[%d]", r.decisions[i].ParentRef),
			Attached: r.decisions[i].Attached}
		if r.decisions[i].ParentRef >= r.declared {
			p.Field = "former parentRef"
		}
		for _, c := range []struct {
			kind gatewayv1.RouteConditionType
			bad  metav1.ConditionStatus
		}{{gatewayv1.RouteConditionAccepted, metav1.ConditionFalse}, {gatewayv1.RouteConditionResolvedRefs,
			metav1.ConditionFalse}, {gatewayv1.RouteConditionPartiallyInvalid, metav1.ConditionTrue}} {
			if x := meta.FindStatusCondition(e.Conditions, string(c.kind)); x != nil && x.Status == c.bad {
				p.Problems = append(p.Problems, attachment.Problem{Reason: x.Reason, Message: x.Message})
			}
		}
		out.Parents = append(out.Parents, p)
	}
	return out
}

// Properties returns the properties of target groups of a backend for a route of the Gateway.
func (d *Decisions) Properties(v *objects.View, backend objects.Ref,
	of diag.Object) configuration.Layers[configv1.TargetGroupProps] {
	former := ""
	if d.config.Configured != nil {
		if last := d.config.Configured(of, backend); last != nil {
			former = last.Configuration
		}
	}
	layers, _ := route.Properties(v, d.defaults, backend, configuration.Route{Kind: of.Kind, Namespace: of.Namespace,
		Name: of.Name}, former)
	return layers
}

// ClassProblem returns why a class is not accepted; nil if it is, or if it is another controller's.
func ClassProblem(v *objects.View, cfg Config, c *gatewayv1.GatewayClass) *attachment.Problem {
	if !cfg.Manages(c) {
		return nil
	}
	lbc, p := ClassConfiguration(v, c)
	if p == nil && lbc != nil {
		_, p = DefaultTargetGroups(v, lbc)
	}
	return p
}
