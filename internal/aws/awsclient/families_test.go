package awsclient

import "testing"

func TestCallsThatAWSMetersTogetherShareABucketAtItsPublishedRate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		service, operation string
		want               apiFamily
	}{
		{ServiceELBV2, "DescribeTags", apiFamily{"elbv2/read", 10, 40}},
		{ServiceELBV2, "CreateRule", apiFamily{"elbv2/write", 3, 20}},
		{ServiceELBV2, "SetSubnets", apiFamily{"elbv2/intensive", 0.2, 10}},
		{ServiceELBV2, "DeregisterTargets", apiFamily{"elbv2/registration", 4, 20}},
		{ServiceEC2, "DescribeSubnets", apiFamily{"ec2/DescribeSubnets", 20, 100}},
		{ServiceEC2, "CreateTags", apiFamily{"ec2/CreateTags", 5, 50}},
		{ServiceWAFv2, "AssociateWebACL", apiFamily{"WAFV2/AssociateWebACL", 0.5, 1}},
		{ServiceWAFv2, "DisassociateWebACL", apiFamily{"WAFV2/DisassociateWebACL", 0.5, 1}},
		{ServiceWAFv2, "GetWebACLForResource", apiFamily{"WAFV2/GetWebACLForResource", 1, 1}},
		{ServiceWAFv2, "ListWebACLs", apiFamily{"WAFV2/ListWebACLs", 5, 10}},
		{ServiceRoute53, "ListHostedZones", apiFamily{"route53", 5, 5}},
		{ServiceRoute53, "ChangeResourceRecordSets", apiFamily{"route53", 5, 5}},
		{ServiceACM, "DescribeCertificate", apiFamily{"ACM/DescribeCertificate", 5, 10}},
	} {
		if got := familyOf(c.service, c.operation); got != c.want {
			t.Errorf("%s %s: %+v", c.service, c.operation, got)
		}
	}
}
