package gatewaystatus

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// none is the stack of what no pass over a Gateway decides.
var none = stack.Key{}

// departed is the stack of what is taken away of routes and ListenerSets whose Gateway is gone. It comes after what
// passes decided before that.
var departed = stack.Key{Owner: "departed"}

func departedLast(a, b stack.Key) int {
	if x, y := a == departed, b == departed; x != y {
		if x {
			return 1
		}
		return -1
	}
	return a.Compare(b)
}

// rulesOf are the rules of one of Kinds, or of IngressClassParams.
func rulesOf(kind objects.Kind) rules {
	if slices.Contains(objects.RouteKinds, kind) {
		return rules{
			controller: "aws-lbc-" + strings.ToLower(string(kind)) + "-controller",
			status: func(v *objects.View, cfg gateway.Config, o client.Object) (gateway.Change, diag.List) {
				return gateway.LeftByGateways(v, cfg, kind, o), nil
			},
			reading: []objects.Kind{objects.Gateway, objects.GatewayClass, objects.ListenerSet},
		}
	}
	return byKind[kind]
}

// byKind has the rules of the other kinds.
var byKind = map[objects.Kind]rules{
	objects.GatewayClass: {
		controller: "aws-lbc-gateway-class-controller", finalizer: "gateway.k8s.aws/gatewayclass",
		managed: func(r *Reconciler, o client.Object) bool {
			c, ok := o.(*gatewayv1.GatewayClass)
			return ok && r.Config.Manages(c)
		},
		user: func(v *objects.View, _ gateway.Config, o client.Object) (string, bool) {
			return first(objects.Naming[*gatewayv1.Gateway](v, objects.Gateway, reference(objects.GatewayClass, o)))
		},
		status: statusOf(func(v *objects.View, cfg gateway.Config, c *gatewayv1.GatewayClass) (gateway.Change, diag.List) {
			change, found, _ := gateway.Class(v, cfg, c)
			return change, found
		}),
		reading: []objects.Kind{objects.Gateway, objects.LoadBalancerConfiguration, objects.TargetGroupConfiguration},
	},
	objects.LoadBalancerConfiguration: {
		controller: "aws-lbc-loadbalancerconfiguration-controller", finalizer: "gateway.k8s.aws/loadbalancerconfigurations",
		user: configurationUser,
		idle: func(o client.Object) *diag.Diagnostic {
			return idle(o, "", "no GatewayClass or Gateway of this controller names this object",
				"name it in parametersRef of one")
		},
		reading: []objects.Kind{objects.Gateway, objects.GatewayClass},
	},
	objects.TargetGroupConfiguration: {
		controller: "aws-lbc-targetgroupconfiguration-controller", finalizer: "gateway.k8s.aws/targetgroupconfigurations",
		user: targetGroupUser,
		status: statusOf(func(v *objects.View, _ gateway.Config, c *v1.TargetGroupConfiguration) (gateway.Change,
			diag.List) {
			return gateway.Change{}, gateway.StrayTargets(v, c)
		}),
		idle: func(o client.Object) *diag.Diagnostic {
			c, ok := o.(*v1.TargetGroupConfiguration)
			if !ok || c.Spec.TargetReference == nil {
				return nil
			}
			to := route.TargetOf(c)
			return idle(o, "spec.targetReference", fmt.Sprintf("this object configures %s %s/%s, which is the backend of no "+
				"route", to.Kind, to.Namespace, to.Name), "correct the reference, or name the backend in a route")
		},
		reading: append([]objects.Kind{objects.Gateway, objects.GatewayClass, objects.LoadBalancerConfiguration,
			objects.Service, objects.ReferenceGrant}, objects.RouteKinds...),
	},
	objects.ListenerRuleConfiguration: {
		controller: "aws-lbc-listenerruleconfiguration-controller", finalizer: "gateway.k8s.aws/listenerruleconfigurations",
		user: func(v *objects.View, _ gateway.Config, o client.Object) (string, bool) {
			if user, ok := first(objects.Naming[*gatewayv1.HTTPRoute](v, objects.HTTPRoute,
				reference(objects.ListenerRuleConfiguration, o))); ok {
				return user, true
			}
			return first(objects.Naming[*gatewayv1.GRPCRoute](v, objects.GRPCRoute,
				reference(objects.ListenerRuleConfiguration, o)))
		},
		status: statusOf(func(v *objects.View, _ gateway.Config, c *v1.ListenerRuleConfiguration) (gateway.Change,
			diag.List) {
			return gateway.RuleConfiguration(v, c), nil
		}),
		idle: func(o client.Object) *diag.Diagnostic {
			return idle(o, "", "no HTTPRoute or GRPCRoute names this object", "name it in a filter of type ExtensionRef")
		},
		reading: []objects.Kind{objects.HTTPRoute, objects.GRPCRoute},
	},
	objects.ListenerSet: {
		controller: "aws-lbc-listenerset-controller",
		status: statusOf(func(v *objects.View, _ gateway.Config, s *gatewayv1.ListenerSet) (gateway.Change, diag.List) {
			return gateway.Orphaned(v, s), nil
		}),
		reading: []objects.Kind{objects.Gateway},
	},
	objects.BackendTLSPolicy: {
		controller: "aws-lbc-backendtlspolicy-controller",
		status:     statusOf(gateway.BackendTLSPolicy),
		reading: append([]objects.Kind{objects.Gateway, objects.GatewayClass, objects.ListenerSet, objects.ReferenceGrant},
			objects.RouteKinds...),
	},
	objects.IngressClassParams: {
		controller: "aws-lbc-ingressclassparams-controller",
		user: func(v *objects.View, _ gateway.Config, o client.Object) (string, bool) {
			p, ok := o.(*v1beta1.IngressClassParams)
			if !ok {
				return "", false
			}
			return ingress.NamedByClass(v, p)
		},
		idle: func(o client.Object) *diag.Diagnostic {
			p, ok := o.(*v1beta1.IngressClassParams)
			if !ok {
				return nil
			}
			return ingress.Idle(p)
		},
		reading: []objects.Kind{objects.IngressClass},
	},
}

