package consent

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// formerly is what a load balancer has of its former owner, as text: settings, tags, and what of listeners and rules
// has no tags of a stack, or had none in the list before.
func formerly(l *lab.Lab, arn string, listeners []string) string {
	l.Helper()
	lb, ours := balancerOf(l, arn), l.TagsOfStacks()
	var out []string
	note := func(v ...any) { out = append(out, fmt.Sprintln(v...)) }
	note(lb.Name, lb.Scheme, lb.IPAddressType, lb.SecurityGroups, "idle", lb.Attributes["idle_timeout.timeout_seconds"],
		"owner", lb.Tags["Owner"], "team", lb.Tags["Team"])
	for _, listener := range lb.Listeners {
		if !slices.Contains(listeners, listener.ARN) {
			continue
		}
		for _, r := range listener.Rules {
			if r.Priority == "default" || ours[r.ARN] == nil {
				actions, err := json.Marshal(r.Actions)
				l.Must(err)
				note(listener.Port, listener.Protocol, r.Priority, string(actions))
			}
		}
	}
	return strings.Join(out, "")
}

func balancerOf(l *lab.Lab, arn string) (out simclient.LoadBalancer) {
	l.Helper()
	for _, lb := range l.Sim.Resources().LoadBalancers {
		if lb.ARN == arn {
			return lb
		}
	}
	l.Fatalf("%s is gone", arn)
	return out
}

func listenersOf(l *lab.Lab, arn string) (out []string) {
	l.Helper()
	for _, listener := range balancerOf(l, arn).Listeners {
		out = append(out, listener.ARN)
	}
	return out
}

// furnished has tags and an attribute of its owner on a load balancer of others.
func furnished(l *lab.Lab, arn string) {
	l.Helper()
	_, err := l.Sim.Balancing.AddTags(l.Context(), &elbv2.AddTagsInput{ResourceArns: []string{arn}, Tags: []elbtypes.Tag{
		{Key: aws.String("Owner"), Value: aws.String("platform")}, {Key: aws.String("Team"), Value: aws.String("platform")}}})
	l.Must(err)
	_, err = l.Sim.Balancing.ModifyLoadBalancerAttributes(l.Context(), &elbv2.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: &arn, Attributes: []elbtypes.LoadBalancerAttribute{
			{Key: aws.String("idle_timeout.timeout_seconds"), Value: aws.String("90")}}})
	l.Must(err)
}

func adopting(more map[string]string) map[string]string {
	out := map[string]string{"scheme": "internal", "ownership": "adopted", "existing-load-balancer": "platform",
		"listen-ports": `[{"HTTP":80},{"HTTP":8080}]`, "tags": "Team=web,Stage=live",
		"load-balancer-attributes": "idle_timeout.timeout_seconds=100,routing.http.drop_invalid_header_fields.enabled=true"}
	maps.Copy(out, more)
	return out
}

