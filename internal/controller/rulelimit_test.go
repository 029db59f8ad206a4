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
	for cause, want := range map[awsclient.Cause]bool{awsclient.CertificateEnds: true, awsclient.CertificateSet: false} {
		if (&Wiring{}).Aside(awsclient.Call{Operation: "ListCertificates", Cause: cause}) != want {
			t.Errorf("ListCertificates of %s: not %t", cause, want)
		}
	}
}
