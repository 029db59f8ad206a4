package config

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/policy/iamroles"
)

// ErrHelp is what Parse returns after it has printed help.
var ErrHelp = pflag.ErrHelp

// ErrVersion is what Parse returns where the version is asked for.
var ErrVersion = errors.New("version")

// spare holds the values of flags that a Config does not have: of features that this version does not have, and of what ends the program.
type spare struct {
	waf       bool
	version   bool
	vpcTagKey string
}

// bind declares every flag. Names, types and defaults are those of the existing controller, which lacks some of them, such as
// --strict-groups.
func bind(fs *pflag.FlagSet, c *Config, s *spare) {
	c.Throttle = DefaultThrottle()

	fs.StringVar(&c.ClusterName, "cluster-name", "", "name of the Kubernetes cluster; part of tags and names in AWS, so do not change it")
	fs.StringVar(&c.LogLevel, "log-level", "info", "info or debug; anything else is info")
	fs.StringToStringVar(&c.DefaultTags, "default-tags", nil, "AWS tags put on every resource")
	fs.StringSliceVar(&c.ExternalManagedTags, "external-managed-tags", nil, "tag keys that are neither added, changed nor removed")
	fs.StringVar(&c.DefaultTargetType, "default-target-type", "instance", "target type without annotation: instance or ip")
	fs.StringVar(&c.DefaultScheme, "default-load-balancer-scheme", "internal", "scheme without annotation: internal or internet-facing")
	fs.StringVar(&c.DefaultSSLPolicy, "default-ssl-policy", "ELBSecurityPolicy-2016-08", "TLS policy of HTTPS and TLS listeners")
	fs.BoolVar(&c.EnableBackendSG, "enable-backend-security-group", true, "use one shared security group as source of the rules of nodes and pods")
	fs.BoolVar(&c.EnableManageBackendSG, "enable-manage-backend-security-group-rules", false, "manage the rules of nodes and pods also where security groups are given by annotation")
	fs.StringVar(&c.BackendSecurityGroup, "backend-security-group", "", "id of an existing group to use as the shared one")
	fs.BoolVar(&c.DisableRestrictedRules, "disable-restricted-sg-rules", false, "open all ports of nodes and pods to load balancers, instead of the ports in use")
	fs.BoolVar(&c.EnableEndpointSlices, "enable-endpoint-slices", true, "read EndpointSlices for ip targets; false has no effect: Kubernetes makes them of Endpoints, too, and a notice says so")
	fs.StringToStringVar(&c.TargetENISecurityTags, "service-target-eni-security-group-tags", nil, "further tags that pick the one security group of a network interface with several")
	fs.BoolVar(&c.ExcludedNodes, "exclude-ip-targets-by-node-label", false, "pods on nodes with the label node.kubernetes.io/exclude-from-external-load-balancers are no ip targets, unless they are more than half of a target group's")
	fs.BoolVar(&c.NodeDrainCondition, "enable-node-drain-condition", false, "show on nodes that are cordoned or about to go whether their targets have drained, by the condition elbv2.k8s.aws/TargetsDrained; needs the right to patch nodes/status")
	fs.StringVar(&c.NodeSecurityGroup, "node-security-group", "", "id of the security group that gets the rules for load balancers, on each network interface of nodes and pods that has it; empty: tags decide")
	fs.IntVar(&c.RulesPerSecurityGroup, "max-rules-per-security-group", 0, "quota of inbound rules per security group that the account has; 0 = AWS's default of 60")
	fs.IntVar(&c.MaxTargetsPerGroup, "max-targets-per-target-group", 0, "maximum number of targets registered per target group; 0 = no limit")
	fs.StringToStringVar(&c.ObjectLabels, "object-labels", nil, "labels, key=value, of the objects that the controller creates: TargetGroupBindings, LoadBalancer objects, ConfigMaps, the Secret of the webhooks, the Lease; existing objects get them at their next pass or write")
	fs.StringSliceVar(&c.CopiedLabels, "copied-labels", nil, "keys of labels that TargetGroupBindings and LoadBalancer objects have from the Ingress, Service or Gateway that they are created for")
	fs.StringSliceVar(&c.AssumableRoles, "assumable-roles", []string{iamroles.Any}, "ARNs of the roles that TargetGroupBindings may name to reach target groups of other accounts, in which * stands for any characters; NAMESPACE=ARN allows one to the bindings of a namespace only; none: no role")
	fs.StringSliceVar(&c.ExistingLoadBalancers, "existing-load-balancers", []string{allowlist.None}, "names or ARNs of load balancers that objects may share or take over by annotation existing-load-balancer, in which * stands for any characters; NAMESPACE=PATTERN allows one to the objects of a namespace only, which then may approve of a takeover, too; none: those only that consent by their tag elbv2.k8s.aws/shared-with")
	fs.StringSliceVar(&c.BindableTargetGroups, "bindable-target-groups", []string{allowlist.Any}, "target groups without tags of this cluster that TargetGroupBindings may name, by name or ARN, in which * stands for any characters; NAMESPACE=PATTERN allows them to one namespace; none: no target group")
	fs.StringSliceVar(&c.BindingNetworking, "binding-networking", []string{allowlist.None}, "what spec.networking of TargetGroupBindings may open beyond the ports of their targets and a limited number of public addresses: any-port, any-source, or * for both; NAMESPACE=any-port allows it to one namespace; none: nothing")
	fs.StringSliceVar(&c.ExternalTargetGroups, "external-target-groups", []string{allowlist.Any}, "target groups without tags of this cluster to which rules and listeners may forward, in the form of --bindable-target-groups")
	fs.StringSliceVar(&c.CrossNamespaceTargetGroups, "cross-namespace-target-groups", []string{allowlist.None}, "target groups of this cluster to which rules and listeners of other namespaces may forward without a ReferenceGrant, in the form of --bindable-target-groups")
	fs.StringSliceVar(&c.EndpointsWithoutPods, "endpoints-without-pods", []string{allowlist.None}, "ranges of addresses (CIDR) that EndpointSlices may name as ip targets without being a pod of their namespace; NAMESPACE=CIDR allows one to a namespace only; addresses of nodes and link-local ones are never targets so, and no security group is opened for them; none: pods only")
	fs.DurationVar(&c.BindingRequeue, "targetgroupbinding-requeue-duration", defaultBindingRequeue, "requeue interval of a binding that waits for AWS")
	fs.DurationVar(&c.StabilizationInterval, "lb-stabilization-monitor-interval", defaultStabilization, "poll period for a new load balancer to become active, before capacity is reserved")
	fs.StringVar(&c.RequiredSecretsLabel, "required-secrets-label", "", "key=value that a Secret must carry to be read")

	fs.IntVar(&c.IngressWorkers, "ingress-max-concurrent-reconciles", 3, "Ingress groups reconciled at once; if not given, 48")
	fs.IntVar(&c.ServiceWorkers, "service-max-concurrent-reconciles", 3, "Services reconciled at once; if not given, 48")
	fs.IntVar(&c.BindingWorkers, "targetgroupbinding-max-concurrent-reconciles", 3, "TargetGroupBindings reconciled at once; if not given, 32")
	fs.IntVar(&c.Gateways.ClassWorkers, "gateway-class-max-concurrent-reconciles", 3, "GatewayClasses and configurations of Gateways, of each kind, reconciled at once")
	fs.IntVar(&c.Gateways.ALBWorkers, "alb-gateway-max-concurrent-reconciles", 3, "ALB Gateways reconciled at once; if not given, 48")
	fs.IntVar(&c.Gateways.NLBWorkers, "nlb-gateway-max-concurrent-reconciles", 3, "NLB Gateways reconciled at once; if not given, 48")
	fs.StringVar(&c.Gateways.ALB, "alb-gateway-controller-name", "gateway.k8s.aws/alb", "spec.controllerName of the GatewayClasses whose Gateways become ALBs")
	fs.StringVar(&c.Gateways.NLB, "nlb-gateway-controller-name", "gateway.k8s.aws/nlb", "spec.controllerName of the GatewayClasses whose Gateways become NLBs")
	fs.StringVar(&c.Gateways.Auto, "auto-gateway-controller-name", "gateway.k8s.aws/auto", "spec.controllerName of the GatewayClasses whose Gateways become ALBs or NLBs, as the protocols of their listeners ask for")
	fs.IntVar(&c.Accelerators.Workers, "globalaccelerator-max-concurrent-reconciles", 1, "GlobalAccelerators reconciled at once")
	fs.DurationVar(&c.BindingMaxBackoff, "targetgroupbinding-max-exponential-backoff-delay", defaultMaxBackoff, "longest pause between retries of a binding")
	fs.DurationVar(&c.Accelerators.MaxBackoff, "globalaccelerator-max-exponential-backoff-delay", defaultMaxBackoff, "longest pause between retries of an accelerator")

	fs.StringVar(&c.IngressClass, "ingress-class", "alb", "value of the annotation kubernetes.io/ingress.class that this controller reconciles; empty: alb, and Ingresses without any class")
	fs.BoolVar(&c.Webhooks.DisableClassAnnotation, "disable-ingress-class-annotation", false, "refuse new use of the annotation kubernetes.io/ingress.class at admission")
	fs.BoolVar(&c.Webhooks.DisableGroupAnnotation, "disable-ingress-group-name-annotation", false, "refuse new use of the annotation group.name at admission")
	fs.BoolVar(&c.TolerateMissingService, "tolerate-non-existent-backend-service", true, "a missing backend Service answers 503 instead of failing its Ingress")
	fs.BoolVar(&c.TolerateMissingAction, "tolerate-non-existent-backend-action", true, "a missing actions annotation answers 503 instead of failing its Ingress")
	fs.StringSliceVar(&c.AllowedCAs, "allowed-certificate-authority-arns", nil, "consider only certificates of these authorities in discovery; empty = all")
	fs.StringVar(&c.DefaultPCA, "default-pca-arn", "", "private authority for certificates that the controller requests, where acm-pca-arn names none; empty: a public one of Amazon's")
	fs.BoolVar(&c.ImportTLSSecrets, "enable-tls-secret-import", false, "admit the annotation import-tls-secrets: Secrets of spec.tls are imported into ACM; needs further permissions, in AWS and on Secrets")
	fs.StringVar(&c.TrustStores.Bucket, "trust-store-bucket", "", "bucket of S3, in the load balancers' region, for the authorities that spec.tls.frontend of Gateways names: AWS makes trust stores of them; empty: such listeners are not accepted; needs further permissions")
	fs.StringVar(&c.TrustStores.Prefix, "trust-store-prefix", "trust-stores", "prefix of the keys in --trust-store-bucket")
	fs.IntVar(&c.DeletionBrake, "deletion-brake", 10, "load balancers that may be deleted within ten minutes although their objects exist, because these no longer declare them; further deletions, if more than a quarter of all load balancers, wait for consent; 0 = no limit")
	fs.DurationVar(&c.DeleteOrphansAfter, "delete-orphans-after", 0, "delete what carries the cluster's tags in AWS and no object claims, once it was seen so for this long; 0 = it is reported and stays")
	fs.IntVar(&c.DeregistrationBrake, "deregistration-brake", 10, "target groups that may lose most of their targets within ten minutes although the pods or nodes exist; further deregistrations, if of more than a quarter of all target groups, wait for consent; 0 = no limit")
	fs.BoolVar(&c.ExistingFeaturesOnly, "existing-features-only", false, "refuse, at admission, what the AWS Load Balancer Controller v3.5 does not have, so that it can be put back at any time; new Gateways get its rules. Objects that have such additions already can be edited otherwise, and an event names them")
	fs.BoolVar(&c.StrictGroups, "strict-groups", false, "an invalid member stops its whole Ingress group, as in the existing controller")

	fs.StringVar(&c.LoadBalancerClass, "load-balancer-class", "service.k8s.aws/nlb", "spec.loadBalancerClass of the Services that this controller reconciles")

	fs.BoolVar(&s.waf, "enable-waf", true, "no effect: AWS ended WAF Classic on 2025-09-30")
	fs.BoolVar(&c.EnableWAFv2, "enable-wafv2", true, "act on wafv2-acl-arn and wafv2-acl-name; off: no call of WAFv2")
	fs.BoolVar(&c.EnableShield, "enable-shield", true, "act on shield-advanced-protection; off: no call of Shield")
	fs.BoolVar(&c.EnableReadinessGates, "enable-pod-readiness-gate-inject", true, "inject readiness gates into pods at admission")
	fs.DurationVar(&c.OpenGatesAfter, "open-readiness-gates-after", 0, "open the readiness gates of pods that have waited for so long while their target group does not exist, is used by no load balancer, or does not have them yet; gates of targets that are checked or unhealthy stay closed; 0 = never")
	fs.StringVar(&c.QUICVariable, "quic-environment-variable-name", serverid.DefaultVariable, "environment variable in which containers of pods get their QUIC server id, and from which it is read")
	bindAWS(fs, c, s)
	bindProcess(fs, c, s)
}

