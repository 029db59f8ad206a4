package inventory

import (
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestOwnerJustWrittenIsFoundByTheIndex shows that no stack is looked at but that of the index, and that the index
// proves nothing by itself.
func TestOwnerJustWrittenIsFoundByTheIndex(t *testing.T) {
	t.Parallel()
	i := New(awsclient.Clients{}, Config{Cluster: "demo", Now: time.Now})
	i.listed = i.history.Next()
	e := newEntry(stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}})
	e.obs.TargetGroups = []awsop.TargetGroup{{ARN: "arn:group", TargetGroup: stack.TargetGroup{ID: "shop/web:80"}}}
	e.obs.LoadBalancers = []awsop.LoadBalancer{{ARN: "arn:mine"}, {ARN: "arn:foreign", Foreign: true}}
	i.stacks[e.obs.Key] = e
	of := func(arn string) string {
		owner, known := i.KnownOwner(arn)
		if !known {
			return "unknown"
		}
		return owner.Stack.ID.Name + " " + owner.TargetGroup
	}
	expect := func(what string, group, mine string) {
		t.Helper()
		if got := []string{of("arn:group"), of("arn:mine"), of("arn:foreign")}; !slices.Equal(got,
			[]string{group, mine, "unknown"}) {
			t.Errorf("%s: %q", what, got)
		}
	}
	expect("not in the index", "unknown", "unknown")
	other := newEntry(stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "other"}})
	other.obs.LoadBalancers = []awsop.LoadBalancer{{ARN: "arn:mine", Foreign: true}} // which shows it, as an addon does
	i.stacks[other.obs.Key] = other
	i.noteHaving(e)
	i.noteHaving(other)
	expect("in the index", "web shop/web:80", "web "+stack.LoadBalancerIdentity)
	i.having = nil
	i.noteHaving(other)
	i.noteHaving(e)
	expect("in the other order", "web shop/web:80", "web "+stack.LoadBalancerIdentity)
	e.obs.TargetGroups, e.obs.LoadBalancers = nil, nil
	expect("gone", "unknown", "unknown")
}
