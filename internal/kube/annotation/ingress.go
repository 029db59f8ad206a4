package annotation

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// ingressEntries are the annotations with prefix alb.ingress.kubernetes.io/.
var ingressEntries = slices.Concat(loadBalancerEntries, classicEntries, shieldEntries, dryRunEntries, listenerEntries,
	routingEntries, healthEntries, authEntries, frontendEntries)

var loadBalancerEntries = []Entry{
	{Key: GroupName, Syntax: String, Scope: OnIngress, Affects: diag.LoadBalancer, Class: "group.name",
		Example: "shared-alb",
		Doc:     "Name of the group of Ingresses that share one load balancer; at most 63 of a-z, 0-9, - and dot."},
	{Key: GroupOrder, Syntax: Int32, Scope: OnIngress, Affects: diag.Route, Default: "0", Min: -1000, Max: 1000,
		Example: "10",
		Doc:     "Place of the Ingress in its group; rules of lower numbers are evaluated first, then by namespace/name."},
	{Key: LoadBalancerName, Syntax: String, Scope: OnIngress, Affects: diag.LoadBalancer,
		Class: "loadBalancerName", Default: "k8s-<namespace>-<name>-<hash>", Merge: agree,
		Example: "example-alb", Doc: "Name of the load balancer, at most 32 characters; used at creation only."},
	{Key: Scheme, Syntax: String, Scope: OnIngress, Affects: diag.LoadBalancer, Class: "scheme",
		Default: "--default-load-balancer-scheme (internal)", Merge: agree,
		Values: []string{"internal", "internet-facing"}, Example: "internet-facing",
		Doc: "Whether the load balancer has public addresses. A change replaces the load balancer."},
	{Key: IPAddressType, Syntax: String, Scope: OnIngress, Affects: diag.LoadBalancer,
		Class: "ipAddressType", Default: "--default-ip-address-type (ipv4)", Merge: agree,
		Values:  []string{"ipv4", "dualstack", "dualstack-without-public-ipv4"},
		Example: "dualstack",
		Doc:     "Address family of the load balancer."},
	{Key: Subnets, Syntax: List, Scope: OnIngress, Affects: diag.LoadBalancer, Class: "subnets",
		Default: "discovered by tags or route tables", Merge: agree,
		Example: "subnet-0a1, subnet-0b1", Doc: "Subnets by id or by the value of their Name tag; one per zone, for an " +
			"ALB two at least."},
	{Key: CustomerOwnedPool, Syntax: String, Scope: OnIngress, Affects: diag.LoadBalancer,
		Merge: agree, Example: "ipv4pool-coip-0123456789abcdef0",
		Doc: "Customer-owned address pool on an Outpost; used at creation only, and not empty."},
	{Key: IPAMPool, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Class: "ipamConfiguration.ipv4IPAMPoolId",
		Default: "Amazon's addresses", Merge: agree,
		Example: "ipam-pool-0123456789abcdef0", Doc: "IPAM pool of the public IPv4 addresses. An empty value " +
			"counts as absent."},
	{Key: SecurityGroups, Syntax: List, Scope: OnIngress, Affects: diag.LoadBalancer,
		Default: "one that the controller manages", Merge: agree, Example: "sg-0123456789abcdef0, frontend",
		Doc: "Security groups of the load balancer by id or by the value of their Name tag. inbound-cidrs is then ignored."},
	{Key: ManageBackend, Syntax: Bool, Scope: OnIngress, Affects: diag.LoadBalancer,
		Default: "--enable-manage-backend-security-group-rules (false)",
		Merge:   agree, Example: "true",
		Doc: "With security-groups: whether the rules that let the load balancer reach nodes and pods are managed " +
			"nevertheless."},
	{Key: InboundCIDRs, Syntax: List, Scope: OnIngress, Affects: diag.Listener,
		Class: "inboundCIDRs", Default: "0.0.0.0/0, ::/0", Merge: perPort, Example: "198.51.100.0/24, 2001:db8::/32",
		Doc: "Addresses that may reach the listeners, in the managed security group."},
	{Key: PrefixLists, Syntax: List, Scope: OnIngress, Affects: diag.Listener, SettingName: "prefix-lists",
		Class: "prefixListsIDs", Merge: perPort, Example: "pl-0123456789abcdef0",
		Doc: "Prefix lists that may reach the listeners, in the managed security group."},
	{Key: LoadBalancerAttributes, Syntax: Map, Scope: OnIngress, Affects: diag.LoadBalancer,
		Class: "loadBalancerAttributes", Merge: perKey,
		Example: "idle_timeout.timeout_seconds=120,deletion_protection.enabled=true",
		Doc:     "Attributes of the load balancer. One that is removed keeps its last value."},
	{Key: Capacity, Syntax: Map, Scope: OnIngress, Affects: diag.AddOn, Class: "minimumLoadBalancerCapacity.capacityUnits",
		Default: "left as it is", Merge: agree,
		Example: "CapacityUnits=1000", Doc: "Reserved capacity units, set once the load balancer is active; 0 resets."},
	{Key: Tags, Syntax: Map, Scope: OnBoth, Affects: diag.Route, Class: "tags", Merge: perKey,
		Example: "Team=web,Stage=prod",
		Doc: "Tags of the AWS resources. On a backend Service: of its target groups, per key over those " +
			"of the Ingress."},
	{Key: WebACLARN, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Class: "wafv2AclArn", Default: "left as it is",
		Merge:   agree,
		Example: "arn:aws:wafv2:us-west-2:123456789012:regional/webacl/web/00000000-0000-4000-8000-000000000001",
		Doc: "WAFv2 web ACL by ARN; none removes the association, an empty value changes nothing. Ignored if " +
			"wafv2-acl-name is set."},
	{Key: WebACLName, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Class: "wafv2AclName",
		Default: "left as it is", Merge: agree, Example: "web",
		Doc: "WAFv2 web ACL by name, of the load balancer's account and region; none removes the association, an empty " +
			"value changes nothing."},
}

