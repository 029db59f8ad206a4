package registrar

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// crowd is a load balancer of target groups of several namespaces.
type crowd struct {
	*Registry
	mu    sync.Mutex
	have  map[string]int // by ARN of the target group
	most  int
	calls int
	woken []string
}

func newCrowd(most int) *crowd {
	c := &crowd{have: map[string]int{}, most: most}
	c.Registry = newRegistry(nil, c.write, func(string) bool { return true })
	c.Progress = func(b stack.ID) { c.woken = append(c.woken, b.Namespace) }
	return c
}

// write refuses what exceeds the quota, as AWS does.
func (c *crowd) write(_ context.Context, _ stack.Key, _ plan.StepID, op plan.Operation) apply.Outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	switch op := op.(type) {
	case awsop.RegisterTargets:
		all := len(op.Targets)
		for _, n := range c.have {
			all += n
		}
		if all > c.most {
			return apply.Outcome{State: apply.Failed, Err: &smithy.GenericAPIError{Code: "TooManyTargets", Message: "full"}}
		}
		c.have[op.TargetGroup.Literal] += len(op.Targets)
	case awsop.DeregisterTargets:
		c.have[op.TargetGroup.Literal] -= len(op.Targets)
	}
	return apply.Outcome{State: apply.Done}
}

// want has a target group of a namespace want n targets, and returns how many are registered.
func (c *crowd) want(t *testing.T, namespace string, n, most int) (int, Change) {
	t.Helper()
	var all []Endpoint
	for i := range n {
		all = append(all, Endpoint{Target: Target{ID: fmt.Sprintf("%s%04d", namespace, i), Port: 80}})
	}
	change, err := c.Sync(t.Context(), Request{Group: Group{ARN: namespace},
		Binding: stack.ID{Namespace: namespace, Name: "b"}, Want: EndpointsOf(all...), Balancer: Balancer{"lb", most, 0}})
	if err != nil && most > 0 {
		t.Errorf("%s: %v", namespace, err)
	}
	return c.have[namespace], change
}

// TestNamespacesShareTheTargetsOfALoadBalancer has a namespace want more targets than a load balancer may have.
func TestNamespacesShareTheTargetsOfALoadBalancer(t *testing.T) {
	t.Parallel()
	c := newCrowd(100)
	c.want(t, "shop", 10, 100)
	if n, did := c.want(t, "mal", 200, 100); n != 80 || did.LeftOut != 120 || did.Share != 80 {
		t.Errorf("mal has %d: %d left out of a share of %d", n, did.LeftOut, did.Share)
	}
	if n, did := c.want(t, "shop", 20, 100); n != 20 || did.LeftOut != 0 {
		t.Errorf("shop has %d, %d left out", n, did.LeftOut)
	}
	if c.calls != 3 {
		t.Errorf("%d calls", c.calls)
	}
	c.woken = nil
	if c.want(t, "shop", 5, 100); !slices.Equal(c.woken, []string{"mal"}) {
		t.Errorf("the namespaces that may have room are %v", c.woken)
	}
	if n, _ := c.want(t, "mal", 200, 100); n != 85 {
		t.Errorf("mal has %d of the room that is free", n)
	}
	c.woken = nil
	delete(c.have, "shop")
	if c.Forget(Group{ARN: "shop"}); !slices.Equal(c.woken, []string{"mal"}) {
		t.Errorf("the namespaces that may have room are %v", c.woken)
	}
	if n, _ := c.want(t, "mal", 200, 100); n != 100 {
		t.Errorf("mal alone has %d", n)
	}
}

// TestQuotaOfTargetsIsUsedUp has AWS refuse batches of which a part fits.
func TestQuotaOfTargetsIsUsedUp(t *testing.T) {
	t.Parallel()
	c := newCrowd(230)
	c.want(t, "shop", 27, 0)
	if n, _ := c.want(t, "mal", 200, 0); n != 200 {
		t.Fatalf("mal has %d", n)
	}
	before := c.calls
	if n, _ := c.want(t, "shop", 200, 0); n != 30 || c.calls-before > 10 {
		t.Errorf("shop has %d after %d calls", n, c.calls-before)
	}
}

func TestAllowance(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		needs         map[string]int
		most, sharing int
		want          map[string]int
	}{
		"room for all":           {map[string]int{"a": 800, "b": 50}, 1000, 0, map[string]int{"a": 0, "b": 0}},
		"the limit is not known": {map[string]int{"a": 8000, "b": 50}, 0, 0, map[string]int{"a": 0}},
		"alone":                  {map[string]int{"a": 1000}, 1000, 0, map[string]int{"a": 0}},
		"alone beyond":           {map[string]int{"a": 1001}, 1000, 0, map[string]int{"a": 1000}},
		"others start later":     {map[string]int{"a": 1000}, 1000, 3, map[string]int{"a": 900}},
		"a small one":            {map[string]int{"a": 2000, "b": 50}, 1000, 0, map[string]int{"a": 850, "b": 500}},
		"two large ones":         {map[string]int{"a": 2000, "b": 600}, 1000, 0, map[string]int{"a": 500, "b": 500}},
		"within an equal share":  {map[string]int{"a": 2000, "b": 500}, 1000, 0, map[string]int{"a": 500, "b": 500}},
		"large ones share evenly": {map[string]int{"a": 2000, "b": 2000, "c": 100}, 1000, 0, map[string]int{
			"a": 400, "c": 333}},
	} {
		all := newClaims()
		for namespace, n := range c.needs {
			all.set(Group{ARN: namespace}, claim{binding: stack.ID{Namespace: namespace}, want: n})
		}
		for namespace, want := range c.want {
			if got := all.allowance(namespace, Balancer{"lb", c.most, c.sharing}); got != want {
				t.Errorf("%s: %s may have %d, want %d", name, namespace, got, want)
			}
		}
	}
}
