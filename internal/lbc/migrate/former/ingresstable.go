package former

import "github.com/k8s-lbc/lbc/internal/kube/annotation"

// IngressRow says how to migrate an annotation of an Ingress of the ALB ingress controller v1 (1.1.3 and newer).
type IngressRow struct {
	Key annotation.Key
	Treatment
}

// IngressRows has a row for each annotation of this controller on Ingresses.
func IngressRows() (out []IngressRow) {
	for _, k := range []annotation.Key{
		annotation.Scheme, annotation.IPAddressType, annotation.Subnets, annotation.SecurityGroups, annotation.InboundCIDRs,
		annotation.LoadBalancerAttributes, annotation.Tags,
		annotation.WebACLARN, annotation.Shield, annotation.ListenPorts, annotation.CertificateARN, annotation.SSLPolicy,
		annotation.ClassicWebACL, annotation.FormerWebACL,
		annotation.Actions, annotation.Conditions, annotation.AuthType, annotation.AuthIDPCognito, annotation.AuthIDPOIDC,
		annotation.AuthUnauthenticated, annotation.AuthScope,
		annotation.AuthSessionCookie, annotation.AuthSessionTimeout, annotation.TargetType, annotation.BackendProtocol,
		annotation.TargetGroupAttributes, annotation.HealthCheckPort,
		annotation.HealthCheckProtocol, annotation.HealthCheckPath, annotation.HealthCheckInterval,
		annotation.HealthCheckTimeout, annotation.HealthyThreshold,
		annotation.UnhealthyThreshold, annotation.SuccessCodes,
	} {
		out = append(out, IngressRow{k, same})
	}
	for _, k := range []annotation.Key{
		annotation.GroupName, annotation.GroupOrder, annotation.AllowDeletion, annotation.ApprovedPlan,
		annotation.DeletionPolicy, annotation.DeleteDuplicates, annotation.DriftPolicy,
		annotation.Ownership, annotation.ExistingLoadBalancer,
		annotation.ReplacementPolicy, annotation.DryRun, annotation.DryRunPlan, annotation.DryRunPlanGzip,
		annotation.LoadBalancerName, annotation.ManageBackend, annotation.PrefixLists,
		annotation.CustomerOwnedPool, annotation.IPAMPool, annotation.Capacity, annotation.WebACLName, annotation.SSLRedirect,
		annotation.CreateCertificate, annotation.ImportTLSSecrets,
		annotation.CertificateAuthority, annotation.MutualAuthentication, annotation.ListenerAttributes,
		annotation.HealthCheck, annotation.WrittenSecrets, annotation.Transforms,
		annotation.RegexPathMatch, annotation.BackendProtocolVersion, annotation.TargetNodeLabels, annotation.MultiCluster,
		annotation.TargetControlPort, annotation.JWTValidation,
		annotation.Frontend, annotation.FrontendScheme, annotation.FrontendSubnets, annotation.FrontendSecurityGroups,
		annotation.FrontendPorts, annotation.FrontendEIPAllocations,
		annotation.FrontendAttributes, annotation.FrontendTags, annotation.FrontendHealthCheckPort,
		annotation.FrontendHealthCheckProtocol, annotation.FrontendHealthCheckPath,
		annotation.FrontendHealthCheckInterval, annotation.FrontendHealthCheckTimeout, annotation.FrontendHealthyThreshold,
		annotation.FrontendUnhealthyThreshold,
		annotation.FrontendSuccessCodes,
	} {
		out = append(out, IngressRow{k, unread})
	}
	return out
}
