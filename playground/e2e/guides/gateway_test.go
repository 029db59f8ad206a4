package guides

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// gatewayResources are the kinds of the Gateway API and of the controller for it.
var gatewayResources = map[string]string{
	"gatewayclasses": "gateway.networking.k8s.io", "gateways": "gateway.networking.k8s.io",
	"httproutes": "gateway.networking.k8s.io",
	"grpcroutes": "gateway.networking.k8s.io", "tcproutes": "gateway.networking.k8s.io",
	"udproutes": "gateway.networking.k8s.io",
	"tlsroutes": "gateway.networking.k8s.io", "loadbalancerconfigurations": "gateway.k8s.aws",
	"targetgroupconfigurations":  "gateway.k8s.aws",
	"listenerruleconfigurations": "gateway.k8s.aws",
}

// gatewayObjects are the objects of gatewayResources, of all classes and in one namespace, by "resource name".
type gatewayObjects map[string]*unstructured.Unstructured

func gatewaysIn(ctx context.Context, c *harness.Cluster, namespace string) (gatewayObjects, error) {
	all := gatewayObjects{}
	for resource, group := range gatewayResources {
		in := c.Dynamic.Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}).Namespace(
			namespace)
		if resource == "gatewayclasses" {
			in = c.Dynamic.Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource})
		}
		list, err := in.List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			all[resource+" "+list.Items[i].GetName()] = &list.Items[i]
		}
	}
	return all, nil
}

// gone complains about what is left of load balancers of Gateways.
func (o gatewayObjects) gone(ps *problems, of []balancer) {
	for _, b := range of {
		if b.gateway == nil {
			continue
		}
		names := append([]string{"gateways " + b.objects[0], "gatewayclasses " + b.gateway.class},
			b.gateway.configurations...)
		for _, r := range b.gateway.routes {
			names = append(names, r.resource+" "+r.name)
		}
		for _, name := range names {
			if x := o[name]; x != nil {
				ps.add("%s is still there, with finalizers %v", name, x.GetFinalizers())
			}
		}
	}
}

// typed is an object as its Go type; the zero value if there is none.
func typed[T any](ps *problems, o gatewayObjects, name string) (object T, ok bool) {
	x := o[name]
	if x == nil {
		ps.add("there is no %s", name)
		return object, false
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(x.Object, &object); err != nil {
		ps.add("%s: %v", name, err)
		return object, false
	}
	return object, true
}

// has requires a condition, of the version of the spec that is there.
func (ps *problems) has(what string, all []metav1.Condition, kind string, generation int64, want string) {
	c := apimeta.FindStatusCondition(all, kind)
	if c == nil {
		ps.add("%s has no condition %s", what, kind)
		return
	}
	ps.same(what+", condition "+kind, fmt.Sprint(c.Status, " ", c.Reason), want)
	ps.same(what+", generation of condition "+kind, c.ObservedGeneration, generation)
	if c.LastTransitionTime.IsZero() || c.LastTransitionTime.Year() < 2000 {
		ps.add("%s, condition %s: time %v", what, kind, c.LastTransitionTime)
	}
}

// checkGateway compares what users see on a Gateway and on what belongs to it.
func (b balancer) checkGateway(ps *problems, p *picture, lb simclient.LoadBalancer) {
	name, controller := b.objects[0], b.passes()
	if class, ok := typed[gatewayv1.GatewayClass](ps, p.gateways, "gatewayclasses "+b.gateway.class); ok {
		ps.same("finalizers of class "+class.Name, class.Finalizers, []string{"gateway.k8s.aws/gatewayclass"})
		ps.has("class "+class.Name, class.Status.Conditions, "Accepted", class.Generation, "True Accepted")
	}
	for _, c := range b.gateway.configurations {
		resource, _, _ := strings.Cut(c, " ")
		if o := p.gateways[c]; o == nil {
			ps.add("there is no %s", c)
		} else {
			ps.same("finalizers of "+c, o.GetFinalizers(), []string{"gateway.k8s.aws/" + resource})
			if resource == "listenerruleconfigurations" {
				accepted, _, _ := unstructured.NestedBool(o.Object, "status", "accepted")
				ps.same("status.accepted of "+c, accepted, true)
			}
		}
	}
	g, ok := typed[gatewayv1.Gateway](ps, p.gateways, "gateways "+name)
	if !ok {
		return
	}
	ps.same("finalizers of Gateway "+name, g.Finalizers, []string{controller})
	for k, v := range b.gateway.annotations {
		ps.same("annotation "+k, g.Annotations[k], v)
	}
	ps.has("Gateway "+name, g.Status.Conditions, "Accepted", g.Generation, "True Accepted")
	ps.has("Gateway "+name, g.Status.Conditions, "Programmed", g.Generation, "True Programmed")
	if c := apimeta.FindStatusCondition(g.Status.Conditions, "Programmed"); c != nil {
		ps.same("message of condition Programmed", c.Message, lb.ARN)
	}
	ps.same("addresses", text(g.Status.Addresses), `[{"type":"Hostname","value":"`+strings.ToLower(lb.DNSName)+`"}]`)
	ps.same("listeners in the status", len(g.Status.Listeners), len(g.Spec.Listeners))
	attached := int32(0)
	for _, r := range b.gateway.routes {
		b.checkRoute(ps, p, r)
		if r.refused == "" {
			attached++
		}
	}
	for _, l := range g.Status.Listeners {
		what := fmt.Sprintf("listener %s of Gateway %s", l.Name, name)
		for kind, want := range map[string]string{"Accepted": "True Accepted", "Programmed": "True Programmed",
			"ResolvedRefs": "True ResolvedRefs", "Conflicted": "False NoConflicts"} {
			ps.has(what, l.Conditions, kind, g.Generation, want)
		}
		ps.same("routes of "+what, l.AttachedRoutes, attached)
	}
	ps.succeeded(p, "Gateway", name)
}

// checkRoute compares the status of a route, which has one parent.
func (b balancer) checkRoute(ps *problems, p *picture, want route) {
	o, ok := typed[struct {
		metav1.ObjectMeta `json:"metadata"`
		Status            gatewayv1.RouteStatus `json:"status"`
	}](ps, p.gateways, want.resource+" "+want.name)
	if !ok {
		return
	}
	what := want.resource + " " + want.name
	ps.same("finalizers of "+what, len(o.Finalizers), 0)
	if len(o.Status.Parents) != 1 {
		ps.add("%s has %d parents in its status", what, len(o.Status.Parents))
		return
	}
	parent := o.Status.Parents[0]
	ps.same("parent of "+what, []any{parent.ControllerName, parent.ParentRef.Name}, []any{b.passes(), b.objects[0]})
	accepted := "True Accepted"
	if want.refused != "" {
		accepted = "False " + want.refused
	}
	ps.has(what, parent.Conditions, "Accepted", o.Generation, accepted)
	ps.has(what, parent.Conditions, "ResolvedRefs", o.Generation, "True ResolvedRefs")
	if i := slices.IndexFunc(parent.Conditions, func(c metav1.Condition) bool {
		return c.Type != "Accepted" &&
			c.Type != "ResolvedRefs"
	}); i >= 0 {
		ps.add("%s has the condition %s", what, parent.Conditions[i].Type)
	}
}
