package lab

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ByHand is a load balancer of an Ingress or of a Gateway whose objects can be edited.
type ByHand struct {
	*Lab
	Keys []stack.Key
	Edit func(path string) // adds a path
	End  func()            // deletes the objects
}

// OnEachOwner runs a test on a load balancer of either kind, which has flags.
func OnEachOwner(t *testing.T, flags []string, f func(*testing.T, *ByHand)) {
	t.Helper()
	t.Run("Ingress", func(t *testing.T) {
		t.Parallel()
		b := &ByHand{Lab: New(t, account.Profile{}, Class(), Service("web"), Ingress("web", nil, "web")), Keys: []stack.Key{
			Key("web")}}
		b.Edit = func(path string) {
			b.EditWeb(func(i *networkingv1.Ingress) {
				more := i.Spec.Rules[0].HTTP.Paths[0]
				more.Path = path
				i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths, more)
			})
		}
		b.End = func() { b.Must(b.Client.Delete(b.Context(), Ingress("web", nil))) }
		b.begin(flags)
		f(t, b)
	})
	t.Run("Gateway", func(t *testing.T) {
		t.Parallel()
		b := &ByHand{Lab: NewGateway(t, strings.Replace(WebGateway, "value: /}", "value: /web}", 1))}
		b.Keys = b.WebKeys()
		b.Edit = func(path string) {
			b.Apply(
				strings.ReplaceAll(
					`HTTPRoute shop/more {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: PATH}}], backendRefs: [{name: web, port: 80}]}]}}`, "PATH", path))
		}
		b.End = func() { b.Discard("Gateway shop/web {}") }
		b.begin(append(flags, "--default-target-type=ip"))
		f(t, b)
	})
}

func (b *ByHand) begin(flags []string) {
	b.Helper()
	b.Flags(flags...)
	b.Restart()
	b.Settle(b.Keys...)
}

// Again has the next process, which reads everything, and then an edit.
func (b *ByHand) Again(path string) {
	b.Helper()
	b.Restart()
	b.Settle(b.Keys...)
	b.Edit(path)
	b.Settle(b.Keys...)
}

// Balancer is the only load balancer of the account.
func (b *ByHand) Balancer() simclient.LoadBalancer { return b.Sim.Resources().LoadBalancers[0] }

// Rule makes a rule by hand.
func (b *ByHand) Rule(listener string, priority int32, path string) (arn string) {
	b.Helper()
	out, err := b.Sim.Balancing.CreateRule(b.Context(), &elbv2.CreateRuleInput{ListenerArn: &listener, Priority: &priority,
		Conditions: []elbtypes.RuleCondition{
			{Field: aws.String("path-pattern"), PathPatternConfig: &elbtypes.PathPatternConditionConfig{
				Values: []string{path}}}},
		Actions: []elbtypes.Action{
			{Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{
				StatusCode: aws.String("410")}}},
	})
	b.Must(err)
	return *out.Rules[0].RuleArn
}

// Listener makes a listener by hand, which answers 410.
func (b *ByHand) Listener(port int32) (arn string) {
	b.Helper()
	out, err := b.Sim.Balancing.CreateListener(b.Context(), &elbv2.CreateListenerInput{
		LoadBalancerArn: aws.String(b.Balancer().ARN), Port: &port, Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{
			{Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{
				StatusCode: aws.String("410")}}},
	})
	b.Must(err)
	return *out.Listeners[0].ListenerArn
}

// Rules are those of the listener of a port as "priority path".
func (b *ByHand) Rules(port int32) (out []string) {
	for _, l := range b.Balancer().Listeners {
		for _, r := range l.Rules {
			if l.Port == port && len(r.Conditions) > 0 {
				out = append(out, r.Priority+" "+r.Conditions[len(r.Conditions)-1].Values[0])
			}
		}
	}
	return out
}
