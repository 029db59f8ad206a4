package iam

import (
	"context"
	"net/netip"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	gatypes "github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	zonetypes "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

const (
	cluster = "elbv2.k8s.aws/cluster"
	key     = "AKIATEST"

	balancer  = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/ours/0000000000000001"
	foreign   = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/foreign/0000000000000002"
	targets   = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/ours/0000000000000001"
	userGroup = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/theirs/0000000000000002"
	listener  = "arn:aws:elasticloadbalancing:us-west-2:123456789012:listener/app/ours/0000000000000001/0000000000000003"
	untagged  = "arn:aws:elasticloadbalancing:us-west-2:123456789012:listener/app/ours/0000000000000001/0000000000000004"
	rule      = "arn:aws:elasticloadbalancing:us-west-2:123456789012:listener-rule/app/ours/0000000000000001/0000000000000003/0000000000000005"
	webACLARN = "arn:aws:wafv2:us-west-2:123456789012:regional/webacl/front/1"
	ours      = "arn:aws:globalaccelerator::123456789012:accelerator/1"
	pool      = "arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_1"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// world is an account with a few resources, in which key is a user with the policies.
func world(t *testing.T, policies ...string) *account.Account {
	t.Helper()
	a := account.New("123456789012", "us-west-2", clock.NewStepped(start), account.Instant())
	tag := map[string]string{cluster: "demo"}
	lb := &account.LoadBalancer{ARN: balancer, Name: "ours", Type: "application", Tags: tag}
	a.AddLoadBalancer(lb)
	a.AddLoadBalancer(&account.LoadBalancer{ARN: foreign, Name: "foreign", Type: "application"})
	a.AddTargetGroup(&account.TargetGroup{ARN: targets, Name: "ours", Tags: tag})
	a.AddTargetGroup(&account.TargetGroup{ARN: userGroup, Name: "theirs"})
	a.AddListener(&account.Listener{ARN: listener, LoadBalancer: lb, Tags: tag}, &account.Rule{ARN: rule})
	a.AddListener(&account.Listener{ARN: untagged, LoadBalancer: lb}, &account.Rule{ARN: rule + "6"})
	if err := a.AddVPC(&vpc.VPC{ID: "vpc-00000001", CIDRs: []vpc.CIDR{
		{Prefix: netip.MustParsePrefix("10.0.0.0/16")}}}); err != nil {
		t.Fatal(err)
	}
	for id, tags := range map[string]map[string]string{"sg-00000001": tag, "sg-00000002": nil} {
		g, err := a.NewSecurityGroup("vpc-00000001", id, id, id)
		if err != nil {
			t.Fatal(err)
		}
		g.Tags = tags
	}
	a.AddUser(&account.User{Name: "lbc", Keys: map[string]string{key: ""}})
	for _, name := range policies {
		a.AddPolicy(&account.Policy{Name: name, Document: published(t, name)})
		a.UserOfKey(key).Attach(name)
	}
	return a
}

func published(t *testing.T, name string) *policy.Document {
	t.Helper()
	text, err := os.ReadFile("testdata/policies/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	d, err := policy.ParseIdentity(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return d
}

func pair(k, v string) []elbtypes.Tag {
	return []elbtypes.Tag{{Key: aws.String(k), Value: aws.String(v)}}
}

func groupTags(k string) []ec2types.TagSpecification {
	return []ec2types.TagSpecification{
		{ResourceType: "security-group", Tags: []ec2types.Tag{{Key: aws.String(k), Value: aws.String("demo")}}}}
}

// judgedCall is a call of a user who has policies (of testdata/policies, separated by spaces).
type judgedCall struct {
	name, policies string
	denied         string // the denied action; itself: that of the call; "": none
	in             any
}

const (
	main   = "controller.aws" // policies
	itself = "itself"         // denied
)

// of returns the service and the action of a call. IAM's prefix of the action is prefix.
func (c judgedCall) of() (service, action, prefix string) {
	input := reflect.TypeOf(c.in).Elem()
	service, action = path.Base(input.PkgPath()), strings.TrimSuffix(input.Name(), "Input")
	switch service {
	case "elasticloadbalancingv2":
		service = "elasticloadbalancing"
	case "resourcegroupstaggingapi":
		return "tagging", action, "tag"
	}
	return service, action, service
}

func balancingCalls() []judgedCall {
	ownKey, otherKey := pair(cluster, "demo"), pair("team", "web")
	cognito := []elbtypes.Action{{AuthenticateCognitoConfig: &elbtypes.AuthenticateCognitoActionConfig{
		UserPoolArn: aws.String(pool)}}}
	return []judgedCall{
		{"describe", main, "", &elb.DescribeLoadBalancersInput{}},
		{"create with the cluster's tag", main, "", &elb.CreateLoadBalancerInput{Name: aws.String("n"), Tags: ownKey,
			SecurityGroups: []string{"sg-00000001"}, SubnetMappings: []elbtypes.SubnetMapping{{
				AllocationId: aws.String("eipalloc-1")}}, IpamPools: &elbtypes.IpamPools{},
			CustomerOwnedIpv4Pool: aws.String("p")}},
		{"create a network load balancer", main, "", &elb.CreateLoadBalancerInput{Name: aws.String("n"), Tags: ownKey,
			Type: "network"}},
		{"tags of gateway load balancers are not the controller's", main, "elasticloadbalancing:AddTags",
			&elb.CreateLoadBalancerInput{Name: aws.String("n"), Tags: ownKey, Type: "gateway"}},
		{"create without tags", main, itself, &elb.CreateLoadBalancerInput{Name: aws.String("n")}},
		{"create with other tags", main, itself, &elb.CreateTargetGroupInput{Name: aws.String("n"), Tags: otherKey}},
		{"create a target group", main, "", &elb.CreateTargetGroupInput{Name: aws.String("n"), Tags: ownKey}},
		{"create a listener with tags", main, "", &elb.CreateListenerInput{LoadBalancerArn: aws.String(balancer),
			Tags: ownKey, DefaultActions: cognito, Certificates: []elbtypes.Certificate{{
				CertificateArn: aws.String("arn:aws:iam::123456789012:server-certificate/x")}}}},
		{"create a listener without tags", main, "", &elb.CreateListenerInput{LoadBalancerArn: aws.String(foreign)}},
		{"create a rule with tags", main, "", &elb.CreateRuleInput{ListenerArn: aws.String(listener), Tags: ownKey}},
		{"a user pool that cannot be read", "bindings", itself, &elb.ModifyRuleInput{RuleArn: aws.String(rule),
			Actions: cognito}},
		{"tag ours with others", main, "", &elb.AddTagsInput{ResourceArns: []string{balancer, targets}, Tags: otherKey}},
		{"give ours its own tag again", main, itself, &elb.AddTagsInput{ResourceArns: []string{balancer}, Tags: ownKey}},
		{"adopt another's", main, itself, &elb.AddTagsInput{ResourceArns: []string{foreign}, Tags: ownKey}},
		{"one of several is another's", main, itself, &elb.AddTagsInput{ResourceArns: []string{balancer, foreign},
			Tags: otherKey}},
		{"tag listeners and rules", main, "", &elb.AddTagsInput{ResourceArns: []string{untagged, rule}, Tags: ownKey}},
		{"untag ours", main, "", &elb.RemoveTagsInput{ResourceArns: []string{targets}, TagKeys: []string{"team"}}},
		{"untag another's", main, itself, &elb.RemoveTagsInput{ResourceArns: []string{userGroup}, TagKeys: []string{"team"}}},
		{"delete ours", main, "", &elb.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(balancer)}},
		{"delete another's", main, itself, &elb.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(foreign)}},
		{"attributes of a user's target group", main, itself, &elb.ModifyTargetGroupAttributesInput{
			TargetGroupArn: aws.String(userGroup)}},
		{"targets of a user's target group", main, "", &elb.RegisterTargetsInput{TargetGroupArn: aws.String(userGroup)}},
		{"attributes of a tagged listener", main, "", &elb.ModifyListenerAttributesInput{ListenerArn: aws.String(listener)}},
		{"attributes of an untagged listener", main, itself, &elb.ModifyListenerAttributesInput{
			ListenerArn: aws.String(untagged)}},
		{"order rules", main, "", &elb.SetRulePrioritiesInput{RulePriorities: []elbtypes.RulePriorityPair{{
			RuleArn: aws.String(rule)}}}},
		{"subnets", main, "", &elb.SetSubnetsInput{LoadBalancerArn: aws.String(balancer), Subnets: []string{"subnet-1"}}},
		{"groups", main, "", &elb.SetSecurityGroupsInput{LoadBalancerArn: aws.String(balancer), SecurityGroups: []string{
			"sg-00000001"}}},
		{"pools", main, "", &elb.ModifyIpPoolsInput{LoadBalancerArn: aws.String(balancer), IpamPools: &elbtypes.IpamPools{}}},
		{"trust stores are only read", main, itself, &elb.CreateTrustStoreInput{Name: aws.String("x")}},
		{"isolated partitions lack listener attributes", "controller.aws-iso", itself,
			&elb.DescribeListenerAttributesInput{}},
		{"bindings only: targets", "bindings", "", &elb.RegisterTargetsInput{TargetGroupArn: aws.String(userGroup)}},
		{"bindings only: nothing else", "bindings", itself, &elb.CreateListenerInput{LoadBalancerArn: aws.String(balancer)}},
		{"migration tags what version 1 made", "migration", itself, &elb.AddTagsInput{ResourceArns: []string{balancer},
			Tags: ownKey}},
	}
}

func computeCalls() []judgedCall {
	return []judgedCall{
		{"create a group with the cluster's tag", main, "", &ec2.CreateSecurityGroupInput{VpcId: aws.String("vpc-00000001"),
			TagSpecifications: groupTags(cluster)}},
		{"create a group without tags", main, "", &ec2.CreateSecurityGroupInput{VpcId: aws.String("vpc-00000001")}},
		{"create a group with other tags", main, "ec2:CreateTags", &ec2.CreateSecurityGroupInput{
			VpcId: aws.String("vpc-00000001"), TagSpecifications: groupTags("team")}},
		{"tag our group", main, "", &ec2.CreateTagsInput{Resources: []string{"sg-00000001"}, Tags: []ec2types.Tag{{
			Key: aws.String("team")}}}},
		{"give our group its tag again", main, itself, &ec2.CreateTagsInput{Resources: []string{"sg-00000001"},
			Tags: []ec2types.Tag{{Key: aws.String(cluster)}}}},
		{"tag another's group", main, itself, &ec2.CreateTagsInput{Resources: []string{"sg-00000002"}, Tags: []ec2types.Tag{{
			Key: aws.String("team")}}}},
		{"tag something else", main, itself, &ec2.CreateTagsInput{Resources: []string{"vpc-00000001"}, Tags: []ec2types.Tag{{
			Key: aws.String("team")}}}},
		{"untag our group", main, "", &ec2.DeleteTagsInput{Resources: []string{"sg-00000001"}, Tags: []ec2types.Tag{{
			Key: aws.String("team")}}}},
		{"take our group's tag with its value", main, itself, &ec2.DeleteTagsInput{Resources: []string{"sg-00000001"},
			Tags: []ec2types.Tag{{Key: aws.String(cluster), Value: aws.String("demo")}}}},
		{"open another's group", main, "", &ec2.AuthorizeSecurityGroupIngressInput{GroupId: aws.String("sg-00000002")}},
		{"open it with tagged rules", main, "ec2:CreateTags", &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: aws.String("sg-00000002"), TagSpecifications: []ec2types.TagSpecification{{
				ResourceType: "security-group-rule", Tags: []ec2types.Tag{{Key: aws.String(cluster)}}}}}},
		{"egress is not the controller's", main, itself, &ec2.AuthorizeSecurityGroupEgressInput{
			GroupId: aws.String("sg-00000001")}},
		{"delete our group", main, "", &ec2.DeleteSecurityGroupInput{GroupId: aws.String("sg-00000001")}},
		{"delete another's group by name", main, itself, &ec2.DeleteSecurityGroupInput{GroupName: aws.String("sg-00000002")}},
		{"shared groups", main, "", &ec2.GetSecurityGroupsForVpcInput{VpcId: aws.String("vpc-00000001")}},
	}
}

