package reference

// properties are of target groups, wherever they are in a TargetGroupConfiguration.
var properties = []entry{
	{path: "targetGroupName", of: both, absent: "`k8s-<namespace>-<name>-<hash>`, of the route",
		effect: "Name; at most 32 characters. If you change it, a new target group replaces the old target group without " +
			"interruption, unless another target group already has the new name."},
	{path: "targetType", of: both, absent: "`--default-target-type`",
		effect: "TargetType. After a change, the rules switch to a new target group. Backends of kind Gateway " +
			"have type alb."},
	{path: "protocol", of: both, absent: "ALB: `HTTP` (`HTTPS` where appProtocol is `kubernetes.io/wss`); NLB: the " +
		"protocol of the route, `TCP` or `UDP`", effect: "Protocol: HTTP or HTTPS for an ALB, other protocols for an NLB. " +
		"After a change, the rules switch to a new target group."},
	{path: "protocolVersion", of: alb, absent: "`GRPC` for GRPCRoutes, `HTTP2` for appProtocol `kubernetes.io/h2c`, " +
		"otherwise `HTTP1`", effect: "ProtocolVersion; HTTP2 and GRPC need HTTPS listeners. After a change, the rules " +
		"switch to a new target group."},
	{path: "ipAddressType", of: both, absent: "the address type of the Service", ignored: true,
		effect: "a target group has the address type of its Service; an event reports another value."},
	{path: "targetControlPort", of: alb, absent: "none",
		effect: "TargetControlPort, of the target optimizer; ip targets only."},
	{path: "nodeSelector", of: both, absent: "all nodes",
		effect: "The nodes to register; only for instance targets. Use labels with one value; an event reports " +
			"other expressions."},
	{path: "enableMultiCluster", of: both, absent: "`false`",
		effect: "spec.multiClusterTargetGroup of the TargetGroupBinding: the controller does not change targets of " +
			"other clusters."},
	{path: "targetGroupAttributes", of: both, absent: "AWS's", effect: "Attributes (ModifyTargetGroupAttributes)."},
	{path: "targetGroupAttributes[].key", of: both, effect: "Key, such as `deregistration_delay.timeout_seconds`."},
	{path: "targetGroupAttributes[].value", of: both, effect: "Value."},
	{path: "tags", of: both, absent: "`--default-tags`", effect: "Tags of the target group."},
	{path: "healthCheckConfig", of: both, absent: "the defaults of the fields",
		effect: "The health check. All its fields come from one configuration. For instance targets of an NLB whose " +
			"Service has externalTrafficPolicy Local, the default is HTTP `/healthz` on the Service's healthCheckNodePort: " +
			"interval 10 s, timeout 6 s, both thresholds 2."},
	{path: "healthCheckConfig.healthCheckFrom", of: both, absent: "the other fields",
		effect: "`ReadinessProbe`: the fields that you do not set have the values of the pods' readiness probe " +
			"([health-checks.md](tasks/health-checks.md))."},
	{path: "healthCheckConfig.healthCheckProtocol", of: both, absent: "ALB: the protocol of the target group; NLB: `TCP`",
		effect: "HealthCheckProtocol; TCP is for NLBs."},
	{path: "healthCheckConfig.healthCheckPort", of: both, absent: "`traffic-port`",
		effect: "HealthCheckPort: traffic-port, a number, or the name of a port of the Service. All checks use TCP, also " +
			"checks of targets of UDP listeners. If the Service has no TCP port with the same target port, the default with " +
			"`standard` rule construction is the only TCP port of the Service. If there is no such TCP port, an event on the " +
			"route (`UnansweredHealthCheck`) says so."},
	{path: "healthCheckConfig.healthCheckPath", of: both, absent: "`/`, GRPC: `/AWS.ALB/healthcheck`",
		effect: "HealthCheckPath; not for TCP checks."},
	{path: "healthCheckConfig.matcher", of: both, absent: "the defaults of the fields",
		effect: "Matcher: the codes of a passed check."},
	{path: "healthCheckConfig.matcher.httpCode", of: both, absent: "`200-399`", effect: "HttpCode."},
	{path: "healthCheckConfig.matcher.grpcCode", of: alb, absent: "`12`",
		effect: "GrpcCode, of target groups of version GRPC."},
	{path: "healthCheckConfig.healthCheckInterval", of: both, absent: "`15`", effect: "HealthCheckIntervalSeconds."},
	{path: "healthCheckConfig.healthCheckTimeout", of: both, absent: "`5`", effect: "HealthCheckTimeoutSeconds."},
	{path: "healthCheckConfig.healthyThresholdCount", of: both, absent: "`3`",
		effect: "HealthyThresholdCount: passed checks in a row."},
	{path: "healthCheckConfig.unhealthyThresholdCount", of: both, absent: "`3`",
		effect: "UnhealthyThresholdCount: failed checks in a row."},
}

// ofRoutes is where properties are that are of some routes only: each has the effect of the same one in
// defaultConfiguration.
const ofAll, ofRoutes = "defaultConfiguration.", "routeConfigurations[].targetGroupProps."

// targetGroup is about TargetGroupConfigurations.
func targetGroup() []entry {
	out := []entry{
		{path: "targetReference", of: both, absent: "the configuration is only a default",
			effect: "The object whose target groups are configured, in the same namespace."},
		{path: "targetReference.group", of: both, effect: "API group of the object; `gateway.networking.k8s.io` for a " +
			"Gateway."},
		{path: "targetReference.kind", of: both, effect: "`Service`, or `Gateway` for a TCPRoute's backend that is the ALB " +
			"of a Gateway."},
		{path: "targetReference.name", of: both, effect: "Name of the object."},
		{path: "defaultConfiguration", of: both, absent: "none", effect: "Properties for all routes."},
	}
	for _, p := range properties {
		p.path = ofAll + p.path
		out = append(out, p)
	}
	return append(out,
		entry{path: "routeConfigurations", of: both, absent: "none",
			effect: "Properties for some routes, which override defaultConfiguration field by field."},
		entry{path: "routeConfigurations[].routeIdentifier", of: both,
			effect: "The routes: one route, all routes of a kind in a namespace, or all routes of a kind."},
		entry{path: "routeConfigurations[].routeIdentifier.kind", of: both,
			effect: "Kind, such as HTTPRoute. Without a kind, the entry matches no route."},
		entry{path: "routeConfigurations[].routeIdentifier.namespace", of: both, absent: "all", effect: "Namespace."},
		entry{path: "routeConfigurations[].routeIdentifier.name", of: both, absent: "all", effect: "Name, with a namespace."},
		entry{path: "routeConfigurations[].targetGroupProps", of: both,
			effect: "The fields of `defaultConfiguration`, with the same effects."},
	)
}
