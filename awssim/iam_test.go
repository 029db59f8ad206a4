package awssim

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
)

const clusterTag = "elbv2.k8s.aws/cluster"

var morning = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// guarded is an account in which a user has the controller's published policy, and roles trust a cluster, pods and
// nodes.
func guarded(t *testing.T) *seed.File {
	t.Helper()
	standard, err := os.ReadFile("iam/testdata/policies/controller.aws.json")
	if err != nil {
		t.Fatal(err)
	}
	f := seed.Default()
	f.IAM.Policies = append(f.IAM.Policies, seed.Policy{Name: "controller", Document: standard})
	grants := seed.Grants{Policies: []string{"controller"}}
	f.IAM.Users = append(f.IAM.Users, seed.IAMUser{Name: "lbc", Grants: grants, Keys: []seed.AccessKey{
		{ID: "AKIALBC", Secret: "lbc's"}}})
	trust := func(principal, action, condition string) json.RawMessage {
		return json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal +
			`,"Action":` + action + condition + `}]}`)
	}
	f.IAM.Roles = []seed.Role{
		{Name: "irsa", Grants: grants,
			Trust: trust(`{"Federated":"arn:aws:iam::123456789012:oidc-provider/oidc.example/id/1"}`,
				`"sts:AssumeRoleWithWebIdentity"`,
				`,"Condition":{"StringEquals":{"oidc.example/id/1:sub":"system:serviceaccount:kube-system:lbc","oidc.example/id/1:aud":"sts.amazonaws.com"}}`)},
		{Name: "pods", Grants: grants, Trust: trust(`{"Service":"pods.eks.amazonaws.com"}`,
			`["sts:AssumeRole","sts:TagSession"]`, "")},
		{Name: "nodes", Grants: grants, Trust: trust(`{"Service":"ec2.amazonaws.com"}`, `"sts:AssumeRole"`, "")},
		{Name: "targets", Grants: grants, MaxSession: "2h", Trust: trust(`{"AWS":"arn:aws:iam::123456789012:user/lbc"}`,
			`["sts:AssumeRole","sts:TagSession"]`,
			`,"Condition":{"StringEquals":{"sts:ExternalId":"blue"}}`)},
	}
	f.IAM.Providers = []seed.Provider{{Issuer: "https://oidc.example/id/1"}}
	f.IAM.PodIdentities = []seed.PodIdentity{{Namespace: "kube-system", ServiceAccount: "lbc", Role: "pods"}}
	f.Cluster.NodeRole = "nodes"
	return &f
}

// as is a configuration for clients with those credentials.
func (s *served) as(key, secret, token string) aws.Config {
	return aws.Config{
		Region: s.Account.Region, BaseEndpoint: aws.String(s.url), HTTPClient: sdkhttp.Client(s.http),
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, token),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func wantDenial(t *testing.T, err error, want string, status int, action string) {
	t.Helper()
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) || answer.HTTPStatusCode() != status || apierr.CodeOf(err) != want ||
		!strings.Contains(err.Error(), " is not authorized to perform: "+action+" ") {
		t.Errorf("got %v, want %d %s for %s", err, status, want, action)
	}
}