// bindAWS declares the flags about AWS.
func bindAWS(fs *pflag.FlagSet, c *Config, s *spare) {
	fs.StringVar(&c.Region, "aws-region", "", "AWS region; else AWS_DEFAULT_REGION, AWS_REGION, instance metadata")
	fs.StringVar(&c.VPC, "aws-vpc-id", "", "VPC of the cluster; else --aws-vpc-tags, instance metadata")
	fs.StringToStringVar(&c.VPCTags, "aws-vpc-tags", nil, "find the VPC by tags")
	fs.StringVar(&s.vpcTagKey, "aws-vpc-tag-key", "Name", "obsolete; use --aws-vpc-tags")
	fs.IntVar(&c.MaxRetries, "aws-max-retries", 10, "attempts per AWS call, the first included")
	fs.StringToStringVar(&c.APIEndpoints, "aws-api-endpoints", nil, "endpoint per AWS service, serviceID=URL (such as EC2=http://localhost:4566)")
	fs.Var(&c.Throttle, "aws-api-throttle", "client-side limits; entries for a service replace its defaults, of which those for ELBv2 hold only while AWS throttles")
}

// bindProcess declares the flags about the process.
func bindProcess(fs *pflag.FlagSet, c *Config, s *spare) {
	fs.BoolVar(&s.version, "version", false, "print the version, the commit and the version of Go, and exit")
	fs.StringVar(&c.Kubeconfig, "kubeconfig", "", "kubeconfig file; empty: the pod's service account")
	fs.StringVar(&c.MetricsAddr, "metrics-bind-addr", ":8080", "address of /metrics; 0 = none")
	fs.BoolVar(&c.MetricsSecure, "metrics-secure", false, "serve /metrics by HTTPS, only to clients whose bearer token the API server knows and permits to get /metrics; needs the right to create TokenReviews and SubjectAccessReviews")
	fs.StringVar(&c.MetricsCertDir, "metrics-cert-dir", "", "with --metrics-secure: directory of tls.crt and tls.key, which are read again when they change; empty: a self-signed certificate of each replica's own")
	fs.StringVar(&c.HealthAddr, "health-probe-bind-addr", ":61779", "address of /healthz and /readyz; 0 = none")
	fs.StringVar(&c.PprofAddr, "pprof-bind-addr", "", "address of /debug/pprof, the profiles of the process, such as 127.0.0.1:6060; without authentication; empty = none")
	fs.StringVar(&c.ConsoleAddr, "console-bind-addr", "", "loopback address of the web console, which shows what the controller holds, such as 127.0.0.1:9090, for kubectl port-forward; without authentication; empty = none")
	fs.StringVar(&c.Traces.Endpoint, "otlp-traces-endpoint", "", "URL of a collector of OpenTelemetry that takes OTLP over HTTP, such as http://otel-collector.monitoring:4318; traces of passes go to its path /v1/traces, or to the one that is given; empty: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, else no traces")
	fs.Float64Var(&c.Traces.Ratio, "otlp-traces-sampling-ratio", 1, "ratio of passes that are traced, from 0 to 1; 1: as OTEL_TRACES_SAMPLER and its argument say, else all")
	bindWebhooks(fs, c)
	fs.BoolVar(&c.LeaderElection, "enable-leader-election", true, "elect a leader among replicas; only the leader reconciles")
	fs.StringVar(&c.LeaderElectionID, "leader-election-id", "aws-load-balancer-controller-leader", "name of the Lease")
	fs.StringVar(&c.LeaderElectionNamespace, "leader-election-namespace", "", "namespace of the Lease; empty: the pod's")
	fs.StringVar(&c.WatchNamespace, "watch-namespace", "", "reconcile objects of this namespace only; empty = all")
	fs.BoolVar(&c.Checkpoints, "enable-checkpoints", true, "store last good versions and the observed state of AWS in ConfigMaps beside the Lease, so that a restart keeps them and reads little")
	fs.DurationVar(&c.DriftInterval, "drift-check-interval", time.Hour, "interval at which each load balancer and target group is compared with AWS to find changes made by hand; at most one read a second; 0 = only with --sync-period")
	fs.StringVar(&c.DriftPolicy, "drift-policy", "correct", "what becomes of changes made in AWS by hand, where objects and their classes declare nothing else: correct, report or ignore, or GROUP=POLICY for groups of fields, separated by commas")
	fs.StringVar(&c.ReplacementPolicy, "replacement-policy", "allow", "what becomes of an edit that would replace a load balancer by another one, with another DNS name, where objects and their classes declare nothing else: allow or refuse; with ,keep=DURATION the former one stays so long")
	fs.StringVar((*string)(&c.PublishAddress), "publish-address", string(WhenCreated), "when objects show the address of a new load balancer: once it is created, or once it is active, two to three minutes later, when it serves")
	fs.DurationVar(&c.SyncPeriod, "sync-period", 10*time.Hour, "interval at which every object is reconciled again")
	fs.Var(&c.Gates, "feature-gates", gateHelp())
}

