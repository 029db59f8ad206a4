package annotation

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// ingressEntries are the annotations with prefix alb.ingress.kubernetes.io/.
var ingressEntries = slices.Concat(loadBalancerEntries, classicEntries, shieldEntries, dryRunEntries, listenerEntries,
	routingEntries, healthEntries, authEntries, frontendEntries)

var loadBalancerEntries = []Entry{
	// Name of the Ingress group. The Ingresses of a group share one load balancer. At most 63 characters: a-z, 0-9,
	// hyphen and dot.
	{Key: GroupName, Syntax: String, Scope: OnIngress, Affects: diag.LoadBalancer, Class: "group.name",
		Example: "shared-alb"},
	// Place of the Ingress in its group. The load balancer evaluates the rules of Ingresses with lower numbers first.
	// Ingresses with equal numbers are in the order of namespace and name, with [one
	// exception](shared/rule-order.md#the-order-of-rules).
	{Key: GroupOrder, Syntax: Int32, Scope: OnIngress, Affects: diag.Route, Default: "0", Min: -1000, Max: 1000,
		Example: "10"},
	// Name of the load balancer, at most 32 characters; only used when the load balancer is created.
	{Key: LoadBalancerName, Syntax: String, Scope: OnIngress, Affects: diag.LoadBalancer,
		Class: "loadBalancerName", Default: "k8s-<namespace>-<name>-<hash>", Merge: agree,
		Example: "example-alb"},
	// Whether the load balancer has public addresses. A change replaces the load balancer.
	{Key: Scheme, Syntax: String, Scope: OnIngress, Affects: diag.LoadBalancer, Class: "scheme",
		Default: "--default-load-balancer-scheme (internal)", Merge: agree,
		Values: []string{"internal", "internet-facing"}, Example: "internet-facing"},
	// Address family of the load balancer.
	{Key: IPAddressType, Syntax: String, Scope: OnIngress, Affects: diag.LoadBalancer,
		Class: "ipAddressType", Default: "--default-ip-address-type (ipv4)", Merge: agree,
		Values:  []string{"ipv4", "dualstack", "dualstack-without-public-ipv4"},
		Example: "dualstack"},
	// Subnets by id or by the value of their Name tag; one per zone. An ALB needs at least two.
	{Key: Subnets, Syntax: List, Scope: OnIngress, Affects: diag.LoadBalancer, Class: "subnets",
		Default: "discovered by tags or route tables", Merge: agree,
		Example: "subnet-0a1, subnet-0b1"},
	// Customer-owned address pool on an Outpost; only used when the load balancer is created. The value must not be empty.
	{Key: CustomerOwnedPool, Syntax: String, Scope: OnIngress, Affects: diag.LoadBalancer,
		Merge: agree, Example: "ipv4pool-coip-0123456789abcdef0"},
	// IPAM pool of the public IPv4 addresses. An empty value counts as absent.
	{Key: IPAMPool, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Class: "ipamConfiguration.ipv4IPAMPoolId",
		Default: "Amazon's addresses", Merge: agree,
		Example: "ipam-pool-0123456789abcdef0"},
	// Security groups of the load balancer by id or by the value of their Name tag. With this annotation, the controller
	// ignores inbound-cidrs.
	{Key: SecurityGroups, Syntax: List, Scope: OnIngress, Affects: diag.LoadBalancer,
		Default: "a security group that the controller manages", Merge: agree, Example: "sg-0123456789abcdef0, frontend"},
	// Whether the controller manages the security group rules that let the load balancer reach nodes and pods. The
	// annotation has an effect only if an Ingress of the load balancer has security-groups.
	{Key: ManageBackend, Syntax: Bool, Scope: OnIngress, Affects: diag.LoadBalancer,
		Default: "--enable-manage-backend-security-group-rules (false)",
		Merge:   agree, Example: "true"},
	// Addresses that may reach the listeners. The controller writes these addresses to the security group that it
	// manages.
	{Key: InboundCIDRs, Syntax: List, Scope: OnIngress, Affects: diag.Listener,
		Class: "inboundCIDRs", Default: "0.0.0.0/0, ::/0", Merge: perPort, Example: "198.51.100.0/24, 2001:db8::/32"},
	// Prefix lists that may reach the listeners. The controller writes these prefix lists to the security group that it
	// manages.
	{Key: PrefixLists, Syntax: List, Scope: OnIngress, Affects: diag.Listener, SettingName: "prefix-lists",
		Class: "prefixListsIDs", Merge: perPort, Example: "pl-0123456789abcdef0"},
	// Attributes of the load balancer. If you remove an attribute, AWS keeps the last value of the attribute.
	{Key: LoadBalancerAttributes, Syntax: Map, Scope: OnIngress, Affects: diag.LoadBalancer,
		Class: "loadBalancerAttributes", Merge: perKey,
		Example: "idle_timeout.timeout_seconds=120,deletion_protection.enabled=true"},
	// Reserved capacity units, 100 to 15000. The controller makes the reservation when the load balancer is active. The
	// value `CapacityUnits=0` removes the reservation. If you remove the annotation, the reservation stays, unless the
	// feature gate EnhancedDefaultBehavior is on.
	{Key: Capacity, Syntax: Map, Scope: OnIngress, Affects: diag.AddOn, Class: "minimumLoadBalancerCapacity.capacityUnits",
		Default: "the controller changes nothing", Merge: agree,
		Example: "CapacityUnits=1000"},
	// Tags of the AWS resources. On a backend Service: tags of the Service's target groups. If the Ingress and the
	// Service have the same key, the value of the Service applies.
	{Key: Tags, Syntax: Map, Scope: OnBoth, Affects: diag.Route, Class: "tags", Merge: perKey,
		Example: "Team=web,Stage=prod"},
	// WAFv2 web ACL by ARN. The value `none` removes the association. An empty value counts as absent. If wafv2-acl-name
	// of the Ingress names a web ACL, the controller ignores this annotation. If wafv2-acl-name is empty, this annotation
	// applies. If wafv2-acl-name is `none`, and the load balancer already has the web ACL of this annotation, the
	// controller keeps this web ACL. If wafv2-acl-name is `none`, and the load balancer does not have this web ACL, the
	// load balancer gets no web ACL ([details](shared/settings.md#class-parameters-and-web-acls)).
	{Key: WebACLARN, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Class: "wafv2AclArn",
		Default: "the controller changes nothing", Merge: agree,
		Example: "arn:aws:wafv2:us-west-2:123456789012:regional/webacl/web/00000000-0000-4000-8000-000000000001"},
	// WAFv2 web ACL by name, in the account and region of the load balancer. The value `none` removes the association,
	// unless wafv2-acl-arn names the associated web ACL. An empty value counts as absent.
	{Key: WebACLName, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Class: "wafv2AclName",
		Default: "the controller changes nothing", Merge: agree, Example: "web"},
}

