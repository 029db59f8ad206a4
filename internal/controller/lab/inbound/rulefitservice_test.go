package inbound

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// openService is a Service with a network load balancer on ports 80 and 8080.
func openService() *corev1.Service {
	svc := lab.CrashBalancer("net")
	svc.Spec.Ports = []corev1.ServicePort{
		{Name: "a", Protocol: corev1.ProtocolTCP, Port: 80, TargetPort: intstr.FromInt32(8080)},
		{Name: "b", Protocol: corev1.ProtocolTCP, Port: 8080, TargetPort: intstr.FromInt32(8080)},
	}
	return svc
}

// prefixList makes a list that may have so many entries.
func prefixList(l *lab.Lab, id string, entries int) {
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	l.Sim.Account.AddPrefixList(&vpc.PrefixList{ID: id, Name: id, Owner: l.Sim.Account.ID, MaxEntries: entries})
}

const serviceLists = "service.beta.kubernetes.io/aws-load-balancer-security-group-prefix-lists"

func TestPrefixListCountsAsItsEntriesAndIsRefusedIfFull(t *testing.T) {
	t.Parallel()
	svc := openService()
	svc.Annotations[serviceLists] = "pl-50"
	l := lab.New(t, account.Profile{}, svc)
	for id, n := range map[string]int{"pl-50": 50, "pl-61": 61, "pl-6": 6} {
		prefixList(l, id, n)
	}
	key := lab.ServiceKey("net")
	mark := l.Mark()
	l.Settle(key)
	if got := managedRules(l); !slices.Equal(got, []int{1, 1}) {
		t.Errorf("groups with %v rules, want two with one each, as the list counts 50 on each port; told %v", got, l.Events)
	}
	if refused := l.RefusedCalls(mark); len(refused) > 0 {
		t.Errorf("refused %v", refused)
	}
	if _, by := l.Counts(mark); by["DescribeManagedPrefixLists"] != 1 {
		t.Errorf("the list is read %d times", by["DescribeManagedPrefixLists"])
	}
	l.Events, mark = nil, l.Mark()
	l.Edited("net", func(s *corev1.Service) { s.Annotations[serviceLists] = "pl-61" })
	for range 3 {
		_, _ = l.Round(key)
	}
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("of a list that no group has room for %v is sent", writes)
	}
	l.ToldOnce("need 122 inbound rules, 61 of them for port 8080: they may have 240, as AWS allows 60 rules in each of " +
		"4 groups; each rule counts as many as its prefix list may have entries (pl-61 has 61)")
	l.Edited("net", func(s *corev1.Service) { s.Annotations[serviceLists] = "pl-6" })
	l.Settle(key)
	if got := managedRules(l); !slices.Equal(got, []int{2}) {
		t.Errorf("with a short list groups with %v rules, want one with 2", got)
	}
	delete(svc.Annotations, serviceLists)
	l.Edited("net", func(s *corev1.Service) { delete(s.Annotations, serviceLists) })
	l.Settle(key)
	mark = l.Mark()
	l.Pass(30*time.Minute, nil, key)
	if _, by := l.Counts(mark); by["DescribeManagedPrefixLists"] > 0 {
		t.Error("lists are read that nothing names")
	}
}

// TestAPrefixListThatMayNotBeReadIsLeftToAWS has the policy of the existing controller.
func TestAPrefixListThatMayNotBeReadIsLeftToAWS(t *testing.T) {
	t.Parallel()
	svc := openService()
	svc.Annotations[serviceLists] = "pl-50"
	l := lab.New(t, account.Profile{}, svc)
	prefixList(l, "pl-50", 50)
	f := lab.Denying("ec2:DescribeManagedPrefixLists")
	f.Action = "DescribeManagedPrefixLists"
	l.Fault(f)
	l.Must(l.Sim.Account.SetQuota("rules-per-security-group", 100))
	mark := l.Mark()
	l.Settle(lab.ServiceKey("net"))
	if got := managedRules(l); !slices.Equal(got, []int{2}) {
		t.Errorf("groups with %v rules, want one with both, as the account has room for 100; told %v", got, l.Events)
	}
	if _, by := l.Counts(mark); by["DescribeManagedPrefixLists"] != 1 {
		t.Errorf("it is tried %d times", by["DescribeManagedPrefixLists"])
	}
	if told := l.Warnings(0); len(told) > 0 {
		t.Errorf("told %v", told)
	}
}
