// Package annotation holds the table of all annotations (entry.go, ingress.go, service.go), and the typed reader and
// the advice on spelling that use it. docs/annotations.md is generated from the table. Front ends translate the
// values.
package annotation

// Key is the full key of an annotation. A key that ends in a dot is a family: see For.
type Key string

// Prefixes of keys.
const (
	IngressPrefix = "alb.ingress.kubernetes.io/"
	ServicePrefix = "service.beta.kubernetes.io/"
	GatewayPrefix = "gateway.k8s.aws/"
)

// For completes the key of a family, e.g. Actions.For("blue-green").
func (k Key) For(rest string) Key { return k + Key(rest) }

// Path returns the field path of the annotation in diagnostics.
func (k Key) Path() string { return "metadata.annotations[" + string(k) + "]" }

// Keys that are read on Ingresses.
const (
	GroupName              Key = IngressPrefix + "group.name"
	GroupOrder             Key = IngressPrefix + "group.order"
	AllowDeletion          Key = IngressPrefix + "allow-deletion"
	ApprovedPlan           Key = IngressPrefix + "approved-plan"
	DeletionPolicy         Key = IngressPrefix + "deletion-policy"
	Ownership              Key = IngressPrefix + "ownership"
	ExistingLoadBalancer   Key = IngressPrefix + "existing-load-balancer"
	DeleteDuplicates       Key = IngressPrefix + "delete-duplicates"
	DriftPolicy            Key = IngressPrefix + "drift-policy"
	ReplacementPolicy      Key = IngressPrefix + "replacement-policy"
	DryRun                 Key = IngressPrefix + "dry-run"
	DryRunPlan             Key = IngressPrefix + "dry-run-plan"
	DryRunPlanGzip         Key = IngressPrefix + "dry-run-plan-gzip"
	LoadBalancerName       Key = IngressPrefix + "load-balancer-name"
	Scheme                 Key = IngressPrefix + "scheme"
	IPAddressType          Key = IngressPrefix + "ip-address-type"
	Subnets                Key = IngressPrefix + "subnets"
	SecurityGroups         Key = IngressPrefix + "security-groups"
	ManageBackend          Key = IngressPrefix + "manage-backend-security-group-rules"
	InboundCIDRs           Key = IngressPrefix + "inbound-cidrs"
	PrefixLists            Key = IngressPrefix + "security-group-prefix-lists"
	LoadBalancerAttributes Key = IngressPrefix + "load-balancer-attributes"
	Tags                   Key = IngressPrefix + "tags"

	CustomerOwnedPool      Key = IngressPrefix + "customer-owned-ipv4-pool"
	IPAMPool               Key = IngressPrefix + "ipam-ipv4-pool-id"
	Capacity               Key = IngressPrefix + "minimum-load-balancer-capacity"
	WebACLARN              Key = IngressPrefix + "wafv2-acl-arn"
	WebACLName             Key = IngressPrefix + "wafv2-acl-name"
	ClassicWebACL          Key = IngressPrefix + "waf-acl-id"
	FormerWebACL           Key = IngressPrefix + "web-acl-id"
	Shield                 Key = IngressPrefix + "shield-advanced-protection"
	ListenPorts            Key = IngressPrefix + "listen-ports"
	SSLRedirect            Key = IngressPrefix + "ssl-redirect"
	CertificateARN         Key = IngressPrefix + "certificate-arn"
	CreateCertificate      Key = IngressPrefix + "create-acm-cert"
	ImportTLSSecrets       Key = IngressPrefix + "import-tls-secrets"
	CertificateAuthority   Key = IngressPrefix + "acm-pca-arn"
	SSLPolicy              Key = IngressPrefix + "ssl-policy"
	MutualAuthentication   Key = IngressPrefix + "mutual-authentication"
	ListenerAttributes     Key = IngressPrefix + "listener-attributes."
	Actions                Key = IngressPrefix + "actions."
	Conditions             Key = IngressPrefix + "conditions."
	Transforms             Key = IngressPrefix + "transforms."
	RegexPathMatch         Key = IngressPrefix + "use-regex-path-match"
	TargetType             Key = IngressPrefix + "target-type"
	BackendProtocol        Key = IngressPrefix + "backend-protocol"
	BackendProtocolVersion Key = IngressPrefix + "backend-protocol-version"
	TargetGroupAttributes  Key = IngressPrefix + "target-group-attributes"
	TargetNodeLabels       Key = IngressPrefix + "target-node-labels"
	MultiCluster           Key = IngressPrefix + "multi-cluster-target-group"
	TargetControlPort      Key = IngressPrefix + "target-control-port."
	HealthCheck            Key = IngressPrefix + "healthcheck"
	HealthCheckPort        Key = IngressPrefix + "healthcheck-port"
	HealthCheckProtocol    Key = IngressPrefix + "healthcheck-protocol"
	HealthCheckPath        Key = IngressPrefix + "healthcheck-path"
	HealthCheckInterval    Key = IngressPrefix + "healthcheck-interval-seconds"
	HealthCheckTimeout     Key = IngressPrefix + "healthcheck-timeout-seconds"
	HealthyThreshold       Key = IngressPrefix + "healthy-threshold-count"
	UnhealthyThreshold     Key = IngressPrefix + "unhealthy-threshold-count"
	SuccessCodes           Key = IngressPrefix + "success-codes"
	AuthType               Key = IngressPrefix + "auth-type"
	AuthIDPCognito         Key = IngressPrefix + "auth-idp-cognito"
	AuthIDPOIDC            Key = IngressPrefix + "auth-idp-oidc"
	AuthUnauthenticated    Key = IngressPrefix + "auth-on-unauthenticated-request"
	AuthScope              Key = IngressPrefix + "auth-scope"
	AuthSessionCookie      Key = IngressPrefix + "auth-session-cookie"
	AuthSessionTimeout     Key = IngressPrefix + "auth-session-timeout"
	JWTValidation          Key = IngressPrefix + "jwt-validation"
	WrittenSecrets         Key = IngressPrefix + "written-secrets"

	// A network load balancer in front of the ALB.
	Frontend                    Key = IngressPrefix + "enable-frontend-nlb"
	FrontendScheme              Key = IngressPrefix + "frontend-nlb-scheme"
	FrontendSubnets             Key = IngressPrefix + "frontend-nlb-subnets"
	FrontendSecurityGroups      Key = IngressPrefix + "frontend-nlb-security-groups"
	FrontendPorts               Key = IngressPrefix + "frontend-nlb-listener-port-mapping"
	FrontendEIPAllocations      Key = IngressPrefix + "frontend-nlb-eip-allocations"
	FrontendAttributes          Key = IngressPrefix + "frontend-nlb-attributes"
	FrontendTags                Key = IngressPrefix + "frontend-nlb-tags"
	FrontendHealthCheckPort     Key = IngressPrefix + "frontend-nlb-healthcheck-port"
	FrontendHealthCheckProtocol Key = IngressPrefix + "frontend-nlb-healthcheck-protocol"
	FrontendHealthCheckPath     Key = IngressPrefix + "frontend-nlb-healthcheck-path"
	FrontendHealthCheckInterval Key = IngressPrefix + "frontend-nlb-healthcheck-interval-seconds"
	FrontendHealthCheckTimeout  Key = IngressPrefix + "frontend-nlb-healthcheck-timeout-seconds"
	FrontendHealthyThreshold    Key = IngressPrefix + "frontend-nlb-healthcheck-healthy-threshold-count"
	FrontendUnhealthyThreshold  Key = IngressPrefix + "frontend-nlb-healthcheck-unhealthy-threshold-count"
	FrontendSuccessCodes        Key = IngressPrefix + "frontend-nlb-healthcheck-success-codes"
)

