package apply

import (
	"errors"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

func TestAPlanThatRestsOnAssumptionsIsNotExecuted(t *testing.T) {
	t.Parallel()
	o := awsop.Observed{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}}
	o.TargetGroups = []awsop.TargetGroup{{ARN: "arn:tg", TargetGroup: stack.TargetGroup{ID: "shop/web:80"}}}
	o.TargetGroups[0].Set(awsop.Assumed, awsop.PartAttributes)
	p := diff.Stack(stack.ForRemoval(o.Key, "demo", "vpc-1", stack.ObjectsDeleted), stack.Keep{}, o, diff.Options{})
	if p.Empty() {
		t.Fatal("nothing is planned")
	}
	r := Run(t.Context(), p, Deps{}) // without clients: any call would be a panic
	for id, got := range r.Outcomes {
		if got.State != Failed || !errors.Is(got.Err, errAssumed) {
			t.Errorf("%s: %+v", id, got)
		}
	}
	if len(r.Outcomes) != len(p.Steps) {
		t.Errorf("%d outcomes of %d steps", len(r.Outcomes), len(p.Steps))
	}
}
