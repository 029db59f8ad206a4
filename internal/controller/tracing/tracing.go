// Package tracing records passes as traces of OpenTelemetry: a span for each part of a pass, each AWS call and each
// write to the API server, exported by OTLP over HTTP. It decides and delays nothing: spans that a collector does not
// accept are dropped.
package tracing

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/k8s-lbc/lbc/internal/controller/config"
)

// scope is OpenTelemetry's name of the library that creates the spans.
const scope = "github.com/k8s-lbc/lbc"

// flushTime limits the export of the last spans at the end of the process.
const flushTime = 5 * time.Second

// Tracer makes traces. A nil Tracer makes none, at no cost.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	now      func() time.Time
}

// Options are the parameters of a Tracer.
type Options struct {
	config.Traces                   // as TracesOf returns them
	Resource      map[string]string // describes the process; the variables OTEL_… have precedence
	Now           func() time.Time
	Log           logr.Logger
}

// New makes a Tracer; nil if traces are off. It opens no connection: the collector may start later.
func New(o Options) (*Tracer, error) {
	if o.Endpoint == "" || o.Ratio == 0 {
		return nil, nil
	}
	e, err := newExporter(o)
	if err != nil {
		return nil, err
	}
	attributes := make([]attribute.KeyValue, 0, len(o.Resource))
	for k, v := range o.Resource {
		if v != "" {
			attributes = append(attributes, attribute.String(k, v))
		}
	}
	of, err := resource.New(context.Background(), resource.WithAttributes(attributes...), resource.WithTelemetrySDK(),
		resource.WithFromEnv())
	if of == nil {
		return nil, fmt.Errorf("describing the process in traces: %w", err)
	}
	if err != nil { // the valid parts of the environment count
		o.Log.Info("OTEL_RESOURCE_ATTRIBUTES is not wholly used in traces", "reason", err.Error())
	}
	// The exporter ends an export before this timeout, with a better reason.
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(e, sdktrace.WithExportTimeout(2*o.Timeout)),
		sdktrace.WithResource(of),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Ratio))))
	return &Tracer{provider: p, tracer: p.Tracer(scope), now: o.Now}, nil
}

// End exports the remaining spans, for at most five seconds. Nothing is exported after it.
func (t *Tracer) End() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // the exporter logs why spans are lost
}

// tracerKey is the key of the Tracer in contexts of passes that are recorded.
type tracerKey struct{}

func tracerOf(ctx context.Context) *Tracer {
	t, _ := ctx.Value(tracerKey{}).(*Tracer)
	return t
}

// Span is a part of a trace in progress. The zero value records nothing.
type Span struct {
	span   trace.Span
	tracer *Tracer
}

// Start begins a part of the pass of a context. Calls under the returned context belong to this part. The span is the
// zero value if the pass is not recorded.
func Start(ctx context.Context, name string) (context.Context, Span) {
	t := tracerOf(ctx)
	if t == nil {
		return ctx, Span{}
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithTimestamp(t.now()))
	return ctx, Span{span, t}
}

// Recorded reports whether the span is part of a trace. If not, callers need not compute its attributes.
func (s Span) Recorded() bool { return s.span != nil }

// Set sets an attribute.
func (s Span) Set(key, value string) {
	if s.span != nil && value != "" {
		s.span.SetAttributes(attribute.String(key, value))
	}
}

// SetCount sets an attribute that is a number.
func (s Span) SetCount(key string, n int) {
	if s.span != nil {
		s.span.SetAttributes(attribute.Int(key, n))
	}
}

// End ends the span, as failed if there is an error.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End(trace.WithTimestamp(s.tracer.now()))
}
