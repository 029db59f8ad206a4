package controller

import (
	"context"
	"slices"
	"strings"
	"testing"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// groupOfTwo is a group of a victim of namespace shop, and a newcomer of namespace mal.
type groupOfTwo struct {
	key            stack.Key
	kind, prefix   string
	existing       string // the annotation that names a load balancer of others
	idle           string // an annotation of settings, whose edit shows in AWS
	before, after  string
	empty          func() client.Object
	victim, attack func(annotations map[string]string) []client.Object
}

// groupsOfTwo are of Ingresses and of Services.
var groupsOfTwo = map[string]groupOfTwo{
	"Ingresses": {
		key: frontGroup, kind: "Ingress", prefix: "alb.ingress.kubernetes.io/", existing: "existing-load-balancer",
		idle: "load-balancer-attributes", before: "idle_timeout.timeout_seconds=70", after: "idle_timeout.timeout_seconds=100",
		empty:  func() client.Object { return &networkingv1.Ingress{} },
		victim: func(a map[string]string) []client.Object { return groupMember("shop", "web", 0, a) },
		attack: func(a map[string]string) []client.Object { return groupMember("mal", "evil", 9, a) },
	},
	"Services": {
		key: sharedServices, kind: "Service", prefix: "service.beta.kubernetes.io/aws-load-balancer-", existing: "existing",
		idle: "attributes", before: "dns_record.client_routing_policy=any_availability_zone", after: "dns_record.client_routing_policy=availability_zone_affinity",
		empty:  func() client.Object { return &corev1.Service{} },
		victim: func(a map[string]string) []client.Object { return []client.Object{sharingIn("shop", "web", 0, 80, a)} },
		attack: func(a map[string]string) []client.Object { return []client.Object{sharingIn("mal", "evil", 9, 90, a)} },
	},
}

func sharingIn(namespace, name string, age int64, port int32, annotations map[string]string) *corev1.Service {
	s := sharing(name, port)
	s.Namespace, s.CreationTimestamp = namespace, metav1.Unix(1_700_000_000+age, 0)
	for k, v := range annotations {
		s.Annotations["service.beta.kubernetes.io/aws-load-balancer-"+k] = v
	}
	return s
}

// put sets annotations of an object of the lab, and removes those with an empty value.
func (l *lab) put(g groupOfTwo, object string, annotations map[string]string) {
	l.Helper()
	o := g.empty()
	ns, name, _ := strings.Cut(object, "/")
	l.must(l.client.Get(l.Context(), types.NamespacedName{Namespace: ns, Name: name}, o))
	all := o.GetAnnotations()
	for k, v := range annotations {
		if all[g.prefix+k] = v; v == "" {
			delete(all, g.prefix+k)
		}
	}
	o.SetAnnotations(all)
	l.must(l.client.Update(l.Context(), o))
}

// attribute reports whether the only load balancer has an attribute, written as in annotations.
func (l *lab) attribute(text string) bool {
	l.Helper()
	key, want, _ := strings.Cut(text, "=")
	r := l.sim.Resources()
	if len(r.LoadBalancers) != 1 {
		l.Fatalf("%d load balancers", len(r.LoadBalancers))
	}
	out, err := l.sim.Balancing.DescribeLoadBalancerAttributes(context.Background(), &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &r.LoadBalancers[0].ARN})
	l.must(err)
	for _, a := range out.Attributes {
		if *a.Key == key {
			return *a.Value == want
		}
	}
	return false
}

// said reports whether an event of an object has a text.
func (l *lab) said(since int, object, text string) bool {
	return slices.ContainsFunc(l.events[since:], func(e string) bool { return strings.HasPrefix(e, object+" ") && strings.Contains(e, text) })
}

// newcomersPolicies are policies that a newcomer may try, by the annotations' names of Ingresses.
var newcomersPolicies = map[string]map[string]string{
	"ownership": {"ownership": "observed"}, "shared": {"ownership": "shared", "existing-load-balancer": "payroll"},
	"adopted": {"ownership": "adopted", "existing-load-balancer": "payroll"}, "existing-load-balancer": {"existing-load-balancer": "payroll"},
	"approved-plan": {"approved-plan": "none"}, "approved-plan of others": {"approved-plan": "0123456789abcdef"},
	"replacement-policy": {"replacement-policy": "refuse"}, "drift-policy": {"drift-policy": "ignore"}, "deletion-policy": {"deletion-policy": "Retain"},
	"delete-duplicates": {"delete-duplicates": "sg-0123456789abcdef0"}, "allow-deletion": {"allow-deletion": "true"},
}

func (g groupOfTwo) named(annotations map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range annotations {
		if k == "existing-load-balancer" {
			k = g.existing
		}
		out[k] = v
	}
	return out
}

