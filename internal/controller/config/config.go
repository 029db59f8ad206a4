// Package config is the controller's configuration: every flag and feature gate with name, default, check and
// meaning, as one table each. It parses and validates; it opens no connection.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/policy/consent"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/policy/iamroles"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/model/tagkey"
)

// Config is a parsed and validated command line.
type Config struct {
	ClusterName         string
	LogLevel            string
	DefaultTags         map[string]string
	ExternalManagedTags []string
	DefaultTargetType   string
	DefaultScheme       string
	DefaultAddressType  string
	DefaultSSLPolicy    string

	EnableBackendSG        bool
	EnableManageBackendSG  bool
	BackendSecurityGroup   string
	DisableRestrictedRules bool
	EnableEndpointSlices   bool
	TargetENISecurityTags  map[string]string
	NodeSecurityGroup      string
	RulesPerSecurityGroup  int
	MaxTargetsPerGroup     int
	QUICVariable           string            // environment variable with the QUIC server id of a container
	ObjectLabels           map[string]string // of the objects that the controller creates
	// keys of labels that those objects have from the objects that they are created for
	CopiedLabels          []string
	AssumableRoles        []string // as iamroles.Parse reads them
	ExistingLoadBalancers []string // as consent.Parse reads them
	// Lists of target groups as allowlist.TargetGroups reads them: those that TargetGroupBindings may name, those without
	// tags of this cluster that rules may forward to, and those with them to which rules of other namespaces may forward.
	BindableTargetGroups, ExternalTargetGroups, CrossNamespaceTargetGroups []string
	// BindingNetworking is what spec.networking of bindings may open beyond its limits.
	BindingNetworking []string

	EndpointsWithoutPods []string // as allowlist.AddressRanges reads them

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
	TrustStores            TrustStores
	LoadBalancerClass      string
	EnableWAFv2            bool
	EnableShield           bool
	EnableReadinessGates   bool
	OpenGatesAfter         time.Duration // 0 = never
	ExcludedNodes          bool          // the label that excludes nodes from load balancers counts for ip targets, too
	StrictGroups           bool
	ExistingFeaturesOnly   bool
	DeregistrationBrake    int           // 0 = none
	DeletionBrake          int           // 0 = none
	DriftInterval          time.Duration // 0 = no background sweep
	DriftPolicy            string
	ReplacementPolicy      string
	PublishAddress         PublishAddress
	Checkpoints            bool // store last valid versions and observations for the next leader
	// Passes at once. Where a flag is not given, they are those of defaultWorkers instead of the flag's default, 3, which
	// is that of the existing controller.
	IngressWorkers, ServiceWorkers, BindingWorkers int
	Gateways                                       Gateways
	Accelerators                                   Accelerators

	Region       string
	VPC          string
	VPCTags      map[string]string
	MaxRetries   int
	APIEndpoints map[string]string
	Throttle     Throttle

	Kubeconfig              string
	MetricsAddr             string
	MetricsSecure           bool   // HTTPS, for clients only whom the API server permits to read metrics
	MetricsCertDir          string // of tls.crt and tls.key; empty = self-signed
	HealthAddr              string
	PprofAddr               string // empty = none
	Traces                  Traces
	LeaderElection          bool
	LeaderElectionID        string
	LeaderElectionNamespace string
	WatchNamespace          string
	SyncPeriod              time.Duration
	Webhooks                Webhooks

	Gates Gates

	Version string // of the running binary, as the linker sets it; no flag

	// Notices are sentences to log at start, about settings that are accepted and have no effect in this version.
	Notices []string
}

// PublishAddress is when objects show the address of a new load balancer.
type PublishAddress string

// Values of PublishAddress.
const (
	WhenCreated PublishAddress = "created"
	WhenActive  PublishAddress = "active"
)

// Gateways are the settings of the Gateway API.
type Gateways struct {
	// ALB, NLB and Auto are names of controllers that GatewayClasses name.
	ALB, NLB, Auto                       string
	ALBWorkers, NLBWorkers, ClassWorkers int // passes at once, as the others
}

// parsed is a list of what is allowed. One that cannot be parsed allows nothing; Validate refuses it.
func parsed[T any](list T, _ error) T { return list }

// Roles returns the roles that TargetGroupBindings may name.
func (c *Config) Roles() iamroles.Roles { return parsed(iamroles.Parse(c.AssumableRoles)) }

// AllowedTargetGroups returns one of the lists of target groups.
func (c *Config) AllowedTargetGroups(list []string) allowlist.List {
	return parsed(allowlist.TargetGroups(list))
}

