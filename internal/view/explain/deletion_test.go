package explain

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
)

func TestDeletedObjectSaysWhyItStays(t *testing.T) {
	t.Parallel()
	guarded := []plan.Plan{
		{Steps: []plan.Step{{ID: "DeleteLoadBalancer LoadBalancer", Guard: &plan.Guard{Text: "it is protected",
			Remedy: "switch it off"}}}}}
	for name, x := range map[string]struct {
		finalizers []string
		cause      string
		plans      []plan.Plan
		want       string
	}{
		"the controller's annotation": {[]string{"ingress.k8s.aws/resources"}, "AWS denies it", guarded,
			"why it stays: AWS denies it"},
		"a guard of the plan": {[]string{"group.ingress.k8s.aws/front"}, "", guarded,
			"why it stays: it is protected; switch it off"},
		"nothing is left":   {[]string{"ingress.k8s.aws/resources"}, "", nil, "nothing is left in AWS"},
		"another finalizer": {[]string{"example.com/keep"}, "", nil, "other finalizers: example.com/keep"},
	} {
		i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{Time: time.Unix(0, 0)},
			Finalizers: x.finalizers}}
		if x.cause != "" {
			i.Annotations = map[string]string{naming.DeletionCause: x.cause}
		}
		e := Explanation{Object: "Ingress shop/web", Deletion: Deleted(i, x.plans)}
		if text := e.Text(false); !strings.Contains(text, x.want) ||
			!strings.Contains(text, "is being deleted since 1970-01-01T00:00:00Z") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}