var shieldEntries = []Entry{
	{Key: Shield, Syntax: Bool, Scope: OnIngress, Affects: diag.AddOn, Default: "left as it is", Merge: agree,
		Example: "true",
		Doc: "Shield Advanced protection of the load balancer, for accounts that subscribe to it. false removes a " +
			"protection that the controller made, no other."},
}

var listenerEntries = []Entry{
	{Key: ListenPorts, Syntax: JSON, Scope: OnIngress, Affects: diag.Listener,
		Default: `[{"HTTP":80}], or [{"HTTPS":443}] with certificates`, Merge: union,
		Example: `[{"HTTP":80},{"HTTPS":443}]`, Doc: "Listeners of the load balancer that serve this Ingress."},
	{Key: SSLRedirect, Syntax: Int32, Scope: OnIngress, Affects: diag.LoadBalancer,
		Class: "sslRedirectPort", Merge: agree, Min: 1, Max: 65535, Example: "443",
		Doc: "HTTPS port to which every HTTP listener of the group redirects."},
	{Key: CertificateARN, Syntax: List, Scope: OnIngress, Affects: diag.Certificate,
		Class: "certificateArn", Default: "found by host name", Merge: union,
		Example: "arn:aws:acm:us-west-2:123456789012:certificate/0123",
		Doc:     "Certificates of the HTTPS listeners; the first is the default one."},
	{Key: SSLPolicy, Syntax: String, Scope: OnIngress, Affects: diag.Listener,
		Class:   "sslPolicy",
		Default: "--default-ssl-policy (ELBSecurityPolicy-2016-08)", Merge: perPort,
		Example: "ELBSecurityPolicy-TLS13-1-2-2021-06", Doc: "Protocols and ciphers of the HTTPS listeners."},
	{Key: MutualAuthentication, Syntax: JSON, Scope: OnIngress, Affects: diag.Listener,
		Merge:   perPort,
		Example: `[{"port":443,"mode":"verify","trustStore":"corp-ca"}]`,
		Doc: "Handling of client certificates by HTTPS listeners, per port: off, passthrough (to the targets, in " +
			"headers), or verify against a trust store by name or ARN; then also ignoreClientCertificateExpiry (true or " +
			"false) and advertiseTrustStoreCaNames (on or off). If the annotation is removed, the setting stays, unless the " +
			"feature gate EnhancedDefaultBehavior is on; to turn it off, set mode off."},
	{Key: ListenerAttributes, Family: "<protocol>-<port>", Syntax: Map, Scope: OnIngress, Affects: diag.Listener,
		Class: "listeners", Merge: perKey,
		Example: "routing.http.response.server.enabled=false",
		Doc: "Attributes of the listener with that protocol and port, e.g. listener-attributes.HTTPS-443. One that is " +
			"removed keeps its last value."},
	{Key: CreateCertificate, Syntax: Bool, Scope: OnIngress, Affects: diag.Certificate,
		Default: "false", Example: "true",
		Doc: "If true, the controller requests a certificate from ACM for the hosts of rules and spec.tls, validates it " +
			"in Route 53, attaches it once it is issued, and deletes it with the Ingress. Needs feature gate " +
			"EnableCertificateManagement; ignored if certificate-arn is set."},
	{Key: ImportTLSSecrets, Syntax: Bool, Scope: OnIngress, Affects: diag.Certificate,
		Class: "importTLSSecrets", Default: "false", Example: "true",
		Doc: "If true, the controller imports the Secrets of spec.tls into ACM, imports them again when they change, and " +
			"deletes the certificates with the Ingress. Needs --enable-tls-secret-import; ignored if certificate-arn or " +
			"create-acm-cert is set. Not an annotation of the existing controller."},
	{Key: CertificateAuthority, Syntax: String, Scope: OnIngress, Affects: diag.Certificate, Default: "--default-pca-arn",
		Example: "arn:aws:acm-pca:us-west-2:123456789012:certificate-authority/00000000-0000-4000-8000-000000000001",
		Doc: "Private certificate authority that issues the requested certificate; without one, Amazon issues a " +
			"public certificate."},
}

