package stacks

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestTheNameThatIsShownIsTheOneThatServes(t *testing.T) {
	t.Parallel()
	balancer := func(arn, id string) awsop.LoadBalancer {
		return awsop.LoadBalancer{ARN: arn, DNSName: arn + ".test", LoadBalancer: stack.LoadBalancer{ID: id}}
	}
	on := func(arn string, port int32) awsop.Listener {
		return awsop.Listener{Listener: stack.Listener{LoadBalancer: stack.Literal(stack.KindLoadBalancer, arn), Port: port}}
	}
	fresh, old, other := balancer("new", "LoadBalancer"), balancer("old", "LoadBalancer"), balancer("front", "FrontendNlb")
	starting, twin := fresh, fresh
	starting.State, twin.ARN = "provisioning", "twin"
	old.Scheme = stack.Internal
	both := []awsop.Listener{on("old", 80), on("new", 443)}
	for name, tc := range map[string]struct {
		balancers []awsop.LoadBalancer
		listeners []awsop.Listener
		want      string
		ports     []int32
		unready   bool
	}{
		"the first": {[]awsop.LoadBalancer{fresh}, nil, "new", nil, false},
		"one that has listeners": {[]awsop.LoadBalancer{fresh}, []awsop.Listener{
			on("new", 80), on("new", 443)}, "new", []int32{80, 443}, false},
		"a successor without listeners": {[]awsop.LoadBalancer{fresh, old}, []awsop.Listener{on("old", 80)},
			"old", []int32{80}, false},
		"a successor with listeners": {[]awsop.LoadBalancer{fresh, old}, []awsop.Listener{
			on("old", 80), on("new", 443)}, "new", []int32{443}, false},
		"a successor whose targets are not healthy yet": {[]awsop.LoadBalancer{fresh, old}, both, "old", []int32{80}, true},
		"a successor that AWS is still making": {[]awsop.LoadBalancer{starting, old}, both, "old",
			[]int32{80}, false},
		"one that AWS is still making": {[]awsop.LoadBalancer{starting}, both, "new", []int32{443}, true},
		"one with a duplicate": {[]awsop.LoadBalancer{starting, twin}, []awsop.Listener{
			on("new", 443), on("twin", 80)}, "new", []int32{443}, false},
		"both without listeners": {[]awsop.LoadBalancer{fresh, old}, nil, "new", nil, false},
		"another beside, not before, it": {[]awsop.LoadBalancer{fresh, other}, []awsop.Listener{
			on("front", 80)}, "new", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lb, ports := shownLoadBalancer(&awsop.Observed{LoadBalancers: tc.balancers, Listeners: tc.listeners},
				&tc.balancers[0], !tc.unready)
			if lb.ARN != tc.want || !slices.Equal(ports, tc.ports) {
				t.Errorf("%s %v, want %s %v", lb.ARN, ports, tc.want, tc.ports)
			}
		})
	}
}
