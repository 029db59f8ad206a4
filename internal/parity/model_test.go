package parity

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
)

// model computes what the existing controller holds in AWS and Kubernetes for Gateways, by sections 4 to 8 of its
// description. It shares nothing with the controller: names are hashed and rules are sorted here. What that controller
// refuses as a whole fails the test.
type model struct {
	t          *testing.T
	cluster    string
	targetType string // flag default-target-type
	former     bool   // names of target groups as v3.5.0 makes them, not as later versions do

	classes  map[string]*gatewayv1.GatewayClass
	balancer map[string]tree // specs of LoadBalancerConfigurations by namespace/name
	groups   []*configv1.TargetGroupConfiguration
	rules    map[string]*configv1.ListenerRuleConfiguration
	gateways []*gatewayv1.Gateway
	sets     []*gatewayv1.ListenerSet
	routes   []modelRoute
	services map[string]*corev1.Service
	grants   []*gatewayv1beta1.ReferenceGrant

	state tree
}

// stateOf is what the existing controller holds for objects, in the form of a record.
func stateOf(t *testing.T, l *lab, objects []any, former bool) tree {
	t.Helper()
	m := &model{t: t, cluster: l.cluster, targetType: l.config.DefaultTargetType, former: former,
		classes: map[string]*gatewayv1.GatewayClass{}, balancer: map[string]tree{},
		rules: map[string]*configv1.ListenerRuleConfiguration{}, services: map[string]*corev1.Service{}}
	m.state = tree{"aws": tree{"securityGroups": tree{}, "targetGroups": tree{}, "loadBalancers": tree{}}, "kube": tree{}}
	for _, o := range objects {
		switch o := o.(type) {
		case *gatewayv1.GatewayClass:
			m.classes[o.Name] = o
		case *configv1.LoadBalancerConfiguration:
			m.balancer[o.Namespace+"/"+o.Name] = plain(t, o.Spec).(tree)
		case *configv1.TargetGroupConfiguration:
			m.groups = append(m.groups, o)
		case *configv1.ListenerRuleConfiguration:
			m.rules[o.Namespace+"/"+o.Name] = o
		case *gatewayv1.Gateway:
			m.gateways = append(m.gateways, o)
		case *gatewayv1.ListenerSet:
			m.sets = append(m.sets, o)
		case *gatewayv1beta1.ReferenceGrant:
			m.grants = append(m.grants, o)
		case *corev1.Service:
			m.services[o.Namespace+"/"+o.Name] = o
		case *gatewayv1.HTTPRoute:
			m.routes = append(m.routes, modelRoute{kind: "HTTPRoute", meta: o, parents: o.Spec.ParentRefs,
				hostnames: texts(o.Spec.Hostnames), rules: httpRules(o)})
		case *gatewayv1.GRPCRoute:
			m.routes = append(m.routes, modelRoute{kind: "GRPCRoute", meta: o, parents: o.Spec.ParentRefs,
				hostnames: texts(o.Spec.Hostnames), rules: grpcRules(o)})
		case *gatewayv1.TCPRoute:
			r := modelRoute{kind: "TCPRoute", meta: o, parents: o.Spec.ParentRefs}
			for _, x := range o.Spec.Rules {
				r.rules = append(r.rules, modelRule{backends: x.BackendRefs})
			}
			m.routes = append(m.routes, r)
		case *gatewayv1.UDPRoute:
			r := modelRoute{kind: "UDPRoute", meta: o, parents: o.Spec.ParentRefs}
			for _, x := range o.Spec.Rules {
				r.rules = append(r.rules, modelRule{backends: x.BackendRefs})
			}
			m.routes = append(m.routes, r)
		case *gatewayv1.TLSRoute:
			r := modelRoute{kind: "TLSRoute", meta: o, parents: o.Spec.ParentRefs, hostnames: texts(o.Spec.Hostnames)}
			for _, x := range o.Spec.Rules {
				r.rules = append(r.rules, modelRule{backends: x.BackendRefs})
			}
			m.routes = append(m.routes, r)
		}
	}
	for _, g := range m.gateways {
		m.gateway(g)
	}
	return m.state
}

// plain is a value as plain JSON.
func plain(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func texts[S ~string](in []S) (out []string) {
	for _, s := range in {
		out = append(out, string(s))
	}
	return out
}

// hashed is k8s-<8 of namespace>-<8 of name>-<10 of a hash>.
func hashed(namespace, name string, parts ...string) string {
	clean := func(s string) string {
		s = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, s)
		return s[:min(8, len(s))]
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "")))
	return "k8s-" + clean(namespace) + "-" + clean(name) + "-" + hex.EncodeToString(sum[:])[:10]
}

