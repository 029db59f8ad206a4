package controller

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestNothingIsWrittenToAWSForWhatIsOnlyObserved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object client.Object
		prefix string
		keys   []stack.Key
		lab    func(t *testing.T) *lab
	}{
		"an Ingress": {labIngress("web", map[string]string{"group.name": "front"}, "web"), "alb.ingress.kubernetes.io/", []stack.Key{frontKey}, func(t *testing.T) *lab {
			return newLab(t, account.Profile{}, labClass(), labService("web"))
		}},
		"a Service": {crashBalancer("net"), "service.beta.kubernetes.io/aws-load-balancer-", []stack.Key{serviceKey("net")}, func(t *testing.T) *lab {
			return newLab(t, account.Profile{})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := c.lab(t)
			o, _ := c.object.DeepCopyObject().(client.Object)
			set := func(value string) {
				annotations := o.GetAnnotations()
				if annotations == nil {
					annotations = map[string]string{}
				}
				annotations[c.prefix+"ownership"] = value
				o.SetAnnotations(annotations)
			}
			set("observed")
			l.create(o)
			mark := l.mark()
			l.settle(c.keys...)
			l.clock.Advance(time.Hour)
			l.settle(c.keys...)
			if w := l.writes(mark); len(w) > 0 {
				t.Errorf("observed from the beginning, it writes %v", w)
			}
			if told := strings.Join(l.events, "\n"); !strings.Contains(told, "to create") || !strings.Contains(told, "[OnlyObserved]") || strings.Contains(told, "FailedDeployModel") {
				t.Errorf("events: %s", told)
			}
			l.get(o, o.GetName())
			if len(o.GetFinalizers()) > 0 {
				t.Errorf("finalizers %v, and there is nothing to be deleted", o.GetFinalizers())
			}

			set("managed")
			l.must(l.client.Update(t.Context(), o))
			l.settle(c.keys...)
			made := l.balancers()
			l.get(o, o.GetName())
			set("observed")
			o.SetAnnotations(withAnnotation(o.GetAnnotations(), c.prefix+map[bool]string{true: "load-balancer-attributes", false: "attributes"}[strings.HasPrefix(c.prefix, "alb")], "deletion_protection.enabled=true"))
			l.must(l.client.Update(t.Context(), o))
			mark = l.mark()
			l.settle(c.keys...)
			l.restart()
			l.settle(c.keys...)
			if w := l.writes(mark); made == 0 || len(w) > 0 {
				t.Errorf("observed after an edit, with %d load balancers, it writes %v", made, w)
			}
			l.must(l.client.Delete(t.Context(), o))
			l.settle(c.keys...)
			if w := l.writes(mark); l.get(o, o.GetName()) || len(w) > 0 || l.balancers() != made {
				t.Errorf("deleted while it is observed, %d load balancers of %d are left; it writes %v; finalizers %v", l.balancers(), made, w, o.GetFinalizers())
			}
		})
	}
}

// withAnnotation is a copy of annotations with one more.
func withAnnotation(m map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}

func TestOneObservedMemberHoldsTheWholeGroupAndTheAddressIsShown(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", map[string]string{"group.name": "front"}, "web"))
	l.settle(frontKey)
	mark := l.mark()
	l.create(labIngress("api", map[string]string{"group.name": "front", "ownership": "observed"}, "web"))
	l.settle(frontKey)
	var api networkingv1.Ingress
	if l.get(&api, "api"); len(l.writes(mark)) > 0 || len(api.Status.LoadBalancer.Ingress) == 0 {
		t.Errorf("it writes %v, and shows %v", l.writes(mark), api.Status.LoadBalancer.Ingress)
	}
}

// platform makes a load balancer of others, with a listener that answers, a rule and a target group behind it.
func (l *lab) platform() (arn string) {
	l.Helper()
	arn = l.foreign("platform")
	group, err := l.sim.Balancing.CreateTargetGroup(l.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String("platform"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(8080), TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String(labVPC)})
	l.must(err)
	fixed := []elbtypes.Action{{Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: aws.String("200")}}}
	for _, port := range []int32{80, 9090} {
		listener, err := l.sim.Balancing.CreateListener(l.Context(), &elbv2.CreateListenerInput{LoadBalancerArn: &arn, Port: aws.Int32(port), Protocol: elbtypes.ProtocolEnumHttp, DefaultActions: fixed})
		l.must(err)
		for _, priority := range []int32{3, 700} {
			_, err = l.sim.Balancing.CreateRule(l.Context(), &elbv2.CreateRuleInput{
				ListenerArn: listener.Listeners[0].ListenerArn, Priority: aws.Int32(priority),
				Conditions: []elbtypes.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{fmt.Sprint("/theirs", priority)}}},
				Actions:    []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: group.TargetGroups[0].TargetGroupArn}},
			})
			l.must(err)
		}
	}
	return arn
}

