package inventory

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestNothingIsKeptOfAStackThatIsGone(t *testing.T) {
	t.Parallel()
	other := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web2"}}
	for name, tc := range map[string]struct {
		spoil func(*Inventory)
		kept  bool
	}{
		"nothing is left": {func(*Inventory) {}, false},
		"AWS holds something of it": {func(i *Inventory) {
			i.stacks[web].obs.TargetGroups = []awsop.TargetGroup{{ARN: "x"}}
		}, true},
		"what is known of it is not certain":   {func(i *Inventory) { i.Invalidate(web) }, true},
		"a listing is under way":               {func(i *Inventory) { i.lists++ }, true},
		"a listing, when the process is young": {func(i *Inventory) { i.stacks[web].list = order.Mark{} }, true},
	} {
		i := New(awsclient.Clients{}, Config{})
		i.listed = i.history.Next()
		i.entry(web)
		i.Backoff(web, "step")
		i.Backoff(other, "step")
		tc.spoil(i)
		i.Forget(web)
		if _, kept := i.stacks[web]; kept != tc.kept {
			t.Errorf("%s: kept %v", name, kept)
		}
		if i.Backoff(web, "step") != 1 || i.Backoff(other, "step") != 2 {
			t.Errorf("%s: the counts of the stack, and of no other, must end", name)
		}
	}
}

func TestForgottenStepLeavesNoCount(t *testing.T) {
	t.Parallel()
	i := New(awsclient.Clients{}, Config{})
	other := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web2"}}
	i.Backoff(web, "AwaitTargets")
	i.Backoff(other, "AwaitTargets")
	i.ResetBackoff(web)
	if n, m := i.Backoff(web, "AwaitTargets"), i.Backoff(other, "AwaitTargets"); n != 1 || m != 2 {
		t.Errorf("counts %d and %d", n, m)
	}
}

func TestADeletedTargetGroupIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	i := New(awsclient.Clients{}, Config{Now: func() time.Time { return now }})
	remove := func(arn string) {
		i.Record(stack.Key{}, awsop.DeleteTargetGroup{TargetGroup: stack.Literal(stack.KindTargetGroup, arn)}, awsop.Output{},
			func(r stack.Ref) string { return r.Literal })
	}
	remove("a")
	now = now.Add(goneLifetime)
	remove("b")
	if !i.Gone("a") || !i.Gone("b") {
		t.Error("forgotten too early")
	}
	now = now.Add(time.Second)
	remove("c")
	if i.Gone("a") || !i.Gone("b") || len(i.gone) != 2 {
		t.Errorf("still remembered: %v", i.gone)
	}
}
