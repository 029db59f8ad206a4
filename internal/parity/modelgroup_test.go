package parity

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// defaultGroups is the spec of the TargetGroupConfiguration that a LoadBalancerConfiguration names as the default.
func (x *modelGateway) defaultGroups(c tree, namespace string) tree {
	name := text(sub(c, "defaultTargetGroupConfiguration")["name"])
	for _, g := range x.groups {
		if name != "" && g.Namespace == namespace && g.Name == name {
			return plain(x.t, g.Spec).(tree)
		}
	}
	return nil
}

// effective are the properties in a spec for a route: the best routeConfiguration over the default. Section 6.1.
func effective(spec tree, r *modelRoute) tree {
	var best tree
	rank := 0
	list, _ := spec["routeConfigurations"].([]any)
	for _, c := range list {
		id := sub(c.(tree), "routeIdentifier")
		kind, namespace, name := text(id["kind"]), text(id["namespace"]), text(id["name"])
		n := 0
		switch {
		case kind != r.kind:
		case namespace == r.meta.GetNamespace() && name == r.meta.GetName():
			n = 3
		case namespace == r.meta.GetNamespace() && name == "":
			n = 2
		case namespace == "" && name == "":
			n = 1
		}
		if n > rank {
			rank, best = n, sub(c.(tree), "targetGroupProps")
		}
	}
	return mergedProps(best, sub(spec, "defaultConfiguration"))
}

func mergedProps(high, low tree) tree {
	out := tree{}
	maps.Copy(out, low)
	maps.Copy(out, high)
	if high["tags"] != nil && low["tags"] != nil {
		out["tags"] = union(high["tags"], low["tags"])
	}
	if high["targetGroupAttributes"] != nil && low["targetGroupAttributes"] != nil {
		out["targetGroupAttributes"] = joined(high["targetGroupAttributes"], low["targetGroupAttributes"], "key")
	}
	return out
}

// props are the properties of target groups of a backend for a route.
func (x *modelGateway) props(r *modelRoute, kind, namespace, name string) tree {
	var own tree
	for _, g := range x.groups {
		ref := g.Spec.TargetReference
		if ref == nil || g.Namespace != namespace || ref.Name != name {
			continue
		}
		if ref.Kind == nil && kind == "Service" || ref.Kind != nil && *ref.Kind == kind {
			own = plain(x.t, g.Spec).(tree)
		}
	}
	if kind != "Service" {
		return effective(own, r)
	}
	high, low := x.defaults[0], x.defaults[1]
	gateway := high
	switch {
	case high == nil:
		gateway = low
	case low != nil:
		gateway = maps.Clone(high)
		gateway["defaultConfiguration"] = mergedProps(sub(high, "defaultConfiguration"), sub(low, "defaultConfiguration"))
	}
	return mergedProps(effective(own, r), effective(gateway, r))
}

// forwardOf is the default action of a network load balancer's listener: that of the oldest route. nil = there is no
// listener.
func (x *modelGateway) forwardOf(attached []modelAttached, protocol string, c tree) tree {
	slices.SortFunc(attached, func(a, b modelAttached) int { return older(a.meta, b.meta) })
	var refs []gatewayv1.BackendRef
	for _, r := range attached[0].rules {
		refs = append(refs, r.backends...)
	}
	groups, weights := x.forward(attached[0].modelRoute, refs, protocol), 0
	for _, g := range groups {
		weights += g.(tree)["Weight"].(int)
	}
	if weights == 0 {
		return nil
	}
	config := tree{"TargetGroups": groups}
	if strings.Contains(protocol, "QUIC") {
		for _, g := range groups {
			delete(g.(tree), "Weight")
		}
	}
	if c["targetGroupStickiness"] != nil {
		config["TargetGroupStickinessConfig"] = tree{"Enabled": c["targetGroupStickiness"]}
	}
	return tree{"Type": "forward", "Order": 1, "ForwardConfig": config}
}

