package config

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
)

// ErrHelp is the error of Parse after it has printed help.
var ErrHelp = pflag.ErrHelp

// ErrVersion is the error of Parse if the user asks for the version.
var ErrVersion = errors.New("version")

// removed begins the help of flags of earlier versions that have no effect and go with the next minor version.
const removed = "no effect, and removed in the next minor version: "

// inert lists flags without effect in this version. A changed value is logged at start, and the default as well if its
// meaning is lost.
var inert = []struct {
	flag, why string
	always    bool // the default is logged as well, if it is given
}{
	{"enable-waf", "AWS ended WAF Classic on 2025-09-30, and the controller never calls it; web ACLs of WAFv2 need " +
		"--enable-wafv2", true},
	{"enable-endpoint-slices", "endpoints are always read from EndpointSlices, which Kubernetes also makes of Endpoints " +
		"that users write", false},
	{"aws-vpc-tag-key", "obsolete; use --aws-vpc-tags", false},
	{"console-bind-addr", "the controller serves no console any more; lbc console serves the same page. The next minor " +
		"version refuses the flag", false},
	{"delete-orphans-after", "the controller deletes no orphans any more; lbc orphans lists them and lbc cleanup " +
		"--orphans deletes them, also from a CronJob. The next minor version refuses the flag", false},
	{"enable-node-drain-condition", "the controller writes no conditions to nodes any more. The next minor version " +
		"refuses the flag", false},
}

// variableName are the names of environment variables that Kubernetes admits in pods.
var variableName = regexp.MustCompile(`^[-._a-zA-Z][-._a-zA-Z0-9]*$`)

// unusable lists values that have no meaning and with which the existing controller starts all the same. A Deployment
// that has them must start after the image is swapped, so each is replaced and logged.
var unusable = []struct {
	flag    string
	is      func(*Config) bool
	repair  func(*Config)
	instead string
}{
	{"log-level", func(c *Config) bool { return c.LogLevel != "info" && c.LogLevel != "debug" },
		func(c *Config) { c.LogLevel = "info" }, "the levels are info and debug; info is used"},
	{"max-targets-per-target-group", func(c *Config) bool { return c.MaxTargetsPerGroup < 0 },
		func(c *Config) { c.MaxTargetsPerGroup = 0 }, "a number below 0 means no limit"},
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
		func(c *Config) {
			c.QUICVariable = serverid.DefaultVariable
		}, "API servers refuse pods with such an environment variable; " + serverid.DefaultVariable + " is used"},
	{"sync-period", func(c *Config) bool { return c.SyncPeriod < 0 },
		func(c *Config) { c.SyncPeriod = 0 }, "a period below 0 turns the resync off"},
}

// UsageError is a command line that cannot be parsed (exit status 2), as opposed to values that are not admissible (1).
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the parser's error.
func (e UsageError) Unwrap() error { return e.Err }

// Parse reads a command line without the program's name. It returns ErrHelp after printing help, a UsageError for what
// cannot be parsed, and any other error for settings that are refused. Positional arguments are ignored, as by the
// existing controller.
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
	fs.VisitAll(func(f *pflag.Flag) {
		if n, err := fs.GetInt(f.Name); err == nil && n < 1 && strings.HasSuffix(f.Name, "-max-concurrent-reconciles") {
			_ = f.Value.Set(f.DefValue) // a default is valid
		}
	})
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

// serviceNotices are about values of a flag for services that are not called. With a mistyped id, calls would go to AWS
// unnoticed.
func serviceNotices[T any](flag string, values map[string]T) []string {
	var out []string
	for _, service := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(services, service) {
			out = append(out, fmt.Sprintf("--%s: the entry for %s has no effect: the service ids in use are %s", flag, service,
				strings.Join(services, ", ")))
		}
	}
	return out
}

// changed reports whether a flag was given a value other than its default.
func changed(f *pflag.Flag) bool {
	return f.Changed && strings.TrimSpace(f.Value.String()) != f.DefValue
}