// Keys that are read on Services of type LoadBalancer.
const (
	ServiceType                  Key = ServicePrefix + "aws-load-balancer-type"
	ServiceTargetType            Key = ServicePrefix + "aws-load-balancer-nlb-target-type"
	ServiceGroupName             Key = ServicePrefix + "aws-load-balancer-group-name"
	ServiceName                  Key = ServicePrefix + "aws-load-balancer-name"
	ServiceScheme                Key = ServicePrefix + "aws-load-balancer-scheme"
	ServiceInternal              Key = ServicePrefix + "aws-load-balancer-internal"
	ServiceIPAddressType         Key = ServicePrefix + "aws-load-balancer-ip-address-type"
	ServiceSubnets               Key = ServicePrefix + "aws-load-balancer-subnets"
	ServiceEIPAllocations        Key = ServicePrefix + "aws-load-balancer-eip-allocations"
	ServicePrivateIPv4           Key = ServicePrefix + "aws-load-balancer-private-ipv4-addresses"
	ServiceIPv6Addresses         Key = ServicePrefix + "aws-load-balancer-ipv6-addresses"
	ServiceSourceNAT             Key = ServicePrefix + "aws-load-balancer-enable-prefix-for-ipv6-source-nat"
	ServiceSourceNATPrefixes     Key = ServicePrefix + "aws-load-balancer-source-nat-ipv6-prefixes"
	ServiceCapacity              Key = ServicePrefix + "aws-load-balancer-minimum-load-balancer-capacity"
	ServicePrivateLinkRules      Key = ServicePrefix + "aws-load-balancer-inbound-sg-rules-on-private-link-traffic"
	ServiceTags                  Key = ServicePrefix + "aws-load-balancer-additional-resource-tags"
	ServiceAttributes            Key = ServicePrefix + "aws-load-balancer-attributes"
	ServiceAccessLog             Key = ServicePrefix + "aws-load-balancer-access-log-enabled"
	ServiceAccessLogBucket       Key = ServicePrefix + "aws-load-balancer-access-log-s3-bucket-name"
	ServiceAccessLogPrefix       Key = ServicePrefix + "aws-load-balancer-access-log-s3-bucket-prefix"
	ServiceCrossZone             Key = ServicePrefix + "aws-load-balancer-cross-zone-load-balancing-enabled"
	ServiceSecurityGroups        Key = ServicePrefix + "aws-load-balancer-security-groups"
	ServiceManageBackend         Key = ServicePrefix + "aws-load-balancer-manage-backend-security-group-rules"
	ServiceDisableSecurityGroups Key = ServicePrefix + "aws-load-balancer-disable-nlb-sg"
	ServiceSourceRanges          Key = ServicePrefix + "load-balancer-source-ranges"
	ServicePrefixLists           Key = ServicePrefix + "aws-load-balancer-security-group-prefix-lists"
	ServiceICMP                  Key = ServicePrefix + "aws-load-balancer-enable-icmp-for-path-mtu-discovery"
	ServiceCertificates          Key = ServicePrefix + "aws-load-balancer-ssl-cert"
	ServiceSSLPorts              Key = ServicePrefix + "aws-load-balancer-ssl-ports"
	ServiceSSLPolicy             Key = ServicePrefix + "aws-load-balancer-ssl-negotiation-policy"
	ServiceBackendProtocol       Key = ServicePrefix + "aws-load-balancer-backend-protocol"
	ServiceALPN                  Key = ServicePrefix + "aws-load-balancer-alpn-policy"
	ServiceListenerAttributes    Key = ServicePrefix + "aws-load-balancer-listener-attributes."
	ServiceTCPUDPListener        Key = ServicePrefix + "aws-load-balancer-enable-tcp-udp-listener"
	ServiceQUICPorts             Key = ServicePrefix + "aws-load-balancer-quic-enabled-ports"
	ServiceQUICContainers        Key = ServicePrefix + "aws-load-balancer-quic-enabled-containers"
	ServiceActions               Key = ServicePrefix + "actions."
	ServiceTGAttributes          Key = ServicePrefix + "aws-load-balancer-target-group-attributes"
	ServicePortTGAttributes      Key = ServicePrefix + "aws-load-balancer-target-group-attributes."
	ServiceProxyProtocol         Key = ServicePrefix + "aws-load-balancer-proxy-protocol"
	ServiceProxyProtocolPorts    Key = ServicePrefix + "aws-load-balancer-proxy-protocol-per-target-group"
	ServiceNodeLabels            Key = ServicePrefix + "aws-load-balancer-target-node-labels"
	ServiceApprovedPlan          Key = ServicePrefix + "aws-load-balancer-approved-plan"
	ServiceDeletionPolicy        Key = ServicePrefix + "aws-load-balancer-deletion-policy"
	ServiceOwnership             Key = ServicePrefix + "aws-load-balancer-ownership"
	ServiceExistingLoadBalancer  Key = ServicePrefix + "aws-load-balancer-existing"
	ServiceAllowDeletion         Key = ServicePrefix + "aws-load-balancer-allow-deletion"
	ServiceDriftPolicy           Key = ServicePrefix + "aws-load-balancer-drift-policy"
	ServiceReplacementPolicy     Key = ServicePrefix + "aws-load-balancer-replacement-policy"
	ServiceDeleteDuplicates      Key = ServicePrefix + "aws-load-balancer-delete-duplicates"
	ServiceMultiCluster          Key = ServicePrefix + "aws-load-balancer-multi-cluster-target-group"
	ServiceHealthCheck           Key = ServicePrefix + "aws-load-balancer-healthcheck"
	ServiceHCProtocol            Key = ServicePrefix + "aws-load-balancer-healthcheck-protocol"
	ServiceHCPort                Key = ServicePrefix + "aws-load-balancer-healthcheck-port"
	ServiceHCPath                Key = ServicePrefix + "aws-load-balancer-healthcheck-path"
	ServiceHCSuccessCodes        Key = ServicePrefix + "aws-load-balancer-healthcheck-success-codes"
	ServiceHCInterval            Key = ServicePrefix + "aws-load-balancer-healthcheck-interval"
	ServiceHCTimeout             Key = ServicePrefix + "aws-load-balancer-healthcheck-timeout"
	ServiceHCHealthy             Key = ServicePrefix + "aws-load-balancer-healthcheck-healthy-threshold"
	ServiceHCUnhealthy           Key = ServicePrefix + "aws-load-balancer-healthcheck-unhealthy-threshold"
)

