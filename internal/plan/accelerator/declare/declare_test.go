package declare

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

const prefix = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/"

var config = Config{Cluster: "my-cluster", Region: "us-west-2"}

func to[T any](v T) *T { return &v }

func at(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

// service shows a load balancer with ports such as "tcp 80".
func service(name, host string, ports ...string) *corev1.Service {
	s := &corev1.Service{ObjectMeta: at("default", name), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer}}
	if host != "" {
		entry := corev1.LoadBalancerIngress{Hostname: host}
		for _, p := range ports {
			var protocol string
			var port int32
			_, _ = fmt.Sscanf(p, "%s %d", &protocol, &port)
			entry.Ports = append(entry.Ports, corev1.PortStatus{
				Port: port, Protocol: corev1.Protocol(strings.ToUpper(protocol))})
		}
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{entry}
	}
	return s
}

func named(kind agav1beta1.EndpointType, name string) agav1beta1.Endpoint {
	return agav1beta1.Endpoint{Type: kind, Name: to(name), Weight: to(int32(128)), ClientIPPreservationEnabled: to(true)}
}

func given(id string) agav1beta1.Endpoint {
	return agav1beta1.Endpoint{Type: agav1beta1.EndpointID, EndpointID: to(id), Weight: to(int32(128)),
		ClientIPPreservationEnabled: to(true)}
}

func groupOf(endpoints ...agav1beta1.Endpoint) agav1beta1.EndpointGroup {
	return agav1beta1.EndpointGroup{Endpoints: endpoints}
}

// listener is one of a protocol ("" = none is given) and ranges, such as 80, 81 (none is given).
func listener(protocol string, ports []int32, groups ...agav1beta1.EndpointGroup) agav1beta1.Listener {
	l := agav1beta1.Listener{EndpointGroups: groups}
	if protocol != "" {
		l.Protocol = to(agav1beta1.Protocol(protocol))
	}
	for _, p := range ports {
		l.PortRanges = append(l.PortRanges, agav1beta1.PortRange{FromPort: p, ToPort: p})
	}
	return l
}

func object(listeners ...agav1beta1.Listener) *agav1beta1.GlobalAccelerator {
	return &agav1beta1.GlobalAccelerator{ObjectMeta: at("default", "web"), Spec: agav1beta1.GlobalAcceleratorSpec{
		Listeners: listeners}}
}

// outcome is the listeners and the findings as text.
func outcome(d accelerator.Declared, found diag.List) string {
	var out []string
	if d.Deferred {
		out = append(out, fmt.Sprintf("deferred, emptied %t", d.Emptied))
	}
	for _, l := range d.Listeners {
		text := l.Key()
		for _, g := range l.Groups {
			text += fmt.Sprintf(" [%s %g", g.Region, g.Dial)
			for _, o := range g.Overrides {
				text += fmt.Sprintf(" %d:%d", o.ListenerPort, o.EndpointPort)
			}
			for _, e := range g.Endpoints {
				text += fmt.Sprintf(" %s=%d", e.ID[strings.LastIndex(e.ID, "/")+1:], e.Weight)
				if e.PreserveClientIP != nil {
					text += fmt.Sprintf(",%t", *e.PreserveClientIP)
				}
			}
			if g.Waiting {
				text += " waiting"
			}
			text += "]"
		}
		out = append(out, text)
	}
	for _, f := range found {
		out = append(out, fmt.Sprintf("%s %s: %s", f.Code, f.Path, f.Text))
	}
	return strings.Join(out, "\n")
}

