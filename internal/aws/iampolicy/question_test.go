package iampolicy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

var subject = Subject{Partition: "aws", Region: "us-west-2", Account: "123456789012", Cluster: "demo", VPC: "vpc-1",
	Role: "arn:aws:iam::123456789012:role/lbc"}

// refused are the actions with their statements that a policy does not allow as the questions ask.
func refused(t *testing.T, questions []Question, d Document) (out []string) {
	t.Helper()
	text, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := policy.ParseIdentity([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range questions {
		keys := policy.Context{}
		for k, v := range q.Keys {
			keys.Set(k, v...)
		}
		for _, a := range q.Actions {
			r := &policy.Request{Action: a, Resource: q.Resource, Context: keys}
			if s := q.Sid + " " + a; !policy.Evaluate(r, []policy.Layer{
				{Kind: policy.Identity, Documents: []*policy.Document{parsed}}}).Allowed && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// most are features whose policy is short enough, with those that are off by default.
func most() []Feature {
	return slices.DeleteFunc(all(), func(f Feature) bool {
		return f == Outposts || f == IPAM || f == Cognito || f == IAMCertificates
	})
}

func TestThePolicyOfAControllerAllowsEachThingThatIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{Cluster: "demo", VPC: "vpc-1", Features: Defaults()}, {Features: Defaults()},
		{Cluster: "demo", VPC: "vpc-1", Bucket: "bucket", Prefix: "lbc", Features: most()},
		{Cluster: "demo", VPC: "vpc-1", Features: foreign, Apart: true}, {Features: append(Defaults(), foreign...)},
		{
			Cluster: "demo", Features: foreign, Apart: true, SecurityGroups: []string{"sg-1"}, TargetGroups: []string{
				"mine-*", "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/x/1"},
			Existing: []string{"payroll", "arn:aws:elasticloadbalancing:*:123456789012:loadbalancer/net/edge*"},
		},
		{Cluster: "demo", Features: []Feature{ExistingBalancers}, Apart: true, Existing: []string{
			"payroll", "arn:aws:elasticloadbalancing:*:123456789012:loadbalancer/net/edge*"}},
		{Cluster: "demo", Features: []Feature{GlobalAccelerator}, Apart: true}, {Features: []Feature{GlobalAccelerator},
			Apart: true},
	} {
		d := minimal(t, o)
		questions := Questions(d, subject)
		if got := refused(t, questions, d); len(got) > 0 {
			t.Errorf("%+v: %v", o, got)
		}
		asked := map[string]bool{}
		for _, q := range questions {
			for _, a := range q.Actions {
				asked[q.Sid+a] = true
			}
		}
		for _, s := range d.Statement {
			for _, a := range s.Action {
				if !asked[s.Sid+a] {
					t.Errorf("nothing asks for %s of statement %s", a, s.Sid)
				}
			}
		}
	}
}

func TestAStatementThatIsMissingIsNoticed(t *testing.T) {
	t.Parallel()
	d := minimal(t, Options{Cluster: "demo", VPC: "vpc-1", Features: Defaults()})
	questions := Questions(d, subject)
	for i, s := range d.Statement {
		less := Document{Version: d.Version, Statement: slices.Delete(slices.Clone(d.Statement), i, i+1)}
		got := refused(t, questions, less)
		for _, a := range s.Action {
			if !slices.Contains(got, s.Sid+" "+a) {
				t.Errorf("%s of statement %s is not missed", a, s.Sid)
			}
		}
		for _, g := range got {
			if !strings.HasPrefix(g, s.Sid+" ") {
				t.Errorf("without %s, %s is missed", s.Sid, g)
			}
		}
	}
}

// TestStandardPolicyLacksOptionalFeatures: nothing that the existing controller's installations
// allow is missed.
func TestStandardPolicyLacksOptionalFeatures(t *testing.T) {
	t.Parallel()
	d := minimal(t, Options{Cluster: "demo", VPC: "vpc-1", Features: Defaults()})
	got := refused(t, Questions(d, subject), Standard("aws"))
	slices.Sort(got)
	want := []string{
		"AddOns wafv2:ListWebACLs", "ChangeOwn acm:DeleteCertificate", "ChangeOwn acm:ImportCertificate",
		"Create acm:ImportCertificate", "Read acm:ListTagsForCertificate", "Read ec2:DescribeManagedPrefixLists",
		"Read elasticloadbalancing:DescribeAccountLimits", "TagCreatedCertificates acm:AddTagsToCertificate",
		"TagOwn acm:AddTagsToCertificate",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, g := range got {
		sid, action, _ := strings.Cut(g, " ")
		if always, standard := Needed("aws", sid, action); always || standard {
			t.Errorf("%s: always %t, standard %t", g, always, standard)
		}
	}
}

func TestAQuestionIsAboutResourcesOfItsPartitionRegionAndAccount(t *testing.T) {
	t.Parallel()
	of := subject
	of.Partition, of.Region = "aws-cn", "cn-north-1"
	for _, q := range Questions(minimal(t, Options{Partition: "aws-cn", Features: Defaults()}), of) {
		parts := strings.SplitN(q.Resource, ":", 6)
		if q.Resource != "*" && (len(parts) < 6 || parts[1] != "aws-cn" || parts[3] != "" && parts[3] != "cn-north-1" ||
			parts[4] != "" && parts[4] != "123456789012") {
			t.Errorf("%s: %s", q.Sid, q.Resource)
		}
		if q.Keys["aws:RequestedRegion"][0] != "cn-north-1" {
			t.Errorf("%s: %v", q.Sid, q.Keys)
		}
	}
}

func TestHowMuchAnActionIsNeeded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sid, action      string
		always, standard bool
	}{
		{"ChangeOwn", "elasticloadbalancing:DeleteLoadBalancer", true, true}, {"Read", "acm:ListCertificates", false, true},
		{"AddOns", "wafv2:ListWebACLs", false, false},
	} {
		if always, standard := Needed("aws", tt.sid, tt.action); always != tt.always || standard != tt.standard {
			t.Error(fmt.Sprint(tt, always, standard))
		}
	}
}

func TestPlaceNamesStatementsAndFeatures(t *testing.T) {
	t.Parallel()
	places := StatementsByAction()
	for action, want := range map[string]string{
		"elasticloadbalancing:CreateTargetGroup": "statement Create", "sts:GetCallerIdentity": "",
		"elasticloadbalancing:RegisterTargets": "statement ChangeOwn, or ForeignTargetGroups with feature " +
			"foreign-target-groups,",
		"elasticloadbalancing:AddTags": "statement TagCreated, TagOwn, or TagUntagged with feature " +
			"existing-load-balancers or untagged-listeners,",
		"ec2:AuthorizeSecurityGroupIngress": "statement ChangeOwn, NodeSecurityGroups, or ForeignSecurityGroups with " +
			"feature foreign-security-groups,",
	} {
		if got := places[action]; got != want {
			t.Errorf("%s: %q, want %q", action, got, want)
		}
	}
}