// Keys that are read on IngressClassParams and LoadBalancerConfigurations, whose schemas have no fields for them.
const (
	ClassDriftPolicy       Key = "elbv2.k8s.aws/drift-policy"
	ClassReplacementPolicy Key = "elbv2.k8s.aws/replacement-policy"
	ClassOwnership         Key = "elbv2.k8s.aws/ownership"
	ClassApprovedPlan      Key = "elbv2.k8s.aws/approved-plan" // of takeovers
	ClassFrontendScheme    Key = "elbv2.k8s.aws/frontend-nlb-scheme"
)

// Keys that are read on TargetGroupBindings, GlobalAccelerators and pods.
const (
	AllowDeregistration           Key = "elbv2.k8s.aws/allow-deregistration"
	AcceleratorDeletionProtection Key = "aga.k8s.aws/deletion-protection"
	PodDrainSeconds               Key = "elbv2.k8s.aws/pod-drain-seconds"
	TargetControlAgent            Key = "elbv2.k8s.aws/alb-target-control-agent-" // and the name of a setting
)

// Keys that are read on Gateways.
const (
	GatewayAllowDeletion     Key = GatewayPrefix + "allow-deletion"
	GatewayApprovedPlan      Key = GatewayPrefix + "approved-plan"
	GatewayDeletionPolicy    Key = GatewayPrefix + "deletion-policy"
	GatewayOwnership         Key = GatewayPrefix + "ownership"
	GatewayExisting          Key = GatewayPrefix + "existing-load-balancer"
	GatewayDeleteDuplicates  Key = GatewayPrefix + "delete-duplicates"
	GatewayDriftPolicy       Key = GatewayPrefix + "drift-policy"
	GatewayReplacementPolicy Key = GatewayPrefix + "replacement-policy"
	GatewayDryRun            Key = GatewayPrefix + "dry-run"
	GatewayDryRunPlan        Key = GatewayPrefix + "dry-run-plan"
	GatewayDryRunPlanGzip    Key = GatewayPrefix + "dry-run-plan-gzip"
	GatewayRuleConstruction  Key = GatewayPrefix + "rule-construction"

	GatewaySettingsNamespaces Key = GatewayPrefix + "settings-namespaces"
)
