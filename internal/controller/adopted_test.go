package controller

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// formerly is what a load balancer has of its former owner, as text: settings, tags, and what of listeners and rules has no tags of a stack, or had none in the list before.
func (l *lab) formerly(arn string, listeners []string) string {
	l.Helper()
	lb, ours := l.balancerOf(arn), l.tagsOfStacks()
	var out []string
	note := func(v ...any) { out = append(out, fmt.Sprintln(v...)) }
	note(lb.Name, lb.Scheme, lb.IPAddressType, lb.SecurityGroups, "idle", lb.Attributes["idle_timeout.timeout_seconds"], "owner", lb.Tags["Owner"], "team", lb.Tags["Team"])
	for _, listener := range lb.Listeners {
		if !slices.Contains(listeners, listener.ARN) {
			continue
		}
		for _, r := range listener.Rules {
			if r.Priority == "default" || ours[r.ARN] == nil {
				actions, err := json.Marshal(r.Actions)
				l.must(err)
				note(listener.Port, listener.Protocol, r.Priority, string(actions))
			}
		}
	}
	return strings.Join(out, "")
}

func (l *lab) balancerOf(arn string) (out simclient.LoadBalancer) {
	l.Helper()
	for _, lb := range l.sim.Resources().LoadBalancers {
		if lb.ARN == arn {
			return lb
		}
	}
	l.Fatalf("%s is gone", arn)
	return out
}

func (l *lab) listenersOf(arn string) (out []string) {
	l.Helper()
	for _, listener := range l.balancerOf(arn).Listeners {
		out = append(out, listener.ARN)
	}
	return out
}

// furnished has tags and an attribute of its owner on a load balancer of others.
func (l *lab) furnished(arn string) {
	l.Helper()
	_, err := l.sim.Balancing.AddTags(l.Context(), &elbv2.AddTagsInput{ResourceArns: []string{arn}, Tags: []elbtypes.Tag{
		{Key: aws.String("Owner"), Value: aws.String("platform")}, {Key: aws.String("Team"), Value: aws.String("platform")}}})
	l.must(err)
	_, err = l.sim.Balancing.ModifyLoadBalancerAttributes(l.Context(), &elbv2.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &arn, Attributes: []elbtypes.LoadBalancerAttribute{
		{Key: aws.String("idle_timeout.timeout_seconds"), Value: aws.String("90")}}})
	l.must(err)
}

func adopting(more map[string]string) map[string]string {
	out := map[string]string{"scheme": "internal", "ownership": "adopted", "existing-load-balancer": "platform", "listen-ports": `[{"HTTP":80},{"HTTP":8080}]`, "tags": "Team=web,Stage=live",
		"load-balancer-attributes": "idle_timeout.timeout_seconds=100,routing.http.drop_invalid_header_fields.enabled=true"}
	maps.Copy(out, more)
	return out
}