// forward makes the target groups of backends, and returns them with their weights. A backend that cannot be used is
// left out.
func (x *modelGateway) forward(r *modelRoute, refs []gatewayv1.BackendRef, protocol string) []any {
	var out []any
	for _, b := range refs {
		kind, namespace := "Service", namespaceOr(b.Namespace, r.meta.GetNamespace())
		if b.Kind != nil {
			kind = string(*b.Kind)
		}
		weight := 1
		if b.Weight != nil {
			weight = int(*b.Weight)
		}
		if weight > 999 {
			x.t.Fatalf("Weight [%d] must be less than or equal to 999", weight)
		}
		var name string
		switch kind {
		case "TargetGroupName":
			name = string(b.Name)
		case "Service":
			svc := x.services[namespace+"/"+string(b.Name)]
			if b.Port == nil || svc == nil || !x.granted(r, kind, namespace, string(b.Name)) {
				continue
			}
			at := slices.IndexFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == *b.Port })
			if at < 0 {
				continue
			}
			name = x.ofService(r, svc, svc.Spec.Ports[at], protocol)
		case "Gateway":
			if !x.granted(r, kind, namespace, string(b.Name)) {
				continue
			}
			name = x.ofGateway(r, namespace, string(b.Name), *b.Port)
		default:
			continue
		}
		out = append(out, tree{"TargetGroupArn": "{tg:" + name + "}", "Weight": weight})
	}
	return out
}

// granted reports whether a reference needs no grant or has one: section 4.7.
func (x *modelGateway) granted(r *modelRoute, kind, namespace, name string) bool {
	if namespace == r.meta.GetNamespace() {
		return true
	}
	for _, g := range x.grants {
		if g.Namespace != namespace {
			continue
		}
		for _, from := range g.Spec.From {
			for _, to := range g.Spec.To {
				if string(from.Kind) == r.kind && string(from.Namespace) == r.meta.GetNamespace() && string(to.Kind) == kind &&
					(to.Name == nil || string(*to.Name) == name) {
					return true
				}
			}
		}
	}
	return false
}

// modelGroup is a target group with the values that its name depends on.
type modelGroup struct {
	route                         *modelRoute
	namespace, name               string // of the backend
	targetType, protocol, version string
	port                          int
	portText, targetPort          string // for the hash, and as written
	props                         tree
	local                         bool // NLB, instance targets, traffic stays on the node
	healthPort                    string
	control                       string
	ipv6                          bool
	resolveHealthPort             func(string) string
	trafficPort                   any
}

// register adds the target group to the state and returns its name.
func (x *modelGateway) register(g *modelGroup) (name string, isNew bool) {
	gw := x.gateway
	id := gw.Namespace + "/" + gw.Name + ":" + g.route.meta.GetNamespace() + "-" + g.route.meta.GetName() + ":" +
		g.route.kind + "-" + g.namespace + "-" + g.name + ":" + g.targetPort
	if name, ok := x.made[id]; ok { // shared by all that use it, as it was built first
		return name, false
	}
	name = cmp.Or(text(g.props["targetGroupName"]), hashed(g.route.meta.GetNamespace(), g.route.meta.GetName(),
		x.cluster, gw.Namespace, gw.Name, g.route.meta.GetNamespace(), g.route.meta.GetName(), g.route.kind,
		g.namespace, g.name,
		g.portText, g.targetType, g.protocol, g.version, g.control))
	x.made[id] = name
	family := map[bool]string{false: "ipv4", true: "ipv6"}[g.ipv6]
	check, matcher := x.healthCheck(g)
	made := tree{"healthCheck": check, "matcher": matcher, "ipAddressType": family, "port": g.port, "protocol": g.protocol,
		"protocolVersion": g.version,
		"targetType":      g.targetType, "vpcId": "{vpc}", "attributes": attributes(g.props["targetGroupAttributes"]),
		"tags": x.tags(id, g.props["tags"])}
	sub(sub(x.state, "aws"), "targetGroups")[name] = made
	return name, true
}