// AddressesWithoutPods returns the addresses that endpoints without a Pod may have.
func (c *Config) AddressesWithoutPods() allowlist.Addresses {
	return parsed(allowlist.AddressRanges(c.EndpointsWithoutPods))
}

// AllowedNetworking returns what spec.networking of bindings may open beyond its limits, by namespace.
func (c *Config) AllowedNetworking() allowlist.List {
	return parsed(allowlist.Networking(c.BindingNetworking))
}

// LoadBalancersOfOthers returns the existing load balancers that objects may share or adopt.
func (c *Config) LoadBalancersOfOthers() consent.Balancers {
	return parsed(consent.Parse(c.ExistingLoadBalancers))
}

// ServesGateways reports whether Gateways of any class are served.
func (c *Config) ServesGateways() bool {
	return c.Gates.Enabled(ALBGatewayAPI) || c.Gates.Enabled(NLBGatewayAPI)
}

// ServesAutoGateways reports whether Gateways of the third controller name are served, of which each may be of either
// family.
func (c *Config) ServesAutoGateways() bool {
	return c.Gates.Enabled(AutoGatewayAPI) && c.Gates.Enabled(ALBGatewayAPI) && c.Gates.Enabled(NLBGatewayAPI)
}

// Accelerators are the settings of Global Accelerator.
type Accelerators struct {
	Workers    int           // passes at once, at least 1
	MaxBackoff time.Duration // longest pause between attempts, more than 0
}

// withoutAccelerators are the beginnings of the regions whose partitions have no AWS Global Accelerator: all but those
// of partition aws.
var withoutAccelerators = []string{"cn-", "us-gov-", "us-iso", "eu-isoe-", "eu-isof-", "eusc-"}

// ServesAccelerators reports whether GlobalAccelerators are served: by the gate, in a Region whose partition has AWS
// Global Accelerator. While the Region is not known yet, the gate alone decides.
func (c *Config) ServesAccelerators() bool {
	return c.Gates.Enabled(GlobalAcceleratorController) && !c.lacksAccelerators()
}

func (c *Config) lacksAccelerators() bool {
	return slices.ContainsFunc(withoutAccelerators, func(p string) bool {
		return strings.HasPrefix(strings.ToLower(c.Region), p)
	})
}

// AcceleratorNotice says that the gate has no effect in the Region; empty: it is off, or works there.
func (c *Config) AcceleratorNotice() string {
	if !c.Gates.Enabled(GlobalAcceleratorController) || !c.lacksAccelerators() {
		return ""
	}
	return fmt.Sprintf("--feature-gates=%s=true has no effect: AWS Global Accelerator does not exist in the "+
		"partition of region %s", GlobalAcceleratorController, c.Region)
}

// ImportsCertificates reports whether Secrets may be imported into ACM: those of Ingresses if the flag permits it,
// those that listeners of Gateways name always.
func (c *Config) ImportsCertificates() bool {
	return c.ImportTLSSecrets || c.ServesGateways()
}

// Validate returns the first setting that is not admissible.
func (c *Config) Validate() error {
	if c.ClusterName == "" {
		return errors.New("kubernetes cluster name must be specified: set --cluster-name")
	}
	if err := cmp.Or(
		noReservedKeys(slices.Sorted(maps.Keys(c.DefaultTags)), "default-tags", tagkey.Reserved),
		noReservedKeys(c.ExternalManagedTags, "external-managed-tags", tagkey.Controller),
		c.notInBoth(),
		oneOf(c.DefaultTargetType, "default target type", "--default-target-type", "instance", "ip"),
		oneOf(c.DefaultScheme, "default scheme", "--default-load-balancer-scheme", "internal", "internet-facing"),
		oneOf(c.DefaultAddressType, "default IP address type", "--default-ip-address-type", "ipv4", "dualstack"),
	); err != nil {
		return err
	}
	key, value, _ := strings.Cut(c.RequiredSecretsLabel, "=")
	if g := c.Gateways; g.ALB != "" && (g.ALB == g.NLB || g.ALB == g.Auto) || g.NLB != "" && g.NLB == g.Auto {
		return fmt.Errorf("the controller names of Gateways are %s, %s and %s: --alb-gateway-controller-name, "+
			"--nlb-gateway-controller-name and --auto-gateway-controller-name must differ", g.ALB, g.NLB, g.Auto)
	}
	switch {
	case c.BackendSecurityGroup != "" && !strings.HasPrefix(c.BackendSecurityGroup, "sg-"):
		return fmt.Errorf("invalid value %s for backend security group id: --backend-security-group takes an id that "+
			"starts with sg-", c.BackendSecurityGroup)
	case c.NodeSecurityGroup != "" && !strings.HasPrefix(c.NodeSecurityGroup, "sg-"):
		return fmt.Errorf("invalid value %s for --node-security-group: it takes an id that starts with sg-",
			c.NodeSecurityGroup)
	case c.EnableManageBackendSG && !c.EnableBackendSG:
		return errors.New("backend security group must be enabled when manage backend security group rule is enabled: " +
			"set --enable-backend-security-group=true or --enable-manage-backend-security-group-rules=false")
	case c.RequiredSecretsLabel != "" && (key == "" || value == ""):
		return fmt.Errorf("invalid value %q for --required-secrets-label: must be in key=value format",
			c.RequiredSecretsLabel)
	case c.DriftInterval != 0 && c.DriftInterval < 10*time.Second:
		return fmt.Errorf("invalid value %s for --drift-check-interval: must be 0 (off) or at least 10s", c.DriftInterval)
	}
	if err := c.validateLabels(); err != nil {
		return err
	}
	if err := c.validateLists(); err != nil {
		return err
	}
	if c.PublishAddress != WhenCreated && c.PublishAddress != WhenActive {
		return fmt.Errorf("invalid value %q for --publish-address: it takes %s or %s", c.PublishAddress,
			WhenCreated, WhenActive)
	}
	return cmp.Or(c.validateMetrics(), c.Traces.validate(), c.Webhooks.validate())
}

