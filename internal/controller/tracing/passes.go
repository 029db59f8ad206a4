package tracing

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// maxCauses limits the objects that one pass names as its causes.
const maxCauses = 16

// Passes records the passes of a controller over its units, one trace per pass. A nil Passes records none.
type Passes[U comparable] struct {
	tracer *Tracer

	mu     sync.Mutex
	causes map[U][]string // objects whose events queued a unit since its last pass
}

// NewPasses makes the Passes of a controller; nil if the Tracer is nil.
func NewPasses[U comparable](t *Tracer) *Passes[U] {
	if t == nil {
		return nil
	}
	return &Passes[U]{tracer: t, causes: map[U][]string{}}
}

// Note records an object whose event queues a unit, as a cause of the unit's next pass.
func (p *Passes[U]) Note(unit U, kind, namespace, name string) {
	if p == nil {
		return
	}
	object := kind + " " + name
	if namespace != "" {
		object = kind + " " + namespace + "/" + name
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.causes[unit]; len(known) < maxCauses && !slices.Contains(known, object) {
		p.causes[unit] = append(known, object)
	}
}

// Start begins the trace of a pass. Log lines under the returned context have the trace's id.
func (p *Passes[U]) Start(ctx context.Context, unit U, controller string) (context.Context, Span) {
	if p == nil {
		return ctx, Span{}
	}
	p.mu.Lock()
	causes := p.causes[unit]
	delete(p.causes, unit)
	p.mu.Unlock()
	t := p.tracer
	started, span := t.tracer.Start(ctx, "reconcile "+controller, trace.WithNewRoot(), trace.WithTimestamp(t.now()))
	if !span.IsRecording() {
		return ctx, Span{}
	}
	if len(causes) > 0 {
		span.SetAttributes(attribute.StringSlice("lbc.caused_by", causes))
	}
	if log, err := logr.FromContext(ctx); err == nil {
		started = logr.NewContext(started, log.WithValues("traceID", span.SpanContext().TraceID().String()))
	}
	return context.WithValue(started, tracerKey{}, t), Span{span, t}
}

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