func TestThePublishedPolicyHoldsOverHTTP(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Seed: guarded(t)})
	ctx := t.Context()
	c := s.as("AKIALBC", "lbc's", "")
	balancing, compute, identity := elb.NewFromConfig(c), ec2.NewFromConfig(c), sts.NewFromConfig(c)
	own := []elbtypes.Tag{{Key: aws.String(clusterTag), Value: aws.String("demo")}}
	other := []elbtypes.Tag{{Key: aws.String("team"), Value: aws.String("web")}}

	_, err := balancing.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: s.subnets(),
		Tags: other})
	wantDenial(t, err, "AccessDenied", http.StatusForbidden, "elasticloadbalancing:CreateLoadBalancer")
	lb := wanted(balancing.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("web"),
		Subnets: s.subnets(), Tags: own}))(t).LoadBalancers[0].LoadBalancerArn
	tg := wanted(balancing.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: aws.String("web"), Protocol: "HTTP", Port: aws.Int32(80), VpcId: aws.String(s.description.VPC.ID),
		TargetType: "ip", Tags: own,
	}))(t).TargetGroups[0].TargetGroupArn
	forward := []elbtypes.Action{{Type: "forward", TargetGroupArn: tg}}
	listen := func(port int32, tags []elbtypes.Tag) *string {
		return wanted(balancing.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: lb, Protocol: "HTTP",
			Port: aws.Int32(port), DefaultActions: forward, Tags: tags}))(t).Listeners[0].ListenerArn
	}
	tagged, untagged := listen(80, own), listen(81, nil)
	attributes := []elbtypes.ListenerAttribute{{Key: aws.String("routing.http.response.server.enabled"),
		Value: aws.String("false")}}
	wanted(balancing.ModifyListenerAttributes(ctx, &elb.ModifyListenerAttributesInput{ListenerArn: tagged,
		Attributes: attributes}))(t)
	_, err = balancing.ModifyListenerAttributes(ctx, &elb.ModifyListenerAttributesInput{ListenerArn: untagged,
		Attributes: attributes})
	wantDenial(t, err, "AccessDenied", http.StatusForbidden, "elasticloadbalancing:ModifyListenerAttributes")
	wanted(balancing.AddTags(ctx, &elb.AddTagsInput{ResourceArns: []string{*lb}, Tags: other}))(t)
	_, err = balancing.AddTags(ctx, &elb.AddTagsInput{ResourceArns: []string{*lb}, Tags: append(other, own...)})
	wantDenial(t, err, "AccessDenied", http.StatusForbidden, "elasticloadbalancing:AddTags")

	vpc := aws.String(s.description.VPC.ID)
	bare := wanted(compute.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("bare"),
		Description: aws.String("x"), VpcId: vpc}))(t).GroupId
	_, err = compute.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: bare})
	wantDenial(t, err, "UnauthorizedOperation", http.StatusForbidden, "ec2:DeleteSecurityGroup")
	_, encoded, found := strings.Cut(err.Error(), "Encoded authorization failure message: ")
	if !found || strings.Contains(encoded, "security-group") {
		t.Errorf("the message is not encoded: %v", err)
	}
	_, err = compute.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("front"), Description: aws.String("x"), VpcId: vpc,
		TagSpecifications: []ec2types.TagSpecification{
			{ResourceType: "security-group", Tags: []ec2types.Tag{{Key: aws.String("team"), Value: aws.String("web")}}}},
	})
	wantDenial(t, err, "UnauthorizedOperation", http.StatusForbidden, "ec2:CreateTags")

	_, err = resourcegroupstaggingapi.NewFromConfig(c).GetResources(ctx, &resourcegroupstaggingapi.GetResourcesInput{})
	wantDenial(t, err, "AccessDeniedException", http.StatusBadRequest, "tag:GetResources")
	_, err = acm.NewFromConfig(c).RequestCertificate(ctx, &acm.RequestCertificateInput{
		DomainName: aws.String("example.com")})
	wantDenial(t, err, "AccessDeniedException", http.StatusBadRequest, "acm:RequestCertificate")
	_, err = wafv2.NewFromConfig(c).ListWebACLs(ctx, &wafv2.ListWebACLsInput{Scope: "REGIONAL"})
	wantDenial(t, err, "AccessDeniedException", http.StatusBadRequest, "wafv2:ListWebACLs")

	_, err = identity.DecodeAuthorizationMessage(ctx, &sts.DecodeAuthorizationMessageInput{
		EncodedMessage: aws.String(encoded)})
	wantDenial(t, err, "AccessDenied", http.StatusForbidden, "sts:DecodeAuthorizationMessage")
	decoded := wanted(s.identity.DecodeAuthorizationMessage(ctx, &sts.DecodeAuthorizationMessageInput{
		EncodedMessage: aws.String(encoded)}))(t).DecodedMessage
	var message struct {
		Allowed bool
		Context struct {
			Principal        struct{ Name, ARN string }
			Action, Resource string
		}
	}
	if err := json.Unmarshal([]byte(*decoded), &message); err != nil || message.Allowed || message.Context.Action !=
		"ec2:DeleteSecurityGroup" ||
		message.Context.Principal.Name != "lbc" || message.Context.Resource !=
		"arn:aws:ec2:us-west-2:123456789012:security-group/"+*bare {
		t.Errorf("decoded to %s (%v)", *decoded, err)
	}
	if _, err := s.identity.DecodeAuthorizationMessage(ctx, &sts.DecodeAuthorizationMessageInput{
		EncodedMessage: aws.String("x" + encoded)}); apierr.CodeOf(err) != "InvalidAuthorizationMessageException" {
		t.Errorf("a broken message: %v", err)
	}
	if who := wanted(identity.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))(t); *who.Arn !=
		"arn:aws:iam::123456789012:user/lbc" {
		t.Errorf("is %s", *who.Arn)
	}
}

