package config

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
)

// spare holds the values of flags that a Config does not have: of features that this version does not have, and of what
// ends the program.
type spare struct {
	waf           bool
	version       bool
	vpcTagKey     string
	consoleAddr   string
	nodeDrain     bool
	deleteOrphans time.Duration
}

// bind declares every flag. Names, types and most defaults are those of the existing controller, which lacks some of
// them, such as --strict-groups.
func bind(fs *pflag.FlagSet, c *Config, s *spare) {
	c.Throttle = DefaultThrottle()
	bindDefaults(fs, c)
	bindTargets(fs, c, s)
	bindTenants(fs, c)
	bindWorkers(fs, c)
	bindIngress(fs, c, s)
	bindFeatures(fs, c, s)
	bindAWS(fs, c, s)
	bindProcess(fs, c, s)
}

// bindDefaults declares the cluster's name and what objects without settings of their own get.
func bindDefaults(fs *pflag.FlagSet, c *Config) {
	fs.StringVar(&c.ClusterName, "cluster-name", "", "name of the Kubernetes cluster; part of tags and names in AWS, so "+
		"do not change it")
	fs.StringVar(&c.LogLevel, "log-level", "info", "info or debug; any other value means info")
	fs.StringToStringVar(&c.DefaultTags, "default-tags", nil, "AWS tags of every resource that the controller creates")
	fs.StringSliceVar(&c.ExternalManagedTags, "external-managed-tags", nil,
		"keys of tags that the controller neither adds, changes nor removes")
	fs.StringVar(&c.DefaultTargetType, "default-target-type", "instance",
		"target type of objects without the annotation: instance or ip")
	fs.StringVar(&c.DefaultScheme, "default-load-balancer-scheme", "internal",
		"scheme of objects without the annotation: internal or internet-facing")
	fs.StringVar(&c.DefaultAddressType, "default-ip-address-type", "ipv4",
		"IP address type of new load balancers whose objects declare no type: ipv4 or dualstack. With dualstack, existing "+
			"load balancers keep their type, and NLBs with UDP or QUIC listeners are ipv4. Without dualstack, load balancers "+
			"whose objects declare no type become ipv4 again")
	fs.StringVar(&c.DefaultSSLPolicy, "default-ssl-policy", "ELBSecurityPolicy-2016-08",
		"default TLS policy of HTTPS and TLS listeners")
	fs.StringVar(&c.LoadBalancerClass, "load-balancer-class", "service.k8s.aws/nlb",
		"spec.loadBalancerClass of the Services that this controller reconciles")
}

// bindTargets declares the flags about targets and their security groups.
func bindTargets(fs *pflag.FlagSet, c *Config, s *spare) {
	fs.BoolVar(&c.EnableBackendSG, "enable-backend-security-group", true,
		"use one shared security group as the source in security group rules of nodes and pods")
	fs.BoolVar(&c.EnableManageBackendSG, "enable-manage-backend-security-group-rules", false,
		"also manage the security group rules of nodes and pods for objects whose annotation names security groups")
	fs.StringVar(&c.BackendSecurityGroup, "backend-security-group", "",
		"ID of an existing security group to use as the shared security group")
	fs.BoolVar(&c.DisableRestrictedRules, "disable-restricted-sg-rules", false,
		"open all ports of nodes and pods to load balancers, instead of the ports in use")
	fs.BoolVar(&c.EnableEndpointSlices, "enable-endpoint-slices", true,
		"read EndpointSlices for ip targets; false has no effect except for a notice, because Kubernetes also creates "+
			"EndpointSlices from Endpoints")
	fs.StringToStringVar(&c.TargetENISecurityTags, "service-target-eni-security-group-tags", nil,
		"additional tags that select one security group if a network interface has several security groups")
	fs.BoolVar(&c.ExcludedNodes, "exclude-ip-targets-by-node-label", false,
		"do not register pods on nodes with the label node.kubernetes.io/exclude-from-external-load-balancers as ip "+
			"targets, unless these pods are more than half of a target group")
	fs.BoolVar(&s.nodeDrain, "enable-node-drain-condition", false, removed+"the controller writes no conditions to nodes")
	fs.StringVar(&c.NodeSecurityGroup, "node-security-group", "",
		"ID of the security group of nodes and pods to which the controller adds its rules; empty: tags select it")
	fs.IntVar(&c.RulesPerSecurityGroup, "max-rules-per-security-group", 0,
		"the account's quota of inbound rules per security group; 0 = AWS's default of 60")
	fs.IntVar(&c.MaxTargetsPerGroup, "max-targets-per-target-group", 0,
		"maximum number of targets registered per target group; 0 = no limit")
	fs.DurationVar(&c.BindingRequeue, "targetgroupbinding-requeue-duration", defaultBindingRequeue,
		"requeue interval of a TargetGroupBinding that waits for AWS")
	fs.DurationVar(&c.StabilizationInterval, "lb-stabilization-monitor-interval", defaultStabilization,
		"poll interval while a new load balancer becomes active, before the controller reserves capacity")
}