var shieldEntries = []Entry{
	// Shield Advanced protection of the load balancer, for accounts that subscribe to Shield Advanced. The value false
	// removes only a protection that the controller created.
	{Key: Shield, Syntax: Bool, Scope: OnIngress, Affects: diag.AddOn, Default: "the controller changes nothing",
		Merge: agree, Example: "true"},
}

var listenerEntries = []Entry{
	// Listeners of the load balancer that serve this Ingress.
	{Key: ListenPorts, Syntax: JSON, Scope: OnIngress, Affects: diag.Listener,
		Default: `[{"HTTP":80}], or [{"HTTPS":443}] with certificates`, Merge: union,
		Example: `[{"HTTP":80},{"HTTPS":443}]`},
	// HTTPS port to which every HTTP listener of the group redirects.
	{Key: SSLRedirect, Syntax: Int32, Scope: OnIngress, Affects: diag.LoadBalancer,
		Class: "sslRedirectPort", Merge: agree, Min: 1, Max: 65535, Example: "443"},
	// Certificates of the HTTPS listeners; the first is the default certificate.
	{Key: CertificateARN, Syntax: List, Scope: OnIngress, Affects: diag.Certificate,
		Class: "certificateArn", Default: "found by host name", Merge: union,
		Example: "arn:aws:acm:us-west-2:123456789012:certificate/0123"},
	// Protocols and ciphers of the HTTPS listeners.
	{Key: SSLPolicy, Syntax: String, Scope: OnIngress, Affects: diag.Listener,
		Class:   "sslPolicy",
		Default: "--default-ssl-policy (ELBSecurityPolicy-2016-08)", Merge: perPort,
		Example: "ELBSecurityPolicy-TLS13-1-2-2021-06"},
	// How HTTPS listeners handle client certificates, per port. Mode `off`: the listener requests no certificate. Mode
	// `passthrough`: the listener passes the certificate to the targets in headers. Mode `verify`: the listener verifies
	// the certificate against the trust store in trustStore, by name or ARN. Mode `verify` also allows
	// ignoreClientCertificateExpiry (true or false) and advertiseTrustStoreCaNames (on or off). If you remove the
	// annotation and the feature gate EnhancedDefaultBehavior is on, the controller sets mode `off`. Without this gate,
	// the listener keeps its mode until you set mode `off`.
	{Key: MutualAuthentication, Syntax: JSON, Scope: OnIngress, Affects: diag.Listener,
		Merge:   perPort,
		Example: `[{"port":443,"mode":"verify","trustStore":"corp-ca"}]`},
	// Attributes of the listener with that protocol and port, e.g. listener-attributes.HTTPS-443. If you remove an
	// attribute, AWS keeps the last value of the attribute.
	{Key: ListenerAttributes, Family: "<protocol>-<port>", Syntax: Map, Scope: OnIngress, Affects: diag.Listener,
		Class: "listeners", Merge: perKey,
		Example: "routing.http.response.server.enabled=false"},
	// If true, the controller requests a certificate from ACM for the hosts of rules and spec.tls, and validates the
	// certificate in Route 53. When ACM has issued the certificate, the controller attaches the certificate to the HTTPS
	// listeners. When you delete the Ingress, the controller also deletes the certificate. The annotation needs the
	// feature gate EnableCertificateManagement. If certificate-arn is set, the controller ignores this annotation.
	{Key: CreateCertificate, Syntax: Bool, Scope: OnIngress, Affects: diag.Certificate, Default: "false", Example: "true"},
	// If true, the controller imports the Secrets of spec.tls into ACM, and imports a Secret again when the Secret
	// changes. When you delete the Ingress, the controller also deletes the imported certificates. The annotation needs
	// --enable-tls-secret-import. If certificate-arn or create-acm-cert is set, the controller ignores this annotation.
	// The AWS Load Balancer Controller v3.5 does not have this annotation.
	{Key: ImportTLSSecrets, Syntax: Bool, Scope: OnIngress, Affects: diag.Certificate,
		Class: "importTLSSecrets", Default: "false", Example: "true"},
	// Private certificate authority that issues the certificates of create-acm-cert. Without a private authority, Amazon
	// issues a public certificate.
	{Key: CertificateAuthority, Syntax: String, Scope: OnIngress, Affects: diag.Certificate, Default: "--default-pca-arn",
		Example: "arn:aws:acm-pca:us-west-2:123456789012:certificate-authority/00000000-0000-4000-8000-000000000001"},
}