func certificateCalls() []judgedCall {
	return []judgedCall{
		{"find certificates", main, "", &acm.DescribeCertificateInput{
			CertificateArn: aws.String("arn:aws:acm:us-west-2:123456789012:certificate/1")}},
		{"request certificates", main, itself, &acm.RequestCertificateInput{}},
		{"request certificates with the add-on", main + " certificates", "", &acm.RequestCertificateInput{
			DomainName: aws.String("x"), Tags: []acmtypes.Tag{{Key: aws.String(cluster)}}}},
		{"untagged certificates with the add-on", main + " certificates", itself, &acm.RequestCertificateInput{
			DomainName: aws.String("x")}},
		{"delete another's certificate", "certificates", itself, &acm.DeleteCertificateInput{
			CertificateArn: aws.String("arn:aws:acm:us-west-2:123456789012:certificate/1")}},
		{"records", "certificates", "", &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("Z1")}},
		{"progress of records", "certificates", itself, &route53.GetChangeInput{Id: aws.String("C1")}},
	}
}

func otherCalls() []judgedCall {
	return []judgedCall{
		{"find by tag", main, itself, &resourcegroupstaggingapi.GetResourcesInput{}},
		{"find by tag with accelerators", "accelerators", "", &resourcegroupstaggingapi.GetResourcesInput{}},
		{"assumed identity", "bindings", "", &sts.GetCallerIdentityInput{}},
		{"read denials", "bindings", itself, &sts.DecodeAuthorizationMessageInput{}},
		{"web ACL", main, "", &wafv2.AssociateWebACLInput{WebACLArn: aws.String(webACLARN),
			ResourceArn: aws.String(balancer)}},
		{"no web ACL any more", main, "", &wafv2.DisassociateWebACLInput{ResourceArn: aws.String(balancer)}},
		{"web ACLs by name", main, itself, &wafv2.ListWebACLsInput{}},
		{"protection", main, "", &shield.CreateProtectionInput{}},
		{"no protection any more", main, "", &shield.DeleteProtectionInput{ProtectionId: aws.String("1")}},
		{"subscribe", main, itself, &shield.CreateSubscriptionInput{}},
		{"accelerator", "accelerators", "", &ga.CreateAcceleratorInput{Tags: []gatypes.Tag{{Key: aws.String(cluster),
			Value: aws.String("demo")}, {Key: aws.String("aga.k8s.aws/resource"), Value: aws.String("GlobalAccelerator")}}}},
		{"accelerator of another kind", "accelerators", itself, &ga.CreateAcceleratorInput{Tags: []gatypes.Tag{{
			Key: aws.String(cluster), Value: aws.String("demo")}}}},
		{"listener of ours", "accelerators", "", &ga.CreateListenerInput{AcceleratorArn: aws.String(ours)}},
		{"below a listener of ours", "accelerators", "", &ga.CreateEndpointGroupInput{ListenerArn: aws.String(ours +
			"/listener/1")}},
		{"endpoints that cannot be looked up", "accelerators", "elasticloadbalancing:DescribeLoadBalancers",
			&ga.AddEndpointsInput{EndpointGroupArn: aws.String(ours + "/listener/1/endpoint-group/1"),
				EndpointConfigurations: []gatypes.EndpointConfiguration{{}}}},
		{"another's accelerator", "accelerators", itself, &ga.DeleteAcceleratorInput{AcceleratorArn: aws.String(ours + "2")}},
	}
}

