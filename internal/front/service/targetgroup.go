package service

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// targetGroup is the target group of a port of svc, which is the Service itself or one that it forwards to by weight.
// The annotations are always those of the Service itself. It is nil if it is invalid, which is reported.
func (t *translation) targetGroup(svc *corev1.Service, port corev1.ServicePort, protocol,
	at string) *intent.TargetGroup {
	id := naming.ServiceTargetGroupID(svc.Namespace, svc.Name, port.Port)
	if t.grouped && svc.Name != t.service.Name {
		id = naming.ServiceForwardTargetGroupID(svc.Namespace, t.service.Name, svc.Name, port.Port)
	}
	if g, ok := t.targetGroups[id]; ok {
		return g
	}
	g := t.newTargetGroup(id, svc, port, protocol, at)
	t.targetGroups[id] = g
	return g
}

func (t *translation) newTargetGroup(id string, svc *corev1.Service, port corev1.ServicePort, protocol,
	at string) *intent.TargetGroup {
	targetType, ok := t.targetType(svc, port, at)
	if !ok {
		return nil
	}
	g := &intent.TargetGroup{
		ID: id, Object: owner.Object(t.service), ServiceNamespace: svc.Namespace, ServiceName: svc.Name,
		ServiceUID:  string(svc.UID),
		ServicePort: strconv.Itoa(int(port.Port)), TargetType: targetType, Protocol: protocol,
		Tags:         nonEmptyMap(t.read.Map(annotation.ServiceTags).Value),
		MultiCluster: t.read.Bool(annotation.ServiceMultiCluster).Value,
		Source:       t.here(at),
	}
	g.SetAttributes(t.targetGroupAttributes(port.Port))
	t.families(g, svc)
	g.Port, g.TargetPort = serviceport.Target(port, targetType)
	if targetType == stack.TargetInstance {
		g.NodeLabels = nonEmptyMap(t.read.Labels(annotation.ServiceNodeLabels).Value)
	} else {
		t.read.Ignored(annotation.ServiceNodeLabels, fmt.Sprintf("annotation %s has no effect on ip targets",
			annotation.ServiceNodeLabels), "remove it, or use instance targets")
	}
	g.HealthCheck = t.healthCheck(svc, port, targetType)
	if text := serviceport.UnansweredCheck(svc, port, targetType, protocol, g.HealthCheck); text != "" {
		same := "targetPort"
		if targetType == stack.TargetInstance {
			same = "nodePort"
		}
		t.report("", at, diag.UnansweredHealthCheck, text, "set annotation "+string(annotation.ServiceHCPort)+
			" to a port on which the targets accept TCP connections, or add to the Service a TCP port with the same "+
			same+" as the UDP port")
	}
	t.noteResets(g, svc, at)
	return g
}

// terminatesUnhealthy is whether AWS resets the connections of a target that becomes unhealthy: it does for TCP and
// TLS, unless the attribute is false.
const terminatesUnhealthy = "target_health_state.unhealthy.connection_termination.enabled"

// noteResets reports, in a namespace whose pods are to end without a lost request, that connections to a node are reset
// when its last ready pod ends: under external traffic policy Local the health check of the node fails then, although
// its pods that end still serve.
func (t *translation) noteResets(g *intent.TargetGroup, svc *corev1.Service, at string) {
	if g.TargetType != stack.TargetInstance || svc.Spec.ExternalTrafficPolicy !=
		corev1.ServiceExternalTrafficPolicyLocal || g.Protocol != tcp && g.Protocol != tls ||
		g.Attributes[terminatesUnhealthy] == "false" {
		return
	}
	if has, _ := t.view.NamespaceLabels(svc.Namespace, drain.NamespaceLabel); has[drain.NamespaceLabel] != drain.Enabled {
		return
	}
	t.report("", at, diag.ConnectionsReset, "with externalTrafficPolicy: Local, a node becomes an unhealthy target when "+
		"its last ready pod starts to terminate, and AWS resets all connections to the node, also those that this pod still "+
		"serves",
		fmt.Sprintf("set annotation %s: %s=false", annotation.ServiceTGAttributes, terminatesUnhealthy))
}

// families sets the IP families of svc. Which of two is the first is decided by the Service itself, also for one that
// it forwards to by weight: AWS allows one family in a forward.
func (t *translation) families(g *intent.TargetGroup, svc *corev1.Service) {
	own := t.service.Spec.IPFamilies
	g.IPv6 = slices.Contains(svc.Spec.IPFamilies, corev1.IPv6Protocol)
	g.IPv4 = g.IPv6 && slices.Contains(svc.Spec.IPFamilies, corev1.IPv4Protocol)
	g.IPv4First = g.IPv4 && (len(own) == 0 || own[0] == corev1.IPv4Protocol)
}

