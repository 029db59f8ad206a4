package diff_test

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// Two rules of a listener change places. Rules are recognised by what they match and do, so none is created or deleted:
// one atomic call moves them. They change numbers.
func ExampleStack() {
	answer := func(path, text string) stack.Rule {
		return stack.Rule{
			Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{path}}},
			Actions: []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
				StatusCode: "200", MessageBody: text}}},
		}
	}
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	lb := stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Name: "web", Type: stack.Application, Scheme: stack.Internal}
	listener := stack.Listener{ID: "80", Port: 80, Protocol: "HTTP", DefaultActions: stack.UnavailableOf(stack.Ingress)}

	// Observed: what AWS holds. Its references are ARNs, its rules have priorities.
	const lbARN, listenerARN = "arn:lb", "arn:listener"
	observed := awsop.Observed{
		Key:           key,
		LoadBalancers: []awsop.LoadBalancer{{ARN: lbARN, State: "active", LoadBalancer: lb}},
	}
	have := listener
	have.LoadBalancer = stack.Literal(stack.KindLoadBalancer, lbARN)
	observed.Listeners = []awsop.Listener{{ARN: listenerARN, Listener: have}}
	for n, rule := range []stack.Rule{answer("/cart/*", "cart"), answer("/*", "shop")} {
		rule.Listener = stack.Literal(stack.KindListener, listenerARN)
		observed.Rules = append(observed.Rules, awsop.Rule{ARN: fmt.Sprint("arn:rule/", n+1), Priority: int32(n + 1),
			Rule: rule})
	}

	// Desired: references are identities, and the order of rules is all that counts.
	desired := &stack.Stack{Key: key, LoadBalancers: []stack.LoadBalancer{lb}}
	want := listener
	want.LoadBalancer = stack.Ref{Kind: stack.KindLoadBalancer, ID: lb.ID}
	desired.Listeners = []stack.Listener{want}
	for n, rule := range []stack.Rule{answer("/*", "shop"), answer("/cart/*", "cart")} {
		rule.ID, rule.Order = fmt.Sprint("80:", n+1), int32(n+1)
		rule.Listener = stack.Ref{Kind: stack.KindListener, ID: "80"}
		desired.Rules = append(desired.Rules, rule)
	}

	p := diff.Stack(desired, stack.Keep{}, observed, diff.Options{})
	fmt.Print(p.Text(plan.TextOptions{}))
	for _, s := range p.Steps {
		fmt.Printf("%s: %+v\n", s.ID, s.Op)
	}
	// Output:
	// ingress.k8s.aws:shop/web:
	//   ~ Listener 80  SetRulePriorities  path /* → fixed response 200 "shop": priority 2 → 1
	//                                     path /cart/* → fixed response 200 "cart": priority 1 → 2
	// 0 to create, 1 to change, 0 to replace, 0 to delete
	// SetRulePriorities 80: {Listener:{Kind:Listener ID:80 Literal:} Priorities:[{Rule:{Kind:Rule ID: Literal:arn:rule/2} Priority:1} {Rule:{Kind:Rule ID: Literal:arn:rule/1} Priority:2}]}
}
