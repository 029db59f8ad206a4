package ingress

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// routingPolicies are the values of dns_record.client_routing_policy.
var routingPolicies = []string{"any_availability_zone", "partial_availability_zone_affinity",
	"availability_zone_affinity"}

// frontend is the network load balancer in front of the ALB. An invalid setting marks it as Broken and affects nothing
// else.
func (t *translation) frontend() intent.Frontend {
	found := &annotation.Findings{}
	r := annotation.NewReader(found, Object(t.ingress), t.ingress.Annotations)
	f := intent.Frontend{
		Enabled:        r.Bool(annotation.Frontend),
		Scheme:         r.String(annotation.FrontendScheme),
		Subnets:        r.NonEmptyList(annotation.FrontendSubnets),
		SecurityGroups: r.NonEmptyList(annotation.FrontendSecurityGroups),
		Allocations:    r.NonEmptyList(annotation.FrontendEIPAllocations),
		Attributes:     r.Attributes(annotation.FrontendAttributes),
		Tags:           r.Map(annotation.FrontendTags),
		Ports:          frontendPorts(r),
		HealthCheck:    frontendHealthCheck(r),
	}
	const policy = "dns_record.client_routing_policy"
	if v, set := f.Attributes.Value[policy]; set && !slices.Contains(routingPolicies, v) {
		r.Invalid(annotation.FrontendAttributes, fmt.Sprintf("invalid dns_record.client_routing_policy: %q", v), "write "+
			strings.Join(routingPolicies, " or "))
	}
	if list := r.List(annotation.FrontendSubnets); list.Set && len(list.Value) == 0 {
		r.Invalid(annotation.FrontendSubnets, "the list of subnets is empty",
			"name subnets, or remove the annotation")
	}
	if t.class.Params != nil {
		f.Scheme = t.prefer(ofClass(t, annotation.Reader.ClassFrontendScheme), f.Scheme, annotation.FrontendScheme)
	}
	f.Broken = slices.ContainsFunc(found.List(), func(d diag.Diagnostic) bool { return d.Class != diag.Note })
	t.findings.Add(found.List()...)
	return f
}

// frontendPorts reads pairs of ports, nlbPort=albPort; an empty map is not set.
func frontendPorts(r annotation.Reader) intent.Field[map[int32]int32] {
	m := r.Map(annotation.FrontendPorts)
	if len(m.Value) == 0 {
		return intent.Field[map[int32]int32]{}
	}
	out := map[int32]int32{}
	port := func(what, text string) int32 {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 1 || n > 65535 {
			r.Invalid(annotation.FrontendPorts, fmt.Sprintf("invalid %s listener port: %s", what, text),
				"write pairs of ports from 1 to 65535, such as 80=443")
			return 0
		}
		return int32(n)
	}
	for _, from := range slices.Sorted(maps.Keys(m.Value)) {
		if a, b := port("NLB", from), port("ALB", m.Value[from]); a != 0 && b != 0 {
			out[a] = b
		}
	}
	return intent.Of(out, m.Source)
}

func frontendHealthCheck(r annotation.Reader) intent.FrontendHealthCheck {
	h := intent.FrontendHealthCheck{
		Protocol:           r.String(annotation.FrontendHealthCheckProtocol),
		Port:               r.String(annotation.FrontendHealthCheckPort),
		Path:               r.String(annotation.FrontendHealthCheckPath),
		Matcher:            r.String(annotation.FrontendSuccessCodes),
		IntervalSeconds:    r.Int32(annotation.FrontendHealthCheckInterval),
		TimeoutSeconds:     r.Int32(annotation.FrontendHealthCheckTimeout),
		HealthyThreshold:   r.Int32(annotation.FrontendHealthyThreshold),
		UnhealthyThreshold: r.Int32(annotation.FrontendUnhealthyThreshold),
	}
	if n, err := strconv.Atoi(h.Port.Value); h.Port.Set && h.Port.Value != stack.TrafficPort &&
		(err != nil || n < 1 || n > 65535) {
		r.Invalid(annotation.FrontendHealthCheckPort, fmt.Sprintf("health check port %q is neither "+
			"traffic-port nor a number", h.Port.Value),
			"write traffic-port or a number from 1 to 65535")
	}
	if h.Path.Set && !annotation.ValidHealthCheckPath(h.Path.Value) {
		r.Invalid(annotation.FrontendHealthCheckPath, fmt.Sprintf("health check path must start with a slash and have at "+
			"most 1024 characters: %q", h.Path.Value), "")
	}
	if h.Matcher.Set && !annotation.ValidCodes(h.Matcher.Value, 200, 599) {
		r.Invalid(annotation.FrontendSuccessCodes, fmt.Sprintf("success codes must be values, lists or ranges from "+
			"200 to 599: %q", h.Matcher.Value),
			"write codes such as 200 or 200-404")
	}
	return h
}
