package clitest

const deadBalancer = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/none/0123456789abcdef"

var callsOfBalancing = []sent{
	{service: "elbv2", action: "CreateLoadBalancer", parameters: `{"Name": "web", "Subnets": ["subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"], "SecurityGroups": ["sg-0a1de000000000002"], "Tags": [{"Key": "app", "Value": "web"}]}`,
		want: `"CreatedTime":"time","DNSName":"web-.*"SecurityGroups":\["sg-0a1de000000000002"\],"State":{"Code":"provisioning"},"Type":"application"`, keep: map[string]string{"lb": `"LoadBalancerArn":"([^"]+)"`}},
	{service: "elbv2", action: "CreateTargetGroup", parameters: `{"Name": "web", "Protocol": "HTTP", "Port": 8080, "TargetType": "ip", "VpcId": "vpc-0a1de000000000001", "Matcher": {"HttpCode": "200-299"}}`,
		want: `"HealthCheckEnabled":true,"HealthCheckIntervalSeconds":30,.*"Matcher":{"HttpCode":"200-299"},"Port":8080,`, keep: map[string]string{"tg": `"TargetGroupArn":"([^"]+)"`}},
	{service: "elbv2", action: "CreateListener", parameters: `{"LoadBalancerArn": "{lb}", "Protocol": "HTTP", "Port": 80, "DefaultActions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "{tg}", "Weight": 3}]}}]}`,
		want: `"ForwardConfig":{"TargetGroupStickinessConfig":{"Enabled":false},"TargetGroups":\[{"TargetGroupArn":"{tg}","Weight":3}\]}`, keep: map[string]string{"listener": `"ListenerArn":"([^"]+)"`}},
	{service: "elbv2", action: "CreateRule", parameters: `{"ListenerArn": "{listener}", "Priority": 7, "Conditions": [{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a", "Value": "b&<c>"}]}}], "Actions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "grüße"}}]}`,
		want: `"MessageBody":"grüße".*"QueryStringConfig":{"Values":\[{"Key":"a","Value":"b\\u0026\\u003cc\\u003e"}\]}.*"IsDefault":false,"Priority":"7"`},
	{service: "elbv2", action: "RegisterTargets", parameters: `{"TargetGroupArn": "{tg}", "Targets": [{"Id": "10.0.128.77"}]}`, want: `^{}$`},
	{service: "elbv2", action: "DescribeTargetHealth", parameters: `{"TargetGroupArn": "{tg}"}`, want: `"Target":{"AvailabilityZone":"us-west-2a","Id":"10.0.128.77","Port":8080},"TargetHealth":{"Description":"[^"]+","Reason":"Elb.RegistrationInProgress","State":"initial"}`},
	{service: "elbv2", action: "DescribeRules", parameters: `{"ListenerArn": "{listener}"}`, want: `"Conditions":\[\],"IsDefault":true,"Priority":"default"`},
	{service: "elbv2", action: "DescribeTags", parameters: `{"ResourceArns": ["{lb}", "{tg}"]}`, want: `"Tags":\[\]}`},
	{service: "elbv2", action: "DescribeLoadBalancers", parameters: `{"Names": ["none"]}`, code: "LoadBalancerNotFound", status: 400},
	{service: "elbv2", action: "DescribeTargetGroups", parameters: `{"TargetGroupArns": ["arn:bad"]}`, code: "ValidationError", status: 400},
	{service: "acm", action: "DescribeCertificate", parameters: `{"CertificateArn": "arn:aws:acm:us-west-2:123456789012:certificate/0a1de002-0000-4000-8000-000000000002"}`,
		want: `"InUseBy":\[\],.*"KeyAlgorithm":"EC_prime256v1".*"NotAfter":"time"`},
	{service: "acm", action: "GetCertificate", parameters: `{"CertificateArn": "arn:aws:acm:us-west-2:123456789012:certificate/0a1de002-0000-4000-8000-000000000002"}`, want: `"Certificate":"-----BEGIN CERTIFICATE-----`},
	{service: "acm", action: "DescribeCertificate", parameters: `{"CertificateArn": "arn:aws:acm:us-west-2:123456789012:certificate/0a1de009-0000-4000-8000-000000000009"}`, code: "ResourceNotFoundException", status: 400},
	{service: "resourcegroupstaggingapi", action: "GetResources", parameters: `{"TagFilters": [{"Key": "Name", "Values": ["demo-web"]}]}`,
		want: `"ResourceTagMappingList":\[{"ResourceARN":"arn:aws:ec2:us-west-2:123456789012:security-group/sg-0a1de000000000002","Tags":\[{"Key":"Name","Value":"demo-web"}\]}\]`},
	{service: "resourcegroupstaggingapi", action: "GetResources", parameters: `{"TagFilters": [{"Key": "Name", "Values": ["nothing"]}]}`, want: `"ResourceTagMappingList":\[\]`},
	{service: "resourcegroupstaggingapi", action: "GetResources", parameters: `{"PaginationToken": "spoilt"}`, code: "PaginationTokenExpiredException", status: 400},
}

