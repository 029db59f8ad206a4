package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
	"github.com/k8s-lbc/lbc/internal/controller/config"
)

func allowed(t *testing.T, args ...string) []string {
	t.Helper()
	out, errOut, err := lbc(t, "", append([]string{"iam-policy"}, args...)...)
	if err != nil || errOut != "" {
		t.Fatalf("%v: %v %s", args, err, errOut)
	}
	var d struct{ Statement []struct{ Action []string } }
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	var all []string
	for _, s := range d.Statement {
		all = append(all, s.Action...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// withAll are the flags with which a controller uses every feature but accelerators, which have a policy of their own.
var withAll = []string{"--cluster-name", "prod", "--trust-store-bucket", "authorities",
	"--feature-gates=EnableCertificateManagement=true,EnableRGTAPI=true",
	"--assumable-roles=arn:aws:iam::222222222222:role/targets"}

// caller are the actions that AWS checks on the way of a call, on behalf of the caller.
var caller = []string{
	"acm-pca:GetCertificate", "acm-pca:IssueCertificate", "acm-pca:ListPermissions", "ec2:DescribeAccountAttributes",
	"ec2:DescribeCoipPools", "ec2:DescribeInternetGateways",
	"ec2:DescribeIpamPools", "ec2:DescribeTags", "ec2:DescribeVpcPeeringConnections", "ec2:GetCoipPoolUsage",
	"ec2:GetSecurityGroupsForVpc",
	"elasticloadbalancing:SetWebAcl", "iam:CreateServiceLinkedRole", "iam:GetServerCertificate",
	"iam:ListServerCertificates", "wafv2:GetWebACL",
}

func TestThePolicyAllowsEveryCallOfTheControllerAndNothingElse(t *testing.T) {
	t.Parallel()
	want := append(slices.Clone(caller), permission.Actions()...)
	// the first is allowed always
	want = slices.DeleteFunc(want, func(a string) bool { return a == "sts:GetCallerIdentity" || ofAccelerators(a) })
	slices.Sort(want)
	if got := allowed(t, withAll...); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestTheReadersPolicyReadsOnly compares it with all calls of the controller.
func TestTheReadersPolicyReadsOnly(t *testing.T) {
	t.Parallel()
	var want []string
	for _, a := range permission.Actions() {
		_, name, _ := strings.Cut(a, ":")
		reads := strings.HasPrefix(name, "Describe") || strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List") ||
			strings.HasPrefix(name, "BatchGet")
		if reads && a != "sts:GetCallerIdentity" && !ofAccelerators(a) {
			want = append(want, a)
		}
	}
	want = append(want, "iam:SimulatePrincipalPolicy")
	slices.Sort(want)
	if got := allowed(t, append([]string{"--reader"}, withAll...)...); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if _, _, err := lbc(t, "", "iam-policy", "--reader", "--standard"); err == nil || !strings.Contains(err.Error(),
		"--standard takes no --reader") {
		t.Errorf("--reader with --standard: %v", err)
	}
}

func ofAccelerators(action string) bool { return strings.HasPrefix(action, "globalaccelerator:") }

func TestThePolicyOfAcceleratorsAllowsTheirCallsAndNothingElse(t *testing.T) {
	t.Parallel()
	want := slices.DeleteFunc(slices.Clone(permission.Actions()), func(a string) bool { return !ofAccelerators(a) })
	got := slices.DeleteFunc(allowed(t, "--cluster-name", "prod", "--only", "global-accelerator"),
		func(a string) bool { return a == "iam:CreateServiceLinkedRole" })
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestFlagsOfTheControllerDecideAboutThePolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args   []string
		action string
		want   bool
	}{
		{nil, "shield:CreateProtection", true},
		{[]string{"--enable-shield=false"}, "shield:CreateProtection", false},
		{[]string{"--enable-wafv2=false"}, "wafv2:AssociateWebACL", false},
		{nil, "acm:RequestCertificate", false},
		{[]string{"--feature-gates=EnableCertificateManagement=true"}, "acm:RequestCertificate", true},
		{nil, "acm:ImportCertificate", true}, // Gateways
		{[]string{"--feature-gates=ALBGatewayAPI=false,NLBGatewayAPI=false"}, "acm:ImportCertificate", false},
		{[]string{"--feature-gates=ALBGatewayAPI=false,NLBGatewayAPI=false", "--enable-tls-secret-import"},
			"acm:ImportCertificate", true},
		{[]string{"--without", "waf-classic"}, "waf-regional:AssociateWebACL", false},
		{[]string{"--without", "secret-import,cognito"}, "acm:ImportCertificate", false},
		{[]string{"--feature-gates=LBCapacityReservation=false"}, "elasticloadbalancing:ModifyCapacityReservation", false},
		{nil, "s3:PutObject", false},
		{[]string{"--trust-store-bucket=b"}, "s3:PutObject", true},
		{[]string{"--trust-store-bucket=b", "--without=trust-store-uploads"}, "s3:PutObject", false},
		{[]string{"--only", "shield"}, "shield:CreateProtection", true},
		{[]string{"--only", "shield"}, "elasticloadbalancing:CreateLoadBalancer", false},
		{nil, "sts:AssumeRole", false},
		{[]string{"--assumable-roles=*"}, "sts:AssumeRole", false}, // which one is not said
		{[]string{"--assumable-roles=shop=arn:aws:iam::222222222222:role/targets"}, "sts:AssumeRole", true},
		{[]string{"--only", "existing-load-balancers"}, "elasticloadbalancing:AddTags", true},
		{[]string{"--with", "tagging-api"}, "tag:GetResources", true},
		{nil, "tag:GetResources", false},
		{[]string{"--feature-gates=EnableRGTAPI=true"}, "tag:GetResources", true},
		{[]string{"--standard"}, "wafv2:ListWebACLs", false},
	} {
		if got := slices.Contains(allowed(t, tt.args...), tt.action); got != tt.want {
			t.Errorf("%v: %s is allowed: %v, want %v", tt.args, tt.action, got, tt.want)
		}
	}
}

func TestPolicyAllowsExistingLoadBalancers(t *testing.T) {
	t.Parallel()
	var o iamPolicyOptions
	o.config.ExistingLoadBalancers = []string{
		"shop=payroll", "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/front/*", "*"}
	o.only = []string{string(iampolicy.ExistingBalancers)}
	d, err := o.document()
	if err != nil || len(d.Statement) != 2 {
		t.Fatal(d, err)
	}
	want := []string{"arn:aws:elasticloadbalancing:*:*:l*/*/payroll/*",
		"arn:aws:elasticloadbalancing:us-west-2:123456789012:l*/app/front/*"}
	for _, s := range d.Statement {
		if !slices.Equal(s.Resource, want) {
			t.Errorf("%v, want %v", s.Resource, want)
		}
	}
	o.only, o.config.ExistingLoadBalancers = nil, []string{"none"}
	if used := features(&o.config); slices.Contains(used, iampolicy.ExistingBalancers) {
		t.Error("the policy allows load balancers of others without the flag")
	}
}

// resourcesOf are the resources of each statement of a printed policy for what belongs to others.
func resourcesOf(t *testing.T, args ...string) map[string][]string {
	t.Helper()
	out, errOut, err := lbc(t, "", append([]string{"iam-policy", "--cluster-name", "prod"}, args...)...)
	if err != nil || errOut != "" {
		t.Fatalf("%v: %v %s", args, err, errOut)
	}
	var d struct {
		Statement []struct {
			Sid      string
			Resource any
		}
	}
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	all := map[string][]string{}
	for _, s := range d.Statement {
		if !strings.HasPrefix(s.Sid, "Foreign") && !strings.HasSuffix(s.Sid, "Untagged") {
			continue
		}
		list, ok := s.Resource.([]any)
		if !ok {
			list = []any{s.Resource}
		}
		for _, r := range list {
			all[s.Sid] = append(all[s.Sid], fmt.Sprint(r))
		}
	}
	return all
}

func TestFlagsDecideAboutWhatBelongsToOthers(t *testing.T) {
	t.Parallel()
	const balancing, group = "arn:aws:elasticloadbalancing:*:*:", "arn:aws:ec2:*:*:security-group/"
	untagged := func(r ...string) map[string][]string {
		return map[string][]string{"TagUntagged": r, "ChangeUntagged": r}
	}
	for _, tt := range []struct {
		args []string
		want map[string][]string
	}{
		{nil, map[string][]string{}},
		{[]string{"--bindable-target-groups=*"}, map[string][]string{}}, // which ones is not said
		{[]string{"--existing-load-balancers=*"}, map[string][]string{}},
		{[]string{"--bindable-target-groups=none", "--existing-load-balancers=none"}, map[string][]string{}},
		{[]string{"--bindable-target-groups=shop=cart-*"}, map[string][]string{
			"ForeignTargetGroups": {balancing + "targetgroup/cart-*/*"}}},
		{[]string{"--bindable-target-groups=cart", "--without=foreign-target-groups"}, map[string][]string{}},
		{[]string{"--with=foreign-target-groups"}, map[string][]string{"ForeignTargetGroups": {"*"}}},
		{[]string{"--node-security-group=sg-1"}, map[string][]string{"ForeignSecurityGroups": {group + "sg-1"}}},
		{[]string{"--with=foreign-security-groups"}, map[string][]string{"ForeignSecurityGroups": {group + "*"}}},
		{[]string{"--feature-gates=ListenerRulesTagging=false"}, untagged(balancing + "listener*")},
		{[]string{"--with=untagged-listeners"}, untagged(balancing + "listener*")},
		{[]string{"--existing-load-balancers=payroll"}, untagged(balancing + "l*/*/payroll/*")},
		{[]string{"--with=existing-load-balancers"}, untagged(balancing + "l*")},
	} {
		if got := resourcesOf(t, tt.args...); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.args, got, tt.want)
		}
	}
}

func TestDoctorAsksOfLongPolicies(t *testing.T) {
	t.Parallel()
	var c config.Config
	for range 60 {
		c.ExistingLoadBalancers = append(c.ExistingLoadBalancers,
			fmt.Sprintf("arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/front-%d/*",
				len(c.ExistingLoadBalancers)))
	}
	if _, err := (&iamPolicyOptions{config: c}).document(); !errors.Is(err, iampolicy.ErrTooLong) {
		t.Errorf("a policy that is too long: %v", err)
	}
	if d, err := allNeeded(c); err != nil || len(d.Statement) == 0 {
		t.Errorf("%v %v", d, err)
	}
}

func TestThePolicyIsPrintedForToolsAndPartitions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-o", "terraform"}, "data \"aws_iam_policy_document\" \"aws_load_balancer_controller\" {\n  statement " +
			"{\n    sid       = \"Read\"\n"},
		{[]string{"-o", "cloudformation"}, "Type: AWS::IAM::ManagedPolicy\n"},
		{[]string{"--aws-region", "cn-north-1"}, `"arn:aws-cn:ec2:*:*:security-group/*"`},
		{[]string{"--partition", "aws-iso-f", "--standard"}, `"arn:aws-iso-f:ec2:*:*:security-group/*"`},
	} {
		out, _, err := lbc(t, "", append([]string{"iam-policy"}, tt.args...)...)
		if err != nil || !strings.Contains(out, tt.want) {
			t.Errorf("%v: %v, no %q in\n%s", tt.args, err, tt.want, out)
		}
	}
}

func TestWrongArgumentsOfThePolicyAreRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--without", "waves"}, `--without "waves": there is no such feature`},
		{[]string{"--partition", "aws-moon"}, `partition "aws-moon": must be aws, aws-cn`},
		{[]string{"--partition", "aws-moon", "--standard"}, `--partition "aws-moon": there is no such partition`},
		{[]string{"--standard", "--without", "shield"}, "--standard takes neither --without nor --only"},
		{[]string{"--only", "waves"}, `--only "waves": there is no such feature`},
		{[]string{"--only", "shield", "--without", "wafv2"}, "--only takes no --without"},
		{[]string{"--only", "shield", "--standard"}, "--standard takes neither --without nor --only"},
		{[]string{"--with", "waves"}, `--with "waves": there is no such feature`},
		{[]string{"--with", "shield", "--without", "shield"}, "--with and --without name feature shield"},
		{[]string{"--only", "shield", "--with", "wafv2"}, "--only takes no --with"},
		{[]string{"--standard", "--with", "shield"}, "--standard takes no --with"},
		{[]string{"-o", "yaml"}, `--output "yaml": must be json, terraform or cloudformation`},
	} {
		if _, _, err := lbc(t, "", append([]string{"iam-policy"}, tt.args...)...); err == nil ||
			!strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.want)
		}
	}
}

func TestThePolicyOfADefaultControllerIsThatOfTheDefaultFeatures(t *testing.T) {
	t.Parallel()
	d, err := iampolicy.Minimal(permission.Actions(), iampolicy.Options{Features: iampolicy.Defaults()})
	if err != nil {
		t.Fatal(err)
	}
	if got := allowed(t); !slices.Equal(got, d.Actions()) {
		t.Errorf("got  %v\nwant %v", got, d.Actions())
	}
}
