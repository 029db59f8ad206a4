// Package config is the controller's configuration: every flag and feature gate with name, default, check and meaning, as one
// table each. It parses and validates; it opens no connection. It imports pflag and the pure naming package only.
package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Config is a parsed and validated command line.
type Config struct {
	ClusterName         string
	LogLevel            string
	DefaultTags         map[string]string
	ExternalManagedTags []string
	DefaultTargetType   string
	DefaultScheme       string
	DefaultSSLPolicy    string

	EnableBackendSG        bool
	EnableManageBackendSG  bool
	BackendSecurityGroup   string
	DisableRestrictedRules bool
	EnableEndpointSlices   bool
	TargetENISecurityTags  map[string]string
	MaxTargetsPerGroup     int
	BindingRequeue         time.Duration
	BindingMaxBackoff      time.Duration
	StabilizationInterval  time.Duration
	RequiredSecretsLabel   string
	IngressClass           string
	TolerateMissingService bool
	TolerateMissingAction  bool
	AllowedCAs             []string
	DefaultPCA             string
	ImportTLSSecrets       bool
	LoadBalancerClass      string
	EnableWAF              bool // decision 16: WAF Classic
	EnableWAFv2            bool
	EnableShield           bool
	EnableReadinessGates   bool
	StrictGroups           bool
	DeregistrationBrake    int           // 0 = none
	DeletionBrake          int           // 0 = none
	DriftInterval          time.Duration // 0 = no background sweep
	Checkpoints            bool          // keep what was learned for the next leader
	// Passes at once. The flags' default, 3, is from the time when a pass did its AWS calls one after the other: who leaves
	// it gets as many as defaultWorkers tells.
	IngressWorkers, ServiceWorkers, BindingWorkers int

	Region       string
	VPC          string
	VPCTags      map[string]string
	MaxRetries   int
	APIEndpoints map[string]string
	Throttle     Throttle

	Kubeconfig              string
	MetricsAddr             string
	HealthAddr              string
	LeaderElection          bool
	LeaderElectionID        string
	LeaderElectionNamespace string
	WatchNamespace          string
	SyncPeriod              time.Duration
	Webhooks                Webhooks

	Gates Gates

	// Notices are sentences to log at start: settings that were accepted and have nothing to act on in this version.
	Notices []string
}

// Throttle is the client-side rate limit per service and operation pattern.
type Throttle map[string][]ThrottleRule

// trackingKeys may not appear among default or external tags: they are how the controller finds what is its own.
var trackingKeys = []string{
	"elbv2.k8s.aws/cluster", "elbv2.k8s.aws/resource",
	"ingress.k8s.aws/cluster", "ingress.k8s.aws/stack", "ingress.k8s.aws/resource",
	"service.k8s.aws/stack", "service.k8s.aws/resource",
	"gateway.k8s.aws.nlb/stack", "gateway.k8s.aws.nlb/resource",
	"gateway.k8s.aws.alb/stack", "gateway.k8s.aws.alb/resource",
	"aga.k8s.aws/stack", "aga.k8s.aws/resource",
}

// check is one start-up validation; the order of the table is the order in which failures are reported.
type check struct {
	failed func(*Config) (text string, failed bool)
}

var checks = []check{
	{func(c *Config) (string, bool) {
		return "kubernetes cluster name must be specified: set --cluster-name", c.ClusterName == ""
	}},
	{func(c *Config) (string, bool) {
		return reserved(slices.Sorted(maps.Keys(c.DefaultTags)), "default-tags")
	}},
	{func(c *Config) (string, bool) {
		return reserved(c.ExternalManagedTags, "external-managed-tags")
	}},
	{func(c *Config) (string, bool) {
		for _, k := range slices.Sorted(maps.Keys(c.DefaultTags)) {
			if slices.Contains(c.ExternalManagedTags, k) {
				return fmt.Sprintf("tag key %s cannot be specified in both default-tags and external-managed-tags flag", k), true
			}
		}
		return "", false
	}},
	{func(c *Config) (string, bool) {
		return oneOf(c.DefaultTargetType, "default target type", "--default-target-type", "instance", "ip")
	}},
	{func(c *Config) (string, bool) {
		return oneOf(c.DefaultScheme, "default scheme", "--default-load-balancer-scheme", "internal", "internet-facing")
	}},
	{func(c *Config) (string, bool) {
		return fmt.Sprintf("invalid value %s for backend security group id: --backend-security-group takes an id that starts with sg-", c.BackendSecurityGroup),
			c.BackendSecurityGroup != "" && !strings.HasPrefix(c.BackendSecurityGroup, "sg-")
	}},
	{func(c *Config) (string, bool) {
		return "backend security group must be enabled when manage backend security group rule is enabled: " +
				"set --enable-backend-security-group=true or --enable-manage-backend-security-group-rules=false",
			c.EnableManageBackendSG && !c.EnableBackendSG
	}},
	{func(c *Config) (string, bool) {
		k, v, ok := strings.Cut(c.RequiredSecretsLabel, "=")
		return fmt.Sprintf("invalid value %q for --required-secrets-label: must be in key=value format", c.RequiredSecretsLabel),
			c.RequiredSecretsLabel != "" && (!ok || k == "" || v == "")
	}},
	{func(c *Config) (string, bool) {
		return fmt.Sprintf("invalid value %s for --drift-check-interval: must be 0 (off) or at least 10s", c.DriftInterval), c.DriftInterval != 0 && c.DriftInterval < 10*time.Second
	}},
	{func(c *Config) (string, bool) {
		text := c.Webhooks.check()
		return text, text != ""
	}},
}

func reserved(keys []string, flag string) (string, bool) {
	for _, k := range keys {
		if slices.Contains(trackingKeys, k) {
			return fmt.Sprintf("tag key %s cannot be specified in %s flag: it is how the controller finds its own resources", k, flag), true
		}
	}
	return "", false
}

func oneOf(v, what, flag string, admitted ...string) (string, bool) {
	return fmt.Sprintf("invalid value %s for %s: %s must be one of %s", v, what, flag, strings.Join(admitted, ", ")), !slices.Contains(admitted, v)
}

// Validate reports the first setting that is not admissible.
func (c *Config) Validate() error {
	for _, k := range checks {
		if text, failed := k.failed(c); failed {
			return fmt.Errorf("%s", text)
		}
	}
	return nil
}
