package doctor

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/state"
)

// granted is the policy that lbc iam-policy prints, without actions.
func granted(t *testing.T, c *harness.Cluster, flags []string, without ...string) string {
	t.Helper()
	seeded := c.Simulator.Seed()
	usual := []string{"iam-policy", "--cluster-name", seeded.Cluster.Name, "--aws-region", seeded.Region, "--aws-vpc-id",
		seeded.VPC.ID}
	out, err := exec.CommandContext(t.Context(), filepath.Join(string(c.Repo), "bin", "lbc"),
		append(usual, flags...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Version   string
		Statement []map[string]any
	}
	if err := json.Unmarshal(out, &policy); err != nil {
		t.Fatal(err)
	}
	for _, s := range policy.Statement {
		actions, _ := s["Action"].([]any)
		s["Action"] = slices.DeleteFunc(actions, func(a any) bool { return slices.Contains(without, a.(string)) })
	}
	text, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestWhatTheControllersRoleLacksIsFound shows that lbc doctor has IAM simulate the controller's
// role and names the missing actions, for one policy after the other.
func TestWhatTheControllersRoleLacksIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	const name, role = "of-controller", "arn:aws:iam::123456789012:role/of-controller"
	put := func(document string) {
		t.Helper()
		if err := c.Simulator.PutPolicy(name, []byte(document)); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--check", "iam-denied", "--controller-role", role}
	passes := func(notes int) {
		t.Helper()
		r, status := examine(t, c, nil, args...)
		if status != 0 || !r.Healthy || len(r.Findings) != notes || len(r.Checks) != 1 || r.Checks[0].Status == "skipped" {
			t.Errorf("status %d: %v %v", status, r.Findings, r.Checks)
		}
	}
	put(granted(t, c, nil))
	if err := c.Simulator.ChangeIAM(simclient.IAMChange{Attach: []simclient.Attachment{
		{Policy: name, Role: name}}}); err != nil {
		t.Fatal(err)
	}
	passes(0)
	put(granted(t, c, []string{"--standard"}))
	passes(6) // about what only this controller calls: a statement each

	lack := trouble{check: "iam-denied", severity: "error", object: role,
		evidence: "may not elasticloadbalancing:DeleteLoadBalancer, of statement ChangeOwn", args: args[2:]}
	put(granted(t, c, nil, "elasticloadbalancing:DeleteLoadBalancer", "acm:ListCertificates"))
	found(t, c, lack)
	found(t, c, trouble{check: "iam-denied", severity: "warning", object: role,
		evidence: "may not acm:ListCertificates, of statement Read", args: args[2:]})
	put(strings.Replace(granted(t, c, nil), `"Statement":[`,
		`"Statement":[{"Effect":"Deny","Action":"elasticloadbalancing:DeleteLoadBalancer","Resource":"*"},`, 1))
	lack.evidence += ": a policy denies it"
	found(t, c, lack)
	found(t, c, trouble{check: "iam-role-missing", severity: "error", object: "role/none", args: []string{
		"--controller-role", "arn:aws:iam::123456789012:role/none"}})

	t.Run("who may not simulate", func(t *testing.T) {
		deny(t, c, state.UserKey, "iam:SimulatePrincipalPolicy")
		r, status := examine(t, c, nil, args...)
		if status != 0 || len(r.Findings) != 1 || r.Findings[0].Reason != "unreadable" || r.Findings[0].Severity != "note" ||
			!strings.Contains(r.Findings[0].Message, "not authorized to perform: iam:SimulatePrincipalPolicy") {
			t.Errorf("status %d: %v", status, r.Findings)
		}
	})
	t.Run("the controller's own credentials", func(t *testing.T) {
		put(granted(t, c, nil, "ec2:CreateSecurityGroup", "ec2:DescribeRouteTables"))
		out, err := c.Simulator.Identity.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(role),
			RoleSessionName: aws.String("doctor")})
		if err != nil {
			t.Fatal(err)
		}
		own := []string{"AWS_ACCESS_KEY_ID=" + *out.Credentials.AccessKeyId, "AWS_SECRET_ACCESS_KEY=" +
			*out.Credentials.SecretAccessKey, "AWS_SESSION_TOKEN=" + *out.Credentials.SessionToken}
		for _, want := range []trouble{
			{check: "iam-denied", severity: "error", object: role,
				evidence: "may not ec2:CreateSecurityGroup, of statement Create", env: own, args: args[2:]},
			{check: "iam-denied", severity: "error", object: role,
				evidence: "may not ec2:DescribeRouteTables, of statement Read", env: own, args: args[2:]},
			{check: "iam-denied", severity: "note", object: role,
				evidence: "could not be tried without iam:SimulatePrincipalPolicy", env: own, args: args[2:]},
		} {
			found(t, c, want)
		}
	})
}
