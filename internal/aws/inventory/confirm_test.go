package inventory_test

import (
	"context"
	"testing"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// writtenTo has something written while tags are read.
type writtenTo struct {
	awsclient.ELBV2
	meanwhile func()
}

func (w *writtenTo) DescribeTags(ctx context.Context, in *elbv2.DescribeTagsInput, o ...func(*elbv2.Options)) (
	*elbv2.DescribeTagsOutput, error) {
	if w.meanwhile != nil {
		w.meanwhile()
	}
	return w.ELBV2.DescribeTags(ctx, in, o...)
}

func TestListingReusesTagsReadBeforeDeletion(t *testing.T) {
	t.Parallel()
	web, api := key(stack.Ingress, "web"), key(stack.Ingress, "api")
	for name, c := range map[string]struct {
		writes func(lb, otherGroup string) plan.Operation // meanwhile
		reads  int
	}{
		"another stack deletes": {func(_, other string) plan.Operation {
			return awsop.DeleteTargetGroup{TargetGroup: stack.Literal(stack.KindTargetGroup, other)}
		}, 0},
		"the tags change": {func(lb, _ string) plan.Operation {
			return awsop.AddTags{Resource: stack.Literal(stack.KindLoadBalancer, lb), Tags: map[string]string{"a": "b"}}
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			lb, group := f.balancer("web", tracking("web"))
			_, other := f.balancer("api", tracking("api"))
			reader := &writtenTo{ELBV2: f.sim.Balancing}
			f.inv = inventory.New(awsclient.Clients{ELBV2: reader, EC2: f.sim.Compute, ACM: f.sim.Trust, STS: f.sim.Identity},
				f.config())
			if err := f.inv.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, s := range []string{"web", "api"} {
				if err := f.observe(s); err != nil {
					t.Fatal(err)
				}
			}
			f.inv.Invalidate(web)
			reader.meanwhile = func() {
				reader.meanwhile = nil
				f.inv.Record(api, c.writes(lb, other), awsop.Output{}, literally)
			}
			if gone, err := f.inv.ConfirmOwnership(t.Context(), web, []string{lb, group}); err != nil || len(gone) > 0 {
				t.Fatalf("%v are not the stack's any more, %v", gone, err)
			}
			f.reads()
			if err := f.observe("web"); err != nil {
				t.Fatal(err)
			}
			if n := f.reads()["DescribeTags"]; n != c.reads {
				t.Errorf("%d reads of tags, want %d", n, c.reads)
			}
		})
	}
}
