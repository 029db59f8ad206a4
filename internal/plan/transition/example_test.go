package transition_test

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/transition"
)

// A path comes in front of another, and no priority is free there. The others move on first, which no request notices;
// what is no longer wanted goes last.
func ExampleCompute() {
	answer := func(id, path, text string) stack.Rule {
		return stack.Rule{
			ID:         id,
			Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{path}}},
			Actions:    []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: text}}},
		}
	}
	t := transition.Compute(transition.Input{
		Listener:    stack.Literal(stack.KindListener, "80"),
		Application: true,
		Want:        []stack.Rule{answer("80:1", "/cart/*", "200"), answer("80:2", "/*", "201")},
		Observed: []*awsop.Rule{
			{ARN: "arn:shop", Priority: 1, Rule: answer("80:1", "/*", "201")},
			{ARN: "arn:old", Priority: 2, Rule: answer("80:2", "/old", "202")},
		},
		Targets: &transition.Targets{Resolve: canonical.Literal, Observed: &awsop.Observed{}},
	})
	fmt.Print(t)
	// Output:
	// make room
	//    1 SetRulePriorities 80: path /* → fixed response 201: priority 1 → 2; 1 to be deleted
	// create and modify
	//    2 CreateRule 80:1, needs 1: at 1: path /cart/* → fixed response 200
	// delete
	//    3 DeleteRule 80:2, after 1: path /old → fixed response 202 is no longer wanted
}
