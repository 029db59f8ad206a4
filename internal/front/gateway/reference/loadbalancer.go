package reference

// loadBalancer is about LoadBalancerConfigurations.
var loadBalancer = []entry{
	{path: "mergingMode", of: both, absent: "`prefer-gateway-class`",
		effect: "Whose values apply if both configurations set a field. Only the configuration of the " +
			"GatewayClass may set it."},
	{path: "loadBalancerName", of: both, merge: one, absent: "`k8s-<namespace>-<name>-<hash>`",
		effect: "Name of the load balancer at its creation. A later change has no effect, because the controller finds the " +
			"load balancer by its tags."},
	{path: "scheme", of: both, merge: one, absent: "`--default-load-balancer-scheme`",
		effect: "Scheme. A change replaces the load balancer. The controller creates the new load balancer and shows its " +
			"name before it deletes the old load balancer."},
	{path: "ipAddressType", of: both, merge: one, absent: "`--default-ip-address-type`",
		effect: "IpAddressType (SetIpAddressType). `dualstack-without-public-ipv4` is for ALBs."},
	{path: "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic", of: nlb, merge: one, absent: "as it is in AWS",
		effect: "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic (SetSecurityGroups): on or off. No effect with " +
			"`disableSecurityGroup`."},
	{path: "customerOwnedIpv4Pool", of: alb, merge: one, absent: "none", effect: "CustomerOwnedIpv4Pool, at creation."},
	{path: "ipv4IPAMPoolId", of: alb, merge: one, absent: "Amazon's addresses",
		effect: "IpamPools.Ipv4IpamPoolId (ModifyIpPools)."},
	{path: "loadBalancerSubnets", of: both, merge: one, absent: "subnets found in the VPC",
		effect: "Subnets, one for each zone. Set each field for all subnets or for none."},
	{path: "loadBalancerSubnets[].identifier", of: both, absent: "a subnet that the controller finds",
		effect: "A subnet, by its id or Name tag."},
	{path: "loadBalancerSubnets[].eipAllocation", of: nlb, absent: "an address that AWS assigns",
		effect: "AllocationId of the subnet mapping; internet-facing only."},
	{path: "loadBalancerSubnets[].privateIPv4Allocation", of: nlb, absent: "chosen by AWS",
		effect: "PrivateIPv4Address of the subnet mapping; internal only."},
	{path: "loadBalancerSubnets[].ipv6Allocation", of: nlb, absent: "chosen by AWS",
		effect: "IPv6Address of the subnet mapping; dualstack only."},
	{path: "loadBalancerSubnets[].sourceNatIPv6Prefix", of: nlb, absent: "off",
		effect: "EnablePrefixForIpv6SourceNat, for UDP listeners of dualstack load balancers. Also SourceNatIpv6Prefix of " +
			"the subnet that contains the prefix. With auto_assigned, AWS chooses the prefix."},
	{path: "loadBalancerSubnetsSelector", of: both, merge: one, absent: "none",
		effect: "Subnets by tags: for each key, the tag must have one of the values. No effect together with identifiers " +
			"in `loadBalancerSubnets`."},
	{path: "listenerConfigurations", of: both, merge: perEntry, absent: "none",
		effect: "Settings of the load balancer's listeners. If a protocolPort occurs twice, the later entry applies."},
	{path: "listenerConfigurations[].protocolPort", of: both,
		effect: "The listener, such as `HTTPS:443`. Write `TCP:<port>` for TLS that passes through, and `TCP_UDP:<port>` " +
			"for TCP and UDP on one port. An event reports an entry without a listener."},
	{path: "listenerConfigurations[].defaultCertificate", of: both,
		absent: "`certificateRefs` of the listeners, otherwise certificates in ACM that cover hostnames of the " +
			"listeners and routes", effect: "The certificate for clients that name no host, by ARN; HTTPS and TLS. It " +
			"overrides `certificateRefs`."},
	{path: "listenerConfigurations[].certificates", of: both, absent: "none",
		effect: "Further certificates (AddListenerCertificates), by ARN."},
	{path: "listenerConfigurations[].sslPolicy", of: both, absent: "`--default-ssl-policy`",
		effect: "SslPolicy; HTTPS and TLS."},
	{path: "listenerConfigurations[].alpnPolicy", of: nlb, effect: "AlpnPolicy; TLS."},
	{path: "listenerConfigurations[].targetGroupStickiness", of: nlb, absent: "off",
		effect: "TargetGroupStickinessConfig of the listener's forward. For ALBs see `forwardConfig` of a " +
			"ListenerRuleConfiguration."},
	{path: "listenerConfigurations[].mutualAuthentication", of: alb,
		absent: "`spec.tls.frontend` of the Gateway, otherwise off", effect: "MutualAuthentication; HTTPS."},
	{path: "listenerConfigurations[].mutualAuthentication.mode", of: alb,
		effect: "Mode. `verify` needs a trustStore; the other modes allow no other field here."},
	{path: "listenerConfigurations[].mutualAuthentication.trustStore", of: alb, effect: "TrustStoreArn, by ARN or name."},
	{path: "listenerConfigurations[].mutualAuthentication.ignoreClientCertificateExpiry", of: alb, absent: "`false`",
		effect: "IgnoreClientCertificateExpiry."},
	{path: "listenerConfigurations[].mutualAuthentication.advertiseTrustStoreCaNames", of: alb, absent: "`off`",
		effect: "AdvertiseTrustStoreCaNames."},
	{path: "listenerConfigurations[].listenerAttributes", of: both, absent: "AWS's",
		effect: "Attributes of the listener (ModifyListenerAttributes). If you remove an attribute, it keeps its last " +
			"value in AWS. TLS listeners have no attributes."},
	{path: "listenerConfigurations[].listenerAttributes[].key", of: both,
		effect: "Key, such as `routing.http.response.server.enabled`."},
	{path: "listenerConfigurations[].listenerAttributes[].value", of: both, effect: "Value."},
	{path: "listenerConfigurations[].quicEnabled", of: nlb, absent: "`false`",
		effect: "A UDP listener becomes QUIC, and TCP and UDP on one port become TCP_QUIC, with `ip` targets [that have " +
			"server ids](tasks/nlb.md#quic). The controller refuses this field for other protocols."},
	{path: "disableSecurityGroup", of: nlb, merge: one, absent: "`false`",
		effect: "The load balancer has no security groups. AWS cannot add a security group later."},
	{path: "securityGroups", of: both, merge: one, absent: "a security group that the controller creates",
		effect: "SecurityGroups, by id or Name tag. You manage their rules."},
	{path: "securityGroupPrefixes", of: both, merge: one, absent: "none",
		effect: "Prefix lists that the controller's security group admits."},
	{path: "sourceRanges", of: both, merge: one, absent: "`0.0.0.0/0`, with dualstack also `::/0`; none if you set " +
		"prefix lists", effect: "Ranges that the controller's security group admits. For an NLB without security groups, " +
		"the security groups of the targets admit these ranges."},
	{path: "loadBalancerAttributes", of: both, merge: perKey, absent: "AWS's",
		effect: "Attributes (ModifyLoadBalancerAttributes). With `deletion_protection.enabled`, the controller does not " +
			"delete the load balancer."},
	{path: "loadBalancerAttributes[].key", of: both, effect: "Key, such as `idle_timeout.timeout_seconds`."},
	{path: "loadBalancerAttributes[].value", of: both, effect: "Value."},
	{path: "tags", of: both, merge: perKey, absent: "`--default-tags`",
		effect: "Tags of the load balancer, its listeners and the controller's security group. Target groups and rules do " +
			"not get them."},
	{path: "enableICMP", of: both, merge: one, absent: "`false`",
		effect: "The controller's security group admits path MTU discovery."},
	{path: "manageBackendSecurityGroupRules", of: both, merge: one, absent: "`false`",
		effect: "Together with `securityGroups`: the controller also attaches the shared backend security group, and the " +
			"security groups of the targets admit the backend security group."},
	{path: "minimumLoadBalancerCapacity", of: both, merge: one, absent: "none",
		effect: "Reserved capacity. If you remove the field, the reservation ends."},
	{path: "minimumLoadBalancerCapacity.capacityUnits", of: both,
		effect: "MinimumLoadBalancerCapacity (ModifyCapacityReservation); 0 = none."},
	{path: "wafV2", of: alb, merge: one, absent: "none",
		effect: "AWS WAF. If you remove the field, the controller disassociates the web ACL that the controller has " +
			"associated."},
	{path: "wafV2.webACL", of: alb, effect: "ARN of the web ACL (AssociateWebACL)."},
	{path: "shieldConfiguration", of: alb, merge: one, absent: "none", effect: "AWS Shield Advanced."},
	{path: "shieldConfiguration.enabled", of: alb, absent: "`false`",
		effect: "The load balancer is protected (CreateProtection, DeleteProtection)."},
	{path: "defaultTargetGroupConfiguration", of: both, merge: "both apply, see TargetGroupConfiguration", absent: "none",
		effect: "Target groups of all Services of the Gateway."},
	{path: "defaultTargetGroupConfiguration.name", of: both,
		effect: "A TargetGroupConfiguration without `targetReference`, in the namespace of the LoadBalancerConfiguration."},
}