var routingEntries = []Entry{
	{Key: Actions, Family: "<name>", Syntax: JSON, Scope: OnIngress, Affects: diag.Route,
		Example: `{"type":"redirect","redirectConfig":{"protocol":"HTTPS","port":"443","statusCode":"HTTP_301"}}`,
		Doc: "Action of the paths whose backend is service <name> with port name use-annotation: forward (weighted), " +
			"redirect or fixed-response."},
	{Key: Conditions, Family: "<Service name>", Syntax: JSON, Scope: OnIngress, Affects: diag.Route,
		Example: `[{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X-Env","values":["dev"]}}]`,
		Doc:     "Further conditions of the paths whose backend is that Service."},
	{Key: Transforms, Family: "<Service name>", Syntax: JSON, Scope: OnIngress, Affects: diag.Route,
		Example: `[{"type":"url-rewrite","urlRewriteConfig":{"rewrites":[{"regex":"^/api/(.*)$","replace":"/$1"}]}}]`,
		Doc:     "Rewrites of host or URL for the paths whose backend is that Service."},
	{Key: RegexPathMatch, Syntax: Bool, Scope: OnIngress, Affects: diag.Route,
		Default: "false", Example: "true",
		Doc: "Whether paths of type ImplementationSpecific are a slash followed by a regular expression."},
	{Key: TargetType, Syntax: String, Scope: OnBoth, Affects: diag.Route,
		Class:   "targetType",
		Default: "--default-target-type (instance)",
		Values:  []string{"instance", "ip"}, Example: "ip",
		Doc: "Whether targets are nodes (by node port) or pods. A change replaces the target group."},
	{Key: BackendProtocol, Syntax: String, Scope: OnBoth, Affects: diag.Route,
		Default: "HTTP",
		Values:  []string{"HTTP", "HTTPS"}, Example: "HTTPS",
		Doc: "Protocol towards the targets. A change replaces the target group."},
	{Key: BackendProtocolVersion, Syntax: String, Scope: OnBoth, Affects: diag.Route,
		Default: "HTTP1",
		Values:  []string{"HTTP1", "HTTP2", "GRPC"},
		Example: "GRPC",
		Doc:     "Protocol version towards the targets. A change replaces the target group."},
	{Key: TargetGroupAttributes, Syntax: Map, Scope: OnBoth, Affects: diag.Route,
		Example: "deregistration_delay.timeout_seconds=30",
		Doc:     "Attributes of the target groups. The map of a Service replaces the one of the Ingress."},
	{Key: TargetNodeLabels, Syntax: Map, Scope: OnBoth, Affects: diag.Route, Default: "all nodes", Example: "pool=web",
		Doc: "Labels of the nodes that become instance targets."},
	{Key: DriftPolicy, Syntax: String, Scope: OnIngress, Affects: diag.AddOn,
		Default: "the class's policy, otherwise --drift-policy (correct)", Merge: perKey, Example: "report,tags=ignore",
		Doc: "Policy for changes made in AWS by hand: `correct`, `report` or `ignore`, or `GROUP=POLICY` for groups of " +
			"fields, separated by commas ([by-hand.md](tasks/by-hand.md)). Annotation elbv2.k8s.aws/drift-policy of the " +
			"IngressClassParams takes precedence, per group."},
	{Key: ReplacementPolicy, Syntax: String, Scope: OnIngress, Affects: diag.AddOn,
		Default: "the class's policy, otherwise --replacement-policy (allow)", Merge: agree,
		Example: "refuse,except=k8s-shop-web-0123456789",
		Doc: "Policy for edits that would replace the load balancer and its DNS name, such as a change of scheme: `allow` " +
			"or `refuse`; `,except=NAME` allows the replacement of one load balancer, and `,keep=1h` keeps the old one for " +
			"this time ([replacement.md](tasks/replacement.md)). Annotation elbv2.k8s.aws/replacement-policy of the " +
			"IngressClassParams takes precedence."},
	{Key: ExistingLoadBalancer, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Merge: agree,
		Example: "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/platform/0123456789abcdef",
		Doc: "ARN or name of an existing load balancer, for ownership `shared` " +
			"([sharing-existing.md](tasks/sharing-existing.md)) or `adopted` ([ownership.md](tasks/ownership.md))."},
	{Key: Ownership, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Default: "`managed`", Example: "observed",
		Doc: "What the controller may do with the load balancer: `managed`, everything that the object declares; " +
			"`shared`, only listeners and rules, with their target groups, on the existing load balancer that " +
			"`existing-load-balancer` names; `adopted`, everything, but deletions and changes on that load balancer wait " +
			"until `approved-plan` approves them; `observed`, nothing: it shows the address and what it would do, and writes " +
			"nothing to AWS ([ownership.md](tasks/ownership.md)). Annotation elbv2.k8s.aws/ownership of the " +
			"IngressClassParams takes precedence."},
	{Key: DeletionPolicy, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Default: "`Delete`", Example: "Retain",
		Doc: deletionPolicyDoc},
	{Key: ApprovedPlan, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Default: "every plan is applied",
		Example: "none",
		Doc:     approvedPlanDoc},
	{Key: AllowDeletion, Syntax: Bool, Scope: OnIngress, Affects: diag.AddOn, Default: "false", Example: "true",
		Doc: allowDeletionDoc},
	{Key: DeleteDuplicates, Syntax: List, Scope: OnIngress, Affects: diag.AddOn, Example: "sg-0123456789abcdef0",
		Doc: deleteDuplicatesDoc},
	{Key: MultiCluster, Syntax: Bool, Scope: OnBoth, Affects: diag.Route, Default: "false", Example: "true",
		Doc: "Whether other clusters register targets in the same target group; true on either object applies."},
	{Key: TargetControlPort, Family: "<Service name>.<Service port>", Syntax: Int32, Scope: OnBoth, Affects: diag.Route,
		Min: 1, Max: 65535, Example: "3000",
		Doc: "Port of the target control agent; needs ip targets. A change replaces the target group."},
}

