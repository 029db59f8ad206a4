package wire

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

const fixedID = "00000000-0000-4000-8000-000000000001"

func newFixedRig(t *testing.T) *rig {
	return newRig(t, Options{NewRequestID: func() string { return fixedID }})
}

// raw is a request as it is on the wire.
type raw struct {
	service, region string // of the signature; no service: unsigned
	target          string
	body            string
	header          map[string]string
	method, query   string
}

func (r *rig) send(t *testing.T, q raw) (*http.Response, string) {
	t.Helper()
	if q.method == "" {
		q.method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), q.method, r.url+"/"+q.query, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	if q.service != "" {
		if q.region == "" {
			q.region = "us-west-2"
		}
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260102/"+q.region+"/"+q.service+
			"/aws4_request, SignedHeaders=host;x-amz-date, Signature=0123")
	}
	if q.target != "" {
		req.Header.Set("X-Amz-Target", q.target)
	}
	for k, v := range q.header {
		req.Header.Set(k, v)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// content is a value as JSON has it, without what is not set.
func content(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	return present(tree)
}

func present(tree any) any {
	switch v := tree.(type) {
	case []any:
		for i := range v {
			v[i] = present(v[i])
		}
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, field any) bool { return field == nil || field == "" })
		for k := range v {
			v[k] = present(v[k])
		}
	}
	return tree
}

