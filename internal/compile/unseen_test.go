package compile

import (
	"reflect"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestUnseenMembersKeepSharedSettingsAndTheirParts(t *testing.T) {
	t.Parallel()
	web, api := ingress("shop", "web", ranges("10.0.0.0/8")), ingress("pay", "api", ranges("10.0.0.0/8"))
	all := Compile(loadBalancer(web, api), account(), config(), nil)
	f := asFacts(account(), mustBuild(t, all))
	unseen := func(members ...intent.Member) intent.LoadBalancer {
		e := loadBalancer(members...)
		e.Key.ID = stack.ID{Name: "group"}
		e.Unseen = &intent.Unseen{Namespace: "shop", Why: "pay/api is not seen", Remedy: "look"}
		return e
	}

	unasked := account()
	unasked.ExistingKnown = false
	if r := Compile(unseen(web), unasked, config(), all.Memory); r.Stack != nil || len(r.Needs) != 1 ||
		r.Needs[0].Kind != facts.NeedStack {
		t.Errorf("before it is known what exists: %+v, needs %v", r.Stack, r.Needs)
	}
	edited := ingress("shop", "web", ranges("0.0.0.0/0"), https(certificate1))
	r := Compile(unseen(edited), f, config(), all.Memory)
	mustBuild(t, r)
	if !r.Keep.Settings || r.Keep.SeenNamespace != "shop" {
		t.Errorf("the settings are not kept: %+v", r.Keep)
	}
	same(t, "diagnostics", codes(r.Diagnostics), []string{"web UnseenMembers"})
	if !reflect.DeepEqual(r.Memory.Effect, all.Memory.Effect) || !reflect.DeepEqual(r.Memory.Members, all.Memory.Members) {
		t.Errorf("what is in effect is remembered as %+v of %v", r.Memory.Effect, r.Memory.Members)
	}
	if good := r.Memory.Good; !reflect.DeepEqual(good[api.Object], all.Memory.Good[api.Object]) ||
		!reflect.DeepEqual(good[web.Object].Listeners, edited.Listeners) {
		t.Errorf("remembered is %+v", good)
	}

	again := Compile(unseen(), f, config(), r.Memory)
	if left := mustBuild(t, again); !again.Keep.Settings || again.Keep.SeenNamespace != "shop" ||
		left.Removal != stack.NotRemoved || len(left.LoadBalancers) != 1 || len(left.Rules) > 0 {
		t.Errorf("once all that were seen left: %+v", left)
	}

	none := account()
	if r := Compile(unseen(web), none, config(), nil); r.Stack == nil || r.Keep.Settings || r.Keep.SeenNamespace != "" {
		t.Errorf("where nothing exists, something is kept: %+v", r.Keep)
	}
	if r := Compile(unseen(), none, config(), nil); r.Stack != nil {
		t.Errorf("without members and without a load balancer: %+v", r.Stack)
	}
}