// bindTenants declares what users of single namespaces may do, and the labels of objects.
func bindTenants(fs *pflag.FlagSet, c *Config) {
	fs.StringToStringVar(&c.ObjectLabels, "object-labels", nil,
		"labels, key=value, of all objects that the controller creates: TargetGroupBindings, LoadBalancer objects, "+
			"ConfigMaps, the Secret of the webhooks, the Lease; existing objects get the labels with their next reconcile or "+
			"write")
	fs.StringSliceVar(&c.CopiedLabels, "copied-labels", nil,
		"keys of labels that the controller copies from an Ingress, Service or Gateway to its TargetGroupBindings and "+
			"LoadBalancer object")
	fs.StringSliceVar(&c.AssumableRoles, "assumable-roles", []string{allowlist.Any},
		"ARNs of the roles that TargetGroupBindings may name to reach target groups of other accounts; * stands for any "+
			"characters; NAMESPACE=ARN allows a role only to TargetGroupBindings of this namespace; none: no role")
	fs.StringSliceVar(&c.ExistingLoadBalancers, "existing-load-balancers", []string{allowlist.None},
		"names or ARNs of load balancers that objects may share or adopt with the annotation existing-load-balancer; * "+
			"stands for any characters; NAMESPACE=PATTERN allows them only to objects of this namespace, and these objects "+
			"may then also approve an adoption; none: only load balancers whose tag elbv2.k8s.aws/shared-with allows it")
	fs.StringSliceVar(&c.BindableTargetGroups, "bindable-target-groups", []string{allowlist.Any},
		"names or ARNs of target groups that TargetGroupBindings may name although the target groups have no tags of this "+
			"cluster; * stands for any characters; NAMESPACE=PATTERN allows them only to this namespace; none: no such target "+
			"group")
	fs.StringSliceVar(&c.BindingNetworking, "binding-networking", []string{allowlist.None},
		"what spec.networking of TargetGroupBindings may open in addition to the ports of their targets, for a limited "+
			"number of public addresses. any-port: any port, also ports of nodes, and also for Services and Gateways; "+
			"any-source: any number of public addresses; *: any-port and any-source; NAMESPACE=any-port allows any-port only "+
			"to this namespace; none: nothing in addition")
	fs.StringSliceVar(&c.ExternalTargetGroups, "external-target-groups", []string{allowlist.Any},
		"target groups without tags of this cluster to which rules and listeners may forward; the syntax is the same as "+
			"for --bindable-target-groups")
	fs.StringSliceVar(&c.CrossNamespaceTargetGroups, "cross-namespace-target-groups", []string{allowlist.None},
		"target groups of this cluster to which rules and listeners of other namespaces may forward without a "+
			"ReferenceGrant. TargetGroupBindings of other namespaces may share these target groups by "+
			"multiClusterTargetGroup. The syntax is the same as for --bindable-target-groups")
	fs.StringSliceVar(&c.EndpointsWithoutPods, "endpoints-without-pods", []string{allowlist.None},
		"address ranges (CIDR) that EndpointSlices may name, as ip targets or behind instance targets, although they "+
			"belong to no pod of the namespace; NAMESPACE=CIDR allows a range only to this namespace. Addresses of nodes and "+
			"link-local addresses are never allowed, and the controller opens no security group for these targets; none: "+
			"only pods")
	fs.StringVar(&c.RequiredSecretsLabel, "required-secrets-label", "",
		"key=value label that a Secret must have before the controller reads it for an Ingress; Secrets of Gateways and "+
			"routes need no label")
}