// idle is the finding about a configuration that nothing uses. It is a warning if the configuration guards.
func idle(o client.Object, path, text, remedy string) *diag.Diagnostic {
	code, effect := diag.IgnoredSetting, ", so it has no effect"
	if gateway.Guards(o) {
		code, effect = diag.GuardNotApplied, effect+" and protects no load balancer"
	}
	d := diag.New(owner.Object(o), path, code, text+effect, remedy)
	return &d
}

// statusOf is rules.status of a kind whose objects have the type T.
func statusOf[T client.Object](status func(*objects.View, gateway.Config, T) (gateway.Change, diag.List)) func(
	*objects.View, gateway.Config, client.Object) (gateway.Change, diag.List) {
	return func(v *objects.View, cfg gateway.Config, o client.Object) (gateway.Change, diag.List) {
		if object, ok := o.(T); ok {
			return status(v, cfg, object)
		}
		return gateway.Change{}, nil
	}
}

func reference(kind objects.Kind, o metav1.Object) objects.Ref {
	return objects.Ref{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()}
}

// first names the first of objects.
func first[T metav1.Object](all []T) (string, bool) {
	if len(all) == 0 {
		return "", false
	}
	kind, _ := objects.KindOf(all[0])
	return string(kind) + " " + all[0].GetNamespace() + "/" + all[0].GetName(), true
}

// configurationUser is a class of ours, or a Gateway of one, that names a LoadBalancerConfiguration. A Gateway that is
// being deleted counts too.
func configurationUser(v *objects.View, cfg gateway.Config, o client.Object) (string, bool) {
	to := reference(objects.LoadBalancerConfiguration, o)
	classes := objects.Naming[*gatewayv1.GatewayClass](v, objects.GatewayClass, to)
	classes = slices.DeleteFunc(slices.Clone(classes), func(c *gatewayv1.GatewayClass) bool { return !cfg.Manages(c) })
	if user, ok := first(classes); ok {
		return user, true
	}
	for _, g := range objects.Naming[*gatewayv1.Gateway](v, objects.Gateway, to) {
		c, ok := objects.Lookup[*gatewayv1.GatewayClass](v, objects.GatewayClass, "", string(g.Spec.GatewayClassName))
		if ok && cfg.Manages(c) || slices.ContainsFunc(g.Finalizers, gateway.IsFinalizer) {
			return first([]*gatewayv1.Gateway{g})
		}
	}
	return "", false
}

// targetGroupUser is a LoadBalancerConfiguration in use that names a TargetGroupConfiguration as its default; or, of
// one with a targetReference, a route that names the same object as a backend, and may, while that exists.
func targetGroupUser(v *objects.View, cfg gateway.Config, o client.Object) (string, bool) {
	c, ok := o.(*v1.TargetGroupConfiguration)
	if !ok {
		return "", false
	}
	if c.Spec.TargetReference == nil {
		for _, lbc := range objects.Naming[*v1.LoadBalancerConfiguration](v, objects.LoadBalancerConfiguration,
			reference(objects.TargetGroupConfiguration, o)) {
			if _, used := configurationUser(v, cfg, lbc); used {
				return first([]*v1.LoadBalancerConfiguration{lbc})
			}
		}
		return "", false
	}
	if route.Stray(v, c) {
		return "", false
	}
	of := route.TargetOf(c)
	for _, kind := range objects.RouteKinds {
		if user, ok := first(objects.PermittedNaming[metav1.Object](v, kind, of)); ok {
			return user, true
		}
	}
	return "", false
}
