package cloud

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
)

func TestThePermissionOfEachOperationIsListed(t *testing.T) {
	t.Parallel()
	for _, op := range elb.Operations() {
		if _, listed := Operations[op.Name()]; listed == strings.HasSuffix(op.Name(), "Binding") {
			t.Errorf("%s is among the calls to AWS: %v", op.Name(), listed)
		}
	}
}