// refusal is why a list cannot be parsed.
func refusal[T any](_ T, err error) error { return err }

// validateLists checks the lists of what is allowed, and the policies.
func (c *Config) validateLists() error {
	for _, list := range []struct {
		flag string
		err  error
	}{
		{"assumable-roles", refusal(iamroles.Parse(c.AssumableRoles))},
		{"bindable-target-groups", refusal(allowlist.TargetGroups(c.BindableTargetGroups))},
		{"external-target-groups", refusal(allowlist.TargetGroups(c.ExternalTargetGroups))},
		{"cross-namespace-target-groups", refusal(allowlist.TargetGroups(c.CrossNamespaceTargetGroups))},
		{"endpoints-without-pods", refusal(allowlist.AddressRanges(c.EndpointsWithoutPods))},
		{"binding-networking", refusal(allowlist.Networking(c.BindingNetworking))},
		{"existing-load-balancers", refusal(consent.Parse(c.ExistingLoadBalancers))},
	} {
		if list.err != nil {
			return fmt.Errorf("invalid value for --%s: %w", list.flag, list.err)
		}
	}
	if _, err := drift.Parse(c.DriftPolicy); err != nil {
		return fmt.Errorf("invalid value %q for --drift-policy: %w; %s", c.DriftPolicy, err, drift.Remedy())
	}
	if _, err := replacement.Parse(c.ReplacementPolicy); err != nil {
		return fmt.Errorf("invalid value %q for --replacement-policy: %w; %s", c.ReplacementPolicy, err, replacement.Remedy())
	}
	return nil
}

// validateMetrics refuses a certificate that nothing would serve.
func (c *Config) validateMetrics() error {
	if c.MetricsCertDir != "" && !c.MetricsSecure {
		return errors.New("--metrics-cert-dir has no effect without --metrics-secure: set both or neither")
	}
	return nil
}

// noReservedKeys refuses tag keys that the controller reserves for itself. Keys of other programs may be managed
// externally.
func noReservedKeys(keys []string, flag string, reserved func(string) bool) error {
	for _, k := range keys {
		if reserved(k) {
			return fmt.Errorf("tag key %s cannot be specified in %s flag: the controller finds its own resources by "+
				"tags of that kind", k, flag)
		}
	}
	return nil
}

// validateLabels refuses labels that Kubernetes does not admit, or by which the controller finds its objects.
func (c *Config) validateLabels() error {
	for _, key := range slices.Sorted(maps.Keys(c.ObjectLabels)) {
		if err := validLabelKey("object-labels", key); err != nil {
			return err
		}
		if wrong := validation.IsValidLabelValue(c.ObjectLabels[key]); len(wrong) > 0 {
			return fmt.Errorf("invalid value %q of label %s in --object-labels: %s", c.ObjectLabels[key], key,
				strings.Join(wrong, "; "))
		}
	}
	for _, key := range c.CopiedLabels {
		if err := validLabelKey("copied-labels", key); err != nil {
			return err
		}
		if _, ok := c.ObjectLabels[key]; ok {
			return fmt.Errorf("label %s cannot be in both --object-labels and --copied-labels: remove it from one of them", key)
		}
	}
	return nil
}

