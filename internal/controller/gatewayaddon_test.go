package controller

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestAnAddOnOfAGatewayIsTakenAwayOnceAndThenCostsNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		class    string
		port     gatewayv1.PortNumber
		protocol gatewayv1.ProtocolType
		owner    stack.Owner
		record   string
		call     string
		set      func(l *lab, s *configv1.LoadBalancerConfigurationSpec)
	}{
		"web ACL": {"alb", 80, gatewayv1.HTTPProtocolType, stack.GatewayALB, "gateway.k8s.aws.addon.wafv2", "DisassociateWebACL", func(l *lab, s *configv1.LoadBalancerConfigurationSpec) {
			out, err := l.sim.Firewall.CreateWebACL(l.Context(), &wafv2.CreateWebACLInput{Name: aws.String("guard"), Scope: waftypes.ScopeRegional,
				DefaultAction: &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}}, VisibilityConfig: &waftypes.VisibilityConfig{MetricName: aws.String("guard")}})
			l.must(err)
			s.WAFv2 = &configv1.WAFv2Configuration{WebACL: aws.ToString(out.Summary.ARN)}
		}},
		"capacity of a network load balancer": {"nlb", 80, gatewayv1.TCPProtocolType, stack.GatewayNLB, "gateway.k8s.aws.addon.provisionedcapacity", "ModifyCapacityReservation", func(l *lab, s *configv1.LoadBalancerConfigurationSpec) {
			l.must(l.sim.Account.SetQuota("reserved-load-balancer-capacity-units", 1000000))
			s.MinimumLoadBalancerCapacity = &configv1.MinimumLoadBalancerCapacity{CapacityUnits: 30000}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, class := labGateway("web", c.class, c.port, c.protocol)
			g.Spec.Infrastructure = &gatewayv1.GatewayInfrastructure{ParametersRef: &gatewayv1.LocalParametersReference{Group: "gateway.k8s.aws", Kind: "LoadBalancerConfiguration", Name: "own"}}
			own := &configv1.LoadBalancerConfiguration{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "own"}}
			l, key := newLab(t, account.Profile{}, class, g, own), gatewayKey(c.owner, "web")
			record := func() string {
				t.Helper()
				l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
				return g.Annotations[c.record]
			}
			mark := l.mark()
			l.settle(key)
			if _, by := l.counts(mark); record() != "" || by[c.call] > 0 {
				t.Errorf("before: recorded %q, calls %v", record(), by)
			}
			l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(own), own))
			c.set(l, &own.Spec)
			l.must(l.client.Update(t.Context(), own))
			l.settle(key)
			if record() != "true" {
				t.Errorf("made: recorded %q", record())
			}
			mark = l.mark()
			own.Spec = configv1.LoadBalancerConfigurationSpec{}
			l.must(l.client.Update(t.Context(), own))
			l.settle(key)
			if record() != "false" || !slices.ContainsFunc(l.writes(mark), func(w string) bool { return w == c.call }) {
				t.Errorf("removed: recorded %q, writes %v", record(), l.writes(mark))
			}
			mark = l.mark()
			g.Labels = map[string]string{"touched": "yes"}
			l.must(l.client.Update(t.Context(), g))
			l.settle(key)
			if len(l.writes(mark))+len(l.reads(mark)) > 0 {
				t.Errorf("afterwards: %v %v", l.writes(mark), l.reads(mark))
			}
		})
	}
}
