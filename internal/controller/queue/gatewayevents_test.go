package queue

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func TestAGatewayThatLosesAFinalizerIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	of := func(finalizers ...string) *gatewayv1.Gateway {
		return &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Generation: 1, Finalizers: finalizers}}
	}
	for _, c := range []struct {
		before, after *gatewayv1.Gateway
		want          bool
	}{
		{of("gateway.k8s.aws/alb"), of(), true},
		{of("gateway.k8s.aws/alb", "gateway.k8s.aws/nlb"), of("gateway.k8s.aws/nlb"), true},
		{of(), of("gateway.k8s.aws/alb"), false},
		{of("gateway.k8s.aws/alb"), of("gateway.k8s.aws/alb"), false},
	} {
		if got := Relevant(c.before, c.after); got != c.want {
			t.Errorf("%v → %v: %v", c.before.Finalizers, c.after.Finalizers, got)
		}
	}
}