var routingEntries = []Entry{
	// Action of the paths whose backend is service <name> with port name use-annotation. Types: forward (weighted),
	// redirect and fixed-response.
	{Key: Actions, Family: "<name>", Syntax: JSON, Scope: OnIngress, Affects: diag.Route,
		Example: `{"type":"redirect","redirectConfig":{"protocol":"HTTPS","port":"443","statusCode":"HTTP_301"}}`},
	// Further conditions of the paths whose backend is that Service.
	{Key: Conditions, Family: "<Service name>", Syntax: JSON, Scope: OnIngress, Affects: diag.Route,
		Example: `[{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X-Env","values":["dev"]}}]`},
	// Rewrites of host or URL for the paths whose backend is that Service.
	{Key: Transforms, Family: "<Service name>", Syntax: JSON, Scope: OnIngress, Affects: diag.Route,
		Example: `[{"type":"url-rewrite","urlRewriteConfig":{"rewrites":[{"regex":"^/api/(.*)$","replace":"/$1"}]}}]`},
	// If true, the rest of a path of type ImplementationSpecific, after the slash at its beginning, is a regular
	// expression.
	{Key: RegexPathMatch, Syntax: Bool, Scope: OnIngress, Affects: diag.Route, Default: "false", Example: "true"},
	// Whether targets are nodes (by node port) or pods. A change replaces the target group.
	{Key: TargetType, Syntax: String, Scope: OnBoth, Affects: diag.Route,
		Class:   "targetType",
		Default: "--default-target-type (instance)",
		Values:  []string{"instance", "ip"}, Example: "ip"},
	// Protocol towards the targets. A change replaces the target group.
	{Key: BackendProtocol, Syntax: String, Scope: OnBoth, Affects: diag.Route,
		Default: "HTTP",
		Values:  []string{"HTTP", "HTTPS"}, Example: "HTTPS"},
	// Protocol version towards the targets. A change replaces the target group.
	{Key: BackendProtocolVersion, Syntax: String, Scope: OnBoth, Affects: diag.Route,
		Default: "HTTP1",
		Values:  []string{"HTTP1", "HTTP2", "GRPC"},
		Example: "GRPC"},
	// Attributes of the target groups. The attributes on a Service replace all attributes on the Ingress.
	{Key: TargetGroupAttributes, Syntax: Map, Scope: OnBoth, Affects: diag.Route,
		Example: "deregistration_delay.timeout_seconds=30"},
	// Labels of the nodes that become instance targets.
	{Key: TargetNodeLabels, Syntax: Map, Scope: OnBoth, Affects: diag.Route, Default: "all nodes", Example: "pool=web"},
	// Policy for changes made in AWS by hand: `correct`, `report` or `ignore`. For single groups of fields, add
	// `GROUP=POLICY`, separated by commas ([by-hand.md](tasks/by-hand.md)). Annotation elbv2.k8s.aws/drift-policy of the
	// IngressClassParams takes precedence for the groups of fields to which it gives a policy. A policy without GROUP is
	// for all groups of fields that the value does not name.
	{Key: DriftPolicy, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Merge: perKey,
		Default: "the policy of the IngressClassParams, otherwise --drift-policy (correct)", Example: "report,tags=ignore"},
	// Policy for edits that would replace the load balancer and its DNS name, such as a change of scheme: `allow` or
	// `refuse`. `,except=NAME` allows the replacement of the load balancer NAME. `,keep=1h` keeps the old load balancer
	// for an hour ([replacement.md](tasks/replacement.md)). Annotation elbv2.k8s.aws/replacement-policy of the
	// IngressClassParams takes precedence.
	{Key: ReplacementPolicy, Syntax: String, Scope: OnIngress, Affects: diag.AddOn,
		Default: "the policy of the IngressClassParams, otherwise --replacement-policy (allow)", Merge: agree,
		Example: "refuse,except=k8s-shop-web-0123456789"},
	// ARN or name of an existing load balancer, for ownership `shared`
	// ([sharing-existing.md](tasks/sharing-existing.md)) or `adopted` ([ownership.md](tasks/ownership.md)).
	{Key: ExistingLoadBalancer, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Merge: agree,
		Example: "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/platform/0123456789abcdef"},
	// Which changes the controller may make to the load balancer. `managed`: everything that the object declares.
	// `shared`: only listeners and rules, with their target groups, on the existing load balancer that
	// `existing-load-balancer` names. `adopted`: everything that the object declares, on the existing load balancer that
	// `existing-load-balancer` names. With `adopted`, deletions and most changes of existing parts wait until you approve
	// the plan with `approved-plan`. `observed`: the controller writes nothing to AWS, with [a few
	// exceptions](tasks/ownership.md#what-observed-stops), and shows the address and the plan of the load balancer
	// ([ownership.md](tasks/ownership.md)). Annotation elbv2.k8s.aws/ownership of the IngressClassParams takes precedence.
	{Key: Ownership, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Default: "`managed`", Example: "observed"},
	// How the controller treats the load balancer when you delete the object or, in a group of Ingresses or Services, the
	// last object. `Delete`: the controller deletes the load balancer. `Retain`: the controller keeps the load balancer
	// and its target groups in AWS. The controller still updates the targets of backend Services that exist; targets of
	// deleted Services stay unchanged. If you create the object again, the controller uses the retained load balancer for
	// the new object. `RetainWithoutTags`: the controller keeps the load balancer and removes the controller's tags, so
	// that somebody else can own the load balancer. Exception: without the annotation, an adopted load balancer stays in
	// AWS ([deletion-policy.md](tasks/deletion-policy.md)).
	{Key: DeletionPolicy, Syntax: String, Scope: OnIngress, Affects: diag.AddOn, Default: "`Delete`", Example: "Retain"},
	// Digest (a hash of the desired state) of the plan that you approve: the controller makes only changes that lead to
	// this state. `lbc plan` and an event with code `PlanNotApproved` show the digest. The value `none` approves no plan:
	// the controller changes nothing that needs an approval. Changes of targets, and a few other changes, need no approval
	// ([approve.md](tasks/approve.md#what-the-approval-covers)).
	{Key: ApprovedPlan, Syntax: String, Scope: OnIngress, Affects: diag.AddOn,
		Default: "the controller applies every plan, except some plans of adopted load balancers", Example: "none"},
	// If true, the controller may delete a load balancer that the object no longer declares, even if --deletion-brake
	// would otherwise stop the deletion.
	{Key: AllowDeletion, Syntax: Bool, Scope: OnIngress, Affects: diag.AddOn, Default: "false", Example: "true"},
	// Duplicates that the controller may delete: ARNs of load balancers and target groups, and ids of security groups. A
	// duplicate has the tags of the object's load balancer and serves no traffic.
	{Key: DeleteDuplicates, Syntax: List, Scope: OnIngress, Affects: diag.AddOn, Example: "sg-0123456789abcdef0"},
	// Whether other clusters register targets in the same target group. If the Ingress or the Service has the value true,
	// true applies.
	{Key: MultiCluster, Syntax: Bool, Scope: OnBoth, Affects: diag.Route, Default: "false", Example: "true"},
	// Port of the target control agent; needs ip targets. A change replaces the target group.
	{Key: TargetControlPort, Family: "<Service name>.<Service port>", Syntax: Int32, Scope: OnBoth, Affects: diag.Route,
		Min: 1, Max: 65535, Example: "3000"},
}

