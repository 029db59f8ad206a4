package guides

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

var (
	publicSubnets  = []string{"subnet-00000000000000a01", "subnet-00000000000000b01", "subnet-00000000000000c01"}
	privateSubnets = []string{"subnet-00000000000000a02", "subnet-00000000000000b02", "subnet-00000000000000c02"}
	allNodes       = []string{"i-00000000000000a01", "i-00000000000000b01", "i-00000000000000c01"}
)

// check compares what there is for a load balancer with what is wanted.
func (b balancer) check(p *picture, namespace string, defaults map[string]map[string]string) (ps problems) {
	lb, ok := p.loadBalancer(b.name)
	if !ok {
		ps.add("there is no load balancer %s", b.name)
		return ps
	}
	if b.nlb || b.gateway != nil {
		matches(&ps, "name of the load balancer", lb.Name, "^"+regexp.QuoteMeta(b.name)+"[0-9a-f]{10}$")
	} else {
		ps.same("name of the load balancer", lb.Name, b.name)
	}
	scheme, prefix, subnets := "internet-facing", "", publicSubnets
	if b.internal {
		scheme, prefix, subnets = "internal", "internal-", privateSubnets
	}
	if b.subnets != nil {
		subnets = b.subnets
	}
	kind, domain := "application", "us-west-2.elb"
	if b.nlb {
		// AWS turns the parts of a network load balancer's domain round.
		kind, prefix, domain = "network", "", "elb.us-west-2"
	}
	matches(&ps, "DNS name", lb.DNSName, "^"+prefix+regexp.QuoteMeta(lb.Name)+"-[0-9a-f]+\\."+domain+"\\.amazonaws\\.com$")
	ps.same("type, scheme, address type and state", []string{lb.Type, lb.Scheme, lb.IPAddressType, lb.State},
		[]string{kind, scheme, "ipv4", "active"})
	if nat := p.sourceNAT[lb.ARN]; nat != "" && nat != "off" {
		ps.add("source NAT for IPv6 is %s", nat)
	}
	var have []string
	for _, z := range lb.Zones {
		have = append(have, z.Subnet)
	}
	slices.Sort(have)
	ps.same("subnets", have, subnets)
	ps.same("attributes that are not defaults", differing(lb.Attributes, defaults[kind+" "+scheme]), orEmpty(b.attributes))
	ps.tags("the load balancer", lb.Tags, b.tags(namespace, "LoadBalancer"))
	ps.same("web ACLs", p.webACLs(lb.ARN), named(b.webACL))
	b.checkGroups(&ps, p, lb, namespace)
	names := b.checkTargetGroups(&ps, p, lb, namespace)
	b.checkListeners(&ps, lb, namespace, names)
	b.checkStatus(&ps, p, lb)
	return ps
}

// webACLs are the names of the web ACLs in front of a load balancer, of both generations.
func (p *picture) webACLs(arn string) []string {
	names := []string{}
	for _, w := range p.aws.WebACLs {
		if slices.Contains(w.LoadBalancers, arn) {
			names = append(names, w.Name)
		}
	}
	return names
}

func named(name string) []string {
	if name == "" {
		return []string{}
	}
	return []string{name}
}

