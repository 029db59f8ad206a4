// Package explain explains the load balancer of an Ingress, Service or Gateway: each field with the place that
// declares it, the rules of its listeners in the order of evaluation, and which rule a request matches and why. It
// renders the results of compile and the observed state.
package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// Input is the desired and the observed state of an object's load balancer.
type Input struct {
	Object  diag.Object
	Members []diag.Object // of the load balancer, in group order
	// Stack is what is desired; nil = it cannot be built, for the reasons in Diagnostics.
	Stack       *stack.Stack
	Keep        stack.Keep
	Origins     map[stack.Ref]compile.Origin
	Observed    awsop.Observed
	Diagnostics diag.List
	// Annotations returns those of an Ingress or Service; nil if the object is not known.
	Annotations func(diag.Object) map[string]string
	// ClassTargetType returns where the class of an Ingress sets the target type, which overrides annotations; empty if it
	// does not. It may be nil.
	ClassTargetType func(diag.Object) string
	// DefaultTags are those of --default-tags.
	DefaultTags map[string]string
	// Gateway is the decision about the Gateway of the load balancer; nil = it is not one of a Gateway. The explained
	// object is the Gateway, or a route or ListenerSet of it.
	Gateway *GatewayInput
	// Targets are those of a target group by its ARN; nil if they were not read.
	Targets map[string][]Target
}

// Target is one target and its health.
type Target struct {
	ID     string `json:"id"`
	Port   int32  `json:"port"`
	Health string `json:"health"` // healthy, unhealthy, initial, draining, unused, unavailable
	Reason string `json:"reason,omitempty"`
}

// Explanation is the explanation of an object; its JSON form is for programs.
type Explanation struct {
	Object       string        `json:"object"`
	Stack        string        `json:"stack"`
	Members      []string      `json:"members"`
	Deletion     *Deletion     `json:"deletion,omitempty"` // the object is deleted: nothing else is explained
	Gateway      *Gateway      `json:"gateway,omitempty"`
	LoadBalancer *LoadBalancer `json:"loadBalancer,omitempty"` // none if nothing can be built
	Frontend     *LoadBalancer `json:"frontend,omitempty"`     // the network load balancer in front of it
	Listeners    []Listener    `json:"listeners,omitempty"`
	TargetGroups []TargetGroup `json:"targetGroups,omitempty"`
	Findings     []Finding     `json:"findings,omitempty"`
	Request      *Walk         `json:"request,omitempty"`

	focused bool // the object is a part of the Gateway
}

// Field is a setting, its value, and where it is declared.
type Field struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // "" = it is not declared
	// Default is the origin of a value that is not declared: a flag of the controller, "default", or a discovery.
	Default string `json:"default,omitempty"`
}

// field is a field with its source, or else with its default.
func field(name, value, source string) Field {
	f := Field{Name: name, Value: value, Source: source}
	if source == "" {
		f.Default = cmp.Or(origins[name], "default")
	}
	return f
}

// origins are the origins of values that are not declared; the others are constants.
var origins = map[string]string{
	"name": "generated", "scheme": "--default-load-balancer-scheme",
	"address type": "--default-ip-address-type, for new load balancers", "subnets": "found in the VPC",
	"security groups": "created for it",
	"certificates":    "found in ACM for the hosts", "TLS policy": "--default-ssl-policy",
	"targets": "--default-target-type",
	"port":    "of the Service",
}

// LoadBalancer is the desired load balancer; State and DNSName are those of the existing one.
type LoadBalancer struct {
	Name    string  `json:"name"`
	Type    string  `json:"type"`
	ARN     string  `json:"arn,omitempty"`
	DNSName string  `json:"dnsName,omitempty"`
	State   string  `json:"state,omitempty"`
	Fields  []Field `json:"fields"`
}