var healthEntries = []Entry{
	// `from-readiness-probe`: the controller copies the settings of the pods' readiness probe to the health check. The
	// other health check annotations take precedence ([health-checks.md](tasks/health-checks.md)).
	{Key: HealthCheck, Syntax: String, Scope: OnBoth, Affects: diag.Route,
		Default: "values of the other health check annotations", Values: []string{FromReadinessProbe},
		Example: FromReadinessProbe},
	// Port of the health check: a number, traffic-port, or the name of a Service port.
	{Key: HealthCheckPort, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "traffic-port", Example: "8081"},
	// Protocol of the health check.
	{Key: HealthCheckProtocol, Syntax: String, Scope: OnBoth, Affects: diag.Route,
		Default: "the value of backend-protocol", Values: []string{"HTTP", "HTTPS"}, Example: "HTTP"},
	// Path of the health check, 1 to 1024 characters, starting with a slash.
	{Key: HealthCheckPath, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "/ (GRPC: /AWS.ALB/healthcheck)",
		Example: "/healthz"},
	// Seconds between health checks; the value must be greater than the timeout.
	{Key: HealthCheckInterval, Syntax: Int32, Scope: OnBoth, Affects: diag.Route, Default: "15", Min: 5, Max: 300,
		Example: "30"},
	// Timeout of a health check in seconds.
	{Key: HealthCheckTimeout, Syntax: Int32, Scope: OnBoth, Affects: diag.Route, Default: "5", Min: 2, Max: 120,
		Example: "5"},
	// Number of passed health checks in a row after which a target is healthy.
	{Key: HealthyThreshold, Syntax: Int32, Scope: OnBoth, Affects: diag.Route, Default: "2", Min: 2, Max: 10,
		Example: "2"},
	// Number of failed health checks in a row after which a target is unhealthy.
	{Key: UnhealthyThreshold, Syntax: Int32, Scope: OnBoth, Affects: diag.Route, Default: "2", Min: 2, Max: 10,
		Example: "2"},
	// Response codes of a passed health check: values, lists and ranges of HTTP codes 200 to 499, or of gRPC codes 0 to
	// 99.
	{Key: SuccessCodes, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "200 (GRPC: 12)",
		Example: "200-299,301"},
}

