package explain

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func (x *explainer) targetGroup(tg stack.TargetGroup) TargetGroup {
	o := x.origin(stack.KindTargetGroup, tg.ID)
	out := TargetGroup{ID: tg.ID, Name: tg.Name, ARN: x.resolve[tg.ID], Mine: slices.ContainsFunc(o.Objects, x.mine)}
	if have := x.in.Observed.TargetGroup(out.ARN); have != nil && have.Name != "" {
		out.Name = have.Name
	}
	if out.ARN != "" {
		out.Targets = x.in.Targets[out.ARN]
	}
	add := func(name, value string, keys ...annotation.Key) {
		if value != "" && value != "0" {
			out.Fields = append(out.Fields, field(name, value, x.annotated(tg.ID, o, keys)))
		}
	}
	out.Fields = append(out.Fields, Field{Name: "backend", Value: x.service(tg.ID), Source: source(o, "Backend")})
	targets := x.annotated(tg.ID, o, []annotation.Key{annotation.TargetType, annotation.ServiceTargetType})
	for _, w := range o.Objects {
		if x.in.ClassTargetType != nil {
			targets = cmp.Or(x.in.ClassTargetType(w), targets)
		}
	}
	out.Fields = append(out.Fields, field("targets", tg.TargetType, targets))
	port := field("port", strconv.Itoa(int(tg.Port)), "")
	if b, ok := x.binding(tg.ID); ok && tg.Port == 1 && tg.TargetType == stack.TargetIP {
		port.Default = "each target has its own port: the target port of Service " + b.Namespace + "/" + b.ServiceName +
			" is a name"
	}
	out.Fields = append(out.Fields, port)
	add("protocol", tg.Protocol, annotation.BackendProtocol, annotation.ServiceBackendProtocol)
	add("protocol version", tg.ProtocolVersion, annotation.BackendProtocolVersion)
	if tg.IPAddressType == stack.IPv6 {
		out.Fields = append(out.Fields, Field{Name: "address type", Value: tg.IPAddressType, Default: "of the Service"})
	}
	if tg.ControlPort != 0 {
		out.Fields = append(out.Fields, Field{Name: "target control port", Value: strconv.Itoa(int(tg.ControlPort))})
	}
	out.Fields = append(out.Fields, x.healthCheck(tg, o)...)
	for _, k := range slices.Sorted(maps.Keys(tg.Attributes)) {
		if v := tg.Attributes[k]; v != "" && v != "0" {
			out.Fields = append(out.Fields, field("attribute "+k, v, source(o, "Attributes["+k+"]")))
		}
	}
	if len(o.Objects) > 0 {
		x.configured(tg.ID, o.Objects[0], out.Fields)
	}
	return out
}

func (x *explainer) healthCheck(tg stack.TargetGroup, o compile.Origin) (fields []Field) {
	checked := func(name, value string, keys ...annotation.Key) {
		if value != "" && value != "0" {
			from := cmp.Or(x.annotated(tg.ID, o, keys), x.annotated(tg.ID, o, []annotation.Key{annotation.HealthCheck,
				annotation.ServiceHealthCheck}))
			fields = append(fields, field(name, value, from))
		}
	}
	h := tg.HealthCheck
	checked("health check protocol", h.Protocol, annotation.HealthCheckProtocol, annotation.ServiceHCProtocol)
	checked("health check port", h.Port, annotation.HealthCheckPort, annotation.ServiceHCPort)
	checked("health check path", h.Path, annotation.HealthCheckPath, annotation.ServiceHCPath)
	checked("success codes", h.Matcher, annotation.SuccessCodes, annotation.ServiceHCSuccessCodes)
	checked("health check interval", seconds(h.IntervalSeconds), annotation.HealthCheckInterval,
		annotation.ServiceHCInterval)
	checked("health check timeout", seconds(h.TimeoutSeconds), annotation.HealthCheckTimeout, annotation.ServiceHCTimeout)
	checked("healthy after", times(h.HealthyThreshold), annotation.HealthyThreshold, annotation.ServiceHCHealthy)
	checked("unhealthy after", times(h.UnhealthyThreshold), annotation.UnhealthyThreshold, annotation.ServiceHCUnhealthy)
	return fields
}

func seconds(n int32) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(int(n)) + " s"
}

func times(n int32) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(int(n)) + " checks"
}

// binding is the binding of a target group.
func (x *explainer) binding(id string) (stack.Binding, bool) {
	for _, b := range x.in.Stack.Bindings {
		if b.ID == id {
			return b, true
		}
	}
	return stack.Binding{}, false
}

func (x *explainer) service(id string) string {
	b, ok := x.binding(id)
	if !ok {
		return ""
	}
	return "Service " + b.Namespace + "/" + b.ServiceName + " port " + b.ServicePort
}

// annotated is where one of some annotations is set for a target group: on the backend Service, which takes precedence,
// or on the object that declares the target group. Empty: on neither.
func (x *explainer) annotated(id string, o compile.Origin, keys []annotation.Key) string {
	if x.in.Annotations == nil {
		return ""
	}
	var objects []diag.Object
	if b, ok := x.binding(id); ok {
		objects = append(objects, diag.Object{Kind: "Service", Namespace: b.Namespace, Name: b.ServiceName})
	}
	for _, w := range append(objects, o.Objects...) {
		have := x.in.Annotations(w)
		for _, k := range keys {
			if _, ok := have[string(k)]; ok {
				return k.Path() + " of " + diag.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}.String()
			}
		}
	}
	return ""
}

// health summarizes targets: "3 healthy, 1 unhealthy (Target.Timeout)".
func health(ts []Target) string {
	count, reason := map[string]int{}, map[string]string{}
	for _, t := range ts {
		count[t.Health]++
		reason[t.Health] = cmp.Or(reason[t.Health], t.Reason)
	}
	var parts []string
	for _, h := range slices.Sorted(maps.Keys(count)) {
		text := strconv.Itoa(count[h]) + " " + h
		if reason[h] != "" {
			text += " (" + reason[h] + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
