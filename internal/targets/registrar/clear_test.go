package registrar

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestATargetThatAWSDoesNotHaveDoesNotKeepABindingFromGoing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		left  []types.TargetHealthDescription // when AWS is asked again
		steps []string
	}{
		"it is gone":       {[]types.TargetHealthDescription{held("i-2", "healthy")}, []string{"deregister 1 from i-2"}},
		"AWS disagrees on": {[]types.TargetHealthDescription{held("i-1", "healthy"), held("i-2", "healthy")}, nil},
	} {
		b := &balancing{held: []types.TargetHealthDescription{held("i-1", "healthy"), held("i-2", "healthy")}}
		write := func(ctx context.Context, key stack.Key, id plan.StepID, op plan.Operation) apply.Outcome {
			if op, ok := op.(awsop.DeregisterTargets); ok && op.Targets[0].ID == "i-1" {
				b.held = c.left
				return apply.Outcome{State: apply.Failed, Err: &smithy.GenericAPIError{Code: "InvalidTarget", Message: "unknown"}}
			}
			return b.write(ctx, key, id, op)
		}
		r := newRegistry(b, write, func(string) bool { return false })
		if _, err := r.Clear(t.Context(), Request{Binding: stack.ID{Name: "b"}, Group: tg}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.steps, b.done()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestABindingGoesThoughItsTargetGroupIsGoneOrItsARNIsNone(t *testing.T) {
	t.Parallel()
	for code, goes := range map[string]bool{"TargetGroupNotFound": true, "ValidationError": true, "AccessDenied": false,
		"Throttling": false} {
		b := &balancing{unread: &smithy.GenericAPIError{Code: code, Message: "no"}}
		r := newRegistry(b, b.write, func(string) bool { return false })
		if _, err := r.Clear(t.Context(), Request{Binding: stack.ID{Name: "b"}, Group: tg}); (err == nil) != goes {
			t.Errorf("%s: %v", code, err)
		}
	}
}
