package gateways

import (
	"slices"
	"strings"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// groupNames are the names of target groups and bindings, sorted.
func groupNames(l *lab.Lab) string {
	l.Helper()
	var out []string
	for _, tg := range l.Sim.Resources().TargetGroups {
		out = append(out, tg.Name)
	}
	for _, b := range l.AllBindings() {
		out = append(out, "binding "+b.Name)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// TestADeclaredTargetGroupNameBecomesTheRealOne declares a name for a target group that serves, then others, one with
// another target type, then none.
func TestADeclaredTargetGroupNameBecomesTheRealOne(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "Service shop/web {spec: {ports: [{port: 80, "+
		"targetPort: 8080}]}}",
		"Service shop/web {spec: {type: NodePort, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}}", 1))
	l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
	l.SettleWeb()
	for _, c := range []struct{ spec, name string }{
		{"targetGroupName: storefront", "storefront"},
		{"targetGroupName: shopfront", "shopfront"}, // its ARN comes before that of the former one
		{"targetGroupName: webfront", "webfront"},
		{"targetGroupName: webfront, targetType: instance", "webfront"}, // a group with a name of its own is in between
		{"targetType: instance", "webfront"},
	} {
		l.Apply(lab.Configuration("web", c.spec))
		l.PassWith(20*time.Minute, l.WebKeys()...)
		if got, want := groupNames(l), "binding "+c.name+", "+c.name; got != want {
			t.Errorf("%s: %s, want %s\n%s", c.spec, got, want, strings.Join(l.Events, "\n"))
		}
		wantAnswers(l, map[string]string{"/": "shop/web:shop-web:HTTPRoute-shop-web:8080"})
		l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
		mark := l.Mark()
		l.Restart()
		l.SettleWeb()
		if writes := l.Writes(mark); len(writes) > 0 {
			t.Errorf("%s: a restart writes %v", c.spec, writes)
		}
	}
	if events := strings.Join(l.Events, "\n"); strings.Contains(events, "Failed") {
		t.Error(events)
	}
}

// TestTargetGroupOfFormerNameStaysUntilEdit has a group as the existing controller leaves
// it after a change of targetGroupName: under its former name, and bound by an object of the declared one.
func TestTargetGroupOfFormerNameStaysUntilEdit(t *testing.T) {
	t.Parallel()
	for _, construction := range []string{"standard", "compatible"} {
		l := lab.NewGateway(t, lab.WebGateway)
		l.SettleWeb()
		construct(l, construction)
		l.SettleWeb()
		former := l.Sim.Resources().TargetGroups[0].Name
		b := l.AllBindings()[0]
		renamed := b.DeepCopy()
		renamed.ObjectMeta = metav1.ObjectMeta{Namespace: b.Namespace, Name: "storefront", Labels: b.Labels,
			Annotations: b.Annotations, Finalizers: b.Finalizers}
		b.Finalizers = nil
		l.Must(l.Client.Update(t.Context(), &b))
		l.Must(l.Client.Delete(t.Context(), &b))
		l.Must(l.Client.Create(t.Context(), renamed))
		l.Apply(lab.Configuration("web", "targetGroupName: storefront"))
		for _, life := range []string{"swap", "restart"} {
			mark := l.Mark()
			l.Restart()
			l.SettleWeb()
			if got, writes := groupNames(l), l.Writes(mark); got != "binding storefront, "+former || len(writes) > 0 {
				t.Errorf("%s, %s: %s, writes %v", construction, life, got, writes)
			}
		}
		l.Apply(lab.Configuration("web", "targetGroupName: shopfront"))
		l.PassWith(10*time.Minute, l.WebKeys()...)
		if got := groupNames(l); got != "binding shopfront, shopfront" {
			t.Errorf("%s, after an edit: %s", construction, got)
		}
	}
}

// TestOfTwoRoutesOfAServiceOneTargetGroupHasTheDeclaredName declares it for both while their groups serve.
func TestOfTwoRoutesOfAServiceOneTargetGroupHasTheDeclaredName(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway+`
HTTPRoute shop/more {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /more}}], backendRefs: [{name: web, port: 80}]}]}}`)
	l.SettleWeb()
	before := groupNames(l)
	l.Apply(lab.Configuration("web", "targetGroupName: storefront"))
	l.PassWith(10*time.Minute, l.WebKeys()...)
	after, kept := groupNames(l), 0
	for _, tg := range l.Sim.Resources().TargetGroups {
		if strings.Contains(before, tg.Name) {
			kept++
		}
	}
	if kept != 1 || strings.Count(after, "storefront") != 2 || strings.Count(after, ",") != 3 {
		t.Errorf("%s, before %s", after, before)
	}
	if said := strings.Join(l.Events, "\n"); !strings.Contains(said,
		"targetGroupName storefront has no effect on the target group of shop/web:shop-") {
		t.Error(said)
	}
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
	l.WantParents(lab.HTTPRoute("more"), "web: Accepted, ResolvedRefs")
	mark := l.Mark()
	l.Restart()
	l.SettleWeb()
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("a restart writes %v", writes)
	}
}

