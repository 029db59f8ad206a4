package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTracesFollowFlagsAndTheVariablesOfOpenTelemetry(t *testing.T) {
	t.Parallel()
	const endpoint, all = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
	to := func(url string, change ...func(*Traces)) Traces {
		t := Traces{Endpoint: url, Ratio: 1, Headers: map[string]string{}, Timeout: 10 * time.Second}
		for _, f := range change {
			f(&t)
		}
		return t
	}
	for name, tc := range map[string]struct {
		args []string
		env  map[string]string
		want Traces
		err  string
	}{
		"off":              {},
		"flag":             {args: []string{"--otlp-traces-endpoint=http://c:4318"}, want: to("http://c:4318/v1/traces")},
		"flag with a path": {args: []string{"--otlp-traces-endpoint=https://c/otlp/x"}, want: to("https://c/otlp/x")},
		"variable of traces": {env: map[string]string{endpoint: "http://c:4318/x", all: "http://other"},
			want: to("http://c:4318/x")},
		"variable of all": {env: map[string]string{all: "http://c:4318/x/"}, want: to("http://c:4318/x/v1/traces")},
		"flag first": {args: []string{"--otlp-traces-endpoint=http://c:4318/"}, env: map[string]string{
			all: "nonsense", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_EXPORTER": "none"},
			want: to("http://c:4318/v1/traces")},
		"disabled": {args: []string{"--otlp-traces-endpoint=http://c:4318"}, env: map[string]string{
			"OTEL_SDK_DISABLED": "true"}},
		"no exporter": {env: map[string]string{all: "http://c", "OTEL_TRACES_EXPORTER": "none"}},
		"gRPC": {env: map[string]string{all: "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
			err: "invalid value grpc for OTEL_EXPORTER_OTLP_PROTOCOL: traces are exported by http/protobuf only"},
		"no URL": {env: map[string]string{all: "c:4318"},
			err: "invalid value c:4318 for OTEL_EXPORTER_OTLP_ENDPOINT: must be the URL of an OTLP/HTTP collector"},
		"ratio by flag": {args: []string{"--otlp-traces-endpoint=http://c", "--otlp-traces-sampling-ratio=0.1"},
			env: map[string]string{"OTEL_TRACES_SAMPLER": "always_on"}, want: to("http://c/v1/traces",
				func(t *Traces) { t.Ratio = 0.1 })},
		"ratio": {env: map[string]string{all: "http://c", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
			"OTEL_TRACES_SAMPLER_ARG": "0.25"}, want: to("http://c/v1/traces", func(t *Traces) { t.Ratio = 0.25 })},
		"none sampled": {env: map[string]string{all: "http://c", "OTEL_TRACES_SAMPLER": "always_off"},
			want: to("http://c/v1/traces", func(t *Traces) { t.Ratio = 0 })},
		"unknown sampler": {env: map[string]string{all: "http://c", "OTEL_TRACES_SAMPLER": "jaeger_remote"},
			err: "invalid value jaeger_remote for OTEL_TRACES_SAMPLER"},
		"no ratio": {env: map[string]string{all: "http://c", "OTEL_TRACES_SAMPLER": "traceidratio",
			"OTEL_TRACES_SAMPLER_ARG": "2"}, err: "invalid value 2 for OTEL_TRACES_SAMPLER_ARG"},
		"settings": {env: map[string]string{all: "https://c", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, x=1,",
			"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "500", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
			"OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/crt",
			"OTEL_EXPORTER_OTLP_CLIENT_KEY": "/key"},
			want: Traces{Endpoint: "https://c/v1/traces", Ratio: 1, Headers: map[string]string{"api-key": "a b", "x": "1"},
				Timeout: 500 * time.Millisecond, Gzip: true,
				CAFile: "/ca", CertificateFile: "/crt", KeyFile: "/key"}},
		"no timeout": {env: map[string]string{all: "http://c", "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"},
			err: "invalid value 10s for OTEL_EXPORTER_OTLP_TIMEOUT: must be a number of milliseconds"},
		"no compression": {env: map[string]string{all: "http://c", "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"},
			err: "invalid value zstd for OTEL_EXPORTER_OTLP_COMPRESSION: must be gzip or none"},
		"no header": {env: map[string]string{all: "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "a=b,secret"},
			err: "invalid entry 2 of OTEL_EXPORTER_OTLP_HEADERS: must be key=value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Parse(append([]string{"--cluster-name=demo"}, tc.args...))
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.TracesOf(func(name string) string { return tc.env[name] })
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.err)) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFlagsOfTracesThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"--otlp-traces-endpoint=collector:4318": "invalid value collector:4318 for --otlp-traces-endpoint: must be " +
			"the URL of an OTLP/HTTP collector, such as http://otel-collector.monitoring:4318",
		"--otlp-traces-endpoint=grpc://collector":     "must be the URL",
		"--otlp-traces-endpoint=http://":              "must be the URL",
		"--otlp-traces-endpoint=http://user:pw@:x/ y": "must be the URL",
		"--otlp-traces-sampling-ratio=1.5": "invalid value 1.5 for --otlp-traces-sampling-ratio: must be from 0 " +
			"(none) to 1 (all)",
		"--otlp-traces-sampling-ratio=NaN": "invalid value NaN",
	} {
		if _, err := Parse([]string{"--cluster-name=demo", arg}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", arg, err, want)
		}
	}
}