func (x *modelGateway) ofService(r *modelRoute, svc *corev1.Service, port corev1.ServicePort, protocol string) string {
	p := x.props(r, "Service", svc.Namespace, svc.Name)
	g := &modelGroup{route: r, namespace: svc.Namespace, name: svc.Name, props: p,
		targetType: cmp.Or(text(p["targetType"]), x.targetType)}
	g.protocol = x.groupProtocol(r, p, protocol)
	if !x.network {
		switch {
		case protocol != "HTTPS":
			g.version = "HTTP1"
		case p["protocolVersion"] != nil:
			g.version = text(p["protocolVersion"])
		case r.kind == "GRPCRoute":
			g.version = "GRPC"
		case port.AppProtocol != nil && *port.AppProtocol == "kubernetes.io/h2c":
			g.version = "HTTP2"
		default:
			g.version = "HTTP1"
		}
	}
	target := port.TargetPort
	if target == (intstr.IntOrString{}) {
		target = intstr.FromInt32(port.Port)
	}
	g.targetPort = target.String()
	switch {
	case g.targetType == "instance":
		g.port, g.portText = int(port.NodePort), strconv.Itoa(int(port.NodePort))
		g.trafficPort = int(port.NodePort)
	case target.Type == intstr.String:
		g.port, g.portText, g.trafficPort = 1, "1", target.StrVal
		if !x.former {
			g.portText = target.StrVal
		}
	default:
		g.port, g.portText, g.trafficPort = target.IntValue(), target.String(), target.IntValue()
	}
	if c, ok := p["targetControlPort"].(float64); ok {
		g.control = strconv.Itoa(int(c))
	}
	g.ipv6 = slices.Contains(svc.Spec.IPFamilies, corev1.IPv6Protocol)
	g.local = x.network && g.targetType == "instance" && svc.Spec.ExternalTrafficPolicy ==
		corev1.ServiceExternalTrafficPolicyLocal
	g.healthPort = strconv.Itoa(int(svc.Spec.HealthCheckNodePort))
	g.resolveHealthPort = func(s string) string {
		for _, sp := range svc.Spec.Ports {
			if sp.Name == s {
				if g.targetType == "instance" {
					return strconv.Itoa(int(sp.NodePort))
				}
				return sp.TargetPort.String()
			}
		}
		return s
	}
	name, isNew := x.register(g)
	if isNew {
		x.bind(g, name, svc, port, protocol)
	}
	return name
}

// groupProtocol is the protocol of a target group: section 6.2.
func (x *modelGateway) groupProtocol(r *modelRoute, p tree, protocol string) string {
	switch {
	case !x.network:
		return cmp.Or(text(p["protocol"]), "HTTP")
	case protocol == "TCP_UDP" || strings.Contains(protocol, "QUIC"):
		return protocol
	case p["protocol"] != nil:
		return text(p["protocol"])
	}
	return strings.TrimSuffix(r.kind, "Route")
}

func (x *modelGateway) ofGateway(r *modelRoute, namespace, name string, port int32) string {
	p := x.props(r, "Gateway", namespace, name)
	text := strconv.Itoa(int(port))
	g := &modelGroup{route: r, namespace: namespace, name: name, props: p, targetType: "alb", protocol: "TCP",
		port: int(port), portText: text, targetPort: text,
		resolveHealthPort: func(string) string { return text }}
	made, _ := x.register(g)
	group := sub(sub(sub(x.state, "aws"), "targetGroups"), made)
	for _, o := range x.gateways {
		if o.Namespace != namespace || o.Name != name {
			continue
		}
		for _, c := range o.Status.Conditions {
			if c.Type == string(gatewayv1.GatewayConditionProgrammed) {
				group["targets"] = []any{tree{"Id": strings.TrimPrefix(c.Message, "$"), "Port": int(port)}}
			}
		}
	}
	return made
}

// healthCheck of a target group: section 6.3.
func (x *modelGateway) healthCheck(g *modelGroup) (check, matcher tree) {
	protocol, port, path, codes := g.protocol, "traffic-port", "/", "200-399"
	interval, timeout, healthy, unhealthy := 15, 5, 3, 3
	code := "HttpCode"
	switch {
	case g.local:
		protocol, port, path, interval, timeout, healthy, unhealthy = "HTTP", g.healthPort, "/healthz", 10, 6, 2, 2
	case g.targetType == "alb":
		protocol = "HTTP"
	case x.network:
		protocol = "TCP"
	case g.version == "GRPC":
		path, codes, code = "/AWS.ALB/healthcheck", "12", "GrpcCode"
	}
	c := sub(g.props, "healthCheckConfig")
	protocol = cmp.Or(text(c["healthCheckProtocol"]), protocol)
	path = cmp.Or(text(c["healthCheckPath"]), path)
	if p := text(c["healthCheckPort"]); p != "" && p != "traffic-port" {
		port = g.resolveHealthPort(p)
	} else if p != "" {
		port = p
	}
	codes = cmp.Or(text(sub(c, "matcher")[strings.ToLower(code[:1])+code[1:]]), codes)
	number := func(key string, or int) int {
		if n, ok := c[key].(float64); ok {
			return int(n)
		}
		return or
	}
	check = tree{"HealthCheckProtocol": protocol, "HealthCheckPort": port, "HealthCheckIntervalSeconds": number(
		"healthCheckInterval", interval),
		"HealthCheckTimeoutSeconds": number("healthCheckTimeout", timeout), "HealthyThresholdCount": number(
			"healthyThresholdCount", healthy),
		"UnhealthyThresholdCount": number("unhealthyThresholdCount", unhealthy)}
	if protocol == "TCP" {
		return check, nil
	}
	check["HealthCheckPath"] = path
	return check, tree{code: codes}
}

