package refusal

import (
	"fmt"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// crowded is a world in which AWS refuses the load balancers of n stacks, as others have their names, and one that
// waits for name "mine".
func crowded(n int) *world {
	w := newWorld("1")
	refuse := func(key stack.Key, name string) {
		w.Refused(key, "create", Refusal{Cause: Obstacle, Effect: plan.Effect{Kind: stack.KindLoadBalancer, Name: name,
			Verb: plan.Creates}, Err: &smithy.GenericAPIError{Code: "DuplicateLoadBalancerName"}})
	}
	for i := range n {
		refuse(stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: fmt.Sprint(i)}}, fmt.Sprint("name-", i))
	}
	refuse(other, "mine")
	w.Keep = nil
	return w
}

func TestDeletionCostsNoBytesOfRefusedStacks(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of a deletion while writes are refused, by refused stacks",
		func(n int) float64 {
			w := crowded(n)
			return growth.Bytes(func() {
				w.Wrote(shop, "DeleteLoadBalancer", plan.Effect{Kind: stack.KindLoadBalancer, Verb: plan.Deletes},
					"arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/another/0123456789abcdef")
			})
		})
}

// TestWritesLookAtNoOtherRefusal has a stack with a refusal at which a look would panic.
func TestWritesLookAtNoOtherRefusal(t *testing.T) {
	t.Parallel()
	w := crowded(0)
	w.of[stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "untouched"}}] = map[string]*Refusal{"create": nil}
	for _, verb := range []plan.Verb{plan.Creates, plan.Changes, plan.Retags} {
		if keys := w.Wrote(shop, "a", plan.Effect{Kind: stack.KindLoadBalancer, Verb: verb}, "x/app/mine/1"); len(keys) > 0 {
			t.Errorf("%v frees %v", verb, keys)
		}
	}
	w.RetryObstacles(shop)
	w.RetryRefused(shop)
	w.Refused(shop, "b", content("1"))
	if keys := w.Wrote(shop, "a", plan.Effect{Kind: stack.KindLoadBalancer, Verb: plan.Deletes},
		"x/app/mine/1"); len(keys) != 1 || keys[0] != other {
		t.Errorf("the deletion of what has the name frees %v", keys)
	}
}