// Listener is one port, its settings and rules.
type Listener struct {
	Port     int32   `json:"port"`
	Protocol string  `json:"protocol"`
	Frontend bool    `json:"frontend,omitempty"` // it is one of the network load balancer in front
	Exists   bool    `json:"exists"`
	Fields   []Field `json:"fields"`
	Default  string  `json:"default"` // the action for a request that matches no rule
	Rules    []Rule  `json:"rules,omitempty"`
}

// Rule is one rule of a listener.
type Rule struct {
	Order      int32  `json:"order"`
	Priority   int32  `json:"priority,omitempty"` // in AWS; 0 = it does not exist yet
	Conditions string `json:"conditions"`
	Action     string `json:"action"`
	Owner      string `json:"owner"`
	Source     string `json:"source"`
	// Configuration is the ListenerRuleConfiguration of the rule of a route.
	Configuration string `json:"listenerRuleConfiguration,omitempty"`
	Mine          bool   `json:"mine"` // it comes from the explained object
}

// TargetGroup is one target group.
type TargetGroup struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	ARN     string   `json:"arn,omitempty"`
	Mine    bool     `json:"mine"`
	Fields  []Field  `json:"fields"`
	Targets []Target `json:"targets,omitempty"`
}

// Finding is a diagnostic.
type Finding struct {
	Severity string `json:"severity"` // error, warning or note
	Object   string `json:"object"`
	Field    string `json:"field,omitempty"`
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	Remedy   string `json:"remedy,omitempty"`
}

// Explain explains an object.
func Explain(in Input) Explanation {
	e := Explanation{Object: in.Object.String(), Findings: Findings(in.Diagnostics)}
	for _, m := range in.Members {
		e.Members = append(e.Members, m.String())
	}
	if in.Gateway != nil {
		x := explainer{in: in}
		e.Gateway, e.focused = x.gateway(), x.focused()
		if e.focused && in.Stack != nil {
			e.Findings = Findings(slices.DeleteFunc(slices.Clone(in.Diagnostics), func(d diag.Diagnostic) bool {
				return !x.mine(d.Object) && !strings.HasSuffix(d.Object.Kind, "Configuration")
			}))
		}
	}
	if in.Stack == nil {
		return e
	}
	e.Stack = in.Stack.Key.String()
	in.Stack = diff.Effective(in.Stack, in.Keep, in.Observed)
	x := explainer{in: in, resolve: map[string]string{}}
	for _, tg := range in.Observed.TargetGroups {
		x.resolve[tg.ID] = tg.ARN
	}
	for _, lb := range in.Stack.LoadBalancers {
		b := x.loadBalancer(lb)
		if lb.ID == stack.FrontendIdentity {
			e.Frontend = &b
		} else {
			e.LoadBalancer = &b
		}
	}
	for _, l := range in.Stack.Listeners {
		e.Listeners = append(e.Listeners, x.listener(l))
	}
	slices.SortStableFunc(e.Listeners, func(a, b Listener) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a.Port, b.Port))
	})
	for _, tg := range in.Stack.TargetGroups {
		e.TargetGroups = append(e.TargetGroups, x.targetGroup(tg))
	}
	return e
}

// order puts the listeners of a frontend behind those that it forwards to.
func order(l Listener) int {
	if l.Frontend {
		return 1
	}
	return 0
}

// Findings returns the JSON form of diagnostics.
func Findings(l diag.List) []Finding {
	var out []Finding
	for _, d := range l {
		out = append(out, Finding{string(d.Severity()), d.Object.String(), d.Path, string(d.Code), d.Text, d.Remedy})
	}
	return out
}

// explainer is the state of one explanation.
type explainer struct {
	in      Input
	resolve map[string]string // ARNs of target groups that exist, by identity
}

func (x *explainer) origin(kind stack.Kind, id string) compile.Origin {
	return x.in.Origins[stack.Ref{Kind: kind, ID: id}]
}

