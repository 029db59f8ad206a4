package tracing

import (
	"context"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
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