func TestRequestsAsStockClientsSendThemAreUnderstood(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		raw           raw
		input, fields string
	}{
		"a rule with conditions, actions, a transform and tags": {raw{service: "elasticloadbalancing", body: "Action=CreateRule&Version=2015-12-01&ListenerArn=arn&Priority=10" +
			"&Conditions.member.1.Field=path-pattern&Conditions.member.1.PathPatternConfig.Values.member.1=%2Fa%2F%2A&Conditions.member.1.PathPatternConfig.Values.member.2=%2Fb" +
			"&Conditions.member.2.Field=query-string&Conditions.member.2.QueryStringConfig.Values.member.1.Key=v&Conditions.member.2.QueryStringConfig.Values.member.1.Value=1" +
			"&Actions.member.1.Type=forward&Actions.member.1.Order=1&Actions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn=tg&Actions.member.1.ForwardConfig.TargetGroups.member.1.Weight=1" +
			"&Actions.member.1.ForwardConfig.TargetGroupStickinessConfig.Enabled=false&Transforms.member.1.Type=url-rewrite&Transforms.member.1.UrlRewriteConfig.Rewrites.member.1.Regex=%5E%2Fa" +
			"&Transforms.member.1.UrlRewriteConfig.Rewrites.member.1.Replace=%2F&Tags.member.1.Key=k&Tags.member.1.Value=v"},
			"CreateRuleInput", `{"ListenerArn": "arn", "Priority": 10,
				"Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a/*", "/b"]}},
					{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "1"}]}}],
				"Actions": [{"Type": "forward", "Order": 1, "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "tg", "Weight": 1}],
					"TargetGroupStickinessConfig": {"Enabled": false}}}],
				"Transforms": [{"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/a", "Replace": "/"}]}}],
				"Tags": [{"Key": "k", "Value": "v"}]}`},
		"an empty list": {raw{service: "elasticloadbalancing",
			body: "Action=SetSecurityGroups&Version=2015-12-01&LoadBalancerArn=lb&SecurityGroups="},
			"SetSecurityGroupsInput", `{"LoadBalancerArn": "lb", "SecurityGroups": []}`},
		"no list at all": {raw{service: "elasticloadbalancing", body: "Action=SetSecurityGroups&Version=2015-12-01&LoadBalancerArn=lb"},
			"SetSecurityGroupsInput", `{"LoadBalancerArn": "lb"}`},
		"scalars": {raw{service: "elasticloadbalancing",
			body: "Action=CreateRule&Priority=007&Actions.member.1.AuthenticateOidcConfig.UseExistingClientSecret=true&Actions.member.1.AuthenticateOidcConfig.SessionTimeout=604800&ListenerArn=a%20b%26c"},
			"CreateRuleInput", `{"Priority": 7, "ListenerArn": "a b&c", "Actions": [{"AuthenticateOidcConfig":
				{"UseExistingClientSecret": true, "SessionTimeout": 604800}}]}`},
		"a map": {raw{service: "elasticloadbalancing",
			body: "Action=CreateRule&Version=2015-12-01&Actions.member.1.AuthenticateOidcConfig.AuthenticationRequestExtraParams.entry.1.key=display&Actions.member.1.AuthenticateOidcConfig.AuthenticationRequestExtraParams.entry.1.value=page"},
			"CreateRuleInput", `{"Actions": [{"AuthenticateOidcConfig":
				{"AuthenticationRequestExtraParams": {"display": "page"}}}]}`},
		"list items in any order, with gaps": {raw{service: "elasticloadbalancing",
			body: "Action=DescribeTags&ResourceArns.member.10=c&ResourceArns.member.9=b&ResourceArns.member.1=a"},
			"DescribeTagsInput", `{"ResourceArns": ["a", "b", "c"]}`},
		"parameters in the URL": {raw{service: "elasticloadbalancing", method: http.MethodGet,
			query: "?Action=DescribeTags&Version=2015-12-01&ResourceArns.member.1=a"},
			"DescribeTagsInput", `{"ResourceArns": ["a"]}`},
		"unknown parameters, which balancing ignores": {raw{service: "elasticloadbalancing", body: "Action=DescribeTags&Foo.Bar=1"},
			"DescribeTagsInput", `{}`},
		"ingress permissions": {raw{service: "ec2",
			body: "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-1&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=80&IpPermissions.1.ToPort=80" +
				"&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0&IpPermissions.1.IpRanges.1.Description=d&IpPermissions.1.Groups.1.GroupId=sg-2&IpPermissions.1.PrefixListIds.1.PrefixListId=pl-1&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=%3A%3A%2F0"},
			"AuthorizeSecurityGroupIngressInput", `{"GroupId": "sg-1", "IpPermissions": [{
				"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "d"}],
				"UserIdGroupPairs": [{"GroupId": "sg-2"}], "PrefixListIds": [{"PrefixListId": "pl-1"}],
				"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]}`},
		"a new group with tags": {raw{service: "ec2",
			body: "Action=CreateSecurityGroup&Version=2016-11-15&GroupName=n&GroupDescription=d&VpcId=vpc-1&TagSpecification.1.ResourceType=security-group&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b"},
			"CreateSecurityGroupInput", `{"GroupName": "n", "Description": "d", "VpcId": "vpc-1",
				"TagSpecifications": [{"ResourceType": "security-group", "Tags": [{"Key": "a", "Value": "b"}]}]}`},
		"ids and filters": {raw{service: "ec2",
			body: "Action=DescribeSubnets&Version=2016-11-15&SubnetId.1=subnet-1&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1&Filter.1.Value.2=vpc-2&MaxResults=1000"},
			"DescribeSubnetsInput", `{"SubnetIds": ["subnet-1"], "MaxResults": 1000,
				"Filters": [{"Name": "vpc-id", "Values": ["vpc-1", "vpc-2"]}]}`},
		"tags": {raw{service: "ec2", body: "Action=CreateTags&Version=2016-11-15&ResourceId.1=sg-1&Tag.1.Key=a&Tag.1.Value=b"},
			"CreateTagsInput", `{"Resources": ["sg-1"], "Tags": [{"Key": "a", "Value": "b"}]}`},
		"rules by id": {raw{service: "ec2", body: "Action=RevokeSecurityGroupIngress&Version=2016-11-15&SecurityGroupRuleId.1=sgr-1"},
			"RevokeSecurityGroupIngressInput", `{"SecurityGroupRuleIds": ["sgr-1"]}`},
		"certificates by key type": {raw{service: "acm", target: "CertificateManager.ListCertificates",
			body: `{"Includes":{"keyTypes":["RSA_2048"]},"CertificateStatuses":["ISSUED"],"Unknown":{"x":1}}`},
			"ListCertificatesInput", `{"Includes": {"KeyTypes": ["RSA_2048"]},
				"CertificateStatuses": ["ISSUED"]}`},
		"an empty JSON body": {raw{service: "acm", target: "CertificateManager.ListCertificates"},
			"ListCertificatesInput", `{}`},
		"a target without a known scope": {raw{target: "CertificateManager.ListCertificates", body: "{}", header: map[string]string{
			"Authorization": "AWS4-HMAC-SHA256 Credential=AKIATEST/20260102/us-west-2/acm/aws4_request,SignedHeaders=host,Signature=0"}},
			"ListCertificatesInput", `{}`},
		"a web identity, unsigned": {raw{body: "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=r&RoleSessionName=s&WebIdentityToken=t"},
			"AssumeRoleWithWebIdentityInput", `{"RoleArn": "r", "RoleSessionName": "s", "WebIdentityToken": "t"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFixedRig(t)
			var got any
			r.handle(func(_ context.Context, _, _ string, in any) (any, error) {
				got = in
				return nil, nil
			})
			if resp, body := r.send(t, tt.raw); resp.StatusCode != http.StatusOK || resp.Header.Get("X-Amzn-Requestid") !=
				fixedID || resp.Header.Get("Date") == "" {
				t.Fatalf("answered %s %v %s", resp.Status, resp.Header, body)
			}
			if input := reflect.TypeOf(got).Elem().Name(); input != tt.input {
				t.Errorf("got %s, want %s", input, tt.input)
			}
			if diff := cmp.Diff(content(t, json.RawMessage(tt.fields)), content(t, got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswersAreWrittenAsAWSWritesThem(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		raw         raw
		out         any
		contentType string
		want        string
	}{
		"load balancers": {
			raw{service: "elasticloadbalancing", body: "Action=DescribeLoadBalancers"},
			&elbv2.DescribeLoadBalancersOutput{LoadBalancers: []elbv2types.LoadBalancer{{
				AvailabilityZones: []elbv2types.AvailabilityZone{{LoadBalancerAddresses: []elbv2types.LoadBalancerAddress{},
					SubnetId: aws.String("subnet-1"), ZoneName: aws.String("us-west-2a")}},
				CreatedTime: aws.Time(time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)),
				DNSName:     aws.String("n1.elb.us-west-2.amazonaws.com"), SecurityGroups: []string{"sg-1"},
				State: &elbv2types.LoadBalancerState{Code: "provisioning"}, Type: "network",
			}}},
			"text/xml",
			`<DescribeLoadBalancersResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><DescribeLoadBalancersResult><LoadBalancers><member>` +
				`<AvailabilityZones><member><LoadBalancerAddresses></LoadBalancerAddresses><SubnetId>subnet-1</SubnetId><ZoneName>us-west-2a</ZoneName></member></AvailabilityZones>` +
				`<CreatedTime>2026-01-02T03:04:05.678Z</CreatedTime><DNSName>n1.elb.us-west-2.amazonaws.com</DNSName><SecurityGroups><member>sg-1</member></SecurityGroups>` +
				`<State><Code>provisioning</Code></State><Type>network</Type></member></LoadBalancers></DescribeLoadBalancersResult>` +
				`<ResponseMetadata><RequestId>` + fixedID + `</RequestId></ResponseMetadata></DescribeLoadBalancersResponse>`,
		},
		"nothing": {
			raw{service: "elasticloadbalancing", body: "Action=DeleteRule"}, &elbv2.DeleteRuleOutput{}, "text/xml",
			`<DeleteRuleResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><DeleteRuleResult></DeleteRuleResult>` +
				`<ResponseMetadata><RequestId>` + fixedID + `</RequestId></ResponseMetadata></DeleteRuleResponse>`,
		},
		"security groups": {
			raw{service: "ec2", body: "Action=DescribeSecurityGroups"},
			&ec2.DescribeSecurityGroupsOutput{SecurityGroups: []ec2types.SecurityGroup{{
				GroupId: aws.String("sg-1"), Description: aws.String("d"), IpPermissionsEgress: []ec2types.IpPermission{},
				IpPermissions: []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80),
					ToPort: aws.Int32(80), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}},
					UserIdGroupPairs: []ec2types.UserIdGroupPair{}}},
				Tags: []ec2types.Tag{{Key: aws.String("a"), Value: aws.String("b")}},
			}}},
			"text/xml;charset=UTF-8",
			declaration + `<DescribeSecurityGroupsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>` +
				fixedID + `</requestId><securityGroupInfo><item>` +
				`<groupDescription>d</groupDescription><groupId>sg-1</groupId><ipPermissions><item><fromPort>80</fromPort><ipProtocol>tcp</ipProtocol><ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges><ipv6Ranges></ipv6Ranges><prefixListIds></prefixListIds>` +
				`<toPort>80</toPort><groups></groups></item></ipPermissions><ipPermissionsEgress></ipPermissionsEgress><tagSet><item><key>a</key><value>b</value></item></tagSet></item></securityGroupInfo></DescribeSecurityGroupsResponse>`,
		},
		"done": {
			raw{service: "ec2", body: "Action=CreateTags"}, &ec2.CreateTagsOutput{}, "text/xml;charset=UTF-8",
			declaration + `<CreateTagsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>` + fixedID +
				`</requestId><return>true</return></CreateTagsResponse>`,
		},
		"done, with results": {
			raw{service: "ec2", body: "Action=AuthorizeSecurityGroupIngress"}, &ec2.AuthorizeSecurityGroupIngressOutput{
				SecurityGroupRules: []ec2types.SecurityGroupRule{}}, "text/xml;charset=UTF-8",
			declaration + `<AuthorizeSecurityGroupIngressResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>` +
				fixedID +
				`</requestId><return>true</return><securityGroupRuleSet></securityGroupRuleSet></AuthorizeSecurityGroupIngressResponse>`,
		},
		"a certificate": {
			raw{service: "acm", target: "CertificateManager.DescribeCertificate", body: "{}"},
			&acm.DescribeCertificateOutput{Certificate: &acmtypes.CertificateDetail{CertificateArn: aws.String("arn"),
				NotAfter: aws.Time(time.UnixMilli(1_700_000_000_250)), InUseBy: []string{}}},
			"application/x-amz-json-1.1", `{"Certificate":{"CertificateArn":"arn","InUseBy":[],"NotAfter":1700000000.25}}`,
		},
		"a void operation": {
			raw{service: "acm", target: "CertificateManager.DeleteCertificate", body: "{}"}, &acm.DeleteCertificateOutput{},
			"application/x-amz-json-1.1", `{}`,
		},
		"an empty page": {
			raw{service: "tagging", target: "ResourceGroupsTaggingAPI_20170126.GetResources", body: "{}"},
			&resourcegroupstaggingapi.GetResourcesOutput{PaginationToken: aws.String("")}, "application/x-amz-json-1.1",
			`{"PaginationToken":"","ResourceTagMappingList":[]}`,
		},
		"an empty page in CBOR": {
			rpc("GetResources", "\xa0"),
			&resourcegroupstaggingapi.GetResourcesOutput{PaginationToken: aws.String("")}, "application/cbor",
			"\xa2oPaginationToken`vResourceTagMappingList\x80",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFixedRig(t)
			r.handle(func(context.Context, string, string, any) (any, error) { return tt.out, nil })
			resp, body := r.send(t, tt.raw)
			if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != tt.contentType {
				t.Errorf("answered %s with %s", resp.Status, resp.Header.Get("Content-Type"))
			}
			if diff := cmp.Diff(tt.want, body); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCallsThatCannotBeServedGetAWSsOwnErrors(t *testing.T) {
	t.Parallel()
	signed := "AWS4-HMAC-SHA256 Credential=AKIATEST/20260102/us-west-2/elasticloadbalancing/aws4_request"
	for name, tt := range map[string]struct {
		raw    raw
		status int
		want   string // in the body
	}{
		"unsigned balancing": {raw{body: "Action=DescribeRules&Version=2015-12-01"}, 403,
			"<Code>MissingAuthenticationToken</Code>"},
		"unsigned compute": {raw{body: "Action=DescribeVpcs&Version=2016-11-15"}, 401,
			"<Response><Errors><Error><Code>AuthFailure</Code>"},
		"unsigned certificates": {raw{target: "CertificateManager.ListCertificates", body: "{}"}, 400,
			`"__type":"MissingAuthenticationTokenException"`},
		"half a signature": {raw{body: "Action=DescribeRules&Version=2015-12-01", header: map[string]string{
			"Authorization": signed}}, 400, "<Code>IncompleteSignature</Code>"},
		"another algorithm": {raw{body: "Action=DescribeRules&Version=2015-12-01", header: map[string]string{
			"Authorization": "Basic eDp5"}}, 400, "<Code>IncompleteSignature</Code>"},
		"another region": {raw{service: "elasticloadbalancing", region: "eu-west-1",
			body: "Action=DescribeRules"}, 403, "<Code>SignatureDoesNotMatch</Code>"},
		"another region for compute": {raw{service: "ec2", region: "eu-west-1", body: "Action=DescribeVpcs"}, 401,
			"<Code>AuthFailure</Code>"},
		"no action":             {raw{service: "elasticloadbalancing"}, 400, "<Code>MissingAction</Code>"},
		"no action for compute": {raw{service: "ec2"}, 400, "<Code>MissingAction</Code>"},
		"no target":             {raw{service: "acm", body: "{}"}, 400, "UnknownOperationException"},
		"an unknown action": {raw{service: "elasticloadbalancing", body: "Action=Dance"}, 400,
			"<Type>Sender</Type><Code>InvalidAction</Code>"},
		"an unknown compute action": {raw{service: "ec2", body: "Action=Dance"}, 400,
			"<Code>InvalidAction</Code><Message>The action Dance is not valid for this web service.</Message>"},
		"an unknown target": {raw{service: "acm", target: "CertificateManager.Dance", body: "{}"}, 400,
			"UnknownOperationException"},
		"an unknown service": {raw{service: "sqs", body: "Action=Dance"}, 400,
			"<Code>InvalidAction</Code><Message>the simulator does not have the service &#34;sqs&#34;</Message>"},
		"an unknown REST service": {raw{service: "eks", method: http.MethodPut}, 400,
			"the simulator does not have the service &#34;eks&#34;"},
		"an unknown JSON service": {raw{service: "dynamodb", target: "DynamoDB_20120810.Query", body: "{}"}, 400,
			`{"__type":"UnknownOperationException","message":"the simulator does not have the service \"dynamodb\""}`},
		"an old version": {
			raw{service: "elasticloadbalancing", body: "Action=DescribeLoadBalancers&Version=2012-06-01"}, 400,
			"<Code>InvalidAction</Code>"},
		"a bad number": {raw{service: "elasticloadbalancing", body: "Action=CreateListener&Port=http"}, 400,
			"<Code>MalformedInput</Code>"},
		"a number too large": {
			raw{service: "elasticloadbalancing", body: "Action=CreateListener&Port=4294967376"}, 400,
			"<Code>MalformedInput</Code>"},
		"a bad list": {
			raw{service: "elasticloadbalancing", body: "Action=DescribeTags&ResourceArns.member.x=1"}, 400,
			"<Code>MalformedInput</Code>"},
		"a value for a list": {raw{service: "elasticloadbalancing", body: "Action=DescribeTags&ResourceArns=1"},
			400, "<Code>MalformedInput</Code>"},
		"a value for a structure": {raw{service: "elasticloadbalancing", body: "Action=CreateRule&Actions.member.1=x"},
			400, "<Code>MalformedInput</Code>"},
		"a structure for a value": {raw{service: "elasticloadbalancing", body: "Action=CreateRule&Priority.x=1"}, 400,
			"<Code>MalformedInput</Code>"},
		"a bad compute number": {raw{service: "ec2", body: "Action=DescribeSubnets&MaxResults=many"}, 400,
			"<Code>InvalidParameterValue</Code>"},
		"an unknown parameter": {raw{service: "ec2", body: "Action=DescribeSubnets&SubnetIds.1=x"}, 400,
			"<Code>UnknownParameter</Code><Message>The parameter SubnetIds.1 is not recognized</Message>"},
		"a signature without names": {raw{body: "Action=DescribeRules&Version=2015-12-01", header: map[string]string{
			"Authorization": signed + ", Signature=01"}}, 400, "<Type>Sender</Type><Code>IncompleteSignature</Code>"},
		"names without a signature": {raw{body: "Action=DescribeRules&Version=2015-12-01", header: map[string]string{
			"Authorization": signed + ", SignedHeaders=host"}}, 400, "<Code>IncompleteSignature</Code>"},
		"a scope that is cut off": {raw{body: "Action=DescribeRules&Version=2015-12-01", header: map[string]string{
			"Authorization": strings.TrimSuffix(signed, "/aws4_request") + ", SignedHeaders=host, Signature=01"}}, 400,
			"<Code>IncompleteSignature</Code>"},
		"a bad number within lists": {
			raw{service: "elasticloadbalancing",
				body: "Action=CreateRule&Actions.member.1.Type=forward&Actions.member.1.Order=first"}, 400,
			"parameter Actions.member.1.Order: &#34;first&#34; is not an integer"},
		"a bad list within lists": {
			raw{service: "elasticloadbalancing",
				body: "Action=CreateRule&Conditions.member.1.PathPatternConfig.Values.member.0=x"}, 400,
			"parameter Conditions.member.1.PathPatternConfig.Values.member: &#34;0&#34; is not the number of a list item"},
		"a bad map": {
			raw{service: "elasticloadbalancing",
				body: "Action=CreateRule&Actions.member.1.AuthenticateOidcConfig.AuthenticationRequestExtraParams.entry.x.key=k"},
			400, "AuthenticationRequestExtraParams.entry: &#34;x&#34; is not the number of a list item"},
		"a bad value of a map": {
			raw{service: "elasticloadbalancing",
				body: "Action=CreateRule&Actions.member.1.AuthenticateOidcConfig.AuthenticationRequestExtraParams.entry.1.value.x=k"}, 400, "AuthenticationRequestExtraParams.entry.1.value: &#34;&#34; is not a single value"},
		"a value that is too deep": {raw{service: "elasticloadbalancing", body: "Action=DescribeRules&x" +
			strings.Repeat(".x", 40) + "=1"}, 400, "<Code>MalformedInput</Code>"},
		"too deep for compute": {raw{service: "ec2", body: "Action=DescribeVpcs&x" + strings.Repeat(".x", 40) +
			"=1"}, 400, "<Code>InvalidParameterValue</Code>"},
		"a bad number of a compute list": {
			raw{service: "ec2", body: "Action=AuthorizeSecurityGroupIngress&IpPermissions.1.FromPort=x"}, 400,
			"Value (x) for parameter IpPermissions.1.FromPort is invalid"},
		"the first unknown parameter": {
			raw{service: "ec2",
				body: "Action=DescribeSubnets&Filter.1.Name=vpc-id&Filter.1.Worth.2=x&Filter.1.Worth.1=y&Zone=z"}, 400,
			"The parameter Filter.1.Worth.1 is not recognized"},
		"a number in a JSON list": {raw{service: "acm", target: "CertificateManager.ListCertificates",
			body: `{"CertificateStatuses":["ISSUED",1]}`}, 400, `"__type":"SerializationException"`},
		"a JSON object for a list": {raw{service: "acm", target: "CertificateManager.ListCertificates",
			body: `{"CertificateStatuses":{}}`}, 400, `"__type":"SerializationException"`},
		"a JSON list for an object": {raw{service: "acm", target: "CertificateManager.ListCertificates",
			body: `{"Includes":[]}`}, 400, `"__type":"SerializationException"`},
		"a bad number within JSON": {raw{service: "acm", target: "CertificateManager.ListCertificates",
			body: `{"Includes":{"keyTypes":[2048]}}`}, 400, `"__type":"SerializationException"`},
		"a JSON text for a number": {raw{service: "acm", target: "CertificateManager.ListCertificates",
			body: `{"MaxItems":"1"}`}, 400, `"__type":"SerializationException"`},
		"a JSON fraction": {raw{service: "acm", target: "CertificateManager.ListCertificates",
			body: `{"MaxItems":1.5}`}, 400, `"__type":"SerializationException"`},
		"a JSON text for a truth": {raw{service: "wafv2", target: "AWSWAF_20190729.CreateWebACL",
			body: `{"VisibilityConfig":{"SampledRequestsEnabled":"true"}}`}, 400, `"__type":"SerializationException"`},
		"a JSON list for a map": {raw{service: "wafv2", target: "AWSWAF_20190729.CreateWebACL",
			body: `{"CustomResponseBodies":[]}`}, 400, `"__type":"SerializationException"`},
		"a bad value of a JSON map": {raw{service: "wafv2", target: "AWSWAF_20190729.CreateWebACL",
			body: `{"CustomResponseBodies":{"a":{"Content":1}}}`}, 400, `"__type":"SerializationException"`},
		"JSON bytes that are none": {raw{service: "wafv2", target: "AWSWAF_20190729.CreateWebACL",
			body: `{"Rules":[{"Statement":{"ByteMatchStatement":{"SearchString":"?"}}}]}`}, 400,
			`"__type":"SerializationException"`},
		"no form": {raw{service: "ec2", body: "Action=%zz"}, 400, "<Code>MalformedQueryString</Code>"},
		"no JSON": {raw{service: "acm", target: "CertificateManager.ListCertificates", body: "{"}, 400,
			`"__type":"SerializationException"`},
		"a wrong JSON type": {raw{service: "acm", target: "CertificateManager.ListCertificates",
			body: `{"MaxItems":"one"}`}, 400, `"__type":"SerializationException"`},
		"a list for an object": {raw{service: "acm", target: "CertificateManager.ListCertificates", body: `[]`},
			400, `"__type":"SerializationException"`},
		"two JSON values": {raw{service: "acm", target: "CertificateManager.ListCertificates", body: `{}{}`},
			400, `"__type":"SerializationException"`},
		"too much": {raw{service: "ec2", body: "Action=DescribeVpcs&x=" + strings.Repeat("x", maxBody)},
			413, "<Code>RequestEntityTooLarge</Code>"},
		"another method": {raw{service: "ec2", method: http.MethodDelete}, 405, "<Code>InvalidMethod</Code>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFixedRig(t)
			r.handle(func(_ context.Context, service, action string, _ any) (any, error) {
				t.Errorf("%s %s was called", service, action)
				return nil, nil
			})
			resp, body := r.send(t, tt.raw)
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("answered %d %s, want %d with %s", resp.StatusCode, body, tt.status, tt.want)
			}
			if resp.Header.Get("X-Amzn-Requestid") != fixedID {
				t.Error("the answer has no request id")
			}
		})
	}
}

