package controller

import (
	"strings"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/account"
)

func configuration(name, spec string) string {
	return "TargetGroupConfiguration shop/" + name + " {spec: {targetReference: {name: web}, defaultConfiguration: {" + spec + "}}}"
}

// TestOfTwoTargetGroupConfigurationsOfAServiceTheFirstByNameCounts creates them in the other order, and deletes the one that counts.
func TestOfTwoTargetGroupConfigurationsOfAServiceTheFirstByNameCounts(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, webGateway+"\n"+configuration("zeta", "targetGroupAttributes: [{key: deregistration_delay.timeout_seconds, value: '20'}]")+"\n"+
		configuration("alpha", "targetGroupAttributes: [{key: deregistration_delay.timeout_seconds, value: '10'}]"))
	delay := func() string {
		t.Helper()
		if tgs := l.sim.Resources().TargetGroups; len(tgs) == 1 {
			return tgs[0].Attributes["deregistration_delay.timeout_seconds"]
		}
		return "no target group"
	}
	l.settleWeb()
	said := strings.Join(l.events, "\n")
	if delay() != "10" || !strings.Contains(said, "it has no effect: Service shop/web is configured by alpha already") {
		t.Errorf("delay %s\n%s", delay(), said)
	}
	l.wantParents(httpRoute("web"), "web: Accepted, ResolvedRefs")
	l.discard("TargetGroupConfiguration shop/alpha {}")
	l.settleWeb()
	if delay() != "20" {
		t.Errorf("delay %s once the first is gone", delay())
	}
}

// TestTagsOfListenersAndRulesOfAGatewayStayAsTheyAreWithTheGateOff has AWS's defaults for what is made, and changes nothing of what others tag.
func TestTagsOfListenersAndRulesOfAGatewayStayAsTheyAreWithTheGateOff(t *testing.T) {
	t.Parallel()
	for gate, tagged := range map[string]bool{"": true, "--feature-gates=ListenerRulesTagging=false": false} {
		l := newLab(t, account.Profile{}, gatewayObjects(t, webGateway+`
LoadBalancerConfiguration shop/web {spec: {tags: {team: shop}}}
ListenerRuleConfiguration shop/web {spec: {tags: {rule: mine}}}`)...)
		flags := []string{"--default-target-type=ip"}
		if gate != "" {
			flags = append(flags, gate)
		}
		l.flags(flags...)
		l.restart()
		l.apply(`Gateway shop/web {spec: {gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: http, port: 80, protocol: HTTP}]}}`)
		l.settleWeb()
		lbs := l.sim.Resources().LoadBalancers
		if len(lbs) != 1 || len(lbs[0].Listeners) != 1 || lbs[0].Tags["team"] != "shop" {
			t.Fatalf("%q: load balancers %+v", gate, lbs)
		}
		li := lbs[0].Listeners[0]
		if got := li.Tags["team"] == "shop" && li.Tags["gateway.k8s.aws.alb/stack"] == "shop/web"; got != tagged || !tagged && len(li.Tags) > 0 {
			t.Errorf("%q: tags of the listener %v", gate, li.Tags)
		}
		for _, r := range li.Rules {
			if got := len(r.Tags) > 0; r.Priority != "default" && got != tagged {
				t.Errorf("%q: tags of rule %s: %v", gate, r.Priority, r.Tags)
			}
		}
		l.wantAnswers(map[string]string{"/": "shop/web:shop-web:HTTPRoute-shop-web:8080"})
		mark := l.mark()
		l.restart()
		l.settleWeb()
		if writes := l.writes(mark); len(writes) > 0 {
			t.Errorf("%q: a restart writes %v", gate, writes)
		}
	}
}

// TestANetworkGatewayFollowsAServiceThatBecomesIPv6 has the group of the other family bound beside the former one, which goes.
func TestANetworkGatewayFollowsAServiceThatBecomesIPv6(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, gatewayClasses+`
LoadBalancerConfiguration shop/web {spec: {ipAddressType: dualstack}}
Gateway shop/web {spec: {gatewayClassName: nlb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
Service shop/web {spec: {ipFamilies: [IPv4], ports: [{port: 80, targetPort: 8080}]}}
TCPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	l.settleWeb()
	family := func() string {
		t.Helper()
		tgs, bindings := l.sim.Resources().TargetGroups, l.allBindings()
		if len(tgs) != 1 || len(bindings) != 1 || bindings[0].Spec.TargetGroupARN != tgs[0].ARN {
			t.Fatalf("target groups %+v, bindings %+v\n%s", tgs, bindings, strings.Join(l.events, "\n"))
		}
		out, err := l.sim.Balancing.DescribeTargetGroups(t.Context(), &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{tgs[0].ARN}})
		l.must(err)
		return string(out.TargetGroups[0].IpAddressType) + ", bound as " + string(*bindings[0].Spec.IPAddressType)
	}
	if got := family(); got != "ipv4, bound as ipv4" {
		t.Error(got)
	}
	balancer := l.sim.Resources().LoadBalancers[0].ARN
	l.apply("Service shop/web {spec: {ipFamilies: [IPv6], ports: [{port: 80, targetPort: 8080}]}}")
	l.passWith(10*time.Minute, l.webKeys()...)
	if got := family(); got != "ipv6, bound as ipv6" || l.sim.Resources().LoadBalancers[0].ARN != balancer {
		t.Error(got)
	}
	l.wantAnswers(map[string]string{"/": "shop/web:shop-web:TCPRoute-shop-web:8080"})
	l.apply("Service shop/web {spec: {ipFamilies: [IPv4], ports: [{port: 80, targetPort: 8080}]}}")
	l.passWith(10*time.Minute, l.webKeys()...)
	if got := family(); got != "ipv4, bound as ipv4" {
		t.Error("back:", got)
	}
}

// TestAnEmptyListOfSourceRangesOpensNoCIDR has lists of a load balancer that exist and are empty; one that does not exist admits all.
func TestAnEmptyListOfSourceRangesOpensNoCIDR(t *testing.T) {
	t.Parallel()
	const gateway = "Gateway shop/web {spec: {gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: http, port: 80, protocol: HTTP}]}}"
	for spec, want := range map[string]string{
		"scheme: internal":                     "0.0.0.0/0",
		"scheme: internal, sourceRanges: null": "0.0.0.0/0",
		"scheme: internal, sourceRanges: []":   "",
	} {
		l := newGatewayLab(t, webGateway+"\nLoadBalancerConfiguration shop/web {spec: {"+spec+"}}")
		l.apply(gateway)
		l.settleWeb()
		var got []string
		for _, g := range l.sim.Resources().SecurityGroups {
			for _, p := range g.Ingress {
				if strings.HasPrefix(g.Name, "k8s-shop-web-") {
					got = append(got, p.Peer)
				}
			}
		}
		if strings.Join(got, ", ") != want || len(l.sim.Resources().LoadBalancers) != 1 {
			t.Errorf("%s: %v, want %q\n%s", spec, got, want, strings.Join(l.events, "\n"))
		}
	}
}