func TestThePublishedPoliciesAllowWhatTheControllerDoesAndNoMore(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(balancingCalls(), computeCalls(), certificateCalls(), otherCalls()) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := world(t, strings.Fields(tt.policies)...)
			a.AddAccelerator(&account.Accelerator{ARN: ours, Tags: map[string]string{
				cluster: "demo", "aga.k8s.aws/resource": "GlobalAccelerator"}})
			service, action, prefix := tt.of()
			err := Authorizer(a)(context.Background(), service, action, key, tt.in)
			if tt.denied == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			want := tt.denied
			if want == itself {
				want = prefix + ":" + action
			}
			if e := apierr.As(err); e == nil || e.Code != deniedCode(service) ||
				!strings.Contains(e.Message, " is not authorized to perform: "+want+" ") {
				t.Errorf("got %v, want a denial of %s", err, want)
			}
		})
	}
}

func deniedCode(service string) string {
	if r, ok := refusals[service]; ok {
		return r.code
	}
	return "AccessDeniedException"
}

func TestEveryPublishedPolicyParses(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir("testdata/policies")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d policies, %v", len(files), err)
	}
	for _, f := range files {
		d := published(t, strings.TrimSuffix(f.Name(), ".json"))
		if strings.HasPrefix(f.Name(), "controller.") && len(d.Statements) != 16 {
			t.Errorf("%s has %d statements", f.Name(), len(d.Statements))
		}
	}
}