var callsOfNetworks = []sent{
	{service: "ec2", action: "CreateSecurityGroup", parameters: `{"GroupName": "front", "Description": "front", "VpcId": "vpc-0a1de000000000001", "TagSpecifications": [{"ResourceType": "security-group", "Tags": [{"Key": "k", "Value": "v"}]}]}`,
		want: `"GroupId":"sg-[0-9a-f]{17}".*"Tags":\[{"Key":"k","Value":"v"}\]`},
	{service: "ec2", action: "DescribeSecurityGroups", parameters: `{"Filters": [{"Name": "group-name", "Values": ["demo-web"]}]}`,
		want: `"IpPermissions":\[{"FromPort":80,"IpProtocol":"tcp","IpRanges":\[{"CidrIp":"0.0.0.0/0","Description":"open to the world"}\],"Ipv6Ranges":\[\],"PrefixListIds":\[\],"ToPort":80,"UserIdGroupPairs":\[\]}`},
	{service: "ec2", action: "DescribeSecurityGroups", parameters: `{"Filters": [{"Name": "group-name", "Values": ["nothing"]}]}`, want: `"SecurityGroups":\[\]`},
	{service: "ec2", action: "DescribeSubnets", parameters: `{"SubnetIds": ["subnet-0a1de0000000000a1"]}`, want: `"AvailableIpAddressCount":\d+,.*"Ipv6CidrBlock":"2600:1f14:abc:de00::/64","Ipv6CidrBlockState":{"State":"associated"}.*"MapPublicIpOnLaunch":true`},
	{service: "ec2", action: "DescribeSubnets", parameters: `{"SubnetIds": ["subnet-0a1de0000000000a3"]}`, want: `"Ipv6CidrBlockAssociationSet":\[\]`},
	{service: "ec2", action: "DescribeNetworkInterfaces", parameters: `{"Filters": [{"Name": "attachment.instance-id", "Values": ["i-0a1de0000000000a1"]}]}`, want: `"Groups":\[{"GroupId":"sg-0a1de000000000001",.*"Ipv6Addresses":\[\],.*"TagSet":\[\]`},
	{service: "ec2", action: "DescribeRouteTables", parameters: `{"Filters": [{"Name": "association.main", "Values": ["true"]}]}`, want: `"PropagatingVgws":\[\],.*"Tags":\[\]`},
	{service: "ec2", action: "DescribeInternetGateways", want: `"Attachments":\[{"State":"available",.*"Tags":\[\]`},
	{service: "ec2", action: "DescribeInstances", parameters: `{"InstanceIds": ["i-0a1de0000000000a1"]}`, want: `"LaunchTime":"time".*"State":{"Code":16,"Name":"running"}`},
	{service: "ec2", action: "DescribeManagedPrefixLists", parameters: `{"Filters": [{"Name": "prefix-list-name", "Values": ["com.amazonaws.global.cloudfront.origin-facing"]}]}`, want: `"OwnerId":"AWS","PrefixListArn":.*"PrefixListId":"pl-82a045eb"`},
	{service: "ec2", action: "DescribeSecurityGroups", parameters: `{"GroupIds": ["sg-00000000000000000"]}`, code: "InvalidGroup.NotFound", status: 400},
	{service: "ec2", action: "DescribeVpcs", parameters: `{"DryRun": true}`, code: "DryRunOperation", status: 412},
	{service: "sts", action: "GetCallerIdentity", want: `"Account":"123456789012","Arn":"arn:aws:iam::123456789012:user/admin","UserId":"`},
	{service: "sts", action: "AssumeRole", parameters: `{"RoleArn": "arn:aws:iam::123456789012:role/none", "RoleSessionName": "me"}`, code: "AccessDenied", status: 403},
}

