package settings

import (
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// Compile returns the configuration of the compiler by flags.
func Compile(c *config.Config) compile.Config {
	on := c.Gates.Enabled
	return compile.Config{
		Cluster: c.ClusterName, VPC: c.VPC, DefaultTags: c.DefaultTags, ExternalManagedTags: c.ExternalManagedTags,
		ObjectLabels:  ObjectLabels(c),
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