func TestNewcomersPolicyHoldsItselfOnly(t *testing.T) {
	t.Parallel()
	for kind, g := range groupsOfTwo {
		for name, policy := range newcomersPolicies {
			for _, joined := range []bool{false, true} { // whether the newcomer was a member before it set the policy
				t.Run(kind+" "+name+map[bool]string{true: " later"}[joined], func(t *testing.T) {
					t.Parallel()
					l := newLab(t, account.Profile{}, append(g.victim(map[string]string{g.idle: g.before}), labClass())...)
					l.settle(g.key)
					if joined {
						l.create(g.attack(nil)...)
						l.settle(g.key)
						l.put(g, "mal/evil", g.named(policy))
					} else {
						l.create(g.attack(g.named(policy))...)
					}
					since := len(l.events)
					check := func(when, value string) {
						t.Helper()
						l.put(g, "shop/web", map[string]string{g.idle: value})
						l.settle(g.key)
						if !l.attribute(value) {
							t.Errorf("%s, the victim's edit is held:\n%s", when, strings.Join(l.events[since:], "\n"))
						}
						if !l.said(since, g.kind+" mal/evil", "[SettingNotPermitted]") || l.said(since, g.kind+" shop/web", "mal") {
							t.Errorf("%s, events:\n%s", when, strings.Join(l.events[since:], "\n"))
						}
						o := g.empty()
						l.must(l.client.Get(t.Context(), types.NamespacedName{Namespace: "mal", Name: "evil"}, o))
						if marked := len(o.GetFinalizers()) > 0; marked != joined {
							t.Errorf("%s, finalizers of the newcomer: %v", when, o.GetFinalizers())
						}
					}
					check("at once", g.after)
					l.restart()
					since = len(l.events)
					check("after a restart without checkpoints", g.before)

					o := g.empty()
					l.must(l.client.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "web"}, o))
					l.must(l.client.Delete(t.Context(), o))
					l.settle(g.key)
					if l.client.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "web"}, o) == nil {
						t.Errorf("the victim's deletion is held: %v\n%s", o.GetFinalizers(), strings.Join(l.events[since:], "\n"))
					}
				})
			}
		}
	}
}

func TestOldestMembersPolicyHoldsTheGroup(t *testing.T) {
	t.Parallel()
	for kind, g := range groupsOfTwo {
		for name, policy := range map[string]map[string]string{"ownership": {"ownership": "observed"}, "approved-plan": {"approved-plan": "none"}} {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, account.Profile{}, append(g.victim(map[string]string{g.idle: g.before}), labClass())...)
				l.create(g.attack(nil)...)
				l.settle(g.key)
				l.put(g, "shop/web", policy)
				l.settle(g.key)
				mark, since := l.mark(), len(l.events)
				l.put(g, "shop/web", map[string]string{g.idle: g.after})
				l.settle(g.key)
				l.restart()
				l.settle(g.key)
				if w := l.writes(mark); len(w) > 0 {
					t.Errorf("held, it writes %v", w)
				}
				if !l.said(since, g.kind+" shop/web", g.kind+" shop/web") {
					t.Errorf("no event says whose annotation holds:\n%s", strings.Join(l.events[since:], "\n"))
				}
				if name != "approved-plan" {
					return
				}
				digest := l.lastDigest(since)
				for _, e := range l.events[since:] {
					if digest == "" || strings.Contains(e, digest) && !strings.HasPrefix(e, g.kind+" shop/web ") {
						t.Errorf("digest %q is in %s", digest, e)
					}
				}
				l.put(g, "mal/evil", map[string]string{"approved-plan": digest})
				l.settle(g.key)
				if w := l.writes(mark); len(w) > 0 {
					t.Errorf("approved by a newcomer, it writes %v", w)
				}
				l.put(g, "mal/evil", map[string]string{"approved-plan": ""})
				l.put(g, "shop/web", map[string]string{"approved-plan": digest})
				l.settle(g.key)
				if !l.attribute(g.after) {
					t.Errorf("approved by whoever asked, it is not carried out:\n%s", strings.Join(l.events[since:], "\n"))
				}
			})
		}
	}
}

func TestMisspeltPolicyHasNoEffect(t *testing.T) {
	t.Parallel()
	for kind, g := range groupsOfTwo {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, append(g.victim(map[string]string{g.idle: g.before}), labClass())...)
			wrong := map[string]string{"ownership": "manged", "approved-plan": "nobody", "replacement-policy": "deny", "drift-policy": "tag=ignore"}
			l.create(g.attack(wrong)...)
			l.settle(g.key)
			l.put(g, "shop/web", map[string]string{g.idle: g.after, "ownership": "manged"})
			l.settle(g.key)
			l.restart()
			l.settle(g.key)
			if !l.attribute(g.after) || !l.said(0, g.kind+" mal/evil", `"manged" is none of`) || !l.said(0, g.kind+" shop/web", `"manged" is none of`) {
				t.Errorf("events:\n%s", strings.Join(l.events, "\n"))
			}
			since := len(l.events)
			l.put(g, "shop/web", map[string]string{"ownership": "observed"})
			l.settle(g.key)
			l.put(g, "shop/web", map[string]string{"ownership": "observd", g.idle: g.before})
			l.settle(g.key)
			if l.attribute(g.before) {
				t.Errorf("the last valid value does not count:\n%s", strings.Join(l.events[since:], "\n"))
			}
		})
	}
}