func TestALoadBalancerOfOthersIsTakenOverAndWhatIsDestructiveWaitsForItsApproval(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"))
	arn, key := l.platform(), implicit("web")
	l.furnished(arn)
	listeners := l.listenersOf(arn)
	theirs := l.formerly(arn, listeners)
	untouched := func(when string) {
		t.Helper()
		if diff := cmp.Diff(theirs, l.formerly(arn, listeners)); diff != "" {
			t.Errorf("%s, what the former owner made is changed (-want +got):\n%s", when, diff)
		}
	}
	o := labIngress("web", adopting(nil), "web")
	l.create(o)
	l.settle(key)
	untouched("without an approval")
	lb := l.balancerOf(arn)
	if on80, on8080 := l.rulesOn(arn, 80), l.rulesOn(arn, 8080); len(on80) == 0 || slices.Min(on80) <= 700 || len(on8080) == 0 || l.balancers() != 1 {
		t.Fatalf("rules at 80: %v, at 8080: %v; %d load balancers\n%s", on80, on8080, l.balancers(), strings.Join(l.events, "\n"))
	}
	if lb.Tags["ingress.k8s.aws/stack"] != "shop/web" || lb.Tags["Stage"] != "live" || lb.Attributes["routing.http.drop_invalid_header_fields.enabled"] != "true" {
		t.Errorf("tags %v, attributes %v", lb.Tags, lb.Attributes)
	}
	for _, waits := range []string{"[TakeoverNotApproved]", "SetSecurityGroups (", "ModifyLoadBalancerAttributes (idle_timeout.timeout_seconds 90 → 100)", "RemoveTags (tag Owner is not wanted)"} {
		if !l.told("web", waits) {
			t.Errorf("no event has %q:\n%s", waits, strings.Join(l.events, "\n"))
		}
	}
	var shown networkingv1.Ingress
	if l.get(&shown, "web"); len(shown.Status.LoadBalancer.Ingress) != 1 || !strings.Contains(shown.Status.LoadBalancer.Ingress[0].Hostname, "platform") {
		t.Errorf("status %+v", shown.Status.LoadBalancer)
	}
	digest, mark := l.lastDigest(0), l.mark()
	l.restart()
	l.settle(key)
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("after a restart it writes %v", w)
	}

	l.annotate("web", "approved-plan", digest)
	l.settle(key)
	lb = l.balancerOf(arn)
	if got := l.listenersOf(arn); len(got) != 2 || l.rulesOn(arn, 9090) != nil {
		t.Errorf("once approved, listeners %v", got)
	}
	for _, listener := range lb.Listeners {
		if n := len(listener.Rules); n != 2 {
			t.Errorf("once approved, port %d has %d rules", listener.Port, n)
		}
	}
	if lb.Tags["Owner"] != "" || lb.Tags["Team"] != "web" || lb.Attributes["idle_timeout.timeout_seconds"] != "100" || len(lb.SecurityGroups) != 2 {
		t.Errorf("once approved, tags %v, idle timeout %v, groups %v", lb.Tags, lb.Attributes["idle_timeout.timeout_seconds"], lb.SecurityGroups)
	}
	if got := fmt.Sprint(l.identities()); !strings.Contains(got, "platform") {
		t.Errorf("the target group of the former owner is gone: %s", got)
	}

	l.annotate("web", "load-balancer-attributes", "idle_timeout.timeout_seconds=110")
	l.annotate("web", "listen-ports", `[{"HTTP":80},{"HTTP":7070}]`)
	l.settle(key)
	if lb := l.balancerOf(arn); lb.Attributes["idle_timeout.timeout_seconds"] != "100" || len(l.rulesOn(arn, 8080)) == 0 || len(l.rulesOn(arn, 7070)) == 0 {
		t.Errorf("an edit without an approval: %v, rules at 8080: %v, at 7070: %v", lb.Attributes, l.rulesOn(arn, 8080), l.rulesOn(arn, 7070))
	}
	l.edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/ownership"] = "managed"
		delete(i.Annotations, "alb.ingress.kubernetes.io/approved-plan")
	})
	l.settle(key)
	if lb := l.balancerOf(arn); lb.Attributes["idle_timeout.timeout_seconds"] != "110" || len(l.rulesOn(arn, 8080)) > 0 || l.balancers() != 1 {
		t.Errorf("once it is managed: %v, rules at 8080: %v, %d load balancers", lb.Attributes, l.rulesOn(arn, 8080), l.balancers())
	}
	l.tag(arn, "elbv2.k8s.aws/deletable-by", "demo-cluster")
	l.must(l.client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: o.ObjectMeta}))
	l.settle(key)
	if l.get(&shown, "web") || l.balancers() != 0 {
		t.Errorf("once it is deleted, the object is there: %v; %d load balancers", l.get(&shown, "web"), l.balancers())
	}
}