// bindWorkers declares how much is reconciled in parallel, and the names of Gateways' controllers. A reconcile waits
// for AWS most of its time, and the limiter paces calls whatever their number. Few workers therefore save nothing and
// delay urgent work, above all that of targets.
func bindWorkers(fs *pflag.FlagSet, c *Config) {
	fs.IntVar(&c.IngressWorkers, "ingress-max-concurrent-reconciles", 48,
		"number of Ingress groups to reconcile in parallel (existing controller: 3)")
	fs.IntVar(&c.ServiceWorkers, "service-max-concurrent-reconciles", 48,
		"number of Services to reconcile in parallel (existing controller: 3)")
	fs.IntVar(&c.BindingWorkers, "targetgroupbinding-max-concurrent-reconciles", 32,
		"number of TargetGroupBindings to reconcile in parallel (existing controller: 3)")
	fs.IntVar(&c.Gateways.ClassWorkers, "gateway-class-max-concurrent-reconciles", 3,
		"number of GatewayClasses, and of each kind of Gateway configuration, to reconcile in parallel")
	fs.IntVar(&c.Gateways.ALBWorkers, "alb-gateway-max-concurrent-reconciles", 48,
		"number of ALB Gateways to reconcile in parallel (existing controller: 3)")
	fs.IntVar(&c.Gateways.NLBWorkers, "nlb-gateway-max-concurrent-reconciles", 48,
		"number of NLB Gateways to reconcile in parallel (existing controller: 3)")
	fs.StringVar(&c.Gateways.ALB, "alb-gateway-controller-name", "gateway.k8s.aws/alb",
		"spec.controllerName of the GatewayClasses whose Gateways become ALBs")
	fs.StringVar(&c.Gateways.NLB, "nlb-gateway-controller-name", "gateway.k8s.aws/nlb",
		"spec.controllerName of the GatewayClasses whose Gateways become NLBs")
	fs.StringVar(&c.Gateways.Auto, "auto-gateway-controller-name", "gateway.k8s.aws/auto",
		"spec.controllerName of the GatewayClasses whose Gateways become ALBs or NLBs, depending on the protocols of "+
			"their listeners")
	fs.IntVar(&c.Accelerators.Workers, "globalaccelerator-max-concurrent-reconciles", 1,
		"number of GlobalAccelerators to reconcile in parallel")
	fs.DurationVar(&c.BindingMaxBackoff, "targetgroupbinding-max-exponential-backoff-delay", defaultMaxBackoff,
		"longest pause between retries of a TargetGroupBinding")
	fs.DurationVar(&c.Accelerators.MaxBackoff, "globalaccelerator-max-exponential-backoff-delay", defaultMaxBackoff,
		"longest pause between retries of a GlobalAccelerator")
}

// bindIngress declares the flags about Ingresses, certificates and brakes.
func bindIngress(fs *pflag.FlagSet, c *Config, s *spare) {
	fs.StringVar(&c.IngressClass, "ingress-class", "alb",
		"reconcile Ingresses with this value of the annotation kubernetes.io/ingress.class; if empty: Ingresses with value "+
			"alb, and Ingresses without any class")
	fs.BoolVar(&c.Webhooks.DisableClassAnnotation, "disable-ingress-class-annotation", false,
		"refuse new use of the annotation kubernetes.io/ingress.class at admission")
	fs.BoolVar(&c.Webhooks.DisableGroupAnnotation, "disable-ingress-group-name-annotation", false,
		"refuse new use of the annotation group.name at admission")
	fs.BoolVar(&c.TolerateMissingService, "tolerate-non-existent-backend-service", true,
		"if a backend Service is missing, its requests get 503; if false, the Ingress fails")
	fs.BoolVar(&c.TolerateMissingAction, "tolerate-non-existent-backend-action", true,
		"if an actions annotation is missing, its requests get 503; if false, the Ingress fails")
	fs.StringSliceVar(&c.AllowedCAs, "allowed-certificate-authority-arns", nil,
		"discover only certificates of these certificate authorities; empty = all")
	fs.StringVar(&c.DefaultPCA, "default-pca-arn", "",
		"private certificate authority for certificates that the controller requests, if annotation acm-pca-arn names no "+
			"authority; if empty: Amazon's public authority")
	fs.BoolVar(&c.ImportTLSSecrets, "enable-tls-secret-import", false,
		"allow the annotation import-tls-secrets, which imports Secrets of spec.tls into ACM; needs additional permissions "+
			"in AWS, and rights on Secrets")
	fs.StringVar(&c.TrustStores.Bucket, "trust-store-bucket", "",
		"S3 bucket, in the load balancers' region, for the CA certificates that spec.tls.frontend of Gateways names. AWS "+
			"creates trust stores from these certificates. If empty, the controller does not accept listeners with such "+
			"certificates; needs additional permissions")
	fs.StringVar(&c.TrustStores.Prefix, "trust-store-prefix", "trust-stores", "prefix of the keys in --trust-store-bucket")
	fs.IntVar(&c.DeletionBrake, "deletion-brake", 10,
		"number of load balancers that the controller may delete within ten minutes because their objects no longer "+
			"declare them. If it would delete more than this number, and more than a quarter of all load balancers, further "+
			"deletions wait for consent; 0 = no limit")
	fs.DurationVar(&s.deleteOrphans, "delete-orphans-after", 0, removed+"use lbc orphans and lbc cleanup --orphans")
	fs.IntVar(&c.DeregistrationBrake, "deregistration-brake", 10,
		"number of target groups that may lose most of their targets within ten minutes although their pods or nodes "+
			"exist. If more target groups than this number, and more than a quarter of all target groups, would lose their "+
			"targets, further deregistrations wait for consent; 0 = no limit")
	fs.BoolVar(&c.ExistingFeaturesOnly, "existing-features-only", false,
		"refuse at admission all features that the AWS Load Balancer Controller v3.5 lacks, so that you can go back to "+
			"that controller at any time. New Gateways get the same rules as under that controller. You can still edit other "+
			"parts of objects that already have such features, and an event names these features")
	fs.BoolVar(&c.StrictGroups, "strict-groups", false,
		"an invalid member stops the changes of its whole Ingress group, as in the existing controller")
}

