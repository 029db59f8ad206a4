package awsclient

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestThePermissionOfEachOperationIsListed(t *testing.T) {
	t.Parallel()
	for _, op := range awsop.Operations() {
		if _, listed := Operations[plan.NameOf(op)]; listed == strings.HasSuffix(plan.NameOf(op), "Binding") {
			t.Errorf("%s is among the calls to AWS: %v", plan.NameOf(op), listed)
		}
	}
}
