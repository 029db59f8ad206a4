package controller

import (
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
)

func TestASubnetThatIsGoneIsChosenOnceOnly(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"), labIngress("next", nil, "web"))
	l.settle(implicit("front"))
	lb := l.sim.Resources().LoadBalancers[0]
	const gone = "subnet-0a1de0000000000a1"
	l.sim.Account.Lock()
	was := l.sim.Account.Subnets[gone]
	delete(l.sim.Account.Subnets, gone)
	l.sim.Account.Unlock()
	if was == nil || lb.ARN == "" {
		t.Fatal("no such subnet")
	}
	if _, err := l.round(implicit("next")); err == nil {
		t.Fatal("a subnet that does not exist was taken")
	}
	l.settle(implicit("next"))
	if n := len(l.sim.Resources().LoadBalancers); n != 2 {
		t.Errorf("%d load balancers", n)
	}
}