// others is what the account holds without tags of a stack, as text: what the controller must not change.
func (l *lab) others() string {
	l.Helper()
	ours := l.tagsOfStacks()
	var out []string
	note := func(id string, v any) {
		if ours[id] == nil {
			text, err := json.Marshal(v)
			l.must(err)
			out = append(out, string(text))
		}
	}
	r := l.sim.Resources()
	for _, lb := range r.LoadBalancers {
		for _, listener := range lb.Listeners {
			for _, rule := range listener.Rules {
				if rule.Requests = 0; rule.Priority != "default" || ours[listener.ARN] == nil { // which goes with its listener, and has no tags
					note(rule.ARN, rule)
				}
			}
			listener.Rules = nil
			note(listener.ARN, listener)
		}
		lb.Listeners, lb.State, lb.Zones = nil, "", nil
		note(lb.ARN, lb)
	}
	for _, tg := range r.TargetGroups {
		tg.Targets = nil
		note(tg.ARN, tg)
	}
	for _, g := range r.SecurityGroups {
		if !strings.HasPrefix(g.Name, "k8s-traffic-") && g.ID != labNodeGroup {
			note(g.ID, g)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// rulesOn are the priorities of the rules with our tags on a port of a load balancer.
func (l *lab) rulesOn(arn string, port int32) (priorities []int) {
	l.Helper()
	ours := l.tagsOfStacks()
	for _, lb := range l.sim.Resources().LoadBalancers {
		for _, listener := range lb.Listeners {
			for _, rule := range listener.Rules {
				if n, err := strconv.Atoi(rule.Priority); lb.ARN == arn && listener.Port == port && ours[rule.ARN] != nil && err == nil {
					priorities = append(priorities, n)
				}
			}
		}
	}
	return priorities
}

func TestOnALoadBalancerOfOthersOnlyOurListenersAndRulesComeAndGo(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"))
	arn := l.platform()
	theirs := l.others()
	untouched := func(when string) {
		t.Helper()
		if diff := cmp.Diff(theirs, l.others()); diff != "" {
			t.Errorf("%s, what is others' is changed (-want +got):\n%s", when, diff)
		}
	}
	annotations := func(more map[string]string) map[string]string {
		out := map[string]string{"scheme": "internal", "ownership": "shared", "existing-load-balancer": "platform", "load-balancer-attributes": "idle_timeout.timeout_seconds=100", "tags": "Team=web"}
		maps.Copy(out, more)
		return out
	}
	o := labIngress("web", annotations(map[string]string{"listen-ports": `[{"HTTP":80},{"HTTP":8080}]`}), "web")
	l.create(o)
	l.settle(implicit("web"))
	untouched("once it is made")
	if on80, on8080 := l.rulesOn(arn, 80), l.rulesOn(arn, 8080); len(on80) == 0 || slices.Min(on80) <= 700 || len(on8080) == 0 || l.balancers() != 1 {
		t.Fatalf("rules at 80: %v, at 8080: %v; %d load balancers\n%s", on80, on8080, l.balancers(), strings.Join(l.events, "\n"))
	}
	var shown networkingv1.Ingress
	if l.get(&shown, "web"); len(shown.Status.LoadBalancer.Ingress) != 1 || !strings.Contains(shown.Status.LoadBalancer.Ingress[0].Hostname, "platform") {
		t.Errorf("status %+v", shown.Status.LoadBalancer)
	}
	mark := l.mark()
	l.restart()
	l.settle(implicit("web"))
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("after a restart it writes %v", w)
	}
	l.edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTP":9090}]`
	})
	l.settle(implicit("web"))
	untouched("after an edit")
	if on80, on8080, on9090 := l.rulesOn(arn, 80), l.rulesOn(arn, 8080), l.rulesOn(arn, 9090); len(on80)+len(on8080) > 0 || len(on9090) == 0 {
		t.Errorf("after an edit, rules at 80: %v, at 8080: %v, at 9090: %v\n%s", on80, on8080, on9090, strings.Join(l.events, "\n"))
	}
	l.restart()
	l.must(l.client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: o.ObjectMeta}))
	l.settle(implicit("web"))
	untouched("after the deletion")
	if l.get(&shown, "web") || len(l.tagsOfStacks()) > 0 || l.balancers() != 1 {
		t.Errorf("after the deletion, the object is there: %v; tagged: %v; %d load balancers", l.get(&shown, "web"), l.tagsOfStacks(), l.balancers())
	}
}