// inert lists flags without effect in this version. A changed value is logged at start, and the default as well if its meaning is lost.
var inert = []struct {
	flag, why string
	always    bool // the default is logged as well, if it is given
}{
	{"enable-waf", "AWS ended WAF Classic on 2025-09-30, and the controller never calls it; web ACLs of WAFv2 need --enable-wafv2", true},
	{"enable-endpoint-slices", "endpoints are always read from EndpointSlices, which Kubernetes also makes of Endpoints that users write", false},
	{"aws-vpc-tag-key", "obsolete; use --aws-vpc-tags", false},
}

// variableName are the names of environment variables that Kubernetes admits in pods.
var variableName = regexp.MustCompile(`^[-._a-zA-Z][-._a-zA-Z0-9]*$`)

// unusable lists values that have no meaning and with which the existing controller starts all the same. A Deployment that has them
// must start after the image is swapped, so each is replaced and logged.
var unusable = []struct {
	flag    string
	is      func(*Config) bool
	repair  func(*Config)
	instead string
}{
	{"log-level", func(c *Config) bool { return c.LogLevel != "info" && c.LogLevel != "debug" },
		func(c *Config) { c.LogLevel = "info" }, "the levels are info and debug; info is used"},
	{"max-targets-per-target-group", func(c *Config) bool { return c.MaxTargetsPerGroup < 0 },
		func(c *Config) { c.MaxTargetsPerGroup = 0 }, "a number below 0 is no limit"},
	{"max-rules-per-security-group", func(c *Config) bool { return c.RulesPerSecurityGroup < 0 },
		func(c *Config) { c.RulesPerSecurityGroup = 0 }, "it must not be below 0; AWS's default is used"},
	{"targetgroupbinding-requeue-duration", func(c *Config) bool { return c.BindingRequeue <= 0 },
		func(c *Config) { c.BindingRequeue = defaultBindingRequeue }, "it must be more than 0; 15s is used"},
	{"targetgroupbinding-max-exponential-backoff-delay", func(c *Config) bool { return c.BindingMaxBackoff <= 0 },
		func(c *Config) { c.BindingMaxBackoff = defaultMaxBackoff }, "it must be more than 0; 16m40s is used"},
	{"globalaccelerator-max-exponential-backoff-delay", func(c *Config) bool { return c.Accelerators.MaxBackoff <= 0 },
		func(c *Config) { c.Accelerators.MaxBackoff = defaultMaxBackoff }, "it must be more than 0; 16m40s is used"},
	{"lb-stabilization-monitor-interval", func(c *Config) bool { return c.StabilizationInterval <= 0 },
		func(c *Config) { c.StabilizationInterval = defaultStabilization }, "it must be more than 0; 2m0s is used"},
	{"quic-environment-variable-name", func(c *Config) bool { return !variableName.MatchString(c.QUICVariable) },
		func(c *Config) { c.QUICVariable = serverid.DefaultVariable }, "API servers refuse pods with such an environment variable; " + serverid.DefaultVariable + " is used"},
	{"sync-period", func(c *Config) bool { return c.SyncPeriod < 0 },
		func(c *Config) { c.SyncPeriod = 0 }, "a period below 0 turns the resync off"},
}

