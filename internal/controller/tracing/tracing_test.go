package tracing_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/controller/tracing/collector"
)

// lines is a logger that keeps its lines.
func lines() (logr.Logger, *[]string) {
	var all []string
	return funcr.New(func(_, line string) { all = append(all, line) }, funcr.Options{}), &all
}

func newTracer(t *testing.T, to config.Traces, log logr.Logger) *tracing.Tracer {
	t.Helper()
	if to.Timeout == 0 {
		to.Timeout = time.Minute
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tracer, err := tracing.New(tracing.Options{Traces: to, Now: func() time.Time { at = at.Add(time.Second); return at },
		Log: log, Resource: map[string]string{"service.name": "lbc", "k8s.pod.name": ""}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tracer.End)
	return tracer
}

func TestATraceIsAPassWithItsPartsCallsWritesAndCauses(t *testing.T) {
	t.Parallel()
	c := collector.New(t)
	log, logged := lines()
	tracer := newTracer(t, config.Traces{Endpoint: c.URL + "/v1/traces", Ratio: 1, Headers: map[string]string{
		"Authorization": "Bearer x"}, Gzip: true}, logr.Discard())
	passes := tracing.NewPasses[string](tracer)
	passes.Note("a", "Ingress", "shop", "front")
	passes.Note("a", "Ingress", "shop", "front")
	passes.Note("a", "IngressClass", "", "alb")
	passes.Note("b", "Service", "shop", "web")
	ctx, pass := passes.Start(logr.NewContext(t.Context(), log), "a", "ingress")
	pass.Set("lbc.stack", "ingress:shop/front")
	logr.FromContextOrDiscard(ctx).Info("in the pass")
	applying, apply := tracing.Start(ctx, "apply")
	tracing.RecordCall(applying, awsclient.Call{Service: "EC2", Operation: "DescribeVpcs", Attempts: 1, RequestID: "id-1",
		Duration: time.Second})
	tracing.RecordCall(applying, awsclient.Call{Service: "EC2", Operation: "CreateTags", Attempts: 3,
		Duration: 2 * time.Second, Waited: 1500 * time.Millisecond, Err: &smithy.GenericAPIError{Code: "Throttling",
			Message: "Rate exceeded"}})
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Audit-Id", "audit-1")
		w.WriteHeader(http.StatusConflict)
	}))
	defer api.Close()
	for _, method := range []string{http.MethodGet, http.MethodPatch} {
		r, err := http.NewRequestWithContext(applying, method, api.URL+"/api/v1/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tracing.Writes(http.DefaultTransport).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	apply.SetCount("lbc.steps", 2)
	apply.End(nil)
	pass.End(errors.New("too bad"))
	// beyond the end of the pass
	tracing.RecordCall(applying, awsclient.Call{Service: "EC2", Operation: "CreateTags", Attempts: 1, RequestID: "id-3"})
	// of no pass
	tracing.RecordCall(t.Context(), awsclient.Call{Service: "EC2", Operation: "DescribeSubnets"})
	tracer.End()
	spans := c.Spans()
	roots := collector.Roots(spans)
	if len(roots) != 1 || len(spans) != 6 {
		t.Fatalf("%d spans, roots %+v", len(spans), roots)
	}
	if got, want := collector.Tree(spans, roots[0]),
		"reconcile ingress\n  apply\n    EC2.CreateTags\n    EC2.CreateTags\n    EC2.DescribeVpcs\n    Kubernetes PATCH"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, want := range []collector.Span{
		{Name: "reconcile ingress", Failed: true, Error: "too bad", Attributes: map[string]string{
			"lbc.stack": "ingress:shop/front", "lbc.caused_by": "Ingress shop/front,IngressClass alb"}},
		{Name: "apply", Attributes: map[string]string{"lbc.steps": "2"}},
		{Name: "EC2.DescribeVpcs", Client: true, Attributes: map[string]string{"rpc.system": "aws-api", "rpc.service": "EC2",
			"rpc.method": "DescribeVpcs", "aws.request_id": "id-1",
			"lbc.attempts": "1", "lbc.throttling_wait_seconds": "0"}},
		{Name: "EC2.CreateTags", Client: true, Failed: true, Error: "Rate exceeded", Attributes: map[string]string{
			"rpc.system": "aws-api", "rpc.service": "EC2", "rpc.method": "CreateTags",
			"error.type": "Throttling", "lbc.attempts": "3", "lbc.throttling_wait_seconds": "1.5"}},
		{Name: "Kubernetes PATCH", Client: true, Failed: true, Error: "409 Conflict", Attributes: map[string]string{
			"http.request.method": "PATCH", "url.path": "/api/v1/x",
			"http.response.status_code": "409", "k8s.audit_id": "audit-1"}},
	} {
		if !slices.ContainsFunc(spans, func(s collector.Span) bool {
			same := s.Name == want.Name && s.Client == want.Client && s.Failed == want.Failed && s.Error == want.Error &&
				len(s.Attributes) == len(want.Attributes) && s.End > s.Start
			for k, v := range want.Attributes {
				same = same && s.Attributes[k] == v
			}
			return same
		}) {
			t.Errorf("no span %+v among\n%+v", want, spans)
		}
	}
	if got := c.Resource(); got["service.name"] != "lbc" || got["telemetry.sdk.language"] != "go" || len(got) < 3 {
		t.Errorf("resource %v", got)
	}
	if r := c.Requests()[0]; r.Header.Get("Authorization") != "Bearer x" || r.URL.Path != "/v1/traces" ||
		r.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("request %s %v", r.URL.Path, r.Header)
	}
	if all := strings.Join(*logged, "\n"); !strings.Contains(all, `"traceID"="`+roots[0].Trace+`"`) {
		t.Errorf("logged %s", all)
	}
}