// bindFeatures declares the flags that switch features off, and those of readiness gates.
func bindFeatures(fs *pflag.FlagSet, c *Config, s *spare) {
	fs.BoolVar(&s.waf, "enable-waf", true, "no effect: AWS ended WAF Classic on 2025-09-30")
	fs.BoolVar(&c.EnableWAFv2, "enable-wafv2", true, "use wafv2-acl-arn and wafv2-acl-name; if false, the controller "+
		"does not call WAFv2")
	fs.BoolVar(&c.EnableShield, "enable-shield", true,
		"use shield-advanced-protection; if false, the controller does not call Shield")
	fs.BoolVar(&c.EnableReadinessGates, "enable-pod-readiness-gate-inject", true,
		"inject readiness gates into pods at admission")
	fs.DurationVar(&c.OpenGatesAfter, "open-readiness-gates-after", 0,
		"open the readiness gate of a pod that has waited this long because its target group does not exist, has no load "+
			"balancer, or does not contain the pod yet. The gate stays closed while health checks of the target are in "+
			"progress or fail; 0 = never")
	fs.StringVar(&c.QUICVariable, "quic-environment-variable-name", serverid.DefaultVariable,
		"environment variable that contains the QUIC server id, in containers of pods")
}

// bindAWS declares the flags about AWS.
func bindAWS(fs *pflag.FlagSet, c *Config, s *spare) {
	fs.StringVar(&c.Region, "aws-region", "", "AWS region; default: AWS_DEFAULT_REGION, AWS_REGION, instance metadata")
	fs.StringVar(&c.VPC, "aws-vpc-id", "", "VPC of the cluster; default: --aws-vpc-tags, instance metadata")
	fs.StringToStringVar(&c.VPCTags, "aws-vpc-tags", nil, "find the VPC by tags")
	fs.StringVar(&s.vpcTagKey, "aws-vpc-tag-key", "Name", "obsolete; use --aws-vpc-tags")
	fs.IntVar(&c.MaxRetries, "aws-max-retries", 10, "attempts per AWS call, including the first")
	fs.StringToStringVar(&c.APIEndpoints, "aws-api-endpoints", nil,
		"endpoint per AWS service, serviceID=URL (such as EC2=http://localhost:4566)")
	fs.Var(&c.Throttle, "aws-api-throttle", "client-side rate limits; an entry for an AWS service replaces the defaults "+
		"of the service. The defaults for ELBv2 apply only while AWS throttles")
}