// Defaults that replace unusable values.
const (
	defaultBindingRequeue = 15 * time.Second
	defaultMaxBackoff     = 1000 * time.Second
	defaultStabilization  = 2 * time.Minute
)

// defaultWorkers are the passes at once where a flag is not given. A pass waits for AWS nearly all of its time, and the limiter paces
// calls whatever their number. Few workers therefore save nothing and delay urgent work, above all that of targets.
var defaultWorkers = []struct {
	flag    string
	of      func(*Config) *int
	workers int
}{
	{"ingress-max-concurrent-reconciles", func(c *Config) *int { return &c.IngressWorkers }, 48},
	{"service-max-concurrent-reconciles", func(c *Config) *int { return &c.ServiceWorkers }, 48},
	{"targetgroupbinding-max-concurrent-reconciles", func(c *Config) *int { return &c.BindingWorkers }, 32},
	{"alb-gateway-max-concurrent-reconciles", func(c *Config) *int { return &c.Gateways.ALBWorkers }, 48},
	{"nlb-gateway-max-concurrent-reconciles", func(c *Config) *int { return &c.Gateways.NLBWorkers }, 48},
	{"gateway-class-max-concurrent-reconciles", func(c *Config) *int { return &c.Gateways.ClassWorkers }, 3},
	{"globalaccelerator-max-concurrent-reconciles", func(c *Config) *int { return &c.Accelerators.Workers }, 1},
}

