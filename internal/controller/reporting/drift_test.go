package reporting

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestWhatIsLeftAsItWasChangedInAWSIsACondition(t *testing.T) {
	t.Parallel()
	p := Pass{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}, Now: time.Unix(1, 0)}
	s := LoadBalancer(p, v1alpha1.LoadBalancerStatus{})
	if c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionDrifted); c != nil {
		t.Errorf("without drift: %+v", c)
	}
	p.Drifted = []string{"tags: AddTags LoadBalancer (tag Team other → shop)", "rules: DeleteRule arn"}
	s = LoadBalancer(p, s)
	c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionDrifted)
	if c == nil || c.Status != "True" || c.Reason != v1alpha1.ReasonChangedInAWS ||
		c.Message != "tags: AddTags LoadBalancer (tag Team other → shop); rules: DeleteRule arn" {
		t.Errorf("with drift: %+v", c)
	}
	p.Drifted = nil
	if c := meta.FindStatusCondition(LoadBalancer(p, s).Conditions, v1alpha1.ConditionDrifted); c == nil ||
		c.Status != "False" || c.Message != "" {
		t.Errorf("after it: %+v", c)
	}
}
