package main

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate/former"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate/network"
)

// The values of --from.
const (
	fromIngress = "ingress"
	fromService = "service"
	fromNLB     = "nlb-service"
	fromV1      = "v1-ingress"
)

// noIngress is said where there is nothing to translate.
const noIngress = "No Ingress resources found in input."

// noService is said where there is no Service to translate.
const noService = "No Service of type LoadBalancer found in input."

// translation is how the objects of a value of --from are translated.
type translation struct {
	kind      objects.Kind
	candidate func(metav1.Object) bool // whether an object is of those that may be translated
	none      string                   // said if there is none
	translate func(*migrateOptions, *objects.View) migrate.Result
	file      string    // of the output, without its extension
	sides     [2]string // what is compared
	known     []string  // what is in every migration, and is not compared
}

func anyOf(metav1.Object) bool { return true }

var translations = map[string]translation{
	fromIngress: {
		kind: objects.Ingress, candidate: anyOf, none: noIngress, file: "gateway-resources", sides: [2]string{
			"Ingress", "Gateway"}, known: knownDifferences,
		translate: func(o *migrateOptions, v *objects.View) migrate.Result {
			return migrate.Translate(v, migrate.Options{Ingress: settings.Ingress(&o.config).Config, DryRun: o.dryRun,
				Select: func(x *networkingv1.Ingress) bool { return o.selects(x) }})
		},
	},
	fromService: {
		kind: objects.Service, none: noService, file: "services", sides: [2]string{"as it is", "translated"},
		known: knownOfServices,
		candidate: func(x metav1.Object) bool {
			svc, ok := x.(*corev1.Service)
			return ok && (svc.Spec.Type == corev1.ServiceTypeLoadBalancer || svc.Spec.LoadBalancerClass != nil)
		},
		translate: func(o *migrateOptions, v *objects.View) migrate.Result { return former.Services(v, o.formerOptions()) },
	},
	fromNLB: {
		kind: objects.Service, none: noService, file: "gateway-resources", sides: [2]string{"Service", "Gateway"},
		known: knownOfNLB,
		candidate: func(x metav1.Object) bool {
			svc, ok := x.(*corev1.Service)
			return ok && (svc.Spec.Type == corev1.ServiceTypeLoadBalancer || svc.Spec.LoadBalancerClass != nil ||
				svc.Annotations[string(annotation.ServiceType)] != "")
		},
		translate: func(o *migrateOptions, v *objects.View) migrate.Result {
			return network.Translate(v, network.Options{Service: settings.Service(&o.config).Config, DryRun: o.dryRun,
				Select: func(x *corev1.Service) bool { return o.selects(x) }})
		},
	},
	fromV1: {
		kind: objects.Ingress, candidate: anyOf, none: noIngress, file: "ingresses", sides: [2]string{
			"as it is", "translated"}, known: knownOfV1,
		translate: func(o *migrateOptions, v *objects.View) migrate.Result { return former.Ingresses(v, o.formerOptions()) },
	},
}

// formerOptions are the options of translations from other controllers.
func (o *migrateOptions) formerOptions() former.Options {
	return former.Options{
		Service: settings.Service(&o.config).Config, Ingress: settings.Ingress(&o.config).Config,
		SelectService: func(x *corev1.Service) bool {
			return o.selects(x)
		}, SelectIngress: func(x *networkingv1.Ingress) bool { return o.selects(x) },
	}
}

// knownDifferences are in every migration, and are not compared.
var knownDifferences = []string{
	"the load balancer, its DNS name, its target groups and security groups are new and have other names; point DNS to " +
		"the new load balancer",
	"resources have tag " + migrate.OriginTag + ", and the tags of Gateways instead of the tags of Ingresses",
	"on ports other than HTTP 80 and HTTPS 443, rules of the Gateway also match a Host header with a port, which rules " +
		"of the Ingress may not match; annotation " + gateway.ConstructionAnnotation + " of the GatewayClass changes this",
	"rules have other priorities, and a rule of the Ingress may become several",
}

var knownOfServices = []string{
	"a load balancer of the cloud provider's controller stays and serves until you delete its Service; point DNS to the " +
		"new load balancer before",
	"pods that are older than the new Service have no readiness gates for it: wait until its targets are healthy before " +
		"DNS points to it",
}

var knownOfNLB = []string{
	"the load balancer, its DNS name, its addresses, its target groups and security groups are new and have other " +
		"names; point DNS to the new load balancer",
	"resources have tag " + migrate.OriginTag + ", and the tags of Gateways instead of the tags of Services",
	"a load balancer that was created without security groups stays without; the new one has security groups, unless " +
		"spec.disableSecurityGroup of its LoadBalancerConfiguration is true",
	"pods that are older than the Gateway have no readiness gates for it: wait until its targets are healthy before " +
		"DNS points to it",
}

var knownOfV1 = []string{
	"the comparison is between this controller's load balancers for the Ingress before and after the translation; the " +
		"translated Ingress answers as with the ALB ingress controller v1",
	"uninstall the ALB ingress controller v1 (1.1.3 or newer) before this controller runs: Ingresses and load " +
		"balancers stay",
	"the controller adopts load balancers and their security groups, which it finds by their tags; it creates new " +
		"target groups with other names",
	"the controller's role also needs docs/install/iam_policy_v1_to_v2_additional.json, for the resources of v1",
	"the rule of the nodes' security group that admits ports 0-65535 of the managed group stays, unless it gets the " +
		"description elbv2.k8s.aws/targetGroupBinding=shared",
	"readiness gates target-health.alb.ingress.k8s.aws/... must be removed from pod templates: with label " +
		"elbv2.k8s.aws/pod-readiness-gate-inject of the namespace, the controller adds gates",
}
