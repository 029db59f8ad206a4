// Package gateway is the front end of Gateways. It finds the class and the configuration of a Gateway, and attaches
// routes to its listeners and to those of its ListenerSets. It translates all of them to an intent for one load
// balancer, with decisions about each object, which become the object's status.
//
// Package route makes the rules and target groups of routes. Package compile consults AWS.
package gateway

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/front/secretdata"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Config is the configuration of this front end.
type Config struct {
	// ALB, NLB and Auto are the names of the controllers that GatewayClasses name. The classes of an empty one are not
	// managed.
	ALB, NLB, Auto gatewayv1.GatewayController
	// ListenerSets is gate GatewayListenerSet.
	ListenerSets bool
	// TrustStores reports that trust stores can be made of the authorities that Gateways name.
	TrustStores bool
	// WatchNamespace is the only namespace whose objects are read; empty = all.
	WatchNamespace string
	// Route has the flags about routes.
	Route route.Config
	// CompatibleRules has rules of new Gateways made as the existing controller makes them.
	CompatibleRules bool
	// Rules is the construction for Gateways that do not say it, if the present rules show one; empty
	// = it is not.
	Rules rule.Construction
	// IncludeDryRun plans Gateways under dry run as if they were not.
	IncludeDryRun bool
	// Pairs remembers what Secrets hold; nil = each is read again.
	Pairs *secretdata.Pairs `json:"-"`
	// Now is the clock for the validity of certificates in Secrets; nil = it is not checked.
	Now func() time.Time `json:"-"`
	// Last has the last valid versions of listeners; nil = none is known.
	Last Versions `json:"-"`
	// Reached returns the objects of other namespaces to which the last valid version of a route forwards; nil = no such
	// version is known.
	Reached func(route diag.Object) []intent.Reached `json:"-"`
	// HadPort reports whether the last valid version of a route served a port of a network load balancer; nil = no such
	// version is known.
	HadPort func(route diag.Object, port int32) bool `json:"-"`
	// LastClass returns the class of the last valid version of a Gateway; nil = no such version is known.
	LastClass func(gateway diag.Object) string `json:"-"`
	// Configured returns the first target group of a backend in the last valid version of a route; nil = no such version
	// is known.
	Configured func(route diag.Object, backend objects.Ref) *intent.TargetGroup `json:"-"`
	// Clients returns what the last valid version of a Gateway does with the certificates of clients of a port, and the
	// trust store, if it names one of its own; nil = no such version is known.
	Clients func(gateway diag.Object, port int32) (stack.MutualAuthentication, intent.TrustStore) `json:"-"`
	// Certified reports whether a configuration named the certificates of a port of the last valid version of a Gateway;
	// nil = no such version is known.
	Certified func(gateway diag.Object, port int32) bool `json:"-"`
}

// Names of controllers without a flag that sets another one.
const (
	ControllerALB  gatewayv1.GatewayController = "gateway.k8s.aws/alb"
	ControllerNLB  gatewayv1.GatewayController = "gateway.k8s.aws/nlb"
	ControllerAuto gatewayv1.GatewayController = "gateway.k8s.aws/auto"
)

// kinds as references name them.
const (
	kindGateway     = "Gateway"
	kindListenerSet = "ListenerSet"
	kindClass       = "GatewayClass"
)

// Finalizers of Gateways with a load balancer of a family.
const (
	finalizerALB = "gateway.k8s.aws/alb"
	finalizerNLB = "gateway.k8s.aws/nlb"
)

// family is the family of the classes of a controller; ok is false if they are not managed.
func (c Config) family(name gatewayv1.GatewayController) (f attachment.Family, ok bool) {
	switch name {
	case "":
		return "", false
	case c.ALB:
		return attachment.Application, true
	case c.NLB:
		return attachment.Network, true
	}
	return attachment.Auto, name == c.Auto
}

// Manages reports whether the classes of a controller are managed.
func (c Config) Manages(class *gatewayv1.GatewayClass) bool {
	_, ok := c.family(class.Spec.ControllerName)
	return ok
}

