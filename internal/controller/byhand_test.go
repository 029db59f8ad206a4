package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// byHand is a load balancer of an Ingress or of a Gateway whose objects can be edited.
type byHand struct {
	*lab
	keys []stack.Key
	edit func(path string) // adds a path
	end  func()            // deletes the objects
}

// onEachOwner runs a test on a load balancer of either kind, which has flags.
func onEachOwner(t *testing.T, flags []string, f func(*testing.T, *byHand)) {
	t.Helper()
	t.Run("Ingress", func(t *testing.T) {
		t.Parallel()
		b := &byHand{lab: newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web")), keys: []stack.Key{implicit("web")}}
		b.edit = func(path string) {
			b.editWeb(func(i *networkingv1.Ingress) {
				more := i.Spec.Rules[0].HTTP.Paths[0]
				more.Path = path
				i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths, more)
			})
		}
		b.end = func() { b.must(b.client.Delete(b.Context(), labIngress("web", nil))) }
		b.begin(flags)
		f(t, b)
	})
	t.Run("Gateway", func(t *testing.T) {
		t.Parallel()
		b := &byHand{lab: newGatewayLab(t, strings.Replace(webGateway, "value: /}", "value: /web}", 1))}
		b.keys = b.webKeys()
		b.edit = func(path string) {
			b.apply(strings.ReplaceAll(`HTTPRoute shop/more {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: PATH}}], backendRefs: [{name: web, port: 80}]}]}}`, "PATH", path))
		}
		b.end = func() { b.discard("Gateway shop/web {}") }
		b.begin(append(flags, "--default-target-type=ip"))
		f(t, b)
	})
}

func (b *byHand) begin(flags []string) {
	b.Helper()
	b.flags(flags...)
	b.restart()
	b.settle(b.keys...)
}

// again has the next process, which reads everything, and then an edit.
func (b *byHand) again(path string) {
	b.Helper()
	b.restart()
	b.settle(b.keys...)
	b.edit(path)
	b.settle(b.keys...)
}

func (b *byHand) balancer() simclient.LoadBalancer { return b.sim.Resources().LoadBalancers[0] }

// rule makes a rule by hand.
func (b *byHand) rule(listener string, priority int32, path string) (arn string) {
	b.Helper()
	out, err := b.sim.Balancing.CreateRule(b.Context(), &elbv2.CreateRuleInput{ListenerArn: &listener, Priority: &priority,
		Conditions: []elbtypes.RuleCondition{{Field: aws.String("path-pattern"), PathPatternConfig: &elbtypes.PathPatternConditionConfig{Values: []string{path}}}},
		Actions:    []elbtypes.Action{{Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: aws.String("410")}}},
	})
	b.must(err)
	return *out.Rules[0].RuleArn
}

// listener makes a listener by hand, which answers 410.
func (b *byHand) listener(port int32) (arn string) {
	b.Helper()
	out, err := b.sim.Balancing.CreateListener(b.Context(), &elbv2.CreateListenerInput{LoadBalancerArn: aws.String(b.balancer().ARN), Port: &port, Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: aws.String("410")}}},
	})
	b.must(err)
	return *out.Listeners[0].ListenerArn
}

// rules are those of the listener of a port as "priority path".
func (b *byHand) rules(port int32) (out []string) {
	for _, l := range b.balancer().Listeners {
		for _, r := range l.Rules {
			if l.Port == port && len(r.Conditions) > 0 {
				out = append(out, r.Priority+" "+r.Conditions[len(r.Conditions)-1].Values[0])
			}
		}
	}
	return out
}

func TestARuleMadeByHandStaysWithItsNumberAndGoesWithTheLoadBalancer(t *testing.T) {
	t.Parallel()
	onEachOwner(t, nil, func(t *testing.T, b *byHand) {
		b.rule(b.balancer().Listeners[0].ARN, 7, "/theirs")
		before := b.rules(80)
		b.again("/more")
		after := b.rules(80)
		if !slices.Contains(after, "7 /theirs") || len(after) != len(before)+1 {
			t.Errorf("rules %v, before the edit %v\n%s", after, before, strings.Join(b.events, "\n"))
		}
		b.end()
		b.settle(b.keys...)
		if left := b.leftOfStacks(); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestARuleMadeByHandIsTakenAwayWhereRulesHaveNoTags(t *testing.T) {
	t.Parallel()
	onEachOwner(t, []string{"--feature-gates=ListenerRulesTagging=false"}, func(t *testing.T, b *byHand) {
		b.rule(b.balancer().Listeners[0].ARN, 7, "/theirs")
		b.again("/more")
		if after := b.rules(80); slices.ContainsFunc(after, func(r string) bool { return strings.HasSuffix(r, "/theirs") }) {
			t.Errorf("rules %v", after)
		}
	})
}

func TestAListenerMadeByHandStaysAndIsTakenOverOnceItsPortIsDeclared(t *testing.T) {
	t.Parallel()
	onEachOwner(t, nil, func(t *testing.T, b *byHand) {
		arn := b.listener(8080)
		b.rule(arn, 3, "/theirs")
		b.again("/more")
		at := func() string {
			for _, l := range b.balancer().Listeners {
				if l.ARN == arn {
					status := ""
					if r := l.Rules[len(l.Rules)-1].Actions[0].FixedResponse; r != nil {
						status = r.StatusCode
					}
					return fmt.Sprintf("%s %d, else %s, rules %v, tagged %t", l.Protocol, l.Port, status, b.rules(8080), len(l.Tags) > 0)
				}
			}
			return "gone"
		}
		if got := at(); got != "HTTP 8080, else 410, rules [3 /theirs], tagged false" {
			t.Errorf("beside what is declared: %s", got)
		}
		if len(b.keys) == 1 {
			b.editWeb(func(i *networkingv1.Ingress) {
				i.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTP": 80}, {"HTTP": 8080}]`
			})
		} else {
			b.apply(`Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}, {name: more, port: 8080, protocol: HTTP}]}}`)
		}
		b.settle(b.keys...)
		if got := at(); !strings.HasPrefix(got, "HTTP 8080, else 404, rules [") || !strings.Contains(got, "3 /theirs") || !strings.Contains(got, " /web") {
			t.Errorf("once it is declared: %s", got)
		}
	})
}

func TestARuleOfTheSecurityGroupOfALoadBalancerMadeByHandIsTakenAway(t *testing.T) {
	t.Parallel()
	onEachOwner(t, nil, func(t *testing.T, b *byHand) {
		var group string
		for _, g := range b.sim.Resources().SecurityGroups {
			if strings.HasPrefix(g.Name, "k8s-shop-") {
				group = g.ID
			}
		}
		_, err := b.sim.Compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(8080), ToPort: aws.Int32(8080), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("198.51.100.0/24")}},
		}}})
		b.must(err)
		b.restart()
		mark := b.mark()
		b.settle(b.keys...)
		if w := b.writes(mark); !slices.Equal(w, []string{"RevokeSecurityGroupIngress"}) {
			t.Errorf("writes %v", w)
		}
	})
}
