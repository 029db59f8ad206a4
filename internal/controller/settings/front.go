// Package settings turns flags into the configuration of front ends, compiler and planner, for the controller and the
// command line. Package inventoryscope does so for the inventory.
package settings

import (
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/secretdata"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// Loaders returns the front ends of all kinds of owners that flags enable. With includeDryRun, objects under dry run
// are loaded as if they were not, and each Ingress with annotations of this controller that is not served is told.
func Loaders(c *config.Config, includeDryRun bool) map[stack.Owner]front.Loader {
	ing := Ingress(c)
	ing.Config.IncludeDryRun, ing.Config.TellUnserved = includeDryRun, includeDryRun
	out := map[stack.Owner]front.Loader{stack.Ingress: ing, stack.Service: Service(c)}
	if c.Gates.Enabled(config.ALBGatewayAPI) {
		out[stack.GatewayALB] = gatewayLoader(c, attachment.Application, includeDryRun)
	}
	if c.Gates.Enabled(config.NLBGatewayAPI) {
		out[stack.GatewayNLB] = gatewayLoader(c, attachment.Network, includeDryRun)
	}
	return out
}

func gatewayLoader(c *config.Config, family attachment.Family, includeDryRun bool) front.Gateway {
	f := Gateway(c, family)
	f.Config.IncludeDryRun = includeDryRun
	return f
}

// Ingress returns the front end of Ingress groups.
func Ingress(c *config.Config) front.Ingress {
	return front.Ingress{References: TargetGroupReferences(c), Config: ingress.Config{
		IngressClass: c.IngressClass, TolerateMissingService: c.TolerateMissingService,
		TolerateMissingAction: c.TolerateMissingAction,
		DefaultTargetType:     c.DefaultTargetType, IPTargetTypeDisabled: !c.Gates.Enabled(config.EnableIPTargetType),
		RequiredSecretsLabel: c.RequiredSecretsLabel,
		RequestCertificates:  c.Gates.Enabled(config.EnableCertificateManagement), DefaultAuthority: c.DefaultPCA,
		CapacityOff:   !c.Gates.Enabled(config.LBCapacityReservation),
		ImportSecrets: c.ImportTLSSecrets, Pairs: &secretdata.Pairs{}, Now: time.Now,
	}}
}

// Service returns the front end of Services.
func Service(c *config.Config) front.Service {
	return front.Service{References: TargetGroupReferences(c), Config: service.Config{
		LoadBalancerClass: c.LoadBalancerClass, Off: !c.Gates.Enabled(config.EnableServiceController),
		DefaultTargetType:    c.DefaultTargetType,
		IPTargetTypeDisabled: !c.Gates.Enabled(config.EnableIPTargetType), LoadBalancerTypeOnly: c.Gates.Enabled(
			config.ServiceTypeLoadBalancerOnly),
		TCPUDPListener: c.Gates.Enabled(config.EnableTCPUDPListener), BasicHealthCheck: !c.Gates.Enabled(
			config.NLBHealthCheckAdvancedConfig),
		CapacityOff: !c.Gates.Enabled(config.LBCapacityReservation),
	}}
}

// GatewayConfig returns the configuration of both front ends of Gateways.
func GatewayConfig(c *config.Config) gateway.Config {
	out := gateway.Config{ListenerSets: c.Gates.Enabled(config.GatewayListenerSet), TrustStores: c.TrustStores.Bucket !=
		"", CompatibleRules: c.ExistingFeaturesOnly, WatchNamespace: c.WatchNamespace, Route: route.Config{
		DefaultTargetType: c.DefaultTargetType}, Pairs: &secretdata.Pairs{}, Now: time.Now}
	for _, of := range []struct {
		served bool
		to     *gatewayv1.GatewayController
		name   string
	}{
		{c.Gates.Enabled(config.ALBGatewayAPI), &out.ALB, c.Gateways.ALB},
		{c.Gates.Enabled(config.NLBGatewayAPI), &out.NLB, c.Gateways.NLB},
		{c.ServesAutoGateways(), &out.Auto, c.Gateways.Auto},
	} {
		if of.served {
			*of.to = gatewayv1.GatewayController(of.name)
		}
	}
	return out
}

// Gateway returns the front end of the Gateways of a family.
func Gateway(c *config.Config, f attachment.Family) front.Gateway {
	return front.Gateway{Config: GatewayConfig(c), Family: f, References: TargetGroupReferences(c)}
}

// TargetGroupReferences says which objects decide about references to target groups of other namespaces.
func TargetGroupReferences(c *config.Config) front.TargetGroupReferences {
	return front.TargetGroupReferences{Grants: c.ServesGateways() || c.ServesAccelerators(),
		Namespaces: c.WatchNamespace == ""}
}

// Compile returns the configuration of the compiler by flags.
func Compile(c *config.Config) compile.Config {
	on := c.Gates.Enabled
	return compile.Config{
		Cluster: c.ClusterName, VPC: c.VPC, Region: c.Region, DefaultTags: c.DefaultTags,
		ExternalManagedTags: c.ExternalManagedTags, ObjectLabels: ObjectLabels(c),
		DefaultScheme: c.DefaultScheme, DefaultTargetType: c.DefaultTargetType, DefaultSSLPolicy: c.DefaultSSLPolicy,
		DefaultAddressType:         c.DefaultAddressType,
		EnableBackendSecurityGroup: c.EnableBackendSG, BackendSecurityGroup: c.BackendSecurityGroup,
		ManageBackendSecurityGroupRules: c.EnableManageBackendSG, DisableRestrictedSecurityGroups: c.DisableRestrictedRules,
		RulesPerSecurityGroup: c.RulesPerSecurityGroup, LoadBalancersOfOthers: c.LoadBalancersOfOthers(),
		ExternalTargetGroups:       c.AllowedTargetGroups(c.ExternalTargetGroups),
		CrossNamespaceTargetGroups: c.AllowedTargetGroups(c.CrossNamespaceTargetGroups),
		StrictGroups:               c.StrictGroups, ExistingFeaturesOnly: c.ExistingFeaturesOnly,
		AllowedAuthorities: c.AllowedCAs,
		EnableWAFv2:        c.EnableWAFv2, EnableShield: c.EnableShield,
		TrustStores:     compile.TrustStores{Bucket: c.TrustStores.Bucket, Prefix: c.TrustStores.Prefix},
		OwnCertificates: on(config.EnableCertificateManagement) || c.ImportsCertificates(),
		Gates: compile.Gates{
			SubnetsClusterTagCheck: on(config.SubnetsClusterTagCheck), SubnetDiscoveryByReachability: on(
				config.SubnetDiscoveryByReachable),
			ALBSingleSubnet: on(config.ALBSingleSubnet), EnableDefaultTagsLowPriority: on(config.EnableDefaultTagsLowPriority),
			EnableIPTargetType: on(config.EnableIPTargetType), ListenerRulesTagging: on(config.ListenerRulesTagging),
			WeightedTargetGroups: on(config.WeightedTargetGroups), NLBSecurityGroup: on(config.NLBSecurityGroup),
			LBCapacityReservation: on(config.LBCapacityReservation), EnhancedDefaultBehavior: on(config.EnhancedDefaultBehavior),
		},
	}
}

// PlanOptions returns the options of all plans.
func PlanOptions(c *config.Config) diff.Options {
	return diff.Options{ExternalTags: c.ExternalManagedTags, RulesPerSecurityGroup: c.RulesPerSecurityGroup,
		Region: diff.Region{
			Unweighted: !c.Gates.Enabled(config.WeightedTargetGroups), FixedHealthChecks: !c.Gates.Enabled(
				config.NLBHealthCheckAdvancedConfig),
		}}
}

// DriftPolicy returns the drift policies where objects and classes declare none. The flags are valid.
func DriftPolicy(c *config.Config) drift.Policies {
	p, _ := drift.Parse(c.DriftPolicy)
	return p
}

// ReplacementPolicy returns the replacement policy where objects and classes declare none. The flags are valid.
func ReplacementPolicy(c *config.Config) replacement.Policy {
	p, _ := replacement.Parse(c.ReplacementPolicy)
	return p
}

// ObjectLabels returns the labels of objects that the controller creates.
func ObjectLabels(c *config.Config) naming.ObjectLabels {
	return naming.ObjectLabels{Fixed: c.ObjectLabels, Copied: c.CopiedLabels}
}
