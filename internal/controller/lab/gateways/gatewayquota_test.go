package gateways

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestRoutesWithRulesBeyondTheQuotaShowItWhileTheRestServes has a quota that only AWS knows, as it can be raised, and a
// second route that exceeds it.
func TestRoutesWithRulesBeyondTheQuotaShowItWhileTheRestServes(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	older, newer := lab.Route("older", "/a", "/b"), lab.Route("newer", "/c", "/d")
	older.CreationTimestamp, newer.CreationTimestamp = metav1.Unix(1, 0), metav1.Unix(2, 0)
	l, key := lab.New(t, account.Profile{}, class, g, lab.Service("web"), older, lab.IPTargets()),
		lab.GatewayKey(stack.GatewayALB, "web")
	l.Must(l.Sim.Account.SetQuota("rules-per-application-load-balancer", 3))
	l.Settle(key)
	l.Create(newer)
	l.Pass(10*time.Minute, nil, key)
	paths := func() string {
		var out []string
		for _, r := range l.Sim.Resources().LoadBalancers[0].Listeners[0].Rules {
			for _, c := range r.Conditions {
				out = append(out, c.Values[0])
			}
		}
		return strings.Join(out, " ")
	}
	condition := func(r *gatewayv1.HTTPRoute, kind string) string {
		t.Helper()
		l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(r), r))
		if len(r.Status.Parents) != 1 {
			t.Fatalf("%s: %+v", r.Name, r.Status)
		}
		c := meta.FindStatusCondition(r.Status.Parents[0].Conditions, kind)
		if c == nil {
			return "none"
		}
		return string(c.Status) + " " + c.Reason + " " + c.Message
	}
	if got := paths(); got != "/a /b /c" && got != "/a /b /d" {
		t.Errorf("rules for %s", got)
	}
	if got := condition(older, "Accepted") + ", " + condition(older, "PartiallyInvalid"); got != "True Accepted , none" {
		t.Errorf("the older route: %s", got)
	}
	if got := condition(newer, "PartiallyInvalid"); !strings.HasPrefix(got, "True UnsupportedValue ") ||
		!strings.Contains(got, "The maximum number of rules per load balancer") ||
		!strings.Contains(got, "ask AWS for a higher quota") {
		t.Errorf("the newer route: %s", got)
	}
	if told := l.Warnings(0); len(told["HTTPRoute shop/newer"]) == 0 || len(told["HTTPRoute shop/older"]) > 0 {
		t.Errorf("events %v", told)
	}
	if got := l.Condition("Programmed"); !strings.HasPrefix(got, "True Programmed") {
		t.Errorf("the Gateway: %s", got)
	}
	newest := lab.Route("newest", "/e")
	newest.CreationTimestamp = metav1.Unix(3, 0)
	l.Create(newest)
	l.Pass(10*time.Minute, nil, key)
	l.RunQueues(t.Context())
	if got := condition(newest, "Accepted"); !strings.HasPrefix(got, "False UnsupportedValue ") ||
		condition(newest, "PartiallyInvalid") != "none" {
		t.Errorf("the newest route: %s", got)
	}
	if got := condition(newer, "Accepted"); got != "True Accepted " {
		t.Errorf("the newer route: %s", got)
	}
	l.Must(l.Sim.Account.SetQuota("rules-per-application-load-balancer", 100))
	l.Pass(30*time.Minute, nil, key)
	l.RunQueues(t.Context())
	if got := paths(); got != "/a /b /c /d /e" || condition(newest, "Accepted") != "True Accepted " ||
		condition(newer, "PartiallyInvalid") != "none" {
		t.Errorf("with a higher quota: rules for %s, %s", got, condition(newer, "PartiallyInvalid"))
	}
}

// TestAYoungRouteDoesNotTakeTheRulesOfAnOlderOne has both at once, with the young route's more specific rules in front,
// and a quota that is less than both need.
func TestAYoungRouteDoesNotTakeTheRulesOfAnOlderOne(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	paths := func(prefix string, n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("%s%03d", prefix, i))
		}
		return out
	}
	old, young := lab.Route("z-old", paths("/z", 60)...), lab.Route("a-young", paths("/a/longer/and/longer/", 65)...)
	old.CreationTimestamp, young.CreationTimestamp = metav1.Unix(1, 0), metav1.Unix(2, 0)
	for _, r := range []*gatewayv1.HTTPRoute{old, young} { // a rule of the load balancer for each
		for i := range r.Spec.Rules {
			r.Spec.Rules[i].Filters = []gatewayv1.HTTPRouteFilter{
				{Type: gatewayv1.HTTPRouteFilterRequestRedirect, RequestRedirect: &gatewayv1.HTTPRequestRedirectFilter{
					Hostname: ptr.To(gatewayv1.PreciseHostname(fmt.Sprintf("h%d.example.com", i)))}}}
			r.Spec.Rules[i].BackendRefs = nil
		}
	}
	l, key := lab.New(t, account.Profile{}, class, g, lab.Service("web"), old, young, lab.IPTargets()),
		lab.GatewayKey(stack.GatewayALB, "web")
	l.Pass(10*time.Minute, nil, key)
	served := map[byte]int{}
	for _, r := range l.Sim.Resources().LoadBalancers[0].Listeners[0].Rules {
		for _, c := range r.Conditions {
			served[c.Values[0][1]]++
		}
	}
	if served['z'] != 60 || served['a'] != 40 {
		t.Errorf("%d rules of the old route, %d of the young one", served['z'], served['a'])
	}
	if warned := l.Warnings(0); len(warned["HTTPRoute shop/a-young"]) == 0 || len(warned["HTTPRoute shop/z-old"]) > 0 {
		t.Errorf("events %v", warned)
	}
}
