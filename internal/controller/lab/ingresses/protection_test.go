package ingresses

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

const protection = "deletion_protection.enabled="

func TestEmptiedShardEndsOnceMembersSwitchItsProtectionOff(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(shardedClass(2), lab.Service("web"), lab.Paths("old", 80, "web"),
		lab.Paths("young", 30, "web"))...)
	keys := shardKeys(2)
	l.Annotate("old", "load-balancer-attributes", protection+"true")
	l.Settle(keys...)
	if got := fmt.Sprint(rulesOfShards(l)); got != "map[front:100 front_1:10]" {
		t.Fatalf("before the edit: %s", got)
	}
	l.Remove("young")
	l.Settle(keys...)
	if n := l.Balancers(); n != 2 {
		t.Fatalf("%d load balancers, although a member declares the protection of both", n)
	}
	if told := fmt.Sprint(l.Warnings(0)); !strings.Contains(told, "[DeletionProtected]") {
		t.Errorf("events %s", told)
	}
	l.Annotate("old", "load-balancer-attributes", protection+"false")
	l.Settle(keys...)
	if got := fmt.Sprint(rulesOfShards(l)); got != "map[front:80]" {
		t.Errorf("without protection: %s", got)
	}
}

func TestFormerFrontendEndsOnceItsProtectionIsSwitchedOff(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", map[string]string{
		"enable-frontend-nlb": "true", "frontend-nlb-attributes": protection + "true"}, "web"))
	l.Settle(lab.Key("web"))
	if n := l.Balancers(); n != 2 {
		t.Fatalf("%d load balancers with a frontend", n)
	}
	l.Annotate("web", "enable-frontend-nlb", "false")
	l.Settle(lab.Key("web"))
	if n := l.Balancers(); n != 2 {
		t.Fatalf("%d load balancers, although the former frontend is protected", n)
	}
	if told := fmt.Sprint(l.Warnings(0)); !strings.Contains(told,
		"set deletion_protection.enabled=false in annotation frontend-nlb-attributes") {
		t.Errorf("events %s", told)
	}
	l.Annotate("web", "frontend-nlb-attributes", protection+"false")
	l.Settle(lab.Key("web"))
	if n := l.Balancers(); n != 1 {
		t.Errorf("%d load balancers without protection", n)
	}
}
