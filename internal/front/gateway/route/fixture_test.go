package route

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"
	"sigs.k8s.io/yaml"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// decode makes the objects of YAML documents.
func decode(t testing.TB, text string) (out []metav1.Object) {
	t.Helper()
	kinds := map[string]func() metav1.Object{
		"Gateway": func() metav1.Object { return &gatewayv1.Gateway{} },
		"HTTPRoute": func() metav1.Object {
			return &gatewayv1.HTTPRoute{}
		}, "GRPCRoute": func() metav1.Object { return &gatewayv1.GRPCRoute{} },
		"TCPRoute": func() metav1.Object {
			return &gatewayv1.TCPRoute{}
		}, "UDPRoute": func() metav1.Object { return &gatewayv1.UDPRoute{} },
		"TLSRoute": func() metav1.Object {
			return &gatewayv1.TLSRoute{}
		}, "ReferenceGrant": func() metav1.Object { return &gatewayv1beta1.ReferenceGrant{} },
		"Service": func() metav1.Object {
			return &corev1.Service{}
		}, "Secret": func() metav1.Object { return &corev1.Secret{} },
		"TargetGroupConfiguration":  func() metav1.Object { return &lbcgatewayv1.TargetGroupConfiguration{} },
		"ListenerRuleConfiguration": func() metav1.Object { return &lbcgatewayv1.ListenerRuleConfiguration{} },
	}
	for _, doc := range strings.Split(text, "\n---\n") {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			t.Fatalf("%v:\n%s", err, doc)
		}
		made, ok := kinds[kind.Kind]
		if !ok {
			if strings.TrimSpace(doc) == "" {
				continue
			}
			t.Fatalf("kind %q:\n%s", kind.Kind, doc)
		}
		o := made()
		if err := yaml.UnmarshalStrict([]byte(doc), o); err != nil {
			t.Fatalf("%v:\n%s", err, doc)
		}
		if o.GetNamespace() == "" {
			o.SetNamespace("shop")
		}
		out = append(out, o)
	}
	return out
}

// routeOf is what a route attaches by; ok is false for other objects.
func routeOf(o metav1.Object) (r attachment.Route, ok bool) {
	switch o := o.(type) {
	case *gatewayv1.HTTPRoute:
		r = attachment.Route{Kind: "HTTPRoute", Parents: o.Spec.ParentRefs, Hostnames: o.Spec.Hostnames}
	case *gatewayv1.GRPCRoute:
		r = attachment.Route{Kind: "GRPCRoute", Parents: o.Spec.ParentRefs, Hostnames: o.Spec.Hostnames}
	case *gatewayv1.TLSRoute:
		r = attachment.Route{Kind: "TLSRoute", Parents: o.Spec.ParentRefs, Hostnames: o.Spec.Hostnames}
	case *gatewayv1.TCPRoute:
		r = attachment.Route{Kind: "TCPRoute", Parents: o.Spec.ParentRefs}
	case *gatewayv1.UDPRoute:
		r = attachment.Route{Kind: "UDPRoute", Parents: o.Spec.ParentRefs}
	default:
		return r, false
	}
	r.Namespace, r.Name = o.GetNamespace(), o.GetName()
	return r, true
}

// input is the input of a Gateway and all routes among objects.
func input(t testing.TB, c rule.Construction, all []metav1.Object) Input {
	t.Helper()
	in := Input{View: objects.FromObjects(all), Construction: c, Config: Config{DefaultTargetType: stack.TargetIP}}
	for _, o := range all {
		if g, ok := o.(*gatewayv1.Gateway); ok && g.Spec.GatewayClassName != "" {
			in.Gateway = g
		}
	}
	in.Listeners = attachment.Judge(in.Gateway, nil, attachment.Auto, func(string, ...string) (labels.Set, bool) {
		return nil, true
	}, nil)
	in.Family = in.Listeners.Family
	for _, o := range all {
		if r, ok := routeOf(o); ok {
			in.Routes = append(in.Routes, Attached{Object: o, Route: r, Decisions: in.Listeners.Attach(r)})
		}
	}
	slices.SortFunc(in.Routes, Compare)
	return in
}

// names are those of the tests' Gateways, by the formulas of naming.
type names struct{}

func (names) LoadBalancer(cluster string, id stack.ID, scheme string) string {
	return naming.GatewayLoadBalancer(cluster, id, "uid", scheme)
}