// bind adds the TargetGroupBinding of a target group: section 6.4.
func (x *modelGateway) bind(g *modelGroup, name string, svc *corev1.Service, port corev1.ServicePort, protocol string) {
	spec := tree{"targetGroupARN": "{tg:" + name + "}", "targetType": g.targetType, "serviceRef": tree{
		"name": svc.Name, "port": port.Port},
		"ipAddressType": map[bool]string{false: "ipv4", true: "ipv6"}[g.ipv6], "vpcID": "{vpc}",
		"targetGroupProtocol":     g.protocol,
		"multiClusterTargetGroup": g.props["enableMultiCluster"]}
	if g.targetType == "instance" {
		spec["nodeSelector"] = g.props["nodeSelector"]
	}
	if rules := x.networking(g, protocol); rules != nil {
		spec["networking"] = tree{"ingress": rules}
	}
	labels := tree{x.owner + "/stack-namespace": x.gateway.Namespace, x.owner + "/stack-name": x.gateway.Name}
	if i := x.gateway.Spec.Infrastructure; i != nil {
		for k, v := range i.Labels {
			labels[string(k)] = string(v)
		}
	}
	sub(x.state, "kube")["TargetGroupBinding/"+name] = tree{"namespace": svc.Namespace, "labels": labels, "spec": spec}
}

// networking are the rules for traffic and health checks.
func (x *modelGateway) networking(g *modelGroup, protocol string) []any {
	check, _ := x.healthCheck(g)
	udp := slices.Contains([]string{"UDP", "TCP_UDP", "QUIC", "TCP_QUIC"}, g.protocol)
	port := func(protocol string, n any) tree { return tree{"protocol": protocol, "port": n} }
	health := g.trafficPort
	if p := text(check["HealthCheckPort"]); p != "traffic-port" {
		if n, err := strconv.Atoi(p); err == nil {
			health = n
		} else {
			health = p
		}
	}
	if x.backend == "" && x.grouped {
		return nil
	}
	if x.backend != "" {
		from := []any{tree{"securityGroup": tree{"groupID": x.backend}}}
		rules := []any{
			tree{"from": from, "ports": []any{port(map[bool]string{false: "TCP", true: "UDP"}[udp], g.trafficPort)}}}
		if udp || health != g.trafficPort {
			rules = append(rules, tree{"from": from, "ports": []any{port("TCP", health)}})
		}
		return rules
	}
	cidrs := func(list ...any) (out []any) {
		for _, c := range list {
			out = append(out, tree{"ipBlock": tree{"cidr": c}})
		}
		return out
	}
	v4, v6 := []any{"172.31.0.0/20", "172.31.16.0/20", "172.31.32.0/20", "172.31.48.0/20"},
		[]any{"2600:1f14:abc:de00::/64", "2600:1f14:abc:de01::/64", "2600:1f14:abc:de02::/64", "2600:1f14:abc:de03::/64"}
	subnets, open, inside := v4, "0.0.0.0/0", "172.31.0.0/16"
	if g.ipv6 {
		subnets, open, inside = v6, "::/0", "2600:1f14:abc:de00::/56"
	}
	preserve := g.targetType == "instance"
	if v, ok := attributes(g.props["targetGroupAttributes"])["preserve_client_ip.enabled"]; ok {
		preserve = v == "true"
	}
	preserve = preserve || udp
	from, byDefault, all := subnets, false, false
	if preserve {
		from, _ = x.config["sourceRanges"].([]any)
		if byDefault = len(from) == 0; byDefault {
			from = []any{open}
			if x.scheme == "internal" {
				from = []any{inside}
			}
		}
		all = slices.Contains(from, any(open))
	}
	ports := []any{port("TCP", g.trafficPort)}
	switch g.protocol {
	case "TCP_UDP", "TCP_QUIC":
		ports = []any{port("TCP", g.trafficPort), port("UDP", g.trafficPort)}
	case "UDP", "QUIC":
		ports = []any{port("UDP", g.trafficPort)}
	}
	rules := []any{tree{"from": cidrs(from...), "ports": ports}}
	if udp || health != g.trafficPort || preserve && !byDefault && !all {
		rules = append(rules, tree{"from": cidrs(subnets...), "ports": []any{port("TCP", health)}})
	}
	return rules
}
