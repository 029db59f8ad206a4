package iampolicy_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/iam"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
)

const (
	region    = "us-west-2"
	accountID = "123456789012"
	callerKey = "AKIATEST"

	clusterTag = "elbv2.k8s.aws/cluster"
)

// foreign are the features for what has no tag of the cluster.
var foreign = []iampolicy.Feature{iampolicy.ExistingBalancers, iampolicy.ForeignSecurityGroups,
	iampolicy.ForeignTargetGroups, iampolicy.UntaggedListeners}

func minimal(t *testing.T, o iampolicy.Options) iampolicy.Document {
	t.Helper()
	d, err := iampolicy.Minimal(iampolicy.Calls(), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func elbARN(path string) string {
	return "arn:aws:elasticloadbalancing:" + region + ":" + accountID + ":" + path
}

func certificateARN(id string) string {
	return "arn:aws:acm:" + region + ":" + accountID + ":certificate/" + id
}

// owners are whose the resources of an account are, with the tags of each: the cluster demo, another cluster, or
// nobody's.
var owners = map[string]map[string]string{"ours": {clusterTag: "demo"}, "another": {clusterTag: "blue"},
	"nobody": {"team": "web"}}

// groups are security groups with their tags. Those of nodes differ by their cluster.
var groups = map[string]map[string]string{
	"sg-ours": {clusterTag: "demo"}, "sg-another": {clusterTag: "blue"}, "sg-nobody": nil,
	"sg-nodes": {"kubernetes.io/cluster/demo": "owned", "aws:eks:cluster-name": "demo"}, "sg-nodesofblue": {
		"kubernetes.io/cluster/blue": "owned", "aws:eks:cluster-name": "blue"},
}

// estate is an account in which each owner has a load balancer, a listener, a rule, a target group and a certificate of
// its name. Load balancer ours has a listener and a rule without tags, too.
func estate(t *testing.T, d iampolicy.Document) *account.Account {
	t.Helper()
	a := account.New(accountID, region, clock.NewStepped(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), account.Instant())
	for owner, tags := range owners {
		lb := &account.LoadBalancer{ARN: elbARN("loadbalancer/app/" + owner + "/1"), Name: owner,
			Type: "application", Tags: tags}
		a.AddLoadBalancer(lb)
		a.AddTargetGroup(&account.TargetGroup{ARN: elbARN("targetgroup/" + owner + "/1"), Name: owner, Tags: tags})
		rule := &account.Rule{ARN: elbARN("listener-rule/app/" + owner + "/1/1/1"), Tags: tags}
		a.AddListener(&account.Listener{ARN: elbARN("listener/app/" + owner + "/1/1"), LoadBalancer: lb, Tags: tags}, rule)
		a.AddCertificate(&account.Certificate{ARN: certificateARN(owner), Tags: tags})
		if owner == "ours" {
			a.AddListener(&account.Listener{ARN: elbARN("listener/app/ours/1/2"), LoadBalancer: lb}, &account.Rule{
				ARN: elbARN("listener-rule/app/ours/1/2/1")})
		}
	}
	if err := a.AddVPC(&vpc.VPC{ID: "vpc-1", CIDRs: []vpc.CIDR{{Prefix: netip.MustParsePrefix("10.0.0.0/16")}}}); err !=
		nil {
		t.Fatal(err)
	}
	for id, tags := range groups {
		g, err := a.NewSecurityGroup("vpc-1", id, id, id)
		if err != nil {
			t.Fatal(err)
		}
		g.Tags = tags
	}
	text, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := policy.ParseIdentity([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	a.AddPolicy(&account.Policy{Name: "controller", Document: parsed})
	a.AddUser(&account.User{Name: "controller", Keys: map[string]string{callerKey: ""}, Grants: account.Grants{
		Policies: []string{"controller"}}})
	return a
}

// attempts are calls on one resource, by service and action.
type attempts map[string]any

func onListener(path string) attempts {
	l := aws.String(elbARN("listener/app/" + path))
	certificates := []elbtypes.Certificate{{CertificateArn: aws.String(certificateARN("ours"))}}
	return attempts{
		"elasticloadbalancing CreateRule":               &elb.CreateRuleInput{ListenerArn: l, Tags: clusterTags("demo")},
		"elasticloadbalancing ModifyListener":           &elb.ModifyListenerInput{ListenerArn: l},
		"elasticloadbalancing DeleteListener":           &elb.DeleteListenerInput{ListenerArn: l},
		"elasticloadbalancing ModifyListenerAttributes": &elb.ModifyListenerAttributesInput{ListenerArn: l},
		"elasticloadbalancing AddListenerCertificates": &elb.AddListenerCertificatesInput{
			ListenerArn: l, Certificates: certificates},
		"elasticloadbalancing RemoveListenerCertificates": &elb.RemoveListenerCertificatesInput{
			ListenerArn: l, Certificates: certificates},
	}
}

func onRule(path string) attempts {
	r := elbARN("listener-rule/app/" + path)
	return attempts{
		"elasticloadbalancing ModifyRule": &elb.ModifyRuleInput{RuleArn: &r},
		"elasticloadbalancing DeleteRule": &elb.DeleteRuleInput{RuleArn: &r},
		"elasticloadbalancing SetRulePriorities": &elb.SetRulePrioritiesInput{RulePriorities: []elbtypes.RulePriorityPair{
			{RuleArn: aws.String(elbARN("listener-rule/app/ours/1/1/1"))}, {RuleArn: &r}}},
	}
}

func onTargetGroup(owner string) attempts {
	g := aws.String(elbARN("targetgroup/" + owner + "/1"))
	return attempts{"elasticloadbalancing RegisterTargets": &elb.RegisterTargetsInput{TargetGroupArn: g},
		"elasticloadbalancing DeregisterTargets": &elb.DeregisterTargetsInput{TargetGroupArn: g}}
}

func onGroup(id string) attempts {
	return attempts{"ec2 AuthorizeSecurityGroupIngress": &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id},
		"ec2 RevokeSecurityGroupIngress": &ec2.RevokeSecurityGroupIngressInput{GroupId: &id}}
}

// tagging gives the tag of the cluster, and another one.
func tagging(path string) attempts {
	return attempts{"elasticloadbalancing AddTags": &elb.AddTagsInput{ResourceArns: []string{elbARN(path)},
		Tags: append(clusterTags("demo"), elbtypes.Tag{Key: aws.String("team"), Value: aws.String("web")})}}
}

func retagging(path string) attempts {
	return attempts{
		"elasticloadbalancing AddTags": &elb.AddTagsInput{ResourceArns: []string{elbARN(path)}, Tags: []elbtypes.Tag{
			{Key: aws.String("team"), Value: aws.String("web")}}},
		"elasticloadbalancing RemoveTags": &elb.RemoveTagsInput{ResourceArns: []string{elbARN(path)},
			TagKeys: []string{"team"}},
	}
}

func certified(owner string) attempts {
	arn, other := aws.String(certificateARN(owner)), []acmtypes.Tag{{Key: aws.String("team"), Value: aws.String("web")}}
	return attempts{
		"acm DeleteCertificate":    &acm.DeleteCertificateInput{CertificateArn: arn},
		"acm ImportCertificate":    &acm.ImportCertificateInput{CertificateArn: arn},
		"acm AddTagsToCertificate": &acm.AddTagsToCertificateInput{CertificateArn: arn, Tags: other},
	}
}

func listenerOn(owner string) attempts {
	return attempts{"elasticloadbalancing CreateListener": &elb.CreateListenerInput{
		LoadBalancerArn: aws.String(elbARN("loadbalancer/app/" + owner + "/1")), Tags: clusterTags("demo")}}
}

func clusterTags(value string) []elbtypes.Tag {
	return []elbtypes.Tag{{Key: aws.String(clusterTag), Value: aws.String(value)}}
}

// restrictions are what a controller of cluster demo may do with whose resources: always, with some features, or never.
var restrictions = []struct {
	of    string
	calls attempts
	with  []iampolicy.Feature // one of them is needed; nil: none
	never bool
}{
	{"listener of ours", onListener("ours/1/1"), nil, false},
	{"listener of another cluster", onListener("another/1/1"), nil, true},
	{"listener of nobody", onListener("nobody/1/1"), []iampolicy.Feature{iampolicy.UntaggedListeners,
		iampolicy.ExistingBalancers}, false},
	{"untagged listener of our load balancer", onListener("ours/1/2"), []iampolicy.Feature{iampolicy.UntaggedListeners},
		false},
	{"rule of ours", onRule("ours/1/1/1"), nil, false},
	{"rule of another cluster", onRule("another/1/1/1"), nil, true},
	{"rule of nobody", onRule("nobody/1/1/1"), []iampolicy.Feature{iampolicy.UntaggedListeners,
		iampolicy.ExistingBalancers}, false},
	{"untagged rule of our load balancer", onRule("ours/1/2/1"), []iampolicy.Feature{iampolicy.UntaggedListeners}, false},
	{"new listener on ours", listenerOn("ours"), nil, false},
	{"new listener on another cluster's", listenerOn("another"), nil, true},
	{"new listener on nobody's", listenerOn("nobody"), []iampolicy.Feature{iampolicy.ExistingBalancers}, false},

	{"targets of ours", onTargetGroup("ours"), nil, false},
	{"targets of another cluster", onTargetGroup("another"), []iampolicy.Feature{iampolicy.ForeignTargetGroups}, false},
	{"targets of nobody", onTargetGroup("nobody"), []iampolicy.Feature{iampolicy.ForeignTargetGroups}, false},

	{"group of ours", onGroup("sg-ours"), nil, false},
	{"group of our nodes", onGroup("sg-nodes"), nil, false},
	{"group of another cluster", onGroup("sg-another"), []iampolicy.Feature{iampolicy.ForeignSecurityGroups}, false},
	{"group of another cluster's nodes", onGroup("sg-nodesofblue"), []iampolicy.Feature{iampolicy.ForeignSecurityGroups},
		false},
	{"group of nobody", onGroup("sg-nobody"), []iampolicy.Feature{iampolicy.ForeignSecurityGroups}, false},

	{"certificate of ours", certified("ours"), nil, false},
	{"certificate of another cluster", certified("another"), nil, true},
	{"certificate of nobody", certified("nobody"), nil, true},

	{"tags of our listener", retagging("listener/app/ours/1/1"), nil, false},
	{"tags of our rule", retagging("listener-rule/app/ours/1/1/1"), nil, false},
	{"tag of an untagged listener",
		attempts{"elasticloadbalancing RemoveTags": retagging("listener/app/ours/1/2")["elasticloadbalancing RemoveTags"]},
		[]iampolicy.Feature{iampolicy.UntaggedListeners}, false},
	{"tags of another cluster's listener", retagging("listener/app/another/1/1"), nil, true},
	{"taking our own listener again", tagging("listener/app/ours/1/1"), nil, true},
	{"taking another cluster's listener", tagging("listener/app/another/1/1"), nil, true},
	{"taking another cluster's load balancer", tagging("loadbalancer/app/another/1"), nil, true},
	{"taking nobody's load balancer", tagging("loadbalancer/app/nobody/1"), []iampolicy.Feature{
		iampolicy.ExistingBalancers}, false},
	{"taking nobody's listener", tagging("listener/app/nobody/1/1"), []iampolicy.Feature{iampolicy.UntaggedListeners,
		iampolicy.ExistingBalancers}, false},
	{"taking nobody's rule", tagging("listener-rule/app/nobody/1/1/1"), []iampolicy.Feature{iampolicy.UntaggedListeners,
		iampolicy.ExistingBalancers}, false},
	{"taking nobody's target group", tagging("targetgroup/nobody/1"), nil, true},
	{"taking an untagged listener", tagging("listener/app/ours/1/2"), []iampolicy.Feature{iampolicy.UntaggedListeners},
		false},
	{"taking another cluster's certificate", attempts{"acm AddTagsToCertificate": &acm.AddTagsToCertificateInput{
		CertificateArn: aws.String(certificateARN("another")), Tags: []acmtypes.Tag{
			{Key: aws.String(clusterTag), Value: aws.String("demo")}},
	}}, nil, true},
	{"a certificate for another cluster", attempts{"acm AddTagsToCertificate": &acm.AddTagsToCertificateInput{
		CertificateArn: aws.String(certificateARN("nobody")), Tags: []acmtypes.Tag{
			{Key: aws.String(clusterTag), Value: aws.String("blue")}},
	}}, nil, true},
	{"a rule for another cluster", attempts{"elasticloadbalancing CreateRule": &elb.CreateRuleInput{
		ListenerArn: aws.String(elbARN("listener/app/ours/1/1")), Tags: clusterTags("blue")}}, nil, true},
}

// judge compares what a policy allows with the table. has are the features of the policy.
func judge(t *testing.T, d iampolicy.Document, has ...iampolicy.Feature) {
	t.Helper()
	allows := iam.Authorizer(estate(t, d))
	for _, r := range restrictions {
		want := !r.never &&
			(r.with == nil || slices.ContainsFunc(r.with, func(f iampolicy.Feature) bool { return slices.Contains(has, f) }))
		for call, in := range r.calls {
			service, action, _ := strings.Cut(call, " ")
			if err := allows(context.Background(), service, action, callerKey, in); (err == nil) != want {
				t.Errorf("%s, %s: %v, want allowed %t", r.of, action, err, want)
			}
		}
	}
}

func TestPolicyRestrictsToTagOfCluster(t *testing.T) {
	t.Parallel()
	o := iampolicy.Options{Cluster: "demo", VPC: "vpc-1", Features: iampolicy.Defaults()}
	judge(t, minimal(t, o))
	for _, f := range foreign {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			o := o
			o.Features = append(iampolicy.Defaults(), f)
			o.Existing = []string{"nobody"}
			judge(t, minimal(t, o), f)
			o.Existing = []string{elbARN("loadbalancer/app/nobody/*"), "arn:aws:elasticloadbalancing:*:*:loadbalancer/net/*"}
			judge(t, minimal(t, o), f)
		})
	}
	o.Features = append(iampolicy.Defaults(), foreign...)
	judge(t, minimal(t, o), foreign...)
}

func TestVariableNamesCluster(t *testing.T) {
	t.Parallel()
	const name = "${aws:PrincipalTag/eks-cluster-name}"
	a := estate(t, minimal(t, iampolicy.Options{Cluster: name, VPC: "vpc-1", Features: iampolicy.Defaults()}))
	a.UserOfKey(callerKey).Tags = map[string]string{"eks-cluster-name": "demo"}
	for id, want := range map[string]bool{"sg-ours": true, "sg-nodes": true, "sg-another": false, "sg-nodesofblue": false,
		"sg-nobody": false} {
		if err := iam.Authorizer(a)(context.Background(), "ec2", "AuthorizeSecurityGroupIngress", callerKey,
			onGroup(id)["ec2 AuthorizeSecurityGroupIngress"]); (err == nil) != want {
			t.Errorf("%s: %v, want allowed %t", id, err, want)
		}
	}
}

func TestPolicyOfAnyClusterRefusesNobodys(t *testing.T) {
	t.Parallel()
	allows := iam.Authorizer(estate(t, minimal(t, iampolicy.Options{Features: iampolicy.Defaults()})))
	for _, x := range []struct {
		calls attempts
		want  bool
	}{
		{onListener("another/1/1"), true}, {onListener("nobody/1/1"), false}, {onTargetGroup("nobody"), false},
		{onGroup("sg-nodesofblue"), true}, {onGroup("sg-nobody"), false},
	} {
		for call, in := range x.calls {
			service, action, _ := strings.Cut(call, " ")
			if err := allows(context.Background(), service, action, callerKey, in); action != "CreateRule" &&
				(err == nil) != x.want {
				t.Errorf("%s: %v, want allowed %t", action, err, x.want)
			}
		}
	}
}

func TestFeaturesAreForNamedResources(t *testing.T) {
	t.Parallel()
	o := iampolicy.Options{
		Cluster: "demo", VPC: "vpc-1", Features: []iampolicy.Feature{iampolicy.ExistingBalancers,
			iampolicy.ForeignSecurityGroups, iampolicy.ForeignTargetGroups},
		Existing: []string{"nobody-*", "arn:aws:elasticloadbalancing:us-east-1:*"}, TargetGroups: []string{
			"nobody-*", "arn:aws:elasticloadbalancing:us-east-1:*", "arn:aws:elasticloadbal*ing:us-east-2:*"},
		SecurityGroups: []string{"sg-another"},
	}
	allows := iam.Authorizer(estate(t, minimal(t, o)))
	for _, x := range []struct {
		calls attempts
		want  bool
	}{
		{onListener("nobody/1/1"), false}, {onRule("nobody/1/1/1"), false}, {listenerOn("nobody"), false},
		{tagging("loadbalancer/app/nobody/1"), false},
		{onTargetGroup("nobody"), false}, {onGroup("sg-nobody"), false}, {onGroup("sg-another"), true},
		{onGroup("sg-nodes"), true},
	} {
		for call, in := range x.calls {
			service, action, _ := strings.Cut(call, " ")
			if err := allows(context.Background(), service, action, callerKey, in); (err == nil) != x.want {
				t.Errorf("%s: %v, want allowed %t", action, err, x.want)
			}
		}
	}
}

func TestFeaturesOfOthersFit(t *testing.T) {
	t.Parallel()
	minimal(t, iampolicy.Options{Cluster: strings.Repeat("c", 16), VPC: "vpc-0123456789abcdef0",
		Features: append(iampolicy.Defaults(), foreign...)})
	minimal(t, iampolicy.Options{Partition: "aws-us-gov", Cluster: strings.Repeat("c", 100), VPC: "vpc-0123456789abcdef0",
		Features: foreign, Apart: true})
}
