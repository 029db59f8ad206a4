package compile

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	ingressfront "github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const certificate1 = "arn:aws:acm:us-west-2:111122223333:certificate/c1"

// ingress makes a member with one host and a forward of all its paths to a Service of the same name.
func ingress(namespace, name string, change ...func(*intent.Member)) intent.Member {
	o := diag.Object{Kind: "Ingress", Namespace: namespace, Name: name}
	m := intent.Member{
		Object:    o,
		Listeners: []intent.Listener{{Port: 80, Protocol: "HTTP"}},
		Routes:    []intent.Route{route(o, name+".example.com", "/*", name)},
	}
	for _, c := range change {
		c(&m)
	}
	return m
}

func route(o diag.Object, host, path, service string) intent.Route {
	return intent.Route{
		Source: intent.At(o, "spec.rules[0].http.paths[0]"),
		Conditions: []stack.Condition{
			{Field: stack.HostHeader, Values: []string{host}},
			{Field: stack.PathPattern, Values: []string{path}},
		},
		Actions: forwardTo(targetGroup(o, service)),
	}
}

func forwardTo(groups ...*intent.TargetGroup) []intent.Action {
	a := intent.Action{Type: stack.ActionForward}
	for _, g := range groups {
		a.Backends = append(a.Backends, intent.Backend{TargetGroup: g})
	}
	return []intent.Action{a}
}

func targetGroup(o diag.Object, service string) *intent.TargetGroup {
	return &intent.TargetGroup{
		ID: naming.IngressTargetGroupID(o.Namespace, o.Name, service, "80"), Object: o,
		ServiceNamespace: o.Namespace, ServiceName: service, ServiceUID: "uid-" + service, ServicePort: "80",
		TargetType: "ip", Port: 8080, TargetPort: "8080", Protocol: "HTTP", ProtocolVersion: "HTTP1",
		HealthCheck: stack.HealthCheck{Protocol: "HTTP", Port: "traffic-port", Path: "/", Matcher: "200", IntervalSeconds: 15,
			TimeoutSeconds: 5, HealthyThreshold: 2, UnhealthyThreshold: 2},
	}
}

// set makes a field as an annotation of an Ingress sets it.
func set[T any](m *intent.Member, suffix string, v T) intent.Field[T] {
	return intent.Of(v, intent.At(m.Object, "metadata.annotations[alb.ingress.kubernetes.io/"+suffix+"]"))
}

// byClass makes a field as class parameters set it.
func byClass[T any](v T) intent.Field[T] {
	return intent.Of(v, intent.At(diag.Object{Kind: "IngressClassParams", Name: "class"}, "spec"))
}

// broken makes a member with a mistake, which costs what the table of annotations says, or its own routes.
func broken(path string) func(*intent.Member) {
	costs := diag.Route
	if key, ok := strings.CutPrefix(path, "metadata.annotations["); ok {
		e, _ := annotation.Lookup(annotation.Key(strings.TrimSuffix(key, "]")))
		costs = e.Affects
	}
	return func(m *intent.Member) {
		m.Diagnostics = append(m.Diagnostics, diag.New(m.Object, path, diag.InvalidAnnotation, "something is wrong",
			"correct it").In(costs))
	}
}

// Beginnings of ARNs of web ACLs and of trust stores.
const (
	aclARN   = "arn:aws:wafv2:us-west-2:111122223333:regional/webacl/"
	storeARN = "arn:aws:elasticloadbalancing:us-west-2:111122223333:truststore/"
)

// usersGroup is a target group of a user that account has.
const usersGroup = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/x/0123456789abcdef"

func https(certificates ...string) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Listeners = append(m.Listeners, intent.Listener{Port: 443, Protocol: "HTTPS",
			Certificates: set(m, "certificate-arn", certificates)})
	}
}

func scheme(v string) func(*intent.Member) {
	return func(m *intent.Member) { m.Settings.Scheme = set(m, "scheme", v) }
}

func loadBalancer(members ...intent.Member) intent.LoadBalancer {
	id := stack.ID{Namespace: "shop", Name: "web-front"}
	if len(members) > 1 {
		id = stack.ID{Name: "group"}
	}
	return intent.LoadBalancer{Key: stack.Key{Owner: stack.Ingress, ID: id}, Type: stack.Application,
		Names: ingressfront.Names{}, Members: members}
}