func TestEnforcementRefusesUnknownCallersInEachProtocolsWords(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Seed: guarded(t), Enforce: true})
	c := s.as("AKIANOBODY", "x", "")
	ctx := t.Context()
	_, balancing := elb.NewFromConfig(c).DescribeLoadBalancers(ctx, nil)
	_, compute := ec2.NewFromConfig(c).DescribeVpcs(ctx, nil)
	_, trust := acm.NewFromConfig(c).ListCertificates(ctx, nil)
	for want, err := range map[string]error{"InvalidClientTokenId": balancing, "AuthFailure": compute,
		"UnrecognizedClientException": trust} {
		if apierr.CodeOf(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	wanted(ec2.NewFromConfig(s.as("AKIAIOSFODNN7EXAMPLE", "any", "")).DescribeVpcs(ctx, nil))(t)
}

func TestPoliciesAreAttachedAndDetachedWhileItRuns(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	ctx := t.Context()
	c := ec2.NewFromConfig(s.as("AKIACONTROLLER", "x", ""))
	wanted(c.DescribeVpcs(ctx, nil))(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(
		s.admin.PutPolicy(ctx, "vpcs",
			[]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:DescribeVpcs","Resource":"*"}}`)))
	at := []simclient.Attachment{{Policy: "vpcs", AccessKey: "AKIACONTROLLER"}}
	must(s.admin.ChangeIAM(ctx, simclient.IAMChange{Attach: at}))
	wanted(c.DescribeVpcs(ctx, nil))(t)
	_, err := c.DescribeSubnets(ctx, nil)
	wantDenial(t, err, "UnauthorizedOperation", http.StatusForbidden, "ec2:DescribeSubnets")
	if strings.Contains(err.Error(), "Encoded") {
		t.Errorf("a denial to describe has an encoded message: %v", err)
	}
	must(
		s.admin.PutPolicy(ctx, "vpcs",
			[]byte(
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"},{"Effect":"Deny","Action":"ec2:DescribeVpcs","Resource":"*"}]}`)))
	_, err = c.DescribeVpcs(ctx, nil)
	wantDenial(t, err, "UnauthorizedOperation", http.StatusForbidden, "ec2:DescribeVpcs")
	if !strings.Contains(err.Error(), "with an explicit deny in an identity-based policy") {
		t.Errorf("got %v", err)
	}
	if err := s.admin.DeletePolicy(ctx, "vpcs"); err == nil || !strings.Contains(err.Error(),
		"user AKIACONTROLLER depends on it") {
		t.Errorf("deleting a policy in use: %v", err)
	}
	if all := wanted(s.admin.IAM(ctx))(t); all.Enforced || len(all.Users) != 2 || all.Users[0].Policies[0] != "vpcs" ||
		all.Users[0].Keys[0] != "AKIACONTROLLER" {
		t.Errorf("got %+v", all)
	}
	if document := wanted(s.admin.Policy(ctx, "vpcs"))(t); !strings.Contains(string(document), `"Deny"`) {
		t.Errorf("the policy is %s", document)
	}
	must(s.admin.ChangeIAM(ctx, simclient.IAMChange{Detach: at}))
	must(s.admin.DeletePolicy(ctx, "vpcs"))
	wanted(c.DescribeVpcs(ctx, nil))(t)
	for want, change := range map[string]simclient.IAMChange{
		`there is no policy "none"`: {Attach: []simclient.Attachment{{Policy: "none", AccessKey: "A"}}},
		"there is no user nobody":   {Detach: []simclient.Attachment{{Policy: "none", User: "nobody"}}},
		"give exactly one of":       {Detach: []simclient.Attachment{{Policy: "none", User: "admin", Role: "r"}}},
	} {
		if err := s.admin.ChangeIAM(ctx, change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := s.admin.PutPolicy(ctx, "broken", []byte(`{"Statement":[]}`)); err == nil || !strings.Contains(err.Error(),
		"Statement: is missing") {
		t.Errorf("got %v", err)
	}
	on := true
	must(s.admin.ChangeIAM(ctx, simclient.IAMChange{Enforced: &on}))
	_, err = c.DescribeVpcs(ctx, nil)
	// a user now, but one without policies
	wantDenial(t, err, "UnauthorizedOperation", http.StatusForbidden, "ec2:DescribeVpcs")
}

func TestRolesAreAssumedByTheirTrustPolicies(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Seed: guarded(t), Clock: clock.NewStepped(morning)})
	ctx := t.Context()
	identity := sts.NewFromConfig(s.as("AKIALBC", "x", ""))
	assume := func(role string, f func(*sts.AssumeRoleInput)) (*sts.AssumeRoleOutput, error) {
		in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/" + role), RoleSessionName: aws.String(
			"lbc"), ExternalId: aws.String("blue")}
		f(in)
		return identity.AssumeRole(ctx, in)
	}
	none := func(*sts.AssumeRoleInput) {}
	_, err := assume("targets", func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("red") })
	wantDenial(t, err, "AccessDenied", http.StatusForbidden, "sts:AssumeRole")
	_, err = assume("absent", none)
	wantDenial(t, err, "AccessDenied", http.StatusForbidden, "sts:AssumeRole")
	_, err = assume("pods", none)
	wantDenial(t, err, "AccessDenied", http.StatusForbidden, "sts:AssumeRole")
	_, err = assume("targets", func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3 * 3600) })
	if apierr.CodeOf(err) != "ValidationError" {
		t.Errorf("longer than the role's longest session: %v", err)
	}
	_, err = assume("targets", func(in *sts.AssumeRoleInput) { in.Policy = aws.String(`{"Statement":[]}`) })
	if apierr.CodeOf(err) != "MalformedPolicyDocument" {
		t.Errorf("a broken session policy: %v", err)
	}
	_, err = sts.NewFromConfig(s.as("AKIAOTHER", "x", "")).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::123456789012:role/targets"), RoleSessionName: aws.String("lbc"),
		ExternalId: aws.String("blue"),
	})
	wantDenial(t, err, "AccessDenied", http.StatusForbidden, "sts:AssumeRole")

	out := wanted(assume("targets", func(in *sts.AssumeRoleInput) {
		in.Policy = aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"web"}}}}`)
		in.Tags = []ststypes.Tag{{Key: aws.String("team"), Value: aws.String("web")}}
	}))(t).Credentials
	session := s.as(*out.AccessKeyId, *out.SecretAccessKey, *out.SessionToken)
	wanted(ec2.NewFromConfig(session).DescribeVpcs(ctx, nil))(t) // both allow it
	_, err = elb.NewFromConfig(session).DescribeLoadBalancers(ctx, nil)
	wantDenial(t, err, "AccessDenied", http.StatusForbidden, "elasticloadbalancing:DescribeLoadBalancers")
	if !strings.Contains(err.Error(), "User: arn:aws:sts::123456789012:assumed-role/targets/lbc is") ||
		!strings.Contains(err.Error(), "because no session policy allows") {
		t.Errorf("got %v", err)
	}
	_, err = ec2.NewFromConfig(session).StopInstances(ctx, &ec2.StopInstancesInput{
		InstanceIds: []string{"i-0a1de0000000000a1"}})
	wantDenial(t, err, "UnauthorizedOperation", http.StatusForbidden, "ec2:StopInstances") // the role does not allow it
}

// bearer is a service account's token.
func bearer(issuer, audience, name string, expires time.Time) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256"}`)) + "." + part(fmt.Appendf(nil,
		`{"iss":%q,"aud":[%q],"sub":"system:serviceaccount:kube-system:%s","exp":%d,"kubernetes.io":{"namespace":"kube-system","serviceaccount":{"name":%q},"pod":{"name":"lbc-0","uid":"u-1"}}}`,
		issuer, audience, name, expires.Unix(), name)) + "." + part([]byte("signature"))
}