var healthEntries = []Entry{
	{Key: HealthCheck, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "of the other annotations",
		Values:  []string{FromReadinessProbe},
		Example: FromReadinessProbe,
		Doc: "`from-readiness-probe`: the health check is that of the readiness probe of the pods; what the other " +
			"annotations set takes precedence ([health-checks.md](tasks/health-checks.md))."},
	{Key: HealthCheckPort, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "traffic-port", Example: "8081",
		Doc: "Port of the health check: a number, traffic-port, or the name of a Service port."},
	{Key: HealthCheckProtocol, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "as backend-protocol",
		Values: []string{"HTTP", "HTTPS"}, Example: "HTTP",
		Doc: "Protocol of the health check."},
	{Key: HealthCheckPath, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "/ (GRPC: /AWS.ALB/healthcheck)",
		Example: "/healthz",
		Doc:     "Path of the health check, 1 to 1024 characters, starting with a slash."},
	{Key: HealthCheckInterval, Syntax: Int32, Scope: OnBoth, Affects: diag.Route, Default: "15", Min: 5, Max: 300,
		Example: "30",
		Doc:     "Seconds between health checks; more than the timeout."},
	{Key: HealthCheckTimeout, Syntax: Int32, Scope: OnBoth, Affects: diag.Route, Default: "5", Min: 2, Max: 120,
		Example: "5",
		Doc:     "Seconds until a health check has failed."},
	{Key: HealthyThreshold, Syntax: Int32, Scope: OnBoth, Affects: diag.Route, Default: "2", Min: 2, Max: 10, Example: "2",
		Doc: "Health checks in a row that make a target healthy."},
	{Key: UnhealthyThreshold, Syntax: Int32, Scope: OnBoth, Affects: diag.Route, Default: "2", Min: 2, Max: 10,
		Example: "2",
		Doc:     "Failed health checks in a row that make a target unhealthy."},
	{Key: SuccessCodes, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "200 (GRPC: 12)",
		Example: "200-299,301",
		Doc:     "Codes of a passed health check: values, lists and ranges, 200 to 499, or gRPC codes 0 to 99."},
}

