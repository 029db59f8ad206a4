package annotation

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// serviceEntries are the annotations with prefix service.beta.kubernetes.io/.
var serviceEntries = slices.Concat(servicePlacementEntries, serviceAttributeEntries, serviceListenerEntries,
	serviceTargetEntries, serviceHealthEntries)

func service(suffix string) Key { return ServicePrefix + "aws-load-balancer-" + Key(suffix) }

var servicePlacementEntries = []Entry{
	// Makes this controller serve a Service that has no spec.loadBalancerClass. Values: external (together with
	// aws-load-balancer-nlb-target-type), or nlb-ip, which also sets ip targets.
	{Key: ServiceType, Syntax: String, Scope: OnService, Affects: diag.LoadBalancer, Example: "external"},
	// Whether targets are nodes (instance) or pods (ip). A change replaces the target groups.
	{Key: ServiceTargetType, Syntax: String, Scope: OnService, Affects: diag.Route, SettingName: "target-type",
		Default: "--default-target-type (instance)", Example: "ip"},
	// Name of the group of Services: these Services share one load balancer, each with its own ports. At most 63
	// characters: a-z, 0-9, hyphen and dot.
	{Key: ServiceGroupName, Syntax: String, Scope: OnService, Affects: diag.LoadBalancer, Example: "shared-nlb"},
	// Name of the load balancer, at most 32 characters; only used when the load balancer is created.
	{Key: ServiceName, Syntax: String, Scope: OnService, Affects: diag.LoadBalancer, SettingName: "load-balancer-name",
		Default: "k8s-<namespace>-<name>-<hash>", Example: "example-nlb"},
	// Whether the load balancer has public addresses. A change replaces the load balancer.
	{Key: ServiceScheme, Syntax: String, Scope: OnService, Affects: diag.LoadBalancer, SettingName: "scheme",
		Default: "the existing load balancer's scheme, otherwise --default-load-balancer-scheme (internal)",
		Values:  []string{"internal", "internet-facing"}, Example: "internet-facing"},
	// Former name of aws-load-balancer-scheme: true means `internal`, and false means `internet-facing`. The controller
	// reads this annotation only if aws-load-balancer-scheme is absent.
	{Key: ServiceInternal, Syntax: Bool, Scope: OnService, Affects: diag.LoadBalancer, SettingName: "scheme",
		Example: "true"},
	// Address family of the load balancer.
	{Key: ServiceIPAddressType, Syntax: String, Scope: OnService, Affects: diag.LoadBalancer,
		SettingName: "ip-address-type",
		Default:     "--default-ip-address-type (ipv4)",
		Values:      []string{"ipv4", "dualstack"}, Example: "dualstack"},
	// Subnets by id or by the value of their Name tag, one per zone.
	{Key: ServiceSubnets, Syntax: List, Scope: OnService, Affects: diag.LoadBalancer, SettingName: "subnets",
		Default: "discovered by tags or route tables", Example: "subnet-0a1, subnet-0b1"},
	// Elastic IP addresses, one per subnet, in the order of aws-load-balancer-subnets; only for scheme internet-facing.
	{Key: ServiceEIPAllocations, Syntax: List, Scope: OnService, Affects: diag.LoadBalancer, SettingName: "addresses",
		Example: "eipalloc-0a1, eipalloc-0b1"},
	// Private addresses, one in each subnet; only for scheme internal.
	{Key: ServicePrivateIPv4, Syntax: List, Scope: OnService, Affects: diag.LoadBalancer, SettingName: "addresses",
		Example: "10.0.1.15, 10.0.2.15"},
	// IPv6 addresses, one in each subnet; only for address type dualstack.
	{Key: ServiceIPv6Addresses, Syntax: List, Scope: OnService, Affects: diag.LoadBalancer, SettingName: "addresses",
		Example: "2001:db8:1::15, 2001:db8:2::15"},
	// Whether the load balancer uses IPv6 prefixes for source NAT. UDP over IPv6 needs such prefixes. Only for address
	// type dualstack.
	{Key: ServiceSourceNAT, Syntax: String, Scope: OnService, Affects: diag.LoadBalancer, Default: "off", Values: []string{
		"on", "off"},
		Example: "on"},
	// IPv6 /80 prefixes for source NAT, each inside a subnet, or auto_assigned; one per subnet.
	{Key: ServiceSourceNATPrefixes, Syntax: List, Scope: OnService, Affects: diag.LoadBalancer,
		SettingName: "addresses",
		Example:     "auto_assigned, 2001:db8:2::/80"},
	// Tags of all AWS resources of the Service.
	{Key: ServiceTags, Syntax: Map, Scope: OnService, Affects: diag.LoadBalancer, Example: "Team=web,Stage=prod"},
	// Reserved capacity units. The controller makes the reservation when the load balancer is active. The value
	// `CapacityUnits=0` removes the reservation. If you remove the annotation, the reservation stays, unless the feature
	// gate EnhancedDefaultBehavior is on. AWS requires at least 2750 units for each zone.
	{Key: ServiceCapacity, Syntax: Map, Scope: OnService, Affects: diag.AddOn, Default: "the controller changes nothing",
		Example: "CapacityUnits=5500"},
	// Security groups of the load balancer by id or by the value of their Name tag.
	{Key: ServiceSecurityGroups, Syntax: List, Scope: OnService, Affects: diag.LoadBalancer,
		SettingName: "security-groups",
		Default:     "a security group that the controller manages", Example: "sg-0123456789abcdef0, frontend"},
	// Whether the controller manages the rules that let the load balancer reach nodes and pods. If the load balancer has a
	// security group that the controller manages, the annotation has no effect: the controller manages these rules, too.
	{Key: ServiceManageBackend, Syntax: Bool, Scope: OnService, Affects: diag.LoadBalancer,
		SettingName: "manage-backend-security-group-rules",
		Default: "with aws-load-balancer-security-groups: --enable-manage-backend-security-group-rules (false); with " +
			"aws-load-balancer-disable-nlb-sg: true",
		Example: "true"},
	// If true, the load balancer has no security groups, and AWS cannot add security groups later.
	{Key: ServiceDisableSecurityGroups, Syntax: Bool, Scope: OnService, Affects: diag.LoadBalancer,
		SettingName: "no-security-groups", Default: "false", Example: "true"},
	// Addresses that may reach the load balancer. The controller reads this annotation only if
	// spec.loadBalancerSourceRanges is empty.
	{Key: ServiceSourceRanges, Syntax: List, Scope: OnService, Affects: diag.Listener, SettingName: "inbound-cidrs",
		Default: "0.0.0.0/0, ::/0", Example: "198.51.100.0/24"},
	// Prefix lists that may reach the load balancer. These prefix lists replace the default addresses 0.0.0.0/0 and ::/0.
	{Key: ServicePrefixLists, Syntax: List, Scope: OnService, Affects: diag.Listener, SettingName: "prefix-lists",
		Example: "pl-0123456789abcdef0"},
	// The value `on` admits ICMP messages for path MTU discovery.
	{Key: ServiceICMP, Syntax: String, Scope: OnService, Affects: diag.Listener, SettingName: "icmp",
		Default: "off", Example: "on"},
	// Whether the inbound rules of the load balancer's security groups apply to PrivateLink traffic. AWS applies the rules
	// unless the value is `off`.
	{Key: ServicePrivateLinkRules, Syntax: String, Scope: OnService, Affects: diag.LoadBalancer,
		SettingName: "private-link-rules", Default: "the controller changes nothing", Values: []string{"on", "off"},
		Example: "off"},
}