func TestWebIdentitiesGetTheRoleThatTrustsThem(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Seed: guarded(t), Clock: clock.NewStepped(morning), Enforce: true})
	identity := sts.NewFromConfig(s.as("", "", ""), func(o *sts.Options) { o.Credentials = aws.AnonymousCredentials{} })
	assume := func(token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return identity.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String("arn:aws:iam::123456789012:role/irsa"), RoleSessionName: aws.String("lbc"),
			WebIdentityToken: aws.String(token),
		})
	}
	later := morning.Add(time.Hour)
	const issuer, audience = "https://oidc.example/id/1", "sts.amazonaws.com"
	for name, tt := range map[string]struct{ token, code string }{
		"another issuer":   {bearer("https://elsewhere.example", audience, "lbc", later), "InvalidIdentityToken"},
		"another audience": {bearer(issuer, "vault", "lbc", later), "InvalidIdentityToken"},
		"expired":          {bearer(issuer, audience, "lbc", morning.Add(-time.Second)), "ExpiredTokenException"},
		"another subject":  {bearer(issuer, audience, "other", later), "AccessDenied"},
	} {
		if _, err := assume(tt.token); apierr.CodeOf(err) != tt.code {
			t.Errorf("%s: got %v, want %s", name, err, tt.code)
		}
	}
	out := wanted(assume(bearer(issuer, audience, "lbc", later)))(t).Credentials
	wanted(elb.NewFromConfig(s.as(*out.AccessKeyId, *out.SecretAccessKey, *out.SessionToken)).DescribeLoadBalancers(
		t.Context(), nil))(t)
}