var authEntries = []Entry{
	{Key: AuthType, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "none",
		Values: []string{"none", "cognito", "oidc"}, Example: "oidc",
		Doc: "Authentication of users at the HTTPS listeners. Values on a Service apply only to forwards to that " +
			"Service alone."},
	{Key: AuthIDPCognito, Syntax: JSON, Scope: OnBoth, Affects: diag.Route,
		Example: `{"userPoolARN":"arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_a","userPoolClientID":"id","userPoolDomain":"domain"}`,
		Doc: "Cognito user pool: userPoolARN, userPoolClientID, userPoolDomain, and optionally " +
			"authenticationRequestExtraParams."},
	{Key: AuthIDPOIDC, Syntax: JSON, Scope: OnBoth, Affects: diag.Route,
		Example: `{"issuer":"https://example.com","authorizationEndpoint":"https://a.example.com","tokenEndpoint":"https://t.example.com","userInfoEndpoint":"https://u.example.com","secretName":"oidc"}`,
		Doc: "OIDC identity provider: issuer, authorizationEndpoint, tokenEndpoint, userInfoEndpoint, secretName, and " +
			"optionally authenticationRequestExtraParams. " +
			"The Secret is in the Ingress's namespace and has keys clientID (or clientId) and clientSecret."},
	{Key: AuthUnauthenticated, Syntax: String, Scope: OnBoth, Affects: diag.Route,
		Default: "authenticate", Values: []string{
			"authenticate", "allow", "deny"},
		Example: "deny",
		Doc:     "Action for requests without a session."},
	{Key: AuthScope, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "openid", Example: "email openid",
		Doc: "Scopes of the requested claims, separated by spaces."},
	{Key: AuthSessionCookie, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "AWSELBAuthSessionCookie",
		Example: "session", Doc: "Name of the session cookie."},
	{Key: AuthSessionTimeout, Syntax: Int64, Scope: OnBoth, Affects: diag.Route, Default: "604800", Min: 1, Max: 604800,
		Example: "86400", Doc: "Duration of a session in seconds."},
	{Key: JWTValidation, Syntax: JSON, Scope: OnIngress, Affects: diag.Route,
		Example: `{"jwksEndpoint":"https://example.com/jwks","issuer":"https://example.com"}`,
		Doc: "Validation of JSON web tokens at the HTTPS listeners: jwksEndpoint, issuer, and optionally " +
			"additionalClaims, a list of {format, name, values}."},
	{Key: WrittenSecrets, Syntax: Map, Scope: Written, Affects: diag.Route, Example: "oidc=1f3a",
		Doc: "Keyed fingerprints of the client secrets that were last sent to AWS, by Secret; see decision 9."},
}