var serviceAttributeEntries = []Entry{
	// Attributes of the load balancer. If you remove an attribute, AWS keeps the last value of the attribute.
	{Key: ServiceAttributes, Syntax: Map, Scope: OnService, Affects: diag.LoadBalancer,
		Example: "load_balancing.cross_zone.enabled=true,deletion_protection.enabled=true"},
	// If true, sets attribute access_logs.s3.enabled. The value false has no effect.
	{Key: ServiceAccessLog, Syntax: Bool, Scope: OnService, Affects: diag.LoadBalancer, Example: "true"},
	// Sets attribute access_logs.s3.bucket; only together with aws-load-balancer-access-log-enabled.
	{Key: ServiceAccessLogBucket, Syntax: String, Scope: OnService, Affects: diag.LoadBalancer, Example: "my-logs"},
	// Sets attribute access_logs.s3.prefix; only together with aws-load-balancer-access-log-enabled.
	{Key: ServiceAccessLogPrefix, Syntax: String, Scope: OnService, Affects: diag.LoadBalancer, Example: "nlb"},
	// Sets attribute load_balancing.cross_zone.enabled.
	{Key: ServiceCrossZone, Syntax: Bool, Scope: OnService, Affects: diag.LoadBalancer, Example: "true"},
}

var serviceListenerEntries = []Entry{
	// Certificates by ARN; the first is the default certificate. The listeners of the ports in
	// aws-load-balancer-ssl-ports become TLS listeners.
	{Key: ServiceCertificates, Syntax: List, Scope: OnService, Affects: diag.Certificate,
		SettingName: "certificate-arn",
		Example:     "arn:aws:acm:us-west-2:123456789012:certificate/0123"},
	// Service ports, by number or name, whose listeners are TLS if there are certificates.
	{Key: ServiceSSLPorts, Syntax: List, Scope: OnService, Affects: diag.Listener, SettingName: "ssl-ports",
		Default: "all ports", Example: "443, https"},
	// Protocols and ciphers of TLS listeners.
	{Key: ServiceSSLPolicy, Syntax: String, Scope: OnService, Affects: diag.Listener, SettingName: "ssl-policy",
		Default: "--default-ssl-policy (ELBSecurityPolicy-2016-08)", Example: "ELBSecurityPolicy-TLS13-1-2-2021-06"},
	// With the value ssl, TLS listeners connect to the targets by TLS. Without certificates, the annotation has no
	// effect.
	{Key: ServiceBackendProtocol, Syntax: String, Scope: OnService, Affects: diag.Listener,
		SettingName: "backend-protocol",
		Default:     "tcp", Example: "ssl"},
	// ALPN policy of TLS listeners.
	{Key: ServiceALPN, Syntax: String, Scope: OnService, Affects: diag.Listener, Values: []string{"None", "HTTP1Only",
		"HTTP2Only", "HTTP2Optional", "HTTP2Preferred"},
		Example: "HTTP2Preferred"},
	// Attributes of the listener with that protocol and port, e.g. aws-load-balancer-listener-attributes.TCP-80; not for
	// TLS. If you remove an attribute, AWS keeps the last value of the attribute.
	{Key: ServiceListenerAttributes, Family: "<protocol>-<port>", Syntax: Map, Scope: OnService, Affects: diag.Listener,
		Example: "tcp.idle_timeout.seconds=400"},
	// Whether a TCP port and a UDP port with the same number become one TCP_UDP listener.
	{Key: ServiceTCPUDPListener, Syntax: Bool, Scope: OnService, Affects: diag.Listener,
		SettingName: "tcp-udp-listener",
		Default:     "feature gate EnableTCPUDPListener (false)", Example: "true"},
	// UDP ports, by number or name, that get a QUIC listener; if a TCP port has the same number, both get one TCP_QUIC
	// listener. Needs `ip` targets. See [QUIC](tasks/nlb.md#quic).
	{Key: ServiceQUICPorts, Syntax: List, Scope: OnService, Affects: diag.Listener, SettingName: "quic-ports",
		Example: "443"},
	// Weighted forward of the listener with that protocol and port, e.g. actions.TCP-80.
	{Key: ServiceActions, Family: "<protocol>-<port>", Syntax: JSON, Scope: OnService, Affects: diag.Route,
		Example: `{"type":"forward","forwardConfig":{"baseServiceWeight":10,"targetGroups":[{"serviceName":"canary","servicePort":80,"weight":1}]}}`},
}