func TestAccessKeysAreJudgedInTheTermsOfEachProtocol(t *testing.T) {
	t.Parallel()
	calls := map[string]raw{
		"elasticloadbalancing": {service: "elasticloadbalancing", body: "Action=DescribeRules"},
		"ec2":                  {service: "ec2", body: "Action=DescribeVpcs"},
		"acm":                  {service: "acm", target: "CertificateManager.ListCertificates", body: "{}"},
	}
	for verdict, want := range map[Verdict]map[string]string{
		KeyUnknown: {"elasticloadbalancing": "InvalidClientTokenId", "ec2": "AuthFailure",
			"acm": "UnrecognizedClientException"},
		KeyExpired: {"elasticloadbalancing": "ExpiredToken", "ec2": "RequestExpired", "acm": "ExpiredTokenException"},
	} {
		r := newRig(t, Options{Authenticate: func(key, token string) Verdict {
			if key != "AKIATEST" || token != "tok" {
				t.Errorf("asked about key %q, token %q", key, token)
			}
			return verdict
		}})
		for service, call := range calls {
			call.header = map[string]string{"X-Amz-Security-Token": "tok"}
			if _, body := r.send(t, call); !strings.Contains(body, want[service]) {
				t.Errorf("%s: %s, want %s", service, body, want[service])
			}
		}
	}
}

