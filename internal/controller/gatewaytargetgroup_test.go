package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// groupNames are the names of target groups and bindings, sorted.
func (l *lab) groupNames() string {
	l.Helper()
	var out []string
	for _, tg := range l.sim.Resources().TargetGroups {
		out = append(out, tg.Name)
	}
	for _, b := range l.allBindings() {
		out = append(out, "binding "+b.Name)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func configuration(name, spec string) string {
	return "TargetGroupConfiguration shop/" + name + " {spec: {targetReference: {name: web}, defaultConfiguration: {" + spec + "}}}"
}

// TestADeclaredTargetGroupNameBecomesTheRealOne declares a name for a target group that serves, then others, one with another target type, then none.
func TestADeclaredTargetGroupNameBecomesTheRealOne(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, strings.Replace(webGateway, "Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}",
		"Service shop/web {spec: {type: NodePort, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}}", 1))
	l.create(append(labPods("a", "10.0.128.50"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
	l.settleWeb()
	for _, c := range []struct{ spec, name string }{
		{"targetGroupName: storefront", "storefront"},
		{"targetGroupName: shopfront", "shopfront"}, // its ARN comes before that of the former one
		{"targetGroupName: webfront", "webfront"},
		{"targetGroupName: webfront, targetType: instance", "webfront"}, // a group with a name of its own is in between
		{"targetType: instance", "webfront"},
	} {
		l.apply(configuration("web", c.spec))
		l.passWith(20*time.Minute, l.webKeys()...)
		if got, want := l.groupNames(), "binding "+c.name+", "+c.name; got != want {
			t.Errorf("%s: %s, want %s\n%s", c.spec, got, want, strings.Join(l.events, "\n"))
		}
		l.wantAnswers(map[string]string{"/": "shop/web:shop-web:HTTPRoute-shop-web:8080"})
		l.wantParents(httpRoute("web"), "web: Accepted, ResolvedRefs")
		mark := l.mark()
		l.restart()
		l.settleWeb()
		if writes := l.writes(mark); len(writes) > 0 {
			t.Errorf("%s: a restart writes %v", c.spec, writes)
		}
	}
	if events := strings.Join(l.events, "\n"); strings.Contains(events, "Failed") {
		t.Error(events)
	}
}

// TestATargetGroupOfWhichOnlyTheBindingHasTheDeclaredNameStaysUntilAnEdit has a group as the existing controller leaves it after a change of
// targetGroupName: under its former name, and bound by an object of the declared one.
func TestATargetGroupOfWhichOnlyTheBindingHasTheDeclaredNameStaysUntilAnEdit(t *testing.T) {
	t.Parallel()
	for _, construction := range []string{"standard", "compatible"} {
		l := newGatewayLab(t, webGateway)
		l.settleWeb()
		l.construct(construction)
		l.settleWeb()
		former := l.sim.Resources().TargetGroups[0].Name
		b := l.allBindings()[0]
		renamed := b.DeepCopy()
		renamed.ObjectMeta = metav1.ObjectMeta{Namespace: b.Namespace, Name: "storefront", Labels: b.Labels, Annotations: b.Annotations, Finalizers: b.Finalizers}
		b.Finalizers = nil
		l.must(l.client.Update(t.Context(), &b))
		l.must(l.client.Delete(t.Context(), &b))
		l.must(l.client.Create(t.Context(), renamed))
		l.apply(configuration("web", "targetGroupName: storefront"))
		for _, life := range []string{"swap", "restart"} {
			mark := l.mark()
			l.restart()
			l.settleWeb()
			if got, writes := l.groupNames(), l.writes(mark); got != "binding storefront, "+former || len(writes) > 0 {
				t.Errorf("%s, %s: %s, writes %v", construction, life, got, writes)
			}
		}
		l.apply(configuration("web", "targetGroupName: shopfront"))
		l.passWith(10*time.Minute, l.webKeys()...)
		if got := l.groupNames(); got != "binding shopfront, shopfront" {
			t.Errorf("%s, after an edit: %s", construction, got)
		}
	}
}

// TestOfTwoRoutesOfAServiceOneTargetGroupHasTheDeclaredName declares it for both while their groups serve.
func TestOfTwoRoutesOfAServiceOneTargetGroupHasTheDeclaredName(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, webGateway+`
HTTPRoute shop/more {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /more}}], backendRefs: [{name: web, port: 80}]}]}}`)
	l.settleWeb()
	before := l.groupNames()
	l.apply(configuration("web", "targetGroupName: storefront"))
	l.passWith(10*time.Minute, l.webKeys()...)
	after, kept := l.groupNames(), 0
	for _, tg := range l.sim.Resources().TargetGroups {
		if strings.Contains(before, tg.Name) {
			kept++
		}
	}
	if kept != 1 || strings.Count(after, "storefront") != 2 || strings.Count(after, ",") != 3 {
		t.Errorf("%s, before %s", after, before)
	}
	if said := strings.Join(l.events, "\n"); !strings.Contains(said, "targetGroupName storefront has no effect on the target group of shop/web:shop-") {
		t.Error(said)
	}
	l.wantParents(httpRoute("web"), "web: Accepted, ResolvedRefs")
	l.wantParents(httpRoute("more"), "web: Accepted, ResolvedRefs")
	mark := l.mark()
	l.restart()
	l.settleWeb()
	if writes := l.writes(mark); len(writes) > 0 {
		t.Errorf("a restart writes %v", writes)
	}
}

// TestATargetGroupNameThatAnotherHasCostsNothing declares a name that a target group outside of the cluster has.
func TestATargetGroupNameThatAnotherHasCostsNothing(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, webGateway)
	l.settleWeb()
	l.theirGroup("storefront")
	before := l.groupNames()
	l.apply(configuration("web", "targetGroupName: "+theirGroup("storefront")))
	from := len(l.events)
	l.rounds(6, l.webKeys()...)
	if got := l.groupNames(); got != before {
		t.Errorf("%s, before %s", got, before)
	}
	l.wantAnswers(map[string]string{"/": "shop/web:shop-web:HTTPRoute-shop-web:8080"})
	for _, object := range []string{"TargetGroupConfiguration shop/web", "HTTPRoute shop/web"} {
		if !slices.ContainsFunc(l.events[from:], func(e string) bool {
			return strings.HasPrefix(e, object+" ") && strings.Contains(e, theirGroup("storefront")) && strings.Contains(e, "spec.defaultConfiguration.targetGroupName")
		}) {
			t.Errorf("no event of %s names the field: %v", object, l.events[from:])
		}
	}
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
