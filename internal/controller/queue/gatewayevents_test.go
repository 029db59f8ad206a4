package queue

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
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

// TestEditOfAnAnnotationOfClassParametersIsRelevant has edits that leave the generation as it is.
func TestEditOfAnAnnotationOfClassParametersIsRelevant(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{"elbv2.k8s.aws/ownership": true, "elbv2.k8s.aws/drift-policy": true,
		"elbv2.k8s.aws/ownershp": true, "alb.ingress.kubernetes.io/scheme": true, "example.com/team": false} {
		of := func(annotations map[string]string) *v1beta1.IngressClassParams {
			return &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Generation: 1, Annotations: annotations}}
		}
		if got := Relevant(of(nil), of(map[string]string{key: "observed"})); got != want {
			t.Errorf("%s: %t", key, got)
		}
	}
}

func TestConstructionRecordWithFinalizerMakesNoPass(t *testing.T) {
	t.Parallel()
	const record = "gateway.k8s.aws/rule-construction"
	of := func(annotations map[string]string, finalizers ...string) *gatewayv1.Gateway {
		return &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Generation: 1, Annotations: annotations,
			Finalizers: finalizers}}
	}
	none, ours, theirs := map[string]string{}, map[string]string{record: "standard"}, map[string]string{
		record: "compatible"}
	for name, c := range map[string]struct {
		before, after *gatewayv1.Gateway
		want          bool
	}{
		"by the first pass": {of(none), of(ours, "gateway.k8s.aws/alb"), false},
		"beside other annotations": {of(map[string]string{"team": "web"}),
			of(map[string]string{"team": "web", record: "standard"}, "gateway.k8s.aws/alb"), false},
		"with an edit of another one": {of(none), of(map[string]string{"team": "web", record: "standard"},
			"gateway.k8s.aws/alb"), true},
		"by a user":                    {of(none, "gateway.k8s.aws/alb"), of(theirs, "gateway.k8s.aws/alb"), true},
		"in the place of another":      {of(ours), of(theirs, "gateway.k8s.aws/alb"), true},
		"a finalizer alone":            {of(ours), of(ours, "gateway.k8s.aws/alb"), false},
		"taken off with the finalizer": {of(ours, "gateway.k8s.aws/alb"), of(none), true},
	} {
		if got := Relevant(c.before, c.after); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