func TestErrorsOfHandlersReachTheSDK(t *testing.T) {
	t.Parallel()
	r := newFixedRig(t)
	r.handle(func(ctx context.Context, _, _ string, _ any) (any, error) {
		if gate.Caller(ctx) != "AKIATEST" || gate.RequestID(ctx) != fixedID {
			t.Errorf("the handler sees caller %q, request %q", gate.Caller(ctx), gate.RequestID(ctx))
		}
		return nil, apierr.New("ListenerNotFound", "One or more listeners <not> found")
	})
	c := r.config()
	_, balancing := elbv2.NewFromConfig(c).DeleteListener(t.Context(), &elbv2.DeleteListenerInput{
		ListenerArn: aws.String("x")})
	_, compute := ec2.NewFromConfig(c).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	_, certificates := acm.NewFromConfig(c).ListCertificates(t.Context(), &acm.ListCertificatesInput{})
	for service, err := range map[string]error{"elasticloadbalancing": balancing, "ec2": compute, "acm": certificates} {
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != "ListenerNotFound" ||
			api.ErrorMessage() != "One or more listeners <not> found" {
			t.Errorf("%s: %v", service, err)
		}
		var response interface{ ServiceRequestID() string }
		if !errors.As(err, &response) || response.ServiceRequestID() != fixedID {
			t.Errorf("%s: no request id in %v", service, err)
		}
	}
	var typed *elbv2types.ListenerNotFoundException
	if !errors.As(balancing, &typed) {
		t.Errorf("%v is not the modelled error", balancing)
	}
	r.handle(func(context.Context, string, string, any) (any, error) { return &elbv2.DeleteListenerOutput{}, nil })
	out, err := elbv2.NewFromConfig(c).DeleteListener(t.Context(), &elbv2.DeleteListenerInput{
		ListenerArn: aws.String("x")})
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata); !ok || id != fixedID {
		t.Errorf("request id %q in the result", id)
	}
}

