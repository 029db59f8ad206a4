package inbound

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

func TestServiceRangesBeyondGroupQuotaGetFurtherGroups(t *testing.T) {
	t.Parallel()
	for name, ranges := range map[string]func(s *corev1.Service, list string){
		"annotation": func(s *corev1.Service, list string) {
			s.Annotations["service.beta.kubernetes.io/load-balancer-source-ranges"] = list
		},
		"field": func(s *corev1.Service, list string) { s.Spec.LoadBalancerSourceRanges = strings.Split(list, ",") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svc := openService()
			ranges(svc, apart(40))
			l := lab.New(t, account.Profile{}, svc)
			key := lab.ServiceKey("net")
			l.Settle(key)
			if got := managedRules(l); !slices.Equal(got, []int{60, 20}) {
				t.Errorf("groups with %v rules, want 60 and 20; told %v", got, l.Events)
			}
			if lb := l.Sim.Resources().LoadBalancers[0]; len(lb.SecurityGroups) != 3 {
				t.Errorf("the load balancer has security groups %v", lb.SecurityGroups)
			}
			l.Events = nil
			mark := l.Mark()
			l.Edited("net", func(s *corev1.Service) { ranges(s, apart(400)) })
			for range 3 {
				_, _ = l.Round(key)
			}
			if writes := l.Writes(mark); len(writes) > 0 {
				t.Errorf("of 400 ranges %v is sent", writes)
			}
			l.ToldOnce("need 800 inbound rules, 400 of them for port 8080: they may have 240, as AWS allows 60 rules in " +
				"each of 4 groups")
			mark = l.Mark()
			l.Edited("net", func(s *corev1.Service) { ranges(s, apart(10)) })
			l.Settle(key)
			if got := managedRules(l); !slices.Equal(got, []int{20}) {
				t.Errorf("with 10 ranges again groups with %v rules, want one with 20", got)
			}
			if _, by := l.Counts(mark); by["SetSecurityGroups"] != 1 {
				t.Errorf("the load balancer gets its groups by %d calls", by["SetSecurityGroups"])
			}
		})
	}
}