// TestATargetGroupNameThatAnotherHasCostsNothing declares a name that a target group outside of the cluster has.
func TestATargetGroupNameThatAnotherHasCostsNothing(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	l.SettleWeb()
	l.TheirGroup("storefront")
	before := groupNames(l)
	l.Apply(lab.Configuration("web", "targetGroupName: "+lab.TheirGroup("storefront")))
	from := len(l.Events)
	rounds(l, 6, l.WebKeys()...)
	if got := groupNames(l); got != before {
		t.Errorf("%s, before %s", got, before)
	}
	wantAnswers(l, map[string]string{"/": "shop/web:shop-web:HTTPRoute-shop-web:8080"})
	for _, object := range []string{"TargetGroupConfiguration shop/web", "HTTPRoute shop/web"} {
		if !slices.ContainsFunc(l.Events[from:], func(e string) bool {
			return strings.HasPrefix(e, object+" ") && strings.Contains(e, lab.TheirGroup("storefront")) &&
				strings.Contains(e, "spec.defaultConfiguration.targetGroupName")
		}) {
			t.Errorf("no event of %s names the field: %v", object, l.Events[from:])
		}
	}
}

// TestFirstTargetGroupConfigurationByNameCounts creates two configurations of one Service, the
// first by name last, and deletes the one that counts.
func TestFirstTargetGroupConfigurationByNameCounts(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway+"\n"+lab.Configuration("zeta", "targetGroupAttributes: [{key: "+
		"deregistration_delay.timeout_seconds, value: '20'}]")+"\n"+
		lab.Configuration("alpha", "targetGroupAttributes: [{key: deregistration_delay.timeout_seconds, value: '10'}]"))
	delay := func() string {
		t.Helper()
		if tgs := l.Sim.Resources().TargetGroups; len(tgs) == 1 {
			return tgs[0].Attributes["deregistration_delay.timeout_seconds"]
		}
		return "no target group"
	}
	l.SettleWeb()
	said := strings.Join(l.Events, "\n")
	if delay() != "10" || !strings.Contains(said, "TargetGroupConfiguration alpha already configures Service shop/web") {
		t.Errorf("delay %s\n%s", delay(), said)
	}
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
	l.Discard("TargetGroupConfiguration shop/alpha {}")
	l.SettleWeb()
	if delay() != "20" {
		t.Errorf("delay %s once the first is gone", delay())
	}
}

// TestGateOffLeavesTagsOfListenersAndRules creates listeners and rules with and without the gate.
// Without it, they have no tags, and a restart writes none.
func TestGateOffLeavesTagsOfListenersAndRules(t *testing.T) {
	t.Parallel()
	for gate, tagged := range map[string]bool{"": true, "--feature-gates=ListenerRulesTagging=false": false} {
		l := lab.New(t, account.Profile{}, lab.GatewayObjects(t, lab.WebGateway+`
LoadBalancerConfiguration shop/web {spec: {tags: {team: shop}}}
ListenerRuleConfiguration shop/web {spec: {tags: {rule: mine}}}`)...)
		flags := []string{"--default-target-type=ip"}
		if gate != "" {
			flags = append(flags, gate)
		}
		l.Flags(flags...)
		l.Restart()
		l.Apply(
			`Gateway shop/web {spec: {gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: http, port: 80, protocol: HTTP}]}}`)
		l.SettleWeb()
		lbs := l.Sim.Resources().LoadBalancers
		if len(lbs) != 1 || len(lbs[0].Listeners) != 1 || lbs[0].Tags["team"] != "shop" {
			t.Fatalf("%q: load balancers %+v", gate, lbs)
		}
		li := lbs[0].Listeners[0]
		if got := li.Tags["team"] == "shop" && li.Tags["gateway.k8s.aws.alb/stack"] == "shop/web"; got != tagged || !tagged &&
			len(li.Tags) > 0 {
			t.Errorf("%q: tags of the listener %v", gate, li.Tags)
		}
		for _, r := range li.Rules {
			if got := len(r.Tags) > 0; r.Priority != "default" && got != tagged {
				t.Errorf("%q: tags of rule %s: %v", gate, r.Priority, r.Tags)
			}
		}
		wantAnswers(l, map[string]string{"/": "shop/web:shop-web:HTTPRoute-shop-web:8080"})
		mark := l.Mark()
		l.Restart()
		l.SettleWeb()
		if writes := l.Writes(mark); len(writes) > 0 {
			t.Errorf("%q: a restart writes %v", gate, writes)
		}
	}
}