func TestDestructiveStepsOfAdoptionWaitForApproval(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	arn, key := platform(l), lab.Key("web")
	furnished(l, arn)
	listeners := listenersOf(l, arn)
	theirs := formerly(l, arn, listeners)
	untouched := func(when string) {
		t.Helper()
		if diff := cmp.Diff(theirs, formerly(l, arn, listeners)); diff != "" {
			t.Errorf("%s, what the former owner made is changed (-want +got):\n%s", when, diff)
		}
	}
	o := lab.Ingress("web", adopting(nil), "web")
	l.Create(o)
	l.Settle(key)
	untouched("without an approval")
	lb := balancerOf(l, arn)
	if on80, on8080 := rulesOn(l, arn, 80), rulesOn(l, arn, 8080); len(on80) == 0 || slices.Min(on80) <= 700 ||
		len(on8080) == 0 || l.Balancers() != 1 {
		t.Fatalf("rules at 80: %v, at 8080: %v; %d load balancers\n%s", on80, on8080, l.Balancers(),
			strings.Join(l.Events, "\n"))
	}
	if lb.Tags["ingress.k8s.aws/stack"] != "shop/web" || lb.Tags["Stage"] != "live" ||
		lb.Attributes["routing.http.drop_invalid_header_fields.enabled"] != "true" {
		t.Errorf("tags %v, attributes %v", lb.Tags, lb.Attributes)
	}
	for _, waits := range []string{"[TakeoverNotApproved]", "SetSecurityGroups (",
		"ModifyLoadBalancerAttributes (idle_timeout.timeout_seconds 90 → 100)", "RemoveTags (tag Owner is not wanted)"} {
		if !l.Told("web", waits) {
			t.Errorf("no event has %q:\n%s", waits, strings.Join(l.Events, "\n"))
		}
	}
	var shown networkingv1.Ingress
	if l.Get(&shown, "web"); len(shown.Status.LoadBalancer.Ingress) != 1 ||
		!strings.Contains(shown.Status.LoadBalancer.Ingress[0].Hostname, "platform") {
		t.Errorf("status %+v", shown.Status.LoadBalancer)
	}
	digest, mark := l.LastDigest(0), l.Mark()
	l.Restart()
	l.Settle(key)
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("after a restart it writes %v", w)
	}

	l.Annotate("web", "approved-plan", digest)
	l.Settle(key)
	lb = balancerOf(l, arn)
	if got := listenersOf(l, arn); len(got) != 2 || rulesOn(l, arn, 9090) != nil {
		t.Errorf("once approved, listeners %v", got)
	}
	for _, listener := range lb.Listeners {
		if n := len(listener.Rules); n != 2 {
			t.Errorf("once approved, port %d has %d rules", listener.Port, n)
		}
	}
	if lb.Tags["Owner"] != "" || lb.Tags["Team"] != "web" || lb.Attributes["idle_timeout.timeout_seconds"] != "100" ||
		len(lb.SecurityGroups) != 2 {
		t.Errorf("once approved, tags %v, idle timeout %v, groups %v", lb.Tags, lb.Attributes["idle_timeout.timeout_seconds"],
			lb.SecurityGroups)
	}
	if got := fmt.Sprint(l.Identities()); !strings.Contains(got, "platform") {
		t.Errorf("the target group of the former owner is gone: %s", got)
	}

	l.Annotate("web", "load-balancer-attributes", "idle_timeout.timeout_seconds=110")
	l.Annotate("web", "listen-ports", `[{"HTTP":80},{"HTTP":7070}]`)
	l.Settle(key)
	if lb := balancerOf(l, arn); lb.Attributes["idle_timeout.timeout_seconds"] != "100" || len(rulesOn(l, arn, 8080)) ==
		0 || len(rulesOn(l, arn, 7070)) == 0 {
		t.Errorf("an edit without an approval: %v, rules at 8080: %v, at 7070: %v", lb.Attributes, rulesOn(l, arn, 8080),
			rulesOn(l, arn, 7070))
	}
	l.Edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/ownership"] = "managed"
		delete(i.Annotations, "alb.ingress.kubernetes.io/approved-plan")
	})
	l.Settle(key)
	if lb := balancerOf(l, arn); lb.Attributes["idle_timeout.timeout_seconds"] != "110" || len(rulesOn(l, arn, 8080)) >
		0 || l.Balancers() != 1 {
		t.Errorf("once it is managed: %v, rules at 8080: %v, %d load balancers", lb.Attributes, rulesOn(l, arn, 8080),
			l.Balancers())
	}
	tag(l, arn, "elbv2.k8s.aws/deletable-by", "demo-cluster")
	l.Must(l.Client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: o.ObjectMeta}))
	l.Settle(key)
	if l.Get(&shown, "web") || l.Balancers() != 0 {
		t.Errorf("once it is deleted, the object is there: %v; %d load balancers", l.Get(&shown, "web"), l.Balancers())
	}
}

