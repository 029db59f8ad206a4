package stacks

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestTheNameThatIsShownIsTheOneThatServes(t *testing.T) {
	t.Parallel()
	balancer := func(arn, id string) elb.LoadBalancer {
		return elb.LoadBalancer{ARN: arn, DNSName: arn + ".test", LoadBalancer: stack.LoadBalancer{ID: id}}
	}
	on := func(arn string, port int32) elb.Listener {
		return elb.Listener{Listener: stack.Listener{LoadBalancer: stack.Literal(stack.KindLoadBalancer, arn), Port: port}}
	}
	fresh, old, other := balancer("new", "LoadBalancer"), balancer("old", "LoadBalancer"), balancer("front", "FrontendNlb")
	starting, twin := fresh, fresh
	starting.State, twin.ARN = "provisioning", "twin"
	old.Scheme = stack.Internal
	both := []elb.Listener{on("old", 80), on("new", 443)}
	for name, tc := range map[string]struct {
		balancers []elb.LoadBalancer
		listeners []elb.Listener
		want      string
		ports     []int32
		unready   bool
	}{
		"the first":                                     {[]elb.LoadBalancer{fresh}, nil, "new", nil, false},
		"one that has listeners":                        {[]elb.LoadBalancer{fresh}, []elb.Listener{on("new", 80), on("new", 443)}, "new", []int32{80, 443}, false},
		"a successor without listeners":                 {[]elb.LoadBalancer{fresh, old}, []elb.Listener{on("old", 80)}, "old", []int32{80}, false},
		"a successor with listeners":                    {[]elb.LoadBalancer{fresh, old}, []elb.Listener{on("old", 80), on("new", 443)}, "new", []int32{443}, false},
		"a successor whose targets are not healthy yet": {[]elb.LoadBalancer{fresh, old}, both, "old", []int32{80}, true},
		"a successor that AWS is still making":          {[]elb.LoadBalancer{starting, old}, both, "old", []int32{80}, false},
		"one that AWS is still making":                  {[]elb.LoadBalancer{starting}, both, "new", []int32{443}, true},
		"one with a duplicate":                          {[]elb.LoadBalancer{starting, twin}, []elb.Listener{on("new", 443), on("twin", 80)}, "new", []int32{443}, false},
		"both without listeners":                        {[]elb.LoadBalancer{fresh, old}, nil, "new", nil, false},
		"another beside, not before, it":                {[]elb.LoadBalancer{fresh, other}, []elb.Listener{on("front", 80)}, "new", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lb, ports := shownLoadBalancer(&elb.Observed{LoadBalancers: tc.balancers, Listeners: tc.listeners}, &tc.balancers[0], !tc.unready)
			if lb.ARN != tc.want || !slices.Equal(ports, tc.ports) {
				t.Errorf("%s %v, want %s %v", lb.ARN, ports, tc.want, tc.ports)
			}
		})
	}
}
