package front

import (
	"strings"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestMisspeltKeysOfGateways has misspelt keys on a new Gateway, of which nothing is made if the key may forbid it, and
// on one that serves: it keeps what it had.
func TestMisspeltKeysOfGateways(t *testing.T) {
	t.Parallel()
	annotated := func(s served, k, value string) served {
		s = s.copied()
		sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw").Annotations[k] = value
		return s
	}
	scene := servedGateway(t, attachment.Application, "standard", false)
	for _, key := range []string{"dry-runn", "ownershp", "aproved-plan"} {
		s := annotated(scene, "gateway.k8s.aws/"+key, "true")
		c := s.compile(t, nil)
		if c.Stack != nil && len(c.Stack.LoadBalancers) > 0 && len(c.Stack.Rules) > 0 ||
			!strings.Contains(c.complaint(), key) {
			t.Errorf("%s: a new Gateway is created: %s", key, c.complaint())
		}
		exists := []func(*facts.Facts){func(f *facts.Facts) {
			f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal,
				IPAddressType: stack.IPv4, Subnets: []string{"subnet-a", "subnet-b"}, ManagedGroup: true}
		}}
		s.account = &exists
		if c := s.compile(t, nil); c.complaint() != "" || len(c.Stack.Rules) == 0 {
			t.Errorf("%s: a Gateway that serves does not: %s", key, c.complaint())
		}
	}
	old := annotated(scene, string(annotation.GatewayReplacementPolicy), "refuse").compile(t, nil)
	if c := annotated(scene, "gateway.k8s.aws/replacement-polic", "refuse").compile(t, old.Memory); !strings.Contains(
		c.complaint(), "keeps serving") {
		t.Errorf("a renamed key is no invalid edit: %s", c.complaint())
	}
	if c := annotated(scene, "gateway.k8s.aws/drift-polic", "x").compile(t, old.Memory); c.complaint() != "" {
		t.Errorf("an added key is an invalid edit: %s", c.complaint())
	}
}