// bindProcess declares the flags about the process.
func bindProcess(fs *pflag.FlagSet, c *Config, s *spare) {
	fs.BoolVar(&s.version, "version", false, "print the version, the commit and the version of Go, and exit")
	fs.StringVar(&c.Kubeconfig, "kubeconfig", "", "kubeconfig file; empty: the pod's service account")
	fs.StringVar(&c.MetricsAddr, "metrics-bind-addr", ":8080", "address of /metrics; 0 = none")
	fs.BoolVar(&c.MetricsSecure, "metrics-secure", false,
		"serve /metrics by HTTPS, only to clients whose bearer token the API server knows and allows to get /metrics; "+
			"needs the right to create TokenReviews and SubjectAccessReviews")
	fs.StringVar(&c.MetricsCertDir, "metrics-cert-dir", "",
		"with --metrics-secure: directory of tls.crt and tls.key, which the controller reads again when they change; if "+
			"empty, each replica uses its own self-signed certificate")
	fs.StringVar(&c.HealthAddr, "health-probe-bind-addr", ":61779", "address of /healthz and /readyz; 0 = none")
	fs.StringVar(&c.PprofAddr, "pprof-bind-addr", "",
		"address of /debug/pprof, the profiles of the process, such as 127.0.0.1:6060; anyone who reaches the address can "+
			"read them; empty = none")
	fs.StringVar(&s.consoleAddr, "console-bind-addr", "", removed+"use lbc console")
	fs.StringVar(&c.Traces.Endpoint, "otlp-traces-endpoint", "",
		"URL of an OpenTelemetry collector that accepts OTLP over HTTP, such as http://otel-collector.monitoring:4318; the "+
			"controller sends traces of reconciles to its path /v1/traces, or to the path in the URL; default: "+
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, then OTEL_EXPORTER_OTLP_ENDPOINT, otherwise no traces")
	fs.Float64Var(&c.Traces.Ratio, "otlp-traces-sampling-ratio", 1,
		"share of reconciles to trace, from 0 to 1. With 1, OTEL_TRACES_SAMPLER and its argument decide; without them, all "+
			"reconciles")
	bindWebhooks(fs, c)
	fs.BoolVar(&c.LeaderElection, "enable-leader-election", true,
		"elect a leader among replicas; only the leader reconciles")
	fs.StringVar(&c.LeaderElectionID, "leader-election-id", "aws-load-balancer-controller-leader", "name of the Lease")
	fs.StringVar(&c.LeaderElectionNamespace, "leader-election-namespace", "", "namespace of the Lease; empty: the "+
		"namespace of the pod")
	fs.StringVar(&c.WatchNamespace, "watch-namespace", "", "reconcile only objects of this namespace; empty = all")
	fs.BoolVar(&c.Checkpoints, "enable-checkpoints", true,
		"keep last valid versions and the observed state of AWS in ConfigMaps in the Lease's namespace. After a restart, "+
			"the controller then knows them and reads little from AWS")
	fs.DurationVar(&c.DriftInterval, "drift-check-interval", time.Hour,
		"interval at which the controller compares each load balancer and target group with AWS to find changes made by "+
			"hand; at most one read per second; 0 = only with --sync-period")
	fs.StringVar(&c.DriftPolicy, "drift-policy", "correct",
		"default policy for changes made in AWS by hand: correct, report or ignore, or GROUP=POLICY for groups of fields, "+
			"separated by commas. Objects and classes can override this policy")
	fs.StringVar(&c.ReplacementPolicy, "replacement-policy", "allow",
		"default policy for edits that would replace a load balancer and its DNS name: allow or refuse; with "+
			",keep=DURATION, the old load balancer stays for this time. Objects and classes can override this policy")
	fs.StringVar((*string)(&c.PublishAddress), "publish-address", string(WhenCreated),
		"when objects show the address of a new load balancer. created: once the load balancer is created; active: once it "+
			"is active and serves, two to three minutes later")
	fs.DurationVar(&c.SyncPeriod, "sync-period", 10*time.Hour, "interval at which the controller reconciles every "+
		"object again")
	fs.Var(&c.Gates, "feature-gates", gateHelp())
}

// Defaults that replace unusable values.
const (
	defaultBindingRequeue = 15 * time.Second
	defaultMaxBackoff     = 1000 * time.Second
	defaultStabilization  = 2 * time.Minute
)

// FlagSet returns the controller's flags bound to c, for help texts and documentation.
func FlagSet(c *Config) *pflag.FlagSet {
	fs := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	fs.SortFlags = true
	bind(fs, c, &spare{})
	return fs
}
