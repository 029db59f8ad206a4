package consent

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

func TestManualRuleKeepsPriorityUntilLoadBalancerIsDeleted(t *testing.T) {
	t.Parallel()
	lab.OnEachOwner(t, nil, func(t *testing.T, b *lab.ByHand) {
		b.Rule(b.Balancer().Listeners[0].ARN, 7, "/theirs")
		before := b.Rules(80)
		b.Again("/more")
		after := b.Rules(80)
		if !slices.Contains(after, "7 /theirs") || len(after) != len(before)+1 {
			t.Errorf("rules %v, before the edit %v\n%s", after, before, strings.Join(b.Events, "\n"))
		}
		b.End()
		b.Settle(b.Keys...)
		if left := b.LeftOfStacks(); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestARuleMadeByHandIsTakenAwayWhereRulesHaveNoTags(t *testing.T) {
	t.Parallel()
	lab.OnEachOwner(t, []string{"--feature-gates=ListenerRulesTagging=false"}, func(t *testing.T, b *lab.ByHand) {
		b.Rule(b.Balancer().Listeners[0].ARN, 7, "/theirs")
		b.Again("/more")
		if after := b.Rules(80); slices.ContainsFunc(after, func(r string) bool { return strings.HasSuffix(r, "/theirs") }) {
			t.Errorf("rules %v", after)
		}
	})
}

func TestManualListenerIsAdoptedOnceItsPortIsDeclared(t *testing.T) {
	t.Parallel()
	lab.OnEachOwner(t, nil, func(t *testing.T, b *lab.ByHand) {
		arn := b.Listener(8080)
		b.Rule(arn, 3, "/theirs")
		b.Again("/more")
		at := func() string {
			for _, l := range b.Balancer().Listeners {
				if l.ARN == arn {
					status := ""
					if r := l.Rules[len(l.Rules)-1].Actions[0].FixedResponse; r != nil {
						status = r.StatusCode
					}
					return fmt.Sprintf("%s %d, else %s, rules %v, tagged %t", l.Protocol, l.Port, status, b.Rules(8080),
						len(l.Tags) > 0)
				}
			}
			return "gone"
		}
		if got := at(); got != "HTTP 8080, else 410, rules [3 /theirs], tagged false" {
			t.Errorf("beside what is declared: %s", got)
		}
		if len(b.Keys) == 1 {
			b.EditWeb(func(i *networkingv1.Ingress) {
				i.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTP": 80}, {"HTTP": 8080}]`
			})
		} else {
			b.Apply(
				`Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}, {name: more, port: 8080, protocol: HTTP}]}}`)
		}
		b.Settle(b.Keys...)
		if got := at(); !strings.HasPrefix(got, "HTTP 8080, else 404, rules [") || !strings.Contains(got, "3 /theirs") ||
			!strings.Contains(got, " /web") {
			t.Errorf("once it is declared: %s", got)
		}
	})
}

func TestManualRuleOfManagedSecurityGroupIsRevoked(t *testing.T) {
	t.Parallel()
	lab.OnEachOwner(t, nil, func(t *testing.T, b *lab.ByHand) {
		var group string
		for _, g := range b.Sim.Resources().SecurityGroups {
			if strings.HasPrefix(g.Name, "k8s-shop-") {
				group = g.ID
			}
		}
		_, err := b.Sim.Compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: &group, IpPermissions: []ec2types.IpPermission{{
				IpProtocol: aws.String("tcp"), FromPort: aws.Int32(8080), ToPort: aws.Int32(8080), IpRanges: []ec2types.IpRange{
					{CidrIp: aws.String("198.51.100.0/24")}},
			}}})
		b.Must(err)
		b.Restart()
		mark := b.Mark()
		b.Settle(b.Keys...)
		if w := b.Writes(mark); !slices.Equal(w, []string{"RevokeSecurityGroupIngress"}) {
			t.Errorf("writes %v", w)
		}
	})
}