// account is a VPC with two public and two private subnets, some groups and certificates; nothing exists for the stack.
func account() facts.Facts {
	subnet := func(id, zone, cidr, role string, public bool) facts.Subnet {
		return facts.Subnet{ID: id, VPC: "vpc-1", Zone: zone, CIDR: cidr, AvailableIPs: 100, Public: public,
			Tags: map[string]string{role: "1", "Name": id[7:]}}
	}
	f := facts.Facts{
		SSLPolicies: map[string]bool{"x": true, "y": true, "a": true, "b": true, "p1": true, "p2": true},
		VPC:         &facts.VPC{ID: "vpc-1", CIDRs: []string{"10.0.0.0/16"}}, Subnets: map[string]facts.Subnet{}, Routes: true,
		SecurityGroups: map[string]facts.SecurityGroup{
			"sg-0a": {ID: "sg-0a", VPC: "vpc-1", Tags: map[string]string{"Name": "front"}},
			"sg-0b": {ID: "sg-0b", VPC: "vpc-1", Tags: map[string]string{"Name": "twin"}},
			"sg-0c": {ID: "sg-0c", VPC: "vpc-1", Tags: map[string]string{"Name": "twin"}},
		},
		ForeignGroups:  map[string]*facts.SecurityGroup{"sg-0f": nil},
		ForeignSubnets: map[string]*facts.Subnet{"subnet-0f": nil},
		PrefixLists:    map[string]*stack.PrefixList{"pl-1": {MaxEntries: 1}, "pl-2": nil},
		Certificates: map[string]facts.Certificate{
			certificate1: {ARN: certificate1, Status: "ISSUED", Domains: []string{"*.example.com"}},
		},
		TargetGroups:      map[string]*facts.TargetGroup{"theirs": {ARN: "arn:theirs", Name: "theirs"}, "gone": nil},
		ExistingKnown:     true,
		TargetGroupOwners: map[string]*facts.TargetGroupOwner{"arn:theirs": nil, usersGroup: nil},
	}
	for _, s := range []facts.Subnet{
		subnet("subnet-0a1", "us-west-2a", "10.0.0.0/20", naming.RoleELBTag, true),
		subnet("subnet-0b1", "us-west-2b", "10.0.16.0/20", naming.RoleELBTag, true),
		subnet("subnet-0a2", "us-west-2a", "10.0.32.0/20", naming.RoleInternalELBTag, false),
		subnet("subnet-0b2", "us-west-2b", "10.0.48.0/20", naming.RoleInternalELBTag, false),
	} {
		f.Subnets[s.ID] = s
	}
	return f
}

// Defaults are the values of a controller started with only its cluster's name and VPC.
func Defaults(cluster, vpc string) Config {
	return Config{
		Cluster:                    cluster,
		VPC:                        vpc,
		DefaultScheme:              stack.Internal,
		DefaultTargetType:          stack.TargetInstance,
		DefaultSSLPolicy:           "ELBSecurityPolicy-2016-08",
		EnableBackendSecurityGroup: true,
		EnableWAFv2:                true,
		EnableShield:               true,
		ExternalTargetGroups:       allowlist.List{{Pattern: allowlist.Any}},
		Gates: Gates{
			SubnetsClusterTagCheck:        true,
			SubnetDiscoveryByReachability: true,
			EnableIPTargetType:            true,
			ListenerRulesTagging:          true,
			WeightedTargetGroups:          true,
			NLBSecurityGroup:              true,
			LBCapacityReservation:         true,
		},
	}
}

func config() Config { return Defaults("demo-cluster", "vpc-1") }

// remember makes the memory of members that compiled before.
func remember(members ...intent.Member) *Memory {
	good := quarantine.Versions{}
	for _, m := range members {
		good[m.Object] = &m
	}
	return &Memory{Good: good}
}

// mustBuild compiles and demands a stack.
func mustBuild(t *testing.T, r Result) *stack.Stack {
	t.Helper()
	if r.Stack == nil {
		t.Fatalf("no stack; needs %v, diagnostics %v", r.Needs, r.Diagnostics)
	}
	return r.Stack
}

// codes lists object and code of the diagnostics.
func codes(l diag.List) []string {
	var out []string
	for _, d := range l {
		out = append(out, d.Object.Name+" "+string(d.Code))
	}
	return out
}

// table shows rules as "port host path → action", in order.
func table(s *stack.Stack) []string {
	var out []string
	for _, r := range s.Rules {
		var b strings.Builder
		b.WriteString(r.Listener.ID)
		for _, c := range r.Conditions {
			b.WriteString(" " + strings.Join(append(slices.Clone(c.Values), c.Regex...), ","))
		}
		b.WriteString(" → ")
		for _, a := range r.Actions {
			switch a.Type {
			case stack.ActionForward:
				for _, g := range a.Forward.TargetGroups {
					b.WriteString(g.TargetGroup.ID + g.TargetGroup.Literal)
				}
			case stack.ActionFixedResponse:
				b.WriteString(a.FixedResponse.StatusCode)
			case stack.ActionRedirect:
				b.WriteString("redirect")
			case stack.ActionAuthenticateOIDC, stack.ActionAuthenticateCognito, stack.ActionValidateJWT:
				b.WriteString(string(a.Type) + " ")
			}
		}
		out = append(out, b.String())
	}
	return out
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}
