package network

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
)

const (
	lb       = "LoadBalancerConfiguration spec."
	subnet   = lb + "loadBalancerSubnets[]."
	listener = lb + "listenerConfigurations[]."
	tg       = "TargetGroupConfiguration "
	check    = tg + "healthCheckConfig."
)

// Rows has a row for each annotation of Services, and of the pods behind them.
func Rows() []migrate.Row {
	return slices.Concat(balancerRows(), addressRows(), listenerRows(), targetGroupRows(), ownRows())
}

func to(k annotation.Key, field string) migrate.Row {
	return migrate.Row{Key: k, Fate: migrate.Translated, To: field}
}

func kept(k annotation.Key, why string) migrate.Row {
	return migrate.Row{Key: k, Fate: migrate.Kept, Why: why}
}

func cannot(k annotation.Key, why, remedy string) migrate.Row {
	return migrate.Row{Key: k, Fate: migrate.Cannot, Why: why, Remedy: remedy}
}

func balancerRows() []migrate.Row {
	return []migrate.Row{
		to(annotation.ServiceType, "Gateway spec.gatewayClassName; nlb-ip also "+tg+"targetType"),
		to(annotation.ServiceGroupName, "one Gateway for the Services of the group"),
		kept(annotation.ServiceName, "AWS allows a name only once, and the Service's load balancer has it while both "+
			"serve: the Gateway's load balancer has a generated name"),
		to(annotation.ServiceScheme, lb+"scheme"),
		to(annotation.ServiceInternal, lb+"scheme"),
		to(annotation.ServiceIPAddressType, lb+"ipAddressType"),
		to(annotation.ServiceSubnets, subnet+"identifier"),
		to(annotation.ServiceTags, lb+"tags, "+tg+"tags"),
		to(annotation.ServiceCapacity, lb+"minimumLoadBalancerCapacity"),
		to(annotation.ServiceSecurityGroups, lb+"securityGroups"),
		to(annotation.ServiceManageBackend, lb+"manageBackendSecurityGroupRules"),
		to(annotation.ServiceDisableSecurityGroups, lb+"disableSecurityGroup"),
		to(annotation.ServiceSourceRanges, lb+"sourceRanges"),
		to(annotation.ServicePrefixLists, lb+"securityGroupPrefixes"),
		to(annotation.ServiceICMP, lb+"enableICMP"),
		to(annotation.ServicePrivateLinkRules, lb+"enforceSecurityGroupInboundRulesOnPrivateLinkTraffic"),
		to(annotation.ServiceAttributes, lb+"loadBalancerAttributes"),
		to(annotation.ServiceAccessLog, lb+"loadBalancerAttributes access_logs.s3.enabled"),
		to(annotation.ServiceAccessLogBucket, lb+"loadBalancerAttributes access_logs.s3.bucket"),
		to(annotation.ServiceAccessLogPrefix, lb+"loadBalancerAttributes access_logs.s3.prefix"),
		to(annotation.ServiceCrossZone, lb+"loadBalancerAttributes load_balancing.cross_zone.enabled"),
	}
}

// addressRows are the annotations for addresses, each of which one load balancer can have.
func addressRows() []migrate.Row {
	return []migrate.Row{
		cannot(annotation.ServiceEIPAllocations, "an Elastic IP address belongs to one load balancer, and the Service's "+
			"load balancer has it while both serve",
			"allocate others and name them in spec.loadBalancerSubnets[].eipAllocation of the LoadBalancerConfiguration; "+
				"clients that know the addresses need the new addresses before the Service's load balancer is deleted"),
		cannot(annotation.ServicePrivateIPv4, "a private address belongs to one load balancer, and the Service's load "+
			"balancer has it while both serve",
			"name other addresses of the subnets in spec.loadBalancerSubnets[].privateIPv4Allocation of the "+
				"LoadBalancerConfiguration; clients that know the addresses need the new addresses before the Service's load "+
				"balancer is deleted"),
		cannot(annotation.ServiceIPv6Addresses, "an IPv6 address belongs to one load balancer, and the Service's load "+
			"balancer has it while both serve",
			"name other addresses of the subnets in spec.loadBalancerSubnets[].ipv6Allocation of the "+
				"LoadBalancerConfiguration; clients that know the addresses need the new addresses before the Service's load "+
				"balancer is deleted"),
		to(annotation.ServiceSourceNAT, subnet+"sourceNatIPv6Prefix"),
		to(annotation.ServiceSourceNATPrefixes, subnet+"sourceNatIPv6Prefix auto_assigned"),
	}
}

