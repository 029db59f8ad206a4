package upkeep

import (
	"context"
	"fmt"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/lbstatus"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// births is a lab whose load balancers take two and a half minutes, and what watches them.
func births(t *testing.T, n int) (l *lab.Lab, w *lbstatus.ProvisioningWatcher, woken *[]string, looks func() int) {
	t.Helper()
	objects := []client.Object{lab.Class(), lab.Service("web")}
	var keys []stack.Key
	for i := range n {
		name := fmt.Sprintf("web-%02d", i)
		objects, keys = append(objects, lab.Ingress(name, nil, "web")), append(keys, lab.Key(name))
	}
	l = lab.New(t, account.Profile{LoadBalancerActive: 150 * time.Second}, objects...)
	for range 5 { // passes do not move the clock
		_, err := l.Round(keys...)
		l.Must(err)
	}
	woken = &[]string{}
	w = &lbstatus.ProvisioningWatcher{Starting: l.Inventory.Provisioning, Refresh: l.Inventory.RefreshStates,
		Now: l.Clock.Now, Log: logr.Discard(),
		Wake: func(key stack.Key) { *woken = append(*woken, key.ID.Name) }}
	mark := l.Mark()
	return l, w, woken, func() int {
		return len(l.Sim.Gate.Calls(gate.Filter{After: mark, Action: "DescribeLoadBalancers"}))
	}
}

// watchBirths ticks for a while.
func watchBirths(l *lab.Lab, w *lbstatus.ProvisioningWatcher, d time.Duration) {
	for range d / lbstatus.ProvisioningTick {
		w.Tick(context.Background())
		l.Clock.Advance(lbstatus.ProvisioningTick)
	}
}

func TestAStackLearnsWithinSecondsThatItsLoadBalancerIsActive(t *testing.T) {
	t.Parallel()
	l, w, woken, looks := births(t, 1)
	watchBirths(l, w, 150*time.Second)
	if len(*woken) > 0 {
		t.Fatalf("%v was woken while AWS was at work", *woken)
	}
	watchBirths(l, w, lbstatus.LongestLookInterval+time.Second)
	if d := cmp.Diff([]string{"web-00"}, *woken); d != "" {
		t.Error(d)
	}
	if n := looks(); n > 16 {
		t.Errorf("%d looks in two and a half minutes", n)
	}
	before := looks()
	watchBirths(l, w, time.Hour)
	if n := looks() - before; n > 0 || len(*woken) > 1 {
		t.Errorf("%d looks, %v woken, though nothing is being made", n, *woken)
	}
}

func TestLoadBalancersInTheMakingAreLookedAtTwentyAtATime(t *testing.T) {
	t.Parallel()
	l, w, woken, looks := births(t, 45)
	watchBirths(l, w, 1250*time.Millisecond)
	if n := looks(); n != 3 {
		t.Errorf("%d reads for one look at 45 load balancers, want 3", n)
	}
	watchBirths(l, w, 3*time.Minute)
	if len(*woken) != 45 {
		t.Errorf("%d of 45 stacks were woken", len(*woken))
	}
}

func TestLoadBalancerDeletedWhileProvisioningIsCreatedAgain(t *testing.T) {
	t.Parallel()
	l, w, woken, _ := births(t, 1)
	for arn := range l.Inventory.Provisioning() {
		_, err := l.Sim.Balancing.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: &arn})
		l.Must(err)
	}
	watchBirths(l, w, 2*time.Second)
	if len(*woken) == 0 {
		t.Fatal("nobody was woken")
	}
	l.Settle(lab.Key("web-00"))
	if got := l.Sim.Resources().LoadBalancers; len(got) != 1 {
		t.Errorf("%d load balancers, want another one", len(got))
	}
}

func TestOneThatNeverBecomesActiveIsLookedAtOnceAMinute(t *testing.T) {
	t.Parallel()
	for awaited, want := range map[time.Duration]time.Duration{
		0: time.Second, time.Second: time.Second, 4 * time.Second: 4 * time.Second, time.Minute: 15 * time.Second,
		11 * time.Minute: time.Minute,
	} {
		if got := lbstatus.LookInterval(awaited); got != want {
			t.Errorf("after %v: %v, want %v", awaited, got, want)
		}
	}
}
