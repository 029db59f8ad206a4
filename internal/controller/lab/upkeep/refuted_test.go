package upkeep

import (
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

func TestASubnetThatIsGoneIsChosenOnceOnly(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"),
		lab.Ingress("next", nil, "web"))
	l.Settle(lab.Key("front"))
	lb := l.Sim.Resources().LoadBalancers[0]
	const gone = "subnet-0a1de0000000000a1"
	l.Sim.Account.Lock()
	was := l.Sim.Account.Subnets[gone]
	delete(l.Sim.Account.Subnets, gone)
	l.Sim.Account.Unlock()
	if was == nil || lb.ARN == "" {
		t.Fatal("no such subnet")
	}
	if _, err := l.Round(lab.Key("next")); err == nil {
		t.Fatal("a subnet that does not exist was taken")
	}
	l.Settle(lab.Key("next"))
	if n := len(l.Sim.Resources().LoadBalancers); n != 2 {
		t.Errorf("%d load balancers", n)
	}
}
