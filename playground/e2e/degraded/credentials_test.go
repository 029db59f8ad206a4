package degraded

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

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

// TestEachSourceOfCredentialsIsUsed shows that a controller process gets AWS credentials from each
// source of the SDK and calls the endpoints it should.
func TestEachSourceOfCredentialsIsUsed(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for the end of sessions and for pauses between attempts")
	}
	c := playground(t)
	for name, tc := range map[string]struct {
		env   func() []string
		args  []string
		hosts []string // that it reached
	}{
		"IRSA": {func() []string {
			return []string{"AWS_ROLE_ARN=arn:aws:iam::123456789012:role/irsa", "AWS_WEB_IDENTITY_TOKEN_FILE=" +
				tokenFile(t, bearer("sts.amazonaws.com", time.Hour)), "AWS_EC2_METADATA_DISABLED=true"}
		}, []string{region, vpc}, []string{"sts.us-west-2.amazonaws.com", "elasticloadbalancing.us-west-2.amazonaws.com"}},
		"EKS Pod Identity": {func() []string {
			return []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials",
				"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + tokenFile(t, bearer("pods.eks.amazonaws.com", time.Hour)),
				"AWS_EC2_METADATA_DISABLED=true"}
		}, []string{region, vpc}, []string{"169.254.170.23", "elasticloadbalancing.us-west-2.amazonaws.com"}},
		"the node's role": {func() []string {
			return nil
		}, nil, []string{"169.254.169.254", "elasticloadbalancing.us-west-2.amazonaws.com"}},
		"the node's role over IPv6": {func() []string { return []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6"} }, nil,
			[]string{"[fd00:ec2::254]", "elasticloadbalancing.us-west-2.amazonaws.com"}},
		"keys, FIPS": {func() []string {
			return []string{"AWS_ACCESS_KEY_ID=AKIAPLAYGROUND000001", "AWS_SECRET_ACCESS_KEY=playground",
				"AWS_EC2_METADATA_DISABLED=true", "AWS_USE_FIPS_ENDPOINT=true"}
		}, []string{region, vpc}, []string{"elasticloadbalancing-fips.us-west-2.amazonaws.com",
			"ec2-fips.us-west-2.amazonaws.com"}},
		"keys, dual stack": {func() []string {
			return []string{"AWS_ACCESS_KEY_ID=AKIAPLAYGROUND000001", "AWS_SECRET_ACCESS_KEY=playground",
				"AWS_EC2_METADATA_DISABLED=true", "AWS_USE_DUALSTACK_ENDPOINT=true"}
		}, []string{region, vpc}, []string{"elasticloadbalancing.us-west-2.api.aws", "ec2.us-west-2.api.aws"}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, mark := newCloud(t, c), c.Mark()
			p := c.StartProcess(t, cloud.environment(tc.env()...), append(tc.args, alone)...)
			eventually(t, c, p.Health+"/readyz", 200, "ok")
			called(t, c, mark)
			c.WaitFor(t, "calls", func(context.Context) error {
				reached := cloud.reached()
				for _, h := range tc.hosts {
					if !slices.Contains(reached, h) {
						return fmt.Errorf("%s was not reached, only %v", h, reached)
					}
				}
				return nil
			})
			for _, h := range cloud.reached() {
				if fips := strings.Contains(name, "FIPS"); fips && !strings.Contains(h, "fips") || strings.Contains(name, "IPv6") &&
					strings.HasPrefix(h, "169.") {
					t.Errorf("it reached %s", h)
				}
			}
		})
	}
}

// TestExpiredTokenIsReportedAndRotationRead shows that a controller started with an expired web
// identity token reports it, and starts once the file is rotated.
func TestExpiredTokenIsReportedAndRotationRead(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for the end of sessions and for pauses between attempts")
	}
	c := playground(t)
	cloud := newCloud(t, c)
	token := tokenFile(t, bearer("sts.amazonaws.com", -time.Hour))
	p := c.StartProcess(t, cloud.environment("AWS_ROLE_ARN=arn:aws:iam::123456789012:role/irsa",
		"AWS_WEB_IDENTITY_TOKEN_FILE="+token, "AWS_EC2_METADATA_DISABLED=true"), region, vpc, alone)
	eventually(t, c, p.Health+"/readyz", 500, "[-]aws failed: no credentials for AWS: WebIdentityErr: "+
		"AssumeRoleWithWebIdentity: ExpiredTokenException")
	rotate(t, token, bearer("sts.amazonaws.com", time.Hour))
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	serves(t, c, "rotated")
}