func listenerRows() []migrate.Row {
	return []migrate.Row{
		to(annotation.ServiceCertificates, listener+"defaultCertificate, certificates"),
		to(annotation.ServiceSSLPorts, "Gateway spec.listeners[].protocol TLS"),
		to(annotation.ServiceSSLPolicy, listener+"sslPolicy"),
		to(annotation.ServiceBackendProtocol, tg+"protocol"),
		to(annotation.ServiceALPN, listener+"alpnPolicy"),
		to(annotation.ServiceListenerAttributes, listener+"listenerAttributes"),
		to(annotation.ServiceTCPUDPListener, "Gateway spec.listeners: one of TCP and one of UDP with the same port"),
		to(annotation.ServiceQUICPorts, listener+"quicEnabled"),
		to(annotation.ServiceActions, "backendRefs and weights of the route, "+listener+"targetGroupStickiness"),
	}
}

func targetGroupRows() []migrate.Row {
	return []migrate.Row{
		to(annotation.ServiceTargetType, tg+"targetType"),
		to(annotation.ServiceTGAttributes, tg+"targetGroupAttributes"),
		to(annotation.ServicePortTGAttributes, tg+"routeConfigurations[].targetGroupProps.targetGroupAttributes"),
		to(annotation.ServiceProxyProtocol, tg+"targetGroupAttributes proxy_protocol_v2.enabled"),
		to(annotation.ServiceProxyProtocolPorts, tg+"routeConfigurations[].targetGroupProps.targetGroupAttributes "+
			"proxy_protocol_v2.enabled"),
		to(annotation.ServiceNodeLabels, tg+"nodeSelector.matchLabels"),
		to(annotation.ServiceMultiCluster, tg+"enableMultiCluster"),
		to(annotation.ServiceHealthCheck, check+"healthCheckFrom"),
		to(annotation.ServiceHCProtocol, check+"healthCheckProtocol"),
		to(annotation.ServiceHCPort, check+"healthCheckPort"),
		to(annotation.ServiceHCPath, check+"healthCheckPath"),
		to(annotation.ServiceHCSuccessCodes, check+"matcher"),
		to(annotation.ServiceHCInterval, check+"healthCheckInterval"),
		to(annotation.ServiceHCTimeout, check+"healthCheckTimeout"),
		to(annotation.ServiceHCHealthy, check+"healthyThresholdCount"),
		to(annotation.ServiceHCUnhealthy, check+"unhealthyThresholdCount"),
		{Key: quicContainers, Fate: migrate.Equivalent, Why: "it is on the pods, which both load balancers have as targets"},
	}
}

// quicContainers is on pods.
const quicContainers = annotation.ServicePrefix + "aws-load-balancer-quic-enabled-containers"

// ownRows are the annotations about how the controller treats the load balancer of the Service.
func ownRows() []migrate.Row {
	var out []migrate.Row
	for _, c := range carried {
		out = append(out, to(c.From, "Gateway annotation "+string(c.To)))
	}
	return append(out, []migrate.Row{
		cannot(annotation.ServiceOwnership, "others share the load balancer, and two objects cannot have a listener on one "+
			"port there: the Gateway has its own load balancer",
			"do not change the Service; or delete it first, and then apply the Gateway with annotations "+
				string(annotation.GatewayOwnership)+" and "+string(annotation.GatewayExisting)),
		kept(annotation.ServiceExistingLoadBalancer, "it is about the ownership, which is reported"),
		kept(annotation.ServiceDeletionPolicy, "it is about the deletion of the Service"),
		kept(annotation.ServiceApprovedPlan, "it approves of a plan for the Service"),
		kept(annotation.ServiceDeleteDuplicates, "it names resources of the Service"),
	}...)
}

// carried are the annotations of Services that Gateways have under a key of their own.
var carried = []migrate.Carried{
	{From: annotation.ServiceDriftPolicy, To: annotation.GatewayDriftPolicy},
	{From: annotation.ServiceReplacementPolicy, To: annotation.GatewayReplacementPolicy},
	{From: annotation.ServiceAllowDeletion, To: annotation.GatewayAllowDeletion},
}