// modelGateway is a Gateway in the making.
type modelGateway struct {
	*model
	gateway   *gatewayv1.Gateway
	owner     string // prefix of tags and labels
	network   bool
	config    tree // merged LoadBalancerConfiguration
	defaults  []tree
	listeners []modelListener
	dualstack bool
	scheme    string
	backend   string // source of traffic to targets: a security group; empty = none
	grouped   bool   // the load balancer has security groups
	name      string // of the load balancer
	made      map[string]string
}

func (m *model) gateway(g *gatewayv1.Gateway) {
	class := m.classes[string(g.Spec.GatewayClassName)]
	if class == nil {
		return
	}
	x := &modelGateway{model: m, gateway: g, owner: "gateway.k8s.aws.alb", made: map[string]string{}}
	switch class.Spec.ControllerName {
	case "gateway.k8s.aws/alb":
	case "gateway.k8s.aws/nlb":
		x.owner, x.network = "gateway.k8s.aws.nlb", true
	default:
		return
	}
	x.configure(class)
	x.listeners = x.judge()
	x.scheme = cmp.Or(text(x.config["scheme"]), "internal")
	kind := cmp.Or(text(x.config["ipAddressType"]), "ipv4")
	x.dualstack = strings.HasPrefix(kind, "dualstack")
	x.name = cmp.Or(text(x.config["loadBalancerName"]), hashed(g.Namespace, g.Name, m.cluster, string(g.UID), x.scheme))
	lb := tree{
		"type": map[bool]string{false: "application", true: "network"}[x.network], "scheme": x.scheme, "ipAddressType": kind,
		"subnets": x.subnets(), "attributes": attributes(x.config["loadBalancerAttributes"]), "tags": x.tags("LoadBalancer",
			x.config["tags"]),
	}
	if groups := x.securityGroups(); len(groups) > 0 {
		lb["securityGroups"], x.grouped = groups, true
	}
	lb["listeners"] = x.ports()
	sub(sub(m.state, "aws"), "loadBalancers")[x.name] = lb
	for _, name := range x.made {
		if g, ok := sub(sub(m.state, "aws"), "targetGroups")[name].(tree); ok && used(lb["listeners"], "{tg:"+name+"}") {
			g["loadBalancers"] = []any{"{lb:" + x.name + "}"}
		}
	}
}

// used reports whether a text is anywhere in a value.
func used(in any, what string) bool { return strings.Contains(fmt.Sprint(in), what) }

// configure merges the configurations of the class and of the Gateway.
func (x *modelGateway) configure(class *gatewayv1.GatewayClass) {
	var of, own tree
	var ofNamespace string
	if p := class.Spec.ParametersRef; p != nil {
		ofNamespace = string(*p.Namespace)
		of = x.balancer[ofNamespace+"/"+p.Name]
	}
	if i := x.gateway.Spec.Infrastructure; i != nil && i.ParametersRef != nil {
		own = x.balancer[x.gateway.Namespace+"/"+i.ParametersRef.Name]
	}
	high, low, highNamespace, lowNamespace := of, own, ofNamespace, x.gateway.Namespace
	if of["mergingMode"] == "prefer-gateway" {
		high, low, highNamespace, lowNamespace = own, of, lowNamespace, highNamespace
	}
	x.defaults = []tree{x.defaultGroups(high, highNamespace), x.defaultGroups(low, lowNamespace)}
	x.config = maps.Clone(cmpTree(high, low))
	if of == nil || own == nil {
		return
	}
	for k, v := range low {
		switch k {
		case "minimumLoadBalancerCapacity":
		case "listenerConfigurations":
			x.config[k] = joined(high[k], v, "protocolPort")
		case "loadBalancerAttributes":
			x.config[k] = joined(high[k], v, "key")
		case "tags":
			x.config[k] = union(high[k], v)
		default:
			if x.config[k] == nil {
				x.config[k] = v
			}
		}
	}
	delete(x.config, "minimumLoadBalancerCapacity")
}

func cmpTree(a, b tree) tree {
	if a == nil {
		return b
	}
	return a
}

// union is the maps joined by key; the high one wins.
func union(high, low any) tree {
	out := tree{}
	for _, m := range []any{low, high} {
		if m, ok := m.(tree); ok {
			maps.Copy(out, m)
		}
	}
	return out
}

