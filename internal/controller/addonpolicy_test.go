package controller

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// addOnFeatures are those of web ACLs and Shield Advanced.
var addOnFeatures = []iampolicy.Feature{
	iampolicy.Shield,
	iampolicy.WAFv2,
}

// addOnPolicy is the smallest policy for load balancers with these add-ons, and nothing else that a feature stands for.
func addOnPolicy(t *testing.T) iampolicy.Document {
	t.Helper()
	d, err := iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{Cluster: "demo-cluster", VPC: labVPC, Features: addOnFeatures})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// addOnActions are those of the statement of add-ons.
func addOnActions(t *testing.T) []string {
	t.Helper()
	all := addOnPolicy(t).Statement
	n := slices.IndexFunc(all, func(s iampolicy.Statement) bool { return s.Sid == "AddOns" })
	if n < 0 {
		t.Fatal("the policy has no statement of add-ons")
	}
	return all[n].Action
}

var addOnKeys = []stack.Key{implicit("base"), implicit("named"), implicit("guarded"), implicit("shielded")}

// lifeOfAddOns are Ingresses with a web ACL or a protection each.
var lifeOfAddOns = &life{name: "add-ons", lab: addOnLab, wait: func(l *lab, d time.Duration) { l.passWith(d, addOnKeys...) }, stages: []stage{
	{"created", func(l *lab) {
		l.create(labIngress("base", nil, "s0"))
		l.create(labIngress("named", map[string]string{"wafv2-acl-name": guardACL}, "s0"))
		l.create(labIngress("guarded", map[string]string{"wafv2-acl-arn": l.sim.Resources().WebACLs[0].ARN}, "s0"))
		l.create(labIngress("shielded", map[string]string{"shield-advanced-protection": "true"}, "s0"))
	}},
	{"edited", func(l *lab) {
		l.restart()
		l.annotate("named", "wafv2-acl-name", "none")
		l.annotate("shielded", "shield-advanced-protection", "false")
	}},
	{"deleted", func(l *lab) {
		for _, name := range []string{"base", "named", "guarded", "shielded"} {
			l.remove(name)
		}
	}},
}}

func addOnLab(t *testing.T, prepare ...func(*lab)) *lab {
	t.Helper()
	l := newLab(t, account.Profile{}, labClass(), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"), labService("s0"))
	for _, p := range prepare {
		p(l)
	}
	l.create(chaosEndpoints("s0", "a", soakAddress(0, 0))...)
	_, err := l.sim.Shield.CreateSubscription(t.Context(), &shield.CreateSubscriptionInput{})
	l.must(err)
	_, err = l.sim.Firewall.CreateWebACL(t.Context(), &wafv2.CreateWebACLInput{Name: aws.String(guardACL), Scope: waftypes.ScopeRegional,
		DefaultAction: &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}}, VisibilityConfig: &waftypes.VisibilityConfig{MetricName: aws.String(guardACL)}})
	l.must(err)
	return l
}

func TestLoadBalancersWithAddOnsLiveUnderThePolicyOfTheseFeaturesAndNeedEachOfTheirActions(t *testing.T) {
	t.Parallel()
	var r *role
	l := lifeOfAddOns.lab(t, func(l *lab) { r = l.learn(addOnPolicy(t)) })
	for n, stage := range lifeOfAddOns.stages {
		stage.does(l)
		r.during(func() { lifeOfAddOns.wait(l, 15*time.Minute) })
		l.judgeAccount(stage.name, lifeOfAddOns.calm(t)[n].account)
	}
	if len(r.denied) > 0 {
		t.Errorf("denied are %v", r.denied)
	}
	for _, action := range addOnActions(t) {
		if !slices.Contains(r.needed(), "AddOns "+action) {
			t.Errorf("no call needs %s", action)
		}
	}
}

// TestEachActionOfAddOnsMayBeDeniedAndIsNamedWhereItIsMissed denies one after the other. A load balancer that serves goes on without its add-on meanwhile, and
// a new one is not opened without what is to protect it.
func TestEachActionOfAddOnsMayBeDeniedAndIsNamedWhereItIsMissed(t *testing.T) {
	t.Parallel()
	actions := longtest.OneOf(3)
	for _, action := range addOnActions(t) {
		if !actions.Next() {
			continue
		}
		affects := []string{"web ACL ", "protection of ", "shop-named", "shop/named", "shop-guarded", "shop/guarded", "shop-shielded", "shop/shielded"}
		liveUnder(t, lifeOfAddOns, attached{name: action, partition: "aws", policy: without(addOnPolicy(t), action), lacks: []string{action}, affects: affects})
	}
}
