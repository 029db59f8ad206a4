package tenants

import (
	"context"
	"slices"
	"strings"
	"testing"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// attribute reports whether the only load balancer has an attribute, written as in annotations.
func attribute(l *lab.Lab, text string) bool {
	l.Helper()
	key, want, _ := strings.Cut(text, "=")
	r := l.Sim.Resources()
	if len(r.LoadBalancers) != 1 {
		l.Fatalf("%d load balancers", len(r.LoadBalancers))
	}
	out, err := l.Sim.Balancing.DescribeLoadBalancerAttributes(context.Background(),
		&elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &r.LoadBalancers[0].ARN})
	l.Must(err)
	for _, a := range out.Attributes {
		if *a.Key == key {
			return *a.Value == want
		}
	}
	return false
}

// said reports whether an event of an object has a text.
func said(l *lab.Lab, since int, object, text string) bool {
	return slices.ContainsFunc(l.Events[since:], func(e string) bool {
		return strings.HasPrefix(e, object+" ") && strings.Contains(e, text)
	})
}

// newcomersPolicies are policies that a newcomer may try, by the annotations' names of Ingresses.
var newcomersPolicies = map[string]map[string]string{
	"ownership": {"ownership": "observed"}, "shared": {"ownership": "shared", "existing-load-balancer": "payroll"},
	"adopted": {"ownership": "adopted", "existing-load-balancer": "payroll"}, "existing-load-balancer": {
		"existing-load-balancer": "payroll"},
	"approved-plan": {"approved-plan": "none"}, "approved-plan of others": {"approved-plan": "0123456789abcdef"},
	"replacement-policy": {"replacement-policy": "refuse"}, "drift-policy": {"drift-policy": "ignore"},
	"deletion-policy":   {"deletion-policy": "Retain"},
	"delete-duplicates": {"delete-duplicates": "sg-0123456789abcdef0"}, "allow-deletion": {"allow-deletion": "true"},
}

func TestNewcomersPolicyHoldsItselfOnly(t *testing.T) {
	t.Parallel()
	for kind, g := range lab.GroupsOfTwo {
		for name, policy := range newcomersPolicies {
			for _, joined := range []bool{false, true} { // whether the newcomer was a member before it set the policy
				t.Run(kind+" "+name+map[bool]string{true: " later"}[joined], func(t *testing.T) {
					t.Parallel()
					l := lab.New(t, account.Profile{}, append(g.Victim(map[string]string{g.Idle: g.Before}), lab.Class())...)
					l.Settle(g.Key)
					if joined {
						l.Create(g.Attack(nil)...)
						l.Settle(g.Key)
						l.Put(g, "mal/evil", g.Named(policy))
					} else {
						l.Create(g.Attack(g.Named(policy))...)
					}
					since := len(l.Events)
					check := func(when, value string) {
						t.Helper()
						l.Put(g, "shop/web", map[string]string{g.Idle: value})
						l.Settle(g.Key)
						if !attribute(l, value) {
							t.Errorf("%s, the victim's edit is held:\n%s", when, strings.Join(l.Events[since:], "\n"))
						}
						if !said(l, since, g.Kind+" mal/evil", "[SettingNotPermitted]") || said(l, since, g.Kind+" shop/web", "mal") {
							t.Errorf("%s, events:\n%s", when, strings.Join(l.Events[since:], "\n"))
						}
						o := g.Empty()
						l.Must(l.Client.Get(t.Context(), types.NamespacedName{Namespace: "mal", Name: "evil"}, o))
						if marked := len(o.GetFinalizers()) > 0; marked != joined {
							t.Errorf("%s, finalizers of the newcomer: %v", when, o.GetFinalizers())
						}
					}
					check("at once", g.After)
					l.Restart()
					since = len(l.Events)
					check("after a restart without checkpoints", g.Before)

					o := g.Empty()
					l.Must(l.Client.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "web"}, o))
					l.Must(l.Client.Delete(t.Context(), o))
					l.Settle(g.Key)
					if l.Client.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "web"}, o) == nil {
						t.Errorf("the victim's deletion is held: %v\n%s", o.GetFinalizers(), strings.Join(l.Events[since:], "\n"))
					}
				})
			}
		}
	}
}

