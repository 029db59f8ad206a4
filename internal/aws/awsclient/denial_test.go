package awsclient

import "testing"

func TestDenialNamesActionAndResource(t *testing.T) {
	const arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"
	for message, want := range map[string][2]string{
		"User: u is not authorized to perform: ec2:DescribeVpcs because no policy allows it": {
			"ec2:DescribeVpcs", ""},
		"User: u is not authorized to perform: elasticloadbalancing:DescribeTags on resource: " + arn + " because": {
			"elasticloadbalancing:DescribeTags", arn},
		"access denied": {"", ""},
	} {
		if action, resource := Denial(message); action != want[0] || resource != want[1] {
			t.Errorf("%q: %q, %q, want %q", message, action, resource, want)
		}
	}
}