func TestALoadBalancerThatIsTakenOverStaysWhenItsObjectGoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		annotations map[string]string
		leave       func(l *lab, o *networkingv1.Ingress)
		stays       bool
	}{
		"by its deletion": {nil, func(l *lab, o *networkingv1.Ingress) {
			l.must(l.client.Delete(l.Context(), &networkingv1.Ingress{ObjectMeta: o.ObjectMeta}))
		}, true},
		"by an edit": {nil, func(l *lab, _ *networkingv1.Ingress) { l.reclass("web") }, true},
		"as is declared, without consent": {map[string]string{"deletion-policy": "Delete"}, func(l *lab, o *networkingv1.Ingress) {
			l.must(l.client.Delete(l.Context(), &networkingv1.Ingress{ObjectMeta: o.ObjectMeta}))
		}, true},
		"as is declared": {map[string]string{"deletion-policy": "Delete"}, func(l *lab, o *networkingv1.Ingress) {
			l.tag(l.sim.Resources().LoadBalancers[0].ARN, "elbv2.k8s.aws/deletable-by", "demo-cluster/shop")
			l.must(l.client.Delete(l.Context(), &networkingv1.Ingress{ObjectMeta: o.ObjectMeta}))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, labClass(), theirClass("theirs"), labService("web"))
			arn := l.platform()
			l.furnished(arn)
			listeners := l.listenersOf(arn)
			theirs := l.formerly(arn, listeners)
			o := labIngress("web", adopting(c.annotations), "web")
			l.create(o)
			l.settle(implicit("web"))
			c.leave(l, o)
			l.settle(implicit("web"))
			left := networkingv1.Ingress{}
			if l.get(&left, "web") && len(left.Finalizers) > 0 {
				t.Errorf("finalizers %v\n%s", left.Finalizers, strings.Join(l.events, "\n"))
			}
			if !c.stays {
				if l.balancers() != 0 {
					t.Error("it stays")
				}
				return
			}
			if diff := cmp.Diff(theirs, l.formerly(arn, listeners)); diff != "" {
				t.Errorf("what the former owner made is changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNothingIsTakenOverBeforeItIsApprovedWhereAnApprovalOfNothingIsThere(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"))
	arn := l.platform()
	theirs := l.others()
	l.create(labIngress("web", adopting(map[string]string{"approved-plan": "none"}), "web"))
	l.settle(implicit("web"))
	if diff := cmp.Diff(theirs, l.others()); diff != "" || !l.told("web", "[PlanNotApproved]") {
		t.Fatalf("something is changed (-want +got):\n%s\n%s", diff, strings.Join(l.events, "\n"))
	}
	l.edit("web", func(i *networkingv1.Ingress) {
		for _, k := range []string{"ownership", "existing-load-balancer", "approved-plan"} {
			delete(i.Annotations, "alb.ingress.kubernetes.io/"+k)
		}
	})
	l.settle(implicit("web"))
	if diff := cmp.Diff(theirs, l.others()); diff != "" || l.balancers() != 2 || len(l.tagsOfStacks()[arn]) > 0 {
		t.Errorf("%d load balancers; without the annotation, something is changed (-want +got):\n%s", l.balancers(), diff)
	}
}

func TestLoadBalancersOfServicesAndGatewaysAreTakenOver(t *testing.T) {
	t.Parallel()
	network := func(l *lab) string { l.Helper(); return l.theirNetwork("platform") }
	application := func(l *lab) string { l.Helper(); return l.platform() }
	gw, class := labGateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	gw.Annotations = map[string]string{"gateway.k8s.aws/ownership": "adopted", "gateway.k8s.aws/existing-load-balancer": "platform"}
	svc := crashBalancer("net")
	svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-ownership"] = "adopted"
	svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-existing"] = "platform"
	svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-scheme"] = "internal"
	for name, c := range map[string]struct {
		make     func(*lab) string
		objects  []client.Object
		object   client.Object
		key      stack.Key
		approved string
		ports    int // that are declared
	}{
		"a Service": {network, nil, svc, serviceKey("net"), "service.beta.kubernetes.io/aws-load-balancer-approved-plan", 1},
		"a Gateway": {application, []client.Object{class, labService("web"), labIP(), labRoute("web", "/web")}, gw, gatewayKey(stack.GatewayALB, "web"), "gateway.k8s.aws/approved-plan", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, c.objects...)
			arn := c.make(l)
			listeners := l.listenersOf(arn)
			theirs := l.formerly(arn, listeners)
			o, _ := c.object.DeepCopyObject().(client.Object)
			l.create(o)
			l.settle(c.key)
			if diff := cmp.Diff(theirs, l.formerly(arn, listeners)); diff != "" {
				t.Errorf("without an approval, what the former owner made is changed (-want +got):\n%s", diff)
			}
			if l.balancers() != 1 || len(l.balancerOf(arn).Tags) == 0 {
				t.Fatalf("%d load balancers, tags %v\n%s", l.balancers(), l.balancerOf(arn).Tags, strings.Join(l.events, "\n"))
			}
			digest := l.lastDigest(0)
			l.get(o, o.GetName())
			o.SetAnnotations(withAnnotation(o.GetAnnotations(), c.approved, digest))
			l.must(l.client.Update(t.Context(), o))
			l.settle(c.key)
			if got := l.listenersOf(arn); len(got) != c.ports || l.formerly(arn, listeners) == theirs {
				t.Errorf("approved of %q, %d listeners:\n%s\n%s", digest, len(got), l.formerly(arn, listeners), strings.Join(l.events, "\n"))
			}
			mark := l.mark()
			l.restart()
			l.settle(c.key)
			if w := l.writes(mark); len(w) > 0 {
				t.Errorf("after a restart it writes %v", w)
			}
		})
	}
}

