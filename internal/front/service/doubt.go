package service

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// noteDoubts notes what is valid, and hardly means what it was written for.
func (t *translation) noteDoubts(scheme string) {
	t.noteSpec()
	if v, _, ok := t.read.Raw(annotation.ServiceICMP); ok && v != "on" && v != "off" {
		t.read.Ignored(annotation.ServiceICMP, fmt.Sprintf(`value %q has no effect: only "on" admits ICMP`, v),
			`write "on", or remove the annotation`)
	}
	if internal, _, ok := t.read.Raw(annotation.ServiceInternal); ok {
		written, _, declared := t.read.Raw(annotation.ServiceScheme)
		on, err := strconv.ParseBool(internal)
		if declared && (err != nil || scheme != "" && on != (scheme == stack.Internal)) {
			code := diag.IgnoredSetting
			if on && written == stack.InternetFacing {
				code = diag.GuardNotApplied
			}
			t.read.Note(annotation.ServiceInternal, code, fmt.Sprintf("annotation %s has no effect together with %s: %s",
				annotation.ServiceInternal, annotation.ServiceScheme, written), "remove one of them")
		}
	}
	if kind, _, ok := t.read.Raw(annotation.ServiceType); ok && t.service.Spec.LoadBalancerClass != nil &&
		!slices.Contains([]string{"external", "nlb", "nlb-ip"}, kind) {
		t.read.Ignored(annotation.ServiceType, fmt.Sprintf("annotation %s: %q has no effect: spec.loadBalancerClass decides",
			annotation.ServiceType, kind), "remove it")
	}
	t.noteOverridden()
	t.noteWithoutGroups()
	served := t.servedPorts()
	const remedy = "name a port of the Service by its number"
	family := string(annotation.ServicePortTGAttributes)
	ports := slices.Sorted(maps.Keys(served))
	t.read.CheckKeys(annotation.ServicePortTGAttributes, ports)
	for _, k := range slices.Sorted(maps.Keys(t.service.Annotations)) {
		if port, ok := strings.CutPrefix(k, family); ok && !served[port] {
			t.read.Ignored(annotation.Key(k), fmt.Sprintf("annotation %s has no effect: no target group is for port %s", k,
				port), remedy)
		}
	}
	t.read.CheckEntries(annotation.ServiceProxyProtocolPorts, ports)
	for _, port := range t.read.List(annotation.ServiceProxyProtocolPorts).Value {
		if _, err := strconv.Atoi(port); err == nil && !served[port] { // another text is an error
			t.read.Ignored(annotation.ServiceProxyProtocolPorts,
				fmt.Sprintf("port %s has no effect, because it has no target group; target groups of ports that are not listed "+
					"get no proxy protocol", port), remedy)
		}
	}
}

// noteWithoutGroups notes that ICMP needs security groups. The compiler notes the restrictions that need them.
func (t *translation) noteWithoutGroups() {
	if !t.read.Bool(annotation.ServiceDisableSecurityGroups).Value {
		return
	}
	t.read.Ignored(annotation.ServiceICMP, fmt.Sprintf("annotation %s has no effect: the load balancer has no security "+
		"groups (%s)", annotation.ServiceICMP, annotation.ServiceDisableSecurityGroups), "remove this annotation, or "+
		"annotation "+string(annotation.ServiceDisableSecurityGroups))
}

// noteOverridden notes attributes that an annotation of their own overrides.
func (t *translation) noteOverridden() {
	all := t.read.Attributes(annotation.ServiceAttributes).Value
	if cross := t.read.Bool(annotation.ServiceCrossZone); cross.Set {
		t.overridden(annotation.ServiceAttributes, all, crossZone, strconv.FormatBool(cross.Value),
			annotation.ServiceCrossZone)
	}
	if t.read.Bool(annotation.ServiceAccessLog).Value {
		t.overridden(annotation.ServiceAttributes, all, accessLogEnabled, "true", annotation.ServiceAccessLog)
	}
	if t.read.String(annotation.ServiceProxyProtocol).Set {
		t.overridden(annotation.ServiceTGAttributes, t.read.Attributes(annotation.ServiceTGAttributes).Value,
			proxyProtocolEnabled, "true", annotation.ServiceProxyProtocol)
		t.read.Ignored(annotation.ServiceProxyProtocolPorts, fmt.Sprintf("annotation %s has no effect together with %s, "+
			"which is for all ports", annotation.ServiceProxyProtocolPorts, annotation.ServiceProxyProtocol),
			"remove one of them")
	}
}

func (t *translation) overridden(k annotation.Key, all map[string]string, key, value string, by annotation.Key) {
	if v, ok := all[key]; ok && v != value {
		t.read.Ignored(k, fmt.Sprintf("%s=%s has no effect: annotation %s sets it to %s", key, v, by, value),
			"remove one of them")
	}
}

const (
	externalName       = "a Service of type ExternalName has no endpoints, so its load balancer has no targets"
	externalNameRemedy = "give it a selector and another type, or remove the annotations for a load balancer"
)

// noteSpec notes fields of the Service that leave its load balancer without listeners or targets, or that it does not
// follow.
func (t *translation) noteSpec() {
	note := func(path, text, remedy string) { t.report("", path, diag.IgnoredSetting, text, remedy) }
	spec := &t.service.Spec
	if spec.Type == corev1.ServiceTypeExternalName {
		note("spec.type", externalName, externalNameRemedy)
	}
	if len(spec.Ports) == 0 {
		note("spec.ports", "the Service has no ports, so its load balancer has no listeners", "add ports")
	}
	if spec.SessionAffinity == corev1.ServiceAffinityClientIP &&
		t.read.Attributes(annotation.ServiceTGAttributes).Value["stickiness.enabled"] != "true" {
		note("spec.sessionAffinity", "a network load balancer does not follow spec.sessionAffinity: connections of one "+
			"client can reach different targets", fmt.Sprintf("set annotation %s: stickiness.enabled=true,"+
			"stickiness.type=source_ip", annotation.ServiceTGAttributes))
	}
	if spec.LoadBalancerIP != "" {
		note("spec.loadBalancerIP", "a network load balancer does not follow spec.loadBalancerIP",
			fmt.Sprintf("name Elastic IP addresses in %s, or private ones in %s", annotation.ServiceEIPAllocations,
				annotation.ServicePrivateIPv4))
	}
}

// servedPorts are the ports that annotations for target groups may name: those of the Service and of those that it
// forwards to by weight.
func (t *translation) servedPorts() map[string]bool {
	out := map[string]bool{}
	for _, p := range t.service.Spec.Ports {
		out[strconv.Itoa(int(p.Port))] = true
	}
	for _, g := range t.targetGroups {
		if g != nil {
			out[g.ServicePort] = true
		}
	}
	return out
}