// source is where a field of a resource is declared; empty if it is not.
func source(o compile.Origin, field string) string {
	s, ok := o.Fields[field]
	if !ok {
		return ""
	}
	return written(s)
}

func written(s intent.Source) string {
	if s.Path() == "" {
		return ""
	}
	return s.Path() + " of " + s.Object().String()
}

func (x *explainer) loadBalancer(lb stack.LoadBalancer) LoadBalancer {
	o := x.origin(stack.KindLoadBalancer, lb.ID)
	out := LoadBalancer{Name: lb.Name, Type: string(lb.Type)}
	if have := x.in.Observed.LoadBalancer(lb); have != nil {
		out.Name, out.ARN, out.DNSName, out.State = cmp.Or(have.Name, lb.Name), have.ARN, have.DNSName, have.State
	}
	add := func(name, value, key string) {
		if value != "" {
			out.Fields = append(out.Fields, field(name, value, source(o, key)))
		}
	}
	add("name", out.Name, "Name")
	add("scheme", lb.Scheme, "Scheme")
	add("address type", lb.IPAddressType, "IPAddressType")
	var subnets []string
	for _, s := range lb.Subnets {
		subnets = append(subnets, strings.Join(slices.DeleteFunc([]string{s.Subnet, s.AllocationID, s.PrivateIPv4, s.IPv6,
			s.SourceNATPrefix}, func(t string) bool { return t == "" }), "="))
	}
	add("subnets", strings.Join(subnets, ", "), "Subnets")
	var groups []string
	for _, g := range lb.SecurityGroups {
		groups = append(groups, cmp.Or(g.Literal, x.group(g.ID)))
	}
	add("security groups", strings.Join(groups, ", "), "SecurityGroups")
	add("security group rules for PrivateLink", lb.PrivateLinkRules, "PrivateLinkRules")
	if lb.NetworkSourceNAT != "off" || source(o, "NetworkSourceNAT") != "" {
		add("IPv6 source NAT", lb.NetworkSourceNAT, "NetworkSourceNAT")
	}
	add("customer-owned pool", lb.CustomerOwnedPool, "CustomerOwnedPool")
	add("IPAM pool", lb.IPAMPool, "IPAMPool")
	if lb.WebACL != nil {
		add("web ACL", cmp.Or(*lb.WebACL, "none"), "WebACL")
	}
	if lb.Shield != nil {
		add("Shield Advanced", strconv.FormatBool(*lb.Shield), "Shield")
	}
	if lb.Capacity != nil {
		add("reserved capacity", fmt.Sprintf("%d units", *lb.Capacity), "Capacity")
	}
	for _, k := range slices.Sorted(maps.Keys(lb.Attributes)) {
		add("attribute "+k, lb.Attributes[k], "Attributes["+k+"]")
	}
	out.Fields = append(out.Fields, x.tags(o, lb.Tags)...)
	return out
}

// group is a security group in words.
func (x *explainer) group(id string) string {
	for _, g := range x.in.Observed.SecurityGroups {
		if g.ID == id {
			return g.GroupID + " (" + groupName(id) + ")"
		}
	}
	return groupName(id)
}

func groupName(id string) string {
	switch {
	case stack.IsManagedSecurityGroup(id):
		return "managed"
	case id == stack.BackendSecurityGroup:
		return "shared backend group"
	}
	return ""
}

// tags are the declared tags, without tracking tags.
func (x *explainer) tags(o compile.Origin, tags map[string]string) []Field {
	var out []Field
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if v, ok := x.in.DefaultTags[k]; ok && v == tags[k] {
			out = append(out, Field{Name: "tag " + k, Value: v, Default: "--default-tags"})
		} else if s := source(o, "Tags["+k+"]"); s != "" {
			out = append(out, Field{Name: "tag " + k, Value: tags[k], Source: s})
		}
	}
	return out
}