// Meant returns the name of ours that a class most likely misspells as the name of its controller; empty if the class
// is ours, or another controller's.
func (c Config) Meant(class *gatewayv1.GatewayClass) string {
	name := class.Spec.ControllerName
	if c.Manages(class) || slices.Contains([]gatewayv1.GatewayController{ControllerALB, ControllerNLB, ControllerAuto},
		name) || meta.IsStatusConditionTrue(class.Status.Conditions, string(gatewayv1.GatewayClassConditionStatusAccepted)) {
		return ""
	}
	return annotation.NearestOf(string(name), string(c.ALB), string(c.NLB), string(c.Auto))
}

// Owner returns the owner of the stacks of a family.
func Owner(f attachment.Family) stack.Owner {
	if f == attachment.Network {
		return stack.GatewayNLB
	}
	return stack.GatewayALB
}

// FamilyOf returns the family of an owner's load balancers.
func FamilyOf(o stack.Owner) attachment.Family {
	if o == stack.GatewayNLB {
		return attachment.Network
	}
	return attachment.Application
}

// Key returns the stack of a Gateway.
func Key(g *gatewayv1.Gateway, f attachment.Family) stack.Key {
	return stack.Key{Owner: Owner(f), ID: naming.StackID(g.Namespace, g.Name)}
}

// Object names a Gateway in diagnostics.
func Object(g *gatewayv1.Gateway) diag.Object {
	return diag.Object{Kind: kindGateway, Namespace: g.Namespace, Name: g.Name, UID: string(g.UID)}
}

// DryRun reports whether a Gateway is only planned. One that is being deleted is deleted.
func DryRun(g *gatewayv1.Gateway) bool {
	return g.DeletionTimestamp == nil && g.Annotations[string(annotation.GatewayDryRun)] == "true"
}

// Names are the names of the AWS resources of a Gateway.
type Names struct {
	UID     string // of the Gateway
	Gateway stack.ID
}

// LoadBalancer returns the name of the load balancer.
func (n Names) LoadBalancer(cluster string, id stack.ID, scheme string) string {
	return naming.GatewayLoadBalancer(cluster, id, n.UID, scheme)
}

// SecurityGroup returns the name of the managed security group.
func (n Names) SecurityGroup(cluster string, id stack.ID) string {
	return naming.GatewaySecurityGroup(cluster, id, n.UID)
}

// TargetGroup returns the name of a target group of a route.
func (n Names) TargetGroup(cluster string, id stack.ID, g *intent.TargetGroup) string {
	return targetGroup(cluster, id, g).Name()
}

// FormerTargetGroup returns the name that v3.5.0 of the existing controller gives a target group, which routes may
// declare.
func (n Names) FormerTargetGroup(cluster string, id stack.ID, g *intent.TargetGroup) string {
	return targetGroup(cluster, id, g).FormerName()
}

func targetGroup(cluster string, id stack.ID, g *intent.TargetGroup) naming.GatewayTargetGroup {
	return naming.GatewayTargetGroup{
		Cluster: cluster, Gateway: id, RouteKind: g.Object.Kind, RouteNamespace: g.Object.Namespace, RouteName: g.Object.Name,
		BackendNamespace: g.ServiceNamespace, BackendName: g.ServiceName, TargetPort: cmp.Or(g.TargetPort, g.ServicePort),
		Port:       g.Port,
		TargetType: g.TargetType, Protocol: g.Protocol, ProtocolVersion: g.ProtocolVersion, ControlPort: g.ControlPort,
	}
}

// TargetGroups returns the prefixes of the identities of the target groups of a route; the Gateway itself has none.
func (n Names) TargetGroups(o diag.Object) []string {
	return naming.GatewayTargetGroups(n.Gateway, o.Kind, o.Namespace, o.Name)
}

// ManagesNamed reports whether a GatewayClass exists and is one of this controller.
func (c Config) ManagesNamed(v *objects.View, name string) bool {
	class, ok := objects.Lookup[*gatewayv1.GatewayClass](v, objects.GatewayClass, "", name)
	return ok && c.Manages(class)
}