// frontendEntries configure a network load balancer in front of the ALB.
var frontendEntries = []Entry{
	{Key: Frontend, Syntax: Bool, Scope: OnIngress, Affects: diag.Frontend, SettingName: "frontend/enabled",
		Default: "false",
		Merge:   agree, Example: "true",
		Doc: "Whether a network load balancer is created in front of the ALB. Both names are in the status, " +
			"the ALB's first."},
	{Key: FrontendScheme, Syntax: String, Scope: OnIngress, Affects: diag.Frontend, SettingName: "frontend/scheme",
		Default: "--default-load-balancer-scheme (internal)", Merge: agree,
		Values: []string{"internal", "internet-facing"}, Example: "internet-facing",
		Doc: "Scheme of the network load balancer; not the ALB's by default. A change replaces it. Annotation " +
			"elbv2.k8s.aws/frontend-nlb-scheme of the IngressClassParams takes precedence; without it, spec.scheme " +
			"internal there excludes internet-facing."},
	{Key: FrontendSubnets, Syntax: List, Scope: OnIngress, Affects: diag.Frontend, SettingName: "frontend/subnets",
		Default: "discovered by tags or route tables", Merge: agree, Example: "subnet-0a1, subnet-0b1",
		Doc: "Subnets of the network load balancer by id or by the value of their Name tag; one per zone."},
	{Key: FrontendSecurityGroups, Syntax: List, Scope: OnIngress, Affects: diag.Frontend,
		SettingName: "frontend/security-groups", Default: "those of the ALB", Merge: agree,
		Example: "sg-0123456789abcdef0, frontend",
		Doc:     "Security groups of the network load balancer by id or by the value of their Name tag."},
	{Key: FrontendPorts, Syntax: Map, Scope: OnIngress, Affects: diag.Frontend, SettingName: "frontend/ports",
		Default: "every port of the ALB, to itself", Merge: "members must agree, per port of the network load balancer",
		Example: "80=443",
		Doc: "Ports of the network load balancer, each with the port of the ALB that it forwards to. Other ports of the " +
			"Ingress are not opened."},
	{Key: FrontendEIPAllocations, Syntax: List, Scope: OnIngress, Affects: diag.Frontend,
		SettingName: "frontend/eip-allocations", Merge: agree, Example: "eipalloc-0a1, eipalloc-0b1",
		Doc: "Elastic IP addresses of an internet-facing network load balancer, one per subnet."},
	{Key: FrontendAttributes, Syntax: Map, Scope: OnIngress, Affects: diag.Frontend, Merge: agree,
		Example: "load_balancing.cross_zone.enabled=true",
		Doc:     "Attributes of the network load balancer. One that is removed keeps its last value."},
	{Key: FrontendTags, Syntax: Map, Scope: OnIngress, Affects: diag.Frontend, Default: "those of the ALB", Merge: agree,
		Example: "Team=edge",
		Doc: "Tags of the network load balancer, its listeners and target groups, in place of all tags of the ALB and of " +
			"the controller's default tags."},
	{Key: FrontendHealthCheckPort, Syntax: String, Scope: OnIngress, Affects: diag.Frontend, Default: "traffic-port",
		Merge: perPort, Example: "443",
		Doc: "Port of the ALB that the network load balancer checks: a number or traffic-port."},
	{Key: FrontendHealthCheckProtocol, Syntax: String, Scope: OnIngress, Affects: diag.Frontend, Default: "HTTP",
		Merge:  perPort,
		Values: []string{"HTTP", "HTTPS"}, Example: "HTTPS",
		Doc: "Protocol of the check of the ALB."},
	{Key: FrontendHealthCheckPath, Syntax: String, Scope: OnIngress, Affects: diag.Frontend, Default: "/", Merge: perPort,
		Example: "/healthz",
		Doc:     "Path of the check of the ALB, 1 to 1024 characters, starting with a slash."},
	{Key: FrontendHealthCheckInterval, Syntax: Int32, Scope: OnIngress, Affects: diag.Frontend, Default: "15", Min: 5,
		Max: 300, Merge: perPort, Example: "30",
		Doc: "Seconds between checks of the ALB; not less than the timeout."},
	{Key: FrontendHealthCheckTimeout, Syntax: Int32, Scope: OnIngress, Affects: diag.Frontend, Default: "5", Min: 2,
		Max: 120, Merge: perPort, Example: "5",
		Doc: "Seconds until a check of the ALB has failed."},
	{Key: FrontendHealthyThreshold, Syntax: Int32, Scope: OnIngress, Affects: diag.Frontend, Default: "2", Min: 2, Max: 10,
		Merge: perPort, Example: "3",
		Doc: "Checks in a row that make the ALB healthy."},
	{Key: FrontendUnhealthyThreshold, Syntax: Int32, Scope: OnIngress, Affects: diag.Frontend, Default: "2", Min: 2,
		Max: 10, Merge: perPort, Example: "3",
		Doc: "Failed checks in a row that make the ALB unhealthy."},
	{Key: FrontendSuccessCodes, Syntax: String, Scope: OnIngress, Affects: diag.Frontend, Default: "200", Merge: perPort,
		Example: "200-404",
		Doc:     "Codes of a passed check of the ALB: values, lists and ranges, 200 to 599."},
}