var serviceTargetEntries = []Entry{
	// Attributes of the target groups.
	{Key: ServiceTGAttributes, Syntax: Map, Scope: OnService, Affects: diag.Route,
		SettingName: "target-group-attributes",
		Example:     "preserve_client_ip.enabled=true"},
	// Attributes of the target group of one Service port. These attributes override
	// aws-load-balancer-target-group-attributes.
	{Key: ServicePortTGAttributes, Family: "<port>", Syntax: Map, Scope: OnService, Affects: diag.Route,
		Example: "deregistration_delay.timeout_seconds=30"},
	// Turns on proxy protocol v2 for all targets.
	{Key: ServiceProxyProtocol, Syntax: String, Scope: OnService, Affects: diag.Route, SettingName: "proxy-protocol",
		Values: []string{"*"}, Example: "*"},
	// Service ports, by number, with proxy protocol v2; proxy protocol is off for all other ports.
	{Key: ServiceProxyProtocolPorts, Syntax: List, Scope: OnService, Affects: diag.Route,
		SettingName: "proxy-protocol-ports",
		Example:     "80, 443"},
	// Labels of the nodes that become instance targets.
	{Key: ServiceNodeLabels, Syntax: Map, Scope: OnService, Affects: diag.Route, Default: "all nodes",
		Example: "pool=web"},
	// Policy for changes made in AWS by hand: `correct`, `report` or `ignore`. For single groups of fields, add
	// `GROUP=POLICY`, separated by commas ([by-hand.md](tasks/by-hand.md)).
	{Key: ServiceDriftPolicy, Syntax: String, Scope: OnService, Affects: diag.AddOn,
		Default: "--drift-policy (correct)", Merge: perKey, Example: "report,tags=ignore"},
	// Policy for edits that would replace the load balancer and its DNS name, such as a change of scheme: `allow` or
	// `refuse`. `,except=NAME` allows the replacement of the load balancer NAME. `,keep=1h` keeps the old load balancer
	// for an hour ([replacement.md](tasks/replacement.md)).
	{Key: ServiceReplacementPolicy, Syntax: String, Scope: OnService, Affects: diag.AddOn,
		Default: "--replacement-policy (allow)", Merge: agree, Example: "refuse,except=k8s-shop-web-0123456789"},
	// ARN or name of an existing load balancer, for ownership `shared`
	// ([sharing-existing.md](tasks/sharing-existing.md)) or `adopted` ([ownership.md](tasks/ownership.md)).
	{Key: ServiceExistingLoadBalancer, Syntax: String, Scope: OnService, Affects: diag.AddOn, Merge: agree,
		Example: "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/net/platform/0123456789abcdef"},
	// Which changes the controller may make to the load balancer. `managed`: everything that the object declares.
	// `shared`: only listeners and rules, with their target groups, on the existing load balancer that
	// `aws-load-balancer-existing` names. `adopted`: everything that the object declares, on the existing load balancer
	// that `aws-load-balancer-existing` names. With `adopted`, deletions and most changes of existing parts wait until you
	// approve the plan with `aws-load-balancer-approved-plan`. `observed`: the controller writes nothing to AWS, with [a
	// few exceptions](tasks/ownership.md#what-observed-stops), and shows the address and the plan of the load balancer
	// ([ownership.md](tasks/ownership.md)).
	{Key: ServiceOwnership, Syntax: String, Scope: OnService, Affects: diag.AddOn, Default: "`managed`",
		Example: "observed"},
	// As DeletionPolicy.
	{Key: ServiceDeletionPolicy, Syntax: String, Scope: OnService, Affects: diag.AddOn, Default: "`Delete`",
		Example: "Retain"},
	// As ApprovedPlan.
	{Key: ServiceApprovedPlan, Syntax: String, Scope: OnService, Affects: diag.AddOn,
		Default: "the controller applies every plan, except some plans of adopted load balancers", Example: "none"},
	// As AllowDeletion.
	{Key: ServiceAllowDeletion, Syntax: Bool, Scope: OnService, Affects: diag.AddOn, Default: "false", Example: "true"},
	// As DeleteDuplicates.
	{Key: ServiceDeleteDuplicates, Syntax: List, Scope: OnService, Affects: diag.AddOn, Example: "sg-0123456789abcdef0"},
	// Whether other clusters register targets in the same target groups.
	{Key: ServiceMultiCluster, Syntax: Bool, Scope: OnService, Affects: diag.Route, Default: "false", Example: "true"},
	// Containers that get a QUIC server id in an environment variable (`--quic-environment-variable-name`), in
	// namespaces with label `elbv2.k8s.aws/quic-server-id-inject=enabled`.
	{Key: ServiceQUICContainers, Syntax: List, Scope: OnPod, Affects: diag.Route, Example: "server"},
}

