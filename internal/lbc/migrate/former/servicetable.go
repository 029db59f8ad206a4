package former

import "github.com/k8s-lbc/lbc/internal/kube/annotation"

// Annotations of the cloud provider's controller that this one does not have.
const (
	emitInterval    annotation.Key = annotation.ServicePrefix + "aws-load-balancer-access-log-emit-interval"
	draining        annotation.Key = annotation.ServicePrefix + "aws-load-balancer-connection-draining-enabled"
	drainingTimeout annotation.Key = annotation.ServicePrefix + "aws-load-balancer-connection-draining-timeout"
	idleTimeout     annotation.Key = annotation.ServicePrefix + "aws-load-balancer-connection-idle-timeout"
	extraGroups     annotation.Key = annotation.ServicePrefix + "aws-load-balancer-extra-security-groups"
)

// ServiceRow says how to migrate an annotation of a Service of the cloud provider's controller, which makes a network
// load balancer of it for aws-load-balancer-type nlb, and a Classic Load Balancer for any other value.
type ServiceRow struct {
	Key              annotation.Key
	Network, Classic Treatment
}

// onlyHere are the annotations that the cloud provider's controller does not read.
var onlyHere = []annotation.Key{
	annotation.ServiceTargetType, annotation.ServiceGroupName, annotation.ServiceName, annotation.ServiceScheme,
	annotation.ServiceIPAddressType, annotation.ServiceIPv6Addresses,
	annotation.ServiceSourceNAT, annotation.ServiceSourceNATPrefixes, annotation.ServiceCapacity,
	annotation.ServicePrivateLinkRules, annotation.ServiceAttributes,
	annotation.ServiceManageBackend, annotation.ServiceDisableSecurityGroups, annotation.ServicePrefixLists,
	annotation.ServiceICMP, annotation.ServiceALPN,
	annotation.ServiceListenerAttributes, annotation.ServiceTCPUDPListener, annotation.ServiceQUICPorts,
	annotation.ServiceActions, annotation.ServicePortTGAttributes,
	annotation.ServiceProxyProtocolPorts, annotation.ServiceApprovedPlan, annotation.ServiceDeletionPolicy,
	annotation.ServiceAllowDeletion, annotation.ServiceDriftPolicy,
	annotation.ServiceOwnership, annotation.ServiceExistingLoadBalancer,
	annotation.ServiceReplacementPolicy, annotation.ServiceDeleteDuplicates, annotation.ServiceMultiCluster,
	annotation.ServiceHealthCheck, annotation.ServiceHCSuccessCodes,
}

// ServiceRows has a row for each annotation of the cloud provider's controller, and for each of this controller on
// Services.
func ServiceRows() []ServiceRow {
	both := func(k annotation.Key, t Treatment) ServiceRow { return ServiceRow{k, t, t} }
	out := []ServiceRow{
		both(annotation.ServiceType, into("spec.loadBalancerClass")),
		both(annotation.ServiceInternal, into("aws-load-balancer-scheme; the cloud provider's load balancers are "+
			"internet-facing without it, and those of this controller internal")),
		{annotation.ServiceProxyProtocol, same, into("the same annotation, which means version 2 of the protocol here, and " +
			"version 1 for a Classic Load Balancer")},
		both(annotation.ServiceAccessLog, same),
		both(annotation.ServiceAccessLogBucket, same),
		both(annotation.ServiceAccessLogPrefix, same),
		both(emitInterval, equivalent("network load balancers write their logs every five minutes")),
		{draining, equivalent("the cloud provider does not read it for network load balancers"),
			into("target group attribute deregistration_delay.timeout_seconds")},
		{drainingTimeout, equivalent("the cloud provider does not read it for network load balancers"),
			into("target group attribute deregistration_delay.timeout_seconds")},
		{idleTimeout, equivalent("the cloud provider does not read it for network load balancers"),
			into("listener attribute tcp.idle_timeout.seconds of TCP listeners")},
		both(annotation.ServiceCrossZone, same),
		{
			extraGroups, equivalent("the cloud provider's network load balancers have no security groups"),
			cannot("other groups cannot be added to the managed security group; the named groups replace it",
				"name all security groups in aws-load-balancer-security-groups, with rules for the ports in one of them"),
		},
		{annotation.ServiceSecurityGroups, unread, into("the same annotation, and " +
			"aws-load-balancer-manage-backend-security-group-rules, because the cloud provider always opens nodes to the " +
			"load balancer")},
		both(annotation.ServiceCertificates, same),
		both(annotation.ServiceSSLPorts, into("the same annotation; * is all ports, as without it")),
		{annotation.ServiceSSLPolicy, same, into("the same annotation, if network load balancers have the policy")},
		{annotation.ServiceBackendProtocol, same, into("the same annotation; http and https are balanced as connections")},
		both(annotation.ServiceTags, same),
		both(annotation.ServiceHCHealthy, same),
		both(annotation.ServiceHCUnhealthy, same),
		both(annotation.ServiceHCTimeout, same),
		both(annotation.ServiceHCInterval, same),
		both(annotation.ServiceHCPort, same),
		{annotation.ServiceHCProtocol, same, into("the same annotation; ssl becomes tcp, because network load balancers " +
			"cannot check with only a TLS handshake")},
		both(annotation.ServiceHCPath, same),
		{annotation.ServiceEIPAllocations, same, unread},
		{annotation.ServicePrivateIPv4, same, unread},
		{annotation.ServiceTGAttributes, same, unread},
		both(annotation.ServiceSubnets, same),
		both(annotation.ServiceNodeLabels, same),
		both(annotation.ServiceSourceRanges, same),
	}
	for _, k := range onlyHere {
		out = append(out, both(k, unread))
	}
	return out
}

// Health checks of the cloud provider's controller where no annotation and no externalTrafficPolicy sets them, if they
// differ from those of this one.
var (
	networkChecks = map[annotation.Key]string{annotation.ServiceHCInterval: "30"}
	classicChecks = map[annotation.Key]string{annotation.ServiceHCHealthy: "2", annotation.ServiceHCUnhealthy: "6",
		annotation.ServiceHCTimeout: "5"}
)