func TestWhatObjectsDeclare(t *testing.T) {
	t.Parallel()
	alb, nlb := "web-123.us-west-2.elb.amazonaws.com", "web-50dc.elb.us-west-2.amazonaws.com"
	answers := Answers{
		alb: {ARN: prefix + "app/web/alb"}, nlb: {ARN: prefix + "net/web/nlb", Network: true, SecurityGroups: true},
		"plain-1.elb.us-west-2.amazonaws.com": {ARN: prefix + "net/plain/plain", Network: true},
		"dual-1.elb.us-west-2.amazonaws.com": {ARN: prefix + "net/dual/dual", Network: true, SecurityGroups: true,
			DualStack: true},
		prefix + "net/web/nlb": {ARN: prefix + "net/web/nlb", Network: true, SecurityGroups: true,
			Ports: []Port{{"TCP", 443}, {"UDP", 53}}},
		prefix + "net/quic/quic": {ARN: prefix + "net/quic/quic", Network: true, SecurityGroups: true,
			PortProblem: "its listener of port 443 has protocol QUIC, which is not supported by Global Accelerator"},
	}
	overriding := func(l agav1beta1.Listener, pairs ...int32) agav1beta1.Listener {
		l.EndpointGroups = slices.Clone(l.EndpointGroups)
		for i := 0; i < len(pairs); i += 2 {
			l.EndpointGroups[0].PortOverrides = append(l.EndpointGroups[0].PortOverrides, agav1beta1.PortOverride{
				ListenerPort: pairs[i], EndpointPort: pairs[i+1]})
		}
		return l
	}
	ingress := func(entries ...networkingv1.IngressLoadBalancerIngress) *networkingv1.Ingress {
		return &networkingv1.Ingress{ObjectMeta: at("default", "web"), Status: networkingv1.IngressStatus{
			LoadBalancer: networkingv1.IngressLoadBalancerStatus{Ingress: entries}}}
	}
	gateway := &gatewayv1.Gateway{ObjectMeta: at("default", "web"), Spec: gatewayv1.GatewaySpec{
		Listeners: []gatewayv1.Listener{{Port: 443, Protocol: "HTTPS"}, {Port: 443, Protocol: "TLS"},
			{Port: 53, Protocol: "UDP"}}},
		Status: gatewayv1.GatewayStatus{Addresses: []gatewayv1.GatewayStatusAddress{
			{Type: to(gatewayv1.IPAddressType), Value: "1.2.3.4"}, {Type: to(gatewayv1.HostnameAddressType), Value: nlb}}}}
	auto := func(e agav1beta1.Endpoint) *agav1beta1.GlobalAccelerator {
		return object(listener("", nil, groupOf(e)))
	}
	region := func(name string, g agav1beta1.EndpointGroup) agav1beta1.EndpointGroup { g.Region = to(name); return g }
	many := make([]int32, 11)
	for i := range many {
		many[i] = int32(100 + 2*i)
	}
	for name, c := range map[string]struct {
		ga      *agav1beta1.GlobalAccelerator
		objects []any
		want    string
	}{
		"as written": {object(listener("TCP", []int32{80}, groupOf(named("Service", "web")))),
			[]any{service("web", nlb, "tcp 80")}, "TCP:80-80 [us-west-2 100 nlb=128,true]"},
		"ports of a Service, TCP before UDP": {auto(named("Service", "web")),
			[]any{service("web", nlb, "udp 53", "tcp 443", "tcp 80", "tcp 81")},
			"TCP:80-81,443-443 [us-west-2 100 nlb=128,true]\nUDP:53-53 [us-west-2 100 nlb=128,true]"},
		"of one protocol if it is given": {object(listener("UDP", nil, groupOf(named("Service", "web")))),
			[]any{service("web", nlb, "udp 53", "tcp 443")}, "UDP:53-53 [us-west-2 100 nlb=128,true]"},
		"protocols of ports that are given": {object(listener("", []int32{9}, groupOf(named("Service", "web")))),
			[]any{service("web", nlb, "tcp 443")}, "TCP:9-9 [us-west-2 100 nlb=128,true]"},
		"a port of both protocols": {auto(named("Service", "web")), []any{service("web", nlb, "udp 53", "tcp 53")},
			"deferred, emptied false\nInvalidAccelerator spec.listeners[0]: cannot read protocol and ports from the load " +
				"balancer: auto-discovery does not support TCP_UDP services on the same port: Service/default/web has " +
				"port 53 twice"},
		"ports of the ALB of an Ingress, behind the entry of its NLB": {auto(named("Ingress", "web")), []any{ingress(
			networkingv1.IngressLoadBalancerIngress{Hostname: nlb, Ports: []networkingv1.IngressPortStatus{{Port: 1}}},
			networkingv1.IngressLoadBalancerIngress{Hostname: alb, Ports: []networkingv1.IngressPortStatus{{Port: 80}}})},
			"TCP:80-80 [us-west-2 100 alb=128,true]"},
		"an Ingress that shows an NLB only waits": {auto(named("Ingress", "web")),
			[]any{ingress(networkingv1.IngressLoadBalancerIngress{Hostname: nlb, Ports: []networkingv1.IngressPortStatus{
				{Port: 1}}})},
			"deferred, emptied false\nEndpointNotLoaded spec.listeners[0].endpointGroups[0].endpoints[0]: Ingress/default/web " +
				"does not show a load balancer yet"},
		"ports of a Gateway": {auto(named("Gateway", "web")), []any{gateway},
			"TCP:443-443 [us-west-2 100 nlb=128,true]\nUDP:53-53 [us-west-2 100 nlb=128,true]"},
		"ports of an ARN": {auto(given(prefix + "net/web/nlb")), nil,
			"TCP:443-443 [us-west-2 100 nlb=128,true]\nUDP:53-53 [us-west-2 100 nlb=128,true]"},
		"protocols that accelerators do not have": {auto(given(prefix + "net/quic/quic")), nil,
			"deferred, emptied false\nInvalidAccelerator spec.listeners[0]: cannot read protocol and ports from the load " +
				"balancer: its listener of port 443 has protocol QUIC, which is not supported by Global Accelerator"},
		"a load balancer that is not there yet is waited for": {auto(named("Service", "web")), []any{service("web", "")},
			"deferred, emptied false\nEndpointNotLoaded spec.listeners[0].endpointGroups[0].endpoints[0]: Service/default/web " +
				"does not show a load balancer yet"},
		"a Service that is gone": {auto(named("Service", "web")), nil,
			"deferred, emptied true\nEndpointNotLoaded spec.listeners[0].endpointGroups[0].endpoints[0]: Service default/web " +
				"does not exist"},
		"a Service without a load balancer": {object(listener("TCP", []int32{80}, groupOf(named("Service", "web")))),
			[]any{&corev1.Service{ObjectMeta: at("default", "web"), Spec: corev1.ServiceSpec{Type: "ClusterIP"}}},
			"TCP:80-80 [us-west-2 100]\nEndpointNotLoaded spec.listeners[0].endpointGroups[0].endpoints[0]: " +
				"Service/default/web is of type ClusterIP and has no load balancer"},
		"a load balancer of another Region": {object(listener("TCP", []int32{80}, groupOf(named("Service", "web")))),
			[]any{service("web", "web-1.elb.eu-west-1.amazonaws.com")},
			"TCP:80-80 [us-west-2 100]\nEndpointNotLoaded spec.listeners[0].endpointGroups[0].endpoints[0]: the load balancer " +
				"web-1.elb.eu-west-1.amazonaws.com of Service/default/web is in Region eu-west-1, and the controller works in " +
				"us-west-2 only"},
		"no discovery for two endpoints": {object(listener("", nil, groupOf(named("Service", "web"), given("i-1")))),
			[]any{service("web", nlb, "tcp 80")},
			": [us-west-2 100 nlb=128,true i-1=128,true]\nInvalidAccelerator spec.listeners[0].protocol: listener protocol " +
				"must be specified: it is that of the load balancer only where one listener has one endpoint group with " +
				"one endpoint\n" +
				"InvalidAccelerator spec.listeners[0].portRanges: listener port ranges must be specified: they are those of the " +
				"load balancer only where one listener has one endpoint group with one endpoint"},
		"client IP preservation is not asked for where AWS refuses it": {
			object(listener("TCP", []int32{80}, groupOf(named("Service", "plain"), named("Service", "dual"),
				given("eipalloc-1")))),
			[]any{service("plain", "plain-1.elb.us-west-2.amazonaws.com"),
				service("dual", "dual-1.elb.us-west-2.amazonaws.com")},
			"TCP:80-80 [us-west-2 100 plain=128,false dual=128,false eipalloc-1=128]\n" +
				"IgnoredSetting spec.listeners[0].endpointGroups[0].endpoints[0].clientIPPreservationEnabled: " +
				"Service/default/plain is used without client IP preservation: Network Load Balancers without security groups do " +
				"not preserve addresses of clients of accelerators\n" +
				"IgnoredSetting spec.listeners[0].endpointGroups[0].endpoints[1].clientIPPreservationEnabled: " +
				"Service/default/dual is used without client IP preservation: dual-stack Network Load Balancers do not preserve " +
				"addresses of clients of accelerators"},
		"each of two discovered listeners gets the port overrides of its ports": {
			overridden(auto(named("Service", "web")), overriding, 80, 8080, 53, 5353),
			[]any{service("web", nlb, "udp 53", "tcp 80")},
			"TCP:80-80 [us-west-2 100 80:8080 nlb=128,true]\nUDP:53-53 [us-west-2 100 53:5353 nlb=128,true]"},
		"an override to a port of the other discovered listener": {overridden(auto(named("Service", "web")), overriding, 80,
			53), []any{service("web", nlb, "udp 53", "tcp 80")},
			"TCP:80-80 [us-west-2 100 80:53 nlb=128,true]\nUDP:53-53 [us-west-2 100 nlb=128,true]\n" +
				"InvalidAccelerator spec.listeners[0].endpointGroups[0].portOverrides[0].endpointPort: port override endpoint " +
				"port 53 is within the port ranges of listener[0] (53), and AWS allows no port of a listener of the accelerator"},
		"more discovered ranges than AWS allows": {auto(named("Service", "web")),
			[]any{service("web", nlb, "tcp 1", "tcp 3", "tcp 5", "tcp 7", "tcp 9", "tcp 11", "tcp 13", "tcp 15", "tcp 17",
				"tcp 19", "tcp 21")},
			"TCP:1-1,3-3,5-5,7-7,9-9,11-11,13-13,15-15,17-17,19-19,21-21 [us-west-2 100 nlb=128,true]\n" +
				"InvalidAccelerator spec.listeners[0].portRanges: the listener has 11 port ranges, and AWS allows 10: 1, 3, 5, " +
				"7, 9, 11, 13, 15, 17, 19, 21"},
		"no discovery of an instance": {auto(given("i-1")), nil,
			"deferred, emptied false\nInvalidAccelerator spec.listeners[0]: protocol and port ranges must be specified: i-1 " +
				"is not a load balancer, so that it has no listeners to take them from"},
		"an endpoint that names nothing": {object(listener("TCP", []int32{80}, groupOf(named("Service", "")))), nil,
			"TCP:80-80 [us-west-2 100]\nInvalidAccelerator spec.listeners[0].endpointGroups[0].endpoints[0].name: the " +
				"endpoint has no name of the Service"},
		"more ranges than AWS allows": {object(listener("TCP", many, groupOf())), nil,
			"TCP:100-100,102-102,104-104,106-106,108-108,110-110,112-112,114-114,116-116,118-118,120-120 [us-west-2 100]\n" +
				"InvalidAccelerator spec.listeners[0].portRanges: the listener has 11 port ranges, and AWS allows 10: 100, 102, " +
				"104, 106, 108, 110, 112, 114, 116, 118, 120"},
		"overlapping ranges of a protocol": {object(listener("TCP", []int32{80}), listener("TCP", []int32{80}),
			listener("UDP", []int32{80})), nil,
			"TCP:80-80\nTCP:80-80\nUDP:80-80\nInvalidAccelerator spec.listeners[1].portRanges[0]: overlapping port ranges " +
				"detected for protocol TCP, which is not allowed: 80 of listener[0] and 80 of listener[1]"},
		"a Region twice": {object(listener("TCP", []int32{80}, groupOf(), region("us-west-2", groupOf()))), nil,
			"TCP:80-80 [us-west-2 100] [us-west-2 100]\nInvalidAccelerator spec.listeners[0].endpointGroups[1].region: " +
				"duplicate region detected in listener[0]: endpointGroups[0] and endpointGroups[1] are both in us-west-2, and " +
				"AWS allows one endpoint group of a listener in each region"},
		"a load balancer twice in a group": {
			object(listener("TCP", []int32{80}, groupOf(named("Service", "web"), given(prefix+"net/web/nlb")))),
			[]any{service("web", nlb, "tcp 80")},
			"TCP:80-80 [us-west-2 100 nlb=128,true nlb=128,true]\nInvalidAccelerator " +
				"spec.listeners[0].endpointGroups[0].endpoints[1]: endpoints[0] of the group has the load balancer " + prefix +
				"net/web/nlb, too"},
		"ports that its load balancer has not": {
			object(listener("TCP", []int32{443}, groupOf(named("Service", "web"))), listener("UDP", []int32{80},
				groupOf(named("Service", "web")))), []any{service("web", nlb, "tcp 80", "udp 53")},
			"TCP:443-443 [us-west-2 100 nlb=128,true]\nUDP:80-80 [us-west-2 100 nlb=128,true]\n" +
				"IgnoredSetting spec.listeners[0].endpointGroups[0].endpoints[0]: Service/default/web has no listener for TCP " +
				"ports 443 to 443 of the accelerator, so requests to these ports get no answer there\n" +
				"IgnoredSetting spec.listeners[1].endpointGroups[0].endpoints[0]: Service/default/web has no listener for UDP " +
				"ports 80 to 80 of the accelerator, so requests to these ports get no answer there"},
		"an override to a port of its load balancer": {
			object(overriding(listener("TCP", []int32{443}, groupOf(named("Service", "web"))), 443, 80)),
			[]any{service("web", nlb, "tcp 80")}, "TCP:443-443 [us-west-2 100 443:80 nlb=128,true]"},
		"an override of a port that the listener has not": {
			object(overriding(listener("TCP", []int32{80}, groupOf()), 81, 8080)), nil,
			"TCP:80-80 [us-west-2 100 81:8080]\nInvalidAccelerator " +
				"spec.listeners[0].endpointGroups[0].portOverrides[0].listenerPort: port override listener port 81 is not within " +
				"any listener port ranges: 80"},
		"an override to a port of a listener": {object(overriding(listener("TCP", []int32{80}, groupOf()), 80, 53),
			listener("UDP", []int32{53})), nil,
			"TCP:80-80 [us-west-2 100 80:53]\nUDP:53-53\nInvalidAccelerator " +
				"spec.listeners[0].endpointGroups[0].portOverrides[0].endpointPort: port override endpoint port 53 is within the " +
				"port ranges of listener[1] (53), and AWS allows no port of a listener of the accelerator"},
		"overrides of two listeners to one port": {object(overriding(listener("TCP", []int32{80}, groupOf()), 80, 8080),
			overriding(listener("TCP", []int32{81}, region("eu-west-1", groupOf())), 81, 8080)), nil,
			"TCP:80-80 [us-west-2 100 80:8080]\nTCP:81-81 [eu-west-1 100 81:8080]\nInvalidAccelerator " +
				"spec.listeners[1].endpointGroups[0].portOverrides[0].endpointPort: port override endpoint port 8080 is used by " +
				"listener[0], too"},
		"overrides of two Regions of a listener to one port": {
			object(overriding(listener("TCP", []int32{80}, groupOf(), agav1beta1.EndpointGroup{Region: to("eu-west-1"),
				PortOverrides: []agav1beta1.PortOverride{{ListenerPort: 80, EndpointPort: 8080}}}), 80, 8080)), nil,
			"TCP:80-80 [us-west-2 100 80:8080] [eu-west-1 100 80:8080]"},
		"two overrides of a port, and to a port": {
			object(overriding(listener("TCP", []int32{80, 81}, groupOf()), 80, 8080, 80, 8081, 81, 8080)), nil,
			"TCP:80-80,81-81 [us-west-2 100 80:8080 80:8081 81:8080]\nInvalidAccelerator " +
				"spec.listeners[0].endpointGroups[0].portOverrides[1].listenerPort: duplicate port override listener port 80 in " +
				"the endpoint group\n" +
				"InvalidAccelerator spec.listeners[0].endpointGroups[0].portOverrides[2].endpointPort: duplicate port override " +
				"endpoint port 8080 in the endpoint group"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoints := Endpoints(objects.FromObjects(c.objects), c.ga)
			for _, n := range Needs(config, c.ga, endpoints) {
				if _, ok := answers[n.Key()]; !ok {
					t.Errorf("AWS is asked for %+v", n)
				}
			}
			d, found := Accelerator(config, c.ga, endpoints, answers, Memory{})
			if got := outcome(d, found); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func overridden(ga *agav1beta1.GlobalAccelerator, change func(agav1beta1.Listener, ...int32) agav1beta1.Listener,
	pairs ...int32) *agav1beta1.GlobalAccelerator {
	ga.Spec.Listeners[0] = change(ga.Spec.Listeners[0], pairs...)
	return ga
}

func TestTagsOfAccelerators(t *testing.T) {
	t.Parallel()
	c := config
	c.DefaultTags, c.ExternalTags = map[string]string{"team": "platform", "env": "prod"}, []string{"finance"}
	ga := object()
	ga.Spec.Tags = map[string]string{"team": "blue", "aga.k8s.aws/stack": "forged"}
	tags := func() map[string]string { d, _ := Accelerator(c, ga, nil, nil, Memory{}); return d.Tags }
	if got := tags(); got["team"] != "platform" || got["env"] != "prod" || got["aga.k8s.aws/stack"] != "default/web" ||
		got["elbv2.k8s.aws/cluster-region"] != "us-west-2" || len(got) != 6 {
		t.Errorf("%v", got)
	}
	c.ObjectTagsWin = true
	if got := tags(); got["team"] != "blue" {
		t.Errorf("tags of objects win: %v", got)
	}
	ga.Spec.Tags["finance"] = "1"
	if _, found := Accelerator(c, ga, nil, nil, Memory{}); len(found) != 2 ||
		found[0].Text != "tag finance is reserved for other tools by --external-managed-tags" {
		t.Errorf("%v", found)
	}
}

func TestReservedTagsOfAccelerators(t *testing.T) {
	t.Parallel()
	ga := object()
	ga.Spec.Tags = map[string]string{"team": "blue", "ingress.k8s.aws/stack": "vic/web", "aga.k8s.aws/stack": "vic/web",
		"elbv2.k8s.aws/cluster-region": "x"}
	d, found := Accelerator(config, ga, nil, nil, Memory{})
	if _, written := d.Tags["ingress.k8s.aws/stack"]; written || d.Tags["team"] != "blue" || d.Tags["aga.k8s.aws/stack"] !=
		"default/web" || d.Tags["elbv2.k8s.aws/cluster-region"] != "us-west-2" {
		t.Errorf("tags %v", d.Tags)
	}
	if !slices.Equal(d.ExternalTags, []string{"ingress.k8s.aws/stack"}) {
		t.Errorf("keys that stay in AWS: %v", d.ExternalTags)
	}
	if len(found) != 3 || found.HasErrors() || found[0].Code != diag.ReservedTag {
		t.Errorf("%v", found)
	}
}

func TestWhatIsKnownOfEndpointsDecidesWhatMayGo(t *testing.T) {
	t.Parallel()
	nlb := "web-50dc.elb.us-west-2.amazonaws.com"
	ga := object(listener("TCP", []int32{80}, groupOf(named("Service", "web"), named("Service", "waits"))))
	endpoints := Endpoints(objects.FromObjects([]any{service("web", nlb), service("waits", "")}), ga)
	answers := Answers{nlb: {ARN: "new"}}
	d, _ := Accelerator(config, ga, endpoints, answers, Memory{Balancers: map[string]string{
		"Service/default/web": "old", "Service/default/gone": "gone"}})
	if g := d.Listeners[0].Groups[0]; !g.Waiting || len(g.Kept) > 0 || !slices.Equal(g.Gone, []string{"gone", "old"}) {
		t.Errorf("an endpoint that never had one: %+v", g)
	}
	d, _ = Accelerator(config, ga, endpoints, answers, Memory{Balancers: map[string]string{
		"Service/default/waits": "its"}})
	if g := d.Listeners[0].Groups[0]; g.Waiting || !slices.Equal(g.Kept, []string{"its"}) {
		t.Errorf("an endpoint that had one: %+v", g)
	}
	if got := Resolved(endpoints, answers); len(got) != 1 || got["Service/default/web"] != "new" {
		t.Errorf("%v", got)
	}
}