var authEntries = []Entry{
	// Authentication of users at the HTTPS listeners. Values on a Service apply only to rules that forward to this Service
	// and to no other Service.
	{Key: AuthType, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "none",
		Values: []string{"none", "cognito", "oidc"}, Example: "oidc"},
	// Cognito user pool: userPoolARN, userPoolClientID, userPoolDomain, and optionally
	// authenticationRequestExtraParams.
	{Key: AuthIDPCognito, Syntax: JSON, Scope: OnBoth, Affects: diag.Route,
		Example: `{"userPoolARN":"arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_a","userPoolClientID":"id","userPoolDomain":"domain"}`},
	// OIDC identity provider: issuer, authorizationEndpoint, tokenEndpoint, userInfoEndpoint, secretName, and
	// optionally authenticationRequestExtraParams. The Secret is in the Ingress's namespace and has keys clientID (or
	// clientId) and clientSecret.
	{Key: AuthIDPOIDC, Syntax: JSON, Scope: OnBoth, Affects: diag.Route,
		Example: `{"issuer":"https://example.com","authorizationEndpoint":"https://a.example.com","tokenEndpoint":"https://t.example.com","userInfoEndpoint":"https://u.example.com","secretName":"oidc"}`},
	// Action for requests without a session.
	{Key: AuthUnauthenticated, Syntax: String, Scope: OnBoth, Affects: diag.Route,
		Default: "authenticate", Values: []string{
			"authenticate", "allow", "deny"},
		Example: "deny"},
	// Scopes of the requested claims, separated by spaces.
	{Key: AuthScope, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "openid", Example: "email openid"},
	// Name of the session cookie.
	{Key: AuthSessionCookie, Syntax: String, Scope: OnBoth, Affects: diag.Route, Default: "AWSELBAuthSessionCookie",
		Example: "session"},
	// Duration of a session in seconds.
	{Key: AuthSessionTimeout, Syntax: Int64, Scope: OnBoth, Affects: diag.Route, Default: "604800", Min: 1, Max: 604800,
		Example: "86400"},
	// Validation of JSON web tokens at the HTTPS listeners: jwksEndpoint, issuer, and optionally additionalClaims, a
	// list of {format, name, values}.
	{Key: JWTValidation, Syntax: JSON, Scope: OnIngress, Affects: diag.Route,
		Example: `{"jwksEndpoint":"https://example.com/jwks","issuer":"https://example.com"}`},
	// Fingerprint (HMAC) of the OIDC client secret that the controller last sent to AWS, for each Secret ([decision
	// 9](decisions/0009-client-secrets.md)).
	{Key: WrittenSecrets, Syntax: Map, Scope: Written, Affects: diag.Route, Example: "oidc=1f3a"},
}

