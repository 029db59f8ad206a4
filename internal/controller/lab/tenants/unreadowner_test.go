package tenants

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// youngerTargetGroup is a target group that another process creates for Ingress web of a namespace after the listing.
func youngerTargetGroup(l *lab.Lab, namespace string) (arn string) {
	l.Helper()
	arn = l.TargetGroupNamed("k8s-shop-web-0123456789", elbtypes.TargetTypeEnumIp)
	in := &elbv2.AddTagsInput{ResourceArns: []string{arn}}
	for k, v := range map[string]string{"elbv2.k8s.aws/cluster": "demo-cluster",
		"ingress.k8s.aws/stack": namespace + "/web", "ingress.k8s.aws/resource": namespace + "/web-web:80"} {
		in.Tags = append(in.Tags, elbtypes.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	_, err := l.Sim.Balancing.AddTags(l.Context(), in)
	l.Must(err)
	return arn
}

// denyTags has AWS deny the tags of a target group.
func denyTags(l *lab.Lab, arn string) {
	l.Helper()
	_, err := l.Sim.Gate.AddFault(gate.Fault{Service: "elasticloadbalancing", Action: "DescribeTags", Resource: arn,
		Code: "AccessDenied", Status: 403, Message: "User: arn:aws:sts::123456789012:assumed-role/lbc/1 is not " +
			"authorized to perform: elasticloadbalancing:DescribeTags"})
	l.Must(err)
}

// forwardsTo are the conditions of the rules that forward to a target group.
func forwardsTo(l *lab.Lab, arn string) (out []string) {
	l.Helper()
	for _, lb := range l.Sim.Resources().LoadBalancers {
		listeners, err := l.Sim.Balancing.DescribeListeners(l.Context(), &elbv2.DescribeListenersInput{
			LoadBalancerArn: &lb.ARN})
		l.Must(err)
		for _, li := range listeners.Listeners {
			rules, err := l.Sim.Balancing.DescribeRules(l.Context(), &elbv2.DescribeRulesInput{ListenerArn: li.ListenerArn})
			l.Must(err)
			for _, r := range rules.Rules {
				if strings.Contains(aws.ToString(r.Actions[0].TargetGroupArn), arn) {
					out = append(out, fmt.Sprint(aws.ToBool(r.IsDefault), len(r.Conditions)))
				}
			}
		}
	}
	return out
}

// named is Ingress mal/evil, which names a target group beside a Service of its own.
func named(text string) *networkingv1.Ingress {
	evil := lab.Ingress("evil", map[string]string{"actions.theirs": text}, "own", "theirs")
	evil.Namespace = "mal"
	evil.Spec.Rules[0].HTTP.Paths[1].Backend.Service.Port = networkingv1.ServiceBackendPort{Name: "use-annotation"}
	return evil
}

var evilKey = stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "mal", Name: "evil"}}

// TestUnreadTagsMakeNoTargetGroupExternal has a tenant name the target group of another namespace, by name and ARN, in
// an Ingress and in a TargetGroupBinding, while AWS denies its tags.
func TestUnreadTagsMakeNoTargetGroupExternal(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"name", "ARN", "edit", "binding"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			own := lab.Service("own")
			own.Namespace = "mal"
			l := lab.New(t, account.Instant(), lab.Class(), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), own,
				lab.Service("web"))
			if by == "edit" {
				before := named(forwardToARN("unused"))
				before.Spec.Rules[0].HTTP.Paths = before.Spec.Rules[0].HTTP.Paths[:1]
				l.Create(before)
				l.Settle(evilKey)
			}
			l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Ingress("other", nil, "web"))...)
			l.Settle(lab.Key("other"))
			l.Must(l.Inventory.Load(t.Context()))
			owner := "shop"
			if by == "binding" {
				owner = "blog"
			}
			arn := youngerTargetGroup(l, owner)
			denyTags(l, arn)
			mark := len(l.Events)
			switch by {
			case "name":
				l.Create(named(forwardTo("k8s-shop-web-0123456789")))
			case "ARN":
				l.Create(named(forwardToARN(arn)))
			case "edit":
				have, now := &networkingv1.Ingress{}, named(forwardToARN(arn))
				l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(now), have))
				have.Spec, have.Generation = now.Spec, have.Generation+1
				have.Annotations = now.Annotations
				l.Must(l.Client.Update(t.Context(), have))
			default:
				l.Create(lab.Binding(arn, v1beta1.TargetTypeIP))
			}
			l.PassWith(3*time.Minute, lab.Key("other"), evilKey)
			if got := forwardsTo(l, arn); len(got) > 0 {
				t.Errorf("rules of mal forward to the target group of shop: %v", got)
			}
			if got := l.Targets(arn); len(got) > 0 {
				t.Errorf("registered: %v", got)
			}
			told := strings.Join(l.Events[mark:], "\n")
			if !strings.Contains(told, "elasticloadbalancing:DescribeTags") {
				t.Errorf("told:\n%s", told)
			}
			l.Sim.Gate.ClearFaults()
			l.PassWith(20*time.Minute, lab.Key("other"), evilKey)
			told = strings.Join(l.Events[mark:], "\n")
			if len(forwardsTo(l, arn)) > 0 || len(l.Targets(arn)) > 0 || !strings.Contains(told, "belongs to") {
				t.Errorf("in the end: told:\n%s", told)
			}
		})
	}
}
