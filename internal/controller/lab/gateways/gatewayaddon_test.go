package gateways

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
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
		set      func(l *lab.Lab, s *configv1.LoadBalancerConfigurationSpec)
	}{
		"web ACL": {"alb", 80, gatewayv1.HTTPProtocolType, stack.GatewayALB, "gateway.k8s.aws.addon.wafv2",
			"DisassociateWebACL", func(l *lab.Lab, s *configv1.LoadBalancerConfigurationSpec) {
				out, err := l.Sim.Firewall.CreateWebACL(l.Context(), &wafv2.CreateWebACLInput{Name: aws.String("guard"),
					Scope:            waftypes.ScopeRegional,
					DefaultAction:    &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}},
					VisibilityConfig: &waftypes.VisibilityConfig{MetricName: aws.String("guard")}})
				l.Must(err)
				s.WAFv2 = &configv1.WAFv2Configuration{WebACL: aws.ToString(out.Summary.ARN)}
			}},
		"capacity of a network load balancer": {"nlb", 80, gatewayv1.TCPProtocolType, stack.GatewayNLB,
			"gateway.k8s.aws.addon.provisionedcapacity", "ModifyCapacityReservation",
			func(l *lab.Lab, s *configv1.LoadBalancerConfigurationSpec) {
				l.Must(l.Sim.Account.SetQuota("reserved-load-balancer-capacity-units", 1000000))
				s.MinimumLoadBalancerCapacity = &configv1.MinimumLoadBalancerCapacity{CapacityUnits: 30000}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, class := lab.Gateway("web", c.class, c.port, c.protocol)
			g.Spec.Infrastructure = &gatewayv1.GatewayInfrastructure{ParametersRef: &gatewayv1.LocalParametersReference{
				Group: "gateway.k8s.aws", Kind: "LoadBalancerConfiguration", Name: "own"}}
			own := &configv1.LoadBalancerConfiguration{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "own"}}
			l, key := lab.New(t, account.Profile{}, class, g, own), lab.GatewayKey(c.owner, "web")
			record := func() string {
				t.Helper()
				l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
				return g.Annotations[c.record]
			}
			mark := l.Mark()
			l.Settle(key)
			if _, by := l.Counts(mark); record() != "" || by[c.call] > 0 {
				t.Errorf("before: recorded %q, calls %v", record(), by)
			}
			l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(own), own))
			c.set(l, &own.Spec)
			l.Must(l.Client.Update(t.Context(), own))
			l.Settle(key)
			if record() != "true" {
				t.Errorf("made: recorded %q", record())
			}
			mark = l.Mark()
			own.Spec = configv1.LoadBalancerConfigurationSpec{}
			l.Must(l.Client.Update(t.Context(), own))
			l.Settle(key)
			if record() != "false" || !slices.ContainsFunc(l.Writes(mark), func(w string) bool { return w == c.call }) {
				t.Errorf("removed: recorded %q, writes %v", record(), l.Writes(mark))
			}
			mark = l.Mark()
			g.Labels = map[string]string{"touched": "yes"}
			l.Must(l.Client.Update(t.Context(), g))
			l.Settle(key)
			if len(l.Writes(mark))+len(l.Reads(mark)) > 0 {
				t.Errorf("afterwards: %v %v", l.Writes(mark), l.Reads(mark))
			}
		})
	}
}