func TestTheOwnershipOfAClassTakesPrecedenceOverThatOfItsObjects(t *testing.T) {
	t.Parallel()
	params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p", Annotations: map[string]string{"elbv2.k8s.aws/ownership": "observed"}}}
	class, _ := labClass().(*networkingv1.IngressClass)
	class.Spec.Parameters = &networkingv1.IngressClassParametersReference{APIGroup: &v1beta1.GroupVersion.Group, Kind: "IngressClassParams", Name: "p"}
	l := newLab(t, account.Profile{}, params, class, labService("web"), labIngress("web", map[string]string{"ownership": "managed"}, "web"))
	mark := l.mark()
	l.settle(implicit("web"))
	if w := l.writes(mark); len(w) > 0 || !l.told("web", "annotation elbv2.k8s.aws/ownership", "to create") {
		t.Errorf("it writes %v\n%s", w, strings.Join(l.events, "\n"))
	}
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(params), params))
	params.Annotations["elbv2.k8s.aws/ownership"] = "managed"
	l.must(l.client.Update(t.Context(), params))
	l.settle(implicit("web"))
	made := l.balancers()
	params.Annotations["elbv2.k8s.aws/ownership"] = "observed"
	l.must(l.client.Update(t.Context(), params))
	l.settle(implicit("web"))
	mark = l.mark()
	l.must(l.client.Delete(t.Context(), labIngress("web", nil)))
	l.settle(implicit("web"))
	if w := l.writes(mark); made != 1 || len(w) > 0 || l.get(&networkingv1.Ingress{}, "web") {
		t.Errorf("of %d load balancers, deleted while its class is observed, it writes %v; it is there: %v", made, w, l.get(&networkingv1.Ingress{}, "web"))
	}
}

func TestNothingIsDoneWithALoadBalancerOfOthersThatCannotBeTagged(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"))
	l.platform()
	theirs := l.others()
	_, err := l.sim.Gate.AddFault(gate.Fault{ID: "denied", Action: "AddTags", Code: "AccessDenied", Status: 403, Message: "not authorized to perform elasticloadbalancing:AddTags"})
	l.must(err)
	o := labIngress("web", adopting(nil), "web")
	l.create(o)
	for range 5 {
		_, _ = l.round(implicit("web"))
		l.clock.Advance(time.Minute)
	}
	untouched := func(when string) {
		t.Helper()
		var ours []string
		for id := range l.tagsOfStacks() {
			if strings.Contains(id, "listener") || strings.Contains(id, ":loadbalancer/") {
				ours = append(ours, id)
			}
		}
		if diff := cmp.Diff(theirs, l.others()); diff != "" || len(ours) > 0 {
			t.Errorf("%s, %v has tags; what is others' is changed (-want +got):\n%s", when, ours, diff)
		}
	}
	untouched("without the right to tag")
	if !l.told("web", "AddTags", "AccessDenied") {
		t.Errorf("events:\n%s", strings.Join(l.events, "\n"))
	}
	l.must(l.client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: o.ObjectMeta}))
	l.settle(implicit("web"))
	untouched("once the object is deleted")
	if l.get(&networkingv1.Ingress{}, "web") {
		t.Error("the object is there")
	}
}