// frontendEntries configure a network load balancer in front of the ALB.
var frontendEntries = []Entry{
	// Whether the controller creates a network load balancer in front of the ALB. The status has the DNS names of both
	// load balancers, the name of the ALB first.
	{Key: Frontend, Syntax: Bool, Scope: OnIngress, Affects: diag.Frontend, SettingName: "frontend/enabled",
		Default: "false",
		Merge:   agree, Example: "true"},
	// Scheme of the network load balancer. The default does not depend on the scheme of the ALB. A change replaces the
	// network load balancer. Annotation elbv2.k8s.aws/frontend-nlb-scheme of the IngressClassParams takes precedence. If
	// the IngressClassParams have spec.scheme `internal` but not annotation elbv2.k8s.aws/frontend-nlb-scheme, the network
	// load balancer is internal, unless an internet-facing one already exists.
	{Key: FrontendScheme, Syntax: String, Scope: OnIngress, Affects: diag.Frontend, SettingName: "frontend/scheme",
		Default: "--default-load-balancer-scheme (internal)", Merge: agree,
		Values: []string{"internal", "internet-facing"}, Example: "internet-facing"},
	// Subnets of the network load balancer by id or by the value of their Name tag; one per zone.
	{Key: FrontendSubnets, Syntax: List, Scope: OnIngress, Affects: diag.Frontend, SettingName: "frontend/subnets",
		Default: "discovered by tags or route tables", Merge: agree, Example: "subnet-0a1, subnet-0b1"},
	// Security groups of the network load balancer by id or by the value of their Name tag.
	{Key: FrontendSecurityGroups, Syntax: List, Scope: OnIngress, Affects: diag.Frontend,
		SettingName: "frontend/security-groups", Default: "the security groups of the ALB", Merge: agree,
		Example: "sg-0123456789abcdef0, frontend"},
	// Ports of the network load balancer, each with the port of the ALB to which the network load balancer forwards. If
	// the annotation does not name a port of the ALB, the network load balancer does not forward to that port.
	{Key: FrontendPorts, Syntax: Map, Scope: OnIngress, Affects: diag.Frontend, SettingName: "frontend/ports",
		Default: "every port of the ALB, with the same number",
		Merge:   "shared, per port of the network load balancer", Example: "80=443"},
	// Elastic IP addresses of an internet-facing network load balancer, one per subnet.
	{Key: FrontendEIPAllocations, Syntax: List, Scope: OnIngress, Affects: diag.Frontend,
		SettingName: "frontend/eip-allocations", Merge: agree, Example: "eipalloc-0a1, eipalloc-0b1"},
	// Attributes of the network load balancer. If you remove an attribute, AWS keeps the last value of the attribute.
	{Key: FrontendAttributes, Syntax: Map, Scope: OnIngress, Affects: diag.Frontend, Merge: agree,
		Example: "load_balancing.cross_zone.enabled=true"},
	// Tags of the network load balancer, its listeners and target groups. These tags replace all tags that these
	// resources would otherwise have from the ALB and from --default-tags.
	{Key: FrontendTags, Syntax: Map, Scope: OnIngress, Affects: diag.Frontend, Default: "the tags of the ALB",
		Merge: agree, Example: "Team=edge"},
	// Port of the ALB that the network load balancer checks: a number or traffic-port.
	{Key: FrontendHealthCheckPort, Syntax: String, Scope: OnIngress, Affects: diag.Frontend, Default: "traffic-port",
		Merge: perPort, Example: "443"},
	// Protocol of the check of the ALB.
	{Key: FrontendHealthCheckProtocol, Syntax: String, Scope: OnIngress, Affects: diag.Frontend, Default: "HTTP",
		Merge:  perPort,
		Values: []string{"HTTP", "HTTPS"}, Example: "HTTPS"},
	// Path of the check of the ALB, 1 to 1024 characters, starting with a slash.
	{Key: FrontendHealthCheckPath, Syntax: String, Scope: OnIngress, Affects: diag.Frontend, Default: "/", Merge: perPort,
		Example: "/healthz"},
	// Seconds between checks of the ALB; the value must not be less than the timeout.
	{Key: FrontendHealthCheckInterval, Syntax: Int32, Scope: OnIngress, Affects: diag.Frontend, Default: "15", Min: 5,
		Max: 300, Merge: perPort, Example: "30"},
	// Timeout of a check of the ALB in seconds.
	{Key: FrontendHealthCheckTimeout, Syntax: Int32, Scope: OnIngress, Affects: diag.Frontend, Default: "5", Min: 2,
		Max: 120, Merge: perPort, Example: "5"},
	// Number of passed checks in a row after which the ALB is healthy.
	{Key: FrontendHealthyThreshold, Syntax: Int32, Scope: OnIngress, Affects: diag.Frontend, Default: "2", Min: 2, Max: 10,
		Merge: perPort, Example: "3"},
	// Number of failed checks in a row after which the ALB is unhealthy.
	{Key: FrontendUnhealthyThreshold, Syntax: Int32, Scope: OnIngress, Affects: diag.Frontend, Default: "2", Min: 2,
		Max: 10, Merge: perPort, Example: "3"},
	// Response codes of a passed check of the ALB: values, lists and ranges, 200 to 599.
	{Key: FrontendSuccessCodes, Syntax: String, Scope: OnIngress, Affects: diag.Frontend, Default: "200", Merge: perPort,
		Example: "200-404"},
}