var callsOfFirewalls = []sent{
	{service: "wafv2", action: "CreateWebACL", parameters: `{"Name": "guard", "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": {"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": true, "MetricName": "m"}, "Rules": [
		{"Name": "r", "Priority": 1, "Action": {"Block": {}}, "Statement": {"ByteMatchStatement": {"SearchString": "evil", "FieldToMatch": {"UriPath": {}}, "PositionalConstraint": "CONTAINS", "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}},
		"VisibilityConfig": {"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "r"}}]}`,
		want: `"LockToken":"`, keep: map[string]string{"acl": `"ARN":"([^"]+)"`, "acl-id": `"Id":"([^"]+)"`}},
	{service: "wafv2", action: "GetWebACL", parameters: `{"Name": "guard", "Scope": "REGIONAL", "Id": "{acl-id}"}`, want: `"DefaultAction":{"Allow":{}}.*"SearchString":"evil"`},
	{service: "wafv2", action: "AssociateWebACL", parameters: `{"WebACLArn": "{acl}", "ResourceArn": "{lb}"}`, code: "WAFUnavailableEntityException", status: 400}, // both are new
	{service: "wafv2", action: "AssociateWebACL", parameters: `{"WebACLArn": "{acl}", "ResourceArn": "` + deadBalancer + `"}`, code: "WAFNonexistentItemException", status: 400},
	{service: "wafv2", action: "ListWebACLs", parameters: `{"Scope": "NATIONAL"}`, code: "WAFInvalidParameterException", status: 400},
	{service: "shield", action: "GetSubscriptionState", want: `"SubscriptionState":"INACTIVE"`},
	{service: "shield", action: "CreateProtection", parameters: `{"Name": "p", "ResourceArn": "{lb}"}`, code: "ResourceNotFoundException", status: 400},
	{service: "shield", action: "CreateSubscription", want: `^{}$`},
	{service: "shield", action: "CreateProtection", parameters: `{"Name": "p", "ResourceArn": "{lb}"}`, want: `"ProtectionId":"`},
	{service: "shield", action: "DescribeProtection", parameters: `{"ResourceArn": "{lb}"}`, want: `"Name":"p",.*"ResourceArn":"{lb}"`},
}

var callsOfNames = []sent{
	{service: "route53", action: "ListHostedZones", want: `"HostedZones":\[{"CallerReference":"[^"]*","Config":{"PrivateZone":false},"Id":"/hostedzone/Z0A1DE00000001","Name":"example.com.","ResourceRecordSetCount":\d+}\],"IsTruncated":false`},
	{service: "route53", action: "ChangeResourceRecordSets", parameters: `{"HostedZoneId": "Z0A1DE00000001", "ChangeBatch": {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {"Name": "x.example.com", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": "\"a & b\""}]}}]}}`,
		want: `"Id":"/change/C[0-9A-Z]+","Status":"PENDING","SubmittedAt":"time"`},
	{service: "route53", action: "ListResourceRecordSets", parameters: `{"HostedZoneId": "Z0A1DE00000001", "StartRecordName": "x.example.com"}`, want: `"ResourceRecords":\[{"Value":"\\"a \\u0026 b\\""}\],"TTL":60,"Type":"TXT"`},
	{service: "route53", action: "ChangeResourceRecordSets", parameters: `{"HostedZoneId": "Z0A1DE00000001", "ChangeBatch": {"Changes": [{"Action": "DELETE", "ResourceRecordSet": {"Name": "y.example.com", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": "\"a\""}]}}]}}`,
		code: "InvalidChangeBatch", status: 400, after: times.RecordBatch},
	{service: "route53", action: "GetHostedZone", parameters: `{"Id": "Z0NOWHERE"}`, code: "NoSuchHostedZone", status: 404},
	{service: "globalaccelerator", action: "CreateAccelerator", parameters: `{"Name": "edge", "IdempotencyToken": "t"}`, want: `"CreatedTime":"time","DnsName":".*"Enabled":true.*"IpAddresses":\["[0-9.]+","[0-9.]+"\]`, keep: map[string]string{"accelerator": `"AcceleratorArn":"([^"]+)"`}},
	{service: "globalaccelerator", action: "CreateListener", parameters: `{"AcceleratorArn": "{accelerator}", "PortRanges": [{"FromPort": 80, "ToPort": 81}], "Protocol": "TCP", "IdempotencyToken": "l"}`, want: `"PortRanges":\[{"FromPort":80,"ToPort":81}\]`},
	{service: "globalaccelerator", action: "DeleteAccelerator", parameters: `{"AcceleratorArn": "{accelerator}"}`, code: "AcceleratorNotDisabledException", status: 400, after: times.AcceleratorDeploy},
}
