package iam

import (
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// simulated is an account with a role that may read, and change what has a tag, within a boundary that forbids
// deletions.
func simulated(t *testing.T) *Simulation {
	t.Helper()
	a := world(t)
	a.AddPolicy(&account.Policy{Name: "work", Document: document(t, `{"Version": "2012-10-17", "Statement": [
		{"Sid": "Read", "Effect": "Allow", "Action": "elasticloadbalancing:Describe*", "Resource": "*"},
		{"Sid": "Change", "Effect": "Allow", "Action": "elasticloadbalancing:*", "Resource": "arn:aws:elasticloadbalancing:*:*:loadbalancer/*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "shop"}}},
		{"Sid": "Never", "Effect": "Deny", "Action": "elasticloadbalancing:SetSubnets", "Resource": "*"}]}`)})
	a.AddPolicy(&account.Policy{
		Name: "bounds",
		Document: document(
			t, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "NotAction": "elasticloadbalancing:Delete*", "Resource": "*"}}`)})
	a.AddRole(&account.Role{Name: "worker", Path: "/team/", Grants: account.Grants{Policies: []string{"work"},
		Boundary: "bounds"}})
	return NewSimulation(a, nil)
}

const worker = "arn:aws:iam::123456789012:role/team/worker"

func TestASimulationDecidesAsCallsAreDecidedOn(t *testing.T) {
	t.Parallel()
	s := simulated(t)
	shop := []ContextEntry{{ContextKeyName: aws.String("aws:ResourceTag/team"), ContextKeyValues: []string{"shop"}}}
	for _, tt := range []struct {
		name, action, resource string
		keys                   []ContextEntry
		want                   string
		bounded                bool
		missing                int
	}{
		{"allowed", "elasticloadbalancing:DescribeTags", "*", nil, "allowed", true, 1},
		{"allowed with a tag", "elasticloadbalancing:SetIpAddressType", balancer, shop, "allowed", true, 0},
		{"a tag that the simulation was not given", "elasticloadbalancing:SetIpAddressType", balancer, nil,
			"implicitDeny", true, 1},
		{"another resource", "elasticloadbalancing:SetIpAddressType", targets, shop, "implicitDeny", true, 0},
		{"outside of the boundary", "elasticloadbalancing:DeleteLoadBalancer", balancer, shop, "implicitDeny", false, 0},
		{"a Deny", "elasticloadbalancing:SetSubnets", balancer, shop, "explicitDeny", true, 0},
	} {
		out, err := s.SimulatePrincipalPolicy(t.Context(), &SimulatePrincipalPolicyInput{PolicySourceArn: aws.String(worker),
			ActionNames: []string{tt.action}, ResourceArns: []string{tt.resource}, ContextEntries: tt.keys})
		if err != nil || len(out.EvaluationResults) != 1 {
			t.Fatalf("%s: %+v, %v", tt.name, out, err)
		}
		x := out.EvaluationResults[0]
		if x.EvalDecision != tt.want || x.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary != tt.bounded ||
			len(x.MissingContextValues) != tt.missing {
			t.Errorf("%s: %+v %+v", tt.name, x, x.PermissionsBoundaryDecisionDetail)
		}
	}
}

func TestEachActionIsSimulatedOnEachResourceByPages(t *testing.T) {
	t.Parallel()
	s := simulated(t)
	in := &SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String(worker), ActionNames: []string{"elasticloadbalancing:DescribeTags", "ec2:DescribeVpcs"},
		ResourceArns: []string{balancer, targets}, MaxItems: aws.Int32(3),
		PolicyInputList: []string{
			`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}`},
	}
	var got []string
	for more := true; more; {
		out, err := s.SimulatePrincipalPolicy(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.EvaluationResults {
			got = append(got, *r.EvalActionName+" "+*r.EvalResourceName+" "+r.EvalDecision)
		}
		in.Marker, more = out.Marker, out.IsTruncated
	}
	want := []string{
		"elasticloadbalancing:DescribeTags " + balancer + " allowed", "elasticloadbalancing:DescribeTags " + targets +
			" allowed", "ec2:DescribeVpcs " + balancer + " allowed", "ec2:DescribeVpcs " + targets + " allowed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestASimulationThatCannotBeMadeIsRefused(t *testing.T) {
	t.Parallel()
	s := simulated(t)
	for _, tt := range []struct {
		name, code string
		in         SimulatePrincipalPolicyInput
	}{
		{"no role of that name", "NoSuchEntity", SimulatePrincipalPolicyInput{
			PolicySourceArn: aws.String("arn:aws:iam::123456789012:role/none"), ActionNames: []string{"ec2:DescribeVpcs"}}},
		{"another account", "InvalidInput", SimulatePrincipalPolicyInput{
			PolicySourceArn: aws.String("arn:aws:iam::210987654321:role/worker"), ActionNames: []string{"ec2:DescribeVpcs"}}},
		{"no principal", "InvalidInput", SimulatePrincipalPolicyInput{ActionNames: []string{"ec2:DescribeVpcs"}}},
		{"no action", "InvalidInput", SimulatePrincipalPolicyInput{PolicySourceArn: aws.String(worker)}},
		{"no name of an action", "InvalidInput", SimulatePrincipalPolicyInput{PolicySourceArn: aws.String(worker),
			ActionNames: []string{"DescribeVpcs"}}},
		{"no policy", "InvalidInput", SimulatePrincipalPolicyInput{PolicySourceArn: aws.String(worker), ActionNames: []string{
			"ec2:DescribeVpcs"}, PolicyInputList: []string{"{}"}}},
		{"no page", "InvalidInput", SimulatePrincipalPolicyInput{PolicySourceArn: aws.String(worker), ActionNames: []string{
			"ec2:DescribeVpcs"}, Marker: aws.String("x")}},
	} {
		_, err := s.SimulatePrincipalPolicy(t.Context(), &tt.in)
		if refused := (*apierr.Error)(nil); !errors.As(err, &refused) || refused.Code != tt.code {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestWhatNothingLimitsIsAllowedInSimulationsToo: a role without policies may do everything unless the account enforces
// them.
func TestWhatNothingLimitsIsAllowedInSimulationsToo(t *testing.T) {
	t.Parallel()
	s := simulated(t)
	s.account.AddRole(&account.Role{Name: "free"})
	for enforced, want := range map[bool]string{false: "allowed", true: "implicitDeny"} {
		s.account.Enforced = enforced
		out, err := s.SimulatePrincipalPolicy(t.Context(), &SimulatePrincipalPolicyInput{
			PolicySourceArn: aws.String("arn:aws:iam::123456789012:role/free"), ActionNames: []string{"ec2:DescribeVpcs"}})
		if err != nil || out.EvaluationResults[0].EvalDecision != want || *out.EvaluationResults[0].EvalResourceName != "*" {
			t.Errorf("enforced %t: %+v, %v", enforced, out, err)
		}
	}
}
