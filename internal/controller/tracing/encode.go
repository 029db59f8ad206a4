package tracing

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// message encodes spans of one Tracer for OTLP. TracesData has the wire format of ExportTraceServiceRequest, whose
// package would link gRPC.
func message(spans []sdktrace.ReadOnlySpan) *tracepb.TracesData {
	out := make([]*tracepb.Span, len(spans))
	for i, s := range spans {
		out[i] = spanMessage(s)
	}
	of := &resourcepb.Resource{}
	if r := spans[0].Resource(); r != nil {
		of.Attributes = attributes(r.Attributes())
	}
	return &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: of, ScopeSpans: []*tracepb.ScopeSpans{
			{Scope: &commonpb.InstrumentationScope{Name: spans[0].InstrumentationScope().Name}, Spans: out}},
	}}}
}

func spanMessage(s sdktrace.ReadOnlySpan) *tracepb.Span {
	of, parent := s.SpanContext(), s.Parent()
	id, in := of.SpanID(), of.TraceID()
	out := &tracepb.Span{
		TraceId: in[:], SpanId: id[:], Flags: uint32(of.TraceFlags()), Name: s.Name(), Kind: tracepb.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: uint64(max(0, s.StartTime().UnixNano())), EndTimeUnixNano: uint64(max(0, s.EndTime().UnixNano())),
		Attributes: attributes(s.Attributes()), DroppedAttributesCount: uint32(max(0, s.DroppedAttributes())),
	}
	if parent.HasSpanID() {
		up := parent.SpanID()
		out.ParentSpanId = up[:]
	}
	if s.SpanKind() == trace.SpanKindClient {
		out.Kind = tracepb.Span_SPAN_KIND_CLIENT
	}
	if status := s.Status(); status.Code == codes.Error {
		out.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: status.Description}
	}
	return out
}

func attributes(all []attribute.KeyValue) []*commonpb.KeyValue {
	out := make([]*commonpb.KeyValue, len(all))
	for i, a := range all {
		out[i] = &commonpb.KeyValue{Key: string(a.Key), Value: value(a.Value)}
	}
	return out
}

// value encodes the value of an attribute. Values of kinds that this package does not use become text.
func value(v attribute.Value) *commonpb.AnyValue {
	switch v.Type() {
	case attribute.INT64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v.AsInt64()}}
	case attribute.FLOAT64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v.AsFloat64()}}
	case attribute.STRINGSLICE:
		list := &commonpb.ArrayValue{}
		for _, s := range v.AsStringSlice() {
			list.Values = append(list.Values, text(s))
		}
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: list}}
	default:
		return text(v.String())
	}
}

func text(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}
