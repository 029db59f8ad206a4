package config

import (
	"cmp"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Traces is where and how traces are exported.
type Traces struct {
	// URL of the collector, without a path or with that of its traces; empty = none, or as the environment names it
	Endpoint string
	Ratio    float64 // of passes that are traced, 0 to 1

	// TracesOf reads the following from the environment.
	Headers map[string]string // of each request
	Timeout time.Duration     // of an export
	Gzip    bool
	// CAFile has the authorities of the collector, CertificateFile and KeyFile the certificate that the controller shows;
	// empty = the system's, none.
	CAFile, CertificateFile, KeyFile string
}

// exportTimeout is OpenTelemetry's default.
const exportTimeout = 10 * time.Second

// tracesPath is the path of traces at a collector, as OTLP specifies it.
const tracesPath = "/v1/traces"

// validate refuses what no collector and no sampler can be.
func (t Traces) validate() error {
	if t.Endpoint != "" {
		if _, err := collector("--otlp-traces-endpoint", t.Endpoint, false); err != nil {
			return err
		}
	}
	if !(t.Ratio >= 0 && t.Ratio <= 1) {
		return fmt.Errorf("invalid value %v for --otlp-traces-sampling-ratio: must be from 0 (none) to 1 (all)", t.Ratio)
	}
	return nil
}

// collector is the URL to which traces are sent. appended: the path is added to any other, as OpenTelemetry has it for
// the endpoint of all signals.
func collector(setting, endpoint string, appended bool) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("invalid value %s for %s: must be the URL of an OTLP/HTTP collector, such as "+
			"http://otel-collector.monitoring:4318", endpoint, setting)
	}
	if appended || strings.Trim(u.Path, "/") == "" {
		u = u.JoinPath(tracesPath)
	}
	return u.String(), nil
}

// TracesOf completes what the flags say about traces by OpenTelemetry's environment variables; a flag goes before a
// variable. The Endpoint of the result is the whole URL. It is empty where traces are off. An error is about a
// variable, and traces are off.
func (c *Config) TracesOf(getenv func(string) string) (Traces, error) {
	off, t := Traces{}, c.Traces
	if getenv("OTEL_SDK_DISABLED") == "true" {
		return off, nil
	}
	of := func(name string) (variable, value string) { // that of traces goes before that of all signals
		for _, variable = range []string{"OTEL_EXPORTER_OTLP_TRACES_" + name, "OTEL_EXPORTER_OTLP_" + name} {
			if value = getenv(variable); value != "" {
				break
			}
		}
		return variable, value
	}
	var err error
	switch variable, endpoint := of("ENDPOINT"); {
	case t.Endpoint != "":
		t.Endpoint, err = collector("--otlp-traces-endpoint", t.Endpoint, false)
	case endpoint == "" || getenv("OTEL_TRACES_EXPORTER") == "none":
		return off, nil
	default:
		if v, p := of("PROTOCOL"); p != "" && p != "http/protobuf" {
			return off, fmt.Errorf("invalid value %s for %s: traces are exported by http/protobuf only; set that, and the "+
				"endpoint to the collector's port of HTTP, which is usually 4318", p, v)
		}
		t.Endpoint, err = collector(variable, endpoint, variable == "OTEL_EXPORTER_OTLP_ENDPOINT")
	}
	if err != nil {
		return off, err
	}
	if t.Ratio == 1 {
		if t.Ratio, err = samplerRatio(getenv("OTEL_TRACES_SAMPLER"), getenv("OTEL_TRACES_SAMPLER_ARG")); err != nil {
			return off, err
		}
	}
	variable, headers := of("HEADERS")
	if t.Headers, err = pairs(variable, headers); err != nil {
		return off, err
	}
	t.Timeout = exportTimeout
	if v, ms := of("TIMEOUT"); ms != "" {
		n, err := strconv.Atoi(ms)
		if err != nil || n <= 0 {
			return off, fmt.Errorf("invalid value %s for %s: must be a number of milliseconds above 0", ms, v)
		}
		t.Timeout = time.Duration(n) * time.Millisecond
	}
	switch v, compression := of("COMPRESSION"); compression {
	case "", "none":
	case "gzip":
		t.Gzip = true
	default:
		return off, fmt.Errorf("invalid value %s for %s: must be gzip or none", compression, v)
	}
	_, t.CAFile = of("CERTIFICATE")
	_, t.CertificateFile = of("CLIENT_CERTIFICATE")
	_, t.KeyFile = of("CLIENT_KEY")
	return t, nil
}

// samplerRatio is the ratio of a sampler of OpenTelemetry. No pass has a parent outside the controller, which the
// samplers named parentbased would follow.
func samplerRatio(sampler, argument string) (float64, error) {
	switch strings.TrimPrefix(sampler, "parentbased_") {
	case "", "always_on":
		return 1, nil
	case "always_off":
		return 0, nil
	case "traceidratio":
		r, err := strconv.ParseFloat(cmp.Or(argument, "1"), 64)
		if err != nil || !(r >= 0 && r <= 1) {
			return 0, fmt.Errorf("invalid value %s for OTEL_TRACES_SAMPLER_ARG: must be from 0 (none) to 1 (all)", argument)
		}
		return r, nil
	}
	return 0, fmt.Errorf("invalid value %s for OTEL_TRACES_SAMPLER: must be always_on, always_off or traceidratio, "+
		"alone or after parentbased_", sampler)
}

// pairs reads key=value,key=value with escapes as in URLs. The error does not show the text, which may have a password.
func pairs(variable, text string) (map[string]string, error) {
	out := map[string]string{}
	for i, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if key = strings.TrimSpace(key); !ok || key == "" || err != nil {
			return nil, fmt.Errorf("invalid entry %d of %s: must be key=value, with escapes as in URLs, and entries "+
				"separated by commas", i+1, variable)
		}
		out[key] = value
	}
	return out, nil
}
