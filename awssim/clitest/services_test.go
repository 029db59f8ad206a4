package clitest

import (
	"fmt"
	"strings"
	"testing"
)

func TestAWSsCommandLineTurnsPages(t *testing.T) {
	t.Parallel()
	x := open(t)
	x.Account.Lock()
	x.Account.Trouble.PageSize = 2
	x.Account.Unlock()
	x.do(t, []step{
		// Its paginators put the pages together; in JSON it asks the query of the whole.
		{command: "ec2 describe-subnets --output json --query length(Subnets)", want: "7"},
		{command: "ec2 describe-subnets --output json --page-size 5 --max-items 5 --query [length(Subnets),NextToken!=null]",
			want: `\[\s*5,\s*(true|false)\s*\]`},
		{command: "acm list-certificates --output json --includes keyTypes=RSA_2048,EC_prime256v1 --page-size 1 --query " +
			"length(CertificateSummaryList)", want: "3"},
		{command: "elbv2 create-target-group --name a --protocol HTTP --port 80 --vpc-id vpc-0a1de000000000001"},
		{command: "elbv2 create-target-group --name b --protocol TCP --port 80 --vpc-id vpc-0a1de000000000001"},
		{command: "elbv2 create-target-group --name c --target-type lambda"},
		{command: "elbv2 describe-target-groups --output json --query length(TargetGroups)",
			before: later(times.BalancingListed), want: "3"},
		{command: "route53 list-resource-record-sets --output json --hosted-zone-id Z0A1DE00000001 --max-items 1 --query " +
			"length(ResourceRecordSets)", want: "1"},
		{command: "resourcegroupstaggingapi get-resources --output json --resource-type-filters ec2:subnet --query " +
			"length(ResourceTagMappingList)", want: "7"},
	})
}

func TestAWSsCommandLineSpeaksToTheOtherServices(t *testing.T) {
	t.Parallel()
	x := open(t)
	web := "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/none/0123456789abcdef"
	x.do(t, []step{
		// the third has an elliptic key
		{command: "acm list-certificates --query CertificateSummaryList[].DomainName", want: `[a-z.]+ [a-z.]+`},
		{command: "acm request-certificate --domain-name new.example.com --validation-method DNS --tags Key=a,Value=b " +
			"--query CertificateArn", keep: "certificate", want: "arn:aws:acm:us-west-2:123456789012:certificate/.*"},
		{command: "acm describe-certificate --certificate-arn {certificate} --query " +
			"Certificate.[Status,DomainValidationOptions[0].ResourceRecord]", want: `PENDING_VALIDATION None`},
		{command: "acm describe-certificate --certificate-arn {certificate} --query " +
			"Certificate.DomainValidationOptions[0].ResourceRecord.Type", before: later(times.CertificateRecord), want: "CNAME"},
		{command: "acm describe-certificate --certificate-arn {certificate}0", code: "ResourceNotFoundException"},
		{command: "acm delete-certificate --certificate-arn {certificate}"},
		{command: "wafv2 create-web-acl --name guard --scope REGIONAL --default-action Allow={} --visibility-config " +
			"SampledRequestsEnabled=false,CloudWatchMetricsEnabled=false,MetricName=m --query Summary.ARN", keep: "acl"},
		{command: "wafv2 list-web-acls --scope REGIONAL --query WebACLs[].Name", want: "guard"},
		{command: "wafv2 associate-web-acl --web-acl-arn {acl} --resource-arn " + web, code: "WAFNonexistentItemException"},
		{command: "wafv2 associate-web-acl --web-acl-arn {acl} --resource-arn " + strings.Replace(web, "/app/", "/net/", 1),
			code: "WAFInvalidParameterException"},
		{command: "elbv2 describe-load-balancers --load-balancer-arns " + web, code: "LoadBalancerNotFound"},
		{command: "elbv2 create-target-group --name bad_name --protocol HTTP --port 80 --vpc-id vpc-0a1de000000000001",
			code: "ValidationError"},
		{command: "ec2 describe-vpcs --vpc-ids vpc-00000000", code: "InvalidVpcID.NotFound",
			want: ".*The vpc ID 'vpc-00000000' does not exist"},
		{command: "ec2 describe-vpcs --filters Name=colour,Values=blue", code: "InvalidParameterValue",
			want: ".*The filter 'colour' is invalid"},
		{command: "route53 list-resource-record-sets --hosted-zone-id Z0NOWHERE", code: "NoSuchHostedZone"},
		{command: "sts assume-role --role-arn arn:aws:iam::123456789012:role/none --role-session-name me",
			code: "AccessDenied"},
		{command: "globalaccelerator create-accelerator --region us-west-2 --name edge --query " +
			"Accelerator.[Status,IpSets[0].IpAddressFamily]", want: "IN_PROGRESS IPv4"},
		// in any region, as its endpoint is found
		{command: "shield get-subscription-state --query SubscriptionState", want: "INACTIVE"},
		{command: "shield get-subscription-state --region us-east-1 --query SubscriptionState", want: "INACTIVE"},
	})
	x.start(t, python(t), x.Seed().IAM.Users[0].Keys[0].ID, "guessed")
	for service, code := range map[string]string{
		"elbv2 describe-load-balancers": "SignatureDoesNotMatch", "ec2 describe-vpcs": "AuthFailure",
		"acm list-certificates":     "InvalidSignatureException",
		"route53 list-hosted-zones": "SignatureDoesNotMatch",
	} {
		if _, errs := x.typed(t, service); !strings.Contains(errs, fmt.Sprintf("(%s)", code)) {
			t.Errorf("%s with a wrong secret: %s, want %s", service, errs, code)
		}
	}
}
