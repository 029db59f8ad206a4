package gateway

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/conditions"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// features has the features of the Gateway API that Gateways of a family support, as its conformance suite names them.
var features = map[gatewayv1.FeatureName][]attachment.Family{
	"Gateway":        {attachment.Application, attachment.Network},
	"ReferenceGrant": {attachment.Application, attachment.Network},

	"GatewayAddressEmpty":                                        {attachment.Application, attachment.Network},
	"GatewayStaticAddresses":                                     {attachment.Application, attachment.Network},
	"GatewayPort8080":                                            {attachment.Application},
	"GatewayHTTPListenerIsolation":                               {attachment.Application},
	"GatewayRouteHostnameIntersectionPrecedence":                 {attachment.Application},
	"GatewayFrontendClientCertificateValidationInsecureFallback": {attachment.Application},

	"HTTPRoute":                         {attachment.Application},
	"HTTPRouteMethodMatching":           {attachment.Application},
	"HTTPRouteParentRefPort":            {attachment.Application},
	"HTTPRouteDestinationPortMatching":  {attachment.Application},
	"HTTPRoutePortRedirect":             {attachment.Application},
	"HTTPRouteSchemeRedirect":           {attachment.Application},
	"HTTPRoutePathRedirect":             {attachment.Application},
	"HTTPRouteNamedRouteRule":           {attachment.Application},
	"HTTPRouteBackendProtocolWebSocket": {attachment.Application},
	"HTTPRouteBackendURLRewrite":        {attachment.Application},

	"TCPRoute":              {attachment.Network},
	"UDPRoute":              {attachment.Network},
	"TLSRoute":              {attachment.Network},
	"TLSRouteModeTerminate": {attachment.Network},
}

// Features that depend on flags.
const (
	listenerSets       gatewayv1.FeatureName = "ListenerSet"
	clientCertificates gatewayv1.FeatureName = "GatewayFrontendClientCertificateValidation"
)

// Features returns the features that the classes of a controller support, sorted by name.
func (c Config) Features(controller gatewayv1.GatewayController) []gatewayv1.SupportedFeature {
	family, managed := c.family(controller)
	if !managed {
		return nil
	}
	var out []gatewayv1.SupportedFeature
	for name, of := range features {
		if family == attachment.Auto || slices.Contains(of, family) {
			out = append(out, gatewayv1.SupportedFeature{Name: name})
		}
	}
	if c.ListenerSets {
		out = append(out, gatewayv1.SupportedFeature{Name: listenerSets})
	}
	if c.TrustStores && family != attachment.Network {
		out = append(out, gatewayv1.SupportedFeature{Name: clientCertificates})
	}
	slices.SortFunc(out, func(a, b gatewayv1.SupportedFeature) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Class returns the status of a class, and what is wrong with it; ok is false if another controller manages it.
func Class(v *objects.View, cfg Config, c *gatewayv1.GatewayClass) (change Change, found diag.List, ok bool) {
	if !cfg.Manages(c) {
		return Change{}, nil, false
	}
	p := ClassProblem(v, cfg, c)
	want := metav1.Condition{
		Type: string(gatewayv1.GatewayClassConditionStatusAccepted), Status: metav1.ConditionTrue,
		Reason:  string(gatewayv1.GatewayClassReasonAccepted),
		Message: "Accepted", ObservedGeneration: c.Generation,
	}
	if p != nil {
		want.Status, want.Reason, want.Message = metav1.ConditionFalse, string(gatewayv1.GatewayClassReasonInvalidParameters),
			p.Message
		found = diag.List{diag.New(owner.Object(c), "spec.parametersRef", diag.InvalidConfiguration, p.Message,
			"correct the reference, or create the object that it names")}
	}
	return Change{objects.GatewayClass, "", c.Name, func(o metav1.Object, now metav1.Time) bool {
		to, ok := o.(*gatewayv1.GatewayClass)
		if !ok || to.UID != c.UID || newer(to.Status.Conditions, c.Generation) {
			return false
		}
		before := to.Status.DeepCopy()
		to.Status.Conditions = conditions.Merge(to.Status.Conditions, []metav1.Condition{want}, now)
		to.Status.SupportedFeatures = cfg.Features(c.Spec.ControllerName)
		return !equality.Semantic.DeepEqual(before, &to.Status)
	}}, found, true
}

// RuleConfiguration returns the status of a ListenerRuleConfiguration that no route refers to: whether the Secret of
// its login exists.
func RuleConfiguration(v *objects.View, c *configv1.ListenerRuleConfiguration) Change {
	accepted, text := true, "Accepted"
	for _, a := range c.Spec.Actions {
		if a.AuthenticateOIDCConfig == nil || a.AuthenticateOIDCConfig.Secret == nil {
			continue
		}
		name := a.AuthenticateOIDCConfig.Secret.Name
		if _, ok := objects.Lookup[*corev1.Secret](v, objects.Secret, c.Namespace, name); ok {
			continue
		}
		accepted, text = false, fmt.Sprintf("secret [%s/%s] not found", c.Namespace, name)
		if err := v.Why(objects.Secret, c.Namespace, name); err != nil {
			text = fmt.Sprintf("secret [%s/%s] cannot be read: %v", c.Namespace, name, err)
		}
	}
	return ruleStatus(route.Configuration{Namespace: c.Namespace, Name: c.Name, Generation: c.Generation,
		Accepted: accepted, Message: text})
}

// ruleStatus is the status of a ListenerRuleConfiguration as it is decided.
func ruleStatus(c route.Configuration) Change {
	return Change{objects.ListenerRuleConfiguration, c.Namespace, c.Name, func(o metav1.Object, _ metav1.Time) bool {
		to, ok := o.(*configv1.ListenerRuleConfiguration)
		if !ok || to.Generation != c.Generation {
			return false
		}
		before := to.Status.DeepCopy()
		to.Status = configv1.ListenerRuleConfigurationStatus{ObservedGeneration: &c.Generation, Accepted: &c.Accepted,
			Message: &c.Message}
		return !equality.Semantic.DeepEqual(before, &to.Status)
	}}
}
