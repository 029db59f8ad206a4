package migrate

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// Fate says how an annotation migrates.
type Fate string

// The fates.
const (
	Translated Fate = "translated" // Row.To has its value
	Equivalent Fate = "equivalent" // the Gateway side does the same without it; Row.Why says so
	Cannot     Fate = "cannot"     // Row.Why and Row.Remedy say why not, and what to do instead
	Kept       Fate = "kept"       // it belongs to the Ingress and has no meaning for a Gateway; Row.Why says why
)

// Row is the fate of one annotation, or of a family of annotations.
type Row struct {
	Key    annotation.Key
	Fate   Fate
	To     string
	Why    string
	Remedy string
}

const (
	lb       = "LoadBalancerConfiguration spec."
	listener = "LoadBalancerConfiguration spec.listenerConfigurations[]."
	tg       = "TargetGroupConfiguration "
	check    = tg + "healthCheckConfig."
	rule     = "ListenerRuleConfiguration spec."
	login    = rule + "actions[] authenticate-oidc, authenticate-cognito: "
)

// Rows has a row for each annotation of Ingresses and of Services behind them.
func Rows() []Row {
	return slices.Concat(balancerRows(), listenerRows(), routeRows(), targetGroupRows(), frontendRows(), ownRows())
}

func to(k annotation.Key, field string) Row { return Row{Key: k, Fate: Translated, To: field} }

func cannot(k annotation.Key, why, remedy string) Row {
	return Row{Key: k, Fate: Cannot, Why: why, Remedy: remedy}
}

func balancerRows() []Row {
	return []Row{
		to(annotation.GroupName, "one Gateway for the Ingresses of the group"),
		{Key: annotation.GroupOrder, Fate: Equivalent, Why: "the rules of a Gateway are in the order of host, path and " +
			"conditions; rules that an earlier Ingress hides are not in the output"},
		to(annotation.LoadBalancerName, lb+"loadBalancerName"),
		to(annotation.Scheme, lb+"scheme"),
		to(annotation.IPAddressType, lb+"ipAddressType"),
		to(annotation.Subnets, lb+"loadBalancerSubnets"),
		to(annotation.CustomerOwnedPool, lb+"customerOwnedIpv4Pool"),
		to(annotation.IPAMPool, lb+"ipv4IPAMPoolId"),
		to(annotation.SecurityGroups, lb+"securityGroups"),
		to(annotation.ManageBackend, lb+"manageBackendSecurityGroupRules"),
		to(annotation.InboundCIDRs, lb+"sourceRanges"),
		to(annotation.PrefixLists, lb+"securityGroupPrefixes"),
		to(annotation.LoadBalancerAttributes, lb+"loadBalancerAttributes"),
		to(annotation.Capacity, lb+"minimumLoadBalancerCapacity"),
		to(annotation.Tags, lb+"tags, "+tg+"tags, "+rule+"tags"),
		to(annotation.WebACLARN, lb+"wafV2.webACL"),
		cannot(annotation.WebACLName, "a LoadBalancerConfiguration names a web ACL by its ARN",
			"set spec.wafV2.webACL of the LoadBalancerConfiguration to the ARN of the web ACL"),
		cannot(annotation.ClassicWebACL, "AWS ended WAF Classic on 2025-09-30",
			"move the rules to a WAFv2 web ACL, and set spec.wafV2.webACL of the LoadBalancerConfiguration"),
		cannot(annotation.FormerWebACL, "AWS ended WAF Classic on 2025-09-30",
			"move the rules to a WAFv2 web ACL, and set spec.wafV2.webACL of the LoadBalancerConfiguration"),
		to(annotation.Shield, lb+"shieldConfiguration.enabled"),
	}
}

func listenerRows() []Row {
	return []Row{
		to(annotation.ListenPorts, "Gateway spec.listeners"),
		to(annotation.SSLRedirect, "an HTTPRoute with filter RequestRedirect at the HTTP listeners"),
		to(annotation.CertificateARN, listener+"defaultCertificate, certificates"),
		cannot(annotation.CreateCertificate, "no certificate is requested for a Gateway",
			"request it in ACM, or have the Ingress keep it, and name its ARN in defaultCertificate of the "+
				"LoadBalancerConfiguration"),
		cannot(annotation.ImportTLSSecrets, "the Secrets are named by listeners of the Gateway",
			"name the Secrets in spec.listeners[].tls.certificateRefs of the Gateway"),
		cannot(annotation.CertificateAuthority, "no certificate is requested for a Gateway",
			"request it from the authority, and name its ARN in defaultCertificate of the LoadBalancerConfiguration"),
		to(annotation.SSLPolicy, listener+"sslPolicy"),
		to(annotation.MutualAuthentication, listener+"mutualAuthentication"),
		to(annotation.ListenerAttributes, listener+"listenerAttributes"),
	}
}

