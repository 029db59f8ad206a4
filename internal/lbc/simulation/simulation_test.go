package simulation

import (
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// simulating is a client of a simulator with a role that may describe what has a tag.
func simulating(t *testing.T) (Client, *awssim.Simulator) {
	t.Helper()
	sim, err := awssim.New(awssim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	d, err := policy.ParseIdentity([]byte(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/a": "b & c"}}}, {"Effect": "Deny", "Action": "ec2:DescribeVpcs", "Resource": "*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	sim.Account.Lock()
	sim.Account.AddPolicy(&account.Policy{Name: "p", Document: d})
	sim.Account.AddRole(&account.Role{Name: "lbc", Grants: account.Grants{Policies: []string{"p"}}})
	sim.Account.Unlock()
	return Client{
		Scope: awsclient.Scope{Partition: "aws", Region: "us-west-2"}, Endpoint: server.URL,
		Config: aws.Config{HTTPClient: server.Client(), Credentials: credentials.NewStaticCredentialsProvider(
			"AKIAPLAYGROUNDUSER01", "playground", "")},
	}, sim
}

func TestIAMSimulatesThePoliciesOfARole(t *testing.T) {
	t.Parallel()
	c, sim := simulating(t)
	q := Question{Role: sim.Account.IAMARN("role/lbc"), Resource: "*",
		Actions: []string{"ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:CreateTags"},
		Keys:    map[string][]string{"aws:ResourceTag/a": {"b & c"}, "aws:TagKeys": {"x", "y"}}}
	got, err := c.Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	want := []Answer{{"ec2:DescribeSubnets", "*", true, false}, {"ec2:DescribeVpcs", "*", false, true},
		{"ec2:CreateTags", "*", false, false}}
	for i := range want {
		if len(got) != len(want) || got[i] != want[i] {
			t.Fatalf("%+v", got)
		}
	}
	q.Actions = nil
	for i := range 150 { // more than a page
		q.Actions = append(q.Actions, "ec2:Describe"+string(rune('A'+i%26)))
	}
	if got, err = c.Ask(t.Context(), q); err != nil || len(got) != 150 || !got[149].Allowed {
		t.Errorf("%d decisions: %v", len(got), err)
	}
}

func TestWhatIAMRefusesToSimulateIsAnErrorOfItsClass(t *testing.T) {
	t.Parallel()
	c, sim := simulating(t)
	q := Question{Role: sim.Account.IAMARN("role/none"), Actions: []string{"ec2:DescribeVpcs"}, Resource: "*"}
	if _, err := c.Ask(t.Context(), q); err == nil ||
		awsclient.Classify(err).Code != "NoSuchEntity" {
		t.Errorf("no such role: %v", err)
	}
	sim.Account.Lock()
	sim.Account.Enforced = true
	sim.Account.Unlock()
	q.Role = sim.Account.IAMARN("role/lbc")
	if _, err := c.Ask(t.Context(), q); err == nil ||
		awsclient.Classify(err).Class != diag.Credentials {
		t.Errorf("a caller without the right: %v", err)
	}
	c.Endpoint, c.Scope.Partition = "", "aws-iso"
	if _, err := c.Ask(t.Context(), Question{}); err == nil {
		t.Error("a partition whose endpoint is not known has one")
	}
}