// dryRunEntries are about dry runs.
var dryRunEntries = []Entry{
	{Key: DryRun, Syntax: Bool, Scope: OnIngress, Affects: diag.LoadBalancer, Default: "false", Example: "true",
		Doc: "If true, the controller only plans the Ingress: it deploys nothing, writes the stack to dry-run-plan, and " +
			"an event counts the planned changes. What is already deployed does not change."},
	{Key: DryRunPlan, Syntax: JSON, Scope: Written, Affects: diag.LoadBalancer, Example: "{}",
		Doc: "Stack of the Ingress under dry run; with gate IngressPlanAnnotation also that of every group, on its first " +
			"member. Not read."},
	{Key: DryRunPlanGzip, Syntax: String, Scope: Written, Affects: diag.LoadBalancer,
		Example: "H4sIAAAAAAAA/6quBQQAAP//Q7+mowIAAAA=",
		Doc:     "The same, compressed with gzip and in base64, if it is too large for an annotation. Not read."},
}

// classicEntries are about web ACLs of WAF Classic, which AWS has ended: they have no effect, and a finding says so.
var classicEntries = []Entry{
	{Key: ClassicWebACL, Syntax: String, Scope: OnIngress, Affects: diag.AddOn,
		Example: "00000000-0000-4000-8000-000000000001",
		Doc: "No effect: AWS ended WAF Classic on 2025-09-30, and a Warning event says that the web ACL is not " +
			"associated. Use wafv2-acl-arn."},
	{Key: FormerWebACL, Syntax: String, Scope: OnIngress, Affects: diag.AddOn,
		Example: "00000000-0000-4000-8000-000000000001",
		Doc:     "Former spelling of waf-acl-id, without effect as well."},
}