// dryRunEntries are about dry runs.
var dryRunEntries = []Entry{
	// If true, the controller plans the Ingress but does not deploy the Ingress. The controller writes the planned load
	// balancer with its resources ([stack](architecture.md#glossary)) to dry-run-plan, and an event counts the planned
	// changes. Resources of the Ingress that are already deployed do not change.
	{Key: DryRun, Syntax: Bool, Scope: OnIngress, Affects: diag.LoadBalancer, Default: "false", Example: "true"},
	// Planned load balancer of an Ingress with dry-run, with its resources ([stack](architecture.md#glossary)). With
	// feature gate IngressPlanAnnotation, the first Ingress of every group has the planned load balancer of the group,
	// even without dry-run. The controller does not read this annotation.
	{Key: DryRunPlan, Syntax: JSON, Scope: Written, Affects: diag.LoadBalancer, Example: "{}"},
	// The content of dry-run-plan, compressed with gzip and in base64. If the content is too large for dry-run-plan, the
	// controller writes this annotation instead. The controller does not read this annotation.
	{Key: DryRunPlanGzip, Syntax: String, Scope: Written, Affects: diag.LoadBalancer,
		Example: "H4sIAAAAAAAA/6quBQQAAP//Q7+mowIAAAA="},
}

// classicEntries are about web ACLs of WAF Classic, which AWS has ended: they have no effect, and a finding says so.
var classicEntries = []Entry{
	// No effect: AWS ended WAF Classic on 2025-09-30, and a Warning event says that the web ACL is not associated. Use
	// wafv2-acl-arn.
	{Key: ClassicWebACL, Syntax: String, Scope: OnIngress, Affects: diag.AddOn,
		Example: "00000000-0000-4000-8000-000000000001"},
	// Former name of waf-acl-id. This annotation has no effect either.
	{Key: FormerWebACL, Syntax: String, Scope: OnIngress, Affects: diag.AddOn,
		Example: "00000000-0000-4000-8000-000000000001"},
}
