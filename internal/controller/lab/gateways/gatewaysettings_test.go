package gateways

import (
	"slices"
	"testing"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

func TestSourceNATPrefixesAndPrivateLinkRulesReachNLB(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.GatewayClasses+`
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
Gateway shop/web {spec: {gatewayClassName: nlb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
TCPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	configure := func(settings string) {
		t.Helper()
		l.Apply("LoadBalancerConfiguration shop/web {spec: {scheme: internal, ipAddressType: dualstack, " + settings + "}}")
		l.SettleWeb()
		l.SettleWeb()
	}
	check := func(rules string, prefixes ...string) {
		t.Helper()
		out, err := l.Sim.Balancing.DescribeLoadBalancers(t.Context(), &elbv2.DescribeLoadBalancersInput{})
		l.Must(err)
		if len(out.LoadBalancers) != 1 {
			t.Fatalf("%d load balancers", len(out.LoadBalancers))
		}
		lb := awsclient.FromLoadBalancer(out.LoadBalancers[0])
		var got []string
		for _, s := range lb.Subnets {
			got = append(got, s.SourceNATPrefix)
		}
		if lb.PrivateLinkRules != rules || !cmp.Equal(got, prefixes) {
			t.Errorf("rules %q, prefixes %v, want %q, %v", lb.PrivateLinkRules, got, rules, prefixes)
		}
	}
	const assigned = "{sourceNatIPv6Prefix: auto_assigned}"
	a, b, c := "2600:1f14:abc:de10:1::/80", "2600:1f14:abc:de11:1::/80", "2600:1f14:abc:de12:1::/80"
	configure("enforceSecurityGroupInboundRulesOnPrivateLinkTraffic: 'off', loadBalancerSubnets: [" + assigned + ", " +
		assigned + ", " + assigned + "]")
	check("off", a, b, c)
	mark := l.Mark()
	const b7 = "2600:1f14:abc:de11:7::/80"
	configure("enforceSecurityGroupInboundRulesOnPrivateLinkTraffic: 'on', loadBalancerSubnets: [{sourceNatIPv6Prefix: '" +
		b7 + "'}, " + assigned + ", " + assigned + "]")
	check("on", a, b7, c)
	if writes := l.Writes(mark); !cmp.Equal(writes, []string{"SetSecurityGroups", "SetSubnets"}) &&
		!cmp.Equal(writes, []string{"SetSubnets", "SetSecurityGroups"}) {
		t.Errorf("writes %v", writes)
	}
	mark = l.Mark()
	l.Restart()
	l.SettleWeb()
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("a restart writes %v", writes)
	}
}

func TestGatewayNLBGetsIPv6AddressesWhenItBecomesDualstack(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.GatewayClasses+`
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
Gateway shop/web {spec: {gatewayClassName: nlb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
TCPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	configure := func(settings, addressA, addressB string) {
		t.Helper()
		l.Apply("LoadBalancerConfiguration shop/web {spec: {scheme: internal, " + settings +
			"loadBalancerSubnets: [{identifier: subnet-0a1de0000000000a2" + addressA +
			"}, {identifier: subnet-0a1de0000000000b2" + addressB + "}]}}")
		l.SettleWeb()
		l.SettleWeb()
	}
	configure("", "", "")
	mark := l.Mark()
	const a, b = "2600:1f14:abc:de10::15", "2600:1f14:abc:de11::15"
	configure("ipAddressType: dualstack, ", ", ipv6Allocation: '"+a+"'", ", ipv6Allocation: '"+b+"'")
	writes := l.Writes(mark)
	slices.Sort(writes)
	if want := []string{"AuthorizeSecurityGroupIngress", "SetSubnets"}; !cmp.Equal(writes, want) {
		t.Errorf("writes %v, want %v", writes, want)
	}
	out, err := l.Sim.Balancing.DescribeLoadBalancers(t.Context(), &elbv2.DescribeLoadBalancersInput{})
	l.Must(err)
	lb := awsclient.FromLoadBalancer(out.LoadBalancers[0])
	if lb.IPAddressType != "dualstack" || len(lb.Subnets) != 2 || lb.Subnets[0].IPv6 != a || lb.Subnets[1].IPv6 != b {
		t.Errorf("%s %+v", lb.IPAddressType, lb.Subnets)
	}
	mark = l.Mark()
	l.Restart()
	l.SettleWeb()
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("a restart writes %v", writes)
	}
}