// joined are lists of objects joined by a key.
func joined(high, low any, key string) []any {
	by := tree{}
	for _, l := range []any{low, high} {
		list, _ := l.([]any)
		for _, o := range list {
			by[text(o.(tree)[key])] = o
		}
	}
	var out []any
	for _, k := range slices.Sorted(maps.Keys(by)) {
		out = append(out, by[k])
	}
	return out
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// attributes are a list of key and value as a map.
func attributes(list any) tree {
	out := tree{}
	items, _ := list.([]any)
	for _, a := range items {
		out[text(a.(tree)["key"])] = a.(tree)["value"]
	}
	return out
}

func (x *modelGateway) tags(resource string, own any) tree {
	return union(tree{"elbv2.k8s.aws/cluster": x.cluster, x.owner + "/stack": x.gateway.Namespace + "/" + x.gateway.Name,
		x.owner + "/resource": resource}, own)
}

// subnets of the lab's account: those that are named, or that have the tags, else all with the role.
func (x *modelGateway) subnets() []any {
	named := map[string]string{"fx-private-a": "subnet-01ab00fa", "fx-private-b": "subnet-01ab00fb"}
	var out []any
	list, _ := x.config["loadBalancerSubnets"].([]any)
	for _, s := range list {
		if id := text(s.(tree)["identifier"]); id != "" {
			out = append(out, tree{"subnet": cmp.Or(named[id], id)})
		}
	}
	if out != nil {
		return out
	}
	if s := sub(x.config, "loadBalancerSubnetsSelector"); len(s) > 0 { // fx/tier=private is the only tag of subnets there
		return []any{tree{"subnet": "subnet-01ab00fa"}, tree{"subnet": "subnet-01ab00fb"}}
	}
	for _, letter := range []string{"a", "b", "c", "d"} {
		out = append(out, tree{"subnet": "{subnet:" + letter + "}"})
	}
	return out
}

// securityGroups are those of the load balancer; those that are made are part of the state.
func (x *modelGateway) securityGroups() []any {
	if x.network && x.config["disableSecurityGroup"] == true {
		return nil
	}
	sum := sha256.Sum256([]byte(x.cluster))
	clean := strings.ReplaceAll(x.cluster, "-", "")
	shared := "k8s-traffic-" + clean + "-" + hex.EncodeToString(sum[:])[:10]
	share := func() string {
		sub(sub(x.state, "aws"), "securityGroups")[shared] = tree{
			"description": "[k8s] Shared Backend SecurityGroup for LoadBalancer",
			"tags":        tree{"elbv2.k8s.aws/cluster": x.cluster, "elbv2.k8s.aws/resource": "backend-sg"}}
		x.backend = "{sg:" + shared + "}"
		return x.backend
	}
	if own, _ := x.config["securityGroups"].([]any); len(own) > 0 {
		out := []any{}
		for _, g := range own {
			out = append(out, cmp.Or(map[string]string{"fx-a": "sg-01ab000a", "fx-b": "sg-01ab000b"}[text(g)], text(g)))
		}
		if x.config["manageBackendSecurityGroupRules"] == true {
			out = append(out, share())
		}
		return out
	}
	managed := hashed(x.gateway.Namespace, x.gateway.Name, x.cluster, x.gateway.Name, x.gateway.Namespace,
		string(x.gateway.UID))
	sub(sub(x.state, "aws"), "securityGroups")[managed] = tree{
		"description": "[k8s] Managed SecurityGroup for LoadBalancer", "ingress": x.ingress(),
		"tags": x.tags("ManagedLBSecurityGroup", x.config["tags"])}
	return []any{"{sg:" + managed + "}", share()}
}

// ingress are the rules of the managed security group.
func (x *modelGateway) ingress() []any {
	ranges := []any{"0.0.0.0/0", "::/0"}
	if r, ok := x.config["sourceRanges"].([]any); ok {
		ranges = r
	}
	lists, _ := x.config["securityGroupPrefixes"].([]any)
	var out []any
	add := func(rule string) {
		if !slices.Contains(out, any(rule)) {
			out = append(out, rule)
		}
	}
	for _, l := range x.listeners {
		if !l.valid {
			continue
		}
		protocol := "tcp"
		if l.protocol == "UDP" {
			protocol = "udp"
		}
		for _, r := range ranges {
			six := strings.Contains(text(r), ":")
			if six && !x.dualstack {
				continue
			}
			add(fmt.Sprintf("%s %d-%d from %s", protocol, l.port, l.port, r))
			switch {
			case x.config["enableICMP"] != true:
			case six:
				add(fmt.Sprintf("icmpv6 2-0 from %s", r))
			default:
				add(fmt.Sprintf("icmp 3-4 from %s", r))
			}
		}
		for _, p := range lists {
			add(fmt.Sprintf("%s %d-%d from %s", protocol, l.port, l.port, p))
		}
	}
	return out
}

// listenerConfig returns the listener configuration of a port.
func (x *modelGateway) listenerConfig(protocol string, port int32) tree {
	list, _ := x.config["listenerConfigurations"].([]any)
	var out tree
	for _, c := range list {
		if strings.EqualFold(text(c.(tree)["protocolPort"]), fmt.Sprintf("%s:%d", protocol, port)) {
			out = c.(tree)
		}
	}
	return out
}

// ports are the listeners in AWS: one for each port on which a route is loaded.
func (x *modelGateway) ports() tree {
	out := tree{}
	var numbers []int32
	for _, l := range x.listeners {
		if l.valid && !slices.Contains(numbers, l.port) {
			numbers = append(numbers, l.port)
		}
	}
	slices.Sort(numbers)
	for _, port := range numbers {
		attached := x.attachedTo(port)
		if len(attached) == 0 {
			continue
		}
		protocol := x.protocolOf(port)
		c := x.listenerConfig(protocol, port)
		l := tree{"protocol": protocol, "tags": x.tags(strconv.Itoa(int(port)), x.config["tags"])}
		secure := protocol == "HTTPS" || protocol == "TLS"
		if secure {
			l["sslPolicy"] = cmp.Or(text(c["sslPolicy"]), "ELBSecurityPolicy-2016-08")
			x.certificates(l, c, port, attached)
		}
		if protocol == "TLS" {
			l["alpn"] = []any{cmp.Or(text(c["alpnPolicy"]), "None")}
		} else if a := attributes(c["listenerAttributes"]); len(a) > 0 {
			l["attributes"] = a
		}
		if m := sub(c, "mutualAuthentication"); protocol == "HTTPS" && text(m["mode"]) != "" && m["mode"] != "off" {
			l["mutualAuthentication"] = text(m["mode"])
		}
		if x.network {
			action := x.forwardOf(attached, protocol, c)
			if action == nil {
				continue
			}
			l["defaultActions"] = []any{action}
		} else {
			l["defaultActions"] = []any{fixedResponse("404", 1)}
			l["rules"] = x.rulesOf(port, protocol, attached)
		}
		out[strconv.Itoa(int(port))] = l
	}
	return out
}

// certificates of a secure listener: those of the configuration, else those of ACM for its hostnames.
func (x *modelGateway) certificates(l, c tree, port int32, attached []modelAttached) {
	account := []struct {
		arn     string
		domains []string
	}{
		{"{cert:extra}", []string{"extra.example.net"}}, {"{cert:app}", []string{"app.example.com", "www.example.com"}},
		{"{cert:wild}", []string{"*.wild.example.com"}},
		{"{cert:api}", []string{"api.example.org"}}, {"{cert:api2}", []string{"api.example.org", "api2.example.org"}},
	}
	var all []any
	if d := text(c["defaultCertificate"]); d != "" {
		all = append(all, d)
	}
	more, _ := c["certificates"].([]any)
	all = append(all, more...)
	if len(all) == 0 {
		var hosts []string
		for _, n := range x.listeners {
			if n.valid && n.port == port && n.hostname != "" {
				hosts = append(hosts, n.hostname)
			}
		}
		for _, a := range attached {
			hosts = append(hosts, a.names()...)
		}
		if len(hosts) == 0 {
			x.t.Fatalf("port %d: No hostnames found for TLS cert discovery", port)
		}
		for _, certificate := range account { // in the order of their ARNs
			if slices.ContainsFunc(hosts, func(h string) bool {
				_, parent, _ := strings.Cut(h, ".")
				return slices.Contains(certificate.domains, h) || slices.Contains(certificate.domains, "*."+parent)
			}) {
				all = append(all, certificate.arn)
			}
		}
	}
	if len(all) == 0 {
		x.t.Fatalf("port %d: no certificate found", port)
	}
	l["certificate"] = all[:1]
	if len(all) > 1 {
		l["sniCertificates"] = all[1:]
	}
}

func fixedResponse(status string, order int) tree {
	return tree{"Type": "fixed-response", "Order": order, "FixedResponseConfig": tree{"StatusCode": status,
		"ContentType": "text/plain"}}
}

func namespaceOr[N ~string](n *N, own string) string {
	if n == nil || *n == "" {
		return own
	}
	return string(*n)
}

// older orders by age, then by namespace and name.
func older(a, b metav1.Object) int {
	x, y := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	return cmp.Or(x.Compare(y.Time), strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName()))
}