func TestALoadBalancerThatIsTakenOverStaysWhenItsObjectGoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		annotations map[string]string
		leave       func(l *lab.Lab, o *networkingv1.Ingress)
		stays       bool
	}{
		"by its deletion": {nil, func(l *lab.Lab, o *networkingv1.Ingress) {
			l.Must(l.Client.Delete(l.Context(), &networkingv1.Ingress{ObjectMeta: o.ObjectMeta}))
		}, true},
		"by an edit": {nil, func(l *lab.Lab, _ *networkingv1.Ingress) { l.Reclass("web") }, true},
		"as is declared, without consent": {map[string]string{"deletion-policy": "Delete"},
			func(l *lab.Lab, o *networkingv1.Ingress) {
				l.Must(l.Client.Delete(l.Context(), &networkingv1.Ingress{ObjectMeta: o.ObjectMeta}))
			}, true},
		"as is declared": {map[string]string{"deletion-policy": "Delete"}, func(l *lab.Lab, o *networkingv1.Ingress) {
			tag(l, l.Sim.Resources().LoadBalancers[0].ARN, "elbv2.k8s.aws/deletable-by", "demo-cluster/shop")
			l.Must(l.Client.Delete(l.Context(), &networkingv1.Ingress{ObjectMeta: o.ObjectMeta}))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.TheirClass("theirs"), lab.Service("web"))
			arn := platform(l)
			furnished(l, arn)
			listeners := listenersOf(l, arn)
			theirs := formerly(l, arn, listeners)
			o := lab.Ingress("web", adopting(c.annotations), "web")
			l.Create(o)
			l.Settle(lab.Key("web"))
			c.leave(l, o)
			l.Settle(lab.Key("web"))
			left := networkingv1.Ingress{}
			if l.Get(&left, "web") && len(left.Finalizers) > 0 {
				t.Errorf("finalizers %v\n%s", left.Finalizers, strings.Join(l.Events, "\n"))
			}
			if !c.stays {
				if l.Balancers() != 0 {
					t.Error("it stays")
				}
				return
			}
			if diff := cmp.Diff(theirs, formerly(l, arn, listeners)); diff != "" {
				t.Errorf("what the former owner made is changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApprovedPlanOfNoneAdoptsNothing(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	arn := platform(l)
	theirs := l.Others()
	l.Create(lab.Ingress("web", adopting(map[string]string{"approved-plan": "none"}), "web"))
	l.Settle(lab.Key("web"))
	if diff := cmp.Diff(theirs, l.Others()); diff != "" || !l.Told("web", "[PlanNotApproved]") {
		t.Fatalf("something is changed (-want +got):\n%s\n%s", diff, strings.Join(l.Events, "\n"))
	}
	l.Edit("web", func(i *networkingv1.Ingress) {
		for _, k := range []string{"ownership", "existing-load-balancer", "approved-plan"} {
			delete(i.Annotations, "alb.ingress.kubernetes.io/"+k)
		}
	})
	l.Settle(lab.Key("web"))
	if diff := cmp.Diff(theirs, l.Others()); diff != "" || l.Balancers() != 2 || len(l.TagsOfStacks()[arn]) > 0 {
		t.Errorf("%d load balancers; without the annotation, something is changed (-want +got):\n%s", l.Balancers(), diff)
	}
}

func TestLoadBalancersOfServicesAndGatewaysAreTakenOver(t *testing.T) {
	t.Parallel()
	network := func(l *lab.Lab) string { l.Helper(); return theirNetwork(l, "platform") }
	application := func(l *lab.Lab) string { l.Helper(); return platform(l) }
	gw, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	gw.Annotations = map[string]string{"gateway.k8s.aws/ownership": "adopted",
		"gateway.k8s.aws/existing-load-balancer": "platform"}
	svc := lab.CrashBalancer("net")
	svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-ownership"] = "adopted"
	svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-existing"] = "platform"
	svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-scheme"] = "internal"
	for name, c := range map[string]struct {
		make     func(*lab.Lab) string
		objects  []client.Object
		object   client.Object
		key      stack.Key
		approved string
		ports    int // that are declared
	}{
		"a Service": {network, nil, svc, lab.ServiceKey("net"), "service.beta.kubernetes.io/aws-load-balancer-approved-plan",
			1},
		"a Gateway": {application, []client.Object{class, lab.Service("web"), lab.IPTargets(), lab.Route("web", "/web")}, gw,
			lab.GatewayKey(stack.GatewayALB, "web"), "gateway.k8s.aws/approved-plan", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, c.objects...)
			arn := c.make(l)
			listeners := listenersOf(l, arn)
			theirs := formerly(l, arn, listeners)
			o, _ := c.object.DeepCopyObject().(client.Object)
			l.Create(o)
			l.Settle(c.key)
			if diff := cmp.Diff(theirs, formerly(l, arn, listeners)); diff != "" {
				t.Errorf("without an approval, what the former owner made is changed (-want +got):\n%s", diff)
			}
			if l.Balancers() != 1 || len(balancerOf(l, arn).Tags) == 0 {
				t.Fatalf("%d load balancers, tags %v\n%s", l.Balancers(), balancerOf(l, arn).Tags, strings.Join(l.Events, "\n"))
			}
			digest := l.LastDigest(0)
			l.Get(o, o.GetName())
			o.SetAnnotations(withAnnotation(o.GetAnnotations(), c.approved, digest))
			l.Must(l.Client.Update(t.Context(), o))
			l.Settle(c.key)
			if got := listenersOf(l, arn); len(got) != c.ports || formerly(l, arn, listeners) == theirs {
				t.Errorf("approved of %q, %d listeners:\n%s\n%s", digest, len(got), formerly(l, arn, listeners),
					strings.Join(l.Events, "\n"))
			}
			mark := l.Mark()
			l.Restart()
			l.Settle(c.key)
			if w := l.Writes(mark); len(w) > 0 {
				t.Errorf("after a restart it writes %v", w)
			}
		})
	}
}

func TestTheOwnershipOfAClassTakesPrecedenceOverThatOfItsObjects(t *testing.T) {
	t.Parallel()
	params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p", Annotations: map[string]string{
		"elbv2.k8s.aws/ownership": "observed"}}}
	class, _ := lab.Class().(*networkingv1.IngressClass)
	class.Spec.Parameters = &networkingv1.IngressClassParametersReference{APIGroup: &v1beta1.GroupVersion.Group,
		Kind: "IngressClassParams", Name: "p"}
	l := lab.New(t, account.Profile{}, params, class, lab.Service("web"),
		lab.Ingress("web", map[string]string{"ownership": "managed"}, "web"))
	mark := l.Mark()
	l.Settle(lab.Key("web"))
	if w := l.Writes(mark); len(w) > 0 || !l.Told("web", "annotation elbv2.k8s.aws/ownership", "to create") {
		t.Errorf("it writes %v\n%s", w, strings.Join(l.Events, "\n"))
	}
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(params), params))
	params.Annotations["elbv2.k8s.aws/ownership"] = "managed"
	l.Must(l.Client.Update(t.Context(), params))
	l.Settle(lab.Key("web"))
	made := l.Balancers()
	params.Annotations["elbv2.k8s.aws/ownership"] = "observed"
	l.Must(l.Client.Update(t.Context(), params))
	l.Settle(lab.Key("web"))
	mark = l.Mark()
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil)))
	l.Settle(lab.Key("web"))
	if w := l.Writes(mark); made != 1 || len(w) > 0 || l.Get(&networkingv1.Ingress{}, "web") {
		t.Errorf("of %d load balancers, deleted while its class is observed, it writes %v; it is there: %v", made, w,
			l.Get(&networkingv1.Ingress{}, "web"))
	}
}