var serviceHealthEntries = []Entry{
	// `from-readiness-probe`: the controller copies the settings of the pods' readiness probe to the health check. The
	// other health check annotations take precedence ([health-checks.md](tasks/health-checks.md)).
	{Key: ServiceHealthCheck, Syntax: String, Scope: OnService, Affects: diag.Route,
		Default: "values of the other health check annotations", Values: []string{FromReadinessProbe},
		Example: FromReadinessProbe},
	// Protocol of the health check: tcp, http or https, in upper or lower case.
	{Key: ServiceHCProtocol, Syntax: String, Scope: OnService, Affects: diag.Route, Default: "TCP", Example: "http"},
	// Port of the health check: a number, traffic-port, or the name of a Service port.
	{Key: ServiceHCPort, Syntax: String, Scope: OnService, Affects: diag.Route, Default: "traffic-port", Example: "8081"},
	// Path of an HTTP health check, 1 to 1024 characters, starting with a slash.
	{Key: ServiceHCPath, Syntax: String, Scope: OnService, Affects: diag.Route, Default: "/", Example: "/healthz"},
	// Response codes of a passed HTTP health check, 200 to 599.
	{Key: ServiceHCSuccessCodes, Syntax: String, Scope: OnService, Affects: diag.Route, Default: "200-399",
		Example: "200"},
	// Seconds between health checks; the value must not be less than the timeout.
	{Key: ServiceHCInterval, Syntax: Int32, Scope: OnService, Affects: diag.Route, Default: "10", Min: 5, Max: 300,
		Example: "30"},
	// Timeout of a health check in seconds.
	{Key: ServiceHCTimeout, Syntax: Int32, Scope: OnService, Affects: diag.Route, Default: "10", Min: 2, Max: 120,
		Example: "5"},
	// Number of passed health checks in a row after which a target is healthy.
	{Key: ServiceHCHealthy, Syntax: Int32, Scope: OnService, Affects: diag.Route, Default: "3", Min: 2, Max: 10,
		Example: "2"},
	// Number of failed health checks in a row after which a target is unhealthy.
	{Key: ServiceHCUnhealthy, Syntax: Int32, Scope: OnService, Affects: diag.Route, Default: "3", Min: 2, Max: 10,
		Example: "2"},
}