// TestRow22TrustPolicyAdmitsControllersServiceAccount reads the trust policy that the installation
// guide prints. A second role also demands the audience, which the guide's policy does not.
func TestRow22TrustPolicyAdmitsControllersServiceAccount(t *testing.T) {
	t.Parallel()
	printed, err := os.ReadFile("../examples/guides/install/22-irsa-trust-policy.json")
	if err != nil {
		t.Fatal(err)
	}
	const issuer = "https://oidc.eks.us-west-2.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
	const subject = `"oidc.eks.us-west-2.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE:sub"`
	f := seed.Default()
	f.IAM.Providers = []seed.Provider{{Issuer: issuer, Audiences: []string{"sts.amazonaws.com", "vault"}}}
	f.IAM.Roles = []seed.Role{
		{Name: "printed", Trust: printed},
		{Name: "audience", Trust: json.RawMessage(strings.Replace(string(printed), subject, strings.Replace(subject, ":sub",
			":aud", 1)+`: "sts.amazonaws.com", `+subject, 1))},
	}
	s := serve(t, Options{Seed: &f, Clock: clock.NewStepped(morning), Enforce: true})
	identity := sts.NewFromConfig(s.as("", "", ""), func(o *sts.Options) { o.Credentials = aws.AnonymousCredentials{} })
	for _, tt := range []struct{ role, account, audience, code string }{
		{"printed", "aws-load-balancer-controller", "sts.amazonaws.com", ""},
		{"printed", "default", "sts.amazonaws.com", "AccessDenied"},
		{"printed", "aws-load-balancer-controller", "vault", ""},
		{"audience", "aws-load-balancer-controller", "sts.amazonaws.com", ""},
		{"audience", "aws-load-balancer-controller", "vault", "AccessDenied"},
	} {
		_, err := identity.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String("arn:aws:iam::123456789012:role/" + tt.role), RoleSessionName: aws.String("lbc"),
			WebIdentityToken: aws.String(bearer(issuer, tt.audience, tt.account, morning.Add(time.Hour))),
		})
		if apierr.CodeOf(err) != tt.code {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

func TestPodsAndNodesGetTheirCredentialsFromTheSDKsProviders(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Seed: guarded(t), Enforce: true, Verify: true})
	ctx := t.Context()
	pod := func(token string) aws.CredentialsProvider {
		return endpointcreds.New(s.url+"/v1/credentials", func(o *endpointcreds.Options) {
			o.AuthorizationToken, o.HTTPClient, o.Retryer = token, s.http, aws.NopRetryer{}
		})
	}
	later := time.Now().Add(time.Hour)
	node := imds.New(imds.Options{Endpoint: s.url, HTTPClient: s.http})
	who := func(p aws.CredentialsProvider) string {
		t.Helper()
		c := s.as("", "", "")
		c.Credentials = p
		wanted(ec2.NewFromConfig(c).DescribeVpcs(ctx, nil))(t)
		_, err := ec2.NewFromConfig(c).TerminateInstances(ctx, &ec2.TerminateInstancesInput{
			InstanceIds: []string{"i-0a1de0000000000a1"}})
		wantDenial(t, err, "UnauthorizedOperation", http.StatusForbidden, "ec2:TerminateInstances")
		return *wanted(sts.NewFromConfig(c).GetCallerIdentity(ctx, nil))(t).Arn
	}
	if got := who(pod(bearer("https://kubernetes", "pods.eks.amazonaws.com", "lbc", later))); !strings.HasPrefix(got,
		"arn:aws:sts::123456789012:assumed-role/pods/eks-demo-cluster-lbc-0-") {
		t.Errorf("the pod is %s", got)
	}
	if got := who(ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = node })); got !=
		"arn:aws:sts::123456789012:assumed-role/nodes/i-0a1de0000000000a1" {
		t.Errorf("the node is %s", got)
	}
	for name, token := range map[string]string{
		"ResourceNotFoundException": bearer("https://kubernetes", "pods.eks.amazonaws.com", "other", later),
		"InvalidTokenException":     bearer("https://kubernetes", "sts.amazonaws.com", "lbc", later),
		"ExpiredTokenException": bearer("https://kubernetes", "pods.eks.amazonaws.com", "lbc",
			time.Now().Add(-time.Minute)),
	} {
		if _, err := pod(token).Retrieve(ctx); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}