func routeRows() []Row {
	return []Row{
		to(annotation.Actions, "HTTPRoute backendRefs and filters, "+rule+"actions"),
		to(annotation.Conditions, "HTTPRoute hostnames and matches, "+rule+"conditions"),
		to(annotation.Transforms, "HTTPRoute filter URLRewrite, where it has no groups of a regular expression"),
		to(annotation.RegexPathMatch, "HTTPRoute matches of type RegularExpression"),
		to(annotation.AuthType, rule+"actions[].type"),
		to(annotation.AuthIDPCognito, rule+"actions[].authenticateCognitoConfig"),
		to(annotation.AuthIDPOIDC, rule+"actions[].authenticateOIDCConfig"),
		to(annotation.AuthUnauthenticated, login+"onUnauthenticatedRequest"),
		to(annotation.AuthScope, login+"scope"),
		to(annotation.AuthSessionCookie, login+"sessionCookieName"),
		to(annotation.AuthSessionTimeout, login+"sessionTimeout"),
		to(annotation.JWTValidation, rule+"actions[].jwtValidationConfig"),
	}
}

func targetGroupRows() []Row {
	return []Row{
		to(annotation.TargetType, tg+"targetType"),
		to(annotation.BackendProtocol, tg+"protocol"),
		to(annotation.BackendProtocolVersion, tg+"protocolVersion"),
		to(annotation.TargetGroupAttributes, tg+"targetGroupAttributes"),
		to(annotation.TargetNodeLabels, tg+"nodeSelector.matchLabels"),
		to(annotation.MultiCluster, tg+"enableMultiCluster"),
		to(annotation.TargetControlPort, tg+"targetControlPort"),
		to(annotation.HealthCheckPort, check+"healthCheckPort"),
		to(annotation.HealthCheckProtocol, check+"healthCheckProtocol"),
		to(annotation.HealthCheck, check+"healthCheckFrom"),
		to(annotation.HealthCheckPath, check+"healthCheckPath"),
		to(annotation.HealthCheckInterval, check+"healthCheckInterval"),
		to(annotation.HealthCheckTimeout, check+"healthCheckTimeout"),
		to(annotation.HealthyThreshold, check+"healthyThresholdCount"),
		to(annotation.UnhealthyThreshold, check+"unhealthyThresholdCount"),
		to(annotation.SuccessCodes, check+"matcher"),
	}
}

func frontendRows() (out []Row) {
	for _, k := range []annotation.Key{
		annotation.Frontend, annotation.FrontendScheme, annotation.FrontendSubnets, annotation.FrontendSecurityGroups,
		annotation.FrontendPorts,
		annotation.FrontendEIPAllocations, annotation.FrontendAttributes, annotation.FrontendTags,
		annotation.FrontendHealthCheckPort,
		annotation.FrontendHealthCheckProtocol, annotation.FrontendHealthCheckPath, annotation.FrontendHealthCheckInterval,
		annotation.FrontendHealthCheckTimeout,
		annotation.FrontendHealthyThreshold, annotation.FrontendUnhealthyThreshold, annotation.FrontendSuccessCodes,
	} {
		out = append(out, cannot(k, "a network load balancer in front of the Gateway needs a second Gateway",
			"write a Gateway of a class with controller gateway.k8s.aws/nlb, and a TCPRoute whose backend is the Gateway"))
	}
	return out
}

// ownRows are the annotations about how the controller treats the load balancer of the Ingress, and those that it
// writes.
func ownRows() []Row {
	var out []Row
	for _, c := range carried {
		out = append(out, to(c.From, "Gateway annotation "+string(c.To)))
	}
	return append(out, []Row{
		{Key: annotation.ApprovedPlan, Fate: Kept, Why: "it approves of a plan for the Ingress"},
		{Key: annotation.DeletionPolicy, Fate: Kept, Why: "it is about the deletion of the Ingress"},
		{Key: annotation.DeleteDuplicates, Fate: Kept, Why: "it names resources of the Ingress"},
		{Key: annotation.DryRun, Fate: Kept, Why: "the Gateway has its own dry run"},
		{Key: annotation.DryRunPlan, Fate: Kept, Why: "the controller writes it"},
		{Key: annotation.DryRunPlanGzip, Fate: Kept, Why: "the controller writes it"},
		{Key: annotation.WrittenSecrets, Fate: Kept, Why: "the controller writes it"},
	}...)
}

// carried are the annotations of Ingresses that Gateways have under a key of their own.
var carried = []Carried{
	{annotation.DriftPolicy, annotation.GatewayDriftPolicy},
	{annotation.ReplacementPolicy, annotation.GatewayReplacementPolicy},
	{annotation.AllowDeletion, annotation.GatewayAllowDeletion},
	{annotation.ExistingLoadBalancer, annotation.GatewayExisting},
	{annotation.Ownership, annotation.GatewayOwnership},
}

// OfExternalDNS reports whether an annotation is one that external-dns reads; from its version 0.22 on, they begin
// without "alpha".
func OfExternalDNS(key string) bool {
	return strings.HasPrefix(key, "external-dns.kubernetes.io/") ||
		strings.HasPrefix(key, "external-dns.alpha.kubernetes.io/")
}
