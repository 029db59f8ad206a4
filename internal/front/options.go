package front

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/drift"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/replacement"
)

// OptionsFromFlags are the options of all plans.
func OptionsFromFlags(c *config.Config) diff.Options {
	return diff.Options{ExternalTags: c.ExternalManagedTags, RulesPerSecurityGroup: c.RulesPerSecurityGroup, Region: diff.Region{
		Unweighted: !c.Gates.Enabled(config.WeightedTargetGroups), FixedHealthChecks: !c.Gates.Enabled(config.NLBHealthCheckAdvancedConfig),
	}}
}

// DriftPolicyFromFlags are the drift policies where objects and classes declare none. The flags are valid.
func DriftPolicyFromFlags(c *config.Config) drift.Policies {
	p, _ := drift.Parse(c.DriftPolicy)
	return p
}

// DriftPolicies are those that members and classes declare, and by for the other groups of fields.
func DriftPolicies(c compile.Result, by drift.Policies) drift.Policies {
	declared := drift.Policies{}
	for g, p := range c.DriftPolicy {
		declared[drift.Group(g)] = drift.Policy(p)
	}
	return declared.Over(by)
}

// ReplacementPolicyFromFlags is the replacement policy where objects and classes declare none. The flags are valid.
func ReplacementPolicyFromFlags(c *config.Config) replacement.Policy {
	p, _ := replacement.Parse(c.ReplacementPolicy)
	return p
}

// Replacement is the policy that members or their class declare, else by, for a plan that is made now.
func Replacement(c compile.Result, by replacement.Policy, now time.Time) diff.Replacement {
	if f := c.ReplacementPolicy; f.Set {
		p, _ := replacement.Parse(f.Value) // which the front end has printed
		return diff.Replacement{Policy: p, By: f.Source.Object().String() + ", " + f.Source.Path(), Now: now}
	}
	return diff.Replacement{Policy: by, By: "flag --replacement-policy", Now: now}
}

// CompileFromFlags is the configuration of the compiler by flags.
func CompileFromFlags(c *config.Config) compile.Config {
	on := c.Gates.Enabled
	return compile.Config{
		Cluster: c.ClusterName, VPC: c.VPC, DefaultTags: c.DefaultTags, ExternalManagedTags: c.ExternalManagedTags,
		DefaultScheme: c.DefaultScheme, DefaultTargetType: c.DefaultTargetType, DefaultSSLPolicy: c.DefaultSSLPolicy,
		EnableBackendSecurityGroup: c.EnableBackendSG, BackendSecurityGroup: c.BackendSecurityGroup,
		ManageBackendSecurityGroupRules: c.EnableManageBackendSG, DisableRestrictedSecurityGroups: c.DisableRestrictedRules,
		RulesPerSecurityGroup: c.RulesPerSecurityGroup, LoadBalancersOfOthers: c.LoadBalancersOfOthers(),
		ExternalTargetGroups: c.AllowedTargetGroups(c.ExternalTargetGroups), CrossNamespaceTargetGroups: c.AllowedTargetGroups(c.CrossNamespaceTargetGroups),
		StrictGroups: c.StrictGroups, ExistingFeaturesOnly: c.ExistingFeaturesOnly, AllowedAuthorities: c.AllowedCAs,
		EnableWAFv2: c.EnableWAFv2, EnableShield: c.EnableShield,
		TrustStores:     compile.TrustStores{Bucket: c.TrustStores.Bucket, Prefix: c.TrustStores.Prefix},
		OwnCertificates: on(config.EnableCertificateManagement) || c.ImportsCertificates(),
		Gates: compile.Gates{
			SubnetsClusterTagCheck: on(config.SubnetsClusterTagCheck), SubnetDiscoveryByReachability: on(config.SubnetDiscoveryByReachable),
			ALBSingleSubnet: on(config.ALBSingleSubnet), EnableDefaultTagsLowPriority: on(config.EnableDefaultTagsLowPriority),
			EnableIPTargetType: on(config.EnableIPTargetType), ListenerRulesTagging: on(config.ListenerRulesTagging),
			WeightedTargetGroups: on(config.WeightedTargetGroups), NLBSecurityGroup: on(config.NLBSecurityGroup),
			LBCapacityReservation: on(config.LBCapacityReservation), EnhancedDefaultBehavior: on(config.EnhancedDefaultBehavior),
		},
	}
}