// TestANetworkGatewayFollowsAServiceThatBecomesIPv6 has the group of the other family bound beside the former one,
// which goes.
func TestANetworkGatewayFollowsAServiceThatBecomesIPv6(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.GatewayClasses+`
LoadBalancerConfiguration shop/web {spec: {ipAddressType: dualstack}}
Gateway shop/web {spec: {gatewayClassName: nlb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
Service shop/web {spec: {ipFamilies: [IPv4], ports: [{port: 80, targetPort: 8080}]}}
TCPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	l.SettleWeb()
	family := func() string {
		t.Helper()
		tgs, bindings := l.Sim.Resources().TargetGroups, l.AllBindings()
		if len(tgs) != 1 || len(bindings) != 1 || bindings[0].Spec.TargetGroupARN != tgs[0].ARN {
			t.Fatalf("target groups %+v, bindings %+v\n%s", tgs, bindings, strings.Join(l.Events, "\n"))
		}
		out, err := l.Sim.Balancing.DescribeTargetGroups(t.Context(), &elbv2.DescribeTargetGroupsInput{
			TargetGroupArns: []string{tgs[0].ARN}})
		l.Must(err)
		return string(out.TargetGroups[0].IpAddressType) + ", bound as " + string(*bindings[0].Spec.IPAddressType)
	}
	if got := family(); got != "ipv4, bound as ipv4" {
		t.Error(got)
	}
	balancer := l.Sim.Resources().LoadBalancers[0].ARN
	l.Apply("Service shop/web {spec: {ipFamilies: [IPv6], ports: [{port: 80, targetPort: 8080}]}}")
	l.PassWith(10*time.Minute, l.WebKeys()...)
	if got := family(); got != "ipv6, bound as ipv6" || l.Sim.Resources().LoadBalancers[0].ARN != balancer {
		t.Error(got)
	}
	wantAnswers(l, map[string]string{"/": "shop/web:shop-web:TCPRoute-shop-web:8080"})
	l.Apply("Service shop/web {spec: {ipFamilies: [IPv4], ports: [{port: 80, targetPort: 8080}]}}")
	l.PassWith(10*time.Minute, l.WebKeys()...)
	if got := family(); got != "ipv4, bound as ipv4" {
		t.Error("back:", got)
	}
}

// TestAnEmptyListOfSourceRangesOpensNoCIDR has lists of a load balancer that exist and are empty; one that does not
// exist admits all.
func TestAnEmptyListOfSourceRangesOpensNoCIDR(t *testing.T) {
	t.Parallel()
	const gateway = "Gateway shop/web {spec: {gatewayClassName: alb, infrastructure: {parametersRef: {group: " +
		"gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: http, port: 80, protocol: HTTP}]}}"
	for spec, want := range map[string]string{
		"scheme: internal":                     "0.0.0.0/0",
		"scheme: internal, sourceRanges: null": "0.0.0.0/0",
		"scheme: internal, sourceRanges: []":   "",
	} {
		l := lab.NewGateway(t, lab.WebGateway+"\nLoadBalancerConfiguration shop/web {spec: {"+spec+"}}")
		l.Apply(gateway)
		l.SettleWeb()
		var got []string
		for _, g := range l.Sim.Resources().SecurityGroups {
			for _, p := range g.Ingress {
				if strings.HasPrefix(g.Name, "k8s-shop-web-") {
					got = append(got, p.Peer)
				}
			}
		}
		if strings.Join(got, ", ") != want || len(l.Sim.Resources().LoadBalancers) != 1 {
			t.Errorf("%s: %v, want %q\n%s", spec, got, want, strings.Join(l.Events, "\n"))
		}
	}
}