// platformIDs are the ARNs of what is somebody else's.
func (l *lab) platformIDs() (ids []string) {
	l.Helper()
	r := l.sim.Resources()
	for _, lb := range r.LoadBalancers {
		ids = append(ids, lb.ARN)
		for _, listener := range lb.Listeners {
			ids = append(ids, listener.ARN)
			for _, rule := range listener.Rules {
				ids = append(ids, rule.ARN)
			}
		}
	}
	for _, tg := range r.TargetGroups {
		ids = append(ids, tg.ARN)
	}
	return ids
}

// writesTo are the writes since a mark that name one of some ARNs, but for those that make listeners and rules there.
func (l *lab) writesTo(mark uint64, ids []string) (out []string) {
	l.Helper()
	for _, c := range l.sim.Gate.Calls(gate.Filter{After: mark}) {
		if cloud.IsRead(c.Action) || c.Action == "CreateListener" || c.Action == "CreateRule" {
			continue
		}
		text, err := json.Marshal(c.Input)
		l.must(err)
		for _, id := range ids {
			if strings.Contains(string(text), `"`+id+`"`) {
				out = append(out, c.Action+" "+id)
			}
		}
	}
	return out
}

// TestNothingWithoutOurTagsIsTouched has objects of every ownership come, change, change their ownership and go beside what is somebody else's, in an order by chance, while the
// controller restarts, and looks after each step at all that has no tags of a stack, and at which calls named it: rules and listeners may be made there, and nothing else.
func TestNothingWithoutOurTagsIsTouched(t *testing.T) {
	t.Parallel()
	for seed := range 6 {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(seed), 39))
			l := newLab(t, account.Profile{}, labClass(), labService("web"), labService("api"))
			l.platform()
			theirs, ids := l.others(), l.platformIDs()
			names := []string{"own", "web", "seen"}
			keys := []stack.Key{implicit("own"), implicit("web"), implicit("seen")}
			choose := func(of ...string) string { return of[r.IntN(len(of))] }
			annotations := func(name string) map[string]string {
				out := map[string]string{"scheme": "internal", "ownership": map[string]string{"own": "managed", "web": choose("shared", "shared", "observed"), "seen": choose("observed", "managed")}[name],
					"listen-ports": choose(`[{"HTTP":80}]`, `[{"HTTP":8080}]`, `[{"HTTP":80},{"HTTP":9090},{"HTTP":7070}]`), "deletion-policy": choose("Delete", "Delete", "Retain")}
				if name == "web" {
					out["existing-load-balancer"] = "platform"
				}
				return out
			}
			for step := range 14 {
				name := names[r.IntN(len(names))]
				var o networkingv1.Ingress
				mark, did := l.mark(), ""
				switch there := l.get(&o, name); {
				case !there:
					did = "create " + name
					l.create(labIngress(name, annotations(name), choose("web", "api")))
				case r.IntN(4) == 0:
					did = "delete " + name
					l.must(l.client.Delete(t.Context(), &o))
				default:
					did = "edit " + name
					l.edit(name, func(i *networkingv1.Ingress) {
						for k, v := range annotations(name) {
							i.Annotations["alb.ingress.kubernetes.io/"+k] = v
						}
					})
				}
				if r.IntN(3) == 0 {
					did += ", restart"
					l.restart()
				}
				l.settle(keys...)
				if w := l.writesTo(mark, ids); len(w) > 0 {
					t.Fatalf("step %d, %s: written to what is others': %v", step, did, w)
				}
				if diff := cmp.Diff(theirs, l.others()); diff != "" {
					t.Fatalf("step %d, %s: what is others' is changed (-want +got):\n%s\nwritten: %v", step, did, diff, l.writes(mark))
				}
			}
			for _, name := range names {
				if o := (&networkingv1.Ingress{}); l.get(o, name) {
					l.edit(name, func(i *networkingv1.Ingress) {
						i.Annotations["alb.ingress.kubernetes.io/deletion-policy"] = "Delete"
						if name != "web" {
							i.Annotations["alb.ingress.kubernetes.io/ownership"] = "managed"
						} else {
							i.Annotations["alb.ingress.kubernetes.io/ownership"] = "shared"
						}
					})
					l.settle(keys...)
					l.must(l.client.Delete(t.Context(), o))
				}
			}
			l.settle(keys...)
			if diff := cmp.Diff(theirs, l.others()); diff != "" {
				t.Errorf("at the end, what is others' is changed (-want +got):\n%s", diff)
			}
		})
	}
}