func matches(ps *problems, what, have, pattern string) {
	if !regexp.MustCompile(pattern).MatchString(have) {
		ps.add("%s: %q does not match %s", what, have, pattern)
	}
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func (b balancer) owner() string {
	switch {
	case b.gateway != nil && b.nlb:
		return "gateway.k8s.aws.nlb"
	case b.gateway != nil:
		return "gateway.k8s.aws.alb"
	case b.nlb:
		return "service.k8s.aws"
	}
	return "ingress.k8s.aws"
}

// tags of a resource.
func (b balancer) tags(namespace, resource string) map[string]string {
	id := namespace + "/" + b.objects[0]
	if b.group != "" {
		id = b.group
	}
	return map[string]string{"elbv2.k8s.aws/cluster": "demo-cluster", b.owner() + "/stack": id, b.owner() +
		"/resource": resource}
}

func (b balancer) checkGroups(ps *problems, p *picture, lb simclient.LoadBalancer, namespace string) {
	if b.own != nil {
		ps.same("security groups", lb.SecurityGroups, b.own)
		return
	}
	managed, ok := p.group(b.managed)
	if !ok {
		ps.add("there is no security group %s", b.managed)
		return
	}
	backend, ok := p.group(backendGroup)
	if !ok {
		ps.add("there is no security group %s", backendGroup)
		return
	}
	ps.same("security groups", lb.SecurityGroups, []string{managed.ID, backend.ID})
	ps.same("description of the managed group", managed.Description, "[k8s] Managed SecurityGroup for LoadBalancer")
	ps.tags("the managed group", managed.Tags, b.tags(namespace, "ManagedLBSecurityGroup"))
	var want []string
	for _, l := range b.listeners {
		protocol := "tcp"
		if l.protocol == "UDP" {
			protocol = "udp"
		}
		want = append(want, fmt.Sprintf("%s %d-%d from 0.0.0.0/0", protocol, l.port, l.port))
	}
	ps.same("inbound rules of the managed group", inbound(managed), want)
	ps.same("description of the backend group", backend.Description, "[k8s] Shared Backend SecurityGroup for LoadBalancer")
	ps.tags("the backend group", backend.Tags, map[string]string{"elbv2.k8s.aws/cluster": "demo-cluster",
		"elbv2.k8s.aws/resource": "backend-sg"})
	ps.same("inbound rules of the backend group", inbound(backend), []string{})
}

// inbound are a group's inbound rules by port.
func inbound(g simclient.SecurityGroup) []string {
	rules := slices.Clone(g.Ingress)
	slices.SortFunc(rules, func(x, y simclient.Permission) int { return cmp.Compare(x.From, y.From) })
	texts := []string{}
	for _, r := range rules {
		texts = append(texts, fmt.Sprintf("%s %d-%d from %s", r.Protocol, r.From, r.To, r.Peer))
	}
	return texts
}

// resource is the identity of a target group.
func (b balancer) resource(namespace string, g targetGroup) string {
	if b.gateway != nil {
		service, _, _ := strings.Cut(g.service, ":")
		return fmt.Sprintf("%[1]s/%[2]s:%[1]s-%[3]s:%[4]s-%[1]s-%[5]s:%[6]d", namespace, b.objects[0], g.route,
			cmp.Or(g.kind, "HTTPRoute"), service, cmp.Or(g.port, g.targetPort))
	}
	if b.nlb {
		return namespace + "/" + g.service
	}
	return namespace + "/" + cmp.Or(g.ingress, b.objects[0]) + "-" + g.service
}

// checkTargetGroups returns the names of the target groups by what the row calls them.
func (b balancer) checkTargetGroups(ps *problems, p *picture, lb simclient.LoadBalancer,
	namespace string) map[string]string {
	called := map[string]string{}
	var have, want []string
	for _, tg := range p.aws.TargetGroups {
		if tg.LoadBalancer == lb.ARN {
			have = append(have, tg.Tags[b.owner()+"/resource"])
		}
	}
	for _, g := range b.groups {
		resource := b.resource(namespace, g)
		want = append(want, resource)
		for _, tg := range p.aws.TargetGroups {
			if tg.LoadBalancer == lb.ARN && tg.Tags[b.owner()+"/resource"] == resource {
				called[tg.Name] = g.service
				b.checkTargetGroup(ps, p, lb, tg, g, namespace)
				b.checkBinding(ps, p, tg, g, namespace)
			}
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	ps.same("target groups", have, want)
	return called
}

var notInNames = regexp.MustCompile("[^A-Za-z0-9]")

func short(s string) string {
	s = notInNames.ReplaceAllString(s, "")
	return s[:min(8, len(s))]
}

func (b balancer) checkTargetGroup(ps *problems, p *picture, lb simclient.LoadBalancer, tg simclient.TargetGroup,
	g targetGroup, namespace string) {
	service, _, _ := strings.Cut(g.service, ":")
	pattern := "^k8s-" + short(namespace) + "-" + short(cmp.Or(g.route, service)) + "-[0-9a-f]{10}$"
	if g.name != "" {
		pattern = "^" + g.name + "$"
	}
	matches(ps, "name of the target group", tg.Name, pattern)
	kind, port := "ip", g.port
	if port == 0 {
		kind, port = "instance", p.nodePort(g.service)
	}
	protocol, version, health := "HTTP", "HTTP1", albHealth
	if b.nlb {
		protocol, version, health = cmp.Or(g.protocol, "TCP"), "", nlbHealth
		ps.same("proxy_protocol_v2.enabled of "+tg.Name, tg.Attributes["proxy_protocol_v2.enabled"], "false")
	}
	if b.gateway != nil {
		version, health = cmp.Or(g.version, version), gatewayHealth
		if b.nlb {
			health = layer4Health
		}
	}
	ps.same("type, protocol, version and port of "+tg.Name, []any{tg.TargetType, tg.Protocol, tg.ProtocolVersion, tg.Port},
		[]any{kind, protocol, version, port})
	ps.same("health check of "+tg.Name, healthText(p.health[tg.ARN]), cmp.Or(g.health, health))
	for k, v := range g.attributes {
		ps.same(k+" of "+tg.Name, tg.Attributes[k], v)
	}
	ps.tags(tg.Name, tg.Tags, b.tags(namespace, b.resource(namespace, g)))
	want := p.podAddresses(service)
	if kind == "instance" {
		want = allNodes
	} else {
		ps.same("pods of "+service, len(want), g.targets)
	}
	checkTargets(ps, lb, tg, want, port, g.unhealthy)
}

// checkTargets compares the registered targets that are not about to go. Those in zones that the load balancer does not
// serve are not used.
func checkTargets(ps *problems, lb simclient.LoadBalancer, tg simclient.TargetGroup, want []string, port int32,
	unhealthy bool) {
	var have []string
	for _, t := range tg.Targets {
		if t.State == "draining" {
			continue
		}
		have = append(have, t.ID)
		state, reason := "healthy", ""
		if unhealthy {
			state, reason = "unhealthy", "Target.FailedHealthChecks"
		}
		if !slices.ContainsFunc(lb.Zones, func(z simclient.Zone) bool { return z.Name == t.Zone }) {
			state, reason = "unused", "Target.NotInUse"
		}
		ps.same("port, state and reason of target "+t.ID+" of "+tg.Name, []any{t.Port, t.State, t.Reason},
			[]any{port, state, reason})
	}
	slices.Sort(have)
	ps.same("targets of "+tg.Name, have, want)
}

func healthText(h account.HealthCheck) string {
	return fmt.Sprintf("%s %s %s %s %ds %ds %d %d", h.Protocol, h.Port, h.Path, h.HTTPCodes+h.GRPCCodes, h.Interval,
		h.Timeout, h.HealthyThreshold, h.UnhealthyThreshold)
}

func (b balancer) checkListeners(ps *problems, lb simclient.LoadBalancer, namespace string, called map[string]string) {
	listeners := slices.Clone(lb.Listeners)
	slices.SortFunc(listeners, func(x, y simclient.Listener) int { return cmp.Compare(x.Port, y.Port) })
	if len(listeners) != len(b.listeners) {
		ps.add("there are %d listeners, want %d", len(listeners), len(b.listeners))
		return
	}
	for i, want := range b.listeners {
		l := listeners[i]
		what := fmt.Sprintf("listener %d", want.port)
		var certificates []string
		policy := ""
		for _, n := range want.certificates {
			certificates = append(certificates, certificate(n))
			policy = defaultPolicy
		}
		ps.same(what, []any{l.Port, l.Protocol, l.Certificates, l.SSLPolicy}, []any{want.port, want.protocol,
			certificates, policy})
		ps.tags(what, l.Tags, b.tags(namespace, strconv.Itoa(int(want.port))))
		var rules []string
		otherwise := ""
		for _, r := range l.Rules {
			text := r.Text
			for name, service := range called {
				text = strings.ReplaceAll(text, name, service)
			}
			if r.Priority == "default" {
				otherwise = text
				continue
			}
			rules = append(rules, text)
			if !b.edited {
				ps.tags(fmt.Sprintf("rule %d of %s", len(rules), what), r.Tags,
					b.tags(namespace, fmt.Sprintf("%d:%d", want.port, len(rules))))
			}
			for _, a := range r.Actions {
				if a.Forward != nil && a.Forward.Stickiness != nil && a.Forward.Stickiness.Enabled {
					ps.add("rule %d of %s is sticky", len(rules), what)
				}
			}
		}
		ps.same("default action of "+what, otherwise, cmp.Or(want.otherwise, otherwise404))
		ps.same("rules of "+what, strings.Join(rules, "\n"), strings.Join(want.rules, "\n"))
	}
}

// certificate is the ARN of the account's certificate of a number.
func certificate(n string) string {
	return fmt.Sprintf("arn:aws:acm:us-west-2:123456789012:certificate/0000000%s-0000-4000-8000-00000000000%s", n, n)
}