func TestTheControllersQuestionsOfTheMetadataServiceAreAnswered(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Seed: guarded(t)})
	ctx := t.Context()
	c := imds.New(imds.Options{Endpoint: s.url, HTTPClient: s.http})
	get := func(path string) string {
		t.Helper()
		out := wanted(c.GetMetadata(ctx, &imds.GetMetadataInput{Path: path}))(t)
		return string(wanted(io.ReadAll(out.Content))(t))
	}
	if region := wanted(c.GetRegion(ctx, nil))(t).Region; region != "us-west-2" {
		t.Errorf("region %s", region)
	}
	if got := get("network/interfaces/macs/" + get("mac") + "/vpc-id"); got != s.description.VPC.ID {
		t.Errorf("VPC %s", got)
	}
	instance := s.description.Cluster.Nodes[0].Instance
	document := wanted(c.GetInstanceIdentityDocument(ctx, nil))(t)
	if document.InstanceID != instance || document.AccountID != "123456789012" || get("instance-id") != instance {
		t.Errorf("document %+v", document)
	}
	if got := get("iam/security-credentials/"); got != "nodes" {
		t.Errorf("role %q", got)
	}
	if got := get("network/interfaces/"); got != "macs/" {
		t.Errorf("directory %q", got)
	}
	if _, err := c.GetMetadata(ctx, &imds.GetMetadataInput{Path: "spot/termination-time"}); err == nil {
		t.Error("a path that is not there answered")
	}
}

