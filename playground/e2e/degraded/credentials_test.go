package degraded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// called waits until a controller has listed the load balancers since a mark.
func called(t *testing.T, c *harness.Cluster, mark uint64) {
	t.Helper()
	c.WaitFor(t, "a list of the load balancers", func(context.Context) error {
		for _, call := range c.Calls(mark) {
			if call.Action == "DescribeLoadBalancers" && call.Code == "" {
				return nil
			}
		}
		return errors.New("there is none")
	})
}

// TestEachSourceOfCredentialsIsUsed has a controller start with each of them.
func TestEachSourceOfCredentialsIsUsed(t *testing.T) {
	c := playground(t)
	for name, tc := range map[string]struct {
		env   func() []string
		args  []string
		hosts []string // that it reached
	}{
		"IRSA": {func() []string {
			return []string{"AWS_ROLE_ARN=arn:aws:iam::123456789012:role/irsa", "AWS_WEB_IDENTITY_TOKEN_FILE=" + tokenFile(t, bearer("sts.amazonaws.com", time.Hour)), "AWS_EC2_METADATA_DISABLED=true"}
		}, []string{region, vpc}, []string{"sts.us-west-2.amazonaws.com", "elasticloadbalancing.us-west-2.amazonaws.com"}},
		"EKS Pod Identity": {func() []string {
			return []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + tokenFile(t, bearer("pods.eks.amazonaws.com", time.Hour)), "AWS_EC2_METADATA_DISABLED=true"}
		}, []string{region, vpc}, []string{"169.254.170.23", "elasticloadbalancing.us-west-2.amazonaws.com"}},
		"the node's role":           {func() []string { return nil }, nil, []string{"169.254.169.254", "elasticloadbalancing.us-west-2.amazonaws.com"}},
		"the node's role over IPv6": {func() []string { return []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6"} }, nil, []string{"[fd00:ec2::254]", "elasticloadbalancing.us-west-2.amazonaws.com"}},
		"keys, FIPS": {func() []string {
			return []string{"AWS_ACCESS_KEY_ID=AKIAPLAYGROUND000001", "AWS_SECRET_ACCESS_KEY=playground", "AWS_EC2_METADATA_DISABLED=true", "AWS_USE_FIPS_ENDPOINT=true"}
		}, []string{region, vpc}, []string{"elasticloadbalancing-fips.us-west-2.amazonaws.com", "ec2-fips.us-west-2.amazonaws.com"}},
		"keys, dual stack": {func() []string {
			return []string{"AWS_ACCESS_KEY_ID=AKIAPLAYGROUND000001", "AWS_SECRET_ACCESS_KEY=playground", "AWS_EC2_METADATA_DISABLED=true", "AWS_USE_DUALSTACK_ENDPOINT=true"}
		}, []string{region, vpc}, []string{"elasticloadbalancing.us-west-2.api.aws", "ec2.us-west-2.api.aws"}},
	} {
		t.Run(name, func(t *testing.T) {
			aws, mark := newCloud(t, c), c.Mark()
			p := c.StartProcess(t, aws.environment(tc.env()...), append(tc.args, alone)...)
			eventually(t, c, p.Health+"/readyz", 200, "ok")
			called(t, c, mark)
			c.WaitFor(t, "calls", func(context.Context) error {
				reached := aws.reached()
				for _, h := range tc.hosts {
					if !slices.Contains(reached, h) {
						return fmt.Errorf("%s was not reached, only %v", h, reached)
					}
				}
				return nil
			})
			for _, h := range aws.reached() {
				if fips := strings.Contains(name, "FIPS"); fips && !strings.Contains(h, "fips") || strings.Contains(name, "IPv6") && strings.HasPrefix(h, "169.") {
					t.Errorf("it reached %s", h)
				}
			}
		})
	}
}

// TestARoleThatDoesNotAdmitTheControllerIsNamedAndATokenThatIsRotatedIsRead has IRSA refused until the file has another token.
func TestARoleThatDoesNotAdmitTheControllerIsNamedAndATokenThatIsRotatedIsRead(t *testing.T) {
	c := playground(t)
	aws := newCloud(t, c)
	token := tokenFile(t, bearer("sts.amazonaws.com", -time.Hour))
	p := c.StartProcess(t, aws.environment("AWS_ROLE_ARN=arn:aws:iam::123456789012:role/irsa", "AWS_WEB_IDENTITY_TOKEN_FILE="+token, "AWS_EC2_METADATA_DISABLED=true"), region, vpc, alone)
	eventually(t, c, p.Health+"/readyz", 500, "[-]aws failed: no credentials for AWS: WebIdentityErr: AssumeRoleWithWebIdentity: ExpiredTokenException")
	rotated := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(rotated, []byte(bearer("sts.amazonaws.com", time.Hour)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(rotated, token); err != nil { // as the kubelet replaces it
		t.Fatal(err)
	}
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	serves(t, c, "rotated")
}