func (names) SecurityGroup(cluster string, id stack.ID) string {
	return naming.GatewaySecurityGroup(cluster, id, "uid")
}

func (names) TargetGroup(cluster string, id stack.ID, g *intent.TargetGroup) string {
	return naming.GatewayTargetGroup{
		Cluster: cluster, Gateway: id, RouteKind: g.Object.Kind, RouteNamespace: g.Object.Namespace, RouteName: g.Object.Name,
		BackendNamespace: g.ServiceNamespace, BackendName: g.ServiceName, TargetPort: g.TargetPort, Port: g.Port,
		TargetType: g.TargetType, Protocol: g.Protocol, ProtocolVersion: g.ProtocolVersion, ControlPort: g.ControlPort,
	}.Name()
}

func (names) TargetGroups(o diag.Object) []string {
	return []string{"shop/gw:" + o.Namespace + "-" + o.Name + ":" + o.Kind + "-"}
}

// loadBalancer is the load balancer of decided routes.
func loadBalancer(in Input, decided []Decided) intent.LoadBalancer {
	e := intent.LoadBalancer{
		Key:  stack.Key{Owner: "gateway.k8s.aws.alb", ID: stack.ID{Namespace: in.Gateway.Namespace, Name: in.Gateway.Name}},
		Type: stack.Application, Names: names{}, FixedPorts: true,
	}
	if in.Family == attachment.Network {
		e.Key.Owner, e.Type = "gateway.k8s.aws.nlb", stack.Network
	}
	own := intent.Member{Object: ObjectOf(in.Gateway, "Gateway"), Authority: intent.Deciding, Routes: Isolation(in)}
	for _, s := range sitesOf(in.Listeners, in.QUIC) {
		l := intent.Listener{Port: s.port, Protocol: s.protocol}
		if s.protocol == "HTTPS" || s.protocol == "TLS" {
			l.Certificates = intent.Of([]string{certificate}, intent.Source{})
		}
		own.Listeners = append(own.Listeners, l)
	}
	e.Members = append(e.Members, own)
	for _, d := range decided {
		if d.Serves {
			e.Members = append(e.Members, d.Member)
		}
	}
	return e
}

const certificate = "arn:aws:acm:us-west-2:111122223333:certificate/c1"

// account is a VPC with two subnets; nothing exists for the Gateway.
func account() facts.Facts {
	f := facts.Facts{
		VPC: &facts.VPC{ID: "vpc-1", CIDRs: []string{"10.0.0.0/16"}}, Subnets: map[string]facts.Subnet{}, Routes: true,
		ExistingKnown: true,
		Certificates: map[string]facts.Certificate{certificate: {ARN: certificate, Status: "ISSUED", Domains: []string{
			"*.example.com"}}},
		TargetGroups: map[string]*facts.TargetGroup{"theirs": {ARN: "arn:theirs", Name: "theirs"}},
	}
	for zone, cidr := range map[string]string{"a": "10.0.0.0/20", "b": "10.0.16.0/20"} {
		f.Subnets["subnet-"+zone] = facts.Subnet{
			ID: "subnet-" + zone, VPC: "vpc-1", Zone: "us-west-2" + zone, CIDR: cidr, AvailableIPs: 100, Tags: map[string]string{
				naming.RoleInternalELBTag: "1"},
		}
	}
	return f
}

func config() compile.Config {
	return compile.Config{
		Cluster: "my-cluster", VPC: "vpc-1", DefaultTargetType: stack.TargetIP, BackendSecurityGroup: "sg-backend",
		EnableBackendSecurityGroup: true,
		ExternalTargetGroups:       allowlist.List{{Pattern: allowlist.Any}},
		Gates: compile.Gates{EnableIPTargetType: true, ListenerRulesTagging: true, WeightedTargetGroups: true,
			NLBSecurityGroup: true},
	}
}

func built(t testing.TB, in Input) (*stack.Stack, []Decided) {
	t.Helper()
	decided, f := Translate(in), account()
	// the load balancer that the status of a Gateway names is its own
	f.TargetGroupOwners = map[string]*facts.TargetGroupOwner{
		"arn:aws:elasticloadbalancing:us-west-2:1:loadbalancer/app/x/1": {
			Stack: stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "shop", Name: "ready"}}},
	}
	r := compile.Compile(loadBalancer(in, decided), f, config(), nil)
	if r.Stack == nil {
		t.Fatalf("no stack; needs %v, diagnostics %v", r.Needs, r.Diagnostics)
	}
	return r.Stack, decided
}