func TestThrottlesAreRetriedByTheSDK(t *testing.T) {
	t.Parallel()
	r := newFixedRig(t)
	calls := 0
	r.handle(func(context.Context, string, string, any) (any, error) {
		if calls++; calls == 1 {
			return nil, apierr.New("Throttling", "Rate exceeded")
		}
		return &elbv2.DescribeRulesOutput{}, nil
	})
	c := r.config()
	c.Retryer = nil
	c.RetryMaxAttempts = 3
	if _, err := elbv2.NewFromConfig(c).DescribeRules(t.Context(), &elbv2.DescribeRulesInput{}); err != nil || calls != 2 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestDroppedCallCutsConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Logf: func(string, ...any) {}})
	client := elbv2.NewFromConfig(r.config())
	for name, tt := range map[string]struct {
		handler fakeHandler
		code    string // "": no answer
	}{
		"dropped": {func(context.Context, string, string, any) (any, error) { return nil, gate.ErrDropped }, ""},
		"panic":   {func(context.Context, string, string, any) (any, error) { panic("odd") }, "InternalFailure"},
		"other error": {func(context.Context, string, string, any) (any, error) { return nil, errors.New("odd") },
			"InternalFailure"},
		"SDK error": {func(context.Context, string, string, any) (any, error) {
			return nil, &smithy.GenericAPIError{Code: "Odd", Message: "m"}
		}, "Odd"},
	} {
		r.handle(tt.handler)
		_, err := client.DescribeRules(t.Context(), &elbv2.DescribeRulesInput{})
		var api smithy.APIError
		if err == nil || errors.As(err, &api) != (tt.code != "") || (api != nil && api.ErrorCode() != tt.code) {
			t.Errorf("%s: got %v, want code %q", name, err, tt.code)
		}
	}
}