func TestThePassesThatAreTracedAreTheRatio(t *testing.T) {
	t.Parallel()
	for ratio, admissible := range map[float64]func(int) bool{0: func(n int) bool { return n == 0 },
		0.25: func(n int) bool { return n > 100 && n < 400 }, 1: func(n int) bool { return n == 1000 }} {
		c := collector.New(t)
		tracer := newTracer(t, config.Traces{Endpoint: c.URL, Ratio: ratio}, logr.Discard())
		passes := tracing.NewPasses[string](tracer)
		for range 1000 {
			ctx, pass := passes.Start(t.Context(), "a", "ingress")
			_, part := tracing.Start(ctx, "load")
			if part.Recorded() != pass.Recorded() {
				t.Error("a part is recorded without its pass, or the other way around")
			}
			part.End(nil)
			pass.End(nil)
		}
		tracer.End()
		if spans := c.Spans(); !admissible(len(spans)/2) || len(collector.Roots(spans)) != len(spans)/2 {
			t.Errorf("ratio %v: %d spans of 1000 passes", ratio, len(spans))
		}
	}
}

func TestWithoutTracesAPassAndItsCallsAllocateNothing(t *testing.T) {
	var tracer *tracing.Tracer
	passes := tracing.NewPasses[string](tracer)
	call, failure := awsclient.Call{Service: "EC2", Operation: "DescribeVpcs", Attempts: 1}, errors.New("x")
	ctx := context.WithValue(t.Context(), lastKey{}, 1)
	n := testing.AllocsPerRun(100, func() {
		passes.Note("a", "Ingress", "shop", "front")
		ctx, pass := passes.Start(ctx, "a", "ingress")
		ctx, part := tracing.Start(ctx, "load")
		tracing.RecordCall(ctx, call)
		part.SetCount("lbc.steps", 1)
		part.End(failure)
		pass.Set("lbc.stack", "x")
		pass.End(nil)
	})
	tracer.End()
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

type lastKey struct{}

func TestFailingCollectorDelaysNoPassAndIsLoggedOnce(t *testing.T) {
	t.Parallel()
	hanging, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		hanging <- struct{}{}
		<-release
	}))
	defer slow.Close()
	defer close(release)
	for name, tc := range map[string]struct{ endpoint, reason, remedy string }{
		"nothing listens": {"http://user:secret@127.0.0.1:1/v1/traces", "connection refused", "--otlp-traces-endpoint"},
		"gRPC's port":     {"http://127.0.0.1:4317/v1/traces", "connection refused", "usually 4318"},
		"no answer":       {slow.URL, "no answer within 50ms", "--otlp-traces-endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			log, logged := lines()
			timeout := time.Minute
			if tc.endpoint == slow.URL {
				timeout = 50 * time.Millisecond
			}
			tracer := newTracer(t, config.Traces{Endpoint: tc.endpoint, Ratio: 1, Timeout: timeout}, log)
			passes := tracing.NewPasses[int](tracer)
			if tc.endpoint == slow.URL {
				go func() {
					for range hanging { // until the test ends
					}
				}()
			}
			for i := range 5000 { // more than the queue and several batches hold
				_, pass := passes.Start(t.Context(), i, "ingress")
				pass.End(nil)
			}
			tracer.End()
			if len(*logged) != 1 {
				t.Fatalf("logged %d lines: %s", len(*logged), *logged)
			}
			line := (*logged)[0]
			for _, want := range []string{"traces are lost until the collector takes them", tc.reason, tc.remedy} {
				if !strings.Contains(line, want) {
					t.Errorf("%s lacks %q", line, want)
				}
			}
			if strings.Contains(line, "secret") {
				t.Errorf("the log has the password: %s", line)
			}
		})
	}
}

func TestRefusedExportIsRetriedOnlyIfCollectorIsBusy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		refusals []int
		spans    int
		logged   string
	}{
		"busy once": {[]int{http.StatusServiceUnavailable}, 1, ""},
		"refused":   {[]int{http.StatusBadRequest}, 0, "400 Bad Request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := collector.New(t)
			c.Refuse(tc.refusals...)
			log, logged := lines()
			tracer := newTracer(t, config.Traces{Endpoint: c.URL, Ratio: 1}, log)
			_, pass := tracing.NewPasses[int](tracer).Start(t.Context(), 1, "ingress")
			pass.End(nil)
			tracer.End()
			if all := strings.Join(*logged, "\n"); len(c.Spans()) != tc.spans || tc.logged == "" && all != "" ||
				!strings.Contains(all, tc.logged) {
				t.Errorf("%d spans, logged %s", len(c.Spans()), all)
			}
		})
	}
}

func TestFilesThatAreMissingAreNamedWithTheirVariable(t *testing.T) {
	t.Parallel()
	for want, to := range map[string]config.Traces{
		"(OTEL_EXPORTER_OTLP_CERTIFICATE): open /nonexistent": {CAFile: "/nonexistent"},
		"OTEL_EXPORTER_OTLP_CLIENT_KEY): open /nonexistent": {CertificateFile: "/nonexistent",
			KeyFile: "/nonexistent"},
		"(OTEL_EXPORTER_OTLP_CERTIFICATE): /dev/null has no certificate": {CAFile: "/dev/null"},
	} {
		to.Endpoint, to.Ratio = "https://127.0.0.1:1/v1/traces", 1
		if _, err := tracing.New(tracing.Options{Traces: to, Now: time.Now}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func BenchmarkRecordCallWithoutTraces(b *testing.B) {
	call := awsclient.Call{Service: "EC2", Operation: "DescribeVpcs", Attempts: 1}
	b.ReportAllocs()
	for b.Loop() {
		tracing.RecordCall(b.Context(), call)
	}
}