func validLabelKey(flag, key string) error {
	if wrong := validation.IsQualifiedName(key); len(wrong) > 0 {
		return fmt.Errorf("invalid label %q in --%s: %s", key, flag, strings.Join(wrong, "; "))
	}
	if tagkey.ReservedLabel(key) {
		return fmt.Errorf("label %s cannot be specified in --%s: the controller finds its own objects by labels of that kind",
			key, flag)
	}
	return nil
}

func (c *Config) notInBoth() error {
	for _, k := range slices.Sorted(maps.Keys(c.DefaultTags)) {
		if slices.Contains(c.ExternalManagedTags, k) {
			return fmt.Errorf("tag key %s cannot be specified in both default-tags and external-managed-tags flag", k)
		}
	}
	return nil
}

func oneOf(v, what, flag string, admitted ...string) error {
	if slices.Contains(admitted, v) {
		return nil
	}
	return fmt.Errorf("invalid value %s for %s: %s must be one of %s", v, what, flag, strings.Join(admitted, ", "))
}

// TrustStores say where the authorities are uploaded of which AWS makes trust stores.
type TrustStores struct {
	Bucket string // empty = the controller creates none
	Prefix string // of keys
}

// Webhooks are the address and the certificate of the admission webhooks, which are served if CertSecret is set or the
// files exist.
type Webhooks struct {
	Host string // empty: all addresses
	Port int
	// Names of files; empty fields stand for those of existing installations.
	CertDir, CertFile, KeyFile string
	// ClientCA is a file with the certificate authorities of clients; empty: clients need no certificate.
	ClientCA string
	// CertSecret is the Secret, in the namespace of the leader's Lease, in which the controller keeps a certificate that
	// it issues.
	CertSecret string
	// CertLifetime of such a certificate.
	CertLifetime time.Duration
	// Configurations is the name of the webhook configurations whose caBundle is its authority.
	Configurations string
	// DisableClassAnnotation and DisableGroupAnnotation refuse new use of these annotations.
	DisableClassAnnotation, DisableGroupAnnotation bool
}

// FilesGiven reports whether a flag names files of a certificate.
func (w Webhooks) FilesGiven() bool { return w.CertDir+w.CertFile+w.KeyFile != "" }

// shortestCertLifetime leaves time for renewal: the Secret is read every few seconds, and clocks differ.
const shortestCertLifetime = 10 * time.Second

func bindWebhooks(fs *pflag.FlagSet, c *Config) {
	w := &c.Webhooks
	fs.IntVar(&w.Port, "webhook-bind-port", 9443, "port of the admission webhooks")
	fs.StringVar(&w.Host, "webhook-bind-host", "", "address of the admission webhooks; empty = all")
	fs.StringVar(&w.CertDir, "webhook-cert-dir", "", "directory of the webhooks' certificate; empty: "+
		"k8s-webhook-server/serving-certs in the directory for temporary files. If the directory has no certificate files, "+
		"the controller serves no webhook")
	fs.StringVar(&w.CertFile, "webhook-cert-file", "", "certificate file name (default tls.crt)")
	fs.StringVar(&w.KeyFile, "webhook-key-file", "", "key file name (default tls.key)")
	fs.StringVar(&w.ClientCA, "kube-ca-pem-filepath", "",
		"file with the certificate authorities of allowed webhook clients")
	fs.StringVar(&w.CertSecret, "webhook-cert-secret", "",
		"Secret for a certificate that the controller issues, renews and publishes itself; this certificate replaces the "+
			"certificate files")
	fs.DurationVar(&w.CertLifetime, "webhook-cert-lifetime", 90*24*time.Hour,
		"lifetime of the certificate of --webhook-cert-secret; the controller renews it after two thirds")
	fs.StringVar(&w.Configurations, "webhook-configurations", "aws-load-balancer-webhook",
		"name of the webhook configurations in which the controller sets caBundle to the authority of --webhook-cert-secret")
}

// validate returns the first setting that is not admissible.
func (w Webhooks) validate() error {
	switch {
	case w.Port < 1 || w.Port > 65535:
		return fmt.Errorf("invalid value %d for --webhook-bind-port: must be from 1 to 65535", w.Port)
	case w.CertSecret != "" && w.FilesGiven():
		return errors.New("--webhook-cert-secret and files of a certificate (--webhook-cert-dir, --webhook-cert-file, " +
			"--webhook-key-file) cannot both be given")
	case w.CertLifetime < shortestCertLifetime:
		return fmt.Errorf("invalid value %s for --webhook-cert-lifetime: must be %s or more", w.CertLifetime,
			shortestCertLifetime)
	}
	return nil
}