func TestOnlyServicesWithKnownNamesAreServed(t *testing.T) {
	t.Parallel()
	balancing, compute, identity := elbv2.New(elbv2.Options{}), ec2.New(ec2.Options{}), sts.New(sts.Options{})
	for name, services := range map[string]map[string]map[string]any{
		"wire: no protocol is known for service":  {"sqs": {"DescribeRules": balancing.DescribeRules}},
		"go generate":                             {"ec2": {"DescribeHosts": compute.DescribeHosts}},
		"the service has no actions":              {"ec2": {}},
		"has not the form of an SDK client's":     {"ec2": {"DescribeVpcs": func() {}}},
		"DescribeVpcs is int, which has not the ": {"ec2": {"DescribeVpcs": 1}},
	} {
		if _, err := New(Options{Services: services}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error with %q", err, name)
		}
	}
	s, err := New(Options{Services: map[string]map[string]any{"sts": {"GetCallerIdentity": identity.GetCallerIdentity}}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Actions("sts"), []string{"GetCallerIdentity"}) || s.Actions("ec2") != nil {
		t.Errorf("actions are %v", s.Actions("sts"))
	}
}

func FuzzNoRequestMakesTheServerPanic(f *testing.F) {
	for _, seed := range []raw{
		{service: "elasticloadbalancing",
			body: "Action=CreateRule&Conditions.member.1.Field=x&Conditions=&Conditions.member=1"},
		{service: "ec2", body: "Action=DescribeSubnets&Filter.1.Value.1=x&Filter.1=2"},
		{service: "acm", target: "CertificateManager.ListCertificates", body: `{"Includes":{"keyTypes":[null]}}`},
		{service: "sts", body: "Action=AssumeRole&Tags.member.1.Key=1"},
		{service: "tagging", target: "/" + tagging + "GetResources",
			body: "\xbfjTagFilters\x81\xa1cKey\x7faaabjResource\xc1\xfb\x41\x00\x00\x00\x00\x00\x00\x00\xff\xff"},
	} {
		f.Add(seed.service, seed.target, seed.body)
	}
	f.Fuzz(func(t *testing.T, service, target, body string) {
		d := serviceNamed(service)
		if d == nil {
			return
		}
		h, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		h.Header.Set("X-Amz-Target", target)
		if strings.HasPrefix(target, "/") {
			h.Header = http.Header{"Smithy-Protocol": {cborProtocol}, "Content-Type": {cborContent}}
			h.URL.Path = target
		}
		req, err := read(h)
		if err != nil {
			return
		}
		d = d.heard(req)
		if _, err := d.protocol.action(req); err != nil {
			return
		}
		for _, in := range []any{&elbv2.CreateRuleInput{}, &ec2.DescribeSubnetsInput{}, &acm.ListCertificatesInput{},
			&sts.AssumeRoleInput{}, &resourcegroupstaggingapi.GetResourcesInput{}} {
			_ = d.protocol.decode(req, elem(in))
		}
	})
}

// TestListsThatAreEmptyAreSentAsAWSSendsThem holds what clients other than Go's see: boto3 has no key for a list that
// is left out.
func TestListsThatAreEmptyAreSentAsAWSSendsThem(t *testing.T) {
	t.Parallel()
	for action, c := range map[string]struct {
		service, target string
		out             any
		want            []string
	}{
		"DescribeSecurityGroups": {"ec2", "", &ec2.DescribeSecurityGroupsOutput{},
			[]string{"<securityGroupInfo></securityGroupInfo>"}},
		"DescribeInstances": {"ec2", "", &ec2.DescribeInstancesOutput{},
			[]string{"<reservationSet></reservationSet>"}},
		"DescribeNetworkInterfaces": {"ec2", "", &ec2.DescribeNetworkInterfacesOutput{},
			[]string{"<networkInterfaceSet></networkInterfaceSet>"}},
		"DescribeSubnets":   {"ec2", "", &ec2.DescribeSubnetsOutput{}, []string{"<subnetSet></subnetSet>"}},
		"DescribeVpcs":      {"ec2", "", &ec2.DescribeVpcsOutput{}, []string{"<vpcSet></vpcSet>"}},
		"DescribeAddresses": {"ec2", "", &ec2.DescribeAddressesOutput{}, []string{"<addressesSet></addressesSet>"}},
		"DescribeRouteTables": {"ec2", "", &ec2.DescribeRouteTablesOutput{},
			[]string{"<routeTableSet></routeTableSet>"}},
		"DescribeNatGateways": {"ec2", "", &ec2.DescribeNatGatewaysOutput{},
			[]string{"<natGatewaySet></natGatewaySet>"}},
		"DescribeInternetGateways": {"ec2", "", &ec2.DescribeInternetGatewaysOutput{},
			[]string{"<internetGatewaySet></internetGatewaySet>"}},
		"DescribeSecurityGroupRules": {"ec2", "", &ec2.DescribeSecurityGroupRulesOutput{},
			[]string{"<securityGroupRuleSet></securityGroupRuleSet>"}},
		"DescribeManagedPrefixLists": {"ec2", "", &ec2.DescribeManagedPrefixListsOutput{},
			[]string{"<prefixListSet></prefixListSet>"}},
		"GetSecurityGroupsForVpc": {"ec2", "", &ec2.GetSecurityGroupsForVpcOutput{},
			[]string{"<securityGroupForVpcSet></securityGroupForVpcSet>"}},
		"DescribeLoadBalancers": {"elasticloadbalancing", "", &elbv2.DescribeLoadBalancersOutput{},
			[]string{"<LoadBalancers></LoadBalancers>"}},
		"GetResources": {"tagging", "ResourceGroupsTaggingAPI_20170126",
			&resourcegroupstaggingapi.GetResourcesOutput{}, []string{`"ResourceTagMappingList":[]`}},
		"ListCertificates": {"acm", "CertificateManager", &acm.ListCertificatesOutput{},
			[]string{`"CertificateSummaryList":[]`}},
		"ListResourcesForWebACL": {"wafv2", "AWSWAF_20190729", &wafv2.ListResourcesForWebACLOutput{},
			[]string{`"ResourceArns":[]`}},

		"DescribeSecurityGroups of one": {"ec2", "", &ec2.DescribeSecurityGroupsOutput{
			SecurityGroups: []ec2types.SecurityGroup{{IpPermissions: []ec2types.IpPermission{{}}}}}, []string{
			"<ipPermissions><item><ipRanges></ipRanges><ipv6Ranges></ipv6Ranges><prefixListIds></prefixListIds><groups></groups></item></ipPermissions>", "<ipPermissionsEgress></ipPermissionsEgress>"}},
		"DescribeSubnets of one": {"ec2", "", &ec2.DescribeSubnetsOutput{Subnets: []ec2types.Subnet{{}}},
			[]string{"<ipv6CidrBlockAssociationSet></ipv6CidrBlockAssociationSet>"}},
		"DescribeNetworkInterfaces of one": {"ec2", "", &ec2.DescribeNetworkInterfacesOutput{
			NetworkInterfaces: []ec2types.NetworkInterface{{}}}, []string{
			"<groupSet></groupSet>", "<ipv6AddressesSet></ipv6AddressesSet>", "<tagSet></tagSet>"}},
		"DescribeRouteTables of one": {"ec2", "", &ec2.DescribeRouteTablesOutput{RouteTables: []ec2types.RouteTable{{}}},
			[]string{
				"<associationSet></associationSet>", "<propagatingVgwSet></propagatingVgwSet>", "<tagSet></tagSet>"}},
		"DescribeInternetGateways of one": {"ec2", "", &ec2.DescribeInternetGatewaysOutput{
			InternetGateways: []ec2types.InternetGateway{{}}}, []string{
			"<attachmentSet></attachmentSet>", "<tagSet></tagSet>"}},
	} {
		t.Run(c.service+" "+action, func(t *testing.T) {
			t.Parallel()
			r := newFixedRig(t)
			r.handle(func(context.Context, string, string, any) (any, error) { return c.out, nil })
			action, _, _ := strings.Cut(action, " ")
			in := raw{service: c.service, body: "Action=" + action}
			if c.target != "" {
				in = raw{service: c.service, target: c.target + "." + action, body: "{}"}
			}
			_, body := r.send(t, in)
			for _, want := range c.want {
				if !strings.Contains(body, want) {
					t.Errorf("%s is not in %s", want, body)
				}
			}
		})
	}
}