func TestNothingIsDoneWithALoadBalancerOfOthersThatCannotBeTagged(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	platform(l)
	theirs := l.Others()
	_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "denied", Action: "AddTags", Code: "AccessDenied", Status: 403,
		Message: "not authorized to perform elasticloadbalancing:AddTags"})
	l.Must(err)
	o := lab.Ingress("web", adopting(nil), "web")
	l.Create(o)
	for range 5 {
		_, _ = l.Round(lab.Key("web"))
		l.Clock.Advance(time.Minute)
	}
	untouched := func(when string) {
		t.Helper()
		var ours []string
		for id := range l.TagsOfStacks() {
			if strings.Contains(id, "listener") || strings.Contains(id, ":loadbalancer/") {
				ours = append(ours, id)
			}
		}
		if diff := cmp.Diff(theirs, l.Others()); diff != "" || len(ours) > 0 {
			t.Errorf("%s, %v has tags; what is others' is changed (-want +got):\n%s", when, ours, diff)
		}
	}
	untouched("without the right to tag")
	if !l.Told("web", "AddTags", "AccessDenied") {
		t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
	}
	l.Must(l.Client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: o.ObjectMeta}))
	l.Settle(lab.Key("web"))
	untouched("once the object is deleted")
	if l.Get(&networkingv1.Ingress{}, "web") {
		t.Error("the object is there")
	}
}