// FlagSet is the controller's flags bound to c, for help texts and documentation.
func FlagSet(c *Config) *pflag.FlagSet {
	fs := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	fs.SortFlags = true
	bind(fs, c, &spare{})
	return fs
}

// UsageError is a command line that cannot be parsed (exit status 2), as opposed to values that are not admissible (1).
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the parser's error.
func (e UsageError) Unwrap() error { return e.Err }

// Parse reads a command line without the program's name. It returns ErrHelp after printing help, a UsageError for what cannot
// be parsed, and any other error for settings that are refused. Positional arguments are ignored, as by the existing controller.
func Parse(args []string) (*Config, error) {
	c := &Config{}
	fs := FlagSet(c)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil, ErrHelp
		}
		return nil, UsageError{err}
	}
	if changed(fs.Lookup("version")) {
		return nil, ErrVersion
	}
	for _, d := range defaultWorkers {
		if !fs.Changed(d.flag) || *d.of(c) < 1 {
			*d.of(c) = d.workers
		}
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	for _, u := range unusable {
		if f := fs.Lookup(u.flag); u.is(c) {
			c.Notices = append(c.Notices, fmt.Sprintf("--%s=%s has no effect: %s", u.flag, f.Value, u.instead))
			u.repair(c)
		}
	}
	c.Notices = append(c.Notices, c.Gates.notices()...)
	if n := c.AcceleratorNotice(); n != "" {
		c.Notices = append(c.Notices, n)
	}
	for _, i := range inert {
		if f := fs.Lookup(i.flag); changed(f) || i.always && f.Changed {
			c.Notices = append(c.Notices, fmt.Sprintf("--%s=%s has no effect: %s", i.flag, f.Value, i.why))
		}
	}
	c.Notices = append(c.Notices, serviceNotices("aws-api-endpoints", c.APIEndpoints)...)
	c.Notices = append(c.Notices, serviceNotices("aws-api-throttle", c.Throttle)...)
	if c.MaxRetries <= 0 {
		c.MaxRetries = sdkAttempts
	}
	return c, nil
}

// sdkAttempts is the number of attempts that the SDK takes where none is given.
const sdkAttempts = 3

// services are the services that are called, by the ids that the SDK, --aws-api-endpoints and --aws-api-throttle use.
var services = []string{
	"EC2", "Elastic Load Balancing v2", "ACM", "WAFV2",
	"Shield", "STS", "Resource Groups Tagging API", "Route 53", "S3", "Global Accelerator", "ec2imds",
}

// serviceNotices are about values of a flag for services that are not called. With a mistyped id, calls would go to AWS unnoticed.
func serviceNotices[T any](flag string, values map[string]T) []string {
	var out []string
	for _, service := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(services, service) {
			out = append(out, fmt.Sprintf("--%s: the entry for %s has no effect: the service ids in use are %s", flag, service, strings.Join(services, ", ")))
		}
	}
	return out
}

// changed reports whether a flag was given a value other than its default.
func changed(f *pflag.Flag) bool {
	return f.Changed && strings.TrimSpace(f.Value.String()) != f.DefValue
}