// TestATokenForAWSThatIsRotatedIsReadWhenTheSessionEnds shows that a running controller opens its
// next AWS session with the rotated web identity token.
func TestATokenForAWSThatIsRotatedIsReadWhenTheSessionEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for the end of sessions and for pauses between attempts")
	}
	c := playground(t)
	cloud := newCloud(t, c)
	cloud.shorten(2 * time.Second)
	token := tokenFile(t, bearer("sts.amazonaws.com", time.Hour))
	p := c.StartProcess(t, cloud.environment("AWS_ROLE_ARN=arn:aws:iam::123456789012:role/irsa",
		"AWS_WEB_IDENTITY_TOKEN_FILE="+token, "AWS_EC2_METADATA_DISABLED=true"), region, vpc, alone)
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	pid, next := p.PID(), bearer("sts.amazonaws.com", 2*time.Hour)
	rotate(t, token, next)
	mark := c.Mark()
	serves(t, c, "rotatedsession")
	c.WaitFor(t, "a session by the next token", func(context.Context) error {
		for _, call := range c.Calls(mark) {
			if in, ok := call.Input.(*sts.AssumeRoleWithWebIdentityInput); ok && aws.ToString(in.WebIdentityToken) == next &&
				!call.Failed() {
				return nil
			}
		}
		c.Kubectl(t, "annotate", "ingress", "-n", "rotatedsession", "web", "--overwrite",
			"alb.ingress.kubernetes.io/tags=at="+time.Now().Format("150405.000"))
		return errors.New("there is none")
	})
	if p.PID() != pid || p.Err() != nil {
		t.Errorf("the process ended: %v", p.Err())
	}
}

// boundToken is a token of the controller's service account that is valid as long as a Secret is there.
func boundToken(t *testing.T, c *harness.Cluster, secret string) string {
	t.Helper()
	s, err := c.Client.CoreV1().Secrets("kube-system").Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: secret}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// it may be gone
		_ = c.Client.CoreV1().Secrets("kube-system").Delete(context.Background(), secret, metav1.DeleteOptions{})
	})
	r, err := c.Client.CoreV1().ServiceAccounts("kube-system").CreateToken(t.Context(), "aws-load-balancer-controller",
		&authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{
				Kind: "Secret", APIVersion: "v1", Name: s.Name, UID: s.UID}},
		}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Status.Token
}

// TestRotatedAPIServerTokenIsRead shows that a running controller reads its rotated service account
// token once the API server refuses the former one.
func TestRotatedAPIServerTokenIsRead(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for the end of sessions and for pauses between attempts")
	}
	c := playground(t)
	path, err := c.Env.Cluster.Plane.ControllerKubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := boundToken(t, c, "bound-first")
	token := tokenFile(t, first)
	for _, user := range config.AuthInfos {
		user.Token, user.TokenFile = "", token
	}
	mounted := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, mounted); err != nil {
		t.Fatal(err)
	}
	p := c.StartProcess(t, keys(newCloud(t, c)), region, vpc, alone, "--kubeconfig="+mounted)
	eventually(t, c, p.Health+"/readyz", 200, "ok")
	pid := p.PID()

	rotate(t, token, boundToken(t, c, "bound-next"))
	if err := c.Client.CoreV1().Secrets("kube-system").Delete(t.Context(), "bound-first", metav1.DeleteOptions{}); err !=
		nil {
		t.Fatal(err)
	}
	former := rest.AnonymousClientConfig(c.Config)
	former.BearerToken = first
	client, err := rest.HTTPClientFor(former)
	if err != nil {
		t.Fatal(err)
	}
	c.WaitFor(t, "the end of the former token", func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Config.Host+"/api/v1/namespaces", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode == http.StatusUnauthorized {
			return err
		}
		return errors.New("it is " + resp.Status)
	})
	serves(t, c, "rotatedtoken")
	if p.PID() != pid || p.Err() != nil {
		t.Errorf("the process ended: %v", p.Err())
	}
}
