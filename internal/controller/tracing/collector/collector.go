// Package collector is test support: a collector of traces that decodes spans from OTLP over HTTP, and shows traces as
// text. Only tests import it.
package collector

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a span as it arrived.
type Span struct {
	Trace, ID, Parent string // as hexadecimal digits; Parent is empty for the root
	Name              string
	Client            bool              // a call to another service
	Attributes        map[string]string // lists joined by commas
	Error             string            // the description of a failure
	Failed            bool
	Start, End        uint64 // nanoseconds since 1970
}

// Collector is a collector that listens at URL.
type Collector struct {
	URL string

	mu       sync.Mutex
	spans    []Span
	resource map[string]string
	requests []*http.Request
	refusals []int
}

// New starts a collector that ends with the test.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// Refuse makes the collector answer the next requests with these statuses.
func (c *Collector) Refuse(statuses ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusals = statuses
}

func (c *Collector) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r)
	if len(c.refusals) > 0 {
		w.WriteHeader(c.refusals[0])
		c.refusals = c.refusals[1:]
		return
	}
	if err := c.take(r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (c *Collector) take(r *http.Request) error {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return fmt.Errorf("%s of %s", r.Method, r.Header.Get("Content-Type"))
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = z
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var m tracepb.TracesData // the wire format of ExportTraceServiceRequest
	if err := proto.Unmarshal(data, &m); err != nil {
		return err
	}
	for _, of := range m.ResourceSpans {
		c.resource = attributes(of.Resource.GetAttributes())
		for _, in := range of.ScopeSpans {
			for _, s := range in.Spans {
				c.spans = append(c.spans, span(s))
			}
		}
	}
	return nil
}

func span(s *tracepb.Span) Span {
	return Span{
		Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
		Name:   s.Name,
		Client: s.Kind == tracepb.Span_SPAN_KIND_CLIENT, Attributes: attributes(s.Attributes), Start: s.StartTimeUnixNano,
		End:    s.EndTimeUnixNano,
		Failed: s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR, Error: s.Status.GetMessage(),
	}
}

func attributes(all []*commonpb.KeyValue) map[string]string {
	out := map[string]string{}
	for _, a := range all {
		out[a.Key] = text(a.Value)
	}
	return out
}

func text(v *commonpb.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return fmt.Sprint(v.DoubleValue)
	case *commonpb.AnyValue_ArrayValue:
		var all []string
		for _, x := range v.ArrayValue.Values {
			all = append(all, text(x))
		}
		return strings.Join(all, ",")
	}
	return fmt.Sprintf("unknown kind %T", v)
}

// Spans returns the spans that have arrived.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Resource returns the attributes of the resource of the newest spans.
func (c *Collector) Resource() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resource
}

// Requests returns the requests that have arrived, without their bodies.
func (c *Collector) Requests() []*http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Roots returns the spans without a parent.
func Roots(spans []Span) []Span {
	return slices.DeleteFunc(slices.Clone(spans), func(s Span) bool { return s.Parent != "" })
}

// Tree returns a span and all spans below it as text: one name per line, indented, and sorted below each parent.
func Tree(spans []Span, of Span) string {
	var below []string
	for _, s := range spans {
		if s.Parent == of.ID && s.Trace == of.Trace {
			below = append(below, strings.ReplaceAll("\n"+Tree(spans, s), "\n", "\n  "))
		}
	}
	slices.Sort(below)
	return of.Name + strings.Join(below, "")
}
