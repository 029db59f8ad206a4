package tenants

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestTargetsOfANamespaceTakeNoRoomOfOthers has a member of a group want more targets than AWS admits behind a load
// balancer.
func TestTargetsOfANamespaceTakeNoRoomOfOthers(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, nil), lab.Class(),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
	var addresses []string
	for i := range 100 {
		addresses = append(addresses, fmt.Sprintf("10.0.129.%d", 10+i))
	}
	pods := lab.Pods("a", addresses...)
	slice, ok := pods[0].(*discoveryv1.EndpointSlice)
	if !ok {
		t.Fatal("no slice")
	}
	for i := range slice.Endpoints {
		slice.Endpoints[i].TargetRef.Namespace = "mal"
	}
	for _, pod := range pods[1:] {
		pod.SetNamespace("mal")
		l.Create(pod)
	}
	var names []string
	for i := range 11 {
		name := fmt.Sprintf("evil%d", i)
		svc, of := lab.Service(name), slice.DeepCopy()
		svc.Namespace, of.Namespace, of.Name = "mal", "mal", name
		svc.UID, of.Labels[discoveryv1.LabelServiceName] = types.UID("uid-"+name), name
		l.Create(svc, of)
		names = append(names, name)
	}
	evil := lab.Ingress("evil", map[string]string{"group.name": "front"}, names...)
	delete(evil.Annotations, "alb.ingress.kubernetes.io/scheme")
	evil.Namespace, evil.CreationTimestamp.Time = "mal", l.Clock.Now()
	l.Create(evil)
	few := lab.Pods("a", "10.0.128.50", "10.0.128.51")
	l.Create(few...)
	l.Settle(lab.FrontGroup)

	registered := map[string]int{}
	for _, g := range l.Sim.Resources().TargetGroups {
		for _, at := range l.Targets(g.ARN) {
			namespace := "mal"
			if strings.HasPrefix(at, "10.0.128.") {
				namespace = "shop"
			}
			registered[namespace]++
		}
	}
	if registered["shop"] != 2 || registered["mal"] < 890 || registered["mal"] > 900 {
		t.Errorf("targets %v\n%s", registered, strings.Join(l.Events, "\n"))
	}
	if !slices.ContainsFunc(l.Events, func(e string) bool {
		return strings.Contains(e, "the share of namespace mal is") && strings.Contains(e, "mal/evil")
	}) || slices.ContainsFunc(l.Events, func(e string) bool {
		return strings.Contains(e, "shop/") && strings.Contains(e, "QuotaExceeded")
	}) {
		t.Errorf("told\n%s", strings.Join(l.Events, "\n"))
	}
}
