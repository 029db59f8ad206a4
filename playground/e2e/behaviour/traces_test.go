package behaviour

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/tracing/collector"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// TestPassesAreTracesAtACollector shows that a collector receives the traces of a controller
// process, with the request IDs of its AWS calls. The test is not parallel: it has a controller of
// its own, which exports the rest when it ends.
func TestPassesAreTracesAtACollector(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the controller with flags or a policy of its own, while nothing else runs")
	}
	const ns = "traced"
	to := collector.New(t)
	c := harness.Start(t, harness.Options{ExtraArgs: []string{"--otlp-traces-endpoint=" + to.URL}})
	mark := c.Mark()
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, public(nil)))
	serve(t, c, ns, "web", "/")
	c.RestartController(t)
	spans := to.Spans()
	traceOf := func(attribute, value, method string) (trace string) {
		for _, root := range collector.Roots(spans) {
			if root.Attributes[attribute] == value && slices.ContainsFunc(spans, func(s collector.Span) bool {
				return s.Trace == root.Trace && s.Attributes["rpc.method"] == method
			}) {
				t.Logf("%v\n%s", root.Attributes, collector.Tree(spans, root))
				return root.Trace
			}
		}
		t.Errorf("no trace of %s with %s", value, method)
		return ""
	}
	made := traceOf("lbc.stack", "ingress.k8s.aws:"+ns+"/web", "CreateLoadBalancer")
	binding := ""
	for _, root := range collector.Roots(spans) {
		if name := root.Attributes["lbc.target_group_binding"]; strings.HasPrefix(name, ns+"/") {
			binding = name
		}
	}
	registered := traceOf("lbc.target_group_binding", binding, "RegisterTargets")
	for _, part := range []string{"load", "compile", "plan", "apply", "Kubernetes "} {
		if !slices.ContainsFunc(spans, func(s collector.Span) bool {
			return s.Trace == made && strings.HasPrefix(s.Name, part)
		}) {
			t.Errorf("the trace lacks %s", part)
		}
	}
	for _, call := range c.Calls(mark) {
		trace := map[string]string{"CreateLoadBalancer": made, "CreateListener": made,
			"RegisterTargets": registered}[call.Action]
		if trace != "" && !slices.ContainsFunc(spans, func(s collector.Span) bool {
			return s.Trace == trace && s.Attributes["rpc.method"] == call.Action && s.Attributes["aws.request_id"] ==
				call.RequestID
		}) {
			t.Errorf("no span of request %s, %s", call.RequestID, call.Action)
		}
	}
}