// certificates are those of a listener in AWS's order: one field for all, or one for each where members of a group
// brought them.
func certificates(o compile.Origin, l stack.Listener) (out []Field) {
	var all []string
	from := map[intent.Source]bool{}
	for _, c := range slices.Concat(l.Certificates, l.SNI) {
		if !slices.Contains(all, c) {
			all = append(all, c)
			from[o.Fields["Certificates["+c+"]"]] = true
		}
	}
	if len(all) == 0 {
		return nil
	}
	if len(from) < 2 {
		return []Field{field("certificates", strings.Join(all, ", "), source(o, "Certificates"))}
	}
	for n, c := range all {
		name := "certificate"
		if n == 0 {
			name = "default certificate"
		}
		s := o.Fields["Certificates["+c+"]"]
		f := field("certificates", c, written(s))
		if f.Name = name; f.Source == "" && s != (intent.Source{}) {
			f.Default = "found in ACM for the hosts of " + s.Object().String()
		}
		out = append(out, f)
	}
	return out
}

func (x *explainer) listener(l stack.Listener) Listener {
	o := x.origin(stack.KindListener, l.ID)
	out := Listener{Port: l.Port, Protocol: l.Protocol, Frontend: l.LoadBalancer.ID == stack.FrontendIdentity,
		Default: stack.Labels{}.Actions(l.DefaultActions)}
	arn := ""
	for _, have := range x.in.Observed.Listeners {
		if have.Port == l.Port && x.balancer(have.LoadBalancer.Literal) == l.LoadBalancer.ID {
			out.Exists, arn = true, have.ARN
		}
	}
	add := func(name, value, key string) {
		if value != "" {
			out.Fields = append(out.Fields, field(name, value, source(o, key)))
		}
	}
	out.Fields = append(out.Fields, certificates(o, l)...)
	add("TLS policy", l.SSLPolicy, "SSLPolicy")
	add("ALPN", l.ALPN, "ALPN")
	if m := l.Mutual; m != nil {
		add("client certificates", clientCertificates(*m), "Mutual")
	}
	open := "InboundCIDRs"
	if source(o, open) == "" {
		open = "PrefixLists"
	}
	if !out.Frontend {
		add("open to", x.openTo(l.Port), open)
	}
	for _, k := range slices.Sorted(maps.Keys(l.Attributes)) {
		add("attribute "+k, l.Attributes[k], "Attributes["+k+"]")
	}
	what := "unmatched requests"
	if l.Protocol != "HTTP" && l.Protocol != "HTTPS" {
		what = "connections"
	}
	add(what, out.Default, "DefaultActions")
	for _, r := range x.rules(l.ID) {
		out.Rules = append(out.Rules, x.rule(r, arn))
	}
	return out
}

// clientCertificates is the check of client certificates in words.
func clientCertificates(m stack.MutualAuthentication) string {
	text := strings.TrimSpace(m.Mode + " " + m.TrustStore)
	if m.IgnoreExpiry {
		text += ", also expired ones"
	}
	if m.AdvertiseNames {
		text += ", names of authorities in the handshake"
	}
	return text
}

// balancer is the identity of the load balancer with an ARN; empty if the load balancer is not one of the stack.
func (x *explainer) balancer(arn string) string {
	for _, lb := range x.in.Observed.LoadBalancers {
		if lb.ARN == arn {
			return lb.ID
		}
	}
	return ""
}

// openTo are the sources that the managed security group admits to a port; empty if the user manages the groups.
func (x *explainer) openTo(port int32) string {
	var out []string
	for _, g := range x.in.Stack.SecurityGroups {
		if !stack.IsManagedSecurityGroup(g.ID) {
			continue
		}
		for _, p := range g.Ingress {
			if p.FromPort <= port && port <= p.ToPort && (p.Protocol == "tcp" || p.Protocol == "udp") {
				out = append(out, cmp.Or(p.CIDR, p.IPv6CIDR, p.PrefixList, p.Group.Literal))
			}
		}
	}
	return strings.Join(out, ", ")
}
