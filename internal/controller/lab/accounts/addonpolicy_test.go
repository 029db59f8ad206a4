package accounts

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
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
	d, err := iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{Cluster: "demo-cluster", VPC: lab.VPC,
		Features: addOnFeatures})
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

var addOnKeys = []stack.Key{lab.Key("base"), lab.Key("named"), lab.Key("guarded"), lab.Key("shielded")}

// lifeOfAddOns are Ingresses with a web ACL or a protection each.
var lifeOfAddOns = &life{name: "add-ons", lab: addOnLab, wait: func(l *lab.Lab, d time.Duration) {
	l.PassWith(d, addOnKeys...)
}, stages: []lab.Stage{
	{Name: "created", Does: func(l *lab.Lab) {
		l.Create(lab.Ingress("base", nil, "s0"))
		l.Create(lab.Ingress("named", map[string]string{"wafv2-acl-name": lab.GuardACL}, "s0"))
		l.Create(lab.Ingress("guarded", map[string]string{"wafv2-acl-arn": l.Sim.Resources().WebACLs[0].ARN}, "s0"))
		l.Create(lab.Ingress("shielded", map[string]string{"shield-advanced-protection": "true"}, "s0"))
	}},
	{Name: "edited", Does: func(l *lab.Lab) {
		l.Restart()
		l.Annotate("named", "wafv2-acl-name", "none")
		l.Annotate("shielded", "shield-advanced-protection", "false")
	}},
	{Name: "deleted", Does: func(l *lab.Lab) {
		for _, name := range []string{"base", "named", "guarded", "shielded"} {
			l.Remove(name)
		}
	}},
}}

func addOnLab(t *testing.T, prepare ...func(*lab.Lab)) *lab.Lab {
	t.Helper()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
		lab.Service("s0"))
	for _, p := range prepare {
		p(l)
	}
	l.Create(lab.ChaosEndpoints("s0", "a", lab.SoakAddress(0, 0))...)
	_, err := l.Sim.Shield.CreateSubscription(t.Context(), &shield.CreateSubscriptionInput{})
	l.Must(err)
	_, err = l.Sim.Firewall.CreateWebACL(t.Context(), &wafv2.CreateWebACLInput{Name: aws.String(lab.GuardACL),
		Scope:         waftypes.ScopeRegional,
		DefaultAction: &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}}, VisibilityConfig: &waftypes.VisibilityConfig{
			MetricName: aws.String(lab.GuardACL)}})
	l.Must(err)
	return l
}

func TestAddOnsNeedEachActionOfTheirPolicy(t *testing.T) {
	t.Parallel()
	var r *lab.Role
	l := lifeOfAddOns.lab(t, func(l *lab.Lab) { r = learn(l, addOnPolicy(t)) })
	for n, stage := range lifeOfAddOns.stages {
		stage.Does(l)
		r.During(func() { lifeOfAddOns.wait(l, 15*time.Minute) })
		l.JudgeAccount(stage.Name, lifeOfAddOns.calm(t)[n].account)
	}
	if len(r.Denied) > 0 {
		t.Errorf("denied are %v", r.Denied)
	}
	for _, action := range addOnActions(t) {
		if !slices.Contains(r.Needed(), "AddOns "+action) {
			t.Errorf("no call needs %s", action)
		}
	}
}

// TestEachActionOfAddOnsMayBeDeniedAndIsNamedWhereItIsMissed denies one after the other. A load balancer that serves
// goes on without its add-on meanwhile, and a new one is not opened without what is to protect it.
func TestEachActionOfAddOnsMayBeDeniedAndIsNamedWhereItIsMissed(t *testing.T) {
	t.Parallel()
	actions := sample.OneOf(3)
	for _, action := range addOnActions(t) {
		if !actions.Next() {
			continue
		}
		affects := []string{"web ACL ", "protection of ", "shop-named", "shop/named", "shop-guarded", "shop/guarded",
			"shop-shielded", "shop/shielded"}
		liveUnder(t, lifeOfAddOns, attached{name: action, partition: "aws", policy: without(addOnPolicy(t), action),
			lacks: []string{action}, affects: affects})
	}
}
