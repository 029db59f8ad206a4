package annotation

import (
	"strings"
	"testing"
)

// TestKeysOfOtherControllersOfAWSAreNotMisspelt has keys below k8s.aws whose names are those of ours.
func TestKeysOfOtherControllersOfAWSAreNotMisspelt(t *testing.T) {
	t.Parallel()
	for on, keys := range map[Scope][]Key{
		OnIngress: {DeletionPolicy, Ownership, Tags, SecurityGroups},
		OnService: {ServiceDeletionPolicy, ServiceOwnership, ServiceSecurityGroups},
		OnGateway: {GatewayDeletionPolicy, GatewayOwnership, GatewayDryRun},
	} {
		for _, domain := range []string{"services.k8s.aws/", "elbv2.services.k8s.aws/", "karpenter.k8s.aws/",
			"vpc.k8s.aws/", "networking.k8s.aws/", "application-networking.k8s.aws/", "eks.amazonaws.com/"} {
			for _, k := range keys {
				for _, name := range []string{suffix(k), strings.TrimPrefix(suffix(k), "aws-load-balancer-")} {
					annotations := map[string]string{domain + name: "retain"}
					var f Findings
					Check(&f, web, on, annotations)
					if _, misspelt := MisspeltFor(k, annotations); misspelt || len(f.List()) > 0 ||
						len(Misspellings(web, on, annotations)) > 0 {
						t.Errorf("%s%s on %s counts as misspelt %s: %v", domain, name, on, k, f.List())
					}
				}
			}
		}
	}
}

// TestOnlySimilarNamesAreMisspelt has names that users write for other things, beside misspelt ones.
func TestOnlySimilarNamesAreMisspelt(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"outbound-cidrs", "stage", "page", "task", "load-balancer-arn", "frontend-nlb-arn",
		"options.X", "options.a-long-name-of-a-service"} {
		if meant := Misspelt(IngressPrefix + Key(name)); meant != "" {
			t.Errorf("%s counts as misspelt %s", name, meant)
		}
	}
	for _, name := range []string{"role", "team", "mode", "id", "cert", "env", "note"} {
		if meant := Misspelt(serviceLoadBalancerPrefix + Key(name)); meant != "" {
			t.Errorf("%s counts as misspelt %s", name, meant)
		}
	}
	for k, want := range map[Key]Key{
		serviceLoadBalancerPrefix + "tags":               ServiceTags,
		serviceLoadBalancerPrefix + "ssl-policy":         ServiceSSLPolicy,
		serviceLoadBalancerPrefix + "schme":              ServiceScheme,
		IngressPrefix + "wafv2-acl-id":                   WebACLARN,
		IngressPrefix + "web-acl-arn":                    WebACLARN,
		IngressPrefix + "tag":                            Tags,
		IngressPrefix + "whitelist-source-range":         InboundCIDRs,
		IngressPrefix + "load-balancer-source-ranges":    InboundCIDRs,
		IngressPrefix + "allowed-cidrs":                  InboundCIDRs,
		IngressPrefix + "wafv2-arn":                      WebACLARN,
		IngressPrefix + "webacl-arn":                     WebACLARN,
		IngressPrefix + "mtls":                           MutualAuthentication,
		IngressPrefix + "auth":                           AuthType,
		IngressPrefix + "conditions":                     Conditions.For("SERVICE"),
		IngressPrefix + "conditions.":                    Conditions.For("SERVICE"),
		ServicePrefix + "aws-loadbalancer-source-ranges": ServiceSourceRanges,
		serviceLoadBalancerPrefix + "inbound-cidrs":      ServiceSourceRanges,
		ServicePrefix + "azure-allowed-ip-ranges":        "",
		IngressPrefix + "target-group-attribtes":         TargetGroupAttributes,
		IngressPrefix + "healthcheck-pathh":              HealthCheckPath,
		IngressPrefix + "target-contol-port.a.b":         TargetControlPort.For("a.b"),
		IngressPrefix + "listener-attribtes.HTTPS-443":   ListenerAttributes.For("HTTPS-443"),
		IngressPrefix + "action.a-long-name-of-a-action": Actions.For("a-long-name-of-a-action"),
	} {
		if got := Misspelt(k); got != want {
			t.Errorf("%s: %q, want %s", k, got, want)
		}
	}
}

// TestKeyOfARestrictionWithAnotherNameGuards has keys of which only a word is that of a restriction.
func TestKeyOfARestrictionWithAnotherNameGuards(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"10.0.0.0/8": true, "0.0.0.0/0": false, "": false} {
		got := Misspellings(web, OnIngress, map[string]string{IngressPrefix + "source-ranges": value})
		if len(got) == 1 != want || want && (!got[0].Guards || got[0].Meant != string(InboundCIDRs)) {
			t.Errorf("%q: %+v", value, got)
		}
	}
}
