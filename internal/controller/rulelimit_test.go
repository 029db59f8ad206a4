package controller

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

func TestDenialsOfWhatNothingNeedsAreNoLack(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"DescribeAccountLimits", "DescribeManagedPrefixLists", "DescribeLoadBalancers",
		"DescribeTags"} {
		if !(&Wiring{}).Aside(awsclient.Call{Operation: operation}) {
			t.Errorf("%s is one", operation)
		}
	}
}