func TestPoliciesAreForTheirPartition(t *testing.T) {
	t.Parallel()
	for region, partition := range map[string]string{"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn",
		"us-east-1": "aws"} {
		for _, name := range []string{"aws", "aws-cn", "aws-us-gov", "aws-iso"} {
			a := account.New("123456789012", region, clock.NewStepped(start), account.Instant())
			a.AddPolicy(&account.Policy{Name: "p", Document: published(t, "controller."+name)})
			a.AddUser(&account.User{Name: "lbc", Keys: map[string]string{key: ""}, Grants: account.Grants{
				Policies: []string{"p"}}})
			in := &elb.RegisterTargetsInput{TargetGroupArn: aws.String(a.BalancingARN("targetgroup/n/1"))}
			err := Authorizer(a)(context.Background(), "elasticloadbalancing", "RegisterTargets", key, in)
			if (err == nil) != (name == partition) {
				t.Errorf("the policy of %s in %s: %v", name, region, err)
			}
		}
	}
}

func TestTheFirstLoadBalancerNeedsTheServiceLinkedRole(t *testing.T) {
	t.Parallel()
	a := account.New("123456789012", "us-west-2", clock.NewStepped(start), account.Instant())
	d, err := policy.ParseIdentity(
		[]byte(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["elasticloadbalancing:*","ec2:Describe*"],"Resource":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	a.AddPolicy(&account.Policy{Name: "no-roles", Document: d})
	a.AddUser(&account.User{Name: "lbc", Keys: map[string]string{key: ""}, Grants: account.Grants{
		Policies: []string{"no-roles"}}})
	create := func(key string) error {
		return Authorizer(a)(context.Background(), "elasticloadbalancing", "CreateLoadBalancer", key,
			&elb.CreateLoadBalancerInput{Name: aws.String("n")})
	}
	err = create(key)
	want := "User: arn:aws:iam::123456789012:user/lbc is not authorized to perform: iam:CreateServiceLinkedRole " +
		"on resource: " +
		"arn:aws:iam::123456789012:role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing " +
		"because no identity-based policy allows the iam:CreateServiceLinkedRole action"
	if e := apierr.As(err); e == nil || e.Message != want || e.Status != 403 {
		t.Errorf("got %v", err)
	}
	if err := create("somebody"); err != nil {
		t.Error(err)
	}
	if err := create(key); err != nil {
		t.Errorf("the role is there, and yet %v", err)
	}
}

func TestConditionKeysOfCallsHaveTheParametersOfTheRequest(t *testing.T) {
	t.Parallel()
	record := func(name, kind, action string) zonetypes.Change {
		return zonetypes.Change{Action: zonetypes.ChangeAction(action), ResourceRecordSet: &zonetypes.ResourceRecordSet{
			Name: aws.String(name), Type: zonetypes.RRType(kind)}}
	}
	tests := []struct {
		name, condition string
		service, action string
		in              any
		allowed         bool
	}{
		{"scheme", `{"StringEquals":{"elasticloadbalancing:Scheme":"internal"}}`, "elasticloadbalancing",
			"CreateLoadBalancer", &elb.CreateLoadBalancerInput{Name: aws.String("n"), Scheme: "internal"}, true},
		{"default scheme", `{"StringEquals":{"elasticloadbalancing:Scheme":"internal"}}`, "elasticloadbalancing",
			"CreateLoadBalancer", &elb.CreateLoadBalancerInput{Name: aws.String("n")}, false},
		{"default scheme, named", `{"StringEquals":{"elasticloadbalancing:Scheme":"internet-facing"}}`,
			"elasticloadbalancing", "CreateLoadBalancer", &elb.CreateLoadBalancerInput{Name: aws.String("n")}, true},
		{"subnets of mappings", `{"ForAnyValue:StringEquals":{"elasticloadbalancing:Subnet":"subnet-2"}}`,
			"elasticloadbalancing", "SetSubnets", &elb.SetSubnetsInput{LoadBalancerArn: aws.String(balancer),
				SubnetMappings: []elbtypes.SubnetMapping{{SubnetId: aws.String("subnet-2")}}}, true},
		{"actions on records", `{"ForAnyValue:StringEquals":{"route53:ChangeResourceRecordSetsActions":"DELETE"}}`, "route53",
			"ChangeResourceRecordSets", &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("Z1"),
				ChangeBatch: &zonetypes.ChangeBatch{Changes: []zonetypes.Change{record("x", "A", "DELETE")}}}, true},
		{"subnets", `{"ForAllValues:StringEquals":{"elasticloadbalancing:Subnet":["subnet-1","subnet-2"]}}`,
			"elasticloadbalancing", "SetSubnets", &elb.SetSubnetsInput{LoadBalancerArn: aws.String(balancer), Subnets: []string{
				"subnet-1", "subnet-3"}}, false},
		{"groups", `{"ForAnyValue:StringEquals":{"elasticloadbalancing:SecurityGroup":"sg-2"}}`, "elasticloadbalancing",
			"SetSecurityGroups", &elb.SetSecurityGroupsInput{LoadBalancerArn: aws.String(balancer), SecurityGroups: []string{
				"sg-1", "sg-2"}}, true},
		{"listener protocol", `{"StringEquals":{"elasticloadbalancing:ListenerProtocol":"HTTPS"}}`, "elasticloadbalancing",
			"CreateListener", &elb.CreateListenerInput{LoadBalancerArn: aws.String(balancer), Protocol: "HTTP"}, false},
		{"TLS policy", `{"StringLike":{"elasticloadbalancing:SecurityPolicy":"*TLS13*"}}`, "elasticloadbalancing",
			"ModifyListener", &elb.ModifyListenerInput{ListenerArn: aws.String(listener),
				SslPolicy: aws.String("ELBSecurityPolicy-TLS13-1-2-2021-06")}, true},
		{"tag keys", `{"ForAllValues:StringEquals":{"aws:TagKeys":"team"}}`, "elasticloadbalancing", "RemoveTags",
			&elb.RemoveTagsInput{ResourceArns: []string{balancer}, TagKeys: []string{"team", "x"}}, false},
		{"the service's own name of a tag",
			`{"StringEquals":{"elasticloadbalancing:ResourceTag/elbv2.k8s.aws/cluster":"demo"}}`, "elasticloadbalancing",
			"DeleteLoadBalancer", &elb.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(balancer)}, true},
		{"EC2's own name of a tag", `{"StringEquals":{"ec2:ResourceTag/elbv2.k8s.aws/cluster":"demo"}}`, "ec2",
			"DeleteSecurityGroup", &ec2.DeleteSecurityGroupInput{GroupId: aws.String("sg-00000001")}, true},
		{"VPC", `{"ArnEquals":{"ec2:Vpc":"arn:aws:ec2:us-west-2:123456789012:vpc/vpc-00000001"}}`, "ec2",
			"RevokeSecurityGroupIngress", &ec2.RevokeSecurityGroupIngressInput{GroupId: aws.String("sg-00000002")}, true},
		{"another VPC", `{"ArnEquals":{"ec2:Vpc":"arn:aws:ec2:us-west-2:123456789012:vpc/vpc-00000002"}}`, "ec2",
			"AuthorizeSecurityGroupIngress", &ec2.AuthorizeSecurityGroupIngressInput{GroupId: aws.String("sg-00000002")}, false},
		{"region", `{"StringEquals":{"aws:RequestedRegion":"us-west-2","ec2:Region":"us-west-2"}}`, "ec2", "DescribeVpcs",
			&ec2.DescribeVpcsInput{}, true},
		{"who",
			`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/lb?"},"StringEquals":{"aws:username":"lbc","aws:PrincipalType":"User"}}`, "ec2", "DescribeVpcs", &ec2.DescribeVpcsInput{}, true},
		{"when", `{"DateLessThan":{"aws:CurrentTime":"2026-01-02T03:04:05Z"}}`, "ec2", "DescribeVpcs",
			&ec2.DescribeVpcsInput{}, false},
		{"records",
			`{"ForAllValues:StringLike":{"route53:ChangeResourceRecordSetsNormalizedRecordNames":"_*.example.com"},"ForAllValues:StringEquals":{"route53:ChangeResourceRecordSetsRecordTypes":"CNAME","route53:ChangeResourceRecordSetsActions":["UPSERT","CREATE"]}}`, "route53", "ChangeResourceRecordSets", &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("/hostedzone/Z1"), ChangeBatch: &zonetypes.ChangeBatch{Changes: []zonetypes.Change{record("_A.Example.com.", "CNAME", "UPSERT"), record("_b.example.com", "CNAME", "CREATE")}}}, true},
		{"other records", `{"ForAllValues:StringEquals":{"route53:ChangeResourceRecordSetsRecordTypes":"CNAME"}}`, "route53",
			"ChangeResourceRecordSets", &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("Z1"),
				ChangeBatch: &zonetypes.ChangeBatch{Changes: []zonetypes.Change{record("x", "A", "CREATE")}}}, false},
		{"wild records", `{"StringEquals":{"route53:ChangeResourceRecordSetsNormalizedRecordNames":"\\052.example.com"}}`,
			"route53", "ChangeResourceRecordSets", &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("Z1"),
				ChangeBatch: &zonetypes.ChangeBatch{Changes: []zonetypes.Change{record("*.example.com", "A", "CREATE")}}}, true},
		{"names of certificates",
			`{"ForAllValues:StringLike":{"acm:DomainNames":"*.example.com"},"StringEquals":{"acm:KeyAlgorithm":"RSA_2048","acm:ValidationMethod":"DNS"}}`, "acm", "RequestCertificate", &acm.RequestCertificateInput{DomainName: aws.String("a.example.com"), SubjectAlternativeNames: []string{"b.example.com"}, ValidationMethod: "DNS"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := world(t)
			d, err := policy.ParseIdentity(
				[]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":` +
					tt.condition +
					`},{"Effect":"Allow","Action":["ec2:Describe*","iam:*"],"Resource":"*","Condition":{"Null":{"aws:username":"` +
					map[bool]string{true: "true", false: "false"}[tt.service == "ec2"] + `"}}}]}`))
			if err != nil {
				t.Fatal(err)
			}
			a.AddPolicy(&account.Policy{Name: "p", Document: d})
			a.UserOfKey(key).Attach("p")
			err = Authorizer(a)(context.Background(), tt.service, tt.action, key, tt.in)
			if (err == nil) != tt.allowed {
				t.Errorf("got %v, want allowed %v", err, tt.allowed)
			}
		})
	}
}