// TestNewcomerTunesNoGroup has a newcomer and the oldest member set an attribute that nobody has set.
func TestNewcomerTunesNoGroup(t *testing.T) {
	t.Parallel()
	for kind, g := range lab.GroupsOfTwo {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(g.Victim(nil), lab.Class())...)
			l.Settle(g.Key)
			mark, since := l.Mark(), len(l.Events)
			l.Create(g.Attack(map[string]string{g.Idle: g.After})...)
			l.Settle(g.Key)
			if slices.Contains(l.Writes(mark), "ModifyLoadBalancerAttributes") || attribute(l, g.After) {
				t.Errorf("the newcomer's attribute is in effect: %v", l.Writes(mark))
			}
			if !said(l, since, g.Kind+" mal/evil", "of namespace shop change it") || said(l, since, g.Kind+" shop/web", "mal") {
				t.Errorf("events:\n%s", strings.Join(l.Events[since:], "\n"))
			}
			for _, value := range []string{g.Before, g.After} {
				l.Put(g, "shop/web", map[string]string{g.Idle: value})
				l.Settle(g.Key)
				if !attribute(l, value) {
					t.Errorf("%s of the oldest member is not in effect:\n%s", value, strings.Join(l.Events[since:], "\n"))
				}
			}
		})
	}
}

func TestOldestMembersPolicyHoldsTheGroup(t *testing.T) {
	t.Parallel()
	for kind, g := range lab.GroupsOfTwo {
		for name, policy := range map[string]map[string]string{"ownership": {"ownership": "observed"}, "approved-plan": {
			"approved-plan": "none"}} {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				l := lab.New(t, account.Profile{}, append(g.Victim(map[string]string{g.Idle: g.Before}), lab.Class())...)
				l.Create(g.Attack(nil)...)
				l.Settle(g.Key)
				l.Put(g, "shop/web", policy)
				l.Settle(g.Key)
				mark, since := l.Mark(), len(l.Events)
				l.Put(g, "shop/web", map[string]string{g.Idle: g.After})
				l.Settle(g.Key)
				l.Restart()
				l.Settle(g.Key)
				if w := l.Writes(mark); len(w) > 0 {
					t.Errorf("held, it writes %v", w)
				}
				if !said(l, since, g.Kind+" shop/web", g.Kind+" shop/web") {
					t.Errorf("no event says whose annotation holds:\n%s", strings.Join(l.Events[since:], "\n"))
				}
				if name != "approved-plan" {
					return
				}
				digest := l.LastDigest(since)
				for _, e := range l.Events[since:] {
					if digest == "" || strings.Contains(e, digest) && !strings.HasPrefix(e, g.Kind+" shop/web ") {
						t.Errorf("digest %q is in %s", digest, e)
					}
				}
				l.Put(g, "mal/evil", map[string]string{"approved-plan": digest})
				l.Settle(g.Key)
				if w := l.Writes(mark); len(w) > 0 {
					t.Errorf("approved by a newcomer, it writes %v", w)
				}
				l.Put(g, "mal/evil", map[string]string{"approved-plan": ""})
				l.Put(g, "shop/web", map[string]string{"approved-plan": digest})
				l.Settle(g.Key)
				if !attribute(l, g.After) {
					t.Errorf("approved by whoever asked, it is not carried out:\n%s", strings.Join(l.Events[since:], "\n"))
				}
			})
		}
	}
}

func TestMisspeltPolicyHasNoEffect(t *testing.T) {
	t.Parallel()
	for kind, g := range lab.GroupsOfTwo {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(g.Victim(map[string]string{g.Idle: g.Before}), lab.Class())...)
			wrong := map[string]string{"ownership": "manged", "approved-plan": "nobody", "replacement-policy": "deny",
				"drift-policy": "tag=ignore"}
			l.Create(g.Attack(wrong)...)
			l.Settle(g.Key)
			l.Put(g, "shop/web", map[string]string{g.Idle: g.After, "ownership": "manged"})
			l.Settle(g.Key)
			l.Restart()
			l.Settle(g.Key)
			if !attribute(l, g.After) || !said(l, 0, g.Kind+" mal/evil", `"manged" is not one of`) ||
				!said(l, 0, g.Kind+" shop/web", `"manged" is not one of`) {
				t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
			}
			since := len(l.Events)
			l.Put(g, "shop/web", map[string]string{"ownership": "observed"})
			l.Settle(g.Key)
			l.Put(g, "shop/web", map[string]string{"ownership": "observd", g.Idle: g.Before})
			l.Settle(g.Key)
			if attribute(l, g.Before) {
				t.Errorf("the last valid value does not count:\n%s", strings.Join(l.Events[since:], "\n"))
			}
		})
	}
}