func TestTheMetadataServiceNeedsItsTokens(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(morning)
	s := serve(t, Options{Clock: c})
	ask := func(method, path string, header map[string]string) (int, string) {
		t.Helper()
		r := wanted(http.NewRequestWithContext(t.Context(), method, s.url+path, nil))(t)
		for k, v := range header {
			r.Header.Set(k, v)
		}
		resp := wanted(s.http.Do(r))(t)
		body := wanted(io.ReadAll(resp.Body))(t)
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		return resp.StatusCode, string(body)
	}
	const token, question = "/latest/api/token", "/latest/meta-data/instance-id"
	life := "X-aws-ec2-metadata-token-ttl-seconds"
	for name, tt := range map[string]struct {
		method, path string
		header       map[string]string
		status       int
	}{
		"no token":                {"GET", question, nil, 401},
		"another token":           {"GET", question, map[string]string{"X-aws-ec2-metadata-token": "AAAA"}, 401},
		"no life":                 {"PUT", token, nil, 400},
		"too long a life":         {"PUT", token, map[string]string{life: "21601"}, 400},
		"through a proxy":         {"PUT", token, map[string]string{life: "60", "X-Forwarded-For": "10.0.0.1"}, 403},
		"reading the token":       {"GET", token, map[string]string{life: "60"}, 405},
		"writing":                 {"POST", question, nil, 405},
		"an instance unknown":     {"GET", "/_sim/instances/i-00000009/latest/meta-data/", nil, 401},
		"credentials of no token": {"GET", "/v1/credentials", nil, 400},
	} {
		if status, body := ask(tt.method, tt.path, tt.header); status != tt.status {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	_, given := ask("PUT", token, map[string]string{life: "60"})
	header := map[string]string{"X-aws-ec2-metadata-token": given}
	if status, body := ask("GET", question, header); status != 200 || body != s.description.Cluster.Nodes[0].Instance {
		t.Errorf("with a token: %d %s", status, body)
	}
	if status, _ := ask("GET", "/latest/meta-data/iam/security-credentials/", header); status != 404 {
		t.Errorf("credentials without a role: %d", status)
	}
	second := s.description.Cluster.Nodes[1].Instance
	if status, _ := ask("GET", "/_sim/instances/"+second+question, header); status != 401 {
		t.Errorf("another instance took the token: %d", status)
	}
	_, given = ask("PUT", "/_sim/instances/"+second+token, map[string]string{life: "60"})
	if status, body := ask("GET", "/_sim/instances/"+second+question, map[string]string{
		"X-aws-ec2-metadata-token": given}); status != 200 || body != second {
		t.Errorf("of another instance: %d %s", status, body)
	}
	c.Advance(time.Minute)
	if status, _ := ask("GET", question, header); status != 401 {
		t.Errorf("after its life: %d", status)
	}
}

func TestSignaturesAreVerifiedInEveryProtocol(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Seed: guarded(t), Verify: true})
	ctx := t.Context()
	all := func(c aws.Config) map[string]error {
		_, balancing := elb.NewFromConfig(c).DescribeLoadBalancers(ctx, nil)
		_, compute := ec2.NewFromConfig(c).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{
			Filters: []ec2types.Filter{{Name: aws.String("tag:a b/ü*~"), Values: []string{"x+y=&"}}}})
		_, trust := acm.NewFromConfig(c).ListCertificates(ctx, nil)
		_, firewall := wafv2.NewFromConfig(c).GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{
			ResourceArn: aws.String("x")})
		_, tagged := resourcegroupstaggingapi.NewFromConfig(c).GetResources(ctx, nil)
		return map[string]error{"balancing": balancing, "compute": compute, "trust": trust, "firewall": firewall,
			"tagging": tagged}
	}
	for name, err := range all(s.as("AKIALBC", "lbc's", "")) {
		if name == "firewall" && apierr.CodeOf(err) != "" && apierr.CodeOf(err) != "InvalidSignatureException" {
			continue // understood, and refused for the ARN
		}
		if name == "tagging" && apierr.CodeOf(err) == "AccessDeniedException" {
			continue // understood; the policy does not have it
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, tt := range map[string]struct {
		config aws.Config
		want   map[string]string
	}{
		"another secret": {s.as("AKIALBC", "guessed", ""), map[string]string{"balancing": "SignatureDoesNotMatch",
			"compute": "AuthFailure", "trust": "InvalidSignatureException", "firewall": "InvalidSignatureException",
			"tagging": "InvalidSignatureException"}},
		"another key": {s.as("AKIANOBODY", "lbc's", ""), map[string]string{"balancing": "InvalidClientTokenId",
			"compute": "AuthFailure", "trust": "UnrecognizedClientException", "firewall": "UnrecognizedClientException",
			"tagging": "UnrecognizedClientException"}},
	} {
		for service, err := range all(tt.config) {
			if apierr.CodeOf(err) != tt.want[service] {
				t.Errorf("%s, %s: got %v, want %s", name, service, err, tt.want[service])
			}
		}
	}
	presigned := wanted(sts.NewPresignClient(sts.NewFromConfig(s.as("AKIALBC", "lbc's", ""))).PresignGetCallerIdentity(ctx,
		&sts.GetCallerIdentityInput{}, func(o *sts.PresignOptions) {
			o.ClientOptions = append(o.ClientOptions, func(o *sts.Options) { o.HTTPClient = s.http })
		}))(t)
	for url, want := range map[string]int{presigned.URL + "&X-Amz-Expires=60": 403, presigned.URL: 200} {
		r := wanted(http.NewRequestWithContext(ctx, presigned.Method, url, nil))(t)
		resp := wanted(s.http.Do(r))(t)
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Error(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != want {
			t.Errorf("presigned %s: %s, want %d", url, resp.Status, want)
		}
	}
}

func TestSDKCorrectsWrongClock(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Seed: guarded(t), Verify: true, Clock: clock.NewStepped(morning)}) // years from the client's
	c := s.as("AKIALBC", "lbc's", "")
	ctx := context.Background()
	_, balancing := elb.NewFromConfig(c).DescribeLoadBalancers(ctx, nil)
	_, compute := ec2.NewFromConfig(c).DescribeVpcs(ctx, nil)
	_, trust := acm.NewFromConfig(c).ListCertificates(ctx, nil)
	for want, err := range map[string]error{"SignatureDoesNotMatch": balancing, "RequestExpired": compute,
		"InvalidSignatureException": trust} {
		if apierr.CodeOf(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	c.Retryer = nil // the SDK's own: it reads the answer's date and signs by it
	wanted(elb.NewFromConfig(c).DescribeLoadBalancers(ctx, nil))(t)
}