// targetType is ip or instance; ok is false if the Service cannot have such targets, which is reported.
func (t *translation) targetType(svc *corev1.Service, port corev1.ServicePort, at string) (kind string, ok bool) {
	requested := t.read.String(annotation.ServiceTargetType).Or(cmp.Or(t.config.DefaultTargetType, stack.TargetInstance))
	legacy, _, _ := t.read.Raw(annotation.ServiceType)
	if requested == stack.TargetIP && t.config.IPTargetTypeDisabled {
		t.read.Invalid(annotation.ServiceTargetType, "target type ip is not allowed: the feature gate "+
			"EnableIPTargetType is off", "use target type instance, or enable the feature gate EnableIPTargetType")
		return "", false
	}
	if legacy == "nlb-ip" || requested == stack.TargetIP {
		return stack.TargetIP, true
	}
	if requested != stack.TargetInstance {
		t.read.Ignored(annotation.ServiceTargetType, fmt.Sprintf("value %q is neither ip nor instance; an existing load "+
			"balancer stays as it is, and for a new one the value counts as instance", requested), "write ip or instance")
	}
	serviceType := cmp.Or(svc.Spec.Type, corev1.ServiceTypeClusterIP)
	types := "NodePort or LoadBalancer"
	if svc == t.service { // one of type NodePort has no load balancer
		types = "LoadBalancer"
	}
	remedy := "change the Service to type " + types + " with node ports, or set annotation " +
		string(annotation.ServiceTargetType) + ": ip"
	if text, instead := serviceport.NoEndpoints(svc); text != "" {
		path := at
		if svc == t.service { // as noteSpec notes it for ip targets
			path, text, instead = "spec.type", externalName, externalNameRemedy
		}
		t.report(diag.Route, path, diag.WrongServiceType, text, instead)
		return "", false
	}
	unallocated := svc.Spec.AllocateLoadBalancerNodePorts != nil && !*svc.Spec.AllocateLoadBalancerNodePorts
	switch {
	case serviceType == corev1.ServiceTypeClusterIP:
		t.report(diag.Route, at, diag.WrongServiceType, fmt.Sprintf("type %q has no node ports, which target "+
			"type %q needs: Service %s/%s", serviceType, requested, svc.Namespace, svc.Name), remedy)
	case port.NodePort == 0 && unallocated:
		t.report(diag.Route, at, diag.WrongServiceType, fmt.Sprintf("port %d of Service %s/%s has no node port, "+
			"because the Service allocates none; instance targets need one", port.Port, svc.Namespace, svc.Name),
			"set spec.allocateLoadBalancerNodePorts of the Service to true, or annotation "+
				string(annotation.ServiceTargetType)+": ip")
	case port.NodePort == 0:
		t.report(diag.Route, at, diag.WrongServiceType,
			fmt.Sprintf("port %d of Service %s/%s (type %s) has no node port, which instance "+
				"targets need",
				port.Port, svc.Namespace, svc.Name, serviceType), remedy)
	default:
		return stack.TargetInstance, true
	}
	return "", false
}

// targetGroupAttributes are, in ascending precedence: proxy protocol off, the general annotation, that of the port, the
// proxy protocol annotations. proxy_protocol_v2.enabled is always among them.
func (t *translation) targetGroupAttributes(port int32) map[string]intent.Field[string] {
	out := map[string]intent.Field[string]{proxyProtocolEnabled: {Value: "false"}}
	maps.Copy(out, intent.Entries(t.read.Attributes(annotation.ServiceTGAttributes)))
	k := annotation.ServicePortTGAttributes.For(strconv.Itoa(int(port)))
	for name, f := range intent.Entries(t.read.Attributes(k)) {
		if f.Value != "" {
			out[name] = f
		}
	}
	if f := t.read.List(annotation.ServiceProxyProtocolPorts); f.Set {
		out[proxyProtocolEnabled] = intent.Of(strconv.FormatBool(slices.Contains(t.proxyProtocolPorts(f.Value), port)),
			f.Source)
	}
	if f := t.read.String(annotation.ServiceProxyProtocol); f.Set {
		out[proxyProtocolEnabled] = intent.Of("true", f.Source)
	}
	if out[proxyProtocolEnabled].Value == "" {
		delete(out, proxyProtocolEnabled)
	}
	if f, ok := out[preserveClientIP]; ok {
		on, err := strconv.ParseBool(f.Value)
		if err == nil {
			out[preserveClientIP] = intent.Of(strconv.FormatBool(on), f.Source) // AWS takes true and false only
		} else {
			blame := k
			if _, _, exists := t.read.Raw(k); !exists {
				blame = annotation.ServiceTGAttributes
			}
			t.read.Invalid(blame, fmt.Sprintf("attribute preserve_client_ip.enabled is %q, and must be true or "+
				"false", f.Value), "write true or false")
		}
	}
	return out
}

func (t *translation) proxyProtocolPorts(entries []string) []int32 {
	var out []int32
	for _, e := range entries {
		n, err := strconv.ParseInt(e, 10, 32)
		if err != nil {
			t.read.Invalid(annotation.ServiceProxyProtocolPorts, fmt.Sprintf("%q is not a port number", e),
				"write ports separated by commas, such as 80,443")
			continue
		}
		out = append(out, int32(n))
	}
	return out
}

func nonEmptyMap(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return m
}
