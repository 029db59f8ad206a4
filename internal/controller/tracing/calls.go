package tracing

import (
	"cmp"
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// otherError is OpenTelemetry's code for an error without a code.
const otherError = "_OTHER"

// RecordCall records an AWS call that has ended, in the pass of its context.
func RecordCall(ctx context.Context, c awsclient.Call) {
	t := tracerOf(ctx)
	if t == nil {
		return
	}
	ended := t.now()
	id := c.RequestID
	_, span := t.tracer.Start(ctx, c.Service+"."+c.Operation, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(ended.Add(-c.Duration)), trace.WithAttributes(
			attribute.String("rpc.system", "aws-api"), attribute.String("rpc.service", c.Service), attribute.String("rpc.method",
				c.Operation),
			attribute.Int("lbc.attempts", c.Attempts), attribute.Float64("lbc.throttling_wait_seconds", c.Waited.Seconds()),
		))
	if c.Err != nil {
		e := awsclient.Classify(c.Err)
		id = cmp.Or(id, e.RequestID)
		span.SetAttributes(attribute.String("error.type", cmp.Or(e.Code, otherError)))
		span.SetStatus(codes.Error, e.Message)
	}
	if id != "" {
		span.SetAttributes(attribute.String("aws.request_id", id))
	}
	span.End(trace.WithTimestamp(ended))
}

// Writes returns a wrapper for rest.Config.Wrap. It records the client's writes to the API server in their passes.
func Writes(next http.RoundTripper) http.RoundTripper { return writes{next} }

type writes struct{ next http.RoundTripper }

func (w writes) RoundTrip(r *http.Request) (*http.Response, error) {
	t := tracerOf(r.Context())
	if t == nil || r.Method == http.MethodGet {
		return w.next.RoundTrip(r)
	}
	_, span := t.tracer.Start(r.Context(), "Kubernetes "+r.Method, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(t.now()), trace.WithAttributes(
			attribute.String("http.request.method", r.Method), attribute.String("url.path", r.URL.Path),
		))
	resp, err := w.next.RoundTrip(r)
	switch {
	case err != nil:
		span.SetAttributes(attribute.String("error.type", otherError))
		span.SetStatus(codes.Error, err.Error())
	default:
		span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
		if id := resp.Header.Get("Audit-Id"); id != "" {
			span.SetAttributes(attribute.String("k8s.audit_id", id))
		}
		if resp.StatusCode >= http.StatusBadRequest {
			span.SetStatus(codes.Error, resp.Status)
		}
	}
	span.End(trace.WithTimestamp(t.now()))
	return resp, err
}

// WrappedRoundTripper returns the wrapped transport, for clients that look for its connections.
func (w writes) WrappedRoundTripper() http.RoundTripper { return w.next }
