package compile

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// unreadOwner is an account in which AWS refuses the tags of the named target group.
func unreadOwner(class diag.Class) facts.Facts {
	f := account()
	f.TargetGroupOwners = map[string]*facts.TargetGroupOwner{}
	d := diag.New(diag.Object{}, "", diag.AccessDenied,
		"AWS refused elasticloadbalancing:DescribeTags: no (AccessDenied)", "allow it")
	d.Class = class
	f.Fail(facts.Need{Kind: facts.NeedTargetGroupOwner, Key: named}, d)
	return f
}

// TestUnreadOwnerIsNotExternal has AWS refuse the tags of a target group that a rule, or the default action of a
// listener, names: what serves stays, and nothing new forwards to the target group.
func TestUnreadOwnerIsNotExternal(t *testing.T) {
	t.Parallel()
	forwards := func(actions []stack.Action) bool {
		return len(actions) == 1 && actions[0].Forward != nil &&
			actions[0].Forward.TargetGroups[0].TargetGroup.Literal == named
	}
	byDefault := forwarding("evil", nil)
	byDefault.Members[0].Routes = byDefault.Members[0].Routes[:1]
	byDefault.Members[0].Listeners[0].Default = []intent.Action{{Type: stack.ActionForward,
		Backends: []intent.Backend{{TargetGroupARN: named}}}}
	byDefault.Members[0].Listeners[0].DefaultSource = intent.At(byDefault.Members[0].Object, "spec.defaultBackend")
	for name, e := range map[string]intent.LoadBalancer{"rule": forwarding("evil", nil), "default action": byDefault} {
		for _, class := range []diag.Class{diag.Denied, diag.NotFound} {
			external := account()
			external.TargetGroupOwners = map[string]*facts.TargetGroupOwner{named: nil}
			edited := Compile(e, unreadOwner(class), config(), Compile(loadBalancer(ingress("evil", "a")), account(), config(),
				nil).Memory)
			if s := mustBuild(t, edited); len(s.Rules) != 1 || s.Rules[0].Actions[0].Forward == nil ||
				forwards(s.Listeners[0].DefaultActions) || len(edited.Diagnostics) != 1 {
				t.Errorf("%s: the last valid version does not serve: %v, %v", name, table(s), edited.Diagnostics)
			}
			for when, memory := range map[string]*Memory{"new": nil, "served": Compile(e, external, config(), nil).Memory} {
				r := Compile(e, unreadOwner(class), config(), memory)
				s := mustBuild(t, r)
				for _, rule := range s.Rules {
					if forwards(rule.Actions) {
						t.Errorf("%s, %s: a rule forwards", name, when)
					}
				}
				ref := stack.Ref{Kind: stack.KindListener, ID: s.Listeners[0].ID}
				if name == "rule" {
					ref = stack.Ref{Kind: stack.KindRule, ID: s.Rules[len(s.Rules)-1].ID}
				}
				if forwards(s.Listeners[0].DefaultActions) || len(r.Keep.Actions) != 1 || r.Keep.Actions[0] != ref {
					t.Errorf("%s, %s: %+v, keep %v", name, when, s.Listeners[0].DefaultActions, r.Keep.Actions)
				}
				if s.Rules[0].Actions[0].Forward == nil {
					t.Errorf("%s, %s: the rest is not served: %v", name, when, table(s))
				}
				if len(r.Diagnostics) != 1 || !strings.Contains(r.Diagnostics[0].Text, "elasticloadbalancing:DescribeTags") ||
					r.Diagnostics[0].Class != class {
					t.Errorf("%s, %s: %v", name, when, r.Diagnostics)
				}
			}
		}
	}
}

// TestUnreadOwnerKeepsNetworkListener has the same at network load balancers: an edit that names the target group
// waits.
func TestUnreadOwnerKeepsNetworkListener(t *testing.T) {
	t.Parallel()
	f := account()
	before := Compile(forwardingPorts([]intent.Backend{{}}), f, config(), nil)
	served := mustBuild(t, before)
	r := Compile(forwardingPorts([]intent.Backend{{TargetGroupARN: named}}), asFacts(unreadOwner(diag.Denied), served),
		config(), before.Memory)
	if got := targetsByPort(mustBuild(t, r)); got[80] != 1 || r.Stack.Listeners[0].DefaultActions[0].Forward.
		TargetGroups[0].TargetGroup.Literal == named {
		t.Errorf("%+v", r.Stack.Listeners[0].DefaultActions)
	}
	same(t, "edit", codes(r.Diagnostics), []string{"a AccessDenied"})
	if r := Compile(forwardingPorts([]intent.Backend{{TargetGroupARN: named}}), unreadOwner(diag.Denied), config(),
		nil); r.Stack != nil {
		t.Errorf("new: %+v", r.Stack.Listeners)
	}
}
